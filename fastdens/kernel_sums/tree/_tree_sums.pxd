"""What the modules of sums over a tree share: the tiles, a problem, a group of queries, and sums over its leaves."""

from libc.stdint cimport int32_t, int64_t, uint16_t

from fastdens.core._blocks cimport BlockQueue
from fastdens.kernel_sums.direct._direct_sums cimport fd_bandwidth

cdef extern from "tree_sums.h" nogil:
    enum:
        FD_TREE_MOST_FEATURES
        FD_TREE_MOST_MOMENTS
        NONE "FD_TREE_NONE"
        QUANTA "FD_TREE_QUANTA"
        GROUP "FD_TREE_QUERIES"
    Py_ssize_t FD_TREE_MOMENTS(Py_ssize_t d, int s)
    ctypedef struct fd_tree_sum_tiles:
        unsigned (*nearest)(
            const double *, Py_ssize_t, const double *, const double *, const double *, double *
        ) noexcept nogil
        void (*furthest)(const double *, Py_ssize_t, const double *, const double *, double *) noexcept nogil
        void (*quantise)(const double *, unsigned, int, double, const double *, uint16_t *) noexcept nogil
        void (*moments)(
            const double *, Py_ssize_t, Py_ssize_t, Py_ssize_t, int, const double *, const double *, const double *,
            double *, double *
        ) noexcept nogil
        void (*closed_form)(
            const double *, unsigned, Py_ssize_t, int, const double *, const double *, const double *, double *,
            double *
        ) noexcept nogil
        void (**sums)(
            const double *, Py_ssize_t, Py_ssize_t, Py_ssize_t, const double *, const int32_t *, Py_ssize_t,
            const double *, const fd_bandwidth *, const double *, double *
        ) noexcept nogil
    const fd_tree_sum_tiles fd_tree_sum_tiles_of[]

cdef enum:
    QUANTA_PER_BIN = 8
    BINS = QUANTA // QUANTA_PER_BIN
    LONGEST_RUN = 512  # points summed at once, or the rounding of a long leaf would grow
    STACK = 128
    KIND_INNER = 0  # of kd_tree

cdef const fd_tree_sum_tiles *tiles


cdef struct Problem:
    # The tree.
    Py_ssize_t d, leaf_size
    const double *points
    const double *weights
    const Py_ssize_t *starts
    const Py_ssize_t *counts
    const Py_ssize_t *kinds
    const double *boxes
    const double *node_weights
    const double *centres
    const double *half_diagonals
    const double *moments  # or NULL
    Py_ssize_t n_moments
    # The kernel.
    int kernel, power, of_distance, is_compact
    double per_unit  # quanta per unit of (squared) distance
    fd_bandwidth bandwidth
    const double *scales
    const double *factors
    const double *upper
    double rtol, atol, smallest


cdef struct Group:
    # Up to GROUP neighbouring queries and what is known of their sums.
    Py_ssize_t n, n_leaves, n_pairs
    double *queries  # feature by feature
    double *rows
    double *limits
    double *near
    double *other
    double *bases
    double *sums
    double *low  # what the additions to sums rounded away
    double *errors  # of closed forms
    double *scanned  # weight summed point by point
    double *far  # largest sum over the nodes beyond the limit
    double *totals
    double *left_out  # BINS + 1 per query: largest sum over the leaves from a bin on
    double *weights  # a leaf's, without a query's own point
    int64_t *own
    int32_t *listed
    int32_t *first_bin
    int32_t *end_bin
    int32_t *last_bin
    Py_ssize_t *leaves
    uint16_t *quanta


cdef class SummedTree:
    cdef Problem problem  # what it says of the tree
    cdef const double[::1] points
    cdef const double[::1] weights
    cdef const Py_ssize_t[::1] starts
    cdef const Py_ssize_t[::1] counts
    cdef const Py_ssize_t[::1] kinds
    cdef const double[:, :, ::1] boxes
    cdef const double[::1] node_weights
    cdef const double[:, ::1] centres
    cdef const double[::1] half_diagonals
    cdef const double[::1] factors


cdef inline void add(Group *group, Py_ssize_t j, double term) noexcept nogil:
    cdef double before = group.sums[j], after = before + term, part = after - before
    group.low[j] += (before - (after - part)) + (term - part)
    group.sums[j] = after


cdef inline double tolerance(const Problem *problem, const Group *group, Py_ssize_t j) noexcept nogil:
    return problem.rtol * group.sums[j] + problem.atol


cdef inline double still_open(const Group *group, Py_ssize_t j, int32_t bin) noexcept nogil:
    """Half of the largest sum over what is left out from a bin on: the error of taking half of it."""
    return 0.5 * (group.left_out[j * (BINS + 1) + bin] + group.far[j])


cdef void add_leaf(const Problem *problem, Group *group, Py_ssize_t leaf, Py_ssize_t n_listed) noexcept nogil
cdef void bound_unresolved(const Problem *problem, Group *group) noexcept nogil
cdef void scan(const Problem *problem, Group *group, BlockQueue queue) noexcept nogil

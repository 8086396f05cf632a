"""Kernel sums over the nodes and leaves of a kd-tree: moments of nodes, and leaves summed point by point.

The leaves of each query are summed nearest first, until what is left cannot exceed the tolerance. Which nodes and
leaves are a query's is for tree_walk. Nodes, places and leaves are those of kd_tree.Builder.
"""

from libc.math cimport ldexp
from libc.stdint cimport int32_t, uint16_t
from libc.string cimport memcpy

from fastdens.core import _instruction_sets as instruction_sets
from fastdens.core._blocks cimport BlockQueue

cdef enum:
    NODES_IN_BLOCK = 16

NODES_PER_BLOCK = NODES_IN_BLOCK
MOST_FEATURES = FD_TREE_MOST_FEATURES
N_QUANTA = QUANTA


def _use_level(int level):
    global tiles
    tiles = &fd_tree_sum_tiles_of[level]


instruction_sets.register(_use_level)


def n_moments(Py_ssize_t d, int s):
    """Numbers that the moments of a node take, for (1 - u^2)^s in d dimensions."""
    return FD_TREE_MOMENTS(d, s)


cdef class SummedTree:
    """A kd-tree of weighted points with what bounds sums over its nodes, prepared for any number of evaluations.

    Parameters
    ----------
    tree : dict
        The arrays of a kd_tree.Builder by name.
    leaf_size : int
    weights, node_weights : by place in leaf order (0 where there is no point), and by node
    centres, half_diagonals : of the nodes: centres and half diagonals, in bandwidths, of their boxes
    factors : 1 / h per axis
    """

    def __init__(
        self, dict tree, Py_ssize_t leaf_size, const double[::1] weights, const double[::1] node_weights,
        const double[:, ::1] centres, const double[::1] half_diagonals, const double[::1] factors,
    ):
        self.points, self.starts, self.counts = tree["points"], tree["starts"], tree["counts"]
        self.kinds, self.boxes = tree["kinds"], tree["boxes"]
        self.weights, self.node_weights = weights, node_weights
        self.centres, self.half_diagonals = centres, half_diagonals
        self.factors = factors
        self.problem.d, self.problem.leaf_size, self.problem.factors = centres.shape[1], leaf_size, &factors[0]
        self.problem.points, self.problem.weights = &self.points[0], &weights[0]
        self.problem.starts, self.problem.counts = &self.starts[0], &self.counts[0]
        self.problem.kinds, self.problem.boxes = &self.kinds[0], &self.boxes[0, 0, 0]
        self.problem.node_weights, self.problem.centres = &node_weights[0], &centres[0, 0]
        self.problem.half_diagonals = &half_diagonals[0]

    def moments(self, int s, const unsigned char[::1] wanted, double[:, ::1] moments_out, BlockQueue queue):
        """Moments of the wanted nodes' points about their centres, in bandwidths, for (1 - u^2)^s.

        tree_sums.h says which moments; places without a point have weight 0.
        """
        cdef Py_ssize_t d = self.problem.d, leaf_size = self.problem.leaf_size, node, leaf, stride, k, size
        cdef Py_ssize_t start, stop
        cdef double[FD_TREE_MOST_MOMENTS] sums
        cdef double[FD_TREE_MOST_MOMENTS] lost
        cdef Py_ssize_t[STACK] stack
        with nogil:
            while queue.next_rows(NODES_IN_BLOCK, self.counts.shape[0], &start, &stop):
                for node in range(start, stop):
                    if not wanted[node]:
                        continue
                    for k in range(moments_out.shape[1]):
                        sums[k] = 0.0
                        lost[k] = 0.0
                    stack[0] = node
                    size = 1
                    while size > 0:
                        if queue.must_stop():
                            break
                        size -= 1
                        leaf = stack[size]
                        if self.kinds[leaf] == KIND_INNER:
                            stack[size] = 2 * leaf + 2
                            stack[size + 1] = 2 * leaf + 1
                            size += 2
                            continue
                        stride = (self.counts[leaf] + leaf_size - 1) // leaf_size * leaf_size
                        tiles.moments(
                            &self.points[self.starts[leaf] * d], stride, stride, d, s, &self.centres[node, 0],
                            &self.factors[0], &self.weights[self.starts[leaf]], sums, lost,
                        )
                    for k in range(moments_out.shape[1]):
                        moments_out[node, k] = sums[k] + lost[k]


cdef void add_leaf(const Problem *problem, Group *group, Py_ssize_t leaf, Py_ssize_t n_listed) noexcept nogil:
    """The points of a leaf, for the listed queries; no query counts its own point."""
    cdef Py_ssize_t count = problem.counts[leaf], start = problem.starts[leaf], d = problem.d
    cdef Py_ssize_t stride = (count + problem.leaf_size - 1) // problem.leaf_size * problem.leaf_size
    cdef Py_ssize_t first = 0, run, l, j
    cdef const double *weights
    group.n_pairs += n_listed * stride
    for l in range(n_listed):
        group.scanned[group.listed[l]] += problem.node_weights[leaf]
    while first < stride:
        run = min(stride - first, <Py_ssize_t> LONGEST_RUN)
        weights = problem.weights + start + first
        tiles.sums[problem.kernel](
            problem.points + start * d + first, stride, run, d, group.rows, group.listed, n_listed, problem.scales,
            &problem.bandwidth, weights, group.totals,
        )
        for l in range(n_listed):
            j = group.listed[l]
            if first <= group.own[j] - start < first + run:
                memcpy(group.weights, weights, run * sizeof(double))
                group.weights[group.own[j] - start - first] = 0.0
                tiles.sums[problem.kernel](
                    problem.points + start * d + first, stride, run, d, group.rows, group.listed + l, 1,
                    problem.scales, &problem.bandwidth, group.weights, group.totals + l,
                )
            add(group, j, group.totals[l])
        first += run


cdef void bound_unresolved(const Problem *problem, Group *group) noexcept nogil:
    """For every query and bin of distances, the largest sum over the leaves from that bin on."""
    cdef Py_ssize_t i, j, b
    cdef int quantum
    cdef double weight, unit
    cdef const uint16_t *quanta
    for j in range(group.n):
        group.last_bin[j] = 0
    for i in range(group.n_leaves):
        quanta = group.quanta + i * GROUP
        for j in range(group.n):
            if quanta[j] != NONE and quanta[j] // QUANTA_PER_BIN > group.last_bin[j]:
                group.last_bin[j] = quanta[j] // QUANTA_PER_BIN
    for j in range(group.n):
        for b in range(group.last_bin[j] + 2):
            group.left_out[j * (BINS + 1) + b] = 0.0
    for i in range(group.n_leaves):
        quanta = group.quanta + i * GROUP
        weight = problem.node_weights[group.leaves[i]] * (1 + 1e-9)
        for j in range(group.n):
            quantum = quanta[j]
            if quantum != NONE:
                group.left_out[j * (BINS + 1) + quantum // QUANTA_PER_BIN] += weight * problem.upper[quantum]
    for j in range(group.n):
        unit = 1.0 if problem.is_compact else ldexp(1.0, -<int> (group.bases[j] / 16))
        group.left_out[j * (BINS + 1) + group.last_bin[j] + 1] = 0.0
        for b in range(group.last_bin[j], -1, -1):
            group.left_out[j * (BINS + 1) + b] = (
                group.left_out[j * (BINS + 1) + b] * unit + group.left_out[j * (BINS + 1) + b + 1]
            )


cdef void scan(const Problem *problem, Group *group, BlockQueue queue) noexcept nogil:
    """Sum leaves point by point, bins in order of distance, until what is left out is within the tolerance."""
    cdef Py_ssize_t i, j, n_listed
    cdef int32_t bin
    cdef const uint16_t *quanta
    cdef double allowed
    cdef bint is_open = True
    for j in range(group.n):
        group.first_bin[j] = 0
        # Four times the tolerance known: the sum grows by more than that as a rule, and if not, another round follows.
        allowed = 4 * (tolerance(problem, group, j) if problem.is_compact else group.errors[j])
        bin = 1  # the first bin has no lower end
        if problem.is_compact and problem.rtol > 1e-10:
            bin = min(BINS // 2, group.last_bin[j] + 1)
        else:
            while bin <= group.last_bin[j] and still_open(group, j, bin) > allowed:
                bin += 1
        group.end_bin[j] = bin
        if not problem.is_compact:
            group.errors[j] = 0.0
    while is_open:
        for i in range(group.n_leaves):
            quanta = group.quanta + i * GROUP
            n_listed = 0
            for j in range(group.n):
                bin = quanta[j] // QUANTA_PER_BIN  # BINS and more where there is nothing to sum
                if group.first_bin[j] <= bin < group.end_bin[j]:
                    group.listed[n_listed] = <int32_t> j
                    n_listed += 1
            if n_listed > 0:
                if queue.must_stop():
                    return
                add_leaf(problem, group, group.leaves[i], n_listed)
        is_open = False
        for j in range(group.n):
            bin = group.end_bin[j]
            group.first_bin[j] = bin
            allowed = tolerance(problem, group, j)
            while bin <= group.last_bin[j] and still_open(group, j, bin) > allowed:
                bin += 1
            group.end_bin[j] = bin
            is_open |= bin > group.first_bin[j]

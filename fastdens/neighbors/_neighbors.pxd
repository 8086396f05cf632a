"""What neighbors.h and neighbor_lists.h declare."""

from libc.stdint cimport int64_t

cdef extern from "neighbors.h" nogil:
    enum:
        FD_GROUP
        FD_LEAF_MULTIPLE

    struct fd_query_group:
        Py_ssize_t n_queries
        Py_ssize_t n_features
        double *rows
        double *columns
        double *limits
        int64_t *own

    struct fd_leaf:
        const double *points
        const int64_t *indices
        Py_ssize_t n_points
        Py_ssize_t stride
        const double *box
        int all_equal

    struct fd_neighbor_lists:
        Py_ssize_t k
        double *squared
        int64_t *indices

    struct fd_radius_lists:
        int64_t *next
        int64_t *indices
        double *squared

    struct fd_neighbor_tiles:
        double (*nearest)(const fd_query_group *, const fd_leaf *, const fd_neighbor_lists *) noexcept nogil
        void (*count)(const fd_query_group *, const fd_leaf *, int64_t *) noexcept nogil
        void (*collect)(const fd_query_group *, const fd_leaf *, const fd_radius_lists *) noexcept nogil

    const fd_neighbor_tiles *fd_neighbors_tiles

cdef extern from "neighbor_lists.h" nogil:
    double fd_next_up(double)
    int64_t fd_worst_index(const int64_t *, Py_ssize_t)
    void fd_finish_list(double *, int64_t *, Py_ssize_t)
    void fd_sort_pairs(double *, int64_t *, Py_ssize_t)

"""A group of queries on its way down the tree."""

from libc.stdint cimport int64_t

from fastdens.neighbors._neighbors cimport fd_neighbor_lists, fd_query_group, fd_radius_lists

cdef struct Search:
    # Room of one thread: the group at work, its box, its results.
    fd_query_group group
    fd_neighbor_lists nearest
    fd_radius_lists within
    int64_t *counts
    double *lower
    double *upper
    double smallest_limit
    Py_ssize_t n_scanned


cdef void finish_row(
    int64_t *indices, double *squared, Py_ssize_t n, bint by_distance, double scale
) noexcept nogil
cdef bint start_search(Search *search, Py_ssize_t d, Py_ssize_t group_size, Py_ssize_t k) noexcept nogil
cdef void end_search(Search *search) noexcept nogil
cdef void load_group(
    Search *search, const double[:, ::1] Q, const int64_t *order, Py_ssize_t n_queries
) noexcept nogil
cdef double load_limits(
    Search *search, const double[::1] limits, const int64_t *order
) noexcept nogil

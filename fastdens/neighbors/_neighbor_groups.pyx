"""Queries in the order of their leaves, and groups of them: their buffers, their limits, their finished rows."""

from libc.math cimport INFINITY, sqrt
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from fastdens.neighbors._neighbors cimport FD_GROUP, fd_sort_pairs

cdef extern from "Python.h":
    int PyErr_CheckSignals() except -1

# Some 10 ms of sorting, after which signals are looked for.
cdef enum:
    QUERIES_AT_ONCE = 1 << 20


def order_by_leaf(const Py_ssize_t[::1] leaves, Py_ssize_t[::1] counts, int64_t[::1] order_out,
                  Py_ssize_t[::1] leaves_out):
    """Queries in leaf order, and the leaves in that order (a counting sort).

    `counts` holds zeros, one more than there are leaves.
    """
    cdef Py_ssize_t first, i, place, n = leaves.shape[0]
    for first in range(0, n, QUERIES_AT_ONCE):
        with nogil:
            for i in range(first, min(first + QUERIES_AT_ONCE, n)):
                counts[leaves[i] + 1] += 1
        PyErr_CheckSignals()
    with nogil:
        for i in range(1, counts.shape[0]):
            counts[i] += counts[i - 1]
    for first in range(0, n, QUERIES_AT_ONCE):
        with nogil:
            for i in range(first, min(first + QUERIES_AT_ONCE, n)):
                place = counts[leaves[i]]
                counts[leaves[i]] = place + 1
                order_out[place] = i
                leaves_out[place] = leaves[i]
        PyErr_CheckSignals()


cdef void finish_row(
    int64_t *indices, double *squared, Py_ssize_t n, bint by_distance, double scale
) noexcept nogil:
    """Sorts the points found for one query and takes the square roots."""
    cdef Py_ssize_t i
    cdef int64_t index
    if by_distance:
        fd_sort_pairs(squared, indices, n)
    else:
        for i in range(n):  # an index is exact as a double, and the bits of the distance go along
            index = indices[i]
            memcpy(&indices[i], &squared[i], 8)
            squared[i] = <double>index
        fd_sort_pairs(squared, indices, n)
        for i in range(n):
            index = <int64_t>squared[i]
            memcpy(&squared[i], &indices[i], 8)
            indices[i] = index
    for i in range(n):
        squared[i] = sqrt(squared[i]) * scale


cdef bint start_search(Search *search, Py_ssize_t d, Py_ssize_t group_size, Py_ssize_t k) noexcept nogil:
    """Allocate for groups of `group_size` queries with d features and k neighbours; false where there is no memory."""
    memset(search, 0, sizeof(Search))
    search.group.n_features = d
    search.group.rows = <double *>malloc(FD_GROUP * d * sizeof(double))
    search.group.columns = <double *>malloc(FD_GROUP * d * sizeof(double))
    search.group.limits = <double *>malloc(FD_GROUP * sizeof(double))
    search.group.own = <int64_t *>malloc(FD_GROUP * sizeof(int64_t))
    search.counts = <int64_t *>malloc(FD_GROUP * sizeof(int64_t))
    search.lower = <double *>malloc(2 * d * sizeof(double))
    search.upper = search.lower + d
    search.nearest.k = k
    search.nearest.squared = <double *>malloc((group_size * k + 1) * sizeof(double))
    search.nearest.indices = <int64_t *>malloc((group_size * k + 1) * sizeof(int64_t))
    return (
        search.group.rows != NULL and search.group.columns != NULL and search.group.limits != NULL
        and search.group.own != NULL and search.counts != NULL and search.lower != NULL
        and search.nearest.squared != NULL and search.nearest.indices != NULL
    )


cdef void end_search(Search *search) noexcept nogil:
    free(search.group.rows)
    free(search.group.columns)
    free(search.group.limits)
    free(search.group.own)
    free(search.counts)
    free(search.lower)
    free(search.nearest.squared)
    free(search.nearest.indices)


cdef void load_group(
    Search *search, const double[:, ::1] Q, const int64_t *order, Py_ssize_t n_queries
) noexcept nogil:
    cdef Py_ssize_t i, f, d = search.group.n_features
    cdef double value
    search.group.n_queries = n_queries
    memset(search.group.columns, 0, FD_GROUP * d * sizeof(double))
    memset(search.group.limits, 0, FD_GROUP * sizeof(double))
    for i in range(n_queries):
        for f in range(d):
            value = Q[order[i], f]
            search.group.rows[i * d + f] = value
            search.group.columns[f * FD_GROUP + i] = value
        search.group.own[i] = -1
    for f in range(d):
        search.lower[f] = INFINITY
        search.upper[f] = -INFINITY
        for i in range(n_queries):
            value = search.group.columns[f * FD_GROUP + i]
            search.lower[f] = value if value < search.lower[f] else search.lower[f]
            search.upper[f] = value if value > search.upper[f] else search.upper[f]


cdef double load_limits(
    Search *search, const double[::1] limits, const int64_t *order
) noexcept nogil:
    """The group's own limits; returns the largest."""
    cdef Py_ssize_t i
    cdef double limit, largest = 0
    search.smallest_limit = INFINITY
    for i in range(search.group.n_queries):
        limit = limits[order[i]]
        search.group.limits[i] = limit
        largest = limit if limit > largest else largest
        search.smallest_limit = limit if limit < search.smallest_limit else search.smallest_limit
    return largest

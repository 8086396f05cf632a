"""The tiles of the box transform in use, for every module that works with boxes."""

from libc.stdint cimport int32_t, int64_t

cdef extern from "box_sums.h" nogil:
    int FD_BOX_SCRATCH
    int FD_BOX_MOST_TERMS
    Py_ssize_t FD_BOX_ROW(Py_ssize_t p)
    ctypedef struct fd_box_sum_tiles:
        void (*places)(const double *, Py_ssize_t, double, double, int32_t *, double *) noexcept nogil
        void (*moments)(
            const double *, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, const double *, double *, double *
        ) noexcept nogil
        void (*translate)(
            const double *, const double *, Py_ssize_t, Py_ssize_t, Py_ssize_t, double *
        ) noexcept nogil
        void (*evaluate)(
            const double *, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, const double *, double *, double *
        ) noexcept nogil
    const fd_box_sum_tiles fd_box_sum_tiles_of[]

cdef const fd_box_sum_tiles *tiles


cdef class BoxedPoints:
    cdef const int64_t[::1] keys
    cdef const Py_ssize_t[::1] starts
    cdef const Py_ssize_t[::1] order
    cdef const double[:, ::1] local
    cdef const double[::1] weights  # or None


cdef class BoxedQueries:
    cdef BoxedPoints points
    cdef double rtol, atol
    cdef double[::1] sums
    cdef double[::1] bounds


cdef inline Py_ssize_t first_from(const int64_t *keys, Py_ssize_t low, Py_ssize_t high, int64_t wanted) noexcept nogil:
    """The first of the sorted keys[low ... high - 1] that is not below `wanted`."""
    cdef Py_ssize_t middle
    while low < high:
        middle = (low + high) // 2
        if keys[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low

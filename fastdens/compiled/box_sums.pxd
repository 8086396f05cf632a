"""The tiles of the box transform in use, for every module that works with boxes."""

from libc.stdint cimport int32_t

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

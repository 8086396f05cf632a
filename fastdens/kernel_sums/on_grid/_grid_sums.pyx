"""Univariate Gaussian sums from points to a grid: moments of the points per cell, sums over the nodes of the cells.

Cell c covers [(c - 1/2) w, (c + 1/2) w]. The caller chooses w with few significant bits, so that c w is exact.
"""

from libc.stdint cimport int64_t

from fastdens.core import _instruction_sets as instruction_sets
from fastdens.core._blocks cimport BlockQueue
from fastdens.kernel_sums.direct._direct_sums cimport fd_bandwidth, tiles as direct_tiles

cdef extern from "grid_sums.h" nogil:
    int FD_GRID_TERMS
    ctypedef struct fd_grid_sum_tiles:
        void (*scatter)(
            const double *, const double *, Py_ssize_t, double, double, double, double *
        ) noexcept nogil
    const fd_grid_sum_tiles fd_grid_sum_tiles_of[]

cdef enum:
    POINTS_AT_ONCE = 16384  # points between two looks for Ctrl-C
    QUERIES_IN_BLOCK = 256
    MOST_NODES = 512

TERMS = FD_GRID_TERMS
POINTS_PER_BLOCK = POINTS_AT_ONCE
QUERIES_PER_BLOCK = QUERIES_IN_BLOCK

cdef double TO_INTEGER = 6755399441055744.0  # 1.5 * 2^52: adding it rounds

cdef const fd_grid_sum_tiles *tiles


def _use_level(int level):
    global tiles
    tiles = &fd_grid_sum_tiles_of[level]


instruction_sets.register(_use_level)


def scatter(
    const double[::1] x,
    const double[::1] weights,
    double width,
    double low,
    double high,
    Py_ssize_t per_slice,
    double[:, :, ::1] tables_out,
    BlockQueue queue,
):
    """Moments of slices of `per_slice` points each, `tables_out[slice, cell - low + 1]`; a slice is a block of work.

    The basis is that of grid_sums.h. The first and the last row hold nothing of use.
    """
    cdef Py_ssize_t first, end, i, k
    cdef long long block
    with nogil:
        while queue.next(&block):
            for i in range(tables_out.shape[1]):
                for k in range(tables_out.shape[2]):
                    tables_out[block, i, k] = 0.0
            first = block * per_slice
            end = min(first + per_slice, x.shape[0])
            while first < end:
                if queue.must_stop():
                    break
                i = min(end - first, POINTS_AT_ONCE)
                tiles.scatter(
                    &x[first], &weights[first] if weights is not None else NULL, i, width, low, high,
                    &tables_out[block, 0, 0],
                )
                first += i


def mark_points(
    const double[::1] x,
    double width,
    double low,
    const unsigned char[::1] wanted,
    unsigned char[::1] marks_out,
    BlockQueue queue,
):
    """Which points lie in (or at the edge of) a cell that is wanted: `wanted[cell - low]`."""
    cdef Py_ssize_t i
    cdef double inverse = 1.0 / width, place, size = wanted.shape[0]
    cdef Py_ssize_t start, stop
    with nogil:
        while queue.next_rows(POINTS_AT_ONCE, x.shape[0], &start, &stop):
            for i in range(start, stop):
                place = (x[i] * inverse + TO_INTEGER) - TO_INTEGER - low
                if 0.0 <= place < size:
                    marks_out[i] = wanted[<int64_t> place]
                else:
                    marks_out[i] = 0


def node_sums(
    const double[::1] offsets,
    const double[::1] weights,
    const Py_ssize_t[::1] firsts,
    const double[::1] places,
    double exponent,
    double[::1] sums_out,
    BlockQueue queue,
):
    """Sums of weights[firsts[j] + i] exp2(exponent (places[j] - offsets[i])^2) over i, at most 512 of them.

    The number of offsets is a multiple of 64.
    """
    cdef Py_ssize_t n = offsets.shape[0], j
    cdef Py_ssize_t start, stop
    cdef fd_bandwidth bandwidth
    cdef double[MOST_NODES] strip
    bandwidth.exponent, bandwidth.inverse, bandwidth.support = exponent, 1.0, 1.0
    with nogil:
        while queue.next_rows(QUERIES_IN_BLOCK, places.shape[0], &start, &stop):
            for j in range(start, stop):
                direct_tiles.on_double.distances(&offsets[0], n, 1, &places[j], NULL, &strip[0])
                sums_out[j] = direct_tiles.on_double.weighted_sum[0](&strip[0], n, &bandwidth, &weights[firsts[j]])

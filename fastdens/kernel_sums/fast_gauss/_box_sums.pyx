"""The box-Chebyshev transform: points sorted into boxes, moments, translations axis by axis, evaluation.

Box c of an axis covers [c w, (c + 1) w). The caller chooses w with few significant bits, so that c w is exact and the
place of a point in its box keeps all its digits, wherever the box lies.
"""

from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from libc.math cimport floor
from libc.stdint cimport int64_t

from fastdens.core import _instruction_sets as instruction_sets
from fastdens.core._blocks cimport BlockQueue

cdef enum:
    ROWS_IN_BLOCK = 16384  # points per block of the passes over points
    BOXES_IN_BLOCK = 16  # boxes per block of the passes over boxes

POINTS_PER_BLOCK = ROWS_IN_BLOCK
BOXES_PER_BLOCK = BOXES_IN_BLOCK
MOST_TERMS = FD_BOX_MOST_TERMS


def _use_level(int level):
    global tiles
    tiles = &fd_box_sum_tiles_of[level]


instruction_sets.register(_use_level)


cdef class BoxedPoints:
    """Points in the order of their boxes: box b holds starts[b] ... starts[b + 1] - 1 and has key keys[b].

    `order` is where they stand in the callers' order, `local` their coordinates in their boxes, one row per axis.
    """

    def __init__(
        self, const int64_t[::1] keys, const Py_ssize_t[::1] starts, const Py_ssize_t[::1] order,
        const double[:, ::1] local, const double[::1] weights=None,
    ):
        self.keys, self.starts, self.order, self.local, self.weights = keys, starts, order, local, weights


cdef class BoxedQueries:
    """Queries in the order of their boxes, their tolerance, and where their sums and the bounds of errors go.

    `sums` and `bounds` are in the callers' order; a bound is -1 where it is above rtol * sum + atol.
    """

    def __init__(self, BoxedPoints points, double rtol, double atol, double[::1] sums_out, double[::1] bounds_out):
        self.points, self.rtol, self.atol, self.sums, self.bounds = points, rtol, atol, sums_out, bounds_out


def row_length(Py_ssize_t p):
    """Numbers that one padded row of an expansion with p terms takes."""
    return FD_BOX_ROW(p)


def cell_ranges(const double[:, ::1] X, const double[::1] widths, double[:, :, ::1] ranges_out, BlockQueue queue):
    """Smallest and largest box number of each axis, per block of points: `ranges_out[block, axis] = (low, high)`."""
    cdef Py_ssize_t n = X.shape[0], d = X.shape[1], i, a, start, stop
    cdef double low, high
    with nogil:
        while queue.next_rows(ROWS_IN_BLOCK, n, &start, &stop):
            for a in range(d):
                low = high = X[start, a]
                for i in range(start, stop):
                    low = min(low, X[i, a])
                    high = max(high, X[i, a])
                ranges_out[start // ROWS_IN_BLOCK, a, 0] = floor(low / widths[a])
                ranges_out[start // ROWS_IN_BLOCK, a, 1] = floor(high / widths[a])


cdef inline double cell_of(double x, double width, double inverse) noexcept nogil:
    # The quotient by the rounded inverse may fall on the wrong side of an edge; the products are exact and tell.
    cdef double c = floor(x * inverse)
    if x < c * width:
        c -= 1.0
    elif x >= (c + 1.0) * width:
        c += 1.0
    return c


def cell_keys(
    const double[:, ::1] X,
    const double[::1] widths,
    const double[::1] lowest,
    const int64_t[::1] strides,
    int64_t[::1] keys_out,
    BlockQueue queue,
):
    """The number of each point's box: sum over axes of (box number of the axis - lowest) * stride."""
    cdef Py_ssize_t n = X.shape[0], d = X.shape[1], i, a, start, stop
    cdef double inverse
    with nogil:
        while queue.next_rows(ROWS_IN_BLOCK, n, &start, &stop):
            for a in range(d):
                inverse = 1.0 / widths[a]
                for i in range(start, stop):
                    if a == 0:
                        keys_out[i] = 0
                    keys_out[i] += <int64_t> (cell_of(X[i, a], widths[a], inverse) - lowest[a]) * strides[a]


def counting_sort(const int64_t[::1] keys, Py_ssize_t n_keys, Py_ssize_t[::1] starts_out, Py_ssize_t[::1] order_out):
    """Order of points by key, keys below `n_keys`; `starts_out[k]` is where key k starts (length n_keys + 2)."""
    cdef Py_ssize_t n = keys.shape[0], i, k
    with nogil:
        for k in range(n_keys + 2):
            starts_out[k] = 0
        for i in range(n):
            starts_out[keys[i] + 2] += 1
        for k in range(2, n_keys + 2):
            starts_out[k] += starts_out[k - 1]
        for i in range(n):
            k = keys[i] + 1
            order_out[starts_out[k]] = i
            starts_out[k] += 1


def local_coordinates(
    const double[:, ::1] X,
    const Py_ssize_t[::1] order,
    const double[::1] widths,
    double[:, ::1] local_out,
    BlockQueue queue,
):
    """Coordinates in [-1, 1] of the points in their boxes, one row per axis, in the order given."""
    cdef Py_ssize_t n = X.shape[0], d = X.shape[1], i, a, start, stop
    cdef double x, inverse
    with nogil:
        while queue.next_rows(ROWS_IN_BLOCK, n, &start, &stop):
            for a in range(d):
                inverse = 1.0 / widths[a]
                for i in range(start, stop):
                    x = X[order[i], a]
                    x -= cell_of(x, widths[a], inverse) * widths[a]
                    local_out[a, i] = (x + x) * inverse - 1.0


def moments(
    const double[:, ::1] local,
    const double[::1] weights,
    const Py_ssize_t[::1] starts,
    Py_ssize_t p,
    double[:, ::1] moments_out,
    BlockQueue queue,
):
    """Chebyshev moments of the (weighted) points of each box: box b holds starts[b] ... starts[b + 1] - 1."""
    cdef Py_ssize_t d = local.shape[0], stride = local.shape[1], b, k
    cdef Py_ssize_t start, stop
    cdef double *scratch = <double *> PyMem_RawMalloc(FD_BOX_SCRATCH * sizeof(double))
    if scratch == NULL:
        raise MemoryError()
    with nogil:
        while queue.next_rows(BOXES_IN_BLOCK, starts.shape[0] - 1, &start, &stop):
            for b in range(start, stop):
                if queue.must_stop():
                    break
                for k in range(moments_out.shape[1]):
                    moments_out[b, k] = 0.0
                tiles.moments(
                    &local[0, starts[b]], stride, starts[b + 1] - starts[b], d, p,
                    &weights[starts[b]] if weights is not None else NULL, scratch, &moments_out[b, 0],
                )
    PyMem_RawFree(scratch)


def translate(
    const double[:, ::1] sources,
    const Py_ssize_t[:, ::1] neighbours,
    const Py_ssize_t[::1] order,
    const double[:, :, ::1] matrices,
    Py_ssize_t outer,
    Py_ssize_t p,
    Py_ssize_t inner,
    double[:, ::1] targets_out,
    BlockQueue queue,
):
    """One axis: `targets_out[t]` is the sum over k of matrix k applied to source `neighbours[t, k]` (-1: none).

    `order` is the order in which targets are worked on; where those that follow each other share sources, these are
    still in the cache.
    """
    cdef Py_ssize_t i, t, k
    cdef Py_ssize_t start, stop
    with nogil:
        while queue.next_rows(BOXES_IN_BLOCK, targets_out.shape[0], &start, &stop):
            for i in range(start, stop):
                if queue.must_stop():
                    break
                t = order[i]
                for k in range(targets_out.shape[1]):
                    targets_out[t, k] = 0.0
                for k in range(neighbours.shape[1]):
                    if neighbours[t, k] >= 0:
                        tiles.translate(
                            &sources[neighbours[t, k], 0], &matrices[k, 0, 0], outer, p, inner, &targets_out[t, 0]
                        )


def evaluate(
    BoxedQueries queries, Py_ssize_t p, const double[:, ::1] expansions, const double[::1] bounds,
    unsigned char[::1] failed_out, BlockQueue queue,
):
    """Each box's expansion at its queries, with the box's error bound.

    `failed_out[b]` says whether any query of the box misses its tolerance.
    """
    cdef const double[:, ::1] local = queries.points.local
    cdef const Py_ssize_t[::1] order = queries.points.order
    cdef const Py_ssize_t[::1] starts = queries.points.starts
    cdef double[::1] sums_out = queries.sums
    cdef double[::1] bounds_out = queries.bounds
    cdef double rtol = queries.rtol, atol = queries.atol
    cdef Py_ssize_t d = local.shape[0], stride = local.shape[1], b, i, first, last, count, n_values = 256
    cdef Py_ssize_t start, stop
    cdef double value
    cdef double[256] values
    cdef double *scratch = <double *> PyMem_RawMalloc(FD_BOX_SCRATCH * sizeof(double))
    if scratch == NULL:
        raise MemoryError()
    with nogil:
        while queue.next_rows(BOXES_IN_BLOCK, starts.shape[0] - 1, &start, &stop):
            for b in range(start, stop):
                failed_out[b] = 0
                first = starts[b]
                while first < starts[b + 1]:
                    if queue.must_stop():
                        break
                    last = min(first + n_values, starts[b + 1])
                    count = last - first
                    tiles.evaluate(&local[0, first], stride, count, d, p, &expansions[b, 0], scratch, &values[0])
                    for i in range(count):
                        value = values[i]
                        sums_out[order[first + i]] = value
                        if bounds[b] <= rtol * (value - bounds[b]) + atol:
                            bounds_out[order[first + i]] = bounds[b]
                        else:
                            bounds_out[order[first + i]] = -1.0
                            failed_out[b] = 1
                    first = last
    PyMem_RawFree(scratch)

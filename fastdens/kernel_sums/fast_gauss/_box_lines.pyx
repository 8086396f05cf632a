"""The univariate box transform where many points share a box: passes over blocks of points that stay in the cache.

Nothing is sorted as a whole. A block of points is put into the order of its boxes in buffers of its thread, and leaves
a table of moments; tables are added in block order. A block of queries is put into order likewise, evaluated box by
box, and its values go back to places nearby.
"""

from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from libc.stdint cimport int32_t, uint16_t

from fastdens.core._blocks cimport BlockQueue
from fastdens.kernel_sums.fast_gauss._box_sums cimport FD_BOX_ROW, tiles

cdef enum:
    ROWS_IN_BLOCK = 32768  # so that places in a block have 16 bits, and buffers stay in the second cache

POINTS_PER_BLOCK = ROWS_IN_BLOCK


cdef struct Buffers:
    # What one thread needs to put a block into the order of its boxes.
    int32_t *boxes  # of each number
    int32_t *starts  # of each box in the order; n_boxes + 2
    double *local  # places in boxes, as the numbers come
    double *ordered  # and in the order of boxes
    double *others  # weights in the order of boxes, or values
    uint16_t *order


cdef bint allocate(Buffers *buffers, Py_ssize_t n_boxes) noexcept:
    cdef Py_ssize_t size = (
        (ROWS_IN_BLOCK + n_boxes + 2) * sizeof(int32_t)
        + 3 * ROWS_IN_BLOCK * sizeof(double) + ROWS_IN_BLOCK * sizeof(uint16_t)
    )
    buffers.local = <double *> PyMem_RawMalloc(size)
    if buffers.local == NULL:
        return False
    buffers.ordered = buffers.local + ROWS_IN_BLOCK
    buffers.others = buffers.ordered + ROWS_IN_BLOCK
    buffers.boxes = <int32_t *> (buffers.others + ROWS_IN_BLOCK)
    buffers.starts = buffers.boxes + ROWS_IN_BLOCK
    buffers.order = <uint16_t *> (buffers.starts + n_boxes + 2)
    return True


cdef void find_boxes(
    Buffers *buffers, const double *x, Py_ssize_t n, double width, double lowest, Py_ssize_t n_boxes
) noexcept nogil:
    """Boxes and places of a block's numbers; starts[b + 1] is where box b starts, and moves on as it is filled."""
    cdef Py_ssize_t i, b
    tiles.places(x, n, width, lowest, buffers.boxes, buffers.local)
    for b in range(n_boxes + 2):
        buffers.starts[b] = 0
    for i in range(n):
        buffers.starts[buffers.boxes[i] + 2] += 1
    for b in range(2, n_boxes + 2):
        buffers.starts[b] += buffers.starts[b - 1]


cdef class LineBoxes:
    """So many boxes of one width, the first with the number `lowest`, and the terms of their expansions."""
    cdef double width, lowest
    cdef Py_ssize_t count, p

    def __init__(self, double width, double lowest, Py_ssize_t count, Py_ssize_t p):
        self.width, self.lowest, self.count, self.p = width, lowest, count, p


def moments(
    const double[::1] x, const double[::1] weights, LineBoxes boxes, double[:, :, ::1] moments_out,
    double[:, ::1] box_weights_out, BlockQueue queue,
):
    """Chebyshev moments of each box's (weighted) points and their weight, per block of points."""
    cdef Py_ssize_t n = x.shape[0], first, count, i, b, k
    cdef int32_t place, box
    cdef Py_ssize_t stop, block
    cdef Py_ssize_t n_boxes = boxes.count, p = boxes.p
    cdef double total, width = boxes.width, lowest = boxes.lowest
    cdef Buffers buffers
    if not allocate(&buffers, n_boxes):
        raise MemoryError()
    with nogil:
        while queue.next_rows(ROWS_IN_BLOCK, n, &first, &stop):
            block, count = first // ROWS_IN_BLOCK, stop - first
            find_boxes(&buffers, &x[first], count, width, lowest, n_boxes)
            if weights is None:
                for i in range(count):
                    box = buffers.boxes[i] + 1
                    buffers.ordered[buffers.starts[box]] = buffers.local[i]
                    buffers.starts[box] += 1
            else:
                for i in range(count):
                    box = buffers.boxes[i] + 1
                    place = buffers.starts[box]
                    buffers.starts[box] = place + 1
                    buffers.ordered[place] = buffers.local[i]
                    buffers.others[place] = weights[first + i]
            for b in range(n_boxes):
                for k in range(FD_BOX_ROW(p)):
                    moments_out[block, b, k] = 0.0
                place = buffers.starts[b]
                total = buffers.starts[b + 1] - place
                if total > 0:
                    tiles.moments(
                        buffers.ordered + place, 0, buffers.starts[b + 1] - place, 1, p,
                        buffers.others + place if weights is not None else NULL, buffers.local,
                        &moments_out[block, b, 0],
                    )
                    if weights is not None:
                        total = 0.0
                        for i in range(place, buffers.starts[b + 1]):
                            total += buffers.others[i]
                box_weights_out[block, b] = total
    PyMem_RawFree(buffers.local)


def evaluate(
    const double[::1] x, LineBoxes boxes, const double[:, ::1] expansions, const double[::1] bounds, double rtol,
    double atol, double[::1] sums_out, double[::1] bounds_out, Py_ssize_t[::1] failures_out, BlockQueue queue,
):
    """Each box's expansion at the queries in it, with the box's error bound.

    Bounds above rtol * sum + atol become -1; `failures_out[block]` counts them.
    """
    cdef Py_ssize_t n = x.shape[0], n_boxes = boxes.count, p = boxes.p, first, count, i, b, failures
    cdef int32_t place, box
    cdef Py_ssize_t stop, block
    cdef double value, bound, width = boxes.width, lowest = boxes.lowest
    cdef Buffers buffers
    if not allocate(&buffers, n_boxes):
        raise MemoryError()
    with nogil:
        while queue.next_rows(ROWS_IN_BLOCK, n, &first, &stop):
            block, count = first // ROWS_IN_BLOCK, stop - first
            find_boxes(&buffers, &x[first], count, width, lowest, n_boxes)
            for i in range(count):
                box = buffers.boxes[i] + 1
                place = buffers.starts[box]
                buffers.starts[box] = place + 1
                buffers.ordered[place] = buffers.local[i]
                buffers.order[place] = <uint16_t> i
            failures = 0
            for b in range(n_boxes):
                place = buffers.starts[b]
                if place == buffers.starts[b + 1]:
                    continue
                tiles.evaluate(
                    buffers.ordered + place, 0, buffers.starts[b + 1] - place, 1, p, &expansions[b, 0],
                    buffers.local, buffers.others + place,
                )
                bound = bounds[b]
                for i in range(place, buffers.starts[b + 1]):
                    value = buffers.others[i]
                    sums_out[first + buffers.order[i]] = value
                    if bound <= rtol * (value - bound) + atol:
                        bounds_out[first + buffers.order[i]] = bound
                    else:
                        bounds_out[first + buffers.order[i]] = -1.0
                        failures += 1
            failures_out[block] = failures
    PyMem_RawFree(buffers.local)


def select(
    const double[::1] x,
    double width,
    double lowest,
    const unsigned char[::1] wanted,
    Py_ssize_t[::1] rows_out,
    Py_ssize_t[::1] counts_out,
    BlockQueue queue,
):
    """Rows of the numbers in wanted boxes: `counts_out[block]` of them from the block's own place in `rows_out` on."""
    cdef Py_ssize_t n = x.shape[0], first, count, i, found
    cdef Py_ssize_t stop, block
    cdef Buffers buffers
    if not allocate(&buffers, 0):
        raise MemoryError()
    with nogil:
        while queue.next_rows(ROWS_IN_BLOCK, n, &first, &stop):
            block, count = first // ROWS_IN_BLOCK, stop - first
            tiles.places(&x[first], count, width, lowest, buffers.boxes, buffers.local)
            found = 0
            for i in range(count):
                if wanted[buffers.boxes[i]]:
                    rows_out[first + found] = first + i
                    found += 1
            counts_out[block] = found
    PyMem_RawFree(buffers.local)

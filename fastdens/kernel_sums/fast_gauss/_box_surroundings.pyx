"""The boxes within the radius of a box: their weight, what the interpolants miss there, and direct sums over their
points.

Arrays of keys are sorted; the key of a box is the sum over axes of (box number - lowest) * stride, and `along` has
stride, number of boxes and half width of each axis. What is within the radius is a run of keys on each line of the
first axis.
"""

from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from libc.math cimport INFINITY, frexp, sqrt
from libc.stdint cimport int64_t

from fastdens.core._blocks cimport BlockQueue
from fastdens.kernel_sums.fast_gauss._box_sums cimport BoxedPoints, BoxedQueries, first_from
from fastdens.kernel_sums.direct._direct_sums cimport fd_bandwidth, tiles as direct_tiles

cdef enum:
    KEYS_IN_BLOCK = 64
    POINTS_AT_ONCE = 512

BOXES_PER_BLOCK = KEYS_IN_BLOCK

cdef double UNIT_ROUNDOFF = 2.0**-53
cdef double LN_2 = 0.6931471805599454  # not below


cdef struct Row:
    # The boxes within the radius on one line of the first axis: keys from `first` to `last`, and how far the line is
    # away. And the key that lies straight across on that line.
    int64_t first, last, same
    Py_ssize_t y, z
    bint inside


cdef inline Row row_around(int64_t key, Py_ssize_t r, const int64_t[:, ::1] along) noexcept nogil:
    """The r-th line of boxes around a box; `along` has stride, number of boxes and half width of each axis."""
    cdef Py_ssize_t d = along.shape[0], ny = 2 * along[1, 2] + 1 if d > 1 else 1, a
    cdef int64_t coordinate = key % along[0, 1], moved
    cdef Row row
    row.y, row.z = r % ny, r // ny
    row.same = key
    row.inside = True
    row.first = key - min(coordinate, along[0, 2])
    row.last = key + min(along[0, 1] - 1 - coordinate, along[0, 2])
    for a in range(1, d):
        moved = (row.y if a == 1 else row.z) - along[a, 2]
        if not 0 <= key // along[a, 0] % along[a, 1] + moved < along[a, 1]:
            row.inside = False
            break
        row.same += moved * along[a, 0]
        row.first += moved * along[a, 0]
        row.last += moved * along[a, 0]
    return row


cdef inline Py_ssize_t rows_around(const int64_t[:, ::1] along) noexcept nogil:
    cdef Py_ssize_t a, n = 1
    for a in range(1, along.shape[0]):
        n *= 2 * along[a, 2] + 1
    return n


def surroundings(
    const int64_t[::1] source_keys,
    const double[::1] source_weights,
    const Py_ssize_t[::1] source_starts,
    const int64_t[::1] target_keys,
    const int64_t[:, ::1] along,
    const double[:, ::1] errors,
    const double[:, ::1] heights,
    double[:, ::1] sums_out,
    BlockQueue queue,
):
    """Of each target box, in rows: the weight within the radius, the weights times the error of the interpolant there,
    and the number of points within the radius.

    `errors[axis, k]`, `heights[axis, k]`: of the interpolant of an axis, k boxes from the lowest within the radius.
    """
    cdef Py_ssize_t d = along.shape[0], n = source_keys.shape[0], n_rows = rows_around(along), t, r, s, steps, k, cut
    cdef Py_ssize_t start, stop
    cdef double weight, error, height, e, h, in_row
    cdef Row row
    cdef Py_ssize_t *places = <Py_ssize_t *> PyMem_RawMalloc(n_rows * sizeof(Py_ssize_t))
    if places == NULL:
        raise MemoryError()
    with nogil:
        while queue.next_rows(KEYS_IN_BLOCK, target_keys.shape[0], &start, &stop):
            for r in range(n_rows):
                places[r] = 0
            for t in range(start, stop):
                sums_out[0, t] = sums_out[1, t] = sums_out[2, t] = 0.0
                # Offsets below the range of boxes.
                cut = along[0, 2] - min(target_keys[t] % along[0, 1], along[0, 2])
                for r in range(n_rows):
                    row = row_around(target_keys[t], r, along)
                    if not row.inside:
                        continue
                    # Keys ascend, so that the place on each line does: mostly a few boxes on.
                    s = places[r]
                    steps = 0
                    while s < n and source_keys[s] < row.first and steps < 8:
                        s += 1
                        steps += 1
                    if s < n and source_keys[s] < row.first:
                        s = first_from(&source_keys[0], s, n, row.first)
                    places[r] = s
                    weight = error = height = in_row = 0.0
                    while s < n and source_keys[s] <= row.last:
                        k = source_keys[s] - row.first + cut
                        weight += source_weights[s]
                        error += source_weights[s] * errors[0, k]
                        height += source_weights[s] * heights[0, k]
                        in_row += source_starts[s + 1] - source_starts[s]
                        s += 1
                    e, h = 0.0, 1.0
                    if d > 1:
                        e, h = errors[1, row.y], heights[1, row.y]
                    if d > 2:
                        e = e * heights[2, row.z] + h * errors[2, row.z]
                        h *= heights[2, row.z]
                    sums_out[0, t] += weight
                    sums_out[1, t] += error * h + height * e
                    sums_out[2, t] += in_row
    PyMem_RawFree(places)


cdef class NearSums:
    """Direct sums over the points in the boxes within the radius of a box.

    Parameters
    ----------
    sources : BoxedPoints
    along : stride, number of boxes and half width of each axis
    scales : half the widths of boxes in bandwidths
    kernel, exponent : of bandwidth 1
    """
    cdef BoxedPoints sources
    cdef const int64_t[:, ::1] along
    cdef const double[::1] scales
    cdef int kernel
    cdef double exponent

    def __init__(
        self, BoxedPoints sources, const int64_t[:, ::1] along, const double[::1] scales, int kernel, double exponent
    ):
        self.sources, self.along, self.scales, self.kernel, self.exponent = sources, along, scales, kernel, exponent

    def evaluate(
        self, BoxedQueries queries, const Py_ssize_t[::1] boxes, const double[::1] weights_within,
        const double[::1] missed, double displacement, BlockQueue queue,
    ):
        """Sums for the queries of `boxes` whose bound is negative. One box is one block of work.

        `weights_within[b]` is the weight within the radius of box b, `missed[b]` bounds what the points beyond add,
        `displacement` the error of a distance in bandwidths.
        """
        cdef const double[:, ::1] local = self.sources.local
        cdef const double[::1] weights = self.sources.weights
        cdef const int64_t[::1] source_keys = self.sources.keys
        cdef const Py_ssize_t[::1] source_starts = self.sources.starts
        cdef const int64_t[:, ::1] along = self.along
        cdef Py_ssize_t d = local.shape[0], b, i, j, a, r, s, first, end, count, padded, n_near, taken
        cdef Py_ssize_t n_rows = rows_around(along), n_sources = source_keys.shape[0]
        cdef long long block
        cdef double rtol = queries.rtol, atol = queries.atol
        cdef double[::1] sums_out = queries.sums
        cdef double[::1] bounds = queries.bounds
        cdef const double[:, ::1] query_local = queries.points.local
        cdef const Py_ssize_t[::1] query_order = queries.points.order
        cdef const Py_ssize_t[::1] query_starts = queries.points.starts
        cdef const int64_t[::1] target_keys = queries.points.keys
        cdef double bound, value, share
        cdef int binary
        cdef double[3] shifts, query
        cdef Row row
        cdef fd_bandwidth bandwidth
        cdef Py_ssize_t size = (d + 2) * POINTS_AT_ONCE * sizeof(double)
        cdef double *scratch = <double *> PyMem_RawMalloc(size)
        cdef double *strip
        cdef double *packed_weights
        if scratch == NULL:
            raise MemoryError()
        strip = scratch + d * POINTS_AT_ONCE
        packed_weights = strip + POINTS_AT_ONCE
        bandwidth.exponent, bandwidth.inverse, bandwidth.support = self.exponent, 1.0, 1.0
        with nogil:
            while queue.next(&block):
                b = boxes[block]
                for j in range(query_starts[b], query_starts[b + 1]):
                    if bounds[query_order[j]] < 0:
                        sums_out[query_order[j]] = 0.0
                count = n_near = r = s = first = end = 0
                row.last = -1
                while True:
                    # Gather points until the strip is full or no line of boxes is left.
                    while count < POINTS_AT_ONCE:
                        if first < end:
                            taken = min(POINTS_AT_ONCE - count, end - first)
                            for a in range(d):
                                for i in range(taken):
                                    scratch[a * POINTS_AT_ONCE + count + i] = local[a, first + i] + shifts[a]
                            for i in range(taken):
                                packed_weights[count + i] = weights[first + i] if weights is not None else 1.0
                            count += taken
                            first += taken
                        elif s < n_sources and source_keys[s] <= row.last:
                            first, end = source_starts[s], source_starts[s + 1]
                            # From the box of the queries, in half widths.
                            shifts[0] = 2.0 * (source_keys[s] - row.same)
                            shifts[1] = 2.0 * (row.y - along[1, 2]) if d > 1 else 0.0
                            shifts[2] = 2.0 * (row.z - along[2, 2]) if d > 2 else 0.0
                            s += 1
                        elif r == n_rows:
                            break
                        else:
                            row = row_around(target_keys[b], r, along)
                            r += 1
                            if row.inside:
                                s = first_from(&source_keys[0], 0, n_sources, row.first)
                            else:
                                row.last = -1
                    if count == 0:
                        break
                    if queue.must_stop():
                        break
                    n_near += count
                    padded = (count + 63) // 64 * 64
                    for i in range(count, padded):
                        packed_weights[i] = 0.0
                        for a in range(d):
                            scratch[a * POINTS_AT_ONCE + i] = INFINITY
                    if padded < POINTS_AT_ONCE:  # rows of the strip lie `padded` apart
                        for a in range(1, d):
                            for i in range(padded):
                                scratch[a * padded + i] = scratch[a * POINTS_AT_ONCE + i]
                    for j in range(query_starts[b], query_starts[b + 1]):
                        if bounds[query_order[j]] < 0:
                            for a in range(d):
                                query[a] = query_local[a, j]
                            direct_tiles.on_double.distances(scratch, padded, d, &query[0], &self.scales[0], strip)
                            sums_out[query_order[j]] += direct_tiles.on_double.weighted_sum[self.kernel](
                                strip, padded, &bandwidth, packed_weights
                            )
                    count = 0
                for j in range(query_starts[b], query_starts[b + 1]):
                    if bounds[query_order[j]] < 0:
                        value = sums_out[query_order[j]]
                        if value <= 0:
                            continue
                        # Rounding of accumulation, and of exponents:
                        # Jensen's inequality, as accuracy/rounding.py says.
                        # A logarithm from the binary exponent is at most 0.7 too large.
                        frexp(weights_within[b] / value, &binary)
                        share = max(binary * LN_2, 0.0)
                        bound = 16 * UNIT_ROUNDOFF * (sqrt(<double> n_near) + share)
                        bound += displacement * (sqrt(2 * share) + displacement)
                        bound = missed[b] + bound * value
                        if bound <= rtol * (value - bound) + atol:
                            bounds[query_order[j]] = bound
        PyMem_RawFree(scratch)

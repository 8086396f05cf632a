"""Direct kernel sums with a bandwidth of its own for each point or query, with their gradients, or of squared kernels.

Points are packed as in kernel_sums. Work is cut into blocks of QUERIES_PER_BLOCK queries.
"""

from libc.math cimport INFINITY, sqrt
from libc.string cimport memcpy

from fastdens.core import _instruction_sets as instruction_sets
from fastdens.core._blocks cimport BlockQueue
from fastdens.kernel_sums.direct._direct_sums cimport FD_STRIP, fd_bandwidth, strip_length, tiles as direct_tiles

cdef extern from "variable_sums.h" nogil:
    ctypedef void (*fd_slopes)(double *, Py_ssize_t, const fd_bandwidth *) noexcept nogil
    ctypedef struct fd_variable_sum_tiles:
        void (*multiply)(double *, Py_ssize_t, const double *) noexcept nogil
        double (*total)(const double *, Py_ssize_t) noexcept nogil
        double (*squares)(const double *, Py_ssize_t, const double *) noexcept nogil
        fd_slopes *slopes
        void (*reciprocals)(double *, Py_ssize_t, double) noexcept nogil
        double (*log2_inside)(double *, Py_ssize_t, double, const double *) noexcept nogil
        void (*relative)(double *, Py_ssize_t, double) noexcept nogil
        void (*offsets)(
            const double *, Py_ssize_t, Py_ssize_t, const double *, const double *, double *
        ) noexcept nogil
    const fd_variable_sum_tiles fd_variable_sum_tiles_of[]

cdef enum:
    QUERIES_IN_BLOCK = 16

QUERIES_PER_BLOCK = QUERIES_IN_BLOCK

cdef const fd_variable_sum_tiles *tiles


def _use_level(int level):
    global tiles
    tiles = &fd_variable_sum_tiles_of[level]


instruction_sets.register(_use_level)


cdef struct Points:
    const double *packed
    const double *inverses  # 1 / factor^2 of each point's bandwidth, or NULL
    const double *scales  # or NULL
    const double *weights  # or NULL; log2 of them where the sum is relative
    Py_ssize_t n
    Py_ssize_t d
    Py_ssize_t step
    int kernel
    bint of_distance


cdef inline void distances(
    const Points *points, Py_ssize_t start, Py_ssize_t length, const double *query, Py_ssize_t skip, double *strip
) noexcept nogil:
    """Squared distances over the squared factor of each point; the point to skip is infinitely far."""
    direct_tiles.on_double.distances(
        points.packed + start * points.d, length, points.d, query, points.scales, strip
    )
    if 0 <= skip - start < length:
        strip[skip - start] = INFINITY
    if points.inverses != NULL:
        tiles.multiply(strip, length, points.inverses + start)


cdef inline double of_strip(
    const Points *points, Py_ssize_t start, Py_ssize_t length, const double *query, const fd_bandwidth *bandwidth,
    bint squared, double *strip, double *gradient
) noexcept nogil:
    """The sum over one strip of squared distances; its gradient is added where it is wanted."""
    cdef const double *weights = points.weights + start if points.weights != NULL else NULL
    cdef double slopes[FD_STRIP]
    cdef double total
    if gradient == NULL:
        if squared:
            direct_tiles.on_double.values[points.kernel](strip, length, bandwidth)
            return tiles.squares(strip, length, weights)
        if weights != NULL:
            return direct_tiles.on_double.weighted_sum[points.kernel](strip, length, bandwidth, weights)
        return direct_tiles.on_double.sum[points.kernel](strip, length, bandwidth)
    if bandwidth.exponent != 0 and not points.of_distance:  # the Gaussian kernel, whose slope is its value
        direct_tiles.on_double.values[points.kernel](strip, length, bandwidth)
        if weights != NULL:
            tiles.multiply(strip, length, weights)
        total = tiles.total(strip, length)
        if points.inverses != NULL:
            tiles.multiply(strip, length, points.inverses + start)
        tiles.offsets(points.packed + start * points.d, length, points.d, query, strip, gradient)
        return total
    memcpy(slopes, strip, length * sizeof(double))
    tiles.slopes[points.kernel](slopes, length, bandwidth)
    if points.inverses != NULL:
        tiles.multiply(slopes, length, points.inverses + start)
    if weights != NULL:
        tiles.multiply(slopes, length, weights)
        total = direct_tiles.on_double.weighted_sum[points.kernel](strip, length, bandwidth, weights)
    else:
        total = direct_tiles.on_double.sum[points.kernel](strip, length, bandwidth)
    tiles.offsets(points.packed + start * points.d, length, points.d, query, slopes, gradient)
    return total


cdef double relative_sum(
    const Points *points, const double *query, Py_ssize_t skip, const fd_bandwidth *bandwidth, double *gradient,
    double *largest_out, BlockQueue queue
) noexcept nogil:
    """The sum over 2^`largest_out`, which is its largest term (of bounded kernels: the largest weight within the
    radius).

    Two passes over the points; the gradient is in the same unit.
    """
    cdef double strip[FD_STRIP]
    cdef double other[FD_STRIP]
    cdef double largest = -INFINITY, total = 0.0
    cdef bint unbounded = bandwidth.exponent != 0
    cdef Py_ssize_t start, length
    cdef int phase
    for phase in range(2):
        start = -points.step
        while start + points.step < points.n:
            start += points.step
            length = min(points.step, points.n - start)
            distances(points, start, length, query, skip, strip)
            if phase == 1:
                memcpy(other, strip, length * sizeof(double))
            if unbounded:
                largest = max(largest, direct_tiles.log2_terms(
                    strip, length, bandwidth.exponent, points.of_distance, points.weights + start
                ))
            else:
                largest = max(largest, tiles.log2_inside(strip, length, bandwidth.support, points.weights + start))
            if phase == 0:
                continue
            tiles.relative(strip, length, largest)
            if unbounded:
                total += tiles.total(strip, length)
            elif gradient == NULL:
                direct_tiles.on_double.values[points.kernel](other, length, bandwidth)
                total += direct_tiles.on_double.dot(other, strip, length)
            else:
                total += direct_tiles.on_double.weighted_sum[points.kernel](other, length, bandwidth, strip)
            if gradient != NULL:
                if not unbounded:
                    tiles.slopes[points.kernel](other, length, bandwidth)
                    tiles.multiply(strip, length, other)
                elif points.of_distance:
                    tiles.reciprocals(other, length, bandwidth.inverse)
                    tiles.multiply(strip, length, other)
                if points.inverses != NULL:
                    tiles.multiply(strip, length, points.inverses + start)
                tiles.offsets(points.packed + start * points.d, length, points.d, query, strip, gradient)
        if largest == -INFINITY or queue.must_stop():
            break
    largest_out[0] = largest
    return total


cdef class VariablePoints:
    """Packed points with bandwidths of their own, prepared for any number of sums.

    Squared distances are multiplied by `inverses` of the point, which may be None, as may `weights`; `log2_weights`
    are for sums relative to their largest term. `exponent`, `inverse` and `support` are the fields of fd_bandwidth.
    """
    cdef const double[::1] points
    cdef const double[::1] inverses
    cdef const double[::1] weights
    cdef const double[::1] log2_weights
    cdef int kernel
    cdef bint of_distance
    cdef double exponent, inverse, support

    def __init__(
        self, const double[::1] points, const double[::1] inverses, const double[::1] weights,
        const double[::1] log2_weights, int kernel, bint of_distance, double exponent, double inverse, double support,
    ):
        self.points, self.inverses, self.weights, self.log2_weights = points, inverses, weights, log2_weights
        self.kernel, self.of_distance = kernel, of_distance
        self.exponent, self.inverse, self.support = exponent, inverse, support

    def sums(
        self, const double[:, ::1] queries, const double[::1] query_inverses, const double[::1] scales,
        const Py_ssize_t[::1] own, bint squared, bint relative, double[::1] largest_out, double[::1] sums_out,
        double[:, ::1] gradients_out, BlockQueue queue,
    ):
        """Sums of w K for each query, of w K^2 with `squared`, and their gradients.

        Squared distances are multiplied by `query_inverses` of the query. With `relative`, a sum is 2^`largest_out`
        times `sums_out`; then `squared` is not looked at. Where D is the slope of K, gradients_out[j, a] is the sum of
        w inverses_i D (x_ia - q_ja), without the factors that the caller's coordinates give. `query_inverses`,
        `scales`, `own` (the point that query j leaves out, or -1), `largest_out` (unless relative) and `gradients_out`
        may be None.
        """
        cdef Py_ssize_t m = queries.shape[0], first, last, start, length, j, a, skip
        cdef double strip[FD_STRIP]
        cdef double *gradient = NULL
        cdef fd_bandwidth bandwidth
        cdef const double[::1] weights = self.log2_weights if relative else self.weights
        cdef Points p
        p.packed, p.d = &self.points[0], queries.shape[1]
        p.n, p.kernel, p.of_distance = self.points.shape[0] // p.d, self.kernel, self.of_distance
        p.step = strip_length(p.d)
        p.inverses = &self.inverses[0] if self.inverses is not None else NULL
        p.scales = &scales[0] if scales is not None else NULL
        p.weights = &weights[0] if weights is not None else NULL
        with nogil:
            while queue.next_rows(QUERIES_IN_BLOCK, m, &first, &last):
                for j in range(first, last):
                    sums_out[j] = 0.0
                    if gradients_out is not None:
                        for a in range(p.d):
                            gradients_out[j, a] = 0.0
                start = -p.step
                while not relative and start + p.step < p.n:
                    start += p.step
                    length = min(p.step, p.n - start)
                    if queue.must_stop():
                        break
                    for j in range(first, last):
                        skip = own[j] if own is not None else -1
                        if gradients_out is not None:
                            gradient = &gradients_out[j, 0]
                        bandwidth = of_query(
                            self.exponent, self.inverse, self.support, query_inverses, j, p.of_distance
                        )
                        distances(&p, start, length, &queries[j, 0], skip, strip)
                        sums_out[j] += of_strip(
                            &p, start, length, &queries[j, 0], &bandwidth, squared, strip, gradient
                        )
                if relative:
                    for j in range(first, last):
                        skip = own[j] if own is not None else -1
                        if gradients_out is not None:
                            gradient = &gradients_out[j, 0]
                        bandwidth = of_query(
                            self.exponent, self.inverse, self.support, query_inverses, j, p.of_distance
                        )
                        sums_out[j] = relative_sum(
                            &p, &queries[j, 0], skip, &bandwidth, gradient, &largest_out[j], queue
                        )


cdef inline fd_bandwidth of_query(
    double exponent, double inverse, double support, const double[::1] query_inverses, Py_ssize_t j, bint of_distance
) noexcept nogil:
    cdef fd_bandwidth bandwidth
    cdef double factor = 1.0 if query_inverses is None else query_inverses[j]
    bandwidth.exponent = exponent * (sqrt(factor) if of_distance else factor)
    bandwidth.inverse = inverse * factor
    bandwidth.support = support / factor
    return bandwidth

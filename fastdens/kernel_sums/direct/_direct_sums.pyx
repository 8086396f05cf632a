"""Direct kernel sums: every query against every point, in strips that stay in the cache.

Points come packed: strip after strip, each with one row per feature, padded with infinity to a multiple of
FD_STRIP_STEP, so that a strip is one piece of memory. Weights and values are padded with zeros. Work is cut into blocks
of QUERIES_PER_BLOCK queries by one run of points.
"""

from libc.math cimport INFINITY

from fastdens.core import _instruction_sets as instruction_sets
from fastdens.core._blocks cimport BlockQueue

ctypedef fused floating:
    float
    double

cdef enum:
    FEWEST_FEATURES = 3  # from here on groups of queries share the loads of points
    QUERIES_IN_BLOCK = 32
    FEW_NUMBERS = 1024  # numbers of points, padded, that are packed where they are summed

QUERIES_PER_BLOCK = QUERIES_IN_BLOCK
PADDING = FD_STRIP_STEP
MOST_OF_FEW, MOST_POINTS_OF_FEW = FEW_NUMBERS, FD_STRIP
# What the tables hold of each smoothing kernel: its place, whether it has a slope, and a tail.
KERNELS = {
    fd_kernels[i].name.decode(): (i, bool(fd_kernels[i].has_slope), bool(fd_kernels[i].has_tail))
    for i in range(FD_N_KERNELS)
}


def _use_level(int level):
    global tiles
    tiles = &fd_kernel_sum_tiles_of[level]


instruction_sets.register(_use_level)


cdef Py_ssize_t pack(const floating[:, ::1] X, floating[::1] packed_out) noexcept nogil:
    cdef Py_ssize_t n = X.shape[0], d = X.shape[1], padded = packed_out.shape[0] // d, step = strip_length(d)
    cdef Py_ssize_t start = -step, length, filled, i, a
    cdef floating finite = 0
    cdef floating *strip
    while start + step < padded:
        start += step
        length = min(step, padded - start)
        filled = min(length, n - start)
        strip = &packed_out[start * d]
        for i in range(filled):
            for a in range(d):
                strip[a * length + i] = X[start + i, a]
                finite += X[start + i, a] * 0
        for a in range(d):
            for i in range(filled, length):
                strip[a * length + i] = <floating> INFINITY
    if finite == 0:
        return -1
    for i in range(n):
        for a in range(d):
            if not (X[i, a] * 0 == 0):
                return i * d + a
    return -1


def pack_points(const double[:, ::1] X, double[::1] packed_out):
    """Write the points strip after strip, one row per feature in each, padded.

    Returns the flat index of a value that is not finite, or -1.
    """
    cdef Py_ssize_t bad
    with nogil:
        bad = pack[double](X, packed_out)
    return bad


def pack_points_float(const float[:, ::1] X, float[::1] packed_out):
    """`pack_points` in single precision."""
    cdef Py_ssize_t bad
    with nogil:
        bad = pack[float](X, packed_out)
    return bad


cdef void sums_in_blocks(
    const floating[::1] points,
    const floating[:, ::1] queries,
    int metric,
    int kernel,
    const fd_bandwidth *bandwidth,
    const floating[::1] scales,
    const floating[::1] half_squares,
    const floating[::1] half_squares_of_queries,
    const floating[::1] weights,
    const floating[:, ::1] values,
    const Py_ssize_t[::1] own,
    Py_ssize_t points_per_block,
    double[:, :, ::1] sums_out,
    BlockQueue queue,
) noexcept nogil:
    cdef Py_ssize_t d = queries.shape[1], n = points.shape[0] // d, m = queries.shape[0]
    cdef Py_ssize_t query_blocks = (m + QUERIES_IN_BLOCK - 1) // QUERIES_IN_BLOCK
    cdef Py_ssize_t step = strip_length(d), first_query, last_query, first_point, last_point, start, length
    cdef Py_ssize_t i, j, g, count
    cdef long long block
    cdef int form
    cdef floating strips[FD_SHARING * FD_STRIP]
    cdef const floating *factors = &scales[0] if scales is not None else NULL
    cdef const floating *halves
    while queue.next(&block):
        first_query = (block % query_blocks) * QUERIES_IN_BLOCK
        last_query = min(first_query + QUERIES_IN_BLOCK, m)
        first_point = (block // query_blocks) * points_per_block
        last_point = min(first_point + points_per_block, n)
        for j in range(first_query, last_query):
            for g in range(sums_out.shape[2]):
                sums_out[block // query_blocks, j, g] = 0.0
        start = first_point - step
        while start + step < last_point:
            start += step
            length = min(step, last_point - start)
            if start > first_point and queue.must_stop():
                return
            j = first_query
            while j < last_query:
                count = FD_SHARING if metric == 0 and d >= FEWEST_FEATURES and j + FD_SHARING <= last_query else 1
                form = kernel
                if count == 1:
                    if floating is double:
                        tiles.on_double.by_metric[metric](
                            &points[start * d], length, d, &queries[j, 0], factors, strips
                        )
                    else:
                        tiles.on_float.by_metric[metric](&points[start * d], length, d, &queries[j, 0], factors, strips)
                elif half_squares is not None and are_moderate(&half_squares_of_queries[j]):
                    form = FD_N_KERNELS
                    halves = &half_squares_of_queries[j]
                    if floating is double:
                        tiles.on_double.group_exponents(
                            &points[start * d], length, d, &queries[j, 0], &half_squares[start], halves, strips
                        )
                    i = length
                    while i > 0 and half_squares[start + i - 1] == INFINITY:  # padding
                        i -= 1
                        for g in range(FD_SHARING):
                            strips[g * length + i] = <floating> FD_LOWEST_DOUBLE
                elif floating is double:
                    tiles.on_double.group_distances(&points[start * d], length, d, &queries[j, 0], factors, strips)
                else:
                    tiles.on_float.group_distances(&points[start * d], length, d, &queries[j, 0], factors, strips)
                for g in range(count):
                    add_strip(
                        &strips[g * length], start, length, form, bandwidth, weights, values,
                        own[j + g] - start if own is not None else -1, &sums_out[block // query_blocks, j + g, 0],
                    )  # fmt: skip
                j += count


cdef inline bint are_moderate(const floating *half_squares_of_queries) noexcept nogil:
    """Whether a group of queries has finite half squares: the caller made those of far queries infinite."""
    cdef floating total = 0
    cdef Py_ssize_t g
    for g in range(FD_SHARING):
        total += half_squares_of_queries[g]
    return total < INFINITY


cdef inline void add_strip(
    floating *strip,
    Py_ssize_t start,
    Py_ssize_t length,
    int form,
    const fd_bandwidth *bandwidth,
    const floating[::1] weights,
    const floating[:, ::1] values,
    Py_ssize_t skip,
    double *sums_out,
) noexcept nogil:
    """Add a strip of squared distances (or exponents, where `form` is no kernel) to the sums of one query."""
    cdef Py_ssize_t v
    if 0 <= skip < length:
        strip[skip] = <floating> INFINITY if form < FD_N_KERNELS else <floating> FD_LOWEST_DOUBLE
    if values is not None:
        if floating is double:
            tiles.on_double.values[form](strip, length, bandwidth)
        else:
            tiles.on_float.values[form](strip, length, bandwidth)
        for v in range(values.shape[0]):
            if floating is double:
                sums_out[v] += tiles.on_double.dot(strip, &values[v, start], length)
            else:
                sums_out[v] += tiles.on_float.dot(strip, &values[v, start], length)
    elif weights is not None:
        if floating is double:
            sums_out[0] += tiles.on_double.weighted_sum[form](strip, length, bandwidth, &weights[start])
        else:
            sums_out[0] += tiles.on_float.weighted_sum[form](strip, length, bandwidth, &weights[start])
    elif floating is double:
        sums_out[0] += tiles.on_double.sum[form](strip, length, bandwidth)
    else:
        sums_out[0] += tiles.on_float.sum[form](strip, length, bandwidth)


def sum_of_few(
    const double[:, ::1] X, const double[:, ::1] Q, int kernel, double exponent, double inverse, double support
):
    """The sum at the only row of Q over points that padded are at most MOST_OF_FEW numbers and MOST_POINTS_OF_FEW
    points; NaN if any number is not finite.

    The same bits as from `DirectPoints.sums`, which puts so few points into one strip.
    """
    cdef Py_ssize_t n = X.shape[0], d = X.shape[1], i, a
    cdef Py_ssize_t padded = (n + FD_STRIP_STEP - 1) // FD_STRIP_STEP * FD_STRIP_STEP
    cdef fd_bandwidth bandwidth
    cdef double packed[FEW_NUMBERS]
    cdef double strip[FEW_NUMBERS]
    cdef double finite = 0.0
    bandwidth.exponent, bandwidth.inverse, bandwidth.support = exponent, inverse, support
    for a in range(d):
        finite += Q[0, a] * 0
        for i in range(n):
            packed[a * padded + i] = X[i, a]
            finite += X[i, a] * 0
        for i in range(n, padded):
            packed[a * padded + i] = INFINITY
    tiles.on_double.distances(packed, padded, d, &Q[0, 0], NULL, strip)
    return tiles.on_double.sum[kernel](strip, padded, &bandwidth) + finite


cdef class DirectPoints:
    """Packed points, a kernel and its bandwidth, prepared for any number of sums.

    `metric` is a place in the tiles' table `by_metric`; `exponent`, `inverse` and `support` are the fields of
    fd_bandwidth. `scales`, `half_squares`, `weights` and `values` may be None; weights and values exclude each other.
    Half squares choose the form by scalar products for the Gaussian kernel.
    """
    cdef const double[::1] points
    cdef const double[::1] scales
    cdef const double[::1] half_squares
    cdef const double[::1] weights
    cdef const double[:, ::1] values
    cdef fd_bandwidth bandwidth
    cdef int metric, kernel

    def __init__(
        self, const double[::1] points, int metric, int kernel, double exponent, double inverse, double support,
        const double[::1] scales, const double[::1] weights, const double[:, ::1] values,
        const double[::1] half_squares=None,
    ):
        self.points, self.scales, self.half_squares = points, scales, half_squares
        self.weights, self.values, self.metric, self.kernel = weights, values, metric, kernel
        self.bandwidth.exponent, self.bandwidth.inverse, self.bandwidth.support = exponent, inverse, support

    def sums(
        self, const double[:, ::1] queries, const double[::1] half_squares_of_queries, const Py_ssize_t[::1] own,
        Py_ssize_t points_per_block, double[:, :, ::1] sums_out, BlockQueue queue,
    ):
        """Sums of K over the points, for each query (and each row of `values`), per run of `points_per_block` points.

        `own[j]` is the point that query j leaves out, or -1; own may be None, as may the half squares of the queries
        where the points have none.
        """
        with nogil:
            sums_in_blocks[double](
                self.points, queries, self.metric, self.kernel, &self.bandwidth, self.scales, self.half_squares,
                half_squares_of_queries, self.weights, self.values, own, points_per_block, sums_out, queue,
            )  # fmt: skip

    def log2_sums(
        self, const double[:, ::1] queries, bint of_distance, const Py_ssize_t[::1] own, double[::1] largest_out,
        double[::1] sums_out, BlockQueue queue,
    ):
        """The same sums where they are too small for a double: log2 of the sum is `largest_out` + log2(`sums_out`).

        `weights` are log2 of the weights here. For the kernels whose log2 is `exponent` times the squared distance (or
        the distance, `of_distance`). Where no point is left, `largest_out` is -inf and `sums_out` is 1.
        """
        cdef Py_ssize_t d = queries.shape[1], n = self.points.shape[0] // d, m = queries.shape[0]
        cdef Py_ssize_t step = strip_length(d)
        cdef Py_ssize_t first_query, last_query, start, length, j, skip
        cdef double strip[FD_STRIP]
        cdef double largest, total, strip_largest
        cdef int phase
        cdef const double *factors = &self.scales[0] if self.scales is not None else NULL
        with nogil:
            while queue.next_rows(QUERIES_IN_BLOCK, m, &first_query, &last_query):
                for j in range(first_query, last_query):
                    largest = -INFINITY
                    total = 0.0
                    for phase in range(2):
                        start = -step
                        while start + step < n:
                            start += step
                            length = min(step, n - start)
                            tiles.on_double.by_metric[self.metric](
                                &self.points[start * d], length, d, &queries[j, 0], factors, strip
                            )
                            if own is not None:
                                skip = own[j] - start
                                if 0 <= skip < length:
                                    strip[skip] = INFINITY
                            strip_largest = tiles.log2_terms(
                                strip, length, self.bandwidth.exponent, of_distance,
                                &self.weights[start] if self.weights is not None else NULL,
                            )
                            if phase == 0:
                                largest = max(largest, strip_largest)
                            else:
                                total += tiles.sum_exp2(strip, length, largest)
                        if largest == -INFINITY:
                            total = 1.0
                            break
                        if queue.must_stop():
                            break
                    largest_out[j] = largest
                    sums_out[j] = total


cdef class DirectPointsFloat:
    """`DirectPoints` in single precision, with sums in double."""
    cdef const float[::1] points
    cdef const float[::1] scales
    cdef const float[::1] weights
    cdef const float[:, ::1] values
    cdef fd_bandwidth bandwidth
    cdef int metric, kernel

    def __init__(
        self, const float[::1] points, int metric, int kernel, double exponent, double inverse, double support,
        const float[::1] scales, const float[::1] weights, const float[:, ::1] values,
    ):
        self.points, self.scales, self.weights, self.values = points, scales, weights, values
        self.metric, self.kernel = metric, kernel
        self.bandwidth.exponent, self.bandwidth.inverse, self.bandwidth.support = exponent, inverse, support

    def sums(
        self, const float[:, ::1] queries, const float[::1] half_squares_of_queries, const Py_ssize_t[::1] own,
        Py_ssize_t points_per_block, double[:, :, ::1] sums_out, BlockQueue queue,
    ):
        """As those of `DirectPoints`; there are no half squares."""
        with nogil:
            sums_in_blocks[float](
                self.points, queries, self.metric, self.kernel, &self.bandwidth, self.scales, None,
                half_squares_of_queries, self.weights, self.values, own, points_per_block, sums_out, queue,
            )  # fmt: skip

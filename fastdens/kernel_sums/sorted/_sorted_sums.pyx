"""Exact kernel sums in one dimension over sorted points, by moments of runs of points.

What lies within the radius of a query is, in every cell, a prefix or a suffix of its runs, whose moments sorted_moments
has summed. The runs where a window begins, ends or changes its formula (at |q - x| of the linear kernel, at a point
that is left out) are summed directly.
"""

from libc.math cimport INFINITY, fabs

from fastdens.core import _instruction_sets as instruction_sets
from fastdens.core._blocks cimport BlockQueue
from fastdens.kernel_sums.direct._direct_sums cimport fd_bandwidth, tiles as direct_tiles
from fastdens.kernel_sums.sorted._sorted_moments cimport (
    CONSTANT,
    EXPONENTIALS,
    LINEAR,
    QUADRATIC,
    QUARTER_WAVES,
    QUARTIC,
    SortedRuns,
    both_exponentials,
    quarter_wave,
)

cdef extern from "sorted_sums.h" nogil:
    int FD_SORTED_MARGIN
    ctypedef double (*fd_run_sum)(
        const double *, const double *, Py_ssize_t, Py_ssize_t, double, const fd_bandwidth *
    ) noexcept nogil
    ctypedef struct fd_sorted_sum_tiles:
        fd_run_sum *run_sum
    const fd_sorted_sum_tiles fd_sorted_sum_tiles_of[]

cdef enum:
    QUERIES_IN_BLOCK = 2048
    FEW_POINTS = 96  # so many points are summed directly, which costs no more than their moments
    STRIP = 64  # a buffer for a run and two sums, in a multiple of what the direct tiles take at a time
    POINTS_AT_ONCE = 4096  # between two looks for Ctrl-C
    # A sum smaller than its terms by more than this factor has lost digits and is recomputed directly.
    LARGEST_LOSS = 128

# Distances beyond so many bandwidths are taken relative to the nearest, as the kernel of them may underflow.
cdef double FAR = 500.0

QUERIES_PER_BLOCK = QUERIES_IN_BLOCK
MARGIN = FD_SORTED_MARGIN

cdef const fd_sorted_sum_tiles *tiles


def _use_level(int level):
    global tiles
    tiles = &fd_sorted_sum_tiles_of[level]


instruction_sets.register(_use_level)


cdef struct Table:
    const double *points
    const double *weights  # or NULL
    const Py_ssize_t *run_starts
    const Py_ssize_t *run_cells
    const Py_ssize_t *cell_runs
    const double *centres
    const double *halves
    const double *before
    const double *onward
    Py_ssize_t n_runs
    Py_ssize_t n_moments
    int kernel, form
    double inverse
    double radius  # h^2, compared with squared distances as the direct sum does
    fd_bandwidth bandwidth


cdef inline double run_sum(
    const Table *table, double q, Py_ssize_t first, Py_ssize_t last, Py_ssize_t own
) noexcept nogil:
    """Direct sum over points first ... last - 1 but `own`; they are few."""
    return tiles.run_sum[table.kernel](
        table.points + first, table.weights + first if table.weights != NULL else NULL, last - first,
        own - first if first <= own < last else -1, q, &table.bandwidth,
    )


cdef double sum_over(
    const Table *table, double q, Py_ssize_t first, Py_ssize_t last, Py_ssize_t own, BlockQueue queue
) noexcept nogil:
    """Direct sum over points first ... last - 1 but `own`."""
    cdef double total = 0.0
    cdef Py_ssize_t step
    while first < last:
        if last - first > POINTS_AT_ONCE and queue.must_stop():
            break
        step = min(POINTS_AT_ONCE, last - first)
        total += run_sum(table, q, first, first + step, own)
        first += step
    return total


cdef inline double by_moments(
    int form, const double *m, double v, double half, int side, double *size
) noexcept nogil:
    """Sum of K over points with moments m, v = (q - centre) / h; adds a bound of the sum of its terms to `size`.

    `half` is the largest |t|; `side` is 1 for points above q, -1 for points below (linear kernel).
    """
    cdef double a, b, a2, b2, term
    if form == CONSTANT:
        return m[0]
    if form == LINEAR:
        size[0] += (fabs(1.0 + side * v) + half) * m[0]
        return (1.0 + side * v) * m[0] - side * m[1]
    if form == QUARTER_WAVES:
        quarter_wave(v, &a, &b)
        size[0] += (fabs(a) + fabs(b) * 2.3 * half) * m[0]
        return a * m[0] + b * m[1]
    # 1 - (v - t)^2 = a + b t - t^2
    a, b = (1.0 - v) * (1.0 + v), 2.0 * v
    term = fabs(a) + fabs(b) * half + half * half
    if form == QUADRATIC:
        size[0] += term * m[0]
        return a * m[0] + (b * m[1] - m[2])
    a2, b2 = a * a, b * b
    if form == QUARTIC:
        size[0] += term * term * m[0]
        return a2 * m[0] + (2.0 * a * b * m[1] + ((b2 - 2.0 * a) * m[2] + (m[4] - 2.0 * b * m[3])))
    size[0] += term * term * term * m[0]
    return a2 * a * m[0] + (3.0 * a2 * b * m[1] + (3.0 * a * (b2 - a) * m[2] + (
        b * (b2 - 6.0 * a) * m[3] + (3.0 * (a - b2) * m[4] + (3.0 * b * m[5] - m[6])))))


cdef bint add_runs(
    const Table *table, double q, Py_ssize_t first, Py_ssize_t last, int side, double *total, double *size
) noexcept nogil:
    """Add the sum over runs first ... last - 1; false where they are neither prefix nor suffix of a cell."""
    cdef Py_ssize_t cell, start, end
    cdef const double *m
    cdef double v
    while first < last:
        cell = table.run_cells[first]
        start, end = table.cell_runs[cell], table.cell_runs[cell + 1]
        if end <= last:
            m = &table.onward[first * table.n_moments]
        elif first == start:
            m = &table.before[last * table.n_moments]
        else:
            return False
        v = (q - table.centres[cell]) * table.inverse
        total[0] += by_moments(table.form, m, v, table.halves[cell], side, size)
        first = end
    return True


cdef inline bint is_below(const Table *table, double x, double q) noexcept nogil:
    # Whether x < q is beyond the radius.
    cdef double difference = q - x
    return difference > 0 and not difference * difference < table.radius


cdef double compact_sum(
    const Table *table, double q, Py_ssize_t low, Py_ssize_t high, Py_ssize_t split, Py_ssize_t own, BlockQueue queue,
) noexcept nogil:
    """Sum over runs low ... high, of which only the first and the last may have points beyond the radius.

    `split` is the first run with points at or above q, or that of `own`.
    """
    cdef Py_ssize_t first = table.run_starts[low], last = table.run_starts[high + 1], after = split
    cdef double total = 0.0, size = 0.0, at_edges
    cdef bint whole = True
    if last - first <= FEW_POINTS:
        return run_sum(table, q, first, last, own)
    at_edges = run_sum(table, q, first, table.run_starts[low + 1], own)
    at_edges += run_sum(table, q, table.run_starts[high], last, own)
    if own < 0 and table.form != LINEAR:
        whole = add_runs(table, q, low + 1, high, 1, &total, &size)
    else:
        if low < split < high and (own >= 0 or table.points[table.run_starts[split]] < q):
            at_edges += run_sum(table, q, table.run_starts[split], table.run_starts[split + 1], own)
            after = split + 1
        whole = add_runs(table, q, low + 1, min(split, high), -1, &total, &size)
        whole = whole and add_runs(table, q, max(after, low + 1), high, 1, &total, &size)
    total += at_edges
    if not whole or not total * LARGEST_LOSS >= size:
        return sum_over(table, q, first, last, own, queue)
    return total


cdef double exponential_sum(
    const Table *table, double q, Py_ssize_t split, Py_ssize_t own, const double *left, const double *right,
    double *nearest_out,
) noexcept nogil:
    """Sum of exp(-(|q - x| / h - nearest_out)); `split` is the first run with points at or above q, or of `own`."""
    cdef Py_ssize_t cell, count = 0, i, first = 0, last = 0
    cdef double v, rising, falling, total = 0.0, nearest
    cdef double strip[STRIP]
    cdef double strip_weights[STRIP]
    cdef bint is_inside = split < table.n_runs and (
        table.points[table.run_starts[table.cell_runs[table.run_cells[split]]]] <= q)
    cell = table.run_cells[split] if split < table.n_runs else table.run_cells[table.n_runs - 1] + 1
    # Distances in the strip: to the cells before and after, which stand for all points beyond, and to few points.
    if cell > 0:
        strip[0] = q - table.points[table.run_starts[table.cell_runs[cell]] - 1]
        strip_weights[0] = left[cell - 1]
        count = 1
    if is_inside:
        first, last = table.run_starts[split], table.run_starts[split + 1]
        v = (q - table.centres[cell]) * table.inverse
        both_exponentials(v, &rising, &falling)
        if split > table.cell_runs[cell]:
            total += falling * table.before[2 * split]
        if split + 1 < table.cell_runs[cell + 1]:
            total += rising * table.onward[2 * (split + 1) + 1]
        cell += 1
    if cell <= table.run_cells[table.n_runs - 1]:
        strip[count] = table.points[table.run_starts[table.cell_runs[cell]]] - q
        strip_weights[count] = right[cell]
        count += 1
    nearest_out[0] = 0.0
    if is_inside and (own < 0 or total > 0):
        total += run_sum(table, q, first, last, own)
    else:
        for i in range(first, last):
            if i != own:
                strip[count] = fabs(table.points[i] - q)
                strip_weights[count] = table.weights[i] if table.weights != NULL else 1.0
                count += 1
        nearest = INFINITY
        for i in range(count):
            nearest = min(nearest, strip[i])
        if nearest == INFINITY:
            return 0.0
        if nearest * table.inverse > FAR:
            for i in range(count):
                strip[i] -= nearest
            nearest_out[0] = nearest * table.inverse
    for i in range(count):
        strip[i] *= strip[i]
    for i in range(count, STRIP):
        strip[i] = INFINITY
        strip_weights[i] = 0.0
    return total + direct_tiles.on_double.weighted_sum[table.kernel](
        strip, STRIP if count > STRIP // 2 else STRIP // 2, &table.bandwidth, strip_weights
    )


cdef Py_ssize_t first_run_reaching(const Table *table, double q, bint within) noexcept nogil:
    """The first run whose last point is at or above q, or (`within`) above q - h."""
    cdef Py_ssize_t low = 0, high = table.n_runs, middle
    cdef double x
    while low < high:
        middle = (low + high) // 2
        x = table.points[table.run_starts[middle + 1] - 1]
        if is_below(table, x, q) if within else x < q:
            low = middle + 1
        else:
            high = middle
    return low


cdef inline bint is_above(const Table *table, double x, double q) noexcept nogil:
    # Whether x > q is beyond the radius.
    cdef double difference = x - q
    return difference > 0 and not difference * difference < table.radius


cdef Py_ssize_t first_run_beyond(const Table *table, double q, Py_ssize_t low) noexcept nogil:
    """The first run, from `low` on, whose first point is beyond the radius above q."""
    cdef Py_ssize_t high = table.n_runs, middle
    while low < high:
        middle = (low + high) // 2
        if is_above(table, table.points[table.run_starts[middle]], q):
            high = middle
        else:
            low = middle + 1
    return low


cdef Py_ssize_t run_of_point(const Table *table, Py_ssize_t low, Py_ssize_t point) noexcept nogil:
    """The run, from `low` on, that holds a point."""
    cdef Py_ssize_t high = table.n_runs, middle
    while high - low > 1:
        if table.run_starts[low + 1] > point:
            break
        middle = (low + high) // 2
        if table.run_starts[middle] <= point:
            low = middle
        else:
            high = middle
    return low


cdef class SortedSums:
    """Sums of a kernel over sorted points, prepared for any number of evaluations.

    Points (and weights) of the runs are followed by MARGIN zeros, which are read and do not count. `left` and `right`,
    the sums up to each cell and from it on, are for the exponential kernel alone, and None for others.
    """
    cdef Table table
    cdef SortedRuns runs
    cdef const double[::1] left
    cdef const double[::1] right

    def __init__(
        self, SortedRuns runs, int kernel, int form, double bandwidth, double exponent, const double[::1] left,
        const double[::1] right,
    ):
        self.runs, self.left, self.right = runs, left, right
        if runs.run_cells.shape[0] == 0:  # no point has weight, and there is nothing to point to
            return
        self.table.points, self.table.run_starts = &runs.points[0], &runs.run_starts[0]
        self.table.run_cells, self.table.cell_runs = &runs.run_cells[0], &runs.cell_runs[0]
        self.table.weights = &runs.weights[0] if runs.weights is not None else NULL
        self.table.centres, self.table.halves = &runs.centres[0], &runs.halves[0]
        self.table.before, self.table.onward = &runs.before[0, 0], &runs.onward[0, 0]
        self.table.n_runs, self.table.n_moments = runs.run_cells.shape[0], runs.before.shape[1]
        self.table.kernel, self.table.form = kernel, form
        self.table.inverse, self.table.radius = 1.0 / bandwidth, bandwidth * bandwidth
        self.table.bandwidth.exponent = exponent
        self.table.bandwidth.inverse = 1.0 / (bandwidth * bandwidth)
        self.table.bandwidth.support = self.table.radius

    def evaluate(
        self, const double[::1] queries, const Py_ssize_t[::1] order, const Py_ssize_t[::1] own, double sure,
        double sure_per_point, double[::1] sums_out, double[::1] nearest_out, BlockQueue queue,
    ):
        """Sums at ascending queries, written to their places `order`.

        `own[j]` is the sorted place of the point, equal to query j, that it leaves out, or -1; own may be None. With
        the exponential kernel, the sum is `sums_out` times exp(-`nearest_out`). Sums below `sure`, and below
        `sure_per_point` times the number of points that may be within the radius, are negated.
        """
        cdef Table table = self.table
        cdef Py_ssize_t m = queries.shape[0], j, low, high, split, taken, place, start, last
        cdef const double *points = table.points
        cdef const Py_ssize_t *run_starts = table.run_starts
        cdef const double *left_sums = &self.left[0] if self.left is not None else NULL
        cdef const double *right_sums = &self.right[0] if self.right is not None else NULL
        cdef int form = table.form
        cdef double q, total
        with nogil:
            while queue.next_rows(QUERIES_IN_BLOCK, m, &start, &last):
                j = start
                low = first_run_reaching(&table, queries[j], True)
                split = first_run_reaching(&table, queries[j], False)
                high = first_run_beyond(&table, queries[j], low) - 1  # the last run with a point within the radius
                for j in range(j, last):
                    q = queries[j]
                    while split < table.n_runs and points[run_starts[split + 1] - 1] < q:
                        split += 1
                    taken, place = split, -1
                    if own is not None and own[j] >= 0:
                        place = own[j]
                        taken = run_of_point(&table, split, place)
                    if form == EXPONENTIALS:
                        sums_out[order[j]] = exponential_sum(
                            &table, q, taken, place, left_sums, right_sums, &nearest_out[order[j]]
                        )
                        continue
                    while low < table.n_runs and is_below(&table, points[run_starts[low + 1] - 1], q):
                        low += 1
                    high = max(high, low - 1)
                    while high + 1 < table.n_runs and not is_above(&table, points[run_starts[high + 1]], q):
                        high += 1
                    if low > high:
                        sums_out[order[j]] = 0.0
                        continue
                    total = compact_sum(&table, q, low, high, taken, place, queue)
                    if total < sure and total < sure_per_point * (run_starts[high + 1] - run_starts[low]):
                        total = -total
                    sums_out[order[j]] = total

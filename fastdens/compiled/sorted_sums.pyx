"""Exact kernel sums in one dimension over sorted points, by moments of runs of points.

Sorted points are cut into cells that span less than a bandwidth, cells into runs of up to RUN points. With
t = (x - centre of the cell) / h in [-1/2, 1/2], every cell has moments of its runs summed from its left end and from
its right end, so that whatever part of it lies within reach of a query is a prefix or a suffix: no differences of sums.
The runs where a window begins, ends or changes its formula (at |q - x| of the linear kernel, at a point that is left
out) are summed directly. Moments of a run, by kernel:
tophat 1; epanechnikov, biweight, triweight 1, t ... t^(2s); linear 1, t; cosine cos and sin(pi t / 2);
exponential exp(t), exp(-t).
"""

from libc.math cimport INFINITY, fabs

from fastdens.compiled import instruction_sets
from fastdens.compiled.blocks cimport BlockQueue
from fastdens.compiled.kernel_sums cimport fd_bandwidth, tiles as direct_tiles

cdef extern from "sorted_sums.h" nogil:
    int FD_SORTED_MARGIN
    ctypedef double (*fd_run_sum)(
        const double *, const double *, Py_ssize_t, Py_ssize_t, double, const fd_bandwidth *
    ) noexcept nogil
    ctypedef struct fd_sorted_sum_tiles:
        fd_run_sum *run_sum
    const fd_sorted_sum_tiles fd_sorted_sum_tiles_of[]

cdef enum:
    RUN = 16
    MOST_MOMENTS = 18  # of the integrated cosine kernel
    RUNS_IN_BLOCK = 1024
    CELLS_IN_BLOCK = 64
    QUERIES_IN_BLOCK = 2048
    FEW_POINTS = 96  # so many points are summed directly, which costs no more than their moments
    STRIP = 64  # room for a run and two sums, in a multiple of what the direct tiles take at a time
    POINTS_AT_ONCE = 4096  # between two looks for Ctrl-C
    # A sum smaller than its terms by more than this factor has lost digits and is formed again directly.
    LARGEST_LOSS = 128
    TOPHAT = 1  # codes of smoothing_kernels.py
    EPANECHNIKOV = 2
    EXPONENTIAL = 3
    LINEAR = 4
    COSINE = 5
    BIWEIGHT = 6
    TRIWEIGHT = 7

# Distances beyond so many bandwidths are taken relative to the nearest, as the kernel of them may underflow.
cdef double FAR = 500.0
cdef double QUARTER_TURN = 1.5707963267948966

POINTS_PER_RUN = RUN
RUNS_PER_BLOCK = RUNS_IN_BLOCK
CELLS_PER_BLOCK = CELLS_IN_BLOCK
QUERIES_PER_BLOCK = QUERIES_IN_BLOCK
MARGIN = FD_SORTED_MARGIN

cdef const fd_sorted_sum_tiles *tiles


def _use_level(int level):
    global tiles
    tiles = &fd_sorted_sum_tiles_of[level]


instruction_sets.register(_use_level)


def n_moments(int kernel):
    """Moments kept of each run."""
    return moments_of(kernel)


cdef int moments_of(int kernel) noexcept nogil:
    if kernel == TOPHAT:
        return 1
    if kernel == EPANECHNIKOV:
        return 3
    if kernel == BIWEIGHT:
        return 5
    if kernel == TRIWEIGHT:
        return 7
    return 2


def cut(
    const double[::1] points, double bandwidth, Py_ssize_t[::1] run_starts_out, Py_ssize_t[::1] run_cells_out,
    Py_ssize_t[::1] cell_runs_out,
):
    """Cut sorted points into cells and runs; returns the numbers of runs and cells.

    Run r holds points run_starts_out[r] ... run_starts_out[r + 1] - 1 of cell run_cells_out[r]; cell c holds runs
    cell_runs_out[c] ... cell_runs_out[c + 1] - 1. The outputs have room for as many runs and cells as points, and 1.
    """
    cdef Py_ssize_t n = points.shape[0], i, runs = 0, cells = 0, start = 0
    cdef double first = 0.0
    with nogil:
        for i in range(n):
            if i == 0 or not points[i] - first < bandwidth:
                first, start = points[i], i
                cell_runs_out[cells] = runs
                cells += 1
            if (i - start) % RUN == 0:
                run_starts_out[runs] = i
                run_cells_out[runs] = cells - 1
                runs += 1
        run_starts_out[runs] = n
        cell_runs_out[cells] = runs
    return runs, cells


cdef inline void quarter_wave(double v, double *cosine, double *sine) noexcept nogil:
    """cos and sin of pi v / 2 for |v| <= 3, from their Taylor series about the nearest multiple of a quarter turn."""
    cdef double a = fabs(v), shift = 0.0, z, c, s
    if a > 0.5:
        shift = 1.0 if a <= 1.5 else (2.0 if a <= 2.5 else 3.0)
    z = QUARTER_TURN * (a - shift)
    s = z * z
    c = 1.0 + s * (-1.0 / 2 + s * (1.0 / 24 + s * (-1.0 / 720 + s * (1.0 / 40320 + s * (
        -1.0 / 3628800 + s * (1.0 / 479001600 + s * (-1.0 / 87178291200.0 + s * (1.0 / 20922789888000.0))))))))
    s = z * (1.0 + s * (-1.0 / 6 + s * (1.0 / 120 + s * (-1.0 / 5040 + s * (1.0 / 362880 + s * (
        -1.0 / 39916800 + s * (1.0 / 6227020800.0 + s * (-1.0 / 1307674368000.0))))))))
    if shift == 0.0:
        cosine[0], sine[0] = c, s
    elif shift == 1.0:
        cosine[0], sine[0] = -s, c
    elif shift == 2.0:
        cosine[0], sine[0] = -c, -s
    else:
        cosine[0], sine[0] = s, -c
    if v < 0:
        sine[0] = -sine[0]


cdef inline void both_exponentials(double v, double *rising, double *falling) noexcept nogil:
    """exp(v) and exp(-v) for |v| < 0.6 from the Taylor series of the even and the odd part."""
    cdef double s = v * v, even, odd
    even = s * (1.0 / 2 + s * (1.0 / 24 + s * (1.0 / 720 + s * (1.0 / 40320 + s * (
        1.0 / 3628800 + s * (1.0 / 479001600 + s * (1.0 / 87178291200.0)))))))
    odd = v * (1.0 + s * (1.0 / 6 + s * (1.0 / 120 + s * (1.0 / 5040 + s * (1.0 / 362880 + s * (
        1.0 / 39916800 + s * (1.0 / 6227020800.0)))))))
    rising[0] = 1.0 + (even + odd)
    falling[0] = 1.0 + (even - odd)


def run_moments(
    const double[::1] points, const double[::1] weights, int kernel, double bandwidth, const Py_ssize_t[::1] run_starts,
    const Py_ssize_t[::1] run_cells, const double[::1] centres, double[:, ::1] moments_out, BlockQueue queue,
):
    """Moments of each run about the centre of its cell: as many powers as `moments_out` has room for."""
    cdef Py_ssize_t k, count = moments_out.shape[1], n_runs = run_cells.shape[0], r, i
    cdef long long block
    cdef double inverse = 1.0 / bandwidth, t, term, first, second
    cdef double total[MOST_MOMENTS]
    with nogil:
        while True:
            block = queue.next()
            if block < 0:
                break
            for r in range(block * RUNS_IN_BLOCK, min((block + 1) * RUNS_IN_BLOCK, n_runs)):
                for k in range(count):
                    total[k] = 0.0
                for i in range(run_starts[r], run_starts[r + 1]):
                    t = (points[i] - centres[run_cells[r]]) * inverse
                    term = weights[i] if weights is not None else 1.0
                    if kernel == COSINE:
                        quarter_wave(t, &first, &second)
                        total[0] += term * first
                        total[1] += term * second
                    elif kernel == EXPONENTIAL:
                        both_exponentials(t, &first, &second)
                        total[0] += term * first
                        total[1] += term * second
                    else:
                        total[0] += term
                        for k in range(1, count):
                            term *= t
                            total[k] += term
                for k in range(count):
                    moments_out[r, k] = total[k]


def sums_from_both_ends(
    const double[:, ::1] moments, const Py_ssize_t[::1] cell_runs, double[:, ::1] before_out, double[:, ::1] from_out,
    BlockQueue queue,
):
    """Within each cell, the moments of the runs before each run, and of the run with those after it.

    Sums are compensated: their error does not grow with the number of runs.
    """
    cdef Py_ssize_t n_cells = cell_runs.shape[0] - 1, cell, r, k, count = moments.shape[1]
    cdef long long block
    cdef double total, lost, moved, term
    with nogil:
        while True:
            block = queue.next()
            if block < 0:
                break
            for cell in range(block * CELLS_IN_BLOCK, min((block + 1) * CELLS_IN_BLOCK, n_cells)):
                for k in range(count):
                    total = lost = 0.0
                    for r in range(cell_runs[cell], cell_runs[cell + 1]):
                        before_out[r, k] = total + lost
                        term = moments[r, k]
                        moved = total + term
                        lost += (total - moved) + term if fabs(total) >= fabs(term) else (term - moved) + total
                        total = moved
                    total = lost = 0.0
                    for r in range(cell_runs[cell + 1] - 1, cell_runs[cell] - 1, -1):
                        term = moments[r, k]
                        moved = total + term
                        lost += (total - moved) + term if fabs(total) >= fabs(term) else (term - moved) + total
                        total = moved
                        from_out[r, k] = total + lost


def scan_cells(
    const double[::1] up_to_last, const double[::1] down_to_first, const double[::1] left_decay,
    const double[::1] right_decay, double[::1] left_out, double[::1] right_out,
):
    """Two-sided scans of the exponential kernel over cells.

    `left_out[c]` is the sum over all points up to cell c of exp(-(last point of c - x) / h), `right_out[c]` the sum
    from cell c on of exp(-(x - first point of c) / h); the inputs are the cells' own parts and the decay from the cell
    before (after). All terms are positive.
    """
    cdef Py_ssize_t n = up_to_last.shape[0], c
    cdef double total = 0.0
    with nogil:
        for c in range(n):
            total = up_to_last[c] + total * left_decay[c]
            left_out[c] = total
        total = 0.0
        for c in range(n - 1, -1, -1):
            total = down_to_first[c] + total * right_decay[c]
            right_out[c] = total


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
    int kernel
    double inverse
    double reach  # h^2, compared with squared distances as the direct sum does
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
    int kernel, const double *m, double v, double half, int side, double *size
) noexcept nogil:
    """Sum of K over points with moments m, v = (q - centre) / h; adds a bound of the sum of its terms to `size`.

    `half` is the largest |t|; `side` is 1 for points above q, -1 for points below (linear kernel).
    """
    cdef double a, b, a2, b2, term
    if kernel == TOPHAT:
        return m[0]
    if kernel == LINEAR:
        size[0] += (fabs(1.0 + side * v) + half) * m[0]
        return (1.0 + side * v) * m[0] - side * m[1]
    if kernel == COSINE:
        quarter_wave(v, &a, &b)
        size[0] += (fabs(a) + fabs(b) * 2.3 * half) * m[0]
        return a * m[0] + b * m[1]
    # 1 - (v - t)^2 = a + b t - t^2
    a, b = (1.0 - v) * (1.0 + v), 2.0 * v
    term = fabs(a) + fabs(b) * half + half * half
    if kernel == EPANECHNIKOV:
        size[0] += term * m[0]
        return a * m[0] + (b * m[1] - m[2])
    a2, b2 = a * a, b * b
    if kernel == BIWEIGHT:
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
        total[0] += by_moments(table.kernel, m, v, table.halves[cell], side, size)
        first = end
    return True


cdef inline bint is_below(const Table *table, double x, double q) noexcept nogil:
    # Whether x < q is out of reach.
    cdef double difference = q - x
    return difference > 0 and not difference * difference < table.reach


cdef double compact_sum(
    const Table *table, double q, Py_ssize_t low, Py_ssize_t high, Py_ssize_t split, Py_ssize_t own, BlockQueue queue
) noexcept nogil:
    """Sum over runs low ... high, of which only the first and the last may have points out of reach.

    `split` is the first run with points at or above q, or that of `own`.
    """
    cdef Py_ssize_t first = table.run_starts[low], last = table.run_starts[high + 1], after = split
    cdef double total = 0.0, size = 0.0, at_edges
    cdef bint whole = True
    if last - first <= FEW_POINTS:
        return run_sum(table, q, first, last, own)
    at_edges = run_sum(table, q, first, table.run_starts[low + 1], own)
    at_edges += run_sum(table, q, table.run_starts[high], last, own)
    if own < 0 and table.kernel != LINEAR:
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
    return total + direct_tiles.on_double.weighted_sum[EXPONENTIAL](
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


def evaluate(
    const double[::1] points, const double[::1] weights, int kernel, double bandwidth, double exponent,
    const Py_ssize_t[::1] run_starts, const Py_ssize_t[::1] run_cells, const Py_ssize_t[::1] cell_runs,
    const double[::1] centres, const double[::1] halves, const double[:, ::1] before, const double[:, ::1] onward,
    const double[::1] left, const double[::1] right, const double[::1] queries, const Py_ssize_t[::1] order,
    const Py_ssize_t[::1] own,
    double[::1] sums_out, double[::1] nearest_out, BlockQueue queue,
):
    """Sums at ascending queries, written to their places `order`.

    Points (and weights) are followed by MARGIN zeros, which are read and do not count.
    `own[j]` is the sorted place of the point, equal to query j, that it leaves out, or -1; own may be None. With the
    exponential kernel, the sum is `sums_out` times exp(-`nearest_out`); `left` and `right` are needed then alone.
    """
    cdef Table table
    cdef Py_ssize_t m = queries.shape[0], j, low, high, split, taken, place, last
    cdef const double *left_sums = &left[0] if left is not None else NULL
    cdef const double *right_sums = &right[0] if right is not None else NULL
    cdef long long block
    cdef double q, difference
    table.points, table.run_starts, table.run_cells = &points[0], &run_starts[0], &run_cells[0]
    table.weights = &weights[0] if weights is not None else NULL
    table.cell_runs, table.centres = &cell_runs[0], &centres[0]
    table.halves = &halves[0]
    table.before, table.onward = &before[0, 0], &onward[0, 0]
    table.n_runs, table.n_moments, table.kernel = run_cells.shape[0], before.shape[1], kernel
    table.inverse, table.reach = 1.0 / bandwidth, bandwidth * bandwidth
    table.bandwidth.exponent = exponent
    table.bandwidth.inverse, table.bandwidth.support = 1.0 / (bandwidth * bandwidth), table.reach
    with nogil:
        while True:
            block = queue.next()
            if block < 0:
                break
            last = min((block + 1) * QUERIES_IN_BLOCK, m)
            j = block * QUERIES_IN_BLOCK
            low = first_run_reaching(&table, queries[j], True)
            split = first_run_reaching(&table, queries[j], False)
            high = low - 1  # the last run with a point in reach
            for j in range(j, last):
                q = queries[j]
                while split < table.n_runs and points[run_starts[split + 1] - 1] < q:
                    split += 1
                taken, place = split, -1
                if own is not None and own[j] >= 0:
                    place = own[j]
                    taken = run_of_point(&table, split, place)
                if kernel == EXPONENTIAL:
                    sums_out[order[j]] = exponential_sum(
                        &table, q, taken, place, left_sums, right_sums, &nearest_out[order[j]]
                    )
                    continue
                while low < table.n_runs and is_below(&table, points[run_starts[low + 1] - 1], q):
                    low += 1
                high = max(high, low - 1)
                while high + 1 < table.n_runs:
                    difference = points[run_starts[high + 1]] - q
                    if difference > 0 and not difference * difference < table.reach:
                        break
                    high += 1
                sums_out[order[j]] = 0.0
                if low <= high:
                    sums_out[order[j]] = compact_sum(&table, q, low, high, taken, place, queue)

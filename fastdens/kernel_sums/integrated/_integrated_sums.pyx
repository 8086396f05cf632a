"""Integrated kernel sums in one dimension: the weight of the smoothed points below each query.

Points are sorted. Those further below a query than the kernel reaches count with their whole weight, which a running
total holds; the others are summed directly (`windows`), or, for the kernels of bounded support, which are polynomials
there, by the moments of cells of less than a bandwidth (`by_moments`; the cells and runs are those of sorted_moments).
"""

from libc.math cimport fabs, ldexp

from fastdens.core import _instruction_sets as instruction_sets
from fastdens.core._blocks cimport BlockQueue
from fastdens.kernel_sums.direct._direct_sums cimport FD_N_KERNELS
from fastdens.kernel_sums.sorted._sorted_moments cimport SortedRuns

cdef extern from "integrated_sums.h" nogil:
    int FD_INTEGRATED_MARGIN
    ctypedef double (*fd_integrated_run)(
        const double *, const double *, Py_ssize_t, double, double
    ) noexcept nogil
    ctypedef struct fd_integrated_sum_tiles:
        fd_integrated_run *run_sum
        void (*multiply_intervals)(const double *, Py_ssize_t, double, double, double, double *) noexcept nogil
    const fd_integrated_sum_tiles fd_integrated_sum_tiles_of[]
    ctypedef struct fd_tail_ends:
        double whole
        double zero
    const fd_tail_ends fd_tail_ends_of[]

cdef enum:
    QUERIES_IN_BLOCK = 256
    POINTS_AT_ONCE = 512  # between two looks at what is left, and for Ctrl-C
    FEW_POINTS = 96  # so many points are summed directly, which costs no more than their moments
    # A sum smaller than its terms by more than this factor has lost digits and is recomputed directly.
    LARGEST_LOSS = 128

# What is left out on the right is smaller than the sum by this factor, as a power of two.
cdef double NEGLIGIBLE = -56.0

QUERIES_PER_BLOCK = QUERIES_IN_BLOCK
POINTS_PER_STRIP = POINTS_AT_ONCE
MARGIN = FD_INTEGRATED_MARGIN
# By kernel: bandwidths below a query beyond which a point counts whole, and above it beyond which it does not count.
TAIL_ENDS = [(fd_tail_ends_of[i].whole, fd_tail_ends_of[i].zero) for i in range(FD_N_KERNELS)]

cdef const fd_integrated_sum_tiles *tiles


def _use_level(int level):
    global tiles
    tiles = &fd_integrated_sum_tiles_of[level]


instruction_sets.register(_use_level)


def running_weights(const double[::1] weights, double[::1] totals_out):
    """`totals_out[i]` is the sum of the first i weights (counts where `weights` is None), compensated."""
    cdef Py_ssize_t i, n = totals_out.shape[0] - 1
    cdef double total = 0.0, lost = 0.0, moved, term
    totals_out[0] = 0.0
    with nogil:
        for i in range(n):
            if weights is None:
                totals_out[i + 1] = <double> (i + 1)
                continue
            term = weights[i]
            moved = total + term
            lost += (total - moved) + term if total >= term else (term - moved) + total
            total = moved
            totals_out[i + 1] = total + lost


cdef struct Line:
    const double *points
    const double *weights  # or NULL
    const double *totals
    Py_ssize_t n
    int kernel
    double inverse


cdef inline double direct(const Line *line, double q, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    return tiles.run_sum[line.kernel](
        line.points + first, line.weights + first if line.weights != NULL else NULL, last - first, q, line.inverse
    )


cdef Py_ssize_t first_within(const Line *line, double q, double below) noexcept nogil:
    """The first point less than `below` bandwidths below the query."""
    cdef Py_ssize_t low = 0, high = line.n, middle
    while low < high:
        middle = (low + high) // 2
        if (q - line.points[middle]) * line.inverse < below:
            high = middle
        else:
            low = middle + 1
    return low


cdef double window(
    const Line *line, double q, Py_ssize_t first, double above, double per_square, double per_distance,
    BlockQueue queue
) noexcept nogil:
    """Sum over all points: those before `first` whole, the others directly until nothing is left that counts.

    log2 of the kernel's tail is at most `per_square` z^2 + `per_distance` z, and the tail is zero from `above` on.
    """
    cdef Py_ssize_t last
    cdef double total = line.totals[first], z, exponent
    while first < line.n:
        z = (line.points[first] - q) * line.inverse
        if z >= above:
            break
        if z > 0:
            exponent = per_square * z * z + per_distance * z
            if (line.totals[line.n] - line.totals[first]) * ldexp(1.0, <int> exponent) <= total * ldexp(
                    1.0, <int> NEGLIGIBLE):
                break
        if queue.must_stop():
            break
        last = min(first + POINTS_AT_ONCE, line.n)
        total += direct(line, q, first, last)
        first = last
    return total


cdef class IntegratedPoints:
    """Sorted points and a kernel, prepared for any number of evaluations.

    Parameters
    ----------
    points, weights : followed by MARGIN zeros, which are read and do not count; weights may be None
    totals : as `running_weights` gives them
    inverse : 1 / h
    """
    cdef Line line
    cdef const double[::1] points
    cdef const double[::1] weights
    cdef const double[::1] totals

    def __init__(
        self, const double[::1] points, const double[::1] weights, const double[::1] totals, int kernel, double inverse
    ):
        self.points, self.weights, self.totals = points, weights, totals
        self.line.points, self.line.totals, self.line.n = &points[0], &totals[0], totals.shape[0] - 1
        self.line.weights = &weights[0] if weights is not None else NULL
        self.line.kernel, self.line.inverse = kernel, inverse

    def windows(
        self, double below, double above, double per_square, double per_distance, const double[::1] queries,
        double[::1] sums_out, BlockQueue queue,
    ):
        """Weight of the smoothed points below each query, directly.

        A point `below` bandwidths below the query counts whole; one `above` bandwidths above does not count.
        """
        cdef Py_ssize_t j, m = queries.shape[0], start, stop
        cdef Line line = self.line
        with nogil:
            while queue.next_rows(QUERIES_IN_BLOCK, m, &start, &stop):
                for j in range(start, stop):
                    sums_out[j] = window(
                        &line, queries[j], first_within(&line, queries[j], below), above, per_square, per_distance,
                        queue,
                    )


cdef struct Cells:
    const Py_ssize_t *run_starts
    const Py_ssize_t *run_cells
    const Py_ssize_t *cell_runs
    const double *centres
    const double *halves
    const double *before
    const double *onward
    Py_ssize_t n_runs
    Py_ssize_t count
    const double *polynomials  # [side][moment][power of v]


cdef bint add_runs(
    const Line *line, const Cells *cells, double q, Py_ssize_t first, Py_ssize_t last, int side,
    double *total, double *size
) noexcept nogil:
    """Add the mass below q of runs first ... last - 1; false where they are neither prefix nor suffix of a cell.

    With v = (q - centre) / h, the sum is one over the moments, whose factors are polynomials of v.
    """
    cdef Py_ssize_t cell, a, b, count = cells.count
    cdef const double *m
    cdef const double *polynomial
    cdef double v, factor, power
    while first < last:
        cell = cells.run_cells[first]
        if cells.cell_runs[cell + 1] <= last:
            m = cells.onward + first * count
        elif first == cells.cell_runs[cell]:
            m = cells.before + last * count
        else:
            return False
        v, power = (q - cells.centres[cell]) * line.inverse, fabs(m[0])
        for b in range(count):
            polynomial = cells.polynomials + (side * count + b) * count
            factor = polynomial[count - 1 - b]
            for a in range(count - 2 - b, -1, -1):
                factor = factor * v + polynomial[a]
            total[0] += factor * m[b]
            size[0] += fabs(factor) * power
            power *= cells.halves[cell]
        first = cells.cell_runs[cell + 1]
    return True


cdef double by_cells(const Line *line, const Cells *cells, double q, Py_ssize_t low, Py_ssize_t high, bint two_sided,
                     Py_ssize_t split, BlockQueue queue) noexcept nogil:
    """Sum over all points; runs before `low` count whole, runs after `high` not at all.

    `split` is the first run with points at or above q.
    """
    cdef Py_ssize_t first = cells.run_starts[low], last = cells.run_starts[high + 1], start = low, end = high + 1
    cdef double total = line.totals[first], size = 0.0
    cdef bint whole
    if last - first <= FEW_POINTS:
        return total + direct(line, q, first, last)
    if not (q - line.points[first]) * line.inverse < 1.0:  # of the outer runs a part is beyond the radius
        total += direct(line, q, first, cells.run_starts[low + 1])
        start = low + 1
    if end > start and not (line.points[last - 1] - q) * line.inverse < 1.0:
        total += direct(line, q, cells.run_starts[high], last)
        end = high
    if not two_sided:
        whole = add_runs(line, cells, q, start, end, 0, &total, &size)
    else:
        whole = add_runs(line, cells, q, start, min(split, end), 0, &total, &size)
        if start <= split < end:
            total += direct(line, q, cells.run_starts[split], cells.run_starts[split + 1])
            split += 1
        whole = whole and add_runs(line, cells, q, max(split, start), end, 1, &total, &size)
    if not whole or not total * LARGEST_LOSS >= size:
        return window(line, q, first, 1.0, 0.0, 0.0, queue)
    return total


def by_moments(
    IntegratedPoints line_points, SortedRuns runs, const double[:, :, ::1] polynomials, const double[::1] queries,
    const Py_ssize_t[::1] order, double[::1] sums_out, BlockQueue queue,
):
    """Weight of the smoothed points below each of the ascending queries, written to their places `order`.

    For kernels of bounded support: their integral at v - t, with v for the query and t for the point, is the sum over
    a and b of polynomials[side, b, a] v^a t^b, where side 0 is for points below the query and 1 for points above (if
    there are two).
    """
    cdef Py_ssize_t j, m = queries.shape[0], low, high, split, start, last, n_runs = runs.run_cells.shape[0]
    cdef double q, inverse = line_points.line.inverse
    cdef Line line = line_points.line
    cdef Cells cells
    cdef const double *points = line.points
    cdef const Py_ssize_t *run_starts = &runs.run_starts[0]
    cells.run_starts, cells.run_cells, cells.cell_runs = run_starts, &runs.run_cells[0], &runs.cell_runs[0]
    cells.centres, cells.halves = &runs.centres[0], &runs.halves[0]
    cells.before, cells.onward = &runs.before[0, 0], &runs.onward[0, 0]
    cells.polynomials = &polynomials[0, 0, 0]
    cells.n_runs, cells.count = n_runs, runs.before.shape[1]
    with nogil:
        while queue.next_rows(QUERIES_IN_BLOCK, m, &start, &last):
            j = start
            low = first_run(&line, &cells, queries[j], 1.0)
            split = first_run(&line, &cells, queries[j], 0.0)
            high = first_run(&line, &cells, queries[j], -1.0) - 1
            for j in range(j, last):
                q = queries[j]
                while low < n_runs and not (q - points[run_starts[low + 1] - 1]) * inverse < 1.0:
                    low += 1
                while split < n_runs and points[run_starts[split + 1] - 1] < q:
                    split += 1
                high = max(high, low - 1)
                while high + 1 < n_runs and (points[run_starts[high + 1]] - q) * inverse < 1.0:
                    high += 1
                if low > high:
                    sums_out[order[j]] = line.totals[run_starts[low]]
                else:
                    sums_out[order[j]] = by_cells(
                        &line, &cells, q, low, high, polynomials.shape[0] == 2, split, queue
                    )


cdef Py_ssize_t first_run(const Line *line, const Cells *cells, double q, double below) noexcept nogil:
    """The first run whose last point is less than `below` bandwidths below the query (at or above it, for 0).

    For -1, the first run that ends more than a bandwidth above the query.
    """
    cdef Py_ssize_t low = 0, high = cells.n_runs, middle
    cdef double x
    while low < high:
        middle = (low + high) // 2
        x = line.points[cells.run_starts[middle + 1] - 1]
        if (q - x) * line.inverse < below or (x >= q and below >= 0):
            high = middle
        else:
            low = middle + 1
    return low


def box_masses(
    const double[:, ::1] points, const double[::1] weights, const double[::1] inverses, const double[:, ::1] low,
    const double[:, ::1] high, double[::1] masses_out, BlockQueue queue,
):
    """Weight of the points, smoothed by a product of Gaussians, in each box; points are (n_features, n_points).

    The points, and the weights, are followed by zeros up to a multiple of MARGIN. One box is one block of work.
    """
    cdef Py_ssize_t d = points.shape[0], n = points.shape[1], i, a, first, count
    cdef long long block
    cdef double total
    cdef double[POINTS_AT_ONCE] products
    with nogil:
        while queue.next(&block):
            masses_out[block] = 0.0
            first = 0
            while first < n:
                if queue.must_stop():
                    break
                count = min(POINTS_AT_ONCE, n - first)
                for i in range(count):
                    products[i] = weights[first + i]
                for a in range(d):
                    tiles.multiply_intervals(
                        &points[a, first], count, low[block, a], high[block, a], inverses[a], products
                    )
                total = 0.0
                for i in range(count):
                    total += products[i]
                masses_out[block] += total
                first += POINTS_AT_ONCE

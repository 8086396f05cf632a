"""Moments of runs of sorted points in one dimension.

Sorted points are cut into cells that span less than a bandwidth, cells into runs of up to RUN points. With
t = (x - centre of the cell) / h in [-1/2, 1/2], every cell has moments of its runs summed from its left end and from
its right end, so that whatever part of it lies within the radius of a query is a prefix or a suffix: no differences of
sums. Moments of a run, by the form that the kernel states (`SmoothingKernel.sorted_moments`): constant 1; quadratic,
quartic, sextic 1, t ... t^(2s); linear 1, t; quarter waves cos and sin(pi t / 2); exponentials exp(t), exp(-t).
"""

from libc.math cimport fabs

from fastdens.core._blocks cimport BlockQueue

cdef enum:
    RUN = 16
    MOST_MOMENTS = 18  # of the integrated cosine kernel
    RUNS_IN_BLOCK = 1024
    CELLS_IN_BLOCK = 64

POINTS_PER_RUN = RUN
RUNS_PER_BLOCK = RUNS_IN_BLOCK
CELLS_PER_BLOCK = CELLS_IN_BLOCK


FORMS = {
    "constant": CONSTANT,
    "quadratic": QUADRATIC,
    "quartic": QUARTIC,
    "sextic": SEXTIC,
    "linear": LINEAR,
    "quarter waves": QUARTER_WAVES,
    "exponentials": EXPONENTIALS,
}


cdef class SortedRuns:
    """Sorted points cut into runs and cells, with the moments of each cell's runs from both its ends.

    Parameters
    ----------
    points, weights : followed by as many zeros as the tiles may read; weights may be None
    run_starts, run_cells, cell_runs : as `cut` gives them, without what is left over
    centres, halves : of the cells: middles, and half lengths in bandwidths
    before, onward : as `sums_from_both_ends` gives them
    """

    def __init__(
        self, const double[::1] points, const double[::1] weights, const Py_ssize_t[::1] run_starts,
        const Py_ssize_t[::1] run_cells, const Py_ssize_t[::1] cell_runs, const double[::1] centres,
        const double[::1] halves, const double[:, ::1] before, const double[:, ::1] onward,
    ):
        self.points, self.weights = points, weights
        self.run_starts, self.run_cells, self.cell_runs = run_starts, run_cells, cell_runs
        self.centres, self.halves, self.before, self.onward = centres, halves, before, onward


def n_moments(int form):
    """Moments kept of each run."""
    if form == CONSTANT:
        return 1
    if form == QUADRATIC:
        return 3
    if form == QUARTIC:
        return 5
    if form == SEXTIC:
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
    cdef Py_ssize_t n = points.shape[0], i = 0, last, runs = 0, cells = 0
    cdef double first = 0.0
    with nogil:
        while i < n:
            if i == 0 or not points[i] - first < bandwidth:
                first = points[i]
                cell_runs_out[cells] = runs
                cells += 1
            run_starts_out[runs] = i
            run_cells_out[runs] = cells - 1
            runs += 1
            last = min(i + RUN, n)
            if not points[last - 1] - first < bandwidth:  # the cell ends within the run
                while points[i] - first < bandwidth:
                    i += 1
            else:
                i = last
        run_starts_out[runs] = n
        cell_runs_out[cells] = runs
    return runs, cells


def run_moments(
    const double[::1] points, const double[::1] weights, int form, double bandwidth, const Py_ssize_t[::1] run_starts,
    const Py_ssize_t[::1] run_cells, const double[::1] centres, double[:, ::1] moments_out, BlockQueue queue,
):
    """Moments of each run about the centre of its cell: as many powers as `moments_out` has room for."""
    cdef Py_ssize_t k, count = moments_out.shape[1], n_runs = run_cells.shape[0], r, i
    cdef Py_ssize_t start, stop
    cdef double inverse = 1.0 / bandwidth, t, term, first, second
    cdef double total[MOST_MOMENTS]
    if count > MOST_MOMENTS:
        raise ValueError(f"a kernel must have at most {MOST_MOMENTS} moments, got {count}")
    with nogil:
        while queue.next_rows(RUNS_IN_BLOCK, n_runs, &start, &stop):
            for r in range(start, stop):
                for k in range(count):
                    total[k] = 0.0
                for i in range(run_starts[r], run_starts[r + 1]):
                    t = (points[i] - centres[run_cells[r]]) * inverse
                    term = weights[i] if weights is not None else 1.0
                    if form == QUARTER_WAVES:
                        quarter_wave(t, &first, &second)
                        total[0] += term * first
                        total[1] += term * second
                    elif form == EXPONENTIALS:
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
    cdef Py_ssize_t start, stop
    cdef double total, lost, moved, term
    with nogil:
        while queue.next_rows(CELLS_IN_BLOCK, n_cells, &start, &stop):
            for cell in range(start, stop):
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

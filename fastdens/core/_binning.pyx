"""The cell of a grid that each row lies in, what lies in each cell, and values of cells taken back to the rows.

A row's bin on an axis is found with a guide table (Chen and Asau 1974): equal intervals along the axis, for each the
number of edges in intervals before it. What puts values and edges into intervals is the same arithmetic and monotone,
so that comparisons with the few edges of one interval settle the bin whatever was rounded.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t

from fastdens.core._blocks cimport BlockQueue

cdef enum:
    ROWS_IN_BLOCK = 32768  # per block of the passes that put down one number per row
    AT_ONCE = 64  # searches that proceed side by side
    BETWEEN_STOPS = 4194304  # rows of a block between two looks for Ctrl-C

ROWS_PER_BLOCK = ROWS_IN_BLOCK

ctypedef fused cell_number:
    uint8_t
    uint16_t
    uint32_t
    int64_t

ctypedef fused amount:
    int64_t
    double


cdef struct axis_t:
    const double *edges  # the last one just above the end, so that every bin is half open
    const int32_t *guide
    Py_ssize_t n_bins, n_searched  # bins; edges among which a search goes on
    double low, high  # the first edge; the last, or else the largest number there is
    double origin, per_unit  # where the intervals begin, how many per unit


cdef inline double within(double x, const axis_t *axis) noexcept nogil:
    """x, or the nearer end of the axis."""
    x = x if x > axis.low else axis.low
    return x if x < axis.high else axis.high


cdef inline Py_ssize_t interval(double x, const axis_t *axis) noexcept nogil:
    """The interval of the guide table that x falls in."""
    return <Py_ssize_t> ((within(x, axis) - axis.origin) * axis.per_unit)


cdef void set_axis(axis_t *axis, const Py_ssize_t *sizes, const double *scales) noexcept nogil:
    axis.n_bins, axis.n_searched = sizes[0], sizes[1]
    axis.low, axis.high, axis.origin, axis.per_unit = scales[0], scales[1], scales[2], scales[3]


def fill_guide(const double[::1] edges, const double[::1] scales, int32_t[::1] guide_out):
    """For each interval where the search for its values begins; returns among how many edges it goes on, at least 1.

    A search stays within the edges: it begins earlier near the end.
    """
    cdef Py_ssize_t n = edges.shape[0], n_intervals = guide_out.shape[0], k, place, before = -1, run = 0, most = 1
    cdef Py_ssize_t[2] sizes = [n - 1, 1]
    cdef axis_t axis
    with nogil:
        set_axis(&axis, sizes, &scales[0])
        for k in range(n):
            place = interval(edges[k], &axis)
            run = run + 1 if place == before else 1
            most = max(most, run)
            while before < place:
                before += 1
                guide_out[before] = <int32_t> k
        for k in range(before + 1, n_intervals):
            guide_out[k] = <int32_t> n
        for k in range(n_intervals):
            guide_out[k] = min(guide_out[k], <int32_t> (n - most))
    return most


cdef void cells_on_line(const double *x, Py_ssize_t n, const axis_t axis, cell_number *cells) noexcept nogil:
    """Cells of rows of one feature where no interval holds more than one edge: every number stays in a register."""
    cdef Py_ssize_t k, at
    for k in range(n):
        at = axis.guide[interval(x[k], &axis)]
        at += (x[k] >= axis.edges[at]) - 1
        cells[k] = <cell_number> min(<size_t> at, <size_t> axis.n_bins)  # -1 is the largest there is


cdef void add_axis(
    const double *x, Py_ssize_t stride, Py_ssize_t n, const axis_t axis, Py_ssize_t *cells, Py_ssize_t *out
) noexcept nogil:
    """The flat numbers of the cells of n <= AT_ONCE rows, one axis further; `out` becomes -1 for rows outside it."""
    cdef Py_ssize_t k, half, n_searched = axis.n_searched
    cdef double value[AT_ONCE]
    cdef Py_ssize_t base[AT_ONCE]
    for k in range(n):
        value[k] = x[k * stride]
        base[k] = axis.guide[interval(value[k], &axis)]
    # Side by side and without branches: no prediction fails, and no load waits for another's.
    while n_searched > 1:
        half = n_searched >> 1
        for k in range(n):
            base[k] += -<Py_ssize_t> (value[k] >= axis.edges[base[k] + half - 1]) & half
        n_searched -= half
    for k in range(n):
        base[k] += (value[k] >= axis.edges[base[k]]) - 1
        out[k] |= -<Py_ssize_t> (<size_t> base[k] >= <size_t> axis.n_bins)
        cells[k] = cells[k] * axis.n_bins + base[k]


def find_cells(
    const double[:, ::1] X, const double[::1] edges, const Py_ssize_t[:, ::1] sizes, const double[:, ::1] scales,
    const int32_t[::1] guides, Py_ssize_t n_cells, cell_number[::1] cells_out, BlockQueue queue,
):
    """The flat number of each row's cell, `n_cells` for a row in none.

    For each axis `sizes` holds its number of bins, among how many edges searches go on, and its first places in `edges`
    and `guides`; `scales` its first edge and last finite one, and the origin and density of the intervals. The last of
    an axis's edges is given one step above the end of its last bin, which so belongs to it.
    """
    cdef Py_ssize_t n = X.shape[0], d = X.shape[1], i, j, k, last, count
    cdef Py_ssize_t start
    cdef axis_t axis
    cdef Py_ssize_t cell[AT_ONCE]
    cdef Py_ssize_t out[AT_ONCE]
    with nogil:
        while queue.next_rows(ROWS_IN_BLOCK, n, &start, &last):
            i = start
            while i < last:
                count = min(AT_ONCE, last - i)
                for k in range(count):
                    cell[k], out[k] = 0, 0
                for j in range(d):
                    set_axis(&axis, &sizes[j, 0], &scales[j, 0])
                    axis.edges, axis.guide = &edges[sizes[j, 2]], &guides[sizes[j, 3]]
                    if d == 1 and axis.n_searched == 1:
                        count = last - i
                        cells_on_line(&X[i, 0], count, axis, &cells_out[i])
                    else:
                        add_axis(&X[i, j], d, count, axis, cell, out)
                if d > 1 or axis.n_searched > 1:
                    for k in range(count):
                        cells_out[i + k] = <cell_number> ((cell[k] & ~out[k]) | (n_cells & out[k]))
                i += count


def sum_cells(
    const cell_number[::1] cells, const double[::1] weights, Py_ssize_t rows_per_block, amount[:, :, ::1] sums_out,
    BlockQueue queue,
):
    """Add up rows by cell, as often as weights say: (n_blocks, 1 or 4, n_cells + 1), the last for rows in none.

    `sums_out` is zero when given; whole numbers count rows, and weights are not looked at. Of four sums each takes
    every fourth row, so that neighbours in the same cell do not wait for one another.
    """
    cdef Py_ssize_t n = cells.shape[0], n_lanes = sums_out.shape[1], i, k, start, last
    cdef amount *lane[4]
    with nogil:
        while queue.next_rows(rows_per_block, n, &start, &last):
            for k in range(4):
                lane[k] = &sums_out[start // rows_per_block, k % n_lanes, 0]
            i = start
            while i + 4 <= last:
                for k in range(4):
                    lane[k][cells[i + k]] += 1 if amount is int64_t else weights[i + k]
                i += 4
                if i % BETWEEN_STOPS == 0 and queue.must_stop():
                    break
            while i < last and last - i < 4:
                lane[0][cells[i]] += 1 if amount is int64_t else weights[i]
                i += 1


def take_values(const double[::1] values, const cell_number[::1] cells, double[::1] out, BlockQueue queue):
    """The value of each row's cell."""
    cdef Py_ssize_t n = cells.shape[0], i
    cdef Py_ssize_t start, stop
    with nogil:
        while queue.next_rows(ROWS_IN_BLOCK, n, &start, &stop):
            for i in range(start, stop):
                out[i] = values[cells[i]]

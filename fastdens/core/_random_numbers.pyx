"""Random numbers, and draws made of them in one pass.

`lanes` is the state of eight generators side by side, xoshiro256++ with four words each: words (4, 8). Their number is
the same on every instruction set, and so are the words; normal numbers may differ in their last digits, by the rounding
of a b + c. A call makes numbers 64 at a time and leaves out what is too much. Calls are for one block of rows.
"""

from libc.stdint cimport uint64_t

from fastdens.core import _instruction_sets as instruction_sets

cdef extern from "random_numbers.h" nogil:
    int FD_RANDOM_LANES
    int FD_RANDOM_UNIT
    int FD_MATRIX_PADDING
    ctypedef struct fd_random_number_tiles:
        void (*uniforms)(uint64_t *, Py_ssize_t, double *) noexcept nogil
        void (*normals)(uint64_t *, Py_ssize_t, double *) noexcept nogil
        void (*by_matrix)(
            const double *, Py_ssize_t, Py_ssize_t, const Py_ssize_t *, const double *, const double *, Py_ssize_t,
            Py_ssize_t, double *
        ) noexcept nogil
    const fd_random_number_tiles fd_random_number_tiles_of[]

cdef enum:
    AT_ONCE = 1024  # numbers in a buffer, a multiple of FD_RANDOM_UNIT

LANES = FD_RANDOM_LANES
PADDING = FD_MATRIX_PADDING
MOST_IN_ROW = AT_ONCE

ctypedef fused real:
    float
    double

ctypedef void (*generator)(uint64_t *, Py_ssize_t, double *) noexcept nogil

cdef const fd_random_number_tiles *tiles


def _use_level(int level):
    global tiles
    tiles = &fd_random_number_tiles_of[level]


instruction_sets.register(_use_level)


cdef inline Py_ssize_t units(Py_ssize_t n) noexcept nogil:
    """n, rounded up to whole units."""
    return (n + FD_RANDOM_UNIT - 1) // FD_RANDOM_UNIT * FD_RANDOM_UNIT


cdef void fill(generator make, uint64_t *lanes, double[::1] numbers_out) noexcept nogil:
    cdef Py_ssize_t i, n = numbers_out.shape[0], whole = n // FD_RANDOM_UNIT * FD_RANDOM_UNIT
    cdef double[AT_ONCE] last
    if whole > 0:
        make(lanes, whole, &numbers_out[0])
    if whole < n:
        make(lanes, FD_RANDOM_UNIT, last)
        for i in range(whole, n):
            numbers_out[i] = last[i - whole]


def uniforms(uint64_t[:, ::1] lanes, double[::1] numbers_out):
    """Numbers (2 j + 1) / 2^53, uniform in (0, 1) and never 0 or 1."""
    with nogil:
        fill(tiles.uniforms, &lanes[0, 0], numbers_out)


def normals(uint64_t[:, ::1] lanes, double[::1] numbers_out):
    """Standard normal numbers."""
    with nogil:
        fill(tiles.normals, &lanes[0, 0], numbers_out)


cdef inline Py_ssize_t pick(double u, const double[::1] kept, const Py_ssize_t[::1] alias) noexcept nogil:
    """A category: one of K places, or what has the rest of it."""
    cdef Py_ssize_t at
    u = u * kept.shape[0]
    at = min(<Py_ssize_t> u, kept.shape[0] - 1)
    # No branch: which of the two it is cannot be foretold.
    return at + (u - at >= kept[at]) * (alias[at] - at)


def fill_aliases(double[::1] kept, Py_ssize_t[::1] places, Py_ssize_t[::1] alias_out):
    """From shares with the mean 1 in `kept`: what each of K equally likely places keeps, and who has its rest.

    Places with less than their share are filled up from those with more, one after the other (Vose 1991). `places` is
    a buffer of K numbers: the light ones from the left, the heavy from the right.
    """
    cdef Py_ssize_t K = kept.shape[0], n_light = 0, first_heavy = K, i, small, large
    with nogil:
        for i in range(K):
            alias_out[i] = i
            if kept[i] < 1:
                places[n_light] = i
                n_light += 1
            else:
                first_heavy -= 1
                places[first_heavy] = i
        while n_light > 0 and first_heavy < K:
            n_light -= 1
            small, large = places[n_light], places[first_heavy]
            alias_out[small] = large
            kept[large] -= 1 - kept[small]
            if kept[large] < 1:
                first_heavy += 1
                places[n_light] = large
                n_light += 1
        for i in range(first_heavy, K):
            kept[places[i]] = 1


def categories(
    uint64_t[:, ::1] lanes, const double[::1] kept, const Py_ssize_t[::1] alias, Py_ssize_t[::1] picks_out
):
    """Categories with the probabilities that `kept` and `alias` hold (Walker 1977)."""
    cdef Py_ssize_t i, first = 0, count, n = picks_out.shape[0]
    cdef double[AT_ONCE] u
    with nogil:
        while first < n:
            count = min(n - first, AT_ONCE)
            tiles.uniforms(&lanes[0, 0], units(count), u)
            for i in range(count):
                picks_out[first + i] = pick(u[i], kept, alias)
            first += count


def integers(uint64_t[:, ::1] lanes, Py_ssize_t end, Py_ssize_t[::1] picks_out):
    """Whole numbers 0 ... end - 1, equally likely but for end / 2^52."""
    cdef Py_ssize_t i, first = 0, count, n = picks_out.shape[0]
    cdef double[AT_ONCE] u
    with nogil:
        while first < n:
            count = min(n - first, AT_ONCE)
            tiles.uniforms(&lanes[0, 0], units(count), u)
            for i in range(count):
                picks_out[first + i] = min(<Py_ssize_t> (u[i] * end), end - 1)
            first += count


def normals_around(
    uint64_t[:, ::1] lanes, const real[:, ::1] centres, const double[:, ::1] scales, const Py_ssize_t[::1] picks,
    real[:, ::1] rows_out,
):
    """Row i is the centre of pick i plus normal numbers times its scales (or the one row of scales)."""
    cdef Py_ssize_t d = centres.shape[1], end = rows_out.shape[0] * d, first = 0, last, place, row = 0, a = 0
    cdef Py_ssize_t stop, step = d if scales.shape[0] > 1 else 0
    cdef real *out
    cdef const real *centre
    cdef const double *scale
    cdef double[AT_ONCE] z
    if end == 0:
        return
    out = &rows_out[0, 0]
    with nogil:
        while first < end:
            last = min(first + AT_ONCE, end)
            tiles.normals(&lanes[0, 0], units(last - first), z)
            place = first
            while place < last:
                centre, scale = &centres[picks[row], 0], &scales[0, 0] + picks[row] * step
                stop = min(d, a + last - place)
                for a in range(a, stop):
                    out[place] = <real> (centre[a] + scale[a] * z[place - first])
                    place += 1
                a = stop
                if a == d:
                    a, row = 0, row + 1
            first = last


def normals_by_matrix(
    uint64_t[:, ::1] lanes, const double[:, ::1] means, const double[:, :, ::1] matrices, const Py_ssize_t[::1] picks,
    double[:, ::1] rows_out,
):
    """Row i is the mean of pick i plus normal numbers times its upper triangular matrix (or the one matrix).

    Rows of matrices are padded with zeros to a multiple of PADDING, and hold at most MOST_IN_ROW numbers.
    """
    cdef Py_ssize_t d = means.shape[1], width = matrices.shape[2], n = rows_out.shape[0], first = 0, count
    cdef Py_ssize_t step = matrices.shape[1] * width if matrices.shape[0] > 1 else 0
    cdef double[AT_ONCE] z
    with nogil:
        while first < n:
            count = min(n - first, AT_ONCE // d)
            tiles.normals(&lanes[0, 0], units(count * d), z)
            tiles.by_matrix(
                z, count, d, &picks[first], &means[0, 0], &matrices[0, 0, 0], step, width, &rows_out[first, 0]
            )
            first += count


def points_in_cells(
    uint64_t[:, ::1] lanes, const double[::1] kept, const Py_ssize_t[::1] alias, const double[:, :, ::1] sides,
    double[:, ::1] rows_out,
):
    """Row i is uniform in the cell of a category: from sides[category, j, 0] to below sides[category, j, 1] on axis j.
    """
    cdef Py_ssize_t d = sides.shape[1], n = rows_out.shape[0], i, j
    cdef Py_ssize_t used = AT_ONCE, picked = AT_ONCE
    cdef double low, high, x
    cdef const double *side
    cdef double[AT_ONCE] u
    cdef double[AT_ONCE] of_picks
    with nogil:
        for i in range(n):
            if picked == AT_ONCE:
                tiles.uniforms(&lanes[0, 0], units(min(<Py_ssize_t> AT_ONCE, n - i)), of_picks)
                picked = 0
            side = &sides[pick(of_picks[picked], kept, alias), 0, 0]
            picked += 1
            for j in range(d):
                if used == AT_ONCE:
                    tiles.uniforms(&lanes[0, 0], units(min(<Py_ssize_t> AT_ONCE, (n - i) * d - j)), u)
                    used = 0
                low, high = side[2 * j], side[2 * j + 1]
                x = low + (high - low) * u[used]
                rows_out[i, j] = x if x < high else low  # rounding may reach the upper edge
                used += 1

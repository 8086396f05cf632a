"""Enumeration of all 2^n subsets: sums of a signed measure over every one of them.

A subset is three partial sums: the `low` outcomes (a table that stays in the first-level cache), the `middle` ones
(a table; one block of work is all pairs of the two) and the `top` ones (fixed within a block, which spells them).
Bit i of a subset's index says whether outcome i belongs to it.
"""

from fastdens.core import _instruction_sets as instruction_sets
from fastdens.core._blocks cimport BlockQueue

cdef extern from "math.h" nogil:
    double fabs(double x)

cdef extern from "subsets.h" nogil:
    struct fd_subsets_tiles:
        double (*largest)(const double *low, Py_ssize_t n_low, const double *high, Py_ssize_t n_high) noexcept nogil
        double (*largest_masked)(const double *values, const double *mask, Py_ssize_t n) noexcept nogil
        void (*sums)(const double *low, const double *low_tail, Py_ssize_t n_low, double high, double high_tail,
                     double *out) noexcept nogil
    const fd_subsets_tiles tiles_of_level "fd_subsets_tiles" []
    enum:
        FD_SUBSETS_LOW_MULTIPLE

cdef enum:
    MOST_MIDDLE = 2048  # entries of a middle table

LOW_MULTIPLE = FD_SUBSETS_LOW_MULTIPLE  # the length of a low table is a multiple of this
MIDDLE_LIMIT = MOST_MIDDLE  # the length of a middle table is at most this

cdef const fd_subsets_tiles *tiles


def use_level(int level):
    """Run on the tiles of one instruction set."""
    global tiles
    tiles = &tiles_of_level[level]


instruction_sets.register(use_level)


cdef void fill_high(const double[::1] middle, const double[::1] top, long long block, double *high) noexcept nogil:
    # The sums that the low ones of this block are added to.
    cdef double prefix = 0
    cdef Py_ssize_t i
    for i in range(top.shape[0]):
        if (block >> i) & 1:
            prefix += top[i]
    for i in range(middle.shape[0]):
        high[i] = prefix + middle[i]


def largest_sums(
    const double[::1] low, const double[::1] middle, const double[::1] top, double[::1] largest_out, BlockQueue queue
):
    """The largest |sum| in each block, all of its len(low) * len(middle) subsets evaluated.

    `low` and `middle` are tables of subset sums, `top` holds one value per outcome; block b has the top outcomes
    spelt by the bits of b, and there are 2**len(top) blocks.
    """
    cdef double high[MOST_MIDDLE]
    cdef long long block
    with nogil:
        while queue.next(&block):
            fill_high(middle, top, block, high)
            largest_out[block] = tiles.largest(&low[0], low.shape[0], high, middle.shape[0])


def largest_sums_of_size(
    const double[:, ::1] low_of_size, const Py_ssize_t[::1] low_lengths, const double[::1] middle,
    const Py_ssize_t[::1] middle_starts, const double[::1] top, Py_ssize_t most, double[::1] largest_out,
    BlockQueue queue,
):
    """As `largest_sums`, over the subsets of at most `most` outcomes.

    Row s of `low_of_size` begins with the `low_lengths[s]` low sums of at most s outcomes, padded with those of none;
    the last row has all. The middle sums of s outcomes begin at middle[middle_starts[s]].
    """
    cdef double high[MOST_MIDDLE]
    cdef long long block
    cdef Py_ssize_t remaining, size, row, first, count, bits
    cdef double largest, of_size
    with nogil:
        while queue.next(&block):
            bits = block
            remaining = most
            while bits:
                remaining -= bits & 1
                bits >>= 1
            largest = 0.0
            if remaining >= 0:
                fill_high(middle, top, block, high)
                for size in range(min(remaining, middle_starts.shape[0] - 2) + 1):
                    row, first = min(remaining - size, low_lengths.shape[0] - 1), middle_starts[size]
                    count = middle_starts[size + 1] - first
                    of_size = tiles.largest(&low_of_size[row, 0], low_lengths[row], &high[first], count)
                    largest = max(largest, of_size)
            largest_out[block] = largest


def find_largest(
    const double[::1] low, const double[::1] middle, const double[::1] top, long long block, double largest
):
    """The first (middle entry, low entry) of a block whose |sum| is `largest`, or (-1, -1)."""
    cdef double high[MOST_MIDDLE]
    cdef Py_ssize_t i, j
    fill_high(middle, top, block, high)
    for i in range(middle.shape[0]):
        for j in range(low.shape[0]):
            if fabs(high[i] + low[j]) == largest:
                return i, j
    return -1, -1


def all_sums(
    const double[::1] low, const double[::1] low_tail, const double[::1] high, const double[::1] high_tail,
    double[:, ::1] sums_out, BlockQueue queue
):
    """sums_out[k, j] = high[k] + low[j], both in doubled precision, as doubles; a block is one row."""
    cdef long long block
    with nogil:
        while queue.next(&block):
            tiles.sums(&low[0], &low_tail[0], low.shape[0], high[block], high_tail[block], &sums_out[block, 0])


# --- set functions that are not additive ------------------------------------------------------------------------------


cdef inline int number_of_outcomes(unsigned long long subset) noexcept nogil:
    # Counts of pairs, of fours and of eights of bits, then the sum of the eights (Warren 2012, Hacker's Delight, 5-1).
    subset -= (subset >> 1) & <unsigned long long>0x5555555555555555
    subset = ((subset & <unsigned long long>0x3333333333333333)
              + ((subset >> 2) & <unsigned long long>0x3333333333333333))
    subset = (subset + (subset >> 4)) & <unsigned long long>0x0F0F0F0F0F0F0F0F
    return <int>((subset * <unsigned long long>0x0101010101010101) >> 56)


cdef void keep(double value, long long subset, double *largest, long long *places) noexcept nogil:
    # The subset of fewest and the one of most outcomes among those that have the largest value; of these the first.
    cdef int size = number_of_outcomes(subset)
    if value > largest[0]:
        largest[0] = value
        places[0], places[1], places[2], places[3] = size, subset, size, subset
        return
    if size < places[0] or (size == places[0] and subset < places[1]):
        places[0], places[1] = size, subset
    if size > places[2] or (size == places[2] and subset < places[3]):
        places[2], places[3] = size, subset


def scan_values(
    const double[::1] values, const double[:, ::1] masks, long long n_subsets, Py_ssize_t most,
    Py_ssize_t rows_per_block, double[::1] largest_out, long long[::1] places_out, BlockQueue queue,
):
    """The largest |value| of this thread's blocks in largest_out[0], with its subsets in `places_out`: fewest outcomes
    and the subset, most outcomes and the subset.

    A block is so many rows of masks.shape[1] values. Row s of `masks` is 1 at the low subsets of at most s outcomes.
    Both results are updated where they are exceeded or equalled; subsets of more than `most` outcomes do not count.
    """
    cdef Py_ssize_t n_low = masks.shape[1], row, first, j, remaining
    cdef double largest, zero = 0.0
    cdef Py_ssize_t start, stop
    with nogil:
        while queue.next_rows(rows_per_block, values.shape[0] // n_low, &start, &stop):
            for row in range(start, stop):
                first, remaining = row * n_low, most - number_of_outcomes(row)
                if remaining < 0:
                    continue
                if remaining >= masks.shape[0] - 1:
                    largest = tiles.largest(&values[first], n_low, &zero, 1)
                else:
                    largest = tiles.largest_masked(&values[first], &masks[remaining, 0], n_low)
                if largest < largest_out[0]:
                    continue
                for j in range(first, min(first + n_low, n_subsets)):
                    if fabs(values[j]) == largest and number_of_outcomes(j) <= most:
                        keep(largest, j, &largest_out[0], &places_out[0])


def scan_block(
    const double[::1] values, long long first, const long long[::1] listed, double[::1] largest_out,
    long long[::1] places_out,
):
    """As `scan_values`, of one block whose subsets are listed, or are those from `first` on where the list is empty."""
    cdef Py_ssize_t n = values.shape[0], whole = n - n % FD_SUBSETS_LOW_MULTIPLE, j
    cdef bint in_order = listed.shape[0] == 0
    cdef double largest = 0.0, zero = 0.0
    with nogil:
        if whole:
            largest = tiles.largest(&values[0], whole, &zero, 1)
        for j in range(whole, n):
            largest = max(largest, fabs(values[j]))
        if largest >= largest_out[0]:
            for j in range(n):
                if fabs(values[j]) == largest:
                    keep(largest, first + j if in_order else listed[j], &largest_out[0], &places_out[0])


def list_of_size(long long first, int most, long long[::1] subsets_out):
    """The subsets of at most `most` outcomes from `first` on, in the order of their numbers, as many as fit."""
    cdef long long subset = first
    cdef Py_ssize_t j
    with nogil:
        for j in range(subsets_out.shape[0]):
            while number_of_outcomes(subset) > most:
                # All subsets up to there have the outcomes of this one, and more.
                subset += subset & -subset
            subsets_out[j] = subset
            subset += 1


cdef void join(double a, double a_tail, double b, double b_tail, double *head, double *tail) noexcept nogil:
    # a + b in doubled precision (Knuth's exact sum of two doubles).
    cdef double total = a + b
    cdef double b_part = total - a
    tail[0] = (a - (total - b_part)) + (b - b_part) + (a_tail + b_tail)
    head[0] = total


def measure_block(
    const double[:, :, ::1] low, const double[:, :, ::1] middle, const double[:, :, ::1] top, long long block,
    double[:, ::1] sums_out,
):
    """sums_out[m, j] = measure m of the j-th subset of a block, in doubled precision, as a double.

    low[m, 0] and low[m, 1] are heads and tails of the sums of measure m over the low outcomes; likewise `middle` and
    `top`. A block has sums_out.shape[1] subsets, a multiple of low.shape[2].
    """
    cdef Py_ssize_t n_low = low.shape[2], n_rows = sums_out.shape[1] // low.shape[2], m, row
    cdef long long high, at_middle, at_top
    cdef double head, tail
    with nogil:
        for m in range(sums_out.shape[0]):
            for row in range(n_rows):
                high = block * n_rows + row
                at_middle, at_top = high % middle.shape[2], high // middle.shape[2]
                join(top[m, 0, at_top], top[m, 1, at_top], middle[m, 0, at_middle], middle[m, 1, at_middle],
                     &head, &tail)
                tiles.sums(&low[m, 0, 0], &low[m, 1, 0], n_low, head, tail, &sums_out[m, row * n_low])


def measure_listed(
    const double[:, :, ::1] low, const double[:, :, ::1] middle, const double[:, :, ::1] top, Py_ssize_t n_low,
    Py_ssize_t n_middle, const long long[::1] subsets, double[:, ::1] sums_out,
):
    """As `measure_block`, of subsets that are listed; the tables are of `n_low`, `n_middle` and the other outcomes."""
    cdef long long in_low = (<long long>1 << n_low) - 1, in_middle = (<long long>1 << n_middle) - 1
    cdef long long at_low, at_middle, at_top
    cdef Py_ssize_t m, j
    cdef double head, tail
    with nogil:
        for m in range(sums_out.shape[0]):
            for j in range(subsets.shape[0]):
                at_low, at_middle = subsets[j] & in_low, (subsets[j] >> n_low) & in_middle
                at_top = subsets[j] >> (n_low + n_middle)
                join(top[m, 0, at_top], top[m, 1, at_top], middle[m, 0, at_middle], middle[m, 1, at_middle],
                     &head, &tail)
                join(head, tail, low[m, 0, at_low], low[m, 1, at_low], &head, &tail)
                sums_out[m, j] = head + tail

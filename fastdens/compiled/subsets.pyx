"""Enumeration of all 2^n subsets: sums of a signed measure over every one of them.

A subset is three partial sums: the `low` outcomes (a table that stays in the first-level cache), the `middle` ones
(a table; one block of work is all pairs of the two) and the `top` ones (fixed within a block, which spells them).
Bit i of a subset's index says whether outcome i belongs to it.
"""

from fastdens.compiled import instruction_sets
from fastdens.compiled.blocks cimport BlockQueue

cdef extern from "math.h" nogil:
    double fabs(double x)

cdef extern from "subsets.h" nogil:
    struct fd_subsets_tiles:
        double (*largest)(const double *low, Py_ssize_t n_low, const double *high, Py_ssize_t n_high) noexcept nogil
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
        while True:
            block = queue.next()
            if block < 0:
                break
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
    cdef Py_ssize_t left, size, row, first, count, bits
    cdef double largest, of_size
    with nogil:
        while True:
            block = queue.next()
            if block < 0:
                break
            bits = block
            left = most
            while bits:
                left -= bits & 1
                bits >>= 1
            largest = 0.0
            if left >= 0:
                fill_high(middle, top, block, high)
                for size in range(min(left, middle_starts.shape[0] - 2) + 1):
                    row, first = min(left - size, low_lengths.shape[0] - 1), middle_starts[size]
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
        while True:
            block = queue.next()
            if block < 0:
                break
            tiles.sums(&low[0], &low_tail[0], low.shape[0], high[block], high_tail[block], &sums_out[block, 0])

"""Sorting of numbers with their places on many threads: into buckets between sampled splitters, then bucket by bucket.

The order is the same for any number of threads: blocks are distributed in their order, buckets are sorted one by one.
"""

from libc.stdint cimport int32_t

from fastdens.core._blocks cimport BlockQueue

cdef enum:
    NUMBERS_IN_BLOCK = 32768  # per block of the passes over all numbers
    SHORT = 16  # so few numbers are sorted by insertion
    SMALL = 4096  # up to so many are distributed to bins of equal width first
    N_BINS = 1024
    AT_ONCE = 16  # searches that proceed side by side

NUMBERS_PER_BLOCK = NUMBERS_IN_BLOCK


def classify(
    const double[::1] x, const double[::1] splitters, int32_t[::1] buckets_out, Py_ssize_t[:, ::1] counts_out,
    BlockQueue queue,
):
    """The bucket of each number: how many of the ascending splitters are not above it; and counts per block.

    The number of splitters is a power of two less one; infinity may fill them up.
    """
    cdef Py_ssize_t n = x.shape[0], n_splitters = splitters.shape[0], i, k, start, last, step, block
    cdef double value[AT_ONCE]
    cdef Py_ssize_t base[AT_ONCE]
    with nogil:
        while queue.next_rows(NUMBERS_IN_BLOCK, n, &start, &last):
            block = start // NUMBERS_IN_BLOCK
            for i in range(counts_out.shape[1]):
                counts_out[block, i] = 0
            i = start
            while i < last:
                # Many at a time and without branches: no prediction fails, and no load waits for another's.
                for k in range(AT_ONCE):
                    value[k], base[k] = x[min(i + k, last - 1)], 0
                step = (n_splitters + 1) >> 1
                while step > 0:
                    for k in range(AT_ONCE):
                        base[k] += -<Py_ssize_t> (value[k] >= splitters[base[k] + step - 1]) & step
                    step >>= 1
                for k in range(min(AT_ONCE, last - i)):
                    buckets_out[i + k] = <int32_t> base[k]
                    counts_out[block, base[k]] += 1
                i += AT_ONCE


def distribute(
    const double[::1] x, const int32_t[::1] buckets, Py_ssize_t[:, ::1] starts, double[::1] sorted_out,
    Py_ssize_t[::1] order_out, BlockQueue queue,
):
    """Write each number, and its place unless that is None, to its bucket.

    `starts[block, bucket]` is where the block's share of a bucket begins.
    """
    cdef Py_ssize_t n = x.shape[0], i, place, start, stop, block
    with nogil:
        while queue.next_rows(NUMBERS_IN_BLOCK, n, &start, &stop):
            block = start // NUMBERS_IN_BLOCK
            for i in range(start, stop):
                place = starts[block, buckets[i]]
                starts[block, buckets[i]] = place + 1
                sorted_out[place] = x[i]
                if order_out is not None:
                    order_out[place] = i


def collect(
    const double[::1] distributed, const int32_t[::1] buckets, Py_ssize_t[:, ::1] starts, double[::1] out,
    BlockQueue queue,
):
    """The way back: what lies in the buckets, in the order that `distribute` was given; `starts` as there."""
    cdef Py_ssize_t n = out.shape[0], i, place, start, stop, block
    with nogil:
        while queue.next_rows(NUMBERS_IN_BLOCK, n, &start, &stop):
            block = start // NUMBERS_IN_BLOCK
            for i in range(start, stop):
                place = starts[block, buckets[i]]
                starts[block, buckets[i]] = place + 1
                out[i] = distributed[place]


cdef inline void exchange(double *x, Py_ssize_t *order, Py_ssize_t i, Py_ssize_t j) noexcept nogil:
    cdef double value = x[i]
    cdef Py_ssize_t place = order[i]
    x[i], order[i] = x[j], order[j]
    x[j], order[j] = value, place


cdef void by_insertion(double *x, Py_ssize_t *order, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i, j, place
    cdef double value
    for i in range(1, n):
        value, place = x[i], order[i]
        j = i
        while j > 0 and x[j - 1] > value:
            x[j], order[j] = x[j - 1], order[j - 1]
            j -= 1
        x[j], order[j] = value, place


cdef void sift_down(double *x, Py_ssize_t *order, Py_ssize_t root, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t child
    while 2 * root + 1 < n:
        child = 2 * root + 1
        if child + 1 < n and x[child + 1] > x[child]:
            child += 1
        if x[child] <= x[root]:
            return
        exchange(x, order, root, child)
        root = child


cdef void by_heap(double *x, Py_ssize_t *order, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n // 2 - 1, -1, -1):
        sift_down(x, order, i, n)
    for i in range(n - 1, 0, -1):
        exchange(x, order, 0, i)
        sift_down(x, order, 0, i)


cdef bint is_ascending(const double *x, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(1, n):
        if x[i - 1] > x[i]:
            return False
    return True


cdef bint by_bins(double *x, Py_ssize_t *order, Py_ssize_t n, int depth, BlockQueue queue) noexcept nogil:
    """Distribute up to SMALL numbers to bins of equal width and sort each; false where one bin has most of them."""
    cdef Py_ssize_t i, b, most = 0
    cdef Py_ssize_t places[N_BINS + 2]
    cdef Py_ssize_t orders[SMALL]
    cdef int bins[SMALL]
    cdef double values[SMALL]
    cdef double low = x[0], high = x[0], scale
    for i in range(1, n):
        low, high = min(low, x[i]), max(high, x[i])
    scale = (N_BINS - 1) / (high - low)
    if not scale < 1e300:
        return False
    for b in range(N_BINS + 2):
        places[b] = 0
    for i in range(n):
        bins[i] = <int> ((x[i] - low) * scale)
        places[bins[i] + 2] += 1
    for b in range(2, N_BINS + 2):
        most = max(most, places[b])
        places[b] += places[b - 1]
    if 2 * most > n:
        return False
    for i in range(n):
        b = places[bins[i] + 1]
        places[bins[i] + 1] = b + 1
        values[b], orders[b] = x[i], order[i]
    for i in range(n):
        x[i], order[i] = values[i], orders[i]
    for b in range(N_BINS):
        if places[b + 1] - places[b] > SHORT:
            introsort(x + places[b], order + places[b], places[b + 1] - places[b], depth, queue)
    # What is left is out of place within a bin of few.
    by_insertion(x, order, n)
    return True


cdef void introsort(double *x, Py_ssize_t *order, Py_ssize_t n, int depth, BlockQueue queue) noexcept nogil:
    """Quicksort about the median of three; by heap where it has gone too deep to be n log n."""
    cdef Py_ssize_t i, j
    cdef double pivot
    while n > SHORT:
        if n > NUMBERS_IN_BLOCK and queue.must_stop():
            return
        if depth == 0:
            by_heap(x, order, n)
            return
        depth -= 1
        if 4 * SHORT < n <= SMALL and by_bins(x, order, n, depth, queue):
            return
        if x[n // 2] < x[0]:
            exchange(x, order, 0, n // 2)
        if x[n - 1] < x[n // 2]:
            exchange(x, order, n // 2, n - 1)
            if x[n // 2] < x[0]:
                exchange(x, order, 0, n // 2)
        pivot = x[n // 2]
        i, j = 0, n - 1
        while i <= j:
            while x[i] < pivot:
                i += 1
            while x[j] > pivot:
                j -= 1
            if i <= j:
                exchange(x, order, i, j)
                i += 1
                j -= 1
        # The shorter part by recursion, the longer one by the loop.
        if j + 1 < n - i:
            introsort(x, order, j + 1, depth, queue)
            x, order, n = x + i, order + i, n - i
        else:
            introsort(x + i, order + i, n - i, depth, queue)
            n = j + 1
    by_insertion(x, order, n)


def sort_buckets(
    const Py_ssize_t[::1] starts, double[::1] x, Py_ssize_t[::1] order, bint from_here, BlockQueue queue
):
    """Sort each bucket in place, with the places: bucket b is starts[b] ... starts[b + 1] - 1, one block of work.

    With `from_here` the places are those in x itself, before it is sorted.
    """
    cdef Py_ssize_t first, n, i
    cdef long long block
    with nogil:
        while queue.next(&block):
            first, n = starts[block], starts[block + 1] - starts[block]
            if from_here:
                for i in range(first, first + n):
                    order[i] = i
            if n > 1 and not is_ascending(&x[first], n):
                introsort(&x[first], &order[first], n, 64, queue)

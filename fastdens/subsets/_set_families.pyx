"""Signed measures over families of sets: unions of intervals, and boxes in the plane.

Values are whole numbers, whose sums are exact: no order of adding changes a result. The sum of all absolute values is
at most 2^59, so that FORBIDDEN, which stands for minus infinity, can be added to any sum.
"""

from libc.stdlib cimport free, malloc

from fastdens.core._blocks cimport BlockQueue

cdef enum:
    FEW_ENTRIES = 48  # lists so short lie on the stack

cdef long long FORBIDDEN = -(1LL << 61)


# --- unions of intervals ----------------------------------------------------------------------------------------------

cdef void sift_down(const long long *weight, Py_ssize_t *heap, Py_ssize_t *place, Py_ssize_t n,
                    Py_ssize_t root) noexcept nogil:
    # A heap of runs with the lightest at its root; place[run] is where a run stands.
    cdef Py_ssize_t moving = heap[root], child
    while 2 * root + 1 < n:
        child = 2 * root + 1
        if child + 1 < n and weight[heap[child + 1]] < weight[heap[child]]:
            child += 1
        if weight[heap[child]] >= weight[moving]:
            break
        heap[root] = heap[child]
        place[heap[root]] = root
        root = child
    heap[root] = moving
    place[moving] = root


cdef void take_out(const long long *weight, Py_ssize_t *heap, Py_ssize_t *place, Py_ssize_t *n,
                   Py_ssize_t run) noexcept nogil:
    cdef Py_ssize_t at = place[run], parent, last
    n[0] -= 1
    last = heap[n[0]]
    if last == run:
        return
    while at > 0:
        parent = (at - 1) >> 1
        if weight[heap[parent]] <= weight[last]:
            break
        heap[at] = heap[parent]
        place[heap[at]] = at
        at = parent
    heap[at] = last
    place[last] = at
    sift_down(weight, heap, place, n[0], at)


def merge_runs(
    long long[::1] weights, bint first_is_in, Py_ssize_t k, Py_ssize_t[:, ::1] buffer, unsigned char[::1] in_out,
    BlockQueue queue,
):
    """Of all unions of at most k stretches of neighbouring runs, the one with the largest sum.

    Runs of values of one sign alternate; `weights` are their absolute sums, `first_is_in` says whether the first is
    positive. All positive runs are in at first; while there are more than k, the lightest run changes sides and is
    one with its neighbours. A negative run at an end has no neighbours to bind and is left out. On return
    in_out[run] says whether the run is in, and `weights` are spoilt. `buffer` has six rows as long as `weights`.
    """
    cdef Py_ssize_t n_runs = weights.shape[0], n = n_runs, i, j, run, left, right, count = 0
    cdef Py_ssize_t *heap = &buffer[0, 0]
    cdef Py_ssize_t *place = &buffer[1, 0]
    cdef Py_ssize_t *before = &buffer[2, 0]
    cdef Py_ssize_t *after = &buffer[3, 0]
    cdef Py_ssize_t *first = &buffer[4, 0]
    cdef Py_ssize_t *last = &buffer[5, 0]
    cdef long long *weight = &weights[0]
    with nogil:
        for i in range(n_runs):
            in_out[i] = first_is_in ^ (i & 1)
            count += in_out[i]
            heap[i] = place[i] = first[i] = last[i] = i
            before[i], after[i] = i - 1, i + 1
        for i in range(n - 1, -1, -1):
            sift_down(weight, heap, place, n, i)
        if not in_out[0]:
            take_out(weight, heap, place, &n, 0)
            if n_runs > 1:
                before[1] = -1
        if n_runs > 1 and not in_out[n_runs - 1]:
            take_out(weight, heap, place, &n, n_runs - 1)
            after[n_runs - 2] = n_runs
        while count > k:
            if (count & 65535) == 0 and queue.must_stop():
                break
            run = heap[0]
            left, right = before[run], after[run]
            count -= 1
            in_out[run] ^= 1
            if left < 0 or right >= n_runs:
                # A positive run at an end is dropped, with the negative one that would be the end.
                take_out(weight, heap, place, &n, run)
                if left >= 0:
                    take_out(weight, heap, place, &n, left)
                    after[before[left]] = n_runs
                if right < n_runs:
                    take_out(weight, heap, place, &n, right)
                    before[after[right]] = -1
                continue
            take_out(weight, heap, place, &n, left)
            take_out(weight, heap, place, &n, right)
            weight[run] = weight[left] + weight[right] - weight[run]
            first[run], last[run] = first[left], last[right]
            before[run], after[run] = before[left], after[right]
            if before[run] >= 0:
                after[before[run]] = run
            if after[run] < n_runs:
                before[after[run]] = run
            sift_down(weight, heap, place, n, place[run])
        for i in range(n):
            place[i] = in_out[heap[i]]
        for i in range(n_runs):
            in_out[i] = 0
        for i in range(n):
            if place[i]:
                for j in range(first[heap[i]], last[heap[i]] + 1):
                    in_out[j] = 1


def flip_stretches(long long[::1] sums, Py_ssize_t k, unsigned char[::1] in_out, BlockQueue queue):
    """As `merge_runs`, for small k, from the signed sums of runs: k times the best stretch changes sides.

    A stretch that changes sides counts with the other sign from then on, so that a later one may divide it or reach
    beyond it; this is the augmentation of a flow along paths of largest gain, and as exact. `sums` are spoilt.
    """
    cdef Py_ssize_t n = sums.shape[0], i, start, first, last
    cdef long long total, best
    with nogil:
        for i in range(n):
            in_out[i] = 0
        while k > 0 and not queue.must_stop():
            k -= 1
            total = best = start = 0
            first = last = -1
            for i in range(n):
                if total <= 0:
                    total, start = 0, i
                total += sums[i]
                if total > best:
                    best, first, last = total, start, i
            if best == 0:
                break
            for i in range(first, last + 1):
                sums[i] = -sums[i]
                in_out[i] ^= 1


# --- half-lines and intervals -----------------------------------------------------------------------------------------

def extreme_sums(const double[::1] x, const double[::1] y, long long per_x, long long per_y):
    """The largest and the least sum over half-lines of two sorted samples, each row of x worth per_x, of y -per_y.

    Returns the largest sum, how many rows of x and of y its half-line holds, and the same of the least sum.
    """
    cdef Py_ssize_t n = x.shape[0], m = y.shape[0], i = 0, j = 0
    cdef Py_ssize_t most_x = 0, most_y = 0, least_x = 0, least_y = 0
    cdef long long total = 0, most = 0, least = 0
    cdef double point
    with nogil:
        while i < n and j < m:
            point = min(x[i], y[j])
            while i < n and x[i] == point:
                total += per_x
                i += 1
            while j < m and y[j] == point:
                total -= per_y
                j += 1
            if total > most:
                most, most_x, most_y = total, i, j
            if total < least:
                least, least_x, least_y = total, i, j
        # Beyond the last point of one sample the sum only returns to that over all points.
        total += (n - i) * per_x - (m - j) * per_y
        if total > most:
            most, most_x, most_y = total, n, m
        if total < least:
            least, least_x, least_y = total, n, m
    return most, most_x, most_y, least, least_x, least_y


# --- boxes ------------------------------------------------------------------------------------------------------------

cdef struct Entry:
    # A stretch of points in the order of their rows. Cuts, where a range of rows may begin or end, lie before the
    # first point of every row only.
    long long total
    long long before  # largest sum of what comes before a cut, FORBIDDEN where the stretch has none
    long long onward  # largest sum from a cut on
    long long best  # largest sum between two cuts
    Py_ssize_t column  # of a point whose column may be left out; -1 where all is decided

cdef struct Best:
    long long value
    Py_ssize_t left
    Py_ssize_t right
    bint failed


cdef inline void append(Entry *stretch, const Entry *next) noexcept nogil:
    stretch.best = max(max(stretch.best, next.best), stretch.onward + next.before)
    stretch.before = max(stretch.before, stretch.total + next.before)
    stretch.onward = max(next.onward, stretch.onward + next.total)
    stretch.total += next.total


cdef inline void widen(long long *onward, long long *bound, const Entry *next) noexcept nogil:
    # As `append`, of what a bound needs: points that may be left out count where they are positive only.
    cdef long long total = next.total, next_onward = next.onward
    if next.column >= 0 and total < 0:
        next_onward -= total
        total = 0
    bound[0] = max(max(bound[0], next.best), onward[0] + next.before)
    onward[0] = max(next_onward, onward[0] + total)


cdef Py_ssize_t decide(const Entry *entries, Py_ssize_t n, Py_ssize_t first, Py_ssize_t last, bint kept,
                       Entry *entries_out, long long *bound_out) noexcept nogil:
    """Points in columns first ... last - 1 are in for good, or out; stretches of decided points become one entry.

    The bound is not exceeded by any box, whatever is decided of the other columns. Returns the number of entries.
    """
    cdef Py_ssize_t i, m = 0
    cdef bint have = False
    cdef Entry stretch, cut
    cdef const Entry *entry
    cdef long long onward = FORBIDDEN, bound = 0
    cut.total = cut.before = cut.onward = cut.best = 0
    cut.column = stretch.column = -1
    for i in range(n):
        entry = &entries[i]
        if entry.column >= 0:
            if entry.column < first or entry.column >= last:
                if have:
                    widen(&onward, &bound, &stretch)
                    entries_out[m] = stretch
                    m += 1
                    have = False
                widen(&onward, &bound, entry)
                entries_out[m] = entry[0]
                m += 1
                continue
            if not kept:
                if entry.before == FORBIDDEN:
                    continue
                entry = &cut
        if have:
            append(&stretch, entry)
        else:
            stretch = entry[0]
            stretch.column = -1
            have = True
    if have:
        widen(&onward, &bound, &stretch)
        entries_out[m] = stretch
        m += 1
    bound_out[0] = bound
    return m


cdef void search(const Entry *entries, Py_ssize_t n, Py_ssize_t a, Py_ssize_t a_end, Py_ssize_t b, Py_ssize_t b_end,
                 const Py_ssize_t *starts, Best *best, BlockQueue queue) noexcept nogil:
    """Boxes with their left edge in columns a ... a_end - 1 and the right one in b ... b_end - 1, the same or later.

    One range is halved at a time; where both are the same, pairs across its halves come first. A half whose bound is
    not above the best box so far is left alone.
    """
    cdef Entry near[FEW_ENTRIES]
    cdef Entry *buffer = near
    cdef Py_ssize_t middle, m, capacity, turn, first, last
    cdef bint halve_a, upper
    cdef long long bound
    if best.failed or (n > 64 and queue.must_stop()):
        return
    if a_end - a == 1 and b_end - b == 1:
        m = decide(entries, n, a, b_end, True, near, &bound)  # all is decided: one entry, its bound is the value
        if bound > best.value:
            best.value, best.left, best.right = bound, a, b
        return
    if a == b:
        middle = (a + a_end) >> 1
        search(entries, n, a, middle, middle, b_end, starts, best, queue)
    capacity = min(n, 2 * (starts[a_end] - starts[a] + (starts[b_end] - starts[b] if b > a else 0)) + 1)
    if capacity > FEW_ENTRIES:
        buffer = <Entry *> malloc(capacity * sizeof(Entry))
        if buffer == NULL:
            best.failed = True
            return
    if a == b:
        for turn in range(2):
            first, last = (middle, a_end) if turn == 0 else (a, middle)
            m = decide(entries, n, first, last, False, buffer, &bound)
            if bound > best.value:
                if turn == 0:
                    search(buffer, m, a, middle, a, middle, starts, best, queue)
                else:
                    search(buffer, m, middle, a_end, middle, a_end, starts, best, queue)
    else:
        halve_a = a_end - a >= b_end - b
        middle = (a + a_end) >> 1 if halve_a else (b + b_end) >> 1
        for turn in range(2):
            # The upper half of left edges drops the lower columns, the lower half keeps the upper ones; right edges
            # are the mirror image. The half that keeps more is tried first.
            upper = (turn == 1) if halve_a else (turn == 0)
            if halve_a:
                first, last = (a, middle) if upper else (middle, a_end)
                m = decide(entries, n, first, last, not upper, buffer, &bound)
            else:
                first, last = (b, middle) if upper else (middle, b_end)
                m = decide(entries, n, first, last, upper, buffer, &bound)
            if bound <= best.value:
                continue
            if halve_a and upper:
                search(buffer, m, middle, a_end, b, b_end, starts, best, queue)
            elif halve_a:
                search(buffer, m, a, middle, b, b_end, starts, best, queue)
            elif upper:
                search(buffer, m, a, a_end, middle, b_end, starts, best, queue)
            else:
                search(buffer, m, a, a_end, b, middle, starts, best, queue)
    if buffer != near:
        free(buffer)


def largest_boxes(
    const long long[::1] values, const Py_ssize_t[::1] columns, const unsigned char[::1] begins_row,
    const Py_ssize_t[::1] starts, const Py_ssize_t[::1] edges, const Py_ssize_t[:, ::1] pairs, long long least,
    long long[::1] values_out, Py_ssize_t[:, ::1] columns_out, BlockQueue queue,
):
    """The box of the largest sum in each block of boxes, if that is above `least`.

    Points are in the order of their rows; the last one has value 0 and begins a row. starts[c] is the number of points
    in columns before c. Block t has left edges in the columns edges[s] ... edges[s + 1] - 1 with s = pairs[t, 0], right
    edges likewise with pairs[t, 1]. columns_out[t] are the first and the last column of the box found, or -1.
    """
    cdef Py_ssize_t n = values.shape[0], i, m, a, a_end, b, b_end
    cdef long long block, bound
    cdef Best best
    cdef Entry *whole = <Entry *> malloc(2 * n * sizeof(Entry))
    cdef Entry *entries
    if whole == NULL:
        raise MemoryError(f"no memory for two lists of {n} points")
    entries = whole + n
    best.failed = False
    with nogil:
        for i in range(n):
            whole[i].total = values[i]
            whole[i].before = 0 if begins_row[i] else FORBIDDEN
            whole[i].onward = values[i] if begins_row[i] else FORBIDDEN
            whole[i].best = 0 if begins_row[i] else FORBIDDEN
            whole[i].column = columns[i]
        while queue.next(&block):
            a, a_end = edges[pairs[block, 0]], edges[pairs[block, 0] + 1]
            b, b_end = edges[pairs[block, 1]], edges[pairs[block, 1] + 1]
            best.value, best.left, best.right = least, -1, -1
            # Out are the columns before a and from b_end on; in are those between the two ranges.
            m = decide(whole, n, 0, a, False, entries, &bound)
            m = decide(entries, m, b_end, starts.shape[0] - 1, False, entries, &bound)
            if b > a_end:
                m = decide(entries, m, a_end, b, True, entries, &bound)
            if bound > least:
                search(entries, m, a, a_end, b, b_end, &starts[0], &best, queue)
            values_out[block] = best.value
            columns_out[block, 0], columns_out[block, 1] = best.left, best.right
    free(whole)
    if best.failed:
        raise MemoryError(f"no memory for lists of {n} points")

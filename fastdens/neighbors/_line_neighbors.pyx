"""Nearest neighbours of sorted univariate queries among sorted points, to both sides of each query."""

from libc.math cimport INFINITY
from libc.stdint cimport int64_t, uint8_t

from fastdens.core._blocks cimport BlockQueue

cdef enum:
    QUERIES_IN_BLOCK = 2048

QUERIES_PER_BLOCK = QUERIES_IN_BLOCK


cdef Py_ssize_t first_not_below(const double *points, Py_ssize_t n, double q) noexcept nogil:
    cdef Py_ssize_t low = 0, high = n, middle
    while low < high:
        middle = (low + high) // 2
        if points[middle] < q:
            low = middle + 1
        else:
            high = middle
    return low


cdef inline void keep_smallest(int64_t *kept, Py_ssize_t *n_kept, Py_ssize_t most, int64_t index) noexcept nogil:
    # `kept` holds the smallest indices seen, ascending.
    cdef Py_ssize_t i = n_kept[0]
    if i == most:
        if kept[i - 1] <= index:
            return
        i -= 1
    else:
        n_kept[0] = i + 1
    while i > 0 and kept[i - 1] > index:
        kept[i] = kept[i - 1]
        i -= 1
    kept[i] = index


cdef void search(
    const double *points, const Py_ssize_t *order, const Py_ssize_t *run_starts, const Py_ssize_t *run_ends,
    Py_ssize_t n, double q, Py_ssize_t right, Py_ssize_t own, Py_ssize_t k, double *distances, int64_t *indices,
) noexcept nogil:
    """The k nearest to q, `right` the first point not below it, by distance and then by index, without point `own`.

    `own` equals q (so it is not on the left), or is -1.
    """
    cdef Py_ssize_t left = right - 1, count = 0, n_kept, i
    cdef double distance, of_left, of_right
    while count < k:
        if right == own and right < n and run_ends[right] == right + 1:
            right += 1
        of_left = q - points[left] if left >= 0 else INFINITY
        of_right = points[right] - q if right < n else INFINITY
        distance = min(of_left, of_right)
        n_kept = 0
        # All runs of equal points at this distance; of each the smallest indices come first, and no more are needed.
        while left >= 0 and q - points[left] == distance:
            for i in range(run_starts[left], min(left + 1, run_starts[left] + k - count + 1)):
                if i != own:
                    keep_smallest(indices + count, &n_kept, k - count, order[i])
            left = run_starts[left] - 1
        while right < n and points[right] - q == distance:
            for i in range(right, min(run_ends[right], right + k - count + 1)):
                if i != own:
                    keep_smallest(indices + count, &n_kept, k - count, order[i])
            right = run_ends[right]
        for i in range(n_kept):
            distances[count + i] = distance
        count += n_kept


def nearest(
    const double[::1] points, const Py_ssize_t[::1] order, const Py_ssize_t[:, ::1] runs,
    const double[::1] queries, const Py_ssize_t[::1] query_order, bint leave_out_own,
    Py_ssize_t k, double[:, ::1] distances_out, int64_t[:, ::1] indices_out, BlockQueue queue,
):
    """The k nearest points of each query, at the query's place in the caller's order.

    `points` ascend, equal ones by `order`, their indices; a run is all points that equal each other, and `runs[0, i]`,
    `runs[1, i]` are the first place of that of point i and the one after its last. `queries` ascend; with
    `leave_out_own` they are the points, each of which is left out among its own neighbours.
    """
    cdef Py_ssize_t n = points.shape[0], m = queries.shape[0], j, right, own, start, stop
    with nogil:
        while queue.next_rows(QUERIES_IN_BLOCK, m, &start, &stop):
            right = first_not_below(&points[0], n, queries[start])
            for j in range(start, stop):
                while right < n and points[right] < queries[j]:
                    right += 1
                own = j if leave_out_own else -1
                search(
                    &points[0], &order[0], &runs[0, 0], &runs[1, 0], n, queries[j], right, own, k,
                    &distances_out[query_order[j], 0], &indices_out[query_order[j], 0],
                )


def distances_of_ranks(
    const double[::1] padded, Py_ssize_t margin, const double[::1] queries, bint leave_out_own,
    const Py_ssize_t[::1] ranks, Py_ssize_t coincident_rank, double[:, ::1] distances_out, uint8_t[:, ::1] tied_out,
    uint8_t[::1] coincident_out, BlockQueue queue,
):
    """Distances to the neighbours with these ranks (1 for the nearest), a row each, without telling which points.

    Besides, whether the neighbour of the rank after each is as far away, and whether that of `coincident_rank` is at
    distance zero. `padded` are ascending points between `margin` times -inf and +inf, two more than the highest rank.
    `queries` ascend; with `leave_out_own` they are the points, each of which is left out among its own neighbours.
    """
    cdef Py_ssize_t n = padded.shape[0] - 2 * margin, m = queries.shape[0], j, c, left, k, first, stop
    cdef const double *points = &padded[margin]
    cdef double q, of_left, of_right, distance
    with nogil:
        while queue.next_rows(QUERIES_IN_BLOCK, m, &first, &stop):
            for c in range(ranks.shape[0]):
                # The k nearest are k points in a row, which move to the right with the queries: while the point after
                # them is nearer than their first. A query that is a point is one of them.
                k = ranks[c] + leave_out_own
                left = first_not_below(points, n, queries[first]) - k
                for j in range(first, stop):
                    q = queries[j]
                    while points[left + k] - q < q - points[left]:
                        left += 1
                    of_left, of_right = q - points[left], points[left + k - 1] - q
                    distance = of_left if of_left > of_right else of_right
                    distances_out[c, j] = distance
                    tied_out[c, j] = (q - points[left - 1] == distance) | (points[left + k] - q == distance)
            k = coincident_rank + leave_out_own
            left = first_not_below(points, n, queries[first])
            for j in range(first, stop):
                while points[left] < queries[j]:
                    left += 1
                coincident_out[j] = points[left + k - 1] == queries[j]

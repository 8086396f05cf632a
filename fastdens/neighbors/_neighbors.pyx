"""Nearest neighbours and fixed-radius neighbours: the walk down the tree, the blocks.

Queries are taken in leaf order and in groups that end in the same leaf. A group walks down the tree once: boxes are
compared with the group's box, and what a leaf holds is compared with each query by the tiles of neighbors.h.
Without a tree (brute force) the points are a row of leaves that every group visits.
"""

from fastdens.core._blocks cimport BlockQueue

from fastdens.neighbors._neighbor_groups cimport (
    Search, end_search, finish_row, load_group, load_limits, start_search,
)

from fastdens.core import _instruction_sets as instruction_sets

from libc.math cimport INFINITY, sqrt
from libc.stdint cimport INT64_MAX, int64_t
from libc.string cimport memset

cdef const fd_neighbor_tiles *tiles

LEAF_MULTIPLE = FD_LEAF_MULTIPLE
GROUP = FD_GROUP

cdef enum:
    KIND_INNER = 0
    KIND_LEAF = 1
    KIND_EQUAL = 2
    DEEPEST = 64
    LIST_BYTES = 262144  # of the k best of a group: long lists mean small groups
    LEAVES_BETWEEN_LOOKS = 256  # at the flag that Ctrl-C sets

cdef enum Task:
    NEAREST
    COUNT
    COLLECT


def use_level(int level):
    global tiles
    tiles = &fd_neighbors_tiles[level]


instruction_sets.register(use_level)


cdef class Points:
    """Points to search among, as kd_tree.Builder leaves them.

    Coordinates are those of the data over `scale`. Without nodes (`arrays` has no "starts"), a row of leaves of
    `leaf_size` points that are all scanned.
    """

    cdef readonly Py_ssize_t n_samples, n_features, leaf_size
    cdef const int64_t[::1] indices
    cdef const double[::1] points
    cdef const Py_ssize_t[::1] starts, counts, kinds, axes
    cdef const double[::1] splits
    cdef const int64_t[::1] first_indices
    cdef const double[:, :, ::1] boxes
    cdef bint is_tree
    cdef double scale

    def __init__(
        self, Py_ssize_t n_samples, Py_ssize_t n_features, Py_ssize_t leaf_size, double scale, dict arrays
    ):
        self.n_samples, self.n_features, self.leaf_size = n_samples, n_features, leaf_size
        self.indices, self.points = arrays["indices"], arrays["points"]
        self.is_tree, self.scale = "starts" in arrays, scale
        if self.is_tree:
            self.starts, self.counts = arrays["starts"], arrays["counts"]
            self.kinds, self.axes, self.splits = arrays["kinds"], arrays["axes"], arrays["splits"]
            self.first_indices, self.boxes = arrays["first_indices"], arrays["boxes"]

    cdef fd_leaf leaf(self, Py_ssize_t start, Py_ssize_t count) noexcept nogil:
        cdef fd_leaf leaf
        leaf.points = &self.points[start * self.n_features]
        leaf.indices = &self.indices[start]
        leaf.n_points = count
        leaf.stride = (count + self.leaf_size - 1) // self.leaf_size * self.leaf_size
        leaf.box = NULL
        leaf.all_equal = 0
        return leaf

    cdef double gap(self, const Search *search, Py_ssize_t node) noexcept nogil:
        """Squared distance from the group's box to a node's box; never more than between points in them."""
        cdef Py_ssize_t f
        cdef const double *lower = &self.boxes[node, 0, 0]
        cdef const double *upper = lower + self.n_features
        cdef double sum = 0, a, b
        for f in range(self.n_features):
            a = lower[f] - search.upper[f]
            b = search.lower[f] - upper[f]
            a = a if a > b else b
            a = a if a > 0 else 0
            sum += a * a
        return sum

    cdef double farthest(self, const Search *search, Py_ssize_t node) noexcept nogil:
        """Squared distance between the farthest corners of the two boxes; never less than between points in them."""
        cdef Py_ssize_t f
        cdef const double *lower = &self.boxes[node, 0, 0]
        cdef const double *upper = lower + self.n_features
        cdef double sum = 0, a, b
        for f in range(self.n_features):
            a = upper[f] - search.lower[f]
            b = search.upper[f] - lower[f]
            a = a if a > b else b
            sum += a * a
        return sum

    cdef double visit(self, Search *search, fd_leaf *leaf, Task task) noexcept nogil:
        """One leaf; the largest limit of the group after it."""
        search.n_scanned += 1
        if task == NEAREST:
            return tiles.nearest(&search.group, leaf, &search.nearest)
        if task == COUNT:
            tiles.count(&search.group, leaf, search.counts)
        else:
            tiles.collect(&search.group, leaf, &search.within)
        return -1

    cdef int64_t last_index_wanted(self, const Search *search) noexcept nogil:
        """No query of the group replaces an equally distant neighbour by an index beyond this."""
        cdef Py_ssize_t i, k = search.nearest.k
        cdef int64_t index, last = -1
        for i in range(search.group.n_queries):
            index = fd_worst_index(search.nearest.indices + i * k, k)
            last = index if index > last else last
        return last

    cdef void scan(self, BlockQueue queue, Search *search, Task task) noexcept nogil:
        """Every leaf, in order."""
        cdef Py_ssize_t start = 0, count
        cdef fd_leaf leaf
        while start < self.n_samples:
            count = self.n_samples - start
            count = count if count < self.leaf_size else self.leaf_size
            leaf = self.leaf(start, count)
            self.visit(search, &leaf, task)
            start += count
            if search.n_scanned % LEAVES_BETWEEN_LOOKS == 0 and queue.must_stop():
                return

    cdef void descend(self, BlockQueue queue, Search *search, double largest_limit, Task task) noexcept nogil:
        """The leaves that may hold something wanted, the nearer child first."""
        cdef Py_ssize_t[DEEPEST] nodes
        cdef double[DEEPEST] gaps
        cdef Py_ssize_t size = 1, node, left, i
        cdef double gap, left_gap, right_gap, limit
        cdef fd_leaf leaf
        nodes[0] = 0
        gaps[0] = self.gap(search, 0)
        while size > 0:
            size -= 1
            node = nodes[size]
            gap = gaps[size]
            while gap < largest_limit:
                if task == NEAREST:
                    # A tie with the worst of the best: only a smaller index can be wanted.
                    if fd_next_up(gap) == largest_limit and (
                        self.first_indices[node] > self.last_index_wanted(search)
                    ):
                        break
                elif task == COUNT and self.farthest(search, node) < search.smallest_limit:
                    for i in range(search.group.n_queries):
                        search.counts[i] += self.counts[node]
                    break
                if self.kinds[node] != KIND_INNER:
                    leaf = self.leaf(self.starts[node], self.counts[node])
                    leaf.box = &self.boxes[node, 0, 0]
                    leaf.all_equal = self.kinds[node] == KIND_EQUAL
                    limit = self.visit(search, &leaf, task)
                    if task == NEAREST:
                        largest_limit = limit
                    if search.n_scanned % LEAVES_BETWEEN_LOOKS == 0 and queue.must_stop():
                        return
                    break
                left = 2 * node + 1
                left_gap = self.gap(search, left)
                right_gap = self.gap(search, left + 1)
                if left_gap <= right_gap:
                    nodes[size] = left + 1
                    gaps[size] = right_gap
                    node = left
                    gap = left_gap
                else:
                    nodes[size] = left
                    gaps[size] = left_gap
                    node = left + 1
                    gap = right_gap
                size += gaps[size] < largest_limit

    def locate(self, BlockQueue queue, const double[:, ::1] Q, Py_ssize_t block_size, Py_ssize_t[::1] leaves_out):
        """The leaf (its place in leaf order) in whose part of space each query lies."""
        cdef Py_ssize_t start, stop
        cdef Py_ssize_t i, node
        with nogil:
            while queue.next_rows(block_size, Q.shape[0], &start, &stop):
                for i in range(start, stop):
                    node = 0
                    while self.kinds[node] == KIND_INNER:
                        node = 2 * node + (1 if Q[i, self.axes[node]] < self.splits[node] else 2)
                    leaves_out[i] = self.starts[node] // self.leaf_size

    def nearest(
        self, BlockQueue queue, const double[:, ::1] Q, const int64_t[::1] order, const Py_ssize_t[::1] leaves,
        Py_ssize_t block_size, Py_ssize_t k, bint exclude_self,
        double[:, ::1] distances_out, int64_t[:, ::1] indices_out,
    ):
        """The k nearest points of each query, and the number of leaves that groups were compared with.

        `order` lists the queries as they are to be taken, `leaves` where each of them lies, in that order.
        With `exclude_self`, query i leaves out point i. Distances are multiplied by the scale.
        """
        cdef Py_ssize_t i, j, first, last, stop, row, group_size = max(1, min(FD_GROUP, LIST_BYTES // (16 * k)))
        cdef Search search
        cdef double *squared
        cdef int64_t *indices
        if not start_search(&search, self.n_features, group_size, k):
            end_search(&search)
            raise MemoryError("no memory for the neighbours of one group of queries")
        with nogil:
            while queue.next_rows(block_size, order.shape[0], &first, &stop):
                while first < stop and not queue.must_stop():
                    last = self.end_of_group(leaves, first, min(stop, first + group_size))
                    load_group(&search, Q, &order[first], last - first)
                    for i in range(last - first):
                        search.group.limits[i] = INFINITY
                        if exclude_self:
                            search.group.own[i] = order[first + i]
                    for i in range((last - first) * k):
                        search.nearest.squared[i] = INFINITY
                        search.nearest.indices[i] = INT64_MAX
                    if self.is_tree:
                        self.descend(queue, &search, INFINITY, NEAREST)
                    else:
                        self.scan(queue, &search, NEAREST)
                    for i in range(last - first):
                        squared = search.nearest.squared + i * k
                        indices = search.nearest.indices + i * k
                        row = order[first + i]
                        fd_finish_list(squared, indices, k)
                        for j in range(k):
                            distances_out[row, j] = sqrt(squared[j]) * self.scale
                            indices_out[row, j] = indices[j]
                    first = last
        end_search(&search)
        return search.n_scanned

    cdef Py_ssize_t end_of_group(
        self, const Py_ssize_t[::1] leaves, Py_ssize_t first, Py_ssize_t stop
    ) noexcept nogil:
        cdef Py_ssize_t last = first + 1
        while last < stop and leaves[last] == leaves[first]:
            last += 1
        return last

    def count(
        self, BlockQueue queue, const double[:, ::1] Q, const int64_t[::1] order, const Py_ssize_t[::1] leaves,
        Py_ssize_t block_size, const double[::1] limits, int64_t[::1] counts_out,
    ):
        """How many points have a squared distance below each query's limit."""
        cdef Py_ssize_t i, first, last, stop
        cdef double largest
        cdef Search search
        if not start_search(&search, self.n_features, 0, 0):
            end_search(&search)
            raise MemoryError("no memory for one group of queries")
        with nogil:
            while queue.next_rows(block_size, order.shape[0], &first, &stop):
                while first < stop and not queue.must_stop():
                    last = self.end_of_group(leaves, first, min(stop, first + FD_GROUP))
                    load_group(&search, Q, &order[first], last - first)
                    largest = load_limits(&search, limits, &order[first])
                    memset(search.counts, 0, FD_GROUP * sizeof(int64_t))
                    if self.is_tree:
                        self.descend(queue, &search, largest, COUNT)
                    else:
                        self.scan(queue, &search, COUNT)
                    for i in range(last - first):
                        counts_out[order[first + i]] = search.counts[i]
                    first = last
        end_search(&search)

    def collect(
        self, BlockQueue queue, const double[:, ::1] Q, const int64_t[::1] order, const Py_ssize_t[::1] leaves,
        Py_ssize_t block_size, const double[::1] limits, bint by_distance,
        const int64_t[::1] row_starts, int64_t[::1] indices_out, double[::1] distances_out,
    ):
        """The points that `count` counted: those of query i from place row_starts[i] on.

        Sorted by index, or by (distance, index); distances are multiplied by the scale.
        """
        cdef Py_ssize_t i, first, last, stop, start
        cdef double largest
        cdef Search search
        if not start_search(&search, self.n_features, 0, 0):
            end_search(&search)
            raise MemoryError("no memory for one group of queries")
        search.within.next = search.counts
        search.within.indices = &indices_out[0]
        search.within.squared = &distances_out[0]
        with nogil:
            while queue.next_rows(block_size, order.shape[0], &first, &stop):
                while first < stop and not queue.must_stop():
                    last = self.end_of_group(leaves, first, min(stop, first + FD_GROUP))
                    load_group(&search, Q, &order[first], last - first)
                    largest = load_limits(&search, limits, &order[first])
                    for i in range(last - first):
                        search.counts[i] = row_starts[order[first + i]]
                    if self.is_tree:
                        self.descend(queue, &search, largest, COLLECT)
                    else:
                        self.scan(queue, &search, COLLECT)
                    for i in range(last - first):
                        start = row_starts[order[first + i]]
                        finish_row(search.within.indices + start, search.within.squared + start,
                                   search.counts[i] - start, by_distance, self.scale)
                    first = last
        end_search(&search)

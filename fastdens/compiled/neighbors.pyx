"""Nearest neighbours and fixed-radius neighbours: the walk down the tree, the order of the queries, the blocks.

Queries are taken in leaf order and in groups that end in the same leaf. A group walks down the tree once: boxes are
compared with the group's box, and what a leaf holds is compared with each query by the tiles of simd/neighbors.h.
Without a tree (brute force) the points are a row of leaves that every group visits.
"""

from fastdens.compiled.blocks cimport BlockQueue

from fastdens.compiled import instruction_sets

from libc.math cimport INFINITY, sqrt
from libc.stdint cimport INT64_MAX, int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

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


def order_by_leaf(const Py_ssize_t[::1] leaves, Py_ssize_t[::1] counts, int64_t[::1] order_out,
                  Py_ssize_t[::1] leaves_out):
    """Queries in leaf order, and the leaves in that order (a counting sort).

    `counts` holds zeros, one more than there are leaves.
    """
    cdef Py_ssize_t i, place
    with nogil:
        for i in range(leaves.shape[0]):
            counts[leaves[i] + 1] += 1
        for i in range(1, counts.shape[0]):
            counts[i] += counts[i - 1]
        for i in range(leaves.shape[0]):
            place = counts[leaves[i]]
            counts[leaves[i]] = place + 1
            order_out[place] = i
            leaves_out[place] = leaves[i]


cdef struct Search:
    # Room of one thread: the group at work, its box, its results.
    fd_query_group group
    fd_neighbor_lists nearest
    fd_radius_lists within
    int64_t *counts
    double *lower
    double *upper
    double smallest_limit
    Py_ssize_t n_scanned


cdef void finish_row(
    int64_t *indices, double *squared, Py_ssize_t n, bint by_distance, double scale
) noexcept nogil:
    """Sorts the points found for one query and takes the square roots."""
    cdef Py_ssize_t i
    cdef int64_t index
    if by_distance:
        fd_sort_pairs(squared, indices, n)
    else:
        for i in range(n):  # an index is exact as a double, and the bits of the distance go along
            index = indices[i]
            memcpy(&indices[i], &squared[i], 8)
            squared[i] = <double>index
        fd_sort_pairs(squared, indices, n)
        for i in range(n):
            index = <int64_t>squared[i]
            memcpy(&squared[i], &indices[i], 8)
            indices[i] = index
    for i in range(n):
        squared[i] = sqrt(squared[i]) * scale


cdef class Points:
    """Points to search among, as kd_tree.Builder leaves them.

    Without nodes (`starts` is None), a row of leaves of `leaf_size` points that are all scanned.
    """

    cdef readonly Py_ssize_t n_samples, n_features, leaf_size
    cdef const int64_t[::1] indices
    cdef const double[::1] points
    cdef const Py_ssize_t[::1] starts, counts, kinds, axes
    cdef const double[::1] splits
    cdef const int64_t[::1] first_indices
    cdef const double[:, :, ::1] boxes
    cdef bint is_tree

    def __init__(
        self, Py_ssize_t n_samples, Py_ssize_t n_features, Py_ssize_t leaf_size,
        const int64_t[::1] indices, const double[::1] points,
        const Py_ssize_t[::1] starts=None, const Py_ssize_t[::1] counts=None, const Py_ssize_t[::1] kinds=None,
        const Py_ssize_t[::1] axes=None, const double[::1] splits=None, const int64_t[::1] first_indices=None,
        const double[:, :, ::1] boxes=None,
    ):
        self.n_samples, self.n_features, self.leaf_size = n_samples, n_features, leaf_size
        self.indices, self.points = indices, points
        self.starts, self.counts, self.kinds, self.axes = starts, counts, kinds, axes
        self.splits, self.first_indices, self.boxes = splits, first_indices, boxes
        self.is_tree = starts is not None

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

    cdef double reach(self, const Search *search, Py_ssize_t node) noexcept nogil:
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
                elif task == COUNT and self.reach(search, node) < search.smallest_limit:
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

    cdef bint start_search(self, Search *search, Py_ssize_t group_size, Py_ssize_t k) noexcept nogil:
        cdef Py_ssize_t d = self.n_features
        memset(search, 0, sizeof(Search))
        search.group.n_features = d
        search.group.rows = <double *>malloc(FD_GROUP * d * sizeof(double))
        search.group.columns = <double *>malloc(FD_GROUP * d * sizeof(double))
        search.group.limits = <double *>malloc(FD_GROUP * sizeof(double))
        search.group.own = <int64_t *>malloc(FD_GROUP * sizeof(int64_t))
        search.counts = <int64_t *>malloc(FD_GROUP * sizeof(int64_t))
        search.lower = <double *>malloc(2 * d * sizeof(double))
        search.upper = search.lower + d
        search.nearest.k = k
        search.nearest.squared = <double *>malloc((group_size * k + 1) * sizeof(double))
        search.nearest.indices = <int64_t *>malloc((group_size * k + 1) * sizeof(int64_t))
        return (
            search.group.rows != NULL and search.group.columns != NULL and search.group.limits != NULL
            and search.group.own != NULL and search.counts != NULL and search.lower != NULL
            and search.nearest.squared != NULL and search.nearest.indices != NULL
        )

    cdef void end_search(self, Search *search) noexcept nogil:
        free(search.group.rows)
        free(search.group.columns)
        free(search.group.limits)
        free(search.group.own)
        free(search.counts)
        free(search.lower)
        free(search.nearest.squared)
        free(search.nearest.indices)

    cdef void load_group(
        self, Search *search, const double[:, ::1] Q, const int64_t *order, Py_ssize_t n_queries
    ) noexcept nogil:
        cdef Py_ssize_t i, f, d = self.n_features
        cdef double value
        search.group.n_queries = n_queries
        memset(search.group.columns, 0, FD_GROUP * d * sizeof(double))
        memset(search.group.limits, 0, FD_GROUP * sizeof(double))
        for i in range(n_queries):
            for f in range(d):
                value = Q[order[i], f]
                search.group.rows[i * d + f] = value
                search.group.columns[f * FD_GROUP + i] = value
            search.group.own[i] = -1
        for f in range(d):
            search.lower[f] = INFINITY
            search.upper[f] = -INFINITY
            for i in range(n_queries):
                value = search.group.columns[f * FD_GROUP + i]
                search.lower[f] = value if value < search.lower[f] else search.lower[f]
                search.upper[f] = value if value > search.upper[f] else search.upper[f]

    cdef double load_limits(
        self, Search *search, const double[::1] limits, const int64_t *order
    ) noexcept nogil:
        """The group's own limits; returns the largest."""
        cdef Py_ssize_t i
        cdef double limit, largest = 0
        search.smallest_limit = INFINITY
        for i in range(search.group.n_queries):
            limit = limits[order[i]]
            search.group.limits[i] = limit
            largest = limit if limit > largest else largest
            search.smallest_limit = limit if limit < search.smallest_limit else search.smallest_limit
        return largest

    def locate(self, BlockQueue queue, const double[:, ::1] Q, Py_ssize_t block_size, Py_ssize_t[::1] leaves_out):
        """The leaf (its place in leaf order) in whose part of space each query lies."""
        cdef long long block
        cdef Py_ssize_t i, node
        with nogil:
            while True:
                block = queue.next()
                if block < 0:
                    break
                for i in range(block * block_size, min((block + 1) * block_size, Q.shape[0])):
                    node = 0
                    while self.kinds[node] == KIND_INNER:
                        node = 2 * node + (1 if Q[i, self.axes[node]] < self.splits[node] else 2)
                    leaves_out[i] = self.starts[node] // self.leaf_size

    def nearest(
        self, BlockQueue queue, const double[:, ::1] Q, const int64_t[::1] order, const Py_ssize_t[::1] leaves,
        Py_ssize_t block_size, Py_ssize_t k, bint exclude_self, double scale,
        double[:, ::1] distances_out, int64_t[:, ::1] indices_out,
    ):
        """The k nearest points of each query, and the number of leaves that groups were compared with.

        `order` lists the queries as they are to be taken, `leaves` where each of them lies, in that order.
        With `exclude_self`, query i leaves out point i. Distances are multiplied by `scale`.
        """
        cdef long long block
        cdef Py_ssize_t i, j, first, last, stop, row, group_size = max(1, min(FD_GROUP, LIST_BYTES // (16 * k)))
        cdef Search search
        cdef double *squared
        cdef int64_t *indices
        if not self.start_search(&search, group_size, k):
            self.end_search(&search)
            raise MemoryError("no memory for the neighbours of one group of queries")
        with nogil:
            while True:
                block = queue.next()
                if block < 0:
                    break
                first = block * block_size
                stop = min(first + block_size, order.shape[0])
                while first < stop and not queue.must_stop():
                    last = self.end_of_group(leaves, first, min(stop, first + group_size))
                    self.load_group(&search, Q, &order[first], last - first)
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
                            distances_out[row, j] = sqrt(squared[j]) * scale
                            indices_out[row, j] = indices[j]
                    first = last
        self.end_search(&search)
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
        cdef long long block
        cdef Py_ssize_t i, first, last, stop
        cdef double largest
        cdef Search search
        if not self.start_search(&search, 0, 0):
            self.end_search(&search)
            raise MemoryError("no memory for one group of queries")
        with nogil:
            while True:
                block = queue.next()
                if block < 0:
                    break
                first = block * block_size
                stop = min(first + block_size, order.shape[0])
                while first < stop and not queue.must_stop():
                    last = self.end_of_group(leaves, first, min(stop, first + FD_GROUP))
                    self.load_group(&search, Q, &order[first], last - first)
                    largest = self.load_limits(&search, limits, &order[first])
                    memset(search.counts, 0, FD_GROUP * sizeof(int64_t))
                    if self.is_tree:
                        self.descend(queue, &search, largest, COUNT)
                    else:
                        self.scan(queue, &search, COUNT)
                    for i in range(last - first):
                        counts_out[order[first + i]] = search.counts[i]
                    first = last
        self.end_search(&search)

    def collect(
        self, BlockQueue queue, const double[:, ::1] Q, const int64_t[::1] order, const Py_ssize_t[::1] leaves,
        Py_ssize_t block_size, const double[::1] limits, double scale, bint by_distance,
        const int64_t[::1] row_starts, int64_t[::1] indices_out, double[::1] distances_out,
    ):
        """The points that `count` counted: those of query i from place row_starts[i] on.

        Sorted by index, or by (distance, index); distances are multiplied by `scale`.
        """
        cdef long long block
        cdef Py_ssize_t i, first, last, stop, start
        cdef double largest
        cdef Search search
        if not self.start_search(&search, 0, 0):
            self.end_search(&search)
            raise MemoryError("no memory for one group of queries")
        search.within.next = search.counts
        search.within.indices = &indices_out[0]
        search.within.squared = &distances_out[0]
        with nogil:
            while True:
                block = queue.next()
                if block < 0:
                    break
                first = block * block_size
                stop = min(first + block_size, order.shape[0])
                while first < stop and not queue.must_stop():
                    last = self.end_of_group(leaves, first, min(stop, first + FD_GROUP))
                    self.load_group(&search, Q, &order[first], last - first)
                    largest = self.load_limits(&search, limits, &order[first])
                    for i in range(last - first):
                        search.counts[i] = row_starts[order[first + i]]
                    if self.is_tree:
                        self.descend(queue, &search, largest, COLLECT)
                    else:
                        self.scan(queue, &search, COLLECT)
                    for i in range(last - first):
                        start = row_starts[order[first + i]]
                        finish_row(search.within.indices + start, search.within.squared + start,
                                   search.counts[i] - start, by_distance, scale)
                    first = last
        self.end_search(&search)

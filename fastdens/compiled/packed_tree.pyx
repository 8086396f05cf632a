"""A balanced tree with eight points to a leaf and eight nodes to a node, and distances to neighbours found with it.

simd/packed_tree.h says how a tree is laid out.
"""

from libc.math cimport INFINITY, sqrt
from libc.stdint cimport int32_t, uint8_t
from libc.stdlib cimport free, malloc

from fastdens.compiled import instruction_sets
from fastdens.compiled.blocks cimport BlockQueue

cdef extern from "packed_tree.h" nogil:
    enum:
        FD_PACK
        FD_PACK_QUERIES
        FD_PACK_FEATURES
        FD_PACK_RANK
        FD_PACK_LEVELS
    struct fd_packed_tree:
        Py_ssize_t n_points
        Py_ssize_t n_features
        Py_ssize_t top
        const double *points
        const double *leaf_boxes
        const double **boxes
    struct fd_packed_room:
        int32_t *outer
        int32_t *spare
        int32_t *leaves
        double *gaps
    Py_ssize_t fd_packed_left(Py_ssize_t n)
    struct fd_packed_tiles:
        void (*arrange)(double *, double *, Py_ssize_t, Py_ssize_t, int) noexcept nogil
        Py_ssize_t (*nearest)(
            const fd_packed_tree *, const fd_packed_tree *, Py_ssize_t, Py_ssize_t, const fd_packed_room *, double *
        ) noexcept nogil
    const fd_packed_tiles fd_packed_tiles_of[]

cdef enum:
    LEAVES_IN_BLOCK = 1024

PACK, MOST_FEATURES, HIGHEST_RANK = FD_PACK, FD_PACK_FEATURES, FD_PACK_RANK
QUERIES_PER_BLOCK, LEAVES_PER_BLOCK = FD_PACK_QUERIES, LEAVES_IN_BLOCK

cdef const fd_packed_tiles *tiles


def _use_level(int level):
    global tiles
    tiles = &fd_packed_tiles_of[level]


instruction_sets.register(_use_level)


def left_size(Py_ssize_t n):
    """How many of n > PACK points are left of a split."""
    return fd_packed_left(n)


def row_width(Py_ssize_t d):
    """How many numbers a row has: the point and its index."""
    return 4 if d < 4 else 8


def split_ranges(
    double[:, ::1] rows, double[:, ::1] room, Py_ssize_t d, const Py_ssize_t[::1] starts, const Py_ssize_t[::1] ends,
    bint to_leaves, BlockQueue queue,
):
    """Split the rows starts[i] ... ends[i] - 1, one block each: once, or until there are leaves.

    A row has the point first and its index, as a number, last. `room` is scratch of the same shape.
    """
    cdef long long block
    cdef Py_ssize_t start
    with nogil:
        while True:
            block = queue.next()
            if block < 0:
                break
            start = starts[block]
            tiles.arrange(&rows[start, 0], &room[start, 0], ends[block] - start, d, to_leaves)


def fill_leaves(
    const double[:, ::1] rows, double[:, :, ::1] points_out, double[:, :, ::1] leaf_boxes_out, BlockQueue queue
):
    """Points by leaf and within it by feature, (n_leaves, d, 8), and the leaves' boxes, (n_leaves, 2, d), padded.

    A block is LEAVES_PER_BLOCK leaves.
    """
    cdef Py_ssize_t n = rows.shape[0], d = points_out.shape[1], leaf, f, i
    cdef long long block
    cdef double low, high, x
    with nogil:
        while True:
            block = queue.next()
            if block < 0:
                break
            for leaf in range(block * LEAVES_IN_BLOCK, min((block + 1) * LEAVES_IN_BLOCK, points_out.shape[0])):
                for f in range(d):
                    low, high = INFINITY, -INFINITY
                    for i in range(FD_PACK):
                        x = INFINITY
                        if leaf * FD_PACK + i < n:
                            x = rows[leaf * FD_PACK + i, f]
                            low = x if x < low else low
                            high = x if x > high else high
                        points_out[leaf, f, i] = x
                    leaf_boxes_out[leaf, 0, f], leaf_boxes_out[leaf, 1, f] = low, high


def fill_boxes(
    const double[:, :, ::1] boxes, Py_ssize_t n, double[:, :, :, ::1] by_parent_out, double[:, :, ::1] parents_out
):
    """The boxes of n nodes by parent, eight side by side, padded with empty ones, and the parents' own boxes."""
    cdef Py_ssize_t d = boxes.shape[2], parent, f, i, node
    cdef double low, high
    with nogil:
        for parent in range(by_parent_out.shape[0]):
            for f in range(d):
                low, high = INFINITY, -INFINITY
                for i in range(FD_PACK):
                    node = parent * FD_PACK + i
                    by_parent_out[parent, 0, f, i] = boxes[node, 0, f] if node < n else INFINITY
                    by_parent_out[parent, 1, f, i] = boxes[node, 1, f] if node < n else -INFINITY
                    low = min(low, by_parent_out[parent, 0, f, i])
                    high = max(high, by_parent_out[parent, 1, f, i])
                parents_out[parent, 0, f], parents_out[parent, 1, f] = low, high


cdef class PackedTree:
    """The arrays of one tree, as simd/packed_tree.h has them; `boxes` is a list with one array for each level."""

    cdef fd_packed_tree tree
    cdef readonly Py_ssize_t n_points, n_features, n_nodes
    cdef tuple arrays

    def __init__(self, Py_ssize_t n_points, const double[:, :, ::1] points, const double[:, :, ::1] leaf_boxes, boxes):
        cdef const double[:, :, :, ::1] of_level
        cdef Py_ssize_t level
        if len(boxes) > FD_PACK_LEVELS:
            raise ValueError(f"a packed tree must have at most {FD_PACK_LEVELS} levels, got {len(boxes)}")
        self.arrays = (points, leaf_boxes, boxes)
        self.n_points = self.tree.n_points = n_points
        self.n_nodes = 2 * points.shape[0] + FD_PACK * FD_PACK_LEVELS
        self.n_features = self.tree.n_features = points.shape[1]
        self.tree.points, self.tree.leaf_boxes = &points[0, 0, 0], &leaf_boxes[0, 0, 0]
        self.tree.top = len(boxes)
        for level in range(len(boxes)):
            of_level = boxes[level]
            self.tree.boxes[level] = &of_level[0, 0, 0, 0]

    def distances_of_ranks(
        self, PackedTree points, const Py_ssize_t[::1] ranks, Py_ssize_t coincident_rank, double[:, ::1] distances_out,
        uint8_t[:, ::1] tied_out, uint8_t[::1] coincident_out, BlockQueue queue,
    ):
        """From each point of this tree to the neighbours with these ranks (1 for the nearest) in another, or in itself.

        A row of the result for each rank; besides, whether the neighbour of the next rank is as far away, and whether
        that of `coincident_rank` is at distance zero. In its own tree a point is left out among its neighbours. Ranks
        ascend; they are below HIGHEST_RANK, `coincident_rank` is at most one above them. A block is QUERIES_PER_BLOCK.
        """
        cdef Py_ssize_t highest = ranks[ranks.shape[0] - 1] + 1, i, c, place, stop, k
        cdef long long block
        cdef fd_packed_room room
        cdef double[FD_PACK_QUERIES * FD_PACK_RANK] squared
        cdef const double *nearest
        cdef double distance
        cdef int32_t *memory
        room.gaps = <double *>malloc(points.n_nodes * (sizeof(double) + 3 * sizeof(int32_t)))
        if room.gaps == NULL:
            raise MemoryError("no memory for lists of nodes")
        memory = <int32_t *>(room.gaps + points.n_nodes)
        room.outer, room.spare = memory, memory + points.n_nodes
        room.leaves = memory + 2 * points.n_nodes
        with nogil:
            while True:
                block = queue.next()
                if block < 0:
                    break
                k = tiles.nearest(&self.tree, &points.tree, block, highest, &room, squared)
                stop = min(<Py_ssize_t>FD_PACK_QUERIES, self.n_points - block * FD_PACK_QUERIES)
                for i in range(stop):
                    place = i // FD_PACK * k * FD_PACK + i % FD_PACK
                    for c in range(ranks.shape[0]):
                        nearest = squared + place + (ranks[c] - 1) * FD_PACK
                        distance = sqrt(nearest[0])
                        distances_out[c, block * FD_PACK_QUERIES + i] = distance
                        tied_out[c, block * FD_PACK_QUERIES + i] = sqrt(nearest[FD_PACK]) == distance
                    coincident_out[block * FD_PACK_QUERIES + i] = squared[place + (coincident_rank - 1) * FD_PACK] == 0
        free(room.gaps)

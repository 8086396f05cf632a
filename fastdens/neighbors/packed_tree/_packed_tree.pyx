"""A balanced tree with eight points to a leaf and eight nodes to a node, and distances to neighbours found with it.

packed_tree.h says how a tree is laid out.
"""

from libc.math cimport INFINITY, sqrt
from libc.stdint cimport int16_t, int32_t, uint8_t
from libc.stdlib cimport free, malloc

from fastdens.core import _instruction_sets as instruction_sets
from fastdens.core._blocks cimport BlockQueue

cdef extern from "packed_tree.h" nogil:
    enum:
        FD_PACK
        FD_PACK_QUERIES
        FD_PACK_FEATURES
        FD_PACK_RANK
        FD_PACK_LEVELS
        FD_COLUMN_PADDING
    struct fd_packed_tree:
        Py_ssize_t n_points
        Py_ssize_t n_features
        Py_ssize_t top
        const double *points
        const double *leaf_boxes
        const double **boxes
    struct fd_packed_buffers:
        int32_t *outer
        int32_t *spare
        int32_t *leaves
        double *gaps
    struct fd_packed_sample:
        const double *points
        Py_ssize_t n_features
        Py_ssize_t row_step
        Py_ssize_t feature_step
    struct fd_packed_leaves:
        double *points
        double *leaf_boxes
        double *boxes
        double *parents
        double *in_order
    Py_ssize_t fd_packed_left(Py_ssize_t n)
    Py_ssize_t fd_packed_width(Py_ssize_t d)
    struct fd_packed_tiles:
        void (*arrange)(const fd_packed_sample *, int16_t *, int16_t *, Py_ssize_t, int) noexcept nogil
        void (*fill)(
            const fd_packed_sample *, const int16_t *, Py_ssize_t, Py_ssize_t, Py_ssize_t, const fd_packed_leaves *
        ) noexcept nogil
        Py_ssize_t (*nearest)(
            const fd_packed_tree *, const fd_packed_tree *, Py_ssize_t, Py_ssize_t, const fd_packed_buffers *, double *
        ) noexcept nogil
    const fd_packed_tiles fd_packed_tiles_of[]

cdef enum:
    PARENTS_IN_BLOCK = 128

PACK, MOST_FEATURES, HIGHEST_RANK = FD_PACK, FD_PACK_FEATURES, FD_PACK_RANK
QUERIES_PER_BLOCK = FD_PACK_QUERIES

cdef const fd_packed_tiles *tiles


def _use_level(int level):
    global tiles
    tiles = &fd_packed_tiles_of[level]


instruction_sets.register(_use_level)


def left_size(Py_ssize_t n):
    """How many of n > PACK points are left of a split."""
    return fd_packed_left(n)


def row_width(Py_ssize_t d):
    """How many numbers of 16 bits a row has: the coordinates, anything, and in the last two the place."""
    return fd_packed_width(d)


cdef fd_packed_sample sample_of(const double[:, :] points) noexcept:
    cdef fd_packed_sample sample
    sample.points, sample.n_features = &points[0, 0], points.shape[1]
    sample.row_step = points.strides[0] // <Py_ssize_t>sizeof(double)
    sample.feature_step = points.strides[1] // <Py_ssize_t>sizeof(double)
    return sample


def split_ranges(
    samples, int16_t[:, ::1] rows, const Py_ssize_t[::1] owners, const Py_ssize_t[::1] starts,
    const Py_ssize_t[::1] ends, bint to_leaves, BlockQueue queue,
):
    """Split the rows starts[i] ... ends[i] - 1, of sample owners[i], one block each: once, or until there are leaves.

    Before the first split the numbers of a row are zero, but for its place in the sample, 32 bits, at the end.
    """
    cdef long long block
    cdef Py_ssize_t i, longest = 1, n_samples = len(samples)
    cdef int16_t *column
    cdef fd_packed_sample *of_samples
    for i in range(starts.shape[0]):
        longest = max(longest, ends[i] - starts[i])
    of_samples = <fd_packed_sample *>malloc(
        n_samples * sizeof(fd_packed_sample) + (longest + FD_COLUMN_PADDING) * sizeof(int16_t)
    )
    if of_samples == NULL:
        raise MemoryError("no memory for a column of rows")
    column = <int16_t *>(of_samples + n_samples)
    try:
        for i in range(n_samples):
            of_samples[i] = sample_of(samples[i])
        with nogil:
            while queue.next(&block):
                tiles.arrange(
                    of_samples + owners[block], &rows[starts[block], 0], column, ends[block] - starts[block], to_leaves
                )
    finally:
        free(of_samples)


cdef class UnfilledTree:
    """A sample, its rows in order, and where the leaves of its tree are to be written, padded.

    Points one by one, (n, d), by leaf and within it by feature, (n_leaves, d, 8), the leaves' boxes, (n_leaves, 2, d),
    those by parent, as of `fill_boxes`, unless there are to be none, and the parents' own.
    """

    cdef fd_packed_sample sample
    cdef fd_packed_leaves out
    cdef const int16_t *rows
    cdef Py_ssize_t n_points, n_parents
    cdef readonly Py_ssize_t n_blocks
    cdef tuple arrays

    def __init__(
        self, const double[:, :] points, const int16_t[:, ::1] rows, double[:, ::1] in_order_out,
        double[:, :, ::1] points_out, double[:, :, ::1] leaf_boxes_out, double[:, :, :, ::1] boxes_out,
        double[:, :, ::1] parents_out,
    ):
        self.arrays = (points, rows, in_order_out, points_out, leaf_boxes_out, boxes_out, parents_out)
        self.sample, self.rows, self.n_points = sample_of(points), &rows[0, 0], rows.shape[0]
        self.n_parents = points_out.shape[0] // FD_PACK
        self.n_blocks = (self.n_parents + PARENTS_IN_BLOCK - 1) // PARENTS_IN_BLOCK
        self.out.points, self.out.leaf_boxes = &points_out[0, 0, 0], &leaf_boxes_out[0, 0, 0]
        self.out.parents, self.out.in_order = &parents_out[0, 0, 0], &in_order_out[0, 0]
        self.out.boxes = NULL if boxes_out is None else &boxes_out[0, 0, 0, 0]

    cdef void fill(self, Py_ssize_t block) noexcept nogil:
        tiles.fill(
            &self.sample, self.rows, self.n_points, block * PARENTS_IN_BLOCK,
            min((block + 1) * PARENTS_IN_BLOCK, self.n_parents), &self.out,
        )


def fill_leaves(list trees, BlockQueue queue):
    """Fill some trees, as many blocks as they have together: the first tree's first."""
    cdef long long block
    cdef UnfilledTree tree
    cdef Py_ssize_t i = 0, before = 0
    tree = trees[0]
    while queue.next(&block):
        while block - before >= tree.n_blocks:
            before += tree.n_blocks
            i += 1
            tree = trees[i]
        with nogil:
            tree.fill(block - before)


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
    """The arrays of one tree, as packed_tree.h has them; `boxes` is a list with one array for each level."""

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
        cdef fd_packed_buffers buffers
        cdef double[FD_PACK_QUERIES * FD_PACK_RANK] squared
        cdef const double *nearest
        cdef double distance
        cdef int32_t *memory
        buffers.gaps = <double *>malloc(points.n_nodes * (sizeof(double) + 3 * sizeof(int32_t)))
        if buffers.gaps == NULL:
            raise MemoryError("no memory for lists of nodes")
        memory = <int32_t *>(buffers.gaps + points.n_nodes)
        buffers.outer, buffers.spare = memory, memory + points.n_nodes
        buffers.leaves = memory + 2 * points.n_nodes
        with nogil:
            while queue.next(&block):
                k = tiles.nearest(&self.tree, &points.tree, block, highest, &buffers, squared)
                stop = min(<Py_ssize_t>FD_PACK_QUERIES, self.n_points - block * FD_PACK_QUERIES)
                for i in range(stop):
                    place = i // FD_PACK * k * FD_PACK + i % FD_PACK
                    for c in range(ranks.shape[0]):
                        nearest = squared + place + (ranks[c] - 1) * FD_PACK
                        distance = sqrt(nearest[0])
                        distances_out[c, block * FD_PACK_QUERIES + i] = distance
                        tied_out[c, block * FD_PACK_QUERIES + i] = sqrt(nearest[FD_PACK]) == distance
                    coincident_out[block * FD_PACK_QUERIES + i] = squared[place + (coincident_rank - 1) * FD_PACK] == 0
        free(buffers.gaps)

"""Building the kd-tree that `neighbors` searches.

The tree is balanced: a node's points are split at the median of one coordinate, rounded to whole leaves. So nodes are
numbered as in a heap (children of i: 2 i + 1 and 2 i + 2), and every leaf but the last holds leaf_size points. Points
are ordered by (coordinate, index), which leaves no ties: selection takes linear time on any data. A node whose points
are all equal is not split; its leaf is longer.
"""

from fastdens.core._blocks cimport BlockQueue

from libc.math cimport INFINITY
from libc.stdint cimport int64_t, uint64_t

cdef extern from "neighbor_lists.h" nogil:
    int fd_precedes(double a, int64_t i, double b, int64_t j)
    void fd_sort_pairs(double *squared, int64_t *indices, Py_ssize_t n)

cdef enum:
    SAMPLE = 64  # keys among which a pivot is chosen
    SMALL_SAMPLE = 16
    MANY_KEYS = 4096  # from here on the larger sample pays
    FEW_KEYS = 24  # sorted at once
    DEEPEST = 64

INNER, LEAF, LEAF_OF_EQUAL_POINTS = 0, 1, 2
cdef enum:
    KIND_INNER = 0
    KIND_LEAF = 1
    KIND_EQUAL = 2


cdef struct Tree:
    # Sizes.
    Py_ssize_t n_samples, n_features, leaf_size, n_inner
    # The data, (n_samples, n_features), and a buffer for one key of each point.
    const double *X
    double *keys
    # One row per place in leaf order; leaves hold their points feature by feature.
    int64_t *indices
    double *points
    # One row per node.
    Py_ssize_t *starts
    Py_ssize_t *counts
    Py_ssize_t *kinds
    Py_ssize_t *axes
    double *splits
    int64_t *first_indices
    double *boxes


cdef inline void swap(double *keys, int64_t *indices, Py_ssize_t i, Py_ssize_t j) noexcept nogil:
    cdef double key = keys[i]
    cdef int64_t index = indices[i]
    keys[i] = keys[j]
    indices[i] = indices[j]
    keys[j] = key
    indices[j] = index


cdef Py_ssize_t partition(
    double *keys, int64_t *indices, Py_ssize_t low, Py_ssize_t high, double pivot, int64_t pivot_index
) noexcept nogil:
    """Moves pairs that precede the pivot to the front of [low, high); where the others begin."""
    cdef Py_ssize_t i, store = low
    cdef double key
    cdef int64_t index
    for i in range(low, high):
        # Without a branch: the order of the data is not predictable.
        key = keys[i]
        index = indices[i]
        keys[i] = keys[store]
        indices[i] = indices[store]
        keys[store] = key
        indices[store] = index
        store += (key < pivot) | ((key == pivot) & (index < pivot_index))
    return store


cdef void select(double *keys, int64_t *indices, Py_ssize_t n, Py_ssize_t target) noexcept nogil:
    """Reorders n pairs so that place `target` holds what sorting would put there, and smaller ones come before it.

    Pivots come from a sorted sample, a little to the far side of the target (Floyd and Rivest, 1975), so that about
    1.5 n comparisons suffice; after too many rounds what is left is sorted.
    """
    cdef double[SAMPLE] sample
    cdef int64_t[SAMPLE] sample_indices
    cdef Py_ssize_t low = 0, high = n, size, n_sample, i, rank, middle
    cdef uint64_t random = <uint64_t>n * 2 + 1
    cdef int rounds = 0
    while high - low > FEW_KEYS and rounds < 40:
        rounds += 1
        size = high - low
        n_sample = SAMPLE if size >= MANY_KEYS else SMALL_SAMPLE
        for i in range(n_sample):
            random = random * <uint64_t>6364136223846793005 + <uint64_t>1442695040888963407
            middle = low + <Py_ssize_t>((<double>i + <double>(random >> 11) * 1.1102230246251565e-16) * size / n_sample)
            middle = high - 1 if middle >= high else middle
            sample[i] = keys[middle]
            sample_indices[i] = indices[middle]
        fd_sort_pairs(sample, sample_indices, n_sample)
        rank = (target - low) * n_sample // size
        rank += -n_sample // 16 - 1 if 2 * (target - low) > size else n_sample // 16 + 1
        rank = 0 if rank < 0 else n_sample - 1 if rank >= n_sample else rank
        middle = partition(keys, indices, low, high, sample[rank], sample_indices[rank])
        if target < middle:
            high = middle
        elif middle > low:
            low = middle
        else:  # the pivot is the smallest of all: put it first
            for i in range(low, high):
                if indices[i] == sample_indices[rank]:
                    swap(keys, indices, low, i)
                    break
            if target == low:
                return
            low += 1
    fd_sort_pairs(keys + low, indices + low, high - low)


cdef void make_leaf(Tree *tree, Py_ssize_t node, bint all_equal) noexcept nogil:
    cdef Py_ssize_t start = tree.starts[node], count = tree.counts[node], d = tree.n_features
    cdef Py_ssize_t stride = (count + tree.leaf_size - 1) // tree.leaf_size * tree.leaf_size
    cdef int64_t *indices = tree.indices + start
    cdef double *points = tree.points + start * d
    cdef double *lower = tree.boxes + node * 2 * d
    cdef double *upper = lower + d
    cdef Py_ssize_t i, f
    cdef int64_t first = indices[0]
    cdef double value
    if all_equal:  # all keys are equal, so this sorts by index
        fd_sort_pairs(tree.keys + start, indices, count)
        first = indices[0]
    for i in range(1, count):
        if indices[i] < first:
            first = indices[i]
    for f in range(d):
        lower[f] = INFINITY
        upper[f] = -INFINITY
        for i in range(count):
            value = tree.X[indices[i] * d + f]
            points[f * stride + i] = value
            lower[f] = value if value < lower[f] else lower[f]
            upper[f] = value if value > upper[f] else upper[f]
        for i in range(count, stride):
            points[f * stride + i] = INFINITY
    tree.kinds[node] = KIND_EQUAL if all_equal else KIND_LEAF
    tree.first_indices[node] = first


cdef Py_ssize_t choose_axis(Tree *tree, Py_ssize_t node) noexcept nogil:
    """The axis along which the node's points spread most, about, with their coordinates in `keys`; -1: all are equal.

    The box is cut from the parent's, so it may be too wide. It is tightened only along the axes that are tried.
    """
    cdef Py_ssize_t start = tree.starts[node], count = tree.counts[node], d = tree.n_features
    cdef double *lower = tree.boxes + node * 2 * d
    cdef double *upper = lower + d
    cdef const int64_t *indices = tree.indices + start
    cdef double *keys = tree.keys + start
    cdef Py_ssize_t f, i, axis
    cdef double width, smallest, largest
    while True:
        axis = 0
        for f in range(1, d):
            if upper[f] - lower[f] > upper[axis] - lower[axis]:
                axis = f
        width = upper[axis] - lower[axis]
        if width <= 0:
            return -1
        smallest = INFINITY
        largest = -INFINITY
        for i in range(count):
            keys[i] = tree.X[indices[i] * d + axis]
            smallest = keys[i] if keys[i] < smallest else smallest
            largest = keys[i] if keys[i] > largest else largest
        lower[axis] = smallest
        upper[axis] = largest
        if largest > smallest and largest - smallest >= 0.5 * width:
            return axis


cdef bint split(Tree *tree, Py_ssize_t node) noexcept nogil:
    """Splits a node into its children, or makes it a leaf; whether it has children."""
    cdef Py_ssize_t count = tree.counts[node], d = tree.n_features, left = 2 * node + 1, axis, n_left, f, child
    cdef Py_ssize_t n_leaves = (count + tree.leaf_size - 1) // tree.leaf_size
    cdef double *box = tree.boxes + node * 2 * d
    cdef double *child_box
    if n_leaves == 1:
        make_leaf(tree, node, False)
        return False
    axis = choose_axis(tree, node)
    if axis < 0:
        make_leaf(tree, node, True)
        return False
    n_left = (n_leaves + 1) // 2 * tree.leaf_size
    select(tree.keys + tree.starts[node], tree.indices + tree.starts[node], count, n_left)
    tree.kinds[node] = KIND_INNER
    tree.axes[node] = axis
    tree.splits[node] = tree.keys[tree.starts[node] + n_left]
    for child in range(left, left + 2):
        child_box = tree.boxes + child * 2 * d
        for f in range(2 * d):
            child_box[f] = box[f]
    tree.boxes[left * 2 * d + d + axis] = tree.splits[node]
    tree.boxes[(left + 1) * 2 * d + axis] = tree.splits[node]
    tree.starts[left] = tree.starts[node]
    tree.counts[left] = n_left
    tree.starts[left + 1] = tree.starts[node] + n_left
    tree.counts[left + 1] = count - n_left
    return True


cdef class Builder:
    """Writes the arrays of one tree.

    Parameters
    ----------
    X : (n_samples, n_features) data, finite
    leaf_size : a multiple of 16
    keys : (n_samples) scratch
    indices_out : (n_places) rows of X in leaf order, the padding last; n_places is a multiple of leaf_size
    points_out : (n_places * n_features) the points, by leaf and within it by feature; the padding is at infinity
    starts_out, counts_out, kinds_out, axes_out, splits_out, first_indices_out : (n_nodes) zeros
        places of a node's points, INNER, LEAF or LEAF_OF_EQUAL_POINTS, where inner nodes split, smallest index
    boxes_out : (n_nodes, 2, n_features) the root's bounds in row 0
    """

    cdef Tree tree
    cdef object arrays

    def __init__(
        self,
        const double[:, ::1] X,
        Py_ssize_t leaf_size,
        double[::1] keys,
        dict arrays_out,
    ):
        cdef Py_ssize_t i
        cdef int64_t[::1] indices_out = arrays_out["indices"]
        cdef double[::1] points_out = arrays_out["points"]
        cdef Py_ssize_t[::1] starts_out = arrays_out["starts"]
        cdef Py_ssize_t[::1] counts_out = arrays_out["counts"]
        cdef Py_ssize_t[::1] kinds_out = arrays_out["kinds"]
        cdef Py_ssize_t[::1] axes_out = arrays_out["axes"]
        cdef double[::1] splits_out = arrays_out["splits"]
        cdef int64_t[::1] first_indices_out = arrays_out["first_indices"]
        cdef double[:, :, ::1] boxes_out = arrays_out["boxes"]
        self.arrays = (X, keys, arrays_out)
        self.tree.n_samples = X.shape[0]
        self.tree.n_features = X.shape[1]
        self.tree.leaf_size = leaf_size
        self.tree.n_inner = (starts_out.shape[0] - 1) // 2
        self.tree.X = &X[0, 0]
        self.tree.keys = &keys[0]
        self.tree.indices = &indices_out[0]
        self.tree.points = &points_out[0]
        self.tree.starts = &starts_out[0]
        self.tree.counts = &counts_out[0]
        self.tree.kinds = &kinds_out[0]
        self.tree.axes = &axes_out[0]
        self.tree.splits = &splits_out[0]
        self.tree.first_indices = &first_indices_out[0]
        self.tree.boxes = &boxes_out[0, 0, 0]
        self.tree.counts[0] = X.shape[0]
        for i in range(indices_out.shape[0]):
            self.tree.indices[i] = i if i < X.shape[0] else -1

    def split_level(self, BlockQueue queue, Py_ssize_t level):
        """Split the nodes of one level; one block per node."""
        cdef long long block
        cdef Py_ssize_t node
        cdef Tree *tree = &self.tree
        with nogil:
            while queue.next(&block):
                node = (<Py_ssize_t>1 << level) - 1 + block
                if tree.counts[node] > 0:
                    split(tree, node)

    def build_subtrees(self, BlockQueue queue, Py_ssize_t level):
        """Build everything below the nodes of one level; one block per node."""
        cdef long long block
        cdef Py_ssize_t node, size
        cdef Py_ssize_t[DEEPEST] waiting
        cdef Tree *tree = &self.tree
        with nogil:
            while queue.next(&block):
                waiting[0] = (<Py_ssize_t>1 << level) - 1 + block
                size = 1 if tree.counts[waiting[0]] > 0 else 0
                while size > 0 and not queue.must_stop():
                    size -= 1
                    node = waiting[size]
                    if split(tree, node):
                        waiting[size] = 2 * node + 2
                        waiting[size + 1] = 2 * node + 1
                        size += 2

    def finish(self):
        """Boxes and smallest indices of inner nodes, from those of their children."""
        cdef Py_ssize_t node, left, f, d = self.tree.n_features
        cdef Tree *tree = &self.tree
        cdef double *box
        cdef const double *a
        cdef const double *b
        with nogil:
            for node in range(tree.n_inner - 1, -1, -1):
                if tree.counts[node] == 0 or tree.kinds[node] != KIND_INNER:
                    continue
                left = 2 * node + 1
                box = tree.boxes + node * 2 * d
                a = tree.boxes + left * 2 * d
                b = a + 2 * d
                for f in range(d):
                    box[f] = a[f] if a[f] < b[f] else b[f]
                    box[d + f] = a[d + f] if a[d + f] > b[d + f] else b[d + f]
                tree.first_indices[node] = min(tree.first_indices[left], tree.first_indices[left + 1])

"""Distances to the neighbours of given ranks alone, which is less work than neighbours: for radii about each point.

Points are arranged once, in ascending order in one dimension, in a packed tree in a few, and searched from as well
as for; results come in the order of the arrangement. Where neither applies, `kneighbors` answers.
"""

from __future__ import annotations

import math
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from fastdens.core._blocks import BlockQueue
from fastdens.core.sorting import sort_in_place
from fastdens.core.threads import check_n_threads, run_blocks
from fastdens.core.tuning import Tunable
from fastdens.neighbors import _line_neighbors as line_neighbors
from fastdens.neighbors.neighbors import kneighbors
from fastdens.neighbors.packed_tree import _packed_tree as packed_tree

# Squares of differences do not overflow where all coordinates are below this, nor vanish where they are above.
LARGEST, SMALLEST = 2.0**300, 2.0**-300
# With more features balls reach so many leaves that neighbours are as fast found with their indices.
MOST_FEATURES = Tunable(4)
# Nanoseconds per query, and per point for a level, for the leaves and to sort a line, on one core (Intel Xeon, Sapphire
# Rapids class, or AMD EPYC, Zen 3, November 2026), to decide whether threads are worth waking.
LINE_NS, TREE_NS = 25.0, 150.0
SPLIT_NS, LEAF_NS, SORT_NS = 2.5, 12.0, 20.0
RANGES_PER_THREAD = 8
LONGEST_RANGE = Tunable(1 << 18)  # of rows that are split until there are leaves in one go
MARGIN = 64  # of a line, so that its ends are found without looking for them, up to this rank


class Arrangement:
    """The points of a sample in an order in which neighbours are close together.

    On a line, `padded` has them between MARGIN times -inf and +inf.
    """

    def __init__(
        self, rows: np.ndarray, tree: packed_tree.PackedTree | None = None, padded: np.ndarray | None = None
    ) -> None:
        self._rows, self.tree, self.padded = rows, tree, padded

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def points(self) -> np.ndarray:
        """The points in that order, (n, d)."""
        return self._rows


def arrange(samples: list[np.ndarray], n_threads: int | None = None) -> list[Arrangement]:
    """An arrangement of each of some samples with the same features, side by side on the threads."""
    d = samples[0].shape[1]
    if d == 1:
        return _sorted_lines(samples, n_threads)
    if d > MOST_FEATURES.value or not all(map(_squares_are_safe, samples)):
        return [Arrangement(np.ascontiguousarray(sample)) for sample in samples]
    return _trees([_in_doubles(sample) for sample in samples], check_n_threads(n_threads))


def _in_doubles(sample: np.ndarray) -> np.ndarray:
    """With whole numbers of doubles from point to point and from feature to feature."""
    sample = np.asarray(sample, np.float64)
    whole = all(stride % sample.itemsize == 0 for stride in sample.strides)
    return sample if whole else np.ascontiguousarray(sample)


def _sorted_lines(samples: list[np.ndarray], n_threads: int | None) -> list[Arrangement]:
    padded = [np.empty(len(sample) + 2 * MARGIN) for sample in samples]

    def sort(queue: BlockQueue) -> None:
        while (block := queue.take()) >= 0:
            ends = padded[block]
            ends[:MARGIN], ends[-MARGIN:] = -np.inf, np.inf
            ends[MARGIN:-MARGIN] = samples[block][:, 0]
            sort_in_place(ends[MARGIN:-MARGIN], n_threads)

    run_blocks(sort, len(samples), n_threads, SORT_NS * sum(map(len, samples)))
    return [Arrangement(line[MARGIN:-MARGIN, None], padded=line) for line in padded]


def _squares_are_safe(X: np.ndarray) -> bool:
    largest = max(float(X.max()), -float(X.min()))
    return largest == 0 or SMALLEST <= largest <= LARGEST


def _trees(samples: list[np.ndarray], n_threads: int) -> list[Arrangement]:
    d, ends = samples[0].shape[1], np.cumsum([len(sample) for sample in samples]).tolist()
    ranges = [(owner, end - len(samples[owner]), end) for owner, end in enumerate(ends)]
    buffers, *of_each = _in_one_piece([[(ends[-1], packed_tree.row_width(d) // 4)], *map(_shapes, samples)])
    rows = buffers[0].view(np.int16)
    rows[:] = 0
    for _, start, end in ranges:
        rows.view(np.uint32)[start:end, -1] = np.arange(end - start)
    of_samples = [rows[start:end] for _, start, end in ranges]
    while True:
        # Few ranges are shared badly, and a long one is deaf to Ctrl-C.
        few = n_threads > 1 and len(ranges) < RANGES_PER_THREAD * n_threads
        long = [each for each in ranges if each[2] - each[1] > (packed_tree.PACK if few else LONGEST_RANGE.value)]
        if not long:
            break
        _split(samples, rows, long, False, n_threads)
        ranges = [each for each in ranges if each[2] - each[1] > packed_tree.PACK and each not in long]
        for owner, start, end in long:
            middle = start + packed_tree.left_size(end - start)
            ranges += [(owner, start, middle), (owner, middle, end)]
    if ranges:
        _split(samples, rows, ranges, True, n_threads)
    parents = [np.empty((-(-len(points) // packed_tree.PACK**2) * packed_tree.PACK, 2, d)) for _, points, *_ in of_each]
    trees = [
        packed_tree.UnfilledTree(sample, own, in_order, points, leaf_boxes, boxes[0] if boxes else None, above)
        for sample, own, (in_order, points, leaf_boxes, *boxes), above in zip(samples, of_samples, of_each, parents)
    ]
    n_blocks = sum(tree.n_blocks for tree in trees)
    run_blocks(partial(packed_tree.fill_leaves, trees), n_blocks, n_threads, LEAF_NS * len(rows))
    return [_packed(*each) for each in zip(of_each, parents)]


def _shapes(sample: np.ndarray) -> list[tuple[int, ...]]:
    """Of the points in order, one by one and by leaf, of the leaves' boxes and of those of each level above."""
    (n, d), pack = sample.shape, packed_tree.PACK
    n_nodes = -(-n // pack)
    n_leaves = -(-n_nodes // pack) * pack
    shapes: list[tuple[int, ...]] = [(n, d), (n_leaves, d, pack), (n_leaves, 2, d)]
    while n_nodes > 1:
        n_nodes = -(-n_nodes // pack)
        shapes.append((-(-n_nodes // pack) * pack, 2, d, pack))
    return shapes


def _in_one_piece(shapes: list[list[tuple[int, ...]]]) -> list[list[np.ndarray]]:
    """Arrays of these shapes side by side: NumPy asks for huge pages for what is large, which is less to set up."""
    ends = np.cumsum([0, *(math.prod(shape) for some in shapes for shape in some)]).tolist()
    memory, start = np.empty(ends[-1]), pairwise(ends)
    return [[memory[slice(*next(start))].reshape(shape) for shape in some] for some in shapes]


def _split(
    samples: list[np.ndarray], rows: np.ndarray, ranges: list[tuple[int, int, int]], to_leaves: bool, n_threads: int
) -> None:
    owners, starts, ends = np.array(ranges, dtype=np.intp).T.copy()
    levels = np.log2(len(rows)) if to_leaves else 1
    run_blocks(
        partial(packed_tree.split_ranges, samples, rows, owners, starts, ends, to_leaves),
        len(ranges),
        n_threads,
        SPLIT_NS * len(rows) * levels,
    )


def _packed(buffers: list[np.ndarray], parents: np.ndarray) -> Arrangement:
    """The tree of which all is known up to the boxes of the leaves' parents."""
    in_order, points, leaf_boxes, *boxes = buffers
    (n, d), pack = in_order.shape, packed_tree.PACK
    n_nodes = -(-n // pack**2)
    if boxes:
        boxes[0][n_nodes:] = np.array([np.inf, -np.inf])[:, None, None]
    for by_parent in boxes[1:]:
        of_level, parents = parents, np.empty((len(by_parent), 2, d))
        packed_tree.fill_boxes(of_level, n_nodes, by_parent, parents)
        n_nodes = -(-n_nodes // pack)
    return Arrangement(in_order, packed_tree.PackedTree(n, points, leaf_boxes, boxes))


class RankDistances(NamedTuple):
    """What is known of the neighbours of certain ranks, 1 for the nearest."""

    distances: np.ndarray
    """(n_ranks, n_queries)."""
    tied: np.ndarray
    """Whether the neighbour of the next rank is as far away, (n_ranks, n_queries)."""
    coincident: np.ndarray
    """Whether as many points as were asked for are where the query is, (n_queries,)."""


def distances_of_ranks(
    queries: Arrangement, points: Arrangement, ranks: list[int], coincident_rank: int = 1, n_threads: int | None = None
) -> RankDistances:
    """Distances from the queries to their neighbours of these ascending ranks, and whether others are as near.

    `coincident_rank` is how many points make a query coincident, at most one more than the highest rank. Where `points`
    is `queries`, each point is left out among its own neighbours.
    """
    own, columns = points is queries, np.array(ranks, dtype=np.intp)
    found = RankDistances(
        np.empty((len(ranks), len(queries))), np.empty((len(ranks), len(queries)), bool), np.empty(len(queries), bool)
    )
    places = found.distances, found.tied.view(np.uint8), found.coincident.view(np.uint8)
    if queries.tree is not None and points.tree is not None and ranks[-1] < packed_tree.HIGHEST_RANK:
        run_blocks(
            partial(queries.tree.distances_of_ranks, points.tree, columns, coincident_rank, *places),
            -(-len(queries) // packed_tree.QUERIES_PER_BLOCK),
            n_threads,
            TREE_NS * len(queries),
        )
        return found
    if queries.padded is not None and points.padded is not None:
        margin, padded, line = MARGIN, points.padded, queries.points[:, 0]
        if ranks[-1] + 2 > MARGIN:
            margin = ranks[-1] + 2
            padded = np.pad(points.points[:, 0], margin, constant_values=(-np.inf, np.inf))
        run_blocks(
            partial(line_neighbors.distances_of_ranks, padded, margin, line, own, columns, coincident_rank, *places),
            -(-len(line) // line_neighbors.QUERIES_PER_BLOCK),
            n_threads,
            LINE_NS * len(ranks) * len(line),
        )
        return found
    # All that is there, where that is less than one more than the highest rank.
    available = min(ranks[-1] + 1, len(points) - own)
    others = None if own else queries.points
    by_rank = kneighbors(points.points, others, available, exclude_self=own, n_threads=n_threads)[0].T
    following = np.vstack([by_rank, np.full((1, len(queries)), np.inf)])[columns]
    np.copyto(found.distances, by_rank[columns - 1])
    np.equal(found.distances, following, out=found.tied)
    np.copyto(found.coincident, by_rank[coincident_rank - 1] == 0 if coincident_rank <= available else False)
    return found

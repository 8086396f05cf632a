"""Boxes on a rectilinear grid: their numbers, their neighbours, and points in their order."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastdens.core.threads import run_blocks
from fastdens.core.tuning import Tunable
from fastdens.kernel_sums.fast_gauss import _box_sums as compiled

# Beyond this many boxes along an axis their edges are no longer exact in double precision.
MOST_BOXES_ALONG = 2.0**45
# Up to this many cells (and up to so many a point) the boxes are looked up in a table, beyond by binary search.
MOST_TABLE_CELLS, TABLE_CELLS_PER_POINT = 1 << 25, 2
# Keys whose neighbours are listed at once.
KEYS_AT_ONCE = Tunable(1 << 13)


class Boxes:
    """The box numbers of an axis-aligned range, as one number per box, and the boxes that are present.

    Keys count the first axis fastest.
    """

    def __init__(self, lowest: np.ndarray, shape: tuple[int, ...], table: bool) -> None:
        self.lowest, self.shape, self.table = lowest, shape, table
        self.strides = np.cumprod([1, *shape[:-1]]).astype(np.int64)

    def positions(self, keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """Place of each wanted key among the sorted `keys`, -1 where it is absent."""
        if self.table:
            places = np.full(math.prod(self.shape), -1, dtype=np.intp)
            places[keys] = np.arange(len(keys))
            return places[wanted]
        if len(keys) == 0:
            return np.full(wanted.shape, -1, dtype=np.intp)
        places = np.searchsorted(keys, wanted)
        places[places == len(keys)] = 0
        places[keys[places] != wanted] = -1
        return places.astype(np.intp, copy=False)

    def along(self, keys: np.ndarray, axis: int, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Keys of the boxes `offsets` away along an axis, and which of them are inside the range."""
        coordinate = keys // self.strides[axis] % self.shape[axis]
        moved = coordinate[:, None] + offsets
        inside = (moved >= 0) & (moved < self.shape[axis])
        return np.where(inside, keys[:, None] + offsets * self.strides[axis], 0), inside

    def dilated(self, keys: np.ndarray, axis: int, offsets: np.ndarray) -> np.ndarray:
        """All boxes within the offsets of some box, along an axis."""
        parts = [keys[:0]]
        for first in range(0, len(keys), KEYS_AT_ONCE.value):
            moved, inside = self.along(keys[first : first + KEYS_AT_ONCE.value], axis, offsets)
            parts.append(np.unique(moved[inside]))
        return parts[1] if len(parts) == 2 else np.unique(np.concatenate(parts))

    def neighbours(self, keys: np.ndarray, of: np.ndarray, axis: int, offsets: np.ndarray) -> np.ndarray:
        """For each box of `of`, where the boxes `offsets` away stand in `keys` (-1: absent), (n_boxes, n_offsets)."""
        moved, inside = self.along(of, axis, offsets)
        places = self.positions(keys, moved)
        places[~inside] = -1
        return np.ascontiguousarray(places)


@dataclass(frozen=True)
class SortedPoints:
    """Points in the order of their boxes: box b holds starts[b] ... starts[b + 1] - 1 and has key keys[b]."""

    keys: np.ndarray
    starts: np.ndarray
    order: np.ndarray
    local: np.ndarray

    def boxed(self, weights: np.ndarray | None = None) -> compiled.BoxedPoints:
        """As compiled loops take them; weights are in the order of boxes."""
        return compiled.BoxedPoints(self.keys, self.starts, self.order, self.local, weights)


def _in_point_blocks(function: Any, n: int, n_threads: int | None, *arguments: Any) -> None:
    def work(queue: Any) -> None:
        function(*arguments, queue)

    run_blocks(work, -(-n // compiled.POINTS_PER_BLOCK), n_threads, 5.0 * n)


def cell_range(X: np.ndarray, widths: np.ndarray, n_threads: int | None) -> np.ndarray:
    """Smallest and largest box number per axis, (2, n_features)."""
    if X.shape[1] == 1:  # numpy is faster here
        with np.errstate(over="ignore"):  # an infinite number of boxes is one too many for `covers`
            return np.floor(np.array([[X.min()], [X.max()]]) / widths)
    ranges = np.empty((-(-len(X) // compiled.POINTS_PER_BLOCK), X.shape[1], 2))
    _in_point_blocks(compiled.cell_ranges, len(X), n_threads, X, widths, ranges)
    return np.array([ranges[:, :, 0].min(axis=0), ranges[:, :, 1].max(axis=0)])


def sort_into_boxes(X: np.ndarray, widths: np.ndarray, boxes: Boxes, n_threads: int | None) -> SortedPoints:
    n, d = X.shape
    keys, order = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.intp)
    _in_point_blocks(compiled.cell_keys, n, n_threads, X, widths, boxes.lowest, boxes.strides, keys)
    if boxes.table:
        starts = np.empty(math.prod(boxes.shape) + 2, dtype=np.intp)
        compiled.counting_sort(keys, len(starts) - 2, starts, order)
        occupied = np.flatnonzero(starts[1:-1] != starts[:-2])
        starts = np.append(starts[occupied], n)
    else:
        order = np.argsort(keys, kind="stable")
        occupied, first = np.unique(keys[order], return_index=True)
        starts = np.append(first, n).astype(np.intp)
    local = np.empty((d, n))
    _in_point_blocks(compiled.local_coordinates, n, n_threads, X, order, widths, local)
    return SortedPoints(occupied, starts, order, local)

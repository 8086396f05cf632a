"""The box transform in bounded memory: tiles of target boxes, and in each a window of slabs that moves along it.

An expansion has terms^d numbers, many times what the points of its box take, so that those of all boxes are never there
at once. Moments are carried along the first axis as they are formed, slab by slab along the second one, into a ring of
slabs; a slab of targets takes what is within the radius from the ring, and is evaluated at once. Where a window does
not fit, a tile is cut across, first and second axis in turn: then only boxes around the cut are worked on twice.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastdens.core.threads import run_blocks
from fastdens.core.tuning import Tunable
from fastdens.kernel_sums.fast_gauss import _box_passes as compiled
from fastdens.kernel_sums.fast_gauss._box_sums import row_length
from fastdens.kernel_sums.fast_gauss.box_interpolants import AxisTransform
from fastdens.kernel_sums.fast_gauss.boxes import Boxes, SortedPoints
from fastdens.kernel_sums.planning.costs import BOX_CARRY_NS

# Numbers in the ring and the slabs before it: so many, and in proportion to those that the data have.
MOST_NUMBERS, NUMBERS_PER_COORDINATE = Tunable(1 << 21), Tunable(1.25)
# Most targets of a tile, and most boxes that are listed for them: up to hundreds for one where targets lie far apart.
MOST_TARGETS, MOST_LISTED = Tunable(1 << 14), 1 << 15
# The ring is no shorter than for so many numbers: longer passes are worth a second thread.
FEWEST_NUMBERS = Tunable(1 << 20)
# Slabs that are evaluated together share what they take from the ring; a tile for fewer is cut.
SLABS_AT_ONCE = Tunable(2)


class BoxPasses:
    """Sums at the queries of some boxes; `along` has stride, number of boxes and half width of each axis."""

    def __init__(
        self,
        boxes: Boxes,
        axes: list[AxisTransform],
        along: np.ndarray,
        terms: int,
        sources: SortedPoints,
        weights: np.ndarray | None,
        targets: SortedPoints,
        n_threads: int | None,
    ) -> None:
        self.boxes, self.axes, self.along, self.terms = boxes, axes, along, terms
        self.sources, self.targets, self.n_threads = sources, targets, n_threads
        self.boxed_sources = sources.boxed(weights)
        self.carried = [
            compiled.CarriedAxis(of_axis, axis.matrices, terms) for of_axis, axis in zip(along, axes, strict=True)
        ]
        self.numbers = row_length(terms) * terms ** (len(axes) - 1)
        most = MOST_NUMBERS.value + int(NUMBERS_PER_COORDINATE.value * (sources.local.size + targets.local.size))
        in_ring = compiled.packed_length(terms) if len(axes) == 3 else self.numbers
        # A window over a single column of boxes must fit.
        self.most_in_ring = max(most * 5 // 6 // in_ring, 2 * int(along[-1, 2]) + 1)
        self.most_in_slabs = max(most // 6 // self.numbers, 2 * int(along[len(axes) // 2, 2]) + 1)
        self.ring, self.slabs = np.empty((0, in_ring)), np.empty((0, self.numbers))

    def evaluate(self, chosen: np.ndarray, *arguments: Any) -> None:
        """Sums at the queries of the `chosen` target boxes.

        `arguments` are the targets' BoxedQueries, and bounds and failures by box, as the compiled `last_axis` says.
        """
        if len(chosen) == 0:
            return
        if len(self.axes) == 1:
            self._line_sums(chosen, arguments)
            return
        tiles = [chosen]
        while tiles:
            tile = tiles.pop()
            keys = self.targets.keys[tile]
            levels = self._levels(keys) if len(tile) <= MOST_TARGETS.value else []
            if not levels:
                tiles += self._halves(tile, keys, len(self.axes))
                continue
            windows = self._windows(keys, levels, SLABS_AT_ONCE.value)
            halves = [] if windows else self._halves(tile, keys, len(self.axes) - 1)
            if halves:
                tiles += halves
            else:
                self._tile(tile, keys, levels, windows or self._windows(keys, levels, 1), arguments)

    def _halves(self, tile: np.ndarray, keys: np.ndarray, n_axes: int) -> list[np.ndarray]:
        """The tile cut in two across one of the first axes, the second half first; empty if it is one box wide."""
        coordinates = [keys // stride % count for stride, count, _ in self.along[:n_axes]]
        widths = [int(c.max() - c.min()) for c in coordinates]
        # What lies around a cut across the first axis is only recomputed, across the second one also carried on.
        weights = [4, 1, 0.25][:n_axes]
        axis = int(np.argmax([width * weight for width, weight in zip(widths, weights, strict=True)]))
        if widths[axis] == 0:
            return []
        middle = max(int(np.median(coordinates[axis])), int(coordinates[axis].min()) + 1)
        return [tile[coordinates[axis] >= middle], tile[coordinates[axis] < middle]]

    def _levels(self, keys: np.ndarray) -> list[np.ndarray]:
        """Boxes where there is something for the targets after each axis but the last; empty if too many are asked."""
        wanted = [keys]
        for axis in range(len(self.axes) - 1, 0, -1):
            if len(wanted[-1]) > MOST_LISTED and len(keys) > 1:
                return []
            wanted.append(self.boxes.dilated(wanted[-1], axis, self.axes[axis].offsets))
        levels, sources = [], self.sources.keys
        for axis, targets in enumerate(wanted[:0:-1]):
            flags = np.zeros(len(targets), dtype=np.uint8)
            if len(sources):
                self._run(compiled.reached, sources, targets, self.along[axis], flags, n=len(targets), ns=300.0)
            sources = targets[flags.view(bool)]
            levels.append(sources)
        return levels

    def _windows(
        self, keys: np.ndarray, levels: list[np.ndarray], slabs_at_once: int
    ) -> list[tuple[int, int, int, int]]:
        """Runs of targets, and the run of the last level that each takes from; empty where these are too long.

        The ring is made long enough for them.
        """
        stride, _, half_width = self.along[-1]
        slabs, first = np.unique(keys // stride, return_index=True)
        ends = np.append(first[1:], len(keys))
        last_level = levels[-1] // stride
        low = np.searchsorted(last_level, slabs - half_width)
        high = np.searchsorted(last_level, slabs + half_width, side="right")
        together = np.searchsorted(slabs, slabs + slabs_at_once) - 1
        longest = int((high[together] - low).max())
        longest_slab = 0
        if len(levels) > 1:
            longest_slab = int(np.unique(levels[0] // stride, return_counts=True)[1].max(initial=0))
        if longest > self.most_in_ring or longest_slab > self.most_in_slabs:
            return []
        # A longer ring would do no better; one that is there from another tile is used as it is.
        rows = max(longest, min(self.most_in_ring, FEWEST_NUMBERS.value // self.ring.shape[1], len(last_level)), 1)
        self.ring, self.slabs = _as_long(self.ring, rows), _as_long(self.slabs, longest_slab)
        windows, i = [], 0
        while i < len(slabs):
            j = int(np.searchsorted(high, low[i] + len(self.ring), side="right"))
            windows.append((int(first[i]), int(ends[j - 1]), int(low[i]), int(high[j - 1])))
            i = j
        return windows

    def _tile(
        self,
        tile: np.ndarray,
        keys: np.ndarray,
        levels: list[np.ndarray],
        windows: list[tuple[int, int, int, int]],
        arguments: tuple,
    ) -> None:
        last, stride = levels[-1], self.along[-1, 0]
        order = None
        if len(levels) == 2:
            # Boxes that are neighbours along the second axis follow each other, slab by slab.
            line = last % self.along[1, 0]
            order = np.lexsort((last, line, last // stride))
        done = 0
        for first, end, low, high in windows:
            self._fill(levels, max(done, low), high, order)
            done = max(done, high)
            # And here those that are neighbours along the last axis.
            by_line = tile[first:end][np.argsort(keys[first:end] % stride, kind="stable")]
            n_queries = int((self.targets.starts[by_line + 1] - self.targets.starts[by_line]).sum())
            self._run(
                compiled.last_axis, self.ring, last, low, high, self.carried[-1], arguments[0], by_line, *arguments[1:],
                n=len(by_line), ns=self._carrying_ns() + n_queries / len(by_line) * 0.3 * self.numbers,
                boxes_per_block=compiled.FEW_PER_BLOCK,
            )  # fmt: skip

    def _fill(self, levels: list[np.ndarray], low: int, high: int, order: np.ndarray | None) -> None:
        """Boxes low ... high - 1 of the last level into the ring."""
        if order is None:
            self._first_axis(levels[0], low, high, self.ring)
            return
        stride = self.along[-1, 0]
        slabs, before = levels[1] // stride, levels[0] // stride
        while low < high:
            start = int(np.searchsorted(before, slabs[low]))
            # As many whole slabs as fit.
            beyond = before[start + len(self.slabs)] if start + len(self.slabs) < len(before) else before[-1] + 1
            end = int(np.searchsorted(before, min(beyond, slabs[high - 1] + 1)))
            stop = min(int(np.searchsorted(slabs, beyond)), high)
            self._first_axis(levels[0], start, end, self.slabs)
            self._run(
                compiled.middle_axis, self.slabs, levels[0], start, end, levels[1], order[low:stop], self.carried[1],
                self.ring,
                n=stop - low, ns=self._carrying_ns(), boxes_per_block=compiled.FIRST_PER_BLOCK,
            )  # fmt: skip
            low = stop

    def _first_axis(self, keys: np.ndarray, first: int, end: int, ring: np.ndarray) -> None:
        points_per_box = len(self.sources.order) / len(self.sources.keys)
        self._run(
            compiled.first_axis, self.boxed_sources, keys, first, end, self.carried[0], ring,
            n=end - first, ns=self._carrying_ns() + 0.2 * self.numbers * points_per_box,
            boxes_per_block=compiled.FIRST_PER_BLOCK,
        )  # fmt: skip

    def _line_sums(self, chosen: np.ndarray, arguments: tuple) -> None:
        n_points = len(self.sources.order) + len(self.targets.order)
        self._run(
            compiled.line_sums, self.boxed_sources, self.carried[0], arguments[0], chosen, *arguments[1:],
            n=len(chosen), ns=self._carrying_ns() + 3.0 * n_points / len(chosen),
        )  # fmt: skip

    def _carrying_ns(self) -> float:
        """Of one box along one axis."""
        return len(self.axes[0].offsets) * self.numbers * self.terms * BOX_CARRY_NS

    def _run(
        self, function: Any, *arguments: Any, n: int, ns: float, boxes_per_block: int = compiled.KEYS_PER_BLOCK
    ) -> None:
        """A compiled pass over n boxes of so many nanoseconds each."""
        run_blocks(function, -(-n // boxes_per_block), self.n_threads, n * ns, arguments)


def _as_long(buffer: np.ndarray, rows: int) -> np.ndarray:
    """The buffer, or a longer one in its place; its pages are given back first."""
    if len(buffer) < rows:
        buffer.resize((0, buffer.shape[1]), refcheck=False)
        buffer = np.empty((rows, buffer.shape[1]))
    return buffer

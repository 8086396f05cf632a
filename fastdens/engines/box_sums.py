"""Gaussian sums in one to three dimensions by boxes: linear time, with a certified error at every query.

Points and queries are sorted into boxes about a bandwidth wide. In every box the points are replaced by their Chebyshev
moments; the Gaussian between two boxes is replaced by its Chebyshev interpolant in both places, which is a matrix per
axis, as the Gaussian is a product over axes; every query evaluates the expansion of its own box (a fast Gauss transform
in the sense of Greengard and Strain 1991, with interpolation in place of Hermite series). The error of the interpolant
is known for every distance between boxes, so the weights of the boxes around give a bound for each query.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastdens.compiled import box_sums as compiled
from fastdens.engines import box_lines
from fastdens.engines.box_interpolants import AxisTransform, axis_transform
from fastdens.engines.sum_bounds import UNIT_ROUNDOFF
from fastdens.smoothing_kernels import KERNELS
from fastdens.threads import run_blocks

# Beyond this many boxes along an axis their edges are no longer exact in double precision.
MOST_BOXES_ALONG = 2.0**45
# Up to this many cells (and up to so many a point) the boxes are looked up in a table, beyond by binary search.
MOST_TABLE_CELLS, TABLE_CELLS_PER_POINT = 1 << 25, 8
# On a line, with no more boxes than this and at least so many points a box, points are taken in blocks, unsorted:
# tables of moments of the blocks stay smaller than the blocks.
MOST_BOXES_OF_BLOCKS, FEWEST_POINTS_PER_BOX = 1024, 32


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

    def by_line(self, keys: np.ndarray, axis: int) -> np.ndarray:
        """The order in which boxes next to each other along an axis follow each other."""
        if axis == 0:
            return np.arange(len(keys))
        coordinate = keys // self.strides[axis] % self.shape[axis]
        return np.lexsort((coordinate, keys - coordinate * self.strides[axis]))

    def dilated(self, keys: np.ndarray, axis: int, offsets: np.ndarray) -> np.ndarray:
        """All boxes within the offsets of some box, along an axis."""
        moved, inside = self.along(keys, axis, offsets)
        if not self.table:
            return np.unique(moved[inside])
        present = np.zeros(math.prod(self.shape), dtype=bool)
        present[moved[inside]] = True
        return np.flatnonzero(present)

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
        occupied = np.flatnonzero(np.diff(starts[:-1]))
        starts = np.append(starts[occupied], n)
    else:
        order = np.argsort(keys, kind="stable")
        occupied, first = np.unique(keys[order], return_index=True)
        starts = np.append(first, n).astype(np.intp)
    local = np.empty((d, n))
    _in_point_blocks(compiled.local_coordinates, n, n_threads, X, order, widths, local)
    return SortedPoints(occupied, starts, order, local)


class BoxTransform:
    """Sums of exp(-|q - x|^2 / 2) over points given in bandwidths per axis.

    Parameters
    ----------
    X : ndarray of shape (n_points, n_features)
        Points, in any units; one to three features.
    bandwidths : ndarray of shape (n_features,)
        One bandwidth per feature, in the same units.
    weights : ndarray of shape (n_points,), optional
    beta, terms : float, int
        Width of a box in bandwidths, and Chebyshev terms per axis: the two that set the error.
    smallest : float
        What is left of the Gaussian where it is cut off.
    """

    def __init__(
        self,
        X: np.ndarray,
        bandwidths: np.ndarray,
        weights: np.ndarray | None,
        beta: float,
        terms: int,
        smallest: float,
        n_threads: int | None,
    ) -> None:
        self.X, self.bandwidths, self.weights = X, bandwidths, weights
        self.terms, self.n_threads = terms, n_threads
        mantissa, exponent = np.frexp(bandwidths * beta)
        # Few significant bits: then every edge c w is exact, and so is the place of a point in its box.
        self.widths = np.ldexp(np.round(mantissa * 64) / 64, exponent)
        betas = self.widths / bandwidths
        self.axes = [axis_transform(float(b), terms, math.ceil(math.sqrt(-2 * math.log(smallest)) / b)) for b in betas]
        self.tail = max(axis.tail for axis in self.axes)
        self.range = cell_range(X, self.widths, n_threads)

    def covers(self, Q: np.ndarray) -> bool:
        """Whether box edges are exact over all points and queries, and boxes can be numbered."""
        low, high = self._joint_range(Q)
        cells = np.prod(high - low + 1)
        return bool(np.abs([low, high]).max() < MOST_BOXES_ALONG and cells < 2.0**62)

    def _joint_range(self, Q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        of_queries = self.range if Q is self.X else cell_range(Q, self.widths, self.n_threads)
        return np.minimum(self.range[0], of_queries[0]), np.maximum(self.range[1], of_queries[1])

    def evaluate(self, Q: np.ndarray, rtol: float, atol: float) -> tuple[np.ndarray, np.ndarray]:
        """Sums at the rows of Q, and a bound of each one's error; the bound is -1 where it misses the tolerance."""
        low, high = self._joint_range(Q)
        shape = tuple(int(count) for count in high - low + 1)
        n_cells = math.prod(shape)
        table = n_cells <= min(MOST_TABLE_CELLS, TABLE_CELLS_PER_POINT * (len(self.X) + len(Q)))
        boxes = Boxes(low, shape, table)
        if len(shape) == 1 and n_cells <= min(MOST_BOXES_OF_BLOCKS, (len(self.X) + len(Q)) // FEWEST_POINTS_PER_BOX):
            return self._evaluate_in_blocks(Q, boxes, rtol, atol)
        sources = sort_into_boxes(self.X, self.widths, boxes, self.n_threads)
        targets = sources if Q is self.X else sort_into_boxes(Q, self.widths, boxes, self.n_threads)
        sorted_weights = None if self.weights is None else self.weights[sources.order]
        box_weights = np.diff(sources.starts).astype(np.float64)
        if sorted_weights is not None:
            box_weights = np.add.reduceat(sorted_weights, sources.starts[:-1])
        moments = self._moments(sources, sorted_weights)
        expansions, bounds, far = self._translate(boxes, sources.keys, moments, box_weights, targets.keys)
        sums, query_bounds = np.empty(len(Q)), np.empty(len(Q))
        failed = np.empty(len(targets.keys), dtype=np.uint8)

        def work(queue: Any) -> None:
            compiled.evaluate(
                targets.local, targets.order, targets.starts, self.terms, expansions, bounds,
                rtol, atol, sums, query_bounds, failed, queue,
            )  # fmt: skip

        self._in_box_blocks(work, len(targets.keys), 3.0 * len(Q) * self.terms ** (len(self.axes) - 1))
        failing = np.flatnonzero(failed)
        if failing.size:
            self._sum_near(
                self.X, self.weights, Q, boxes, sources, targets, failing, far, rtol, atol, sums, query_bounds
            )
        return sums, query_bounds

    def _evaluate_in_blocks(
        self, Q: np.ndarray, boxes: Boxes, rtol: float, atol: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """On a line, where boxes are few beside the points: nothing is sorted but what fails."""
        x, q, width, lowest = self.X[:, 0], Q[:, 0], float(self.widths[0]), float(boxes.lowest[0])
        keys = np.arange(boxes.shape[0])
        moments, box_weights = box_lines.moments(x, self.weights, width, lowest, len(keys), self.terms, self.n_threads)
        expansions, bounds, far = self._translate(boxes, keys, moments, box_weights, keys)
        sums, query_bounds, any_failed = box_lines.evaluate(
            q, width, lowest, self.terms, expansions, bounds, rtol, atol, self.n_threads
        )
        if any_failed:
            again = np.flatnonzero(query_bounds < 0)
            Q_again = Q[again]
            targets = sort_into_boxes(Q_again, self.widths, boxes, self.n_threads)
            # Only points within reach of such a query are put into order.
            wanted = np.zeros(len(keys), dtype=np.uint8)
            wanted[boxes.dilated(targets.keys, 0, self.axes[0].offsets)] = 1
            near = box_lines.select(x, width, lowest, wanted, self.n_threads)
            X_near, weights_near = self.X[near], None if self.weights is None else self.weights[near]
            sources = sort_into_boxes(X_near, self.widths, boxes, self.n_threads)
            sums_again, bounds_again = sums[again], query_bounds[again]
            self._sum_near(
                X_near, weights_near, Q_again, boxes, sources, targets, np.arange(len(targets.keys)),
                far[targets.keys], rtol, atol, sums_again, bounds_again,
            )  # fmt: skip
            sums[again], query_bounds[again] = sums_again, bounds_again
        return sums, query_bounds

    def _sum_near(
        self,
        X: np.ndarray,
        weights: np.ndarray | None,
        Q: np.ndarray,
        boxes: Boxes,
        sources: SortedPoints,
        targets: SortedPoints,
        failing: np.ndarray,
        far: np.ndarray,
        rtol: float,
        atol: float,
        sums: np.ndarray,
        query_bounds: np.ndarray,
    ) -> None:
        """Sum directly over the boxes around where the expansion is not good enough: only what is cut off is missed."""
        again = np.flatnonzero(query_bounds < 0)
        ranges = self._ranges_around(boxes, sources, targets.keys[failing])
        kernel = KERNELS["gaussian"]
        exponent = kernel.log2_exponent or 0.0

        def work(queue: Any) -> None:
            compiled.near_sums(
                X, Q, 1.0 / self.bandwidths, weights, kernel.code, exponent, 1.0, 1.0,
                sources.order, ranges, targets.order, targets.starts, failing, sums, query_bounds, queue,
            )  # fmt: skip

        run_blocks(work, len(failing), self.n_threads)
        box_of_query = np.empty(len(Q), dtype=np.intp)
        box_of_query[targets.order] = np.repeat(np.arange(len(targets.keys)), np.diff(targets.starts))
        missed = self.tail * far[box_of_query[again]] + 16 * math.sqrt(len(self.X)) * UNIT_ROUNDOFF * sums[again]
        query_bounds[again] = np.where(missed <= rtol * (sums[again] - missed) + atol, missed, -1.0)

    def _ranges_around(self, boxes: Boxes, sources: SortedPoints, keys: np.ndarray) -> np.ndarray:
        """For each box, the runs of sorted points in the boxes within reach: one run per row of boxes."""
        d, reach = len(self.axes), [int(axis.offsets[-1]) for axis in self.axes]
        coordinate = keys % boxes.shape[0]
        rows, inside = (keys - coordinate)[:, None], np.ones((len(keys), 1), dtype=bool)
        for axis in range(1, d):
            moved, valid = boxes.along(keys, axis, np.arange(-reach[axis], reach[axis] + 1))
            shifts = np.where(valid, moved - keys[:, None], 0)
            rows = (rows[:, :, None] + shifts[:, None, :]).reshape(len(keys), -1)
            inside = (inside[:, :, None] & valid[:, None, :]).reshape(len(keys), -1)
        first = rows + np.maximum(coordinate - reach[0], 0)[:, None]
        last = rows + np.minimum(coordinate + reach[0], boxes.shape[0] - 1)[:, None]
        starts = sources.starts[np.searchsorted(sources.keys, first)]
        ends = sources.starts[np.searchsorted(sources.keys, last, side="right")]
        ranges = np.stack([np.where(inside, starts, 0), np.where(inside, ends, 0)], axis=2)
        return np.ascontiguousarray(ranges, dtype=np.intp)

    def _in_box_blocks(self, work: Any, n_boxes: int, estimated_ns: float) -> None:
        run_blocks(work, -(-n_boxes // compiled.BOXES_PER_BLOCK), self.n_threads, estimated_ns)

    def _moments(self, sources: SortedPoints, weights: np.ndarray | None) -> np.ndarray:
        others = self.terms ** (len(self.axes) - 1)
        moments = np.empty((len(sources.keys), compiled.row_length(self.terms) * others))

        def work(queue: Any) -> None:
            compiled.moments(sources.local, weights, sources.starts, self.terms, moments, queue)

        self._in_box_blocks(work, len(sources.keys), 2.0 * len(self.X) * others)
        return moments

    def _translate(
        self, boxes: Boxes, keys: np.ndarray, expansions: np.ndarray, box_weights: np.ndarray, target_keys: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Expansions about the target boxes, the bound of the error in each, and the weight beyond its reach.

        `expansions` are the moments of the boxes `keys`.
        """
        d = len(self.axes)
        # Where partial results are needed: before the last axis, wherever the last axis takes them from, and so on.
        needed = [target_keys]
        for axis in range(d - 1, 0, -1):
            needed.append(boxes.dilated(needed[-1], axis, self.axes[axis].offsets))
        needed.reverse()
        total = float(box_weights.sum())
        # Columns: the near weight, then per axis the weights times that axis' errors and the other axes' heights.
        measures = np.repeat(box_weights[:, None], 1 + d, axis=1)
        for axis, (transform, wanted) in enumerate(zip(self.axes, needed, strict=True)):
            neighbours = boxes.neighbours(keys, wanted, axis, transform.offsets)
            if axis < d - 1:
                reached = (neighbours >= 0).any(axis=1)
                wanted, neighbours = wanted[reached], np.ascontiguousarray(neighbours[reached])
            expansions = self._along_axis(expansions, neighbours, boxes.by_line(wanted, axis), transform, axis)
            factors = np.array(
                [np.ones(len(transform.offsets))]
                + [transform.errors if term == axis else transform.heights for term in range(d)]
            )
            padded = np.append(measures, np.zeros((1, 1 + d)), axis=0)
            measures = np.empty((len(wanted), 1 + d))
            for column in range(1 + d):
                measures[:, column] = padded[neighbours, column] @ factors[column]
            keys = wanted
        # Rounding may make the weight beyond reach look smaller than it is.
        far = np.maximum(total - measures[:, 0], 0.0) + 8 * len(box_weights) * UNIT_ROUNDOFF * total
        return expansions, (measures[:, 1:].sum(axis=1) + far * self.tail) * (1 + 1e-9), far

    def _along_axis(
        self, sources: np.ndarray, neighbours: np.ndarray, order: np.ndarray, transform: AxisTransform, axis: int
    ) -> np.ndarray:
        d, p, row = len(self.axes), self.terms, compiled.row_length(self.terms)
        inner = 1 if axis == 0 else row * p ** (axis - 1)
        outer = p ** (d - 1) if axis == 0 else p ** (d - 1 - axis)
        targets = np.empty((len(neighbours), sources.shape[1]))

        def work(queue: Any) -> None:
            compiled.translate(sources, neighbours, order, transform.matrices, outer, p, inner, targets, queue)

        self._in_box_blocks(work, len(neighbours), 0.1 * neighbours.size * p ** (d + 1))
        return targets

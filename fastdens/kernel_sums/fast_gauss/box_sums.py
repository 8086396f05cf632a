"""Gaussian sums in one to three dimensions by boxes: linear time, with a certified error at every query.

Points and queries are sorted into boxes about a bandwidth wide. In every box the points are replaced by their Chebyshev
moments; the Gaussian between two boxes is replaced by its Chebyshev interpolant in both places, which is a matrix per
axis, as the Gaussian is a product over axes; every query evaluates the expansion of its own box (a fast Gauss transform
in the sense of Greengard and Strain 1991, with interpolation in place of Hermite series). The error of the interpolant
is known for every distance between boxes, so the weights of the boxes around give a bound for each query.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastdens.core.threads import run_blocks
from fastdens.core.tuning import Tunable
from fastdens.kernel_sums.accuracy.roundoff import UNIT_ROUNDOFF
from fastdens.kernel_sums.fast_gauss import _box_sums as compiled
from fastdens.kernel_sums.fast_gauss import _box_surroundings as surroundings
from fastdens.kernel_sums.fast_gauss import box_lines
from fastdens.kernel_sums.fast_gauss.box_interpolants import axis_transform
from fastdens.kernel_sums.fast_gauss.box_passes import BoxPasses
from fastdens.kernel_sums.fast_gauss.boxes import (
    MOST_BOXES_ALONG,
    MOST_TABLE_CELLS,
    TABLE_CELLS_PER_POINT,
    Boxes,
    SortedPoints,
    cell_range,
    sort_into_boxes,
)
from fastdens.kernel_sums.kernels.registry import GAUSSIAN
from fastdens.kernel_sums.planning.costs import BOX_CARRY_NS, FEATURE_NS

# On a line, with no more boxes than this and at least so many points a box, points are taken in blocks, unsorted:
# tables of moments of the blocks stay smaller than the blocks.
MOST_BOXES_OF_BLOCKS, FEWEST_POINTS_PER_BOX = Tunable(1024), Tunable(32)
# Nanoseconds on one core to find the points on a line of boxes, and to gather each.
NEAR_LINE_NS, GATHER_NS = Tunable(120.0), Tunable(2.0)


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
        if len(shape) == 1 and n_cells <= min(
            MOST_BOXES_OF_BLOCKS.value, (len(self.X) + len(Q)) // FEWEST_POINTS_PER_BOX.value
        ):
            return self._evaluate_in_blocks(Q, boxes, rtol, atol)
        sources = sort_into_boxes(self.X, self.widths, boxes, self.n_threads)
        targets = sources if Q is self.X else sort_into_boxes(Q, self.widths, boxes, self.n_threads)
        sorted_weights = None if self.weights is None else self.weights[sources.order]
        box_weights = np.diff(sources.starts).astype(np.float64)
        if sorted_weights is not None:
            box_weights = np.add.reduceat(sorted_weights, sources.starts[:-1])
        within, bounds, far, near_points = self._surroundings(boxes, sources, box_weights, targets.keys)
        # Queries whose bound stays -1 are summed point by point, or left to the caller where no point is near.
        sums, query_bounds = np.zeros(len(Q)), np.full(len(Q), -1.0)
        failed = np.zeros(len(targets.keys), dtype=np.uint8)
        by_points = self._better_by_points(near_points, np.diff(targets.starts), rtol)
        by_boxes = np.flatnonzero(~by_points & (near_points > 0))
        BoxPasses(
            boxes, self.axes, self._along(boxes), self.terms, sources, sorted_weights, targets, self.n_threads
        ).evaluate(by_boxes, compiled.BoxedQueries(targets.boxed(), rtol, atol, sums, query_bounds), bounds, failed)
        failing = np.flatnonzero((failed.view(bool) | by_points) & (near_points > 0))
        if failing.size:
            self._sum_near(
                boxes, sources, sorted_weights, targets, failing, within, far, rtol, atol, sums, query_bounds
            )
        return sums, query_bounds

    def _along(self, boxes: Boxes) -> np.ndarray:
        """Stride, number of boxes and half width of each axis."""
        half_width = [axis.offsets[-1] for axis in self.axes]
        return np.array([boxes.strides, boxes.shape, half_width], dtype=np.int64).T.copy()

    def _better_by_points(self, near_points: np.ndarray, n_queries: np.ndarray, rtol: float) -> np.ndarray:
        """Boxes where the pairs with the points within the radius cost less than to carry expansions there."""
        d = len(self.axes)
        n_lines = math.prod(len(axis.offsets) for axis in self.axes[1:])
        pairs = (
            near_points * (n_queries * (GAUSSIAN.pair_ns + d * FEATURE_NS) + GATHER_NS.value)
            + NEAR_LINE_NS.value * n_lines
        )
        numbers = compiled.row_length(self.terms) * self.terms ** (d - 1)
        carrying = sum(len(axis.offsets) for axis in self.axes) * numbers * self.terms * BOX_CARRY_NS
        # Rounding of the direct sums has to stay far below the tolerance.
        return (pairs < carrying) & (64 * UNIT_ROUNDOFF * np.sqrt(near_points) < rtol)

    def _evaluate_in_blocks(
        self, Q: np.ndarray, boxes: Boxes, rtol: float, atol: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """On a line, where boxes are few beside the points: nothing is sorted but what fails."""
        x, q, width, lowest = self.X[:, 0], Q[:, 0], float(self.widths[0]), float(boxes.lowest[0])
        keys = np.arange(boxes.shape[0])
        moments, box_weights = box_lines.moments(x, self.weights, width, lowest, len(keys), self.terms, self.n_threads)
        starts = np.zeros(len(keys) + 1, dtype=np.intp)  # how many points there are near a box is not asked for here
        within, bounds, far, _ = self._surroundings(boxes, SortedPoints(keys, starts, keys, x), box_weights, keys)
        expansions = self._on_a_line(boxes, keys, moments)
        sums, query_bounds, any_failed = box_lines.evaluate(
            q, width, lowest, self.terms, expansions, bounds, rtol, atol, self.n_threads
        )
        if any_failed:
            again = np.flatnonzero(query_bounds < 0)
            targets = sort_into_boxes(Q[again], self.widths, boxes, self.n_threads)
            # Only points within the radius of such a query are put into order.
            wanted = np.zeros(len(keys), dtype=np.uint8)
            wanted[boxes.dilated(targets.keys, 0, self.axes[0].offsets)] = 1
            near = box_lines.select(x, width, lowest, wanted, self.n_threads)
            sources = sort_into_boxes(self.X[near], self.widths, boxes, self.n_threads)
            weights = None if self.weights is None else self.weights[near][sources.order]
            sums_again, bounds_again = sums[again], query_bounds[again]
            self._sum_near(
                boxes, sources, weights, targets, np.arange(len(targets.keys)),
                within[targets.keys], far[targets.keys], rtol, atol, sums_again, bounds_again,
            )  # fmt: skip
            sums[again], query_bounds[again] = sums_again, bounds_again
        return sums, query_bounds

    def _sum_near(
        self,
        boxes: Boxes,
        sources: SortedPoints,
        weights: np.ndarray | None,
        targets: SortedPoints,
        failing: np.ndarray,
        within: np.ndarray,
        far: np.ndarray,
        rtol: float,
        atol: float,
        sums: np.ndarray,
        query_bounds: np.ndarray,
    ) -> None:
        """Sum directly over the boxes around where there is no expansion, or it is not good enough: only what is cut
        off is missed. `within` and `far` are the weights within the radius of each target box, and beyond.
        """
        kernel, along, scales = GAUSSIAN, self._along(boxes), self.widths / self.bandwidths / 2
        # Places in boxes are rounded as numbers up to 1, those seen from a box around as up to 2 half widths + 1.
        displacement = UNIT_ROUNDOFF * math.sqrt(len(scales)) * float(((2 * along[:, 2] + 12) * scales).max())
        near = surroundings.NearSums(sources.boxed(weights), along, scales, kernel.code, kernel.log2_exponent or 0.0)
        queries = compiled.BoxedQueries(targets.boxed(), rtol, atol, sums, query_bounds)
        arguments = queries, failing, within, self.tail * far, displacement
        run_blocks(near.evaluate, len(failing), self.n_threads, arguments=arguments)

    def _surroundings(
        self, boxes: Boxes, sources: SortedPoints, box_weights: np.ndarray, target_keys: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        """Of each target box: weight within the radius, bound of the error, weight beyond, points within the radius."""
        most = max(len(axis.offsets) for axis in self.axes)
        errors, heights = np.zeros((2, len(self.axes), most))
        for a, axis in enumerate(self.axes):
            errors[a, : len(axis.offsets)], heights[a, : len(axis.offsets)] = axis.errors, axis.heights
        sums = np.empty((3, len(target_keys)))
        arguments = sources.keys, box_weights, sources.starts, target_keys, self._along(boxes), errors, heights, sums
        n_blocks = -(-len(target_keys) // surroundings.BOXES_PER_BLOCK)
        estimated_ns = 20.0 * len(target_keys) * math.prod(len(axis.offsets) for axis in self.axes) ** (2 / 3)
        run_blocks(surroundings.surroundings, n_blocks, self.n_threads, estimated_ns, arguments)
        within, bounds, points = sums
        total = float(box_weights.sum())
        # Rounding may make the weight beyond the radius look smaller than it is.
        far = np.maximum(total - within, 0.0) + 8 * len(box_weights) * UNIT_ROUNDOFF * total
        return within, (bounds + far * self.tail) * (1 + 1e-9), far, points

    def _on_a_line(self, boxes: Boxes, keys: np.ndarray, moments: np.ndarray) -> np.ndarray:
        """Expansions about the boxes `keys` from their moments, in one dimension."""
        axis = self.axes[0]
        neighbours = boxes.neighbours(keys, keys, 0, axis.offsets)
        expansions = np.empty_like(moments)

        def work(queue: Any) -> None:
            compiled.translate(
                moments, neighbours, np.arange(len(keys)), axis.matrices, 1, self.terms, 1, expansions, queue
            )

        n_blocks = -(-len(keys) // compiled.BOXES_PER_BLOCK)
        run_blocks(work, n_blocks, self.n_threads, 0.1 * neighbours.size * self.terms**2)
        return expansions

"""The integrated Gaussian by boxes about a bandwidth wide, in linear time: box_sums in one dimension.

A box further below a query than the kernel reaches counts whole; between two boxes near each other the integral is its
Chebyshev interpolant, whose error is known, and a query whose bound is too large is left to a direct sum.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from fastdens.core.threads import run_blocks
from fastdens.kernel_sums.fast_gauss import _box_sums as compiled
from fastdens.kernel_sums.fast_gauss.box_interpolants import interpolant
from fastdens.kernel_sums.fast_gauss.boxes import (
    MOST_BOXES_ALONG,
    MOST_TABLE_CELLS,
    TABLE_CELLS_PER_POINT,
    Boxes,
    cell_range,
    sort_into_boxes,
)

BETA, TERMS = 1.0, 18
RTOL = 1e-13
# What is left of the kernel where it is cut off.
SMALLEST = 1e-22


@lru_cache(maxsize=16)
def _matrices(beta: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Offsets between boxes, and for each the interpolant of the integrated Gaussian and a bound of its error."""
    from scipy.special import ndtr

    half_width = math.ceil(math.sqrt(-2 * math.log(SMALLEST)) / beta)
    offsets = np.arange(-half_width, half_width + 1)
    matrices = np.zeros((len(offsets), TERMS, compiled.row_length(TERMS)))
    errors = np.empty(len(offsets))
    for k, offset in enumerate(offsets):
        coefficients, errors[k] = interpolant(ndtr, beta, int(offset), TERMS)
        matrices[k, :, :TERMS] = coefficients.T
    return offsets, matrices, errors


class GaussianBoxes:
    """Univariate points for sums of the integrated Gaussian at many queries."""

    def __init__(self, x: np.ndarray, bandwidth: float, weights: np.ndarray | None, n_threads: int | None) -> None:
        self.X, self.weights, self.n_threads = np.ascontiguousarray(x)[:, None], weights, n_threads
        mantissa, exponent = math.frexp(bandwidth * BETA)
        # Few significant bits: then every edge c w is exact, and so is the place of a point in its box.
        self.widths = np.array([math.ldexp(round(mantissa * 64) / 64, exponent)])
        self.offsets, self.matrices, self.errors = _matrices(float(self.widths[0] / bandwidth))
        self.range = cell_range(self.X, self.widths, n_threads)

    def evaluate(self, q: np.ndarray) -> np.ndarray | None:
        """Weight below each query, NaN where the bound of the error is too large; None beyond the range of boxes."""
        Q = np.ascontiguousarray(q)[:, None]
        of_queries = cell_range(Q, self.widths, self.n_threads)
        low, high = np.minimum(self.range[0], of_queries[0]), np.maximum(self.range[1], of_queries[1])
        if not np.abs([low, high]).max() < MOST_BOXES_ALONG:
            return None
        shape = (int(high[0] - low[0] + 1),)
        table = shape[0] <= min(MOST_TABLE_CELLS, TABLE_CELLS_PER_POINT * (len(self.X) + len(Q)))
        boxes = Boxes(low, shape, table)
        sources = sort_into_boxes(self.X, self.widths, boxes, self.n_threads)
        targets = sort_into_boxes(Q, self.widths, boxes, self.n_threads)
        weights = None if self.weights is None else np.ascontiguousarray(self.weights[sources.order])
        moments = np.empty((len(sources.keys), compiled.row_length(TERMS)))

        def of_boxes(queue: Any) -> None:
            compiled.moments(sources.local, weights, sources.starts, TERMS, moments, queue)

        self._in_box_blocks(of_boxes, len(sources.keys), 2.0 * len(self.X))
        if weights is None:
            box_weights = np.diff(sources.starts).astype(np.float64)
        else:
            box_weights = np.add.reduceat(weights, sources.starts[:-1])
        neighbours = boxes.neighbours(sources.keys, targets.keys, 0, self.offsets)
        expansions = np.empty((len(targets.keys), moments.shape[1]))

        def onward(queue: Any) -> None:
            compiled.translate(
                moments, neighbours, np.arange(len(neighbours)), self.matrices, 1, TERMS, 1, expansions, queue
            )

        self._in_box_blocks(onward, len(targets.keys), 0.1 * neighbours.size * TERMS**2)
        # Boxes beyond the radius: those below count whole, those above not at all.
        totals = np.append(0.0, np.cumsum(box_weights))
        whole = totals[np.searchsorted(sources.keys, targets.keys + self.offsets[0])]
        expansions[:, 0] += whole
        none = totals[-1] - totals[np.searchsorted(sources.keys, targets.keys + self.offsets[-1], side="right")]
        bounds = np.where(neighbours >= 0, box_weights[neighbours], 0.0) @ self.errors
        bounds += SMALLEST * (whole + none) + 4e-16 * whole
        sums, query_bounds = np.empty(len(Q)), np.empty(len(Q))
        failed = np.empty(len(targets.keys), dtype=np.uint8)
        queries = compiled.BoxedQueries(targets.boxed(), RTOL, 0.0, sums, query_bounds)

        def at_queries(queue: Any) -> None:
            compiled.evaluate(queries, TERMS, expansions, bounds, failed, queue)

        self._in_box_blocks(at_queries, len(targets.keys), 3.0 * len(Q))
        sums[query_bounds < 0] = np.nan
        return sums

    def _in_box_blocks(self, work: Any, n_boxes: int, estimated_ns: float) -> None:
        run_blocks(work, -(-n_boxes // compiled.BOXES_PER_BLOCK), self.n_threads, estimated_ns)

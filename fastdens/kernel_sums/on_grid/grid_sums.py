"""Gaussian sums on rectilinear grids: the work is separated by axes, and every value has a bound of its error.

The points of a cell about a bandwidth wide are replaced by weights at its Chebyshev nodes, which interpolates the
Gaussian within the cell. In one dimension the cells are few enough for the points to be added to them in the order in
which they come. In more dimensions the Gaussian is a product over axes: nodes (or, where they are few, the points
themselves) are carried to the grid by a matrix per axis.

The error of the interpolant follows from the remainder of Chebyshev interpolation and Cramer's bound of the Hermite
functions, |He_p(u)| exp(-u^2 / 2) <= 1.0865 sqrt(p!) exp(-u^2 / 4) (Abramowitz and Stegun 1964, 22.14.17).
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from fastdens.core.threads import run_blocks
from fastdens.kernel_sums.direct.direct_sums import DirectSum
from fastdens.kernel_sums.kernels.registry import GAUSSIAN
from fastdens.kernel_sums.on_grid import _grid_sums as compiled

UNIT_ROUNDOFF = 2.0**-53
CRAMER = 1.0865
# Beyond this many cells from zero the place of a point in its cell is not known well enough.
MOST_CELLS_FROM_ZERO = 2.0**35
# Cells taken to the left of a grid point's own; one less to the right, so that nodes come in multiples of 64.
CELLS_LEFT, CELLS_RIGHT = 12, 11
# Slices of the points have a table each; so many at most, and no more than an eighth of the data's memory each.
MOST_SLICES, POINTS_PER_SLICE, POINTS_PER_CELL = 16, 1 << 15, 8
FEWEST_CELLS = 1 << 10
# Pairs that are summed directly, per point of the whole sample, where the nodes are not good enough.
DIRECT_PAIRS_PER_POINT, DIRECT_PAIRS = 64, 1 << 24


def cell_width(bandwidth: float, beta: float) -> float:
    """About `beta` bandwidths, with so few significant bits that multiples are exact."""
    mantissa, exponent = math.frexp(bandwidth * beta)
    return math.ldexp(round(mantissa * 64) / 64, exponent)


def chebyshev_nodes(terms: int) -> np.ndarray:
    return np.cos((np.arange(terms) + 0.5) * np.pi / terms)


def interpolation_error(beta: float, terms: int, distance: Any) -> Any:
    """Largest error of interpolating exp(-u^2 / 2) in a cell of width `beta` at `terms` Chebyshev nodes, all in
    bandwidths, where no point of the cell is nearer than `distance` to u = 0."""
    log_factor = terms * math.log(beta / 2 * (1 + 2**-16)) - (terms - 1) * math.log(2) - math.lgamma(terms + 1) / 2
    return CRAMER * math.exp(log_factor) * np.exp(-0.25 * distance * distance)


@cache
def _basis_to_nodes() -> np.ndarray:
    """From the moments in the basis of `compiled.scatter` (rows) to weights at Chebyshev nodes."""
    t1 = chebyshev_nodes(compiled.TERMS)
    t2 = 2 * t1 * t1 - 1
    t4 = 2 * t2 * t2 - 1
    values = [np.ones_like(t1)]
    for factor in (t1, t2, t4, 2 * t4 * t4 - 1):
        values += [value * factor for value in values]
    return np.linalg.inv(np.array(values)).T


class LineGrid:
    """Sums of exp(-(g - x)^2 / (2 h^2)) over points x of a line, at the places g of a grid.

    Parameters
    ----------
    x : ndarray of shape (n_points,)
    bandwidth : float
    weights : ndarray of shape (n_points,), optional
        Not negative.
    grid : ndarray of shape (n_places,)
        In increasing order.
    """

    def __init__(
        self, x: np.ndarray, bandwidth: float, weights: np.ndarray | None, grid: np.ndarray, n_threads: int | None
    ) -> None:
        self.x, self.bandwidth, self.weights, self.grid = x, bandwidth, weights, grid
        self.n_threads = n_threads
        self.width = cell_width(bandwidth, 1.0)
        self.beta = self.width / bandwidth
        self.cells = np.rint(grid / self.width)
        self.first = 0  # grid points before it, and from `last` on, are too far from all points
        self.last = len(grid)
        if self.cells[-1] - self.cells[0] >= self._most_cells():
            reached = np.rint(np.array([x.min() / self.width, x.max() / self.width])) + (-CELLS_RIGHT, CELLS_LEFT)
            self.first = int(np.searchsorted(self.cells, reached[0]))
            self.last = int(np.searchsorted(self.cells, reached[1], side="right"))

    def _most_cells(self) -> int:
        return max(FEWEST_CELLS, len(self.x) // POINTS_PER_CELL)

    @property
    def applies(self) -> bool:
        """Whether cells can be numbered and are few beside the points."""
        cells = self.cells[self.first : self.last]
        if not len(cells):
            return False
        span = cells[-1] - cells[0]
        return bool(span < self._most_cells() and np.abs(cells[[0, -1]]).max() < MOST_CELLS_FROM_ZERO)

    def _moments(self, low: float, high: float) -> np.ndarray:
        """Moments per cell, from `low` to `high`."""
        n, n_rows = len(self.x), int(high - low) + 3
        n_slices = max(1, min(MOST_SLICES, n // POINTS_PER_SLICE, n // (POINTS_PER_CELL * n_rows)))
        per_slice = -(-n // n_slices)
        n_slices = -(-n // per_slice)
        size = n_slices * n_rows * compiled.TERMS
        numbers = np.empty(size + 8)
        shift = -(numbers.ctypes.data // 8) % 8  # rows do not straddle cache lines
        tables = numbers[shift : shift + size].reshape(n_slices, n_rows, compiled.TERMS)

        def work(queue: Any) -> None:
            compiled.scatter(self.x, self.weights, self.width, low, high, per_slice, tables, queue)

        run_blocks(work, n_slices, self.n_threads, 2.5 * n)
        return tables[:, 1:-1].sum(axis=0)

    def evaluate(self, rtol: float, atol: float) -> tuple[np.ndarray, np.ndarray]:
        """Sums at the grid, and a bound of each one's error; the bound is -1 where it misses the tolerance."""
        sums, bounds = np.zeros(len(self.grid)), np.full(len(self.grid), -1.0)
        part = slice(self.first, self.last)
        cells = self.cells[part]
        low, high = cells[0] - CELLS_LEFT, cells[-1] + CELLS_LEFT
        moments = self._moments(low, high)
        total = float(len(self.x) if self.weights is None else self.weights.sum())
        places = (cells - cells[0]).astype(np.intp)
        sums[part] = self._sum_nodes(moments @ _basis_to_nodes(), places, self.grid[part] - cells * self.width)
        cell_bounds, far = self._bounds(np.ascontiguousarray(moments[:, 0]), total)
        of_grid = cell_bounds[places]
        bounds[part] = np.where(of_grid <= rtol * (sums[part] - of_grid) + atol, of_grid, -1.0)
        failing = np.flatnonzero(bounds[part] < 0)
        if failing.size:
            self._sum_near(failing + self.first, low, places[failing], far, rtol, atol, sums, bounds)
        return sums, bounds

    def _sum_nodes(self, node_weights: np.ndarray, places: np.ndarray, local: np.ndarray) -> np.ndarray:
        """Sums over the nodes of the cells around, each seen from the middle of the grid point's own cell."""
        steps = np.arange(-CELLS_LEFT, CELLS_RIGHT + 1)[:, None]
        offsets = ((steps + chebyshev_nodes(compiled.TERMS) / 2) * self.beta).reshape(-1)
        sums = np.empty(len(places))
        exponent = GAUSSIAN.log2_exponent or 0.0
        flat = np.ascontiguousarray(node_weights).reshape(-1)
        firsts, in_bandwidths = places * compiled.TERMS, local / self.bandwidth

        def work(queue: Any) -> None:
            compiled.node_sums(offsets, flat, firsts, in_bandwidths, exponent, sums, queue)

        n_blocks = -(-len(places) // compiled.QUERIES_PER_BLOCK)
        run_blocks(work, n_blocks, self.n_threads, 0.5 * len(places) * len(offsets))
        return sums

    def _bounds(self, weights: np.ndarray, total: float) -> tuple[np.ndarray, np.ndarray]:
        """Per cell: a bound of the error at any place in it, and the weight beyond the radius."""
        steps = np.arange(-CELLS_LEFT, CELLS_RIGHT + 1)
        distances = self.beta * np.maximum(np.abs(steps) - 1, 0)
        # Rounding: sums of so many numbers per slice, the change of basis, and the sum over nodes.
        rounding = (200 + 1.5 * math.sqrt(len(self.x) / MOST_SLICES + 1)) * UNIT_ROUNDOFF
        errors = interpolation_error(self.beta, compiled.TERMS, distances) + rounding * np.exp(-0.5 * distances**2)
        # Each cell takes those 12 before to 11 behind it; the first and the last 12 cells have no grid point.
        near = np.convolve(weights, np.ones(len(steps)), mode="valid")
        bounds = np.convolve(weights, errors[::-1], mode="valid")
        far = np.maximum(total - near, 0.0) + 8 * len(weights) * UNIT_ROUNDOFF * total
        return (bounds + far * self._tail) * (1 + 1e-9), far

    @property
    def _tail(self) -> float:
        return math.exp(-0.5 * (CELLS_RIGHT * self.beta) ** 2)

    def _sum_near(
        self,
        failing: np.ndarray,
        low: float,
        places: np.ndarray,
        far: np.ndarray,
        rtol: float,
        atol: float,
        sums: np.ndarray,
        bounds: np.ndarray,
    ) -> None:
        """Sum directly over the points within the radius, where they are few: only what lies beyond is missed."""
        wanted = np.zeros(int(places.max()) + CELLS_LEFT + CELLS_RIGHT + 1, dtype=np.uint8)
        for step in range(CELLS_LEFT + CELLS_RIGHT + 1):
            wanted[places + step] = 1
        marks = np.empty(len(self.x), dtype=np.uint8)

        def work(queue: Any) -> None:
            compiled.mark_points(self.x, self.width, low, wanted, marks, queue)

        run_blocks(work, -(-len(self.x) // compiled.POINTS_PER_BLOCK), self.n_threads, 1.0 * len(self.x))
        near = np.flatnonzero(marks.view(np.bool_))
        if not near.size or near.size * failing.size > DIRECT_PAIRS_PER_POINT * len(self.x) + DIRECT_PAIRS:
            return
        weights = None if self.weights is None else self.weights[near]
        direct = DirectSum(self.x[near][:, None], GAUSSIAN, self.bandwidth, weights)
        values = direct.evaluate(self.grid[failing][:, None], n_threads=self.n_threads)
        # Points that rounding puts into a neighbouring cell lie at the edge of the support.
        missed = far[places] * self._tail * 1.001 + (128 + 2 * math.sqrt(near.size)) * UNIT_ROUNDOFF * values
        sums[failing] = values
        bounds[failing] = np.where(missed <= rtol * (values - missed) + atol, missed, -1.0)

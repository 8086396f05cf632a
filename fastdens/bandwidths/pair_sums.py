"""Sums over all pairs of rows for many bandwidths, from one table of how much weight lies how far apart.

In one dimension the rows are binned linearly on a grid of 64 to 256 cells per bandwidth, and the autocorrelation of
the bins, found by fast Fourier transforms, is the weight of all pairs per distance. From there every bandwidth and
every function of the distance costs a sum over distances, whatever the number of rows. Linear binning spreads a pair's
distance by a variance of delta^2 / 3 on average (delta: the width of a cell). For sums of derivatives of the normal
density it is taken off the square of the bandwidth again; what is left for each pair is of the order
(delta / h)^2 / 6 < 5e-5 with either sign, and averages out. For other functions of the distance the relative error is
about (delta / h)^2 / 6 times the function's second derivative, and larger for the pairs next to a kink or a jump. A
row's pair with itself is kept at distance zero.

The grid is cut into blocks as long as the farthest distance wanted, and only blocks with rows in them exist: an
outlier does not cost memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

import numpy as np

from fastdens.bandwidths.rules import standard_deviations
from fastdens.core.tuning import Tunable

# Cells per bandwidth: at least, and the factor from one grid to the next coarser one.
CELLS, FACTOR = 64, 4
# Grids are pinned while a minimum is refined, for bandwidths up to this factor beyond their own range.
SLACK = 1.25
BLOCKS_AT_ONCE = 256
# A grid may hold so many cells in all (times 8 bytes), or a few per row.
MOST_CELLS = Tunable(1 << 25)
FARTHEST_CELL = 2.0**62


class TooFineError(Exception):
    """A grid would need more than `MOST_CELLS` cells: the bandwidth is far below the distances of the rows."""


class Grid:
    """Rows binned linearly on cells of width `delta`, in blocks of `length` cells; only occupied blocks exist."""

    def __init__(self, z: np.ndarray, weights: np.ndarray | None, delta: float, length: int) -> None:
        self.delta, self.length, self._z = delta, length, z
        # What is further away than there are numbers of cells is far from all else.
        scaled = np.clip(z * (1 / delta), -FARTHEST_CELL, FARTHEST_CELL)
        cells = scaled.astype(np.int64)
        scaled -= cells
        upper = scaled if weights is None else scaled * weights
        # What binning moves of the rows' pairs with themselves from distance zero to one cell.
        squares = upper if weights is None else upper * weights
        self._own_moved = 2 * float(squares.sum() - squares @ scaled)
        n_blocks = int(cells.max() + 1) // length + 1
        if n_blocks * length <= 4 * len(z) + (1 << 18):
            mass = np.bincount(cells, weights, n_blocks * length).astype(np.float64)
            moved = np.bincount(cells, upper, n_blocks * length)
            mass -= moved
            mass[1:] += moved[:-1]
            blocks = mass.reshape(n_blocks, length)
            self.numbers: np.ndarray = np.flatnonzero(blocks.any(axis=1))
            self.mass: np.ndarray = blocks[self.numbers]
        else:
            lower = (1.0 if weights is None else weights) - upper
            keys = np.concatenate([cells, cells + 1])
            self.numbers, place = np.unique(keys // length, return_inverse=True)
            if len(self.numbers) * length > MOST_CELLS.value:
                raise TooFineError
            flat = np.bincount(
                place * length + keys % length, np.concatenate([lower, upper]), len(self.numbers) * length
            )
            self.mass = flat.reshape(-1, length)

    @cached_property
    def pairs(self) -> np.ndarray:
        """Weight of the pairs at 0, 1, 2, ... cells from each other, both orders counted, self-pairs included."""
        from scipy.fft import irfft, next_fast_len, rfft

        n, size = self.length, next_fast_len(2 * self.length, real=True)
        within, across = np.zeros(size // 2 + 1), np.zeros(size // 2 + 1, dtype=complex)
        for start in range(0, len(self.mass), BLOCKS_AT_ONCE):
            spectra = rfft(self.mass[start : start + BLOCKS_AT_ONCE + 1], size, axis=1)
            own = spectra[:BLOCKS_AT_ONCE]
            within += (own.real**2 + own.imag**2).sum(axis=0)
            adjacent = np.flatnonzero(np.diff(self.numbers[start : start + BLOCKS_AT_ONCE + 1]) == 1)
            across += (spectra[adjacent].conj() * spectra[adjacent + 1]).sum(axis=0)
        result = irfft(within, size)[:n]
        # Cell j of the next block is n + j - i cells from cell i: distances 1 ... n - 1 are at j - i = 1 - n ... -1.
        result[1:] += irfft(across, size)[size - n + 1 :]
        result[1:] *= 2
        result[0] += self._own_moved
        result[1] -= self._own_moved
        return np.maximum(result, 0.0)

    @cached_property
    def _spectra(self) -> np.ndarray:
        """Fourier transforms of each block between its neighbours."""
        from scipy.fft import rfft

        n, numbers = self.length, self.numbers
        wide = np.zeros((len(numbers), 3 * n))
        wide[:, n : 2 * n] = self.mass
        adjacent = np.flatnonzero(np.diff(numbers) == 1)
        wide[adjacent, 2 * n :] = self.mass[adjacent + 1]
        wide[adjacent + 1, :n] = self.mass[adjacent]
        return rfft(wide, axis=1)

    def sums_at_cells(self, profile: np.ndarray) -> np.ndarray:
        """Sum over the rows of profile[|cells apart|], at every cell of every block (n_blocks, length)."""
        from scipy.fft import irfft, rfft

        n = self.length
        kernel = np.zeros(3 * n)
        kernel[: len(profile)] = profile
        kernel[3 * n - len(profile) + 1 :] = profile[:0:-1]
        return irfft(self._spectra * rfft(kernel).real, 3 * n, axis=1)[:, n : 2 * n]

    def places(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cell (an index into the flattened blocks) of rows of the data, and how far they are on to the next."""
        scaled = z * (1 / self.delta)
        cells = scaled.astype(np.int64)
        return self.flat(cells), scaled - cells

    def flat(self, cells: np.ndarray) -> np.ndarray:
        """Index into the flattened blocks; a cell outside of them takes some other place."""
        block = np.minimum(np.searchsorted(self.numbers, cells // self.length), len(self.numbers) - 1)
        return block * self.length + cells % self.length


class PairSums:
    """Sums over the pairs of one-dimensional data; `radius` is where the functions of distance / bandwidth end.

    Weights are scaled to the sum one. Bandwidths are in units of `scale`, by default the standard deviation.
    """

    def __init__(self, x: np.ndarray, weights: np.ndarray | None, radius: float, scale: float | None = None) -> None:
        self.scale = float(standard_deviations(x[:, None], weights)[0]) if scale is None else scale
        self.z = (x - x.min()) / self.scale
        self.weights, self.total_weight = weights, float(len(x) if weights is None else weights.sum())
        # Weight of the rows' pairs with themselves.
        self.own = (len(x) if weights is None else float(weights @ weights)) / self.total_weight**2
        self.length = math.ceil(radius * CELLS * FACTOR * SLACK) + 1
        self._grids: dict[int, Grid] = {}

    def level(self, h: float) -> int:
        """Number of the grid for bandwidth h: cells of width FACTOR ** level."""
        return math.floor(math.log(h / CELLS, FACTOR))

    def grid(self, level: int) -> Grid:
        if level not in self._grids:
            self._grids[level] = Grid(self.z, self.weights, float(FACTOR) ** level, self.length)
        return self._grids[level]

    def sum(
        self, h: float, function: Callable[[np.ndarray], np.ndarray], radius: float, level: int | None = None
    ) -> float:
        """Sum over i, j of w_i w_j function(|z_i - z_j| / h)."""
        grid = self.grid(self.level(h) if level is None else level)
        end = min(self.length, math.ceil(radius * h / grid.delta) + 1)
        return float(grid.pairs[:end] @ function(np.arange(end) * (grid.delta / h))) / self.total_weight**2

    def gaussian(self, h: float, derivative: int = 0, level: int | None = None) -> float:
        """Sum of w_i w_j times the `derivative`-th derivative (0, 4 or 6) of the normal density of deviation h."""
        level = self.level(h) if level is None else level
        function, power = NORMAL_DERIVATIVES[derivative], derivative + 1
        narrower = math.sqrt(h * h - float(FACTOR) ** (2 * level) / 3)
        all_pairs = self.sum(narrower, function, GAUSSIAN_RADIUS, level) / narrower**power
        own = self.own * float(function(np.zeros(1))[0])
        return all_pairs + own * (h**-power - narrower**-power)


def _normal(u: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * u * u) * (1 / math.sqrt(2 * math.pi))


GAUSSIAN_RADIUS = 9.0
NORMAL_DERIVATIVES: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    0: _normal,
    4: lambda u: ((u * u - 6) * u * u + 3) * _normal(u),
    6: lambda u: (((u * u - 15) * u * u + 45) * u * u - 15) * _normal(u),
}

"""The improved Sheather-Jones bandwidth: a plug-in rule without a normal reference."""

from __future__ import annotations

import math

import numpy as np

from fastdens.bandwidths.result import Record
from fastdens.bandwidths.rules import effective_size, fall_back, is_spread, one_column
from fastdens.kernel_sums.kernels.registry import SmoothingKernel

# Stages of the plug-in rule, as recommended by Botev, Grotowski and Kroese.
STAGES = 7
# The data take the middle of the grid; this share of their range is added at either end.
PADDING = 0.25
# Grids tried, and the cells per bandwidth with which one is fine enough.
GRIDS, CELLS = (1 << 12, 1 << 15, 1 << 18), 16
# Where the root is looked for: bandwidths from this share of the grid's length, so many per factor of two.
LARGEST_SHARE, PER_OCTAVE = 0.3, 3


def isj(data: np.ndarray, weights: np.ndarray | None, kernel: SmoothingKernel, record: Record) -> np.ndarray:
    r"""The improved Sheather-Jones bandwidth of Botev, Grotowski and Kroese (2010), algorithm 1.

    The root of :math:`t = \xi \gamma^{[7]}(t)` with h^2 = t. With a_k the coefficients of the data's cosine series on
    a range of length one, the squared norm of the s-th derivative at smoothing t is
    :math:`\|f^{(s)}\|^2 = \pi^{2s} / 2 \sum_k k^{2s} a_k^2 \exp(-k^2 \pi^2 t)`, and each stage finds from it the
    smoothing of the one before,

    .. math:: t_s = \left[ \frac{1 + 2^{-(s + 1/2)}}{3} \frac{1 \cdot 3 \cdots (2s - 1)}{n \sqrt{\pi / 2}
              \, \|f^{(s+1)}\|^2} \right]^{2 / (3 + 2s)}, \quad h = \left( 2 n \sqrt\pi \|f''\|^2 \right)^{-1/5}.

    The grid's length is a multiple of the range of the data, so that the rule follows scale and shift; it is refined
    until the bandwidth has at least `CELLS` cells. Of several roots the largest is taken.
    """
    x = one_column(data, "isj")
    lowest, highest = float(x.min()), float(x.max())
    # A range that is no rounding error spares the standard deviation.
    surely = weights is None and highest / 2 - lowest / 2 > 1e-8 * max(abs(lowest), abs(highest))
    if not surely and not is_spread(x, weights):
        return fall_back(data, weights, kernel, "'isj' needs two different values", record)
    n = effective_size(len(x), weights)
    unit = max(abs(lowest), abs(highest))  # so that the range cannot overflow
    length = (highest / unit - lowest / unit) * (1 + 2 * PADDING)
    upper = LARGEST_SHARE
    for size in GRIDS:
        squares = _squared_coefficients(x, weights, lowest, unit, length, size)
        root = _root(squares, n, upper, record, length * unit * kernel.efficiency_factor(1))
        # A finer grid is asked for bandwidths only that this one has not resolved.
        upper = min(LARGEST_SHARE, max(4 * CELLS / size, 0.0 if root is None else 2 * root))
        if root is not None and root * size >= CELLS:
            return np.array([root * length * unit * kernel.efficiency_factor(1)])
    reason = "has no root" if root is None else "asks for a bandwidth too small for its grid"
    return fall_back(data, weights, kernel, f"the equation of 'isj' {reason}", record)


def _squared_coefficients(
    x: np.ndarray, weights: np.ndarray | None, lowest: float, unit: float, length: float, size: int
) -> np.ndarray:
    """a_k^2 for k = 1 ... size - 1, of the rows binned linearly at the centres of `size` cells."""
    from scipy.fft import dct

    scaled = (x - lowest if unit < 1e300 else x / unit - lowest / unit) * (
        size / length / (unit if unit < 1e300 else 1.0)
    )
    scaled += size * PADDING / (1 + 2 * PADDING) - 0.5
    cells = scaled.astype(np.int64)
    scaled -= cells
    mass = np.bincount(cells, weights, size).astype(np.float64)
    moved = np.bincount(cells, scaled if weights is None else scaled * weights, size)
    mass -= moved
    mass[1:] += moved[:-1]
    return (dct(mass / mass.sum(), overwrite_x=True)[1:]) ** 2


def _root(squares: np.ndarray, n: float, largest: float, record: Record, scale: float) -> float | None:
    """The largest root below `largest`, as a bandwidth in units of the grid's length."""
    from scipy.optimize import brentq

    k = np.arange(1.0, len(squares) + 1)
    k_squared, log_k_squared = k * k, 2 * np.log(k)
    stages = [
        (s, (1 + 0.5 ** (s + 0.5)) / 3 * math.prod(range(1, 2 * s, 2)) / (n * math.sqrt(math.pi / 2)))
        for s in range(STAGES - 1, 1, -1)
    ]

    def squared_norm(s: int, t: float) -> float:
        # Beyond this place exp(-k^2 pi^2 t) k^(2 s) is negligible against its largest value.
        end = min(len(squares), math.ceil(math.sqrt((60 + 8 * s) / t) / math.pi))
        powers = np.exp(s * log_k_squared[:end] - math.pi**2 * t * k_squared[:end])
        return math.pi ** (2 * s) / 2 * float(squares[:end] @ powers)

    def excess(log_h: float) -> float:
        """ln of the left side over the right side."""
        value = log_ratio(log_h)
        if math.isfinite(value):
            record.add(math.exp(log_h) * scale, value)
        return value

    def log_ratio(log_h: float) -> float:
        norm = squared_norm(STAGES, math.exp(2 * log_h))
        for s, constant in stages:
            if not norm > 0:
                return math.nan
            norm = squared_norm(s, (constant / norm) ** (2 / (3 + 2 * s)))
        return log_h + 0.2 * math.log(2 * n * math.sqrt(math.pi) * norm) if norm > 0 else math.nan

    step = math.log(2) / PER_OCTAVE
    upper = math.log(largest)
    above = excess(upper)
    while upper > math.log(4 / len(squares)):
        below = excess(upper - step)
        if below < 0 <= above:
            return math.exp(brentq(excess, upper - step, upper, xtol=1e-9))
        upper, above = upper - step, below
    return None

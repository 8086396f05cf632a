"""Rules of thumb: optimal for normal data, scaled by a measure of spread."""

from __future__ import annotations

import math
import warnings

import numpy as np

from fastdens.bandwidths.result import Record
from fastdens.kernel_sums.kernels.registry import SmoothingKernel

# IQR of the standard normal distribution.
NORMAL_IQR = 1.3489795003921634


def effective_size(n_samples: int, weights: np.ndarray | None) -> float:
    """Number of equal weights that would vary as much: (sum w)^2 / sum w^2 (Kish 1965)."""
    return float(n_samples) if weights is None else float(weights.sum()) ** 2 / float(weights @ weights)


def standard_deviations(data: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Maximum-likelihood standard deviation per feature, in two passes."""
    scale = np.abs(data).max(axis=0)
    scale[scale == 0] = 1.0
    unit = data / scale  # so that no square over- or underflows
    centred = unit - np.average(unit, axis=0, weights=weights)
    # A second centring removes what rounding left of the mean of data far from zero.
    centred -= np.average(centred, axis=0, weights=weights)
    return np.sqrt(np.average(centred**2, axis=0, weights=weights)) * scale


def quantile(x: np.ndarray, weights: np.ndarray | None, level: float) -> float:
    """Smallest value whose share of the weight reaches `level`."""
    if weights is None:
        place = min(max(math.ceil(level * len(x) * (1 - 1e-12)) - 1, 0), len(x) - 1)
        return float(np.partition(x, place)[place])
    order = np.argsort(x, kind="stable")
    cumulative = np.cumsum(weights[order])
    return float(x[order[min(np.searchsorted(cumulative, level * cumulative[-1] * (1 - 1e-12)), len(x) - 1)]])


def interquartile_ranges(data: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    return np.array([quantile(x, weights, 0.75) - quantile(x, weights, 0.25) for x in data.T])


_ROUNDING = 4 * np.finfo(float).eps


def positive_spreads(data: np.ndarray, spreads: np.ndarray, record: Record | None = None) -> np.ndarray:
    """`spreads`, with a guess and a warning for features that do not vary."""
    size = np.abs(data).max(axis=0)
    # What rounding alone makes of a constant feature does not count as spread. Its size is that of most of its numbers:
    # one that is far out is no reason to take the rest for the same.
    constant = spreads <= _ROUNDING * size
    if constant.any():
        constant &= spreads <= _ROUNDING * np.median(np.abs(data), axis=0)
    if not constant.any():
        return spreads
    others = spreads[~constant]
    guess = others.min() if others.size else 1.0
    message = (
        f"feature(s) {np.flatnonzero(constant).tolist()} of X do not vary: their spread is taken as "
        f"{'the smallest of the others' if others.size else 'a hundredth of their size'} for the bandwidth"
    )
    warn(message, record)
    spreads = spreads.copy()
    spreads[constant] = guess if others.size else np.where(size > 0, size / 100, 1.0)[constant]
    return spreads


def robust_spreads(data: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """The smaller of the standard deviation and IQR / 1.349, per feature."""
    deviations = standard_deviations(data, weights)
    robust = interquartile_ranges(data, weights) / NORMAL_IQR
    return np.where(robust > 0, np.minimum(deviations, robust), deviations)


def scott(
    data: np.ndarray, weights: np.ndarray | None, kernel: SmoothingKernel, record: Record | None = None
) -> np.ndarray:
    """sigma_a n^(-1/(d+4)) per feature (Scott 1992, 6.42)."""
    spreads = positive_spreads(data, standard_deviations(data, weights), record)
    return spreads * scott_factor(data, weights, kernel)


def silverman(
    data: np.ndarray, weights: np.ndarray | None, kernel: SmoothingKernel, record: Record | None = None
) -> np.ndarray:
    """Robust spread times 0.9 n^(-1/5), or (4 / (d + 2))^(1/(d+4)) n^(-1/(d+4)) for d > 1 (Silverman 1986)."""
    spreads = positive_spreads(data, robust_spreads(data, weights), record)
    return spreads * silverman_factor(data, weights, kernel)


def scott_factor(data: np.ndarray, weights: np.ndarray | None, kernel: SmoothingKernel) -> float:
    """Scott's bandwidths over the spreads."""
    n, d = effective_size(len(data), weights), data.shape[1]
    return n ** (-1 / (d + 4)) * kernel.efficiency_factor(d)


def silverman_factor(data: np.ndarray, weights: np.ndarray | None, kernel: SmoothingKernel) -> float:
    """Silverman's bandwidths over the spreads."""
    d = data.shape[1]
    return (0.9 if d == 1 else (4 / (d + 2)) ** (1 / (d + 4))) * scott_factor(data, weights, kernel)


def distinct(x: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """The different values of one feature, ascending, and the weight of each."""
    if weights is None:
        x = np.sort(x)
        starts = np.flatnonzero(np.append(True, x[1:] != x[:-1]))
        return x[starts], np.diff(np.append(starts, len(x))).astype(np.float64)
    values, inverse = np.unique(x, return_inverse=True)
    return values, np.bincount(inverse.ravel(), weights).astype(np.float64)


def one_column(data: np.ndarray, rule: str) -> np.ndarray:
    """The only feature of the data, for rules that know one dimension."""
    if data.shape[1] != 1:
        raise ValueError(
            f"rule={rule!r} needs X with one feature, got {data.shape[1]}; "
            "'scott', 'silverman', 'lscv', 'likelihood' and 'plug-in' take more"
        )
    return data[:, 0]


def is_spread(x: np.ndarray, weights: np.ndarray | None) -> bool:
    """Whether one feature varies by more than rounding makes of a constant."""
    return bool(standard_deviations(x[:, None], weights)[0] > 4 * np.finfo(float).eps * np.abs(x).max())


def warn(message: str, record: Record | None) -> None:
    """A warning, once, that the record keeps too."""
    if record is not None:
        if message in record.fallbacks:
            return
        record.fallbacks.append(message)
    warnings.warn(message, stacklevel=3)


def fall_back(
    data: np.ndarray, weights: np.ndarray | None, kernel: SmoothingKernel, reason: str, record: Record
) -> np.ndarray:
    """Silverman's bandwidth, with a warning that says why."""
    warn(f"{reason}: Silverman's bandwidth is taken instead", record)
    return silverman(data, weights, kernel, record)

"""Bandwidths for more than one feature by their form: one number, one per feature, or a full matrix.

The data are first made round: divided by a spread common to all features ("scalar"), by that of each ("axes"), or by
the Cholesky factor of their covariance ("matrix"). In these units normal data have one best bandwidth for all
directions, and rules search from there.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from fastdens.bandwidths.cross_validation import likelihood
from fastdens.bandwidths.least_squares import lscv_multiple
from fastdens.bandwidths.matrix_search import least_squares_shape
from fastdens.bandwidths.plug_in_matrix import plug_in_shape
from fastdens.bandwidths.result import Record
from fastdens.bandwidths.rules import (
    positive_spreads,
    robust_spreads,
    scott_factor,
    silverman_factor,
    standard_deviations,
    warn,
)
from fastdens.kernel_sums.kernels.registry import GAUSSIAN, SmoothingKernel

FORMS = ("scalar", "axes", "matrix")
# A correlation matrix with an eigenvalue below this is singular to working precision.
SINGULAR = 1e-12

# Spreads that differ more do so without bound: the inverse squares of ratios are then nothing.
LARGEST_RATIO = 1e150


def in_form(
    data: np.ndarray, weights: np.ndarray | None, kernel: SmoothingKernel, rule: str, form: str, record: Record
) -> float | np.ndarray:
    """The bandwidth of more than one feature: a number, (d,) or (d, d) for "scalar", "axes" or "matrix"."""
    d = data.shape[1]
    spreads_of = robust_spreads if rule == "silverman" else standard_deviations
    spreads = positive_spreads(data, spreads_of(data, weights), record)
    correlations = correlation_matrix(data, weights)
    smallest = float(np.linalg.eigvalsh(correlations)[0])
    regular = smallest > SINGULAR * d
    if form == "matrix" and not regular:
        warn(
            f"the covariance of X is singular ({len(data)} row(s), {d} features): the per-feature form of "
            f"{rule!r} is taken for the bandwidth matrix",
            record,
        )
        return _matrix(np.diag(in_form(data, weights, kernel, rule, "axes", record)))
    if form == "matrix":
        unit = spreads[:, None] * np.linalg.cholesky(correlations)
    elif form == "axes":
        unit = np.diag(spreads)
    else:
        unit = np.eye(d) * common_spread(spreads, correlations if regular else np.eye(d))
    shape = SHAPES[rule](data, weights, kernel, unit, form, record)
    factor = unit @ shape
    if form == "matrix":
        return _matrix(factor)
    bandwidths = np.diag(factor)
    return float(bandwidths[0]) if form == "scalar" else bandwidths.copy()


def _matrix(factor: np.ndarray) -> np.ndarray:
    """The bandwidth matrix of this factor."""
    with np.errstate(over="ignore", invalid="ignore"):
        H = factor @ factor.T
    if not (np.isfinite(H).all() and (np.diag(H) > 0).all()):
        widths = np.sqrt(np.square(factor / np.abs(factor).max()).sum(axis=1)) * np.abs(factor).max()
        raise ValueError(
            "a bandwidth matrix is in squared units, which must be within the floating-point numbers, got bandwidths "
            f"from {widths.min():g} to {widths.max():g}: rescale the data"
        )
    return (H + H.T) / 2


def correlation_matrix(data: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Correlations of the features, zero with those that do not vary."""
    size = np.abs(data).max(axis=0)
    unit = data / np.where(size > 0, size, 1.0)
    centred = unit - np.average(unit, axis=0, weights=weights)
    centred -= np.average(centred, axis=0, weights=weights)
    deviations = standard_deviations(unit, weights)
    varies = deviations > 4 * np.finfo(float).eps
    z = np.where(varies, centred / np.where(varies, deviations, 1.0), 0.0)
    matrix = z.T @ z / len(z) if weights is None else (z.T * (weights / weights.sum())) @ z
    matrix[np.diag_indices_from(matrix)] = 1.0
    return matrix


def common_spread(spreads: np.ndarray, correlations: np.ndarray) -> float:
    r"""The spread s for which h = (4 / ((d + 2) n))^(1/(d+4)) s is best for normal data, h the same for all features.

    Of the asymptotic mean integrated squared error of a normal density of covariance S (Wand and Jones 1995, 4.3):
    :math:`s^{d+4} = d (d + 2) |S|^{1/2} / (2 \operatorname{tr} S^{-2} + (\operatorname{tr} S^{-1})^2)`.
    """
    d = len(spreads)
    smallest = float(spreads.min())
    with np.errstate(over="ignore"):
        ratio = spreads / smallest  # so that nothing over- or underflows
    log_ratio = np.where(np.isfinite(ratio), np.log(ratio), np.log(spreads) - math.log(smallest))
    ratio = np.minimum(ratio, LARGEST_RATIO)
    inverse = np.linalg.inv(correlations) / ratio / ratio[:, None]
    log_root = float(log_ratio.sum()) + float(np.linalg.slogdet(correlations)[1]) / 2
    curvature = 2 * float((inverse * inverse).sum()) + float(np.trace(inverse)) ** 2
    return smallest * math.exp((math.log(d * (d + 2)) + log_root - math.log(curvature)) / (d + 4))


def whitened(data: np.ndarray, weights: np.ndarray | None, unit: np.ndarray) -> np.ndarray:
    """The data less their mean, in units of the lower triangular matrix `unit`."""
    from scipy.linalg import solve_triangular

    # The mean of the scaled data, as that of the data could overflow.
    scale = np.abs(np.diag(unit))
    with np.errstate(over="ignore"):
        z = np.clip(data / scale, -LARGEST_RATIO, LARGEST_RATIO)
    z -= np.average(z, axis=0, weights=weights)
    return np.ascontiguousarray(solve_triangular(unit / scale[:, None], z.T, lower=True).T)


def log_mean_scale(unit: np.ndarray) -> float:
    """ln of the geometric mean of the bandwidths that a lower triangular unit stands for."""
    return float(np.log(np.diag(unit)).mean())


def _scott(
    data: np.ndarray,
    weights: np.ndarray | None,
    kernel: SmoothingKernel,
    unit: np.ndarray,
    form: str,
    record: Record,
) -> np.ndarray:
    return np.eye(len(unit)) * scott_factor(data, weights, kernel)


def _silverman(
    data: np.ndarray,
    weights: np.ndarray | None,
    kernel: SmoothingKernel,
    unit: np.ndarray,
    form: str,
    record: Record,
) -> np.ndarray:
    return np.eye(len(unit)) * silverman_factor(data, weights, kernel)


def _likelihood(
    data: np.ndarray,
    weights: np.ndarray | None,
    kernel: SmoothingKernel,
    unit: np.ndarray,
    form: str,
    record: Record,
) -> np.ndarray:
    inner = Record()
    start = np.full(len(unit), scott_factor(data, weights, kernel))
    h = likelihood(whitened(data, weights, unit), weights, kernel, inner, start)
    _carry_over(inner, record, unit, 0)
    return np.diag(h)


def _lscv(
    data: np.ndarray,
    weights: np.ndarray | None,
    kernel: SmoothingKernel,
    unit: np.ndarray,
    form: str,
    record: Record,
) -> np.ndarray:
    own = kernel if form == "scalar" else GAUSSIAN
    start = scott_factor(data, weights, own)
    z = whitened(data, weights, unit) / start
    inner = Record()
    multiple = lscv_multiple(z, weights, own, inner)
    _carry_over(inner, record, unit * start, len(unit))
    if multiple is None:
        warn("the criterion of 'lscv' has no local minimum: Silverman's factor is taken instead", record)
        return _silverman(data, weights, kernel, unit, form, record)
    if form == "scalar":
        return np.eye(len(unit)) * (multiple * start)
    shape = least_squares_shape(z / multiple, weights, form, record)
    return shape * (multiple * start * kernel.efficiency_factor(len(unit)))


def _plug_in(
    data: np.ndarray,
    weights: np.ndarray | None,
    kernel: SmoothingKernel,
    unit: np.ndarray,
    form: str,
    record: Record,
) -> np.ndarray:
    d = len(unit)
    round_unit = unit
    correlations = correlation_matrix(data, weights)
    if form != "matrix" and float(np.linalg.eigvalsh(correlations)[0]) > SINGULAR * d:
        spreads = positive_spreads(data, standard_deviations(data, weights), record)
        round_unit = spreads[:, None] * np.linalg.cholesky(correlations)
    z = whitened(data, weights, round_unit)
    shape = plug_in_shape(z, weights, np.linalg.solve(round_unit, unit), form, record)
    return shape * kernel.efficiency_factor(d)


def _carry_over(inner: Record, record: Record, unit: np.ndarray, power: int) -> None:
    """A record in units of the data: bandwidths times the scale, values over the scale to the power."""
    log_scale = log_mean_scale(unit)
    for h, value in zip(inner.tried, inner.values, strict=True):
        record.add(h * math.exp(log_scale), value * math.exp(min(-power * log_scale, 700.0)))
    record.fallbacks += inner.fallbacks


Shape = Callable[[np.ndarray, np.ndarray | None, SmoothingKernel, np.ndarray, str, Record], np.ndarray]
# A lower triangular matrix M for each rule: the bandwidth's factor is unit @ M.
SHAPES: dict[str, Shape] = {
    "scott": _scott,
    "silverman": _silverman,
    "likelihood": _likelihood,
    "lscv": _lscv,
    "plug-in": _plug_in,
}

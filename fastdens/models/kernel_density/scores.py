"""ln of the density at rows of data, with bounds of its error and its gradient, and at each point without the point."""

from __future__ import annotations

import math

import numpy as np

from fastdens.kernel_sums.accuracy.bounds import as_float32, certified_sums, normalised_logs
from fastdens.kernel_sums.kernels import metrics
from fastdens.kernel_sums.problem import SumRequest
from fastdens.kernel_sums.variable.variable_sums import VariableSum
from fastdens.models.contract import in_double, rounded
from fastdens.models.kernel_density.estimate import Estimate, Settings


def log_density(estimate: Estimate, data: np.ndarray, settings: Settings) -> np.ndarray:
    """ln of the density at each row; float32 where points and rows are."""
    metrics.check_data(data, estimate.metric)
    of_both, data = _in_one_precision(estimate, data)
    logs = of_both.sums.evaluate(
        data, log=True, rtol=settings.rtol, atol=_atol_of_sums(estimate, settings), algorithm=settings.route,
        n_threads=settings.n_threads,
    )  # fmt: skip
    logs -= estimate.log_normaliser
    return rounded(logs, data.dtype)


def bounded_log_density(estimate: Estimate, data: np.ndarray, settings: Settings) -> tuple[np.ndarray, ...]:
    """The same of a Euclidean estimate without bounds, with a lower and an upper bound."""
    of_both, data = _in_one_precision(estimate, data)
    request = SumRequest(data, None, True, settings.rtol, _atol_of_sums(estimate, settings), settings.n_threads)
    three = certified_sums(of_both.sums, request, settings.route)
    three = normalised_logs(*three, math.log(estimate.total), estimate.log_volume)
    return as_float32(*three) if data.dtype == np.float32 else three


def log_density_of(estimate: Estimate, rows: np.ndarray, settings: Settings) -> np.ndarray:
    """ln of the density at rows that were made here, in the points' precision; returned in double."""
    return in_double(log_density(estimate, rows.astype(estimate.points.dtype, copy=False), settings))


def log_gradient(estimate: Estimate, data: np.ndarray, n_threads: int | None) -> np.ndarray:
    """Derivatives of ln of the density at each row; float32 where points and rows are."""
    prepared = VariableSum(estimate.points, estimate.kernel, estimate.bandwidth, estimate.log_weights)
    _, gradients = prepared.log_gradients(data.astype(np.float64, copy=False), n_threads)
    return rounded(gradients, data.dtype)


def leave_one_out(estimate: Estimate, n_threads: int | None) -> np.ndarray:
    """ln of the density at each point under the estimate from the others."""
    n = estimate.n_points
    if n == 1:
        return np.full(1, -np.inf)
    log_sums = estimate.sums.evaluate(estimate.points, log=True, own=np.arange(n), n_threads=n_threads)
    weights = np.ones(n) if estimate.weights is None else estimate.weights
    logs = log_sums - np.log(weights.sum() - weights) - estimate.log_volume
    return rounded(logs, estimate.points.dtype)


def _in_one_precision(estimate: Estimate, data: np.ndarray) -> tuple[Estimate, np.ndarray]:
    """Estimate and rows as they are, or both in double precision."""
    if data.dtype == estimate.points.dtype:
        return estimate, data
    return estimate.in_double(), in_double(data)


def _atol_of_sums(estimate: Estimate, settings: Settings) -> float:
    return settings.atol * math.exp(min(estimate.log_normaliser, 700.0))

"""Log-densities of an estimate with varying bandwidths, and their gradients."""

from __future__ import annotations

import numpy as np

from fastdens.kernel_sums.variable.variable_sums import VariableSum
from fastdens.models.adaptive_kernel_density.estimate import Estimate


def log_density(estimate: Estimate, rows: np.ndarray, n_threads: int | None) -> np.ndarray:
    """At rows in double precision; -inf where there is none."""
    if not estimate.is_density:
        factors = estimate.factors_at(rows, n_threads)
        sums = estimate.sums.log_sums(rows, query_factors=factors, n_threads=n_threads)
        return sums - estimate.n_features * np.log(factors) - estimate.log_volume
    found = estimate.sums.log_sums(rows, n_threads=n_threads) - estimate.log_volume
    if not estimate.is_mixture:
        return found
    fixed = estimate.fixed.evaluate(rows, log=True, n_threads=n_threads) - estimate.log_volume
    return estimate.mixed(found, fixed)


def loo_log_density(estimate: Estimate, n_threads: int | None) -> np.ndarray:
    """At every point, under the estimate from the others."""
    points, n = estimate.points, len(estimate.points)
    if n == 1:
        return np.full(1, -np.inf)
    own, log_others = np.arange(n), np.log1p(-estimate.weights)
    if not estimate.is_density:
        factors = estimate.own_factors(n_threads)
        sums = estimate.sums.log_sums(points, query_factors=factors, own=own, n_threads=n_threads)
        return sums - estimate.n_features * np.log(factors) - estimate.log_volume - log_others
    found = estimate.sums.log_sums(points, own=own, n_threads=n_threads)
    if estimate.is_mixture:
        found = estimate.mixed(found, estimate.fixed.evaluate(points, log=True, own=own, n_threads=n_threads))
    return found - estimate.log_volume - log_others


def log_density_gradient(estimate: Estimate, rows: np.ndarray, n_threads: int | None) -> np.ndarray:
    """At rows in double precision; 0 where there is no density."""
    logs, gradients = estimate.sums.log_gradients(rows, n_threads)
    if not estimate.is_mixture:
        return gradients
    fixed = VariableSum(estimate.points, estimate.kernel, estimate.bandwidth, np.log(estimate.weights))
    fixed_logs, fixed_gradients = fixed.log_gradients(rows, n_threads)
    mixed = estimate.mixed(logs, fixed_logs)
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.exp(logs + np.log(estimate.mixing) - mixed)[:, None]
    return np.where(np.isfinite(mixed)[:, None], part * gradients + (1 - part) * fixed_gradients, 0.0)

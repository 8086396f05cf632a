"""Kernel sums with a lower and an upper bound for every query, rounding included."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from fastdens.kernel_sums.accuracy import roundoff
from fastdens.kernel_sums.accuracy.roundoff import UNIT_ROUNDOFF
from fastdens.kernel_sums.kernels.registry import SmoothingKernel, check_able
from fastdens.kernel_sums.prepared_sums import KernelSum
from fastdens.kernel_sums.problem import SumProblem, SumRequest


def certified_sums(
    prepared: KernelSum, request: SumRequest, algorithm: str = "auto"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sums as `KernelSum.answer` gives them in double precision, and their lower and upper bounds."""
    problem = prepared.problem.in_double()
    if problem is not prepared.problem:
        prepared = KernelSum.of(problem)
    request = replace(request, Q=request.Q.astype(np.float64, copy=False))
    check_able(problem.kernel, "a bound of a sum", "without a jump, but the tophat's", _has_bounds)
    if problem.values is not None:
        return _of_values(prepared, request, algorithm)
    answer = prepared.answer(request, algorithm)
    sums, of_route = answer.values, answer.errors
    if problem.kernel.is_compact:
        linear = np.exp(sums) if request.log else sums
        lower, upper = _compact_bounds(prepared, linear, request)
        if of_route is not None:
            lower, upper = np.maximum(lower - of_route, 0.0), upper + of_route
        if request.log:
            with np.errstate(divide="ignore"):
                lower, upper = np.log(lower), np.log(upper)
            return sums, *_widened_logs(lower, upper)
        return sums, lower, upper
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        relative = _relative_errors(prepared, sums if request.log else np.log(sums), request.Q)
        relative = np.where(np.isfinite(relative), relative, 0.0)  # of sums that are zero in double precision
        linear = np.exp(sums) if request.log else sums
        of_route = np.zeros(len(request.Q)) if of_route is None else of_route
        lower = linear * np.maximum(1 - relative, 0.0) - of_route
        # A sum below the normal numbers has lost digits by its size alone.
        tiny = linear < np.finfo(np.float64).smallest_normal
        lower = np.where(tiny, 0.0, np.maximum(lower, 0.0))
        upper = linear * (1 + relative) + of_route
        if not request.log:
            return sums, lower, np.where(tiny, upper + 2 * np.finfo(np.float64).smallest_normal, upper)
        lower = np.where(of_route > 0, np.log(lower), sums + np.log1p(-np.minimum(relative, 1.0)))
        upper = np.where(of_route > 0, np.log(upper), sums + np.log1p(relative))
    return sums, *_widened_logs(lower, upper)


def _has_bounds(kernel: SmoothingKernel) -> bool:
    return kernel.is_continuous or kernel.power == 0


def _widened_logs(lower: np.ndarray, upper: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Room for the rounding of the logarithms themselves."""
    with np.errstate(invalid="ignore"):
        return (
            np.where(np.isfinite(lower), lower - 8 * UNIT_ROUNDOFF * (1 + np.abs(lower)), lower),
            np.where(np.isfinite(upper), upper + 8 * UNIT_ROUNDOFF * (1 + np.abs(upper)), upper),
        )


def _displacement(problem: SumProblem, Q: np.ndarray) -> float:
    """By how many bandwidths whitening with a matrix bandwidth can move the distance of a pair."""
    if problem.bandwidth.scales_axes:
        return 0.0
    d = problem.n_features
    to_white = np.abs(problem.bandwidth.to_white)
    centre = problem.X.mean(axis=0)
    farthest = max(float((np.abs(rows - centre) @ to_white).max()) for rows in (problem.X, Q) if len(rows))
    return 8 * d * math.sqrt(d) * UNIT_ROUNDOFF * float(np.linalg.cond(problem.bandwidth.root)) * (farthest + 1)


def _relative_errors(prepared: KernelSum, logs: np.ndarray, Q: np.ndarray) -> np.ndarray:
    problem = prepared.problem
    errors = roundoff.of_unbounded_kernel(
        math.log(problem.total_weight) - logs, problem.kernel, problem.n_points, problem.n_features,
        _displacement(problem, Q),
    )  # fmt: skip
    return errors + prepared.direct.product_error(len(Q))


def _compact_bounds(prepared: KernelSum, sums: np.ndarray, request: SumRequest) -> tuple[np.ndarray, np.ndarray]:
    problem = prepared.problem
    displacement = _displacement(problem, request.Q)
    if problem.kernel.power == 0:
        moved = 2 * roundoff.of_edge(problem.n_features, displacement)
        lower, upper = (_tophat(problem, factor, request) for factor in (max(1 - moved, 0.5), 1 + moved))
        rounding = UNIT_ROUNDOFF * (roundoff.TERM_ROUNDINGS + problem.n_points / roundoff.POINTS_PER_ROUNDING)
        return np.minimum(lower * (1 - rounding), sums), np.maximum(upper * (1 + rounding), sums)
    near = prepared.edges.weights_within(request, 1 + 2 * displacement + 2.0**-40)
    errors = roundoff.of_compact_kernel(sums, near, problem.kernel, problem.n_points, problem.n_features, displacement)
    return np.maximum(sums - errors, 0.0), sums + errors


def _tophat(problem: SumProblem, factor: float, request: SumRequest) -> np.ndarray:
    asked = SumRequest(request.Q, request.own, n_threads=request.n_threads)
    return KernelSum.of(problem.smoothed_by(problem.kernel, factor)).answer(asked).values


def _of_values(prepared: KernelSum, request: SumRequest, algorithm: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Signed sums: their error is bounded by that of the sums over absolute values."""
    problem = prepared.problem
    assert problem.values is not None
    sums = prepared.answer(request, algorithm).values
    lower, upper = np.empty_like(sums), np.empty_like(sums)
    exactly = SumRequest(request.Q, request.own, n_threads=request.n_threads)
    for column, values in enumerate(problem.values.T):
        sizes = np.abs(values) if problem.weights is None else np.abs(values) * problem.weights
        if not sizes.any():
            lower[:, column] = upper[:, column] = 0.0
            continue
        of_sizes = KernelSum.of(replace(problem, weights=sizes, values=None))
        centre, below, above = certified_sums(of_sizes, exactly)
        errors = np.maximum(above - centre, centre - below)
        lower[:, column], upper[:, column] = sums[:, column] - errors, sums[:, column] + errors
    return sums, lower, upper


def normalised_logs(
    logs: np.ndarray, lower: np.ndarray, upper: np.ndarray, *log_factors: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logarithms of sums divided by factors, with room in the bounds for the rounding of the factors."""
    log_factor = sum(log_factors)
    slack = 16 * UNIT_ROUNDOFF * (1 + sum(abs(factor) for factor in log_factors))
    with np.errstate(invalid="ignore"):
        return (logs - log_factor, *_widened_logs(lower - log_factor - slack, upper - log_factor + slack))


def as_float32(sums: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """In single precision, the bounds rounded outward."""
    with np.errstate(over="ignore"):
        low, high = lower.astype(np.float32), upper.astype(np.float32)
        low = np.where(low > lower, np.nextafter(low, np.float32(-np.inf)), low)
        high = np.where(high < upper, np.nextafter(high, np.float32(np.inf)), high)
        return sums.astype(np.float32), low, high

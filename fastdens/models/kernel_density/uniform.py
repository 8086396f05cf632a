"""Rosenblatt's transform of a kernel density estimate to independent uniform numbers, and back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.models.contract import in_double, rounded
from fastdens.models.kernel_density import cdf
from fastdens.models.kernel_density.conditional import PAIRS_AT_ONCE, check_gaussian
from fastdens.models.kernel_density.estimate import Estimate, Settings
from fastdens.models.kernel_density.marginals import marginal

# Newton's steps; every other one halves the bracket after so many free ones, so that it closes in any case.
MOST_SWEEPS, FREE_SWEEPS = 200, 30
# So many bandwidths away the nearest point has all the weight there is, as far as doubles go.
FARTHEST = 1e300
LARGEST_SQUARED = 1e150


def to_uniform(estimate: Estimate, data: np.ndarray, settings: Settings) -> np.ndarray:
    """Column a is P(X_a <= x_a | X_1 = x_1, ..., X_{a-1} = x_{a-1})."""
    if estimate.n_features == 1:
        return cdf.cdf(estimate, data, settings)[:, None]
    check_gaussian(estimate, "to_uniform of more than one feature")
    return rounded(_uniform(estimate, in_double(data), settings), data.dtype)


def _uniform(estimate: Estimate, data: np.ndarray, settings: Settings) -> np.ndarray:
    from scipy.special import ndtr

    points, white = _whitened(estimate, data)
    uniform = np.empty_like(data)
    uniform[:, 0] = cdf.cdf(_of_first_feature(estimate), data[:, :1], settings.for_fewer_features())
    for rows, log_terms in _blocks(estimate, len(data)):
        for axis in range(data.shape[1]):
            offsets = white[rows, axis, None] - points[:, axis]
            if axis:
                terms = _shares(log_terms)
                uniform[rows, axis] = np.einsum("mn,mn->m", terms, ndtr(offsets))
            _add_log_kernels(log_terms, white[rows, axis], points[:, axis])
    return np.clip(uniform, 0.0, 1.0)


def from_uniform(estimate: Estimate, U: Any, settings: Settings) -> np.ndarray:
    """The inverse of `to_uniform`."""
    precision = estimate.precision_with(U)
    U = validation.check_queries(U, estimate.n_features, "U")
    U = validation.check_between_0_and_1(U, "U", inside=True)
    if estimate.n_features == 1:
        return rounded(cdf.ppf(estimate, U, settings), precision)
    check_gaussian(estimate, "from_uniform of more than one feature")
    found = np.zeros_like(U)
    found[:, 0] = cdf.ppf(_of_first_feature(estimate), U[:, 0], settings.for_fewer_features())
    points, white = _whitened(estimate, found)
    for rows, log_terms in _blocks(estimate, len(U)):
        for axis in range(U.shape[1]):
            if axis:
                white[rows, axis] = _quantiles(U[rows, axis], _shares(log_terms), points[:, axis])
            _add_log_kernels(log_terms, white[rows, axis], points[:, axis])
    origin = estimate.points64.mean(axis=0)
    found[:, 1:] = (origin + estimate.bandwidth.coloured(white))[:, 1:]
    return rounded(found, precision)


def _of_first_feature(estimate: Estimate) -> Estimate:
    """The distribution of the first feature, in double precision."""
    return marginal(replace(estimate, points=estimate.points64), np.array([0]))


def _whitened(estimate: Estimate, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points and rows where all kernels are standard normal, and feature a follows from the first a alone."""
    points = estimate.points64
    origin = points.mean(axis=0)
    white = estimate.bandwidth.whitened(points - origin), estimate.bandwidth.whitened(rows - origin)
    return np.clip(white[0], -FARTHEST, FARTHEST), np.clip(white[1], -FARTHEST, FARTHEST)


def _blocks(estimate: Estimate, n_rows: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Slices of rows that fit into memory with all points, and the logarithms of the weights for each."""
    n = estimate.n_points
    log_weights = np.zeros(n) if estimate.weights is None else np.log(estimate.weights)
    step = max(1, PAIRS_AT_ONCE // n)
    for start in range(0, n_rows, step):
        rows = slice(start, min(start + step, n_rows))
        yield rows, np.repeat(log_weights[None, :], rows.stop - rows.start, axis=0)


def _add_log_kernels(log_terms: np.ndarray, white: np.ndarray, points: np.ndarray) -> None:
    """Add the logarithms of the kernels along one axis, in each row relative to the nearest point's.

    A difference of squares is formed as a product, so that far from all points it is as exact as near them.
    """
    ascending = np.sort(points)
    place = np.searchsorted(ascending, white)
    below, above = ascending[np.maximum(place - 1, 0)], ascending[np.minimum(place, len(points) - 1)]
    nearest = np.where(np.abs(white - below) <= np.abs(above - white), below, above)
    nearest = np.where(white >= ascending[-1], ascending[-1], nearest)
    with np.errstate(over="ignore"):
        log_terms -= 0.5 * (nearest[:, None] - points) * ((white - nearest)[:, None] + (white[:, None] - points))
    np.maximum(log_terms, -np.finfo(float).max, out=log_terms)


def _shares(log_terms: np.ndarray) -> np.ndarray:
    """Terms of each row that sum to one, from their logarithms."""
    terms = np.exp(log_terms - log_terms.max(axis=1, keepdims=True))
    terms /= terms.sum(axis=1, keepdims=True)
    return terms


def _quantiles(u: np.ndarray, shares: np.ndarray, points: np.ndarray) -> np.ndarray:
    """For each row, the x with sum of shares times Phi(x - points) = u.

    Newton's method on the logarithm of the smaller tail, inside a bracket: the quantile lies between the smallest and
    the largest of the kernels' own.
    """
    from scipy.special import ndtr, ndtri

    side = np.where(u <= 0.5, 1.0, -1.0)
    target = np.where(u <= 0.5, u, 1 - u)
    low, high = points.min() + ndtri(u), points.max() + ndtri(u)
    mean = shares @ points
    unit = max(float(np.abs(points).max()) / LARGEST_SQUARED, 1.0)  # squares are taken in units of it
    spread = unit * np.sqrt(1 / unit**2 + np.maximum(shares @ (points / unit) ** 2 - (mean / unit) ** 2, 0))
    x = np.clip(mean + spread * ndtri(u), low, high)
    unsolved = np.arange(len(u))
    for sweep in range(MOST_SWEEPS):
        offsets = x[unsolved, None] - points
        terms = shares[unsolved]
        tail = np.einsum("mn,mn->m", terms, ndtr(side[unsolved, None] * offsets))
        with np.errstate(over="ignore"):  # then the exponential is 0
            density = np.einsum("mn,mn->m", terms, np.exp(-0.5 * offsets**2)) / np.sqrt(2 * np.pi)
        too_far = (tail >= target[unsolved]) == (side[unsolved] > 0)
        high[unsolved] = np.where(too_far, x[unsolved], high[unsolved])
        low[unsolved] = np.where(too_far, low[unsolved], x[unsolved])
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            step = -side[unsolved] * np.log(tail / target[unsolved]) * tail / density
            proposed = x[unsolved] + step
            inside = (proposed > low[unsolved]) & (proposed < high[unsolved])
        if sweep >= FREE_SWEEPS and sweep % 2 == 0:
            inside[:] = False
        middle = low[unsolved] + (high[unsolved] - low[unsolved]) / 2
        tolerance = 4 * np.spacing(np.maximum(np.abs(x[unsolved]), 1.0))
        done = (np.abs(step) <= tolerance) | (high[unsolved] - low[unsolved] <= tolerance)
        x[unsolved] = np.where(done, x[unsolved], np.where(inside, proposed, middle))
        unsolved = unsolved[~done]
        if not unsolved.size:
            break
    return x

"""Conditional distributions of a kernel density estimate with the Gaussian kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Generic, TypeVar

import numpy as np

from fastdens.core import validation
from fastdens.models.contract import rounded
from fastdens.models.kernel_density.estimate import Estimate, Settings
from fastdens.models.kernel_density.marginals import marginal
from fastdens.models.kernel_density.scores import log_density_of

Model = TypeVar("Model")
# Numbers of rows times points that are in memory at once.
PAIRS_AT_ONCE = 2**20
# Logarithms of densities below minus this have lost digits when one is taken from another.
FAR_LOG_DENSITY = 1e4


def condition(
    estimate: Estimate,
    axes: Any,
    values: Any,
    settings: Settings,
    as_model: Callable[[np.ndarray, Estimate], Model],
) -> Model | ConditionalKernelDensities[Model]:
    """The distribution of the other features given one row of values, or those given many rows."""
    check_gaussian(estimate, "condition")
    axes = validation.check_axes(axes, estimate.n_features)
    rest = np.setdiff1d(np.arange(estimate.n_features), axes)
    if len(rest) == 0:
        raise ValueError(f"axes must leave at least one feature, got all {estimate.n_features}")
    given = np.asarray(values, dtype=np.float64)
    given = given.reshape(-1) if given.ndim == 0 else given
    rows = validation.check_queries(given[None, :] if given.ndim == 1 else given, len(axes), "values")
    distributions = ConditionalKernelDensities(estimate, axes, rest, rows, settings, as_model)
    return distributions[0] if given.ndim == 1 else distributions


def check_gaussian(estimate: Estimate, method: str) -> None:
    if not estimate.kernel.is_product:
        raise ValueError(
            f"{method} needs kernel='gaussian', the only one that is a product over the features, got "
            f"kernel={estimate.kernel.name!r}"
        )


class ConditionalKernelDensities(Generic[Model]):
    """Conditional distributions of one estimate for many values, as `KernelDensity.condition` gives them.

    Parameters
    ----------
    estimate : Estimate
        Plain, with the Gaussian kernel.
    axes, rest : ndarray of int
        The features that are given, and the others.
    values : ndarray of shape (n_conditions, n_axes)
        What is given.
    settings : Settings
    as_model : callable
        Makes a model of the features and the estimate that it is given.
    """

    def __init__(
        self,
        estimate: Estimate,
        axes: np.ndarray,
        rest: np.ndarray,
        values: np.ndarray,
        settings: Settings,
        as_model: Callable[[np.ndarray, Estimate], Model],
    ) -> None:
        self._estimate, self._axes, self._rest, self.values_ = estimate, axes, rest, values.copy()
        self._settings, self._as_model = settings, as_model
        points = estimate.points64
        self._given, self._points = points[:, axes], points[:, rest]
        # The slope: of the other features' kernels on the given ones, where they correlate.
        self._bandwidth, self._slope = estimate.bandwidth.conditional(axes, rest)
        self._to_white = estimate.bandwidth.marginal(axes).to_white
        self._log_weights = np.zeros(len(points)) if estimate.weights is None else np.log(estimate.weights)

    def __len__(self) -> int:
        return len(self.values_)

    def _log_terms(self, values: np.ndarray) -> np.ndarray:
        """ln of each point's weight for each row of values, relative to the row's largest."""
        terms = np.zeros((len(values), len(self._given)))
        with np.errstate(over="ignore"):
            for axis in self._to_white.T:  # one whitened coordinate after the other
                used = np.flatnonzero(axis)
                coordinate = np.zeros_like(terms)
                for a in used:
                    coordinate += (values[:, a, None] - self._given[:, a]) * axis[a]
                terms -= 0.5 * coordinate**2
        np.maximum(terms, -np.finfo(float).max, out=terms)
        terms += self._log_weights
        terms -= terms.max(axis=1, keepdims=True)
        return terms

    def __getitem__(self, i: int) -> Model:
        return self._as_model(self._rest, self._estimate_of(i))

    def _estimate_of(self, i: int) -> Estimate:
        """The distribution for one row of values."""
        value = self.values_[i]
        weights = np.exp(self._log_terms(value[None, :])[0])
        weights = validation.check_sample_weight(np.where(weights < 1e-300, 0.0, weights), len(weights))
        points = self._points if self._slope is None else self._points + (value - self._given) @ self._slope
        points = np.ascontiguousarray(points).astype(self._estimate.points.dtype, copy=False)
        points, weights = validation.drop_zero_weights(points, weights)
        return replace(self._estimate, points=points, weights=weights, bandwidth=self._bandwidth)

    def score_samples(self, X: Any) -> np.ndarray:
        """Log-density of row i of X under distribution i: shape (n_conditions,)."""
        rows = validation.check_queries(X, len(self._rest), "X")
        validation.check_length(len(rows), "X", len(self), "condition")
        return rounded(self._log_density(rows), self._estimate.precision_with(X))

    def _log_density(self, rows: np.ndarray) -> np.ndarray:
        if len(rows) == 0:
            return np.empty(0)
        whole = np.empty((len(rows), len(self._axes) + len(self._rest)))
        whole[:, self._axes], whole[:, self._rest] = self.values_, rows
        settings = self._settings.for_fewer_features()
        of_given = log_density_of(marginal(self._estimate, self._axes), self.values_, settings)
        with np.errstate(invalid="ignore"):  # where there is no density at what is given, as below
            result = log_density_of(self._estimate, whole, self._settings) - of_given
        for i in np.flatnonzero(~(of_given > -FAR_LOG_DENSITY)):
            result[i] = log_density_of(self._estimate_of(int(i)), rows[i : i + 1], settings)[0]
        return result

    def sample(self, random_state: Any = None) -> np.ndarray:
        """One draw of each distribution: shape (n_conditions, n_features)."""
        random = validation.check_random_state(random_state)
        m, n = len(self), len(self._points)
        chosen, uniform = np.empty(m, dtype=np.intp), random.random(m)
        step = max(1, PAIRS_AT_ONCE // n)
        for start in range(0, m, step):
            weights = np.exp(self._log_terms(self.values_[start : start + step]))
            cumulative = np.cumsum(weights, axis=1)
            place = uniform[start : start + step] * cumulative[:, -1]
            chosen[start : start + step] = np.minimum((cumulative <= place[:, None]).sum(axis=1), n - 1)
        noise = random.standard_normal((m, len(self._rest)))
        noise = self._bandwidth.coloured(noise)
        means = self._points[chosen]
        if self._slope is not None:
            means = means + (self.values_ - self._given[chosen]) @ self._slope
        return rounded(means + noise, self._estimate.points.dtype)

    @property
    def means_(self) -> np.ndarray:
        """Mean of each distribution, the regression of Nadaraya and Watson (1964): shape (n_conditions, n_features)."""
        m, n = len(self), len(self._points)
        means, step = np.empty((m, len(self._rest))), max(1, PAIRS_AT_ONCE // n)
        origin = self._points.mean(axis=0)
        for start in range(0, m, step):
            values = self.values_[start : start + step]
            weights = np.exp(self._log_terms(values))
            weights /= weights.sum(axis=1, keepdims=True)
            means[start : start + step] = weights @ (self._points - origin) + origin
            if self._slope is not None:
                means[start : start + step] += (values - weights @ self._given) @ self._slope
        return means

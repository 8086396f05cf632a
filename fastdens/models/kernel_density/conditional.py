"""Conditional laws of a kernel density estimate with the Gaussian kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastdens.core import validation
from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.models.contract import rounded
from fastdens.models.kernel_density.derived import KernelDerived

if TYPE_CHECKING:
    from fastdens.models.kernel_density import KernelDensity

# Numbers of rows times points that are in memory at once.
PAIRS_AT_ONCE = 2**20
# Logarithms of densities below minus this have lost digits when one is taken from another.
FAR_LOG_DENSITY = 1e4


class KernelConditional(KernelDerived):
    """Conditional laws of `KernelDensity`."""

    def condition(self, axes: Any, values: Any) -> KernelDensity | ConditionalKernelDensities:
        r"""The law of the other features, given values of these.

        Parameters
        ----------
        axes : int or sequence of int
            Features that are given; at least one must remain.
        values : array-like of shape (n_axes,) or (n_conditions, n_axes)
            Their values, or many rows of them at once; a number where `axes` is one.

        Returns
        -------
        KernelDensity or ConditionalKernelDensities
            One estimate, whose weights are :math:`w_i K((v - x_{i,axes}) / h)`, or the laws for all rows of
            `values`. The weights are formed relative to the largest, so that values far from all data have their
            law too; those below 1e-300 of it count as none.

        Raises
        ------
        ValueError
            For another kernel than the Gaussian, which alone is a product over the features; for a metric other than
            the Euclidean one, with bounds or periods.

        Examples
        --------
        >>> import fastdens as fd
        >>> law = fd.KernelDensity(bandwidth=1.0).fit([[0.0, 5.0], [2.0, 7.0]]).condition(0, 2.0)
        >>> law.weights_.round(3)
        array([0.119, 0.881])
        """
        self._check_fitted()
        self._check_plain("condition")
        self._check_gaussian("condition")
        axes = validation.check_axes(axes, self.n_features_in_)
        rest = np.setdiff1d(np.arange(self.n_features_in_), axes)
        if len(rest) == 0:
            raise ValueError(f"axes must leave at least one feature, got all {self.n_features_in_}")
        given = np.asarray(values, dtype=np.float64)
        given = given.reshape(-1) if given.ndim == 0 else given
        rows = validation.check_queries(given[None, :] if given.ndim == 1 else given, len(axes), "values")
        laws = ConditionalKernelDensities(self, axes, rest, rows)
        return laws[0] if given.ndim == 1 else laws

    def _check_gaussian(self, method: str) -> None:
        if not KERNELS[self.kernel_].is_product:
            raise ValueError(
                f"{method} needs kernel='gaussian', the only one that is a product over the features, got "
                f"kernel={self.kernel_!r}"
            )


class ConditionalKernelDensities:
    """Conditional laws of one kernel density estimate for many values, as `KernelDensity.condition` gives them.

    Parameters
    ----------
    model : KernelDensity
        The estimate, with the Gaussian kernel.
    axes, rest : ndarray of int
        The features that are given, and the others.
    values : ndarray of shape (n_conditions, n_axes)
        What is given.
    """

    def __init__(self, model: KernelConditional, axes: np.ndarray, rest: np.ndarray, values: np.ndarray) -> None:
        self._model, self._axes, self._rest, self.values_ = model, axes, rest, values.copy()
        points = model._points64()
        self._given, self._points = points[:, axes], points[:, rest]
        # The slope: of the other features' kernels on the given ones, where they correlate.
        self._bandwidth, self._slope = model._bandwidth.conditional(axes, rest)
        self._to_white = model._bandwidth.marginal(axes).to_white
        self._log_weights = np.zeros(len(points)) if model._weights is None else np.log(model._weights)

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

    def __getitem__(self, i: int) -> KernelDensity:
        model, value = self._model, self.values_[i]
        weights = np.exp(self._log_terms(value[None, :])[0])
        points = self._points if self._slope is None else self._points + (value - self._given) @ self._slope
        points = np.ascontiguousarray(points).astype(model.points_.dtype, copy=False)
        return model._derived(points, np.where(weights < 1e-300, 0.0, weights), self._bandwidth, "gaussian", self._rest)

    def score_samples(self, X: Any) -> np.ndarray:
        """Log-density of row i of X under law i: shape (n_conditions,)."""
        rows = validation.check_queries(X, len(self._rest), "X")
        validation.check_length(len(rows), "X", len(self), "condition")
        return rounded(self._log_density(rows), self._model._precision_with(X))

    def _log_density(self, rows: np.ndarray) -> np.ndarray:
        if len(rows) == 0:
            return np.empty(0)
        whole = np.empty((len(rows), len(self._axes) + len(self._rest)))
        whole[:, self._axes], whole[:, self._rest] = self.values_, rows
        of_given = self._model.marginal(self._axes)._log_density_of(self.values_)
        result = self._model._log_density_of(whole) - of_given
        for i in np.flatnonzero(~(of_given > -FAR_LOG_DENSITY)):
            result[i] = self[int(i)]._log_density_of(rows[i : i + 1])[0]
        return result

    def sample(self, random_state: Any = None) -> np.ndarray:
        """One draw of each law: shape (n_conditions, n_features)."""
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
        return rounded(means + noise, self._model._own_precision)

    @property
    def means_(self) -> np.ndarray:
        """Mean of each law, the regression of Nadaraya and Watson (1964): shape (n_conditions, n_features)."""
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

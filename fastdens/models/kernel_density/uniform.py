"""Rosenblatt's transform of a kernel density estimate to independent uniform numbers, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastdens.core import validation
from fastdens.models.contract import in_double, rounded
from fastdens.models.kernel_density.conditional import PAIRS_AT_ONCE, KernelConditional

# Newton's steps; every other one halves the bracket after so many free ones, so that it closes in any case.
MOST_SWEEPS, FREE_SWEEPS = 200, 30
# So many bandwidths away the nearest point has all the weight there is, as far as doubles go.
FARTHEST = 1e300


class KernelUniform(KernelConditional):
    """The transforms of `KernelDensity`."""

    if TYPE_CHECKING:

        def cdf(self, X: Any) -> np.ndarray: ...
        def ppf(self, q: Any) -> np.ndarray: ...

    def to_uniform(self, X: Any) -> np.ndarray:
        r"""Rosenblatt's transform to independent uniform numbers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points, finite.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Column a is :math:`P(X_a \le x_a | X_1 = x_1, \dots, X_{a-1} = x_{a-1})` under the estimate. float32 where
            the data of `fit` and X are float32.

        Raises
        ------
        ValueError
            For more than one feature with another kernel than the Gaussian, or with a metric other than the
            Euclidean one, bounds or periods.

        Notes
        -----
        The first column takes the time of `cdf`, each further one that of visiting every point for every row.

        References
        ----------
        Rosenblatt (1952), Remarks on a multivariate transformation, Annals of Mathematical Statistics 23, 470-472.

        Examples
        --------
        >>> import fastdens as fd
        >>> model = fd.KernelDensity().fit([[0.0, 0.0], [0.0, 2.0]])
        >>> print(model.to_uniform([[0.0, 1.0]]))
        [[0.5 0.5]]
        """
        data = self._new_data(X)
        if self.n_features_in_ == 1:
            return self.cdf(data)[:, None]
        self._check_transformable("to_uniform")
        return rounded(self._uniform(in_double(data)), data.dtype)

    def _uniform(self, data: np.ndarray) -> np.ndarray:
        from scipy.special import ndtr

        points, white = self._whitened(data)
        uniform = np.empty_like(data)
        uniform[:, 0] = self._first().cdf(data[:, :1])
        for rows, log_terms in self._blocks(len(data)):
            for axis in range(data.shape[1]):
                offsets = white[rows, axis, None] - points[:, axis]
                if axis:
                    terms = _shares(log_terms)
                    uniform[rows, axis] = np.einsum("mn,mn->m", terms, ndtr(offsets))
                _add_log_kernels(log_terms, white[rows, axis], points[:, axis])
        return np.clip(uniform, 0.0, 1.0)

    def from_uniform(self, U: Any) -> np.ndarray:
        """The inverse of `to_uniform`.

        Parameters
        ----------
        U : array-like of shape (n_samples, n_features)
            Numbers strictly between 0 and 1.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Points; draws of the estimate where U is uniform. float32 where the data of `fit` and U are float32.

        Raises
        ------
        ValueError
            As `to_uniform`.

        Examples
        --------
        >>> import fastdens as fd
        >>> print(fd.KernelDensity().fit([[0.0, 0.0], [0.0, 2.0]]).from_uniform([[0.9, 0.5]]).round(3))
        [[1.282 1.   ]]
        """
        self._check_fitted()
        precision = self._precision_with(U)
        U = validation.check_queries(U, self.n_features_in_, "U")
        U = validation.check_between_0_and_1(U, "U", inside=True)
        if self.n_features_in_ == 1:
            return rounded(self.ppf(U), precision)
        self._check_transformable("from_uniform")
        found = np.zeros_like(U)
        found[:, 0] = self._first().ppf(U[:, 0])
        points, white = self._whitened(found)
        for rows, log_terms in self._blocks(len(U)):
            for axis in range(U.shape[1]):
                if axis:
                    white[rows, axis] = _quantiles(U[rows, axis], _shares(log_terms), points[:, axis])
                _add_log_kernels(log_terms, white[rows, axis], points[:, axis])
        origin = self._points64().mean(axis=0)
        found[:, 1:] = (origin + self._bandwidth.coloured(white))[:, 1:]
        return rounded(found, precision)

    def _check_transformable(self, method: str) -> None:
        self._check_plain(method)
        self._check_gaussian(f"{method} of more than one feature")

    def _first(self) -> Any:
        """The law of the first feature, in double precision."""
        points = np.ascontiguousarray(self._points64()[:, :1])
        return self._derived(points, self._weights, self._bandwidth.marginal([0]), "gaussian", None)

    def _whitened(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points and rows where all kernels are standard normal, and feature a follows from the first a alone."""
        points = self._points64()
        origin = points.mean(axis=0)
        white = self._bandwidth.whitened(points - origin), self._bandwidth.whitened(rows - origin)
        return np.clip(white[0], -FARTHEST, FARTHEST), np.clip(white[1], -FARTHEST, FARTHEST)

    def _blocks(self, n_rows: int) -> Any:
        """Slices of rows that fit into memory with all points, and the logarithms of the weights for each."""
        n = len(self.points_)
        log_weights = np.zeros(n) if self._weights is None else np.log(self._weights)
        step = max(1, PAIRS_AT_ONCE // n)
        for start in range(0, n_rows, step):
            rows = slice(start, min(start + step, n_rows))
            yield rows, np.repeat(log_weights[None, :], rows.stop - rows.start, axis=0)


def _add_log_kernels(log_terms: np.ndarray, white: np.ndarray, points: np.ndarray) -> None:
    """Add the logarithms of the kernels along one axis, in each row relative to the nearest point's.

    A difference of squares is formed as a product, so that far from all points it is as exact as near them.
    """
    nearest = points[np.argmin(np.abs(white[:, None] - points), axis=1)]
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
    spread = np.sqrt(1 + np.maximum(shares @ points**2 - mean**2, 0))
    x = np.clip(mean + spread * ndtri(u), low, high)
    left = np.arange(len(u))
    for sweep in range(MOST_SWEEPS):
        offsets = x[left, None] - points
        terms = shares[left]
        tail = np.einsum("mn,mn->m", terms, ndtr(side[left, None] * offsets))
        density = np.einsum("mn,mn->m", terms, np.exp(-0.5 * offsets**2)) / np.sqrt(2 * np.pi)
        too_far = (tail >= target[left]) == (side[left] > 0)
        high[left] = np.where(too_far, x[left], high[left])
        low[left] = np.where(too_far, low[left], x[left])
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            step = -side[left] * np.log(tail / target[left]) * tail / density
            proposed = x[left] + step
            inside = (proposed > low[left]) & (proposed < high[left])
        if sweep >= FREE_SWEEPS and sweep % 2 == 0:
            inside[:] = False
        middle = low[left] + (high[left] - low[left]) / 2
        tolerance = 4 * np.spacing(np.maximum(np.abs(x[left]), 1.0))
        done = (np.abs(step) <= tolerance) | (high[left] - low[left] <= tolerance)
        x[left] = np.where(done, x[left], np.where(inside, proposed, middle))
        left = left[~done]
        if not left.size:
            break
    return x

"""Distribution function and quantiles of an adaptive kernel density estimate of one feature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastdens.core import validation
from fastdens.core.monotone_inverse import invert
from fastdens.kernel_sums.bandwidth import Bandwidth
from fastdens.kernel_sums.kernels.registry import BEYOND_ZERO, KERNELS, SmoothingKernel, check_able
from fastdens.models.contract import in_double, rounded

# Exact for the polynomial kernels, and to the last digit for the cosine.
NODES, NODE_WEIGHTS = np.polynomial.legendre.leggauss(10)
PAIRS_AT_ONCE = 1 << 18


def kernel_tail(kernel: SmoothingKernel, z: np.ndarray) -> np.ndarray:
    """Mass of the kernel beyond z >= 0 on one side, to full relative precision."""
    if kernel.tail is not None:
        return kernel.tail(z)
    check_able(kernel, "a distribution function", "with an integral in closed form", lambda other: other.is_compact)
    tail = np.zeros(z.shape)
    inside = z < 1
    half = (1 - z[inside]) / 2
    profiles = kernel.profile(z[inside][:, None] + half[:, None] * (1 + NODES))
    tail[inside] = half * (profiles @ NODE_WEIGHTS) * np.exp(-kernel.log_normaliser(1))
    return tail


class Components(NamedTuple):
    """Kernels of their own centre, bandwidth and weight, in ascending order of centres; the weights sum to one."""

    kernel: SmoothingKernel
    centres: np.ndarray
    widths: np.ndarray
    weights: np.ndarray

    def tail(self, x: np.ndarray, sign: float) -> np.ndarray:
        """Probability below (`sign` 1) or above (-1) each x, in blocks of queries."""
        result = np.empty(len(x))
        step = max(PAIRS_AT_ONCE // len(self.centres), 1)
        for start in range(0, len(x), step):
            with np.errstate(over="ignore"):
                u = (x[start : start + step, None] - self.centres) * (sign / self.widths)
            beyond = kernel_tail(self.kernel, np.abs(u))
            result[start : start + step] = np.where(u < 0, beyond, 1 - beyond) @ self.weights
        return np.clip(result, 0.0, 1.0)

    def reached(self) -> tuple[float, float]:
        """Where the first kernel begins and the last one ends, as far as doubles go."""
        largest = float(np.finfo(float).max)
        with np.errstate(over="ignore"):
            far = self.kernel.radius(BEYOND_ZERO) * self.widths
            low, high = float((self.centres - far).min()), float((self.centres + far).max())
        return max(low, -largest), min(high, largest)


class AdaptiveCumulative:
    """The methods of `AdaptiveKernelDensity` that integrate the density."""

    if TYPE_CHECKING:
        n_features_in_: int
        points_: np.ndarray
        weights_: np.ndarray
        factors_: np.ndarray
        _bandwidth: Bandwidth
        kernel_: str
        method_: str
        mixing_: float

        def _new_data(self, X: Any) -> np.ndarray: ...
        def _check_fitted(self) -> None: ...
        def _precision_with(self, *arrays: Any) -> np.dtype: ...
        def _log_density(self, data: np.ndarray) -> np.ndarray: ...

    def _components(self, method: str) -> Components:
        if self.n_features_in_ != 1:
            raise ValueError(f"{method} needs a model of one feature, got {self.n_features_in_}")
        if self.method_ == "balloon":
            raise ValueError(
                f"{method} needs a method other than 'balloon', whose estimate does not integrate to one, got "
                f"method={self.method_!r}"
            )
        h = float(self._bandwidth.widths[0])
        with np.errstate(over="ignore"):
            widths = np.minimum(h * self.factors_, np.finfo(float).max)
        centres, weights = self.points_[:, 0], self.weights_
        if self.method_ == "mixture":
            centres, widths = np.tile(centres, 2), np.append(widths, np.full(len(widths), h))
            weights = np.append(self.mixing_ * weights, (1 - self.mixing_) * weights)
        order = np.argsort(centres, kind="stable")
        order = order[weights[order] > 0]
        return Components(KERNELS[self.kernel_], centres[order], widths[order], weights[order])

    def cdf(self, X: Any) -> np.ndarray:
        """Distribution function of an estimate of one feature.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points, of one feature.

        Returns
        -------
        ndarray of shape (n_samples,)
            P(value <= x), exactly integrated; with full relative precision in the lower tail.

        Raises
        ------
        ValueError
            For more than one feature, and with ``method="balloon"``, whose estimate does not integrate to one.

        Notes
        -----
        Every query meets every point: time n_samples * n_points, memory in proportion to their sum.

        Examples
        --------
        >>> import fastdens as fd
        >>> model = fd.AdaptiveKernelDensity(alpha=0, kernel="tophat", bandwidth=2.0).fit([[0.0], [10.0]])
        >>> print(model.cdf([[-2.0], [0.0], [5.0], [11.0]]))
        [0.    0.25  0.5   0.875]
        """
        data = self._new_data(X)
        return rounded(self._components("cdf").tail(in_double(data[:, 0]), 1.0), data.dtype)

    def sf(self, X: Any) -> np.ndarray:
        """Survival function, 1 - cdf, of an estimate of one feature.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points, of one feature.

        Returns
        -------
        ndarray of shape (n_samples,)
            P(value > x), exactly integrated; with full relative precision in the upper tail.

        Raises
        ------
        ValueError
            As for `cdf`.

        Examples
        --------
        >>> import fastdens as fd
        >>> print(fd.AdaptiveKernelDensity(alpha=0, bandwidth=1.0).fit([[0.0]]).sf([[20.0]]))
        [2.75362412e-89]
        """
        data = self._new_data(X)
        return rounded(self._components("sf").tail(in_double(data[:, 0]), -1.0), data.dtype)

    def ppf(self, q: Any) -> np.ndarray:
        """Quantiles of an estimate of one feature: the inverse of `cdf`.

        Parameters
        ----------
        q : float or array-like
            Probabilities, between 0 and 1.

        Returns
        -------
        ndarray, in the shape of q
            The smallest x with cdf(x) >= q, so the lower end of a gap that a kernel of bounded support leaves; at 0
            and 1 the ends of the support, infinite for the Gaussian and the exponential kernel.

        Raises
        ------
        ValueError
            As for `cdf`.

        Notes
        -----
        By Newton's method in a bracket: some ten evaluations of `cdf` per quantile.

        Examples
        --------
        >>> import fastdens as fd
        >>> model = fd.AdaptiveKernelDensity(alpha=0, kernel="tophat", bandwidth=2.0).fit([[0.0], [10.0]])
        >>> print(model.ppf([0.0, 0.25, 0.5, 1.0]).round(9) + 0.0)
        [-2.  0.  2. 12.]
        """
        self._check_fitted()
        parts, precision = self._components("ppf"), self._precision_with(q)
        q = validation.check_between_0_and_1(q, "q")
        flat, result = q.ravel(), np.empty(q.size)
        low, high = parts.reached()
        result[flat == 0], result[flat == 1] = (low, high) if parts.kernel.is_compact else (-np.inf, np.inf)
        inside = (flat > 0) & (flat < 1)
        if not inside.any():
            return rounded(result.reshape(q.shape), precision)
        wanted = flat[inside]
        places = np.minimum(np.searchsorted(np.cumsum(parts.weights), wanted), len(parts.centres) - 1)
        result[inside] = invert(
            lambda x: parts.tail(x, 1.0),
            lambda x: parts.tail(x, -1.0),
            lambda x: np.exp(self._log_density(x[:, None])),
            wanted,
            np.full(len(wanted), low),
            np.full(len(wanted), high),
            parts.centres[places],
            float(parts.widths.min()),
        )
        return rounded(result.reshape(q.shape), precision)

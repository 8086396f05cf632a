"""What a normal law answers, once its mean and covariance are known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fastdens.core import validation
from fastdens.models.contract import rounded

LOG_2_PI = math.log(2 * math.pi)


class GaussianLaw:
    """Density, draws, transforms and levels of `Gaussian`, from its mean and the factor L of its covariance L L^T."""

    covariance_type: str
    n_features_in_: int
    mean_: np.ndarray
    covariance_: Any
    _cholesky: np.ndarray  # lower triangular, or its diagonal where it has nothing else

    if TYPE_CHECKING:  # from the contract

        def _new_data(self, X: Any) -> np.ndarray: ...
        def _precision_with(self, *arrays: Any) -> np.dtype: ...

        _own_precision: np.dtype

        def _new_sample_size(self, n_samples: Any, minimum: int = 0) -> int: ...
        def _check_fitted(self) -> None: ...

    def _variances(self) -> np.ndarray:
        if self.covariance_type == "full":
            return np.diag(self.covariance_)
        return np.broadcast_to(self.covariance_, len(self.mean_))

    def _whitened(self, centred: np.ndarray) -> np.ndarray:
        """L^-1 (x - mean) for every row, where the covariance is L L^T."""
        if self._cholesky.ndim == 1:
            return centred / self._cholesky
        if len(self._cholesky) == 1:
            return centred / self._cholesky[0, 0]
        from scipy.linalg import solve_triangular

        return solve_triangular(self._cholesky, centred.T, lower=True, check_finite=False).T

    def _coloured(self, white: np.ndarray) -> np.ndarray:
        return white * self._cholesky if self._cholesky.ndim == 1 else white @ self._cholesky.T

    def _half_log_determinant(self) -> float:
        diagonal = self._cholesky if self._cholesky.ndim == 1 else np.diag(self._cholesky)
        return float(np.log(diagonal).sum())

    def _log_peak(self) -> float:
        return -0.5 * len(self.mean_) * LOG_2_PI - self._half_log_determinant()

    def score_samples(self, X: Any) -> np.ndarray:
        """Log-density of every row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points, finite.

        Returns
        -------
        ndarray of shape (n_samples,)
            Natural logarithms.
        """
        data = self._new_data(X)
        return rounded(self._log_density(data), data.dtype)

    def _log_density(self, data: np.ndarray) -> np.ndarray:
        white = self._whitened(data - self.mean_)
        with np.errstate(over="ignore"):
            return self._log_peak() - 0.5 * np.einsum("ij,ij->i", white, white)

    def score_gradient(self, X: Any) -> np.ndarray:
        """Gradient of the log-density at every row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points, finite.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Derivatives of the natural logarithm of the density.
        """
        data = self._new_data(X)
        white = self._whitened(data - self.mean_)
        if self._cholesky.ndim == 1:
            return rounded(-white / self._cholesky, data.dtype)
        from scipy.linalg import solve_triangular

        gradient = -solve_triangular(self._cholesky, white.T, lower=True, trans="T", check_finite=False).T
        return rounded(gradient, data.dtype)

    def sample(self, n_samples: int = 1, random_state: Any = None) -> np.ndarray:
        """Draw rows.

        Parameters
        ----------
        n_samples : int, default=1
            How many.
        random_state : int, Generator, RandomState or None, default=None
            Source of random numbers; None for fresh ones.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Independent draws.
        """
        n_samples = self._new_sample_size(n_samples)
        rng = validation.check_random_state(random_state)
        draws = self.mean_ + self._coloured(rng.standard_normal((n_samples, self.n_features_in_)))
        return rounded(draws, self._own_precision)

    def to_uniform(self, X: Any) -> np.ndarray:
        """Rosenblatt's transform to independent uniform numbers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points, finite.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Column j is P(X_j <= x_j | X_1 = x_1, ..., X_{j-1} = x_{j-1}).

        References
        ----------
        Rosenblatt (1952), Remarks on a multivariate transformation, Annals of Mathematical Statistics 23, 470-472.
        """
        from scipy.special import ndtr

        data = self._new_data(X)
        return rounded(ndtr(self._whitened(data - self.mean_)), data.dtype)

    def from_uniform(self, U: Any) -> np.ndarray:
        """The inverse of `to_uniform`.

        Parameters
        ----------
        U : array-like of shape (n_samples, n_features)
            Numbers strictly between 0 and 1.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Points; draws of the law where U is uniform.
        """
        from scipy.special import ndtri

        self._check_fitted()
        precision = self._precision_with(U)
        U = validation.check_queries(U, self.n_features_in_, "U")
        white = ndtri(validation.check_between_0_and_1(U, "U", inside=True))
        return rounded(self.mean_ + self._coloured(white), precision)

    def cdf(self, X: Any) -> np.ndarray:
        """Distribution function of a law of one feature.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points, of one feature.

        Returns
        -------
        ndarray of shape (n_samples,)
            P(value <= x).
        """
        from scipy.special import ndtr

        data = self._new_data(X)
        self._check_one_feature("cdf")
        return rounded(ndtr(self._whitened(data - self.mean_))[:, 0], data.dtype)

    def ppf(self, q: Any) -> np.ndarray:
        """Quantiles of a law of one feature.

        Parameters
        ----------
        q : float or array-like
            Probabilities, between 0 and 1.

        Returns
        -------
        ndarray, in the shape of q
            The inverse of `cdf`; infinite at 0 and 1.
        """
        from scipy.special import ndtri

        self._check_fitted()
        self._check_one_feature("ppf")
        quantiles = self.mean_[0] + math.sqrt(self._variances()[0]) * ndtri(validation.check_between_0_and_1(q, "q"))
        return rounded(quantiles, self._precision_with(q))

    def _check_one_feature(self, method: str) -> None:
        if self.n_features_in_ != 1:
            raise ValueError(
                f"{method} needs a model of one feature, got {self.n_features_in_}; take marginal(axis) first, or "
                "to_uniform and from_uniform"
            )

    def entropy(self) -> float:
        """Differential entropy.

        Returns
        -------
        float
            In nats.
        """
        self._check_fitted()
        return 0.5 * len(self.mean_) - self._log_peak()

    def level(self, mass: Any, *, log: bool = False) -> Any:
        """Density on the boundary of the smallest region that holds this probability mass.

        Parameters
        ----------
        mass : float or array-like
            Between 0 (the peak) and 1.
        log : bool, default=False
            Whether to return its logarithm, which neither under- nor overflows in high dimension.

        Returns
        -------
        float or ndarray
            The points with at least this density have probability `mass`.
        """
        from scipy.special import gammaincinv

        self._check_fitted()
        precision = self._precision_with(mass)
        mass = validation.check_between_0_and_1(mass, "mass")
        log_level = self._log_peak() - gammaincinv(0.5 * len(self.mean_), mass)
        with np.errstate(over="ignore", under="ignore"):
            level = log_level if log else np.exp(log_level)
        return float(level) if np.ndim(level) == 0 else rounded(level, precision)

"""The multivariate normal distribution: everything about it in closed form."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from fastdens.core import validation
from fastdens.core.threads import check_n_threads, pieces
from fastdens.em import em
from fastdens.em.covariances import covariances_of_factors
from fastdens.em.moments import Mixture
from fastdens.models.contract import Columns, Density, rounded
from fastdens.models.description import Components, Description, unbounded
from fastdens.models.gaussian import distribution
from fastdens.models.gaussian.conditional import ConditionalGaussians
from fastdens.models.gaussian.distribution import Normal
from fastdens.models.gaussian.moments import COVARIANCE_TYPES, RIDGE, leave_one_out_change, moments, pooled, regularised
from fastdens.models.mixture_family import MixtureFamily

# Numbers of rows whose leave-one-out scores are made at once.
LEFT_OUT_AT_ONCE = 1 << 18


class Gaussian(Density):
    r"""Multivariate normal distribution fitted by maximum likelihood.

    .. math:: f(x) = (2 \pi)^{-d/2} |\Sigma|^{-1/2} \exp(-\tfrac12 (x - \mu)^T \Sigma^{-1} (x - \mu))

    Parameters
    ----------
    covariance_type : {"full", "diag", "spherical"}, default="full"
        Any covariance; one variance per feature, no correlations; or one variance for all features.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,)
        Weighted mean of the rows.
    covariance_ : ndarray of shape (n_features, n_features), of shape (n_features,), or float
        Maximum-likelihood covariance (divided by the sum of weights, not by n - 1); the variances where the type is
        "diag", the one variance where it is "spherical".
    mean_standard_error_, covariance_standard_error_ : as `mean_` and `covariance_`
        Standard errors of the two from the Fisher information; not there for a distribution made by `condition`, or by
        `marginal` from a spherical one.
    effective_sample_size_ : float
        Number of rows that the standard errors are those of: the sum of the weights where they are whole numbers,
        counts of repeated rows, else :math:`(\sum w_i)^2 / \sum w_i^2` (Kish 1965, Survey Sampling).
    weight_sum_ : float
        Sum of the weights, or the number of rows.
    n_parameters_ : int
        Free parameters.
    n_features_in_ : int
        Number of features.

    Notes
    -----
    Sums are taken about a row of the data and corrected, so that data far from the origin lose no digits.

    Where the data determine no covariance of full rank (a constant column, linearly dependent columns, not more rows
    than features with "full"), a warning says so, and 1e-6 of each column's own variance is added to it; a constant
    column is given 1e-6 of the mean variance of the others. Rows that are all equal, or a single row, have no scale
    to be regularised by and are a ValueError.

    A weight of k is the same as k equal rows, but for leave-one-out scores, where a row is left out with all its
    weight. Rescaling the weights changes nothing, but for the standard errors where it makes or unmakes counts of them.

    The standard errors are those of Anderson (2003), An Introduction to Multivariate Statistical Analysis, 3rd ed.,
    section 3.4: :math:`\sqrt{\Sigma_{jj} / n}` and :math:`\sqrt{(\Sigma_{jk}^2 + \Sigma_{jj} \Sigma_{kk}) / n}`.

    Examples
    --------
    >>> import fastdens as fd
    >>> model = fd.Gaussian().fit([[0.0, 1.0], [2.0, 1.0], [1.0, 4.0], [1.0, 2.0]])
    >>> model.mean_
    array([1., 2.])
    >>> model.covariance_
    array([[0.5, 0. ],
           [0. , 1.5]])
    >>> round(float(model.score_samples([[1.0, 2.0]])[0]), 4)
    -1.694
    """

    _loo_log_density: np.ndarray
    mean_: np.ndarray
    covariance_: Any
    mean_standard_error_: np.ndarray
    covariance_standard_error_: Any
    effective_sample_size_: float
    weight_sum_: float
    n_parameters_: int

    def __init__(self, covariance_type: str = "full") -> None:
        self.covariance_type = covariance_type

    # --- fitting ------------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Estimate mean and covariance.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data, at least two rows that differ.
        y : None
            Ignored; there for scikit-learn's pipelines.
        sample_weight : array-like of shape (n_samples,), optional
            Weight of each row.

        Returns
        -------
        Gaussian
            The model itself.
        """
        validation.check_option(self.covariance_type, "covariance_type", COVARIANCE_TYPES)
        data, weights, columns = self._fit_data(X, sample_weight, min_samples=2)
        mean, covariance = moments(data, weights, self.covariance_type)
        weight_sum = float(len(data))
        given = validation.positive_weights(sample_weight)
        if weights is not None and given is not None:
            weight_sum = float(np.ldexp(weights.sum(), math.frexp(float(given.max()))[1]))
        effective_size = validation.effective_sample_size(given, len(data))
        fitted = type(self)(self.covariance_type)  # made whole before this one changes
        fitted._set_estimates(mean, covariance, weight_sum, effective_size, len(data))
        fitted._loo_log_density = fitted._leave_one_out(data, weights)
        vars(self).update(vars(fitted))
        self._remember_data(columns)
        return self

    def _leave_one_out(self, data: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        total = float(len(data)) if weights is None else float(weights.sum())
        normal = Normal(self.mean_, self._cholesky, self._variances())
        log_density, peak = np.empty(len(data), data.dtype), distribution.log_peak(normal)
        for part in pieces(len(data), max(1, LEFT_OUT_AT_ONCE // data.shape[1])):
            white, its_weights = (
                distribution.whitened(normal, data[part] - self.mean_),
                None if weights is None else weights[part],
            )
            change = leave_one_out_change(white, its_weights, total, self.covariance_type)
            log_density[part] = rounded(peak + change, data.dtype)
        return log_density

    def _set_estimates(
        self, mean: np.ndarray, covariance: Any, weight_sum: float, effective_size: float, n_rows: int
    ) -> None:
        usable, reason = regularised(covariance, n_rows)
        if reason:
            warnings.warn(
                f"The covariance of X is singular ({reason}); {RIDGE:g} of each column's variance was added to it.",
                stacklevel=3,
            )
        self._set_distribution(mean, usable)
        self._sample_covariance = covariance  # before regularisation: what merge needs
        self._n_rows = n_rows
        self.weight_sum_, self.effective_sample_size_ = weight_sum, effective_size
        variances = self._variances()
        self.mean_standard_error_ = np.sqrt(variances / effective_size)
        if self.covariance_type == "full":
            products = np.sqrt(variances)[:, None] * np.sqrt(variances)
            self.covariance_standard_error_ = np.hypot(usable, products) / math.sqrt(effective_size)
        elif self.covariance_type == "diag":
            self.covariance_standard_error_ = usable * math.sqrt(2 / effective_size)
        else:
            self.covariance_standard_error_ = usable * math.sqrt(2 / (effective_size * len(mean)))

    def _set_distribution(self, mean: np.ndarray, covariance: Any, cholesky: np.ndarray | None = None) -> None:
        d = len(mean)
        if cholesky is None:
            if self.covariance_type == "full":
                scale = np.sqrt(np.diag(covariance))
                cholesky = scale[:, None] * np.linalg.cholesky(covariance / scale[:, None] / scale)
            else:
                cholesky = np.sqrt(np.broadcast_to(covariance, d))
        self.mean_, self.covariance_, self._cholesky = mean, covariance, cholesky
        self.n_parameters_ = {"full": d + d * (d + 1) // 2, "diag": 2 * d, "spherical": d + 1}[self.covariance_type]

    def _new(self, mean: np.ndarray, covariance: Any, axes: np.ndarray, cholesky: np.ndarray | None = None) -> Gaussian:
        """The distribution with these parameters on some of the features."""
        distribution = type(self)(self.covariance_type)
        distribution._set_distribution(mean, covariance, cholesky)
        distribution._remember_data(self._columns().take(axes))
        return distribution

    def merge(self, other: Gaussian) -> Gaussian:
        """The model of both data sets together, from the two models alone.

        Parameters
        ----------
        other : Gaussian
            Fitted to other rows of the same features, with the same `covariance_type`.

        Returns
        -------
        Gaussian
            What `fit` on all rows (and weights) gives, but for rounding; leave-one-out scores need the rows and are
            not there. Neither model is changed.
        """
        self._check_fitted()
        if not isinstance(other, Gaussian):
            raise TypeError(f"other must be a Gaussian, got {type(other).__name__}")
        other._check_fitted()
        for what, mine, its in (
            ("covariance_type", self.covariance_type, other.covariance_type),
            ("number of features", self.n_features_in_, other.n_features_in_),
        ):
            if mine != its:
                raise ValueError(f"other must have the same {what}, {mine!r}, got {its!r}")
        if not (hasattr(self, "weight_sum_") and hasattr(other, "weight_sum_")):
            raise ValueError("a conditional distribution, or a marginal of a spherical one, has no sample to merge")
        total = self.weight_sum_ + other.weight_sum_
        if not math.isfinite(total):
            raise ValueError(f"the weights of both models must have a finite sum, got {total}")
        share = other.weight_sum_ / total
        mean, covariance = pooled(
            (self.mean_, self._sample_covariance), (other.mean_, other._sample_covariance), share, self.covariance_type
        )
        squares = (1 - share) ** 2 / self.effective_sample_size_ + share**2 / other.effective_sample_size_
        merged = type(self)(self.covariance_type)
        merged._set_estimates(mean, covariance, total, 1 / squares, self._n_rows + other._n_rows)
        precision = "float32" if self._precision == other._precision == "float32" else "float64"
        merged._remember_data(self._columns()._replace(precision=precision))
        return merged

    # --- what it answers ----------------------------------------------------------------------------------------------

    def _normal(self) -> Normal:
        self._check_fitted()
        return Normal(self.mean_, self._cholesky, self._variances())

    def _variances(self) -> np.ndarray:
        if self.covariance_type == "full":
            return np.diag(self.covariance_)
        return np.broadcast_to(self.covariance_, len(self.mean_))

    def _check_one_feature(self, method: str) -> None:
        if self.n_features_in_ != 1:
            raise ValueError(
                f"{method} needs a model of one feature, got {self.n_features_in_}; take marginal(axis) first, or "
                "to_uniform and from_uniform"
            )

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
        return rounded(distribution.log_density(self._normal(), data), data.dtype)

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
        return rounded(distribution.log_gradient(self._normal(), data), data.dtype)

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
        draws = distribution.draw(self._normal(), n_samples, validation.check_random_state(random_state))
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
        data = self._new_data(X)
        return rounded(distribution.to_uniform(self._normal(), data), data.dtype)

    def from_uniform(self, U: Any) -> np.ndarray:
        """The inverse of `to_uniform`.

        Parameters
        ----------
        U : array-like of shape (n_samples, n_features)
            Numbers strictly between 0 and 1.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Points; draws of the distribution where U is uniform.
        """
        normal, precision = self._normal(), self._precision_with(U)
        U = validation.check_queries(U, self.n_features_in_, "U")
        U = validation.check_between_0_and_1(U, "U", inside=True)
        return rounded(distribution.from_uniform(normal, U), precision)

    def cdf(self, X: Any) -> np.ndarray:
        """Distribution function of a distribution of one feature.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points, of one feature.

        Returns
        -------
        ndarray of shape (n_samples,)
            P(value <= x).
        """
        data = self._new_data(X)
        self._check_one_feature("cdf")
        return rounded(distribution.to_uniform(self._normal(), data)[:, 0], data.dtype)

    def ppf(self, q: Any) -> np.ndarray:
        """Quantiles of a distribution of one feature.

        Parameters
        ----------
        q : float or array-like
            Probabilities, between 0 and 1.

        Returns
        -------
        ndarray, in the shape of q
            The inverse of `cdf`; infinite at 0 and 1.
        """
        normal = self._normal()
        self._check_one_feature("ppf")
        return rounded(distribution.ppf(normal, validation.check_between_0_and_1(q, "q")), self._precision_with(q))

    def entropy(self) -> float:
        """Differential entropy.

        Returns
        -------
        float
            In nats.
        """
        return distribution.entropy(self._normal())

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
        normal, precision = self._normal(), self._precision_with(mass)
        level = distribution.level(normal, validation.check_between_0_and_1(mass, "mass"), log)
        return float(level) if np.ndim(level) == 0 else rounded(level, precision)

    # --- distributions derived from it --------------------------------------------------------------------------------

    def marginal(self, axes: Any) -> Gaussian:
        """The distribution of some of the features.

        Parameters
        ----------
        axes : int or sequence of int
            Feature numbers, distinct.

        Returns
        -------
        Gaussian
            Its features are in the order given.
        """
        self._check_fitted()
        axes = validation.check_axes(axes, self.n_features_in_)
        pick = {"full": np.ix_(axes, axes), "diag": axes, "spherical": ...}[self.covariance_type]

        def part(covariance: Any) -> Any:
            return covariance if self.covariance_type == "spherical" else covariance[pick]

        distribution = self._new(self.mean_[axes], part(self.covariance_), axes)
        if hasattr(self, "weight_sum_") and self.covariance_type != "spherical":
            distribution.weight_sum_, distribution.effective_sample_size_ = (
                self.weight_sum_,
                self.effective_sample_size_,
            )
            distribution.mean_standard_error_ = self.mean_standard_error_[axes]
            distribution.covariance_standard_error_ = part(self.covariance_standard_error_)
            distribution._sample_covariance, distribution._n_rows = part(self._sample_covariance), self._n_rows
        return distribution

    def condition(self, axes: Any, values: Any) -> Gaussian | ConditionalGaussians[Gaussian]:
        """The distribution of the other features, given values of these.

        Parameters
        ----------
        axes : int or sequence of int
            Features that are given; at least one must remain.
        values : array-like of shape (n_axes,) or (n_conditions, n_axes)
            Their values, or many rows of them at once; a number where `axes` is one.

        Returns
        -------
        Gaussian or ConditionalGaussians
            One distribution, or the distributions for all rows of `values`, which share a covariance.
        """
        self._check_fitted()
        axes = validation.check_axes(axes, self.n_features_in_)
        rest = np.setdiff1d(np.arange(self.n_features_in_), axes)
        if len(rest) == 0:
            raise ValueError(f"axes must leave at least one feature, got all {self.n_features_in_}")
        given = np.asarray(values, dtype=np.float64)
        given = given.reshape(-1) if given.ndim == 0 else given
        rows = validation.check_queries(given[None, :] if given.ndim == 1 else given, len(axes), "values")
        covariance, cholesky = self.covariance_, None
        means = np.broadcast_to(self.mean_[rest], (len(rows), len(rest)))
        if self.covariance_type == "diag":
            covariance = covariance[rest]
        elif self.covariance_type == "full":
            # The factor of the covariance with the given features first holds that of the conditional one.
            order = np.concatenate([axes, rest])
            joint = self.marginal(order)
            known, k = joint.marginal(np.arange(len(axes))), len(axes)
            means = means + distribution.whitened(known._normal(), rows - known.mean_) @ joint._cholesky[k:, :k].T
            cholesky = np.ascontiguousarray(joint._cholesky[k:, k:])
            covariance = cholesky @ cholesky.T
        if given.ndim == 1:
            return self._new(means[0].copy(), covariance, rest, cholesky)
        centred = self._new(np.zeros(len(rest)), covariance, rest, cholesky)
        return ConditionalGaussians(
            means.copy(), centred._normal(), centred.covariance_, centred._precision, centred._with_mean
        )

    def _with_mean(self, mean: np.ndarray) -> Gaussian:
        return self._new(mean, self.covariance_, np.arange(len(mean)), self._cholesky)

    # --- leave-one-out ------------------------------------------------------------------------------------------------

    def loo_score_samples(self) -> np.ndarray:
        """Log-density of every training row under the model of the others.

        In closed form, by taking the row out of mean and covariance.

        Returns
        -------
        ndarray of shape (n_rows,)
            Without rows of weight 0; -inf where the others have no density there.
        """
        self._check_fitted()
        if not hasattr(self, "_loo_log_density"):
            raise ValueError("leave-one-out scores need the training rows: they are there after fit only")
        return rounded(self._loo_log_density.copy(), self._own_precision)

    # --- what others ask of it ----------------------------------------------------------------------------------------

    def _description(self) -> Description:
        d = self.n_features_in_
        covariance = self.covariance_
        if self.covariance_type != "full":
            covariance = np.diag(np.broadcast_to(covariance, d))

        def log_density() -> Callable[[np.ndarray], np.ndarray]:
            # In more dimensions the compiled sums of a mixture take a fraction of the time.
            factors = np.linalg.cholesky(np.ascontiguousarray(covariance[None, :, :]))
            factors = np.ascontiguousarray(np.linalg.inv(factors).transpose(0, 2, 1))
            mixture = Mixture(np.ones(1), np.ascontiguousarray(self.mean_[None, :]), factors, "full")
            return lambda X: em.run_e_step(X, mixture, check_n_threads(None))[0]

        return Description(
            unbounded(d),
            components=lambda: Components(np.ones(1), self.mean_[None, :], covariance[None, :, :]),
            moments=lambda: (np.asarray(self.mean_), np.asarray(covariance)),
            gradient=self.score_gradient,
            log_density=log_density if d > 1 else None,
        )

    def _mixture_family(self) -> MixtureFamily:
        validation.check_option(self.covariance_type, "covariance_type", COVARIANCE_TYPES)
        return MixtureFamily(self.covariance_type, is_moments=True)

    def _mixture(self) -> Mixture:
        """The distribution as a mixture of one component."""
        inverse = np.linalg.inv(self._cholesky).T if self._cholesky.ndim == 2 else 1.0 / self._cholesky
        factors = np.array([inverse.flat[0]]) if self.covariance_type == "spherical" else inverse[None]
        return Mixture(np.ones(1), np.asarray(self.mean_)[None], factors, self.covariance_type)

    def _take_moments(self, mean: np.ndarray, covariance: Any, columns: Columns) -> None:
        """Become the distribution with these moments."""
        self._set_distribution(mean.copy(), covariance if np.ndim(covariance) == 0 else np.array(covariance))
        self._remember_data(columns)

    def _take_mixture(self, mixture: Mixture, mean_log_density: float, converged: bool, columns: Columns) -> None:
        """Become a mixture of one component that a search has found."""
        covariance = covariances_of_factors(mixture.precisions_cholesky, self.covariance_type)[0]
        if self.covariance_type == "full":
            covariance = (covariance + covariance.T) / 2
        elif self.covariance_type == "spherical":
            covariance = float(covariance)
        self._take_moments(mixture.means[0], covariance, columns)

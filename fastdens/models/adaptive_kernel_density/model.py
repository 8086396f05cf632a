"""Kernel density estimates whose bandwidth follows the density: wide where data are few."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np

from fastdens import bandwidths
from fastdens.core import validation
from fastdens.core.threads import check_n_threads
from fastdens.kernel_sums.bandwidth import LARGEST, Bandwidth
from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.kernel_sums.prepared_sums import KernelSum
from fastdens.kernel_sums.variable.variable_sums import VariableSum
from fastdens.models.adaptive_kernel_density.cdf import AdaptiveCumulative
from fastdens.models.adaptive_kernel_density.description import describe
from fastdens.models.adaptive_kernel_density.neighbor_radii import radii_at, search_among
from fastdens.models.contract import Density, in_double, rounded
from fastdens.models.description import Description

METHODS = ("abramson", "neighbors", "balloon", "mixture")
# Logarithm of factors beyond which a double overflows.
LARGEST_LOG_FACTOR = 709.0


class AdaptiveKernelDensity(AdaptiveCumulative, Density):
    r"""Kernel density estimate, :math:`\frac{1}{W} \sum_i w_i K(|x - x_i| / h_i) / (h_i^d N_d)`, bandwidths varying.

    Parameters
    ----------
    method : {"abramson", "neighbors", "balloon", "mixture"}, default="abramson"
        Where the bandwidths come from; see the notes. All but "balloon" are densities that integrate to one.
    bandwidth : float, array-like or str, default="scott"
        h, the typical bandwidth (the geometric mean over the data): a number, one per feature, or a matrix in squared
        units, as for `KernelDensity`, or the name of a rule of `fastdens.bandwidth`. With neighbours also "neighbors":
        the bandwidths are the distances to the k-th neighbour themselves.
    kernel : str, default="gaussian"
        One of the kernels of `KernelDensity`.
    alpha : float, default=0.5
        Abramson's exponent, from 0 (a fixed bandwidth) to 1.
    n_neighbors : int or "auto", default="auto"
        k, at most the number of rows that carry weight; "auto" is the square root of the number of distinct rows.
    clip : float, default=None
        The largest factor by which a bandwidth may differ from h, at least 1; None: any.
    mixing : float, default=0.5
        The weight of the varying bandwidths in the mixture, between 0 and 1.
    n_threads : int, default=None
        Number of threads; see `fastdens.threads`.

    Attributes
    ----------
    bandwidth_ : float or ndarray
        h.
    factors_ : ndarray of shape (n_points,)
        h_i / h of each point; of "balloon": at each point.
    points_, weights_ : ndarray of shape (n_points, n_features), (n_points,)
        The rows that carry weight; their weights, which sum to one.
    n_neighbors_ : int or None
        The k in use.
    n_parameters_ : int
        Numbers that the estimate keeps: points, factors and bandwidth.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where the data had string names.

    Notes
    -----
    "abramson" [1]_: :math:`h_i = h (\tilde p(x_i) / g)^{-\alpha}` with the estimate :math:`\tilde p` of fixed bandwidth
    h and the geometric mean g of its values at the data. "neighbors" [2]_: h_i is proportional to the distance from
    x_i to its k-th nearest other row. "mixture": (1 - `mixing`) times the estimate of fixed bandwidth h, which is
    steadier in the bulk, plus `mixing` times that of "neighbors", which has the better tails. "balloon" [3]_: the
    bandwidth is that of the query, proportional to its distance from the k-th nearest row; with the tophat kernel and
    ``bandwidth="neighbors"`` the nearest-neighbour estimate, ``KNeighborsDensity(k, normalized=False)``. Its integral
    is not one, and mostly infinite, as the tails fall like a power: it has no draws.

    Distances are in bandwidths where h is a vector or a matrix. Weights turn k into a mass as in `KNeighborsDensity`:
    an integer weight is the same as that many rows. Every query meets every point, about 1 ns a pair and core.

    References
    ----------
    .. [1] I. S. Abramson, "On bandwidth variation in kernel estimates - a square root law", Annals of Statistics 10,
       1217-1223 (1982).
    .. [2] L. Breiman, W. Meisel and E. Purcell, "Variable kernel estimates of multivariate densities", Technometrics
       19, 135-144 (1977).
    .. [3] D. O. Loftsgaarden and C. P. Quesenberry, "A nonparametric estimate of a multivariate density function",
       Annals of Mathematical Statistics 36, 1049-1051 (1965); G. R. Terrell and D. W. Scott, "Variable kernel density
       estimation", Annals of Statistics 20, 1236-1265 (1992).

    Examples
    --------
    >>> import numpy as np, fastdens as fd
    >>> X = np.random.default_rng(0).standard_t(2, size=(500, 1))
    >>> model = fd.AdaptiveKernelDensity().fit(X)
    >>> bool(model.factors_[np.abs(X[:, 0]).argmax()] > 3)
    True
    >>> model.sample(3, random_state=0).shape
    (3, 1)
    """

    points_: np.ndarray
    weights_: np.ndarray
    factors_: np.ndarray
    bandwidth_: float | np.ndarray
    n_neighbors_: int | None
    n_parameters_: int
    kernel_: str
    method_: str
    mixing_: float
    clip_: float | None
    _log_typical: float
    _tree: Any

    def __init__(
        self,
        method: str = "abramson",
        *,
        bandwidth: Any = "scott",
        kernel: str = "gaussian",
        alpha: float = 0.5,
        n_neighbors: int | str = "auto",
        clip: float | None = None,
        mixing: float = 0.5,
        n_threads: int | None = None,
    ) -> None:
        self.method = method
        self.bandwidth = bandwidth
        self.kernel = kernel
        self.alpha = alpha
        self.n_neighbors = n_neighbors
        self.clip = clip
        self.mixing = mixing
        self.n_threads = n_threads

    def _check_params(self, n_samples: int) -> None:
        validation.check_option(self.method, "method", METHODS)
        validation.check_option(self.kernel, "kernel", KERNELS)
        for name in ("alpha", "mixing"):
            if validation.check_number(getattr(self, name), name, at_least=0) > 1:
                raise ValueError(f"{name} must be a finite number between 0 and 1, got {getattr(self, name)!r}")
        if self.clip is not None:
            validation.check_number(self.clip, "clip", at_least=1)
        if self.n_threads is not None:
            check_n_threads(self.n_threads)
        if isinstance(self.n_neighbors, str):
            validation.check_option(self.n_neighbors, "n_neighbors", ("auto",))
        elif validation.check_integer(self.n_neighbors, "n_neighbors", 1) > n_samples:
            raise ValueError(
                f"n_neighbors must be at most the number of samples that carry weight, {n_samples} "
                f"sample(s), got {self.n_neighbors}"
            )
        if isinstance(self.bandwidth, str):
            validation.check_option(self.bandwidth, "bandwidth", (*bandwidths.RULES, "neighbors"))
            if self.bandwidth == "neighbors" and self.method in ("abramson", "mixture"):
                raise ValueError(
                    f"bandwidth='neighbors' needs method='neighbors' or 'balloon', got method={self.method!r}"
                )

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Keep the data and choose their bandwidths.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.
        y : None
            Ignored; there for scikit-learn's pipelines.
        sample_weight : array-like of shape (n_samples,), optional
            Weight of each row; the scale does not matter, a row of weight zero is absent, and at a given bandwidth
            an integer weight is the same as that many rows.

        Returns
        -------
        AdaptiveKernelDensity
            The fitted model itself.
        """
        data, weights, columns = self._fit_data(X, sample_weight)
        data = in_double(data)
        self._check_params(len(data))
        kernel, d = KERNELS[self.kernel], data.shape[1]
        shares = np.full(len(data), 1 / len(data)) if weights is None else weights / weights.sum()
        from_neighbors = isinstance(self.bandwidth, str) and self.bandwidth == "neighbors"
        if from_neighbors:
            bandwidth = Bandwidth.of(1.0, d)
        elif isinstance(self.bandwidth, str):
            bandwidth = Bandwidth.of(bandwidths.from_data(data, weights, self.bandwidth, self.kernel), d)
        else:
            bandwidth = Bandwidth.checked(self.bandwidth, d)
        search: dict[str, Any] = {"_tree": None, "_ball_weights": None, "_floor": 0.0, "n_neighbors_": None}
        if self.method == "abramson":
            logs = KernelSum(data, kernel, bandwidth, weights).evaluate(data, log=True, n_threads=self.n_threads)
            log_factors = -float(self.alpha) * (logs - shares @ logs)
            log_typical = 0.0
        else:
            search = search_among(data, weights, bandwidth, self.n_neighbors, self.n_threads)
            besides = 0 if self.method == "balloon" else 1
            radii = radii_at(data, search, bandwidth, self.n_threads, besides=besides)
            log_typical = float(shares @ np.log(radii))
            log_factors = np.log(radii) - log_typical
            if from_neighbors:
                bandwidth = Bandwidth.of(math.exp(log_typical), d)
        most = LARGEST_LOG_FACTOR if self.clip is None else math.log(self.clip)
        log_factors = np.clip(log_factors, -most, most)

        fitted = type(self)(**self.get_params(deep=False))  # made whole before this one changes
        fitted.points_, fitted.weights_, fitted.factors_ = data.copy(), shares, np.exp(log_factors)
        fitted.bandwidth_, fitted.kernel_, fitted.method_ = bandwidth.public, self.kernel, self.method
        fitted.mixing_ = float(self.mixing)
        fitted.clip_ = None if self.clip is None else float(self.clip)
        fitted.n_parameters_ = data.size + len(data) + bandwidth.n_parameters
        fitted._log_typical = log_typical
        for name, value in search.items():
            setattr(fitted, name, value)
        fitted._prepare()
        for name in fitted.__dict__.keys() - self._parameter_defaults().keys():
            setattr(self, name, getattr(fitted, name))
        self._remember_data(columns)
        return self

    # --- sums ---------------------------------------------------------------------------------------------------------

    def _balloon_factors(self, rows: np.ndarray, own_weights: np.ndarray | None = None) -> np.ndarray:
        radii = radii_at(rows, vars(self), self._bandwidth, self.n_threads, own_weights=own_weights)
        most = LARGEST_LOG_FACTOR if self.clip_ is None else math.log(self.clip_)
        return np.exp(np.clip(np.log(radii) - self._log_typical, -most, most))

    def _prepare(self) -> None:
        """The sums that the fitted attributes define; of the fixed bandwidth only where it has a part."""
        kernel, d = KERNELS[self.kernel_], self.points_.shape[1]
        self._bandwidth = Bandwidth.of(self.bandwidth_, d)
        log_shares = np.log(self.weights_)
        varies = self.method_ != "balloon"
        self._sums = VariableSum(
            self.points_,
            kernel,
            self._bandwidth,
            log_shares - d * np.log(self.factors_) if varies else log_shares,
            self.factors_ if varies else None,
        )
        self._fixed = None
        if self.method_ == "mixture":
            self._fixed = KernelSum(self.points_, kernel, self._bandwidth, self.weights_)
        self._log_volume = kernel.log_normaliser(d) + self._bandwidth.log_volume

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        for name in ("_bandwidth", "_sums", "_fixed", "_log_volume"):
            state.pop(name, None)  # made again from the rest
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if "points_" in state:
            self._prepare()

    def _mixed(self, varying: np.ndarray, fixed: np.ndarray) -> np.ndarray:
        """ln of the mixture of two densities given by their logarithms."""
        with np.errstate(divide="ignore"):
            parts = np.log([self.mixing_, 1 - self.mixing_])
        return np.logaddexp(varying + parts[0], fixed + parts[1])

    def score_samples(self, X: Any) -> np.ndarray:
        """Log-density at each row of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points.

        Returns
        -------
        ndarray of shape (n_samples,)
            Natural logarithm of the density ("balloon": of the estimate, which integrates to something else); -inf
            where a kernel of bounded support leaves none.
        """
        data = self._new_data(X)
        return rounded(self._log_density(in_double(data)), data.dtype)

    def _log_density(self, data: np.ndarray) -> np.ndarray:
        if self.method_ == "balloon":
            factors = self._balloon_factors(data)
            sums = self._sums.log_sums(data, query_factors=factors, n_threads=self.n_threads)
            return sums - data.shape[1] * np.log(factors) - self._log_volume
        log_density = self._sums.log_sums(data, n_threads=self.n_threads) - self._log_volume
        if self._fixed is None:
            return log_density
        return self._mixed(
            log_density, self._fixed.evaluate(data, log=True, n_threads=self.n_threads) - self._log_volume
        )

    def score_gradient(self, X: Any) -> np.ndarray:
        """Gradient of the log-density at each row of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points, finite.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Derivatives of the natural logarithm of the density; 0 where that is -inf. At a kink of a kernel a point
            adds nothing, as in `KernelDensity.score_gradient`.

        Raises
        ------
        ValueError
            With ``method="balloon"``, whose bandwidth is not a differentiable function of the place.
        """
        data = self._new_data(X)
        if self.method_ == "balloon":
            raise ValueError("score_gradient needs a method other than 'balloon', whose bandwidth has kinks everywhere")
        return rounded(self._gradients(in_double(data)), data.dtype)

    def _gradients(self, data: np.ndarray) -> np.ndarray:
        logs, gradients = self._sums.log_gradients(data, self.n_threads)
        if self.method_ != "mixture":
            return gradients
        fixed = VariableSum(self.points_, KERNELS[self.kernel_], self._bandwidth, np.log(self.weights_))
        fixed_logs, fixed_gradients = fixed.log_gradients(data, self.n_threads)
        mixed = self._mixed(logs, fixed_logs)
        with np.errstate(divide="ignore", invalid="ignore"):
            part = np.exp(logs + np.log(self.mixing_) - mixed)[:, None]
        return np.where(np.isfinite(mixed)[:, None], part * gradients + (1 - part) * fixed_gradients, 0.0)

    def loo_score_samples(self) -> np.ndarray:
        """Log-density at each training row of weight under the estimate from the other rows.

        Returns
        -------
        ndarray of shape (n_points,)
            One value per row of `points_`, with the bandwidths that all rows gave ("balloon": with the distance to
            the others); -inf where the others leave no density there.
        """
        self._check_fitted()
        return rounded(self._loo_log_density(), self._own_precision)

    def _loo_log_density(self) -> np.ndarray:
        n, d = self.points_.shape
        if n == 1:
            return np.full(1, -np.inf)
        own, log_others = np.arange(n), np.log1p(-self.weights_)
        if self.method_ == "balloon":
            factors = self._balloon_factors(self.points_, self.weights_ * self._tree.n_samples)
            sums = self._sums.log_sums(self.points_, query_factors=factors, own=own, n_threads=self.n_threads)
            return sums - d * np.log(factors) - self._log_volume - log_others
        log_density = self._sums.log_sums(self.points_, own=own, n_threads=self.n_threads)
        if self._fixed is not None:
            fixed = self._fixed.evaluate(self.points_, log=True, own=own, n_threads=self.n_threads)
            log_density = self._mixed(log_density, fixed)
        return log_density - self._log_volume - log_others

    def sample(self, n_samples: int = 1, random_state: Any = None) -> np.ndarray:
        """Draw from the estimate: a row of the data at random, plus noise of its bandwidth with the kernel's
        distribution.

        Parameters
        ----------
        n_samples : int, default=1
            Number of draws.
        random_state : int, Generator, RandomState or None
            Source of randomness.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            The draws.

        Raises
        ------
        ValueError
            With ``method="balloon"``, which is no density.
        """
        n_samples = self._new_sample_size(n_samples)
        random = validation.check_random_state(random_state)
        if self.method_ == "balloon":
            raise ValueError(
                "method must be other than 'balloon' to draw samples: its estimate does not integrate to one, so there "
                "is no distribution to draw from"
            )
        n, d = self.points_.shape
        cumulative = np.cumsum(self.weights_)
        rows = np.searchsorted(cumulative, random.random(n_samples) * cumulative[-1], side="right")
        rows = np.minimum(rows, n - 1)
        factors = self.factors_[rows]
        if self.method_ == "mixture":
            factors = np.where(random.random(n_samples) < self.mixing_, factors, 1.0)
        noise = KERNELS[self.kernel_].sample(random, n_samples, d)
        with np.errstate(over="ignore"):  # a draw too far away is as far away as doubles go
            noise = self._bandwidth.coloured(np.clip(noise * factors[:, None], -LARGEST, LARGEST))
            draws = np.clip(self.points_[rows] + noise, -LARGEST, LARGEST)
        return rounded(draws, self._own_precision)

    def _description(self) -> Description:
        return describe(self)

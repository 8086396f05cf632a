"""Kernel density estimates whose bandwidth follows the density: wide where data are few."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np

from fastdens import bandwidths
from fastdens.core import validation
from fastdens.core.threads import check_n_threads
from fastdens.kernel_sums.bandwidth import Bandwidth
from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.kernel_sums.prepared_sums import KernelSum
from fastdens.models.adaptive_kernel_density import draws
from fastdens.models.adaptive_kernel_density.cdf import components, ppf
from fastdens.models.adaptive_kernel_density.description import describe
from fastdens.models.adaptive_kernel_density.estimate import Estimate, clipped
from fastdens.models.adaptive_kernel_density.neighbor_radii import NeighborSearch, search_among
from fastdens.models.adaptive_kernel_density.scores import log_density, log_density_gradient, loo_log_density
from fastdens.models.contract import Density, in_double, rounded
from fastdens.models.description import Description

METHODS = ("abramson", "neighbors", "balloon", "mixture")


class AdaptiveKernelDensity(Density):
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
    _estimate: Estimate

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
        estimate = self._estimate_from(data, weights).prepared()
        self.points_, self.weights_, self.factors_ = estimate.points, estimate.weights, estimate.factors
        self.bandwidth_, self.kernel_, self.method_ = estimate.bandwidth.public, self.kernel, self.method
        self.mixing_, self.clip_ = estimate.mixing, estimate.clip
        self.n_neighbors_ = None if estimate.neighbors is None else estimate.neighbors.k
        self.n_parameters_ = data.size + len(data) + estimate.bandwidth.n_parameters
        self._estimate = estimate
        self._remember_data(columns)
        return self

    def _estimate_from(self, data: np.ndarray, weights: np.ndarray | None) -> Estimate:
        """The typical bandwidth by its rule, and those of the points by the method."""
        kernel, d = KERNELS[self.kernel], data.shape[1]
        shares = np.full(len(data), 1 / len(data)) if weights is None else weights / weights.sum()
        from_neighbors = isinstance(self.bandwidth, str) and self.bandwidth == "neighbors"
        if from_neighbors:
            bandwidth = Bandwidth.of(1.0, d)
        elif isinstance(self.bandwidth, str):
            bandwidth = Bandwidth.of(bandwidths.from_data(data, weights, self.bandwidth, self.kernel), d)
        else:
            bandwidth = Bandwidth.checked(self.bandwidth, d)
        log_typical, search = 0.0, None
        if self.method == "abramson":
            logs = KernelSum(data, kernel, bandwidth, weights).evaluate(data, log=True, n_threads=self.n_threads)
            log_factors = -float(self.alpha) * (logs - shares @ logs)
        else:
            search = search_among(data, weights, bandwidth, self.n_neighbors, self.n_threads)
            besides = 0 if self.method == "balloon" else 1
            radii = search.radii(data, bandwidth, self.n_threads, besides=besides)
            log_typical = float(shares @ np.log(radii))
            log_factors = np.log(radii) - log_typical
            if from_neighbors:
                bandwidth = Bandwidth.of(math.exp(log_typical), d)
        clip = None if self.clip is None else float(self.clip)
        factors = np.exp(clipped(log_factors, clip))
        return Estimate(
            data.copy(), shares, factors, kernel, bandwidth, self.method, float(self.mixing), clip, log_typical, search
        )

    # --- the fitted estimate ------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        estimate = state.pop("_estimate", None)
        if estimate is not None:  # what the public attributes do not tell
            state["_log_typical"] = estimate.log_typical
            state["_tree"], state["_ball_weights"], state["_floor"] = (estimate.neighbors or (None, None, 0.0))[:3]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        log_typical = state.pop("_log_typical", 0.0)
        tree, ball_weights, floor = (state.pop(name, None) for name in ("_tree", "_ball_weights", "_floor"))
        self.__dict__.update(state)
        if "points_" in state:
            neighbors = None if tree is None else NeighborSearch(tree, ball_weights, floor, state["n_neighbors_"])
            kernel, bandwidth = KERNELS[self.kernel_], Bandwidth.of(self.bandwidth_, self.points_.shape[1])
            self._estimate = Estimate(
                self.points_, self.weights_, self.factors_, kernel, bandwidth,
                self.method_, self.mixing_, self.clip_, log_typical, neighbors,
            )  # fmt: skip

    def _fitted(self) -> Estimate:
        self._check_fitted()
        return self._estimate

    # --- questions ----------------------------------------------------------------------------------------------------

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
        return rounded(log_density(self._estimate, in_double(data), self.n_threads), data.dtype)

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
        if not self._estimate.is_density:
            raise ValueError("score_gradient needs a method other than 'balloon', whose bandwidth has kinks everywhere")
        return rounded(log_density_gradient(self._estimate, in_double(data), self.n_threads), data.dtype)

    def loo_score_samples(self) -> np.ndarray:
        """Log-density at each training row of weight under the estimate from the other rows.

        Returns
        -------
        ndarray of shape (n_points,)
            One value per row of `points_`, with the bandwidths that all rows gave ("balloon": with the distance to
            the others); -inf where the others leave no density there.
        """
        return rounded(loo_log_density(self._fitted(), self.n_threads), self._own_precision)

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
        return rounded(components(self._estimate, "cdf").tail(in_double(data[:, 0]), 1.0), data.dtype)

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
        return rounded(components(self._estimate, "sf").tail(in_double(data[:, 0]), -1.0), data.dtype)

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
        estimate = self._fitted()
        probabilities = validation.check_between_0_and_1(q, "q")
        return rounded(ppf(estimate, probabilities, self.n_threads), self._precision_with(q))

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
        return rounded(draws.sample(self._fitted(), random, n_samples), self._own_precision)

    def _description(self) -> Description:
        return describe(self._fitted(), self.n_threads)

"""Kernel density estimation: the model. What it answers is in the files beside this one."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from fastdens import bandwidths
from fastdens.core import validation
from fastdens.core.threads import check_n_threads
from fastdens.kernel_sums.bandwidth import Bandwidth
from fastdens.kernel_sums.kernels import metrics
from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.kernel_sums.planning.routes import ROUTE_OF
from fastdens.kernel_sums.planning.sum_plan import SumPlan
from fastdens.models.contract import Density, of_rows_present
from fastdens.models.description import Description
from fastdens.models.kernel_density import (
    bands,
    cdf,
    compression,
    conditional,
    draws,
    grid,
    levels,
    marginals,
    scores,
    uniform,
)
from fastdens.models.kernel_density.boundaries.boundary import boundary_of
from fastdens.models.kernel_density.conditional import ConditionalKernelDensities
from fastdens.models.kernel_density.description import describe
from fastdens.models.kernel_density.estimate import Estimate, Settings

# scikit-learn's names of data structures leave the choice of the route open.
ALGORITHMS = {**ROUTE_OF, "kd_tree": "auto", "ball_tree": "auto"}


class KernelDensity(Density):
    r"""Kernel density estimate, :math:`\hat p(x) = \frac{1}{W} \sum_i w_i \, K(|x - x_i| / h) / (h^d N_d)`.

    A drop-in replacement for scikit-learn's class of this name: the same arguments, methods and results, except that
    the rules "scott" and "silverman" follow the spread of the data, as in their sources (scikit-learn's ignore it, so
    that its bandwidth is right for data of standard deviation one only), that the cosine kernel integrates to one in
    even dimensions too (scikit-learn's does not), and that `sample` works for every kernel.

    Parameters
    ----------
    bandwidth : float, array-like or str, default=1.0
        In the units of the data: one number h for all features, or one per feature. A matrix of shape
        (n_features, n_features) is in squared units: the kernel is a function of
        :math:`\sqrt{(x - x_i)^T H^{-1} (x - x_i)}`. A word is a rule of `fastdens.bandwidth`: "scott", "silverman",
        "likelihood" or "lscv", and for one feature "isj" or "sheather-jones".
    algorithm : {"auto", "direct", "sorted", "fast_gauss", "tree", "kd_tree", "ball_tree"}, default="auto"
        "direct": every point against every query. "sorted": exact in the time of sorting, for every kernel but the
        Gaussian in one dimension. "fast_gauss" ("grid" in earlier versions): in linear time by boxes, for the Gaussian
        kernel in up to three dimensions. "tree": every query against the points near it, from two dimensions on.
        "auto": whichever is expected to be fastest. The last two are scikit-learn's names of data structures and mean
        "auto" here. All agree within the tolerance.
    kernel : str, default="gaussian"
        "gaussian", "tophat", "epanechnikov", "exponential", "linear", "cosine", "biweight" or "triweight"; see
        `kernel_sum` for the formulas. Kernels are radial.
    metric : str, default="euclidean"
        Distance between points: "euclidean" ("l2"), "manhattan" ("l1", "cityblock"), "chebyshev" ("infinity") or
        "haversine"; every density integrates to one. For "haversine" the features are latitude and longitude in
        radians, the bandwidth is an angle in radians, the distance is that along the great circle, over the poles and
        across the date line, and the density is per area of the unit sphere (per steradian); scikit-learn divides by
        the plane's normaliser instead, and calls something else a density. Manhattan and Chebyshev take a number or
        one per feature as bandwidth, haversine a number; the rules by name are for the Euclidean metric. All but the
        Euclidean are summed directly; with one feature the norms are the same.
    atol, rtol : float, default=0
        Largest error allowed in the density at any point, absolute and relative:
        ``|error| <= atol + rtol * density``, guaranteed. Both zero: full working precision, 1e-12 relative.
    breadth_first : bool, default=True
        Accepted for scikit-learn's sake: the order in which it walks its tree. The result does not depend on it.
    leaf_size : int, default=40
        Accepted for scikit-learn's sake, as `breadth_first`.
    metric_params : dict, default=None
        Parameters of the metric: none of these has any.
    bounds : None, pair or list of pairs, default=None
        Where the data can lie, (low, high) per feature, or None for a feature without bounds; for one feature a pair
        will do. None or an infinity leaves a side open. The density is zero beyond, and integrates to one.
    period : None, float or list, default=None
        Length after which a feature repeats itself (360 for directions in degrees), per feature. Data are wrapped into
        one period, which starts at the lower bound of the feature, or at 0; the density is periodic and integrates to
        one over a period, and the distribution function starts at 0 with it.
    n_threads : int, default=None
        Number of threads; see `fastdens.threads`.
    boundary : {"reflection", "linear", "transform"} or list of these, default="reflection"
        How the estimate keeps to the bounds, for all features or per feature. "reflection": mirror images of the data
        beyond the bounds, so that the density is level at them. "linear" (one feature): within the radius of a bound
        the kernel is corrected for what the bound cuts off and for the slope (Jones 1993), in the form that is never
        negative (Jones and Foster 1996), and a constant makes the mass one, so that the bias at a bound is of the order
        of h^2 whatever the slope there; found by quadrature to 1e-10, at `fit`. "transform": the estimate is made on
        the logarithm of the distance from one bound, or the logit between two, so that the density falls to zero, or
        rises without limit, at them; no value may lie on a bound, and a bandwidth is in units of the logarithm. A
        bandwidth rule looks at the data as they are smoothed: without their images, wrapped or transformed.

    Attributes
    ----------
    bandwidth_ : float or ndarray
        The bandwidth in use.
    metric_ : str
        The metric in use, by its first name; "euclidean" where one feature makes the norms the same.
    points_ : ndarray of shape (n_points, n_features)
        The rows that carry weight.
    weights_ : ndarray of shape (n_points,)
        Their weights, which sum to one.
    n_parameters_ : int
        Numbers that the estimate keeps: the points and the bandwidth.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where the data had string names.

    Examples
    --------
    >>> import numpy as np, fastdens as fd
    >>> X = np.random.default_rng(0).normal(size=(500, 2))
    >>> kde = fd.KernelDensity(bandwidth="scott").fit(X)
    >>> kde.score_samples([[0.0, 0.0]]).shape
    (1,)
    >>> kde.sample(3, random_state=0).shape
    (3, 2)
    """

    points_: np.ndarray
    weights_: np.ndarray
    bandwidth_: float | np.ndarray
    kernel_: str
    metric_: str
    n_parameters_: int
    compression_error_: float  # of `compress`
    compression_measured_error_: float
    _estimate: Estimate  # all of this in one value, which every question is asked of

    def __init__(
        self,
        *,
        bandwidth: Any = 1.0,
        algorithm: str = "auto",
        kernel: str = "gaussian",
        metric: str = "euclidean",
        atol: float = 0,
        rtol: float = 0,
        breadth_first: bool = True,
        leaf_size: int = 40,
        metric_params: dict[str, Any] | None = None,
        bounds: Any = None,
        period: Any = None,
        n_threads: int | None = None,
        boundary: Any = "reflection",
    ) -> None:
        self.bandwidth = bandwidth
        self.algorithm = algorithm
        self.kernel = kernel
        self.metric = metric
        self.atol = atol
        self.rtol = rtol
        self.breadth_first = breadth_first
        self.leaf_size = leaf_size
        self.metric_params = metric_params
        self.bounds = bounds
        self.period = period
        self.n_threads = n_threads
        self.boundary = boundary

    def _check_params(self) -> None:
        validation.check_option(self.algorithm, "algorithm", ALGORITHMS)
        validation.check_option(self.kernel, "kernel", KERNELS)
        validation.check_option(self.metric, "metric", metrics.ALIASES)
        validation.check_number(self.atol, "atol", at_least=0)
        validation.check_number(self.rtol, "rtol", at_least=0)
        if not isinstance(self.breadth_first, bool | np.bool_):
            raise TypeError(f"breadth_first must be True or False, got {self.breadth_first!r}")
        validation.check_integer(self.leaf_size, "leaf_size", 1)
        if self.metric_params:
            raise ValueError(f"metric_params must be None for metric={self.metric!r}, got {self.metric_params!r}")
        if self.n_threads is not None:
            check_n_threads(self.n_threads)

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Keep the data and choose the bandwidth.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data. float32 data are kept, and scored, in single precision.
        y : None
            Ignored; there for scikit-learn's pipelines.
        sample_weight : array-like of shape (n_samples,), optional
            Weight of each row; the scale does not matter, a row of weight zero is absent, and at a given bandwidth
            an integer weight is the same as that many rows.

        Returns
        -------
        KernelDensity
            The fitted model itself.
        """
        self._check_params()
        data, weights, columns = self._fit_data(X, sample_weight)
        boundary = boundary_of(self.bounds, self.period, self.boundary, data.shape[1])
        unit = Bandwidth.of(1.0, data.shape[1])
        if boundary is not None:
            if metrics.check_metric(self.metric, data.shape[1], unit) != "euclidean":
                raise ValueError(f"bounds and period need metric='euclidean', got metric={self.metric!r}")
            boundary.check(data)
        if isinstance(self.bandwidth, str):
            validation.check_option(self.bandwidth, "bandwidth", bandwidths.RULES)
            smoothed = data if boundary is None else boundary.working(data)
            if metrics.check_metric(self.metric, data.shape[1], unit) != "euclidean":
                raise ValueError(
                    f"bandwidth={self.bandwidth!r} needs metric='euclidean', got metric={self.metric!r}: give a number"
                )
            chosen = bandwidths.from_data(smoothed, weights, self.bandwidth, self.kernel)
            bandwidth = Bandwidth.of(chosen, data.shape[1])
        else:
            bandwidth = Bandwidth.checked(self.bandwidth, data.shape[1])
        metric = metrics.check_metric(self.metric, data.shape[1], bandwidth)
        metrics.check_data(data, metric)
        # A copy, as the caller may change theirs; prepared, so that what cannot be summed shows before anything is set.
        estimate = Estimate(data.copy(), weights, KERNELS[self.kernel], bandwidth, metric, boundary).prepared()
        self.points_, self.weights_, self.bandwidth_ = estimate.points, estimate.shares, bandwidth.public
        self.kernel_, self.metric_ = self.kernel, metric
        self.n_parameters_ = data.size + bandwidth.n_parameters
        self._estimate = estimate
        for name in ("compression_error_", "compression_measured_error_"):
            self.__dict__.pop(name, None)  # points that are fitted anew have not been compressed
        self._remember_data(columns)
        return self

    # --- the fitted estimate ------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        estimate = state.pop("_estimate", None)
        if estimate is not None:  # what the public attributes do not tell
            state["_weights"], state["_boundary"] = estimate.weights, estimate.boundary
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        for of_older_versions in ("_log_total", "_log_volume"):
            state.pop(of_older_versions, None)
        weights, boundary = state.pop("_weights", None), state.pop("_boundary", None)
        self.__dict__.update(state)
        if "points_" in state:
            self._precision = self.points_.dtype.name  # older files do not say
            kernel, bandwidth = KERNELS[self.kernel_], Bandwidth.of(self.bandwidth_, self.points_.shape[1])
            metric = state.get("metric_", "euclidean")
            self._estimate = Estimate(self.points_, weights, kernel, bandwidth, metric, boundary)

    def _fitted(self) -> Estimate:
        self._check_fitted()
        return self._estimate

    def _euclidean(self, method: str) -> Estimate:
        """The estimate, for a method that is made for Euclidean distances."""
        estimate = self._fitted()
        if estimate.metric != "euclidean":
            raise ValueError(f"{method} needs metric='euclidean', got metric={self.metric!r}")
        return estimate

    def _plain(self, method: str) -> Estimate:
        """The estimate, for a method that is made for Euclidean distances in a space without edges."""
        estimate = self._euclidean(method)
        if estimate.boundary is not None:
            raise ValueError(
                f"{method} needs bounds=None and period=None, got bounds={self.bounds!r}, period={self.period!r}"
            )
        return estimate

    def _for_uniform(self, method: str) -> Estimate:
        estimate = self._fitted()
        return estimate if estimate.n_features == 1 else self._plain(method)

    def _settings(self) -> Settings:
        """Constructor arguments that hold for each evaluation, as they are now."""
        return Settings(float(self.rtol), float(self.atol), ALGORITHMS[self.algorithm], self.n_threads)

    def _with_features(self, axes: np.ndarray, estimate: Estimate) -> KernelDensity:
        """A model of these features of this one, with its options, fitted to what makes up `estimate`."""
        params = {
            **self.get_params(deep=False),
            "bandwidth": estimate.bandwidth.public,
            "kernel": estimate.kernel.name,
            "bounds": None,
            "period": None,
        }
        if params["algorithm"] != "direct":
            params["algorithm"] = "auto"  # a route may be open to some dimensions and kernels only
        model = type(self)(**params).fit(estimate.points, sample_weight=estimate.weights)
        model._remember_data(self._columns().take(axes))
        return model

    # --- densities ----------------------------------------------------------------------------------------------------

    def score_samples(self, X: Any, *, return_bounds: bool = False) -> Any:
        """Log-density at each row of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points.
        return_bounds : bool, default=False
            Return a lower and an upper bound of each log-density too, rounding included; in double precision.

        Returns
        -------
        ndarray of shape (n_samples,)
            Natural logarithm of the density; -inf where a kernel of bounded support leaves none. float32 where the
            data of `fit` and X are float32.
        lower, upper : ndarrays of shape (n_samples,)
            With `return_bounds`.
        """
        if return_bounds:
            return scores.bounded_log_density(self._plain("return_bounds=True"), self._new_data(X), self._settings())
        return scores.log_density(self._fitted(), self._new_data(X), self._settings())

    def plan(self, X: Any) -> SumPlan:
        """The route that `score_samples` takes for X, and what it is expected to cost; nothing is computed.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points.

        Returns
        -------
        SumPlan
            See `fastdens.plan`; `explain()` says it in words.
        """
        settings = self._settings()
        return self._fitted().sums.plan(self._new_data(X), settings.rtol, settings.route)

    def loo_score_samples(self) -> np.ndarray:
        """Log-density at each training row of weight under the estimate from the other rows.

        Returns
        -------
        ndarray of shape (n_points,)
            One value per row of `points_`; -inf where the others leave no density there. The images that a row has
            beyond bounds are left out with it. With boundary="linear" a row is left out of the sums and of the
            correction, and the constant that makes the mass one stays that of all rows.
        """
        return scores.leave_one_out(self._fitted(), self.n_threads)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Total log-likelihood of the rows of X, as in scikit-learn (the other models give the mean).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points.
        y : None
            Ignored; there for scikit-learn's pipelines.
        sample_weight : array-like of shape (n_samples,), optional
            Weight of each row.

        Returns
        -------
        float
            Sum of ``sample_weight * score_samples(X)``.
        """
        log_density = self.score_samples(X)
        weights = validation.check_sample_weight(sample_weight, len(log_density))
        log_density = of_rows_present(log_density, weights)
        return float((log_density if weights is None else weights * log_density).sum())

    def score_gradient(self, X: Any) -> np.ndarray:
        r"""Gradient of the log-density at each row of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points, finite.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Derivatives of the natural logarithm of the density; for the Gaussian kernel
            :math:`\sum_i w_i K_i (x_i - x) / h^2 / \sum_i w_i K_i`. 0 where the log-density is -inf. float32 where
            the data of `fit` and X are float32.

        Raises
        ------
        ValueError
            For a metric other than the Euclidean one, with bounds or periods.

        Notes
        -----
        Finite wherever the log-density is, as the terms are formed relative to the largest. Differences from the data
        are taken first, so that data far from the origin lose nothing. Where a kernel has a kink, a point adds
        nothing: the exponential and linear kernels at the point itself (the mean of the slopes on both sides), and
        every kernel of bounded support at its rim and beyond. The tophat kernel's density is constant between jumps:
        its gradient is 0. Every point is visited for every row, whatever `algorithm` says.

        Examples
        --------
        >>> import fastdens as fd
        >>> fd.KernelDensity(bandwidth=2.0).fit([[0.0, 0.0]]).score_gradient([[4.0, -8.0]])
        array([[-1.,  2.]])
        """
        return scores.log_gradient(self._plain("score_gradient"), self._new_data(X), self.n_threads)

    def evaluate_grid(
        self, axes: Any = None, *, n_points: Any = None, margin: float | None = None, log: bool = False
    ) -> tuple[list[np.ndarray], np.ndarray]:
        r"""Density at all points of a grid, with the guarantee of `rtol` and `atol` at each.

        With the Gaussian kernel and a bandwidth that is not a matrix the work is separated by axes, which makes grids
        of millions of points cheap; otherwise the grid's points are scored one by one.

        Parameters
        ----------
        axes : array-like or list of array-like, default=None
            Coordinates along each feature, one array per feature (for one feature, the array itself will do): finite,
            in any order and of any spacing. None: equally spaced coordinates that cover the
            data, no further than the bounds, and one whole period of a periodic feature.
        n_points : int or list of int, default=None
            Grid points along each feature where `axes` is None: one number, or one per feature. None: 1024, 256 or 64
            for one, two or three features; more features need a number.
        margin : float, default=None
            How far the default axes go beyond the data, in bandwidths of each feature. None: 1 for kernels of
            bounded support, which is all there is, 4 for the Gaussian and 12 for the exponential kernel.
        log : bool, default=False
            Whether to return natural logarithms, finite at any distance with these two kernels.

        Returns
        -------
        axes : list of ndarray
            The coordinates along each feature; like the density float32 where the data of `fit` and `axes` are.
        density : ndarray of shape (len(axes[0]), len(axes[1]), ...)
            The density, or its logarithm, at every combination of coordinates.

        Raises
        ------
        TypeError, ValueError
            For an argument out of its range, with its name, the rule and the value received.

        Notes
        -----
        Many univariate points are summed into cells of one bandwidth in a single pass, without sorting. In two and
        three dimensions points in boxes are replaced by weights at Chebyshev nodes, and nodes or points are carried
        to the grid by one matrix per axis (sums over grids by product kernels: Langrene and Warin 2019). Values whose
        error bound misses the tolerance are computed again from the points.

        Examples
        --------
        >>> import numpy as np, fastdens as fd
        >>> X = np.random.default_rng(0).normal(size=(1000, 2))
        >>> kde = fd.KernelDensity(bandwidth=0.3).fit(X)
        >>> (x, y), density = kde.evaluate_grid(n_points=(50, 60))
        >>> density.shape
        (50, 60)
        >>> mass = np.trapezoid(np.trapezoid(density, y), x)
        >>> bool(abs(mass - 1) < 1e-4)
        True
        """
        return grid.evaluate_grid(self._fitted(), axes, n_points, margin, log, self._settings())

    def confidence_band(
        self, X: Any, level: float = 0.95, *, simultaneous: bool = False, log: bool = False, random_state: Any = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        r"""Lower and upper bounds of the density at each row of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points, finite.
        level : float, default=0.95
            Probability that the true value lies between the bounds, in large samples.
        simultaneous : bool, default=False
            Whether that holds for all rows of X at once, and not for each one by itself.
        log : bool, default=False
            Whether to bound the log-density (and return logarithms); such bounds are never below density 0 and follow
            it into the tails.
        random_state : int, Generator, RandomState or None, default=0
            Source of the multipliers of the simultaneous band.

        Returns
        -------
        lower, upper : ndarray of shape (n_samples,)
            Normal intervals about the estimate, from its standard error; lower bounds below 0 are 0.

        Raises
        ------
        ValueError
            If fewer than two rows carry weight, for a metric other than the Euclidean one, with bounds or periods.

        Notes
        -----
        The variance of the sum follows from the sum of squared kernels, :math:`\sum_i w_i^2 (K_h(x - x_i) - \hat
        p(x))^2 / (1 - \sum_i w_i^2)` with weights that sum to one. Where a kernel of bounded support leaves no
        density, the upper bound is that of Clopper and Pearson for an event that was not seen, times the kernel's peak.

        The interval covers the smoothed density :math:`E\,\hat p(x)`, which differs from the density itself by the
        bias of smoothing; with a bandwidth that is small against the optimal one (undersmoothing; Hall 1992) the
        difference is negligible. The normal distribution is good where some ten points are within a bandwidth. The
        bandwidth is taken as given. Simultaneous bands use the Gaussian multiplier bootstrap (Chernozhukov, Chetverikov
        and Kato 2014), with 1000 draws over all points and rows.

        References
        ----------
        Hall (1992), Effect of bias estimation on coverage accuracy of bootstrap confidence intervals for a probability
        density, Annals of Statistics 20, 675-694. Chernozhukov, Chetverikov and Kato (2014), Anti-concentration and
        honest, adaptive confidence bands, Annals of Statistics 42, 1787-1818.

        Examples
        --------
        >>> import numpy as np, fastdens as fd
        >>> X = np.random.default_rng(0).normal(size=(1000, 1))
        >>> lower, upper = fd.KernelDensity(bandwidth=0.2).fit(X).confidence_band([[0.0]])
        >>> bool(lower[0] < 0.39 < upper[0])
        True
        """
        estimate, data = self._plain("confidence_band"), self._new_data(X)
        return bands.confidence_band(estimate, data, level, simultaneous, log, random_state, self._settings())

    # --- probabilities and draws --------------------------------------------------------------------------------------

    def cdf(self, X: Any) -> np.ndarray:
        """Distribution function of an estimate of one feature.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points, of one feature.

        Returns
        -------
        ndarray of shape (n_samples,)
            P(value <= x), exactly integrated; with full relative precision in the lower tail. float32 where the data
            of `fit` and X are float32.

        Notes
        -----
        In n log n + m log m time for every kernel.

        Examples
        --------
        >>> import fastdens as fd
        >>> model = fd.KernelDensity(kernel="tophat", bandwidth=2.0).fit([[0.0], [10.0]])
        >>> print(model.cdf([[-2.0], [0.0], [5.0], [11.0]]))
        [0.    0.25  0.5   0.875]
        """
        return cdf.cdf(self._fitted(), self._new_data(X), self._settings())

    def sf(self, X: Any) -> np.ndarray:
        """Survival function, 1 - cdf, of an estimate of one feature.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points, of one feature.

        Returns
        -------
        ndarray of shape (n_samples,)
            P(value > x), exactly integrated; with full relative precision in the upper tail. float32 where the data
            of `fit` and X are float32.

        Examples
        --------
        >>> import fastdens as fd
        >>> print(fd.KernelDensity().fit([[0.0]]).sf([[20.0]]))
        [2.75362412e-89]
        """
        return cdf.sf(self._fitted(), self._new_data(X), self._settings())

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

        Examples
        --------
        >>> import fastdens as fd
        >>> model = fd.KernelDensity(kernel="tophat", bandwidth=2.0).fit([[0.0], [10.0]])
        >>> print(model.ppf([0.0, 0.25, 0.5, 1.0]))
        [-2.  0.  2. 12.]
        """
        return cdf.ppf(self._fitted(), q, self._settings())

    def box_probability(self, lower: Any, upper: Any) -> Any:
        """Probability of boxes, P(lower < value <= upper) in every feature.

        Parameters
        ----------
        lower, upper : array-like of shape (n_features,) or (n_boxes, n_features)
            Corners, which may be infinite; one box or several, or several of one against one of the other.

        Returns
        -------
        float or ndarray of shape (n_boxes,)
            Probabilities, exactly integrated. Of one feature, a difference of `cdf` or of `sf`, whichever is smaller.

        Raises
        ------
        ValueError
            For more than one feature with a kernel other than the Gaussian, or with a bandwidth matrix that is not
            diagonal: those integrals have no closed form.

        Notes
        -----
        With more features a sum over points of products of Gaussian integrals: time n_boxes * n_points * n_features.

        Examples
        --------
        >>> import fastdens as fd
        >>> model = fd.KernelDensity().fit([[0.0, 0.0]])
        >>> print(round(model.box_probability([-1.0, -1.0], [1.0, 1.0]), 6))
        0.466065
        """
        return cdf.box_probability(self._euclidean("box_probability"), lower, upper, self._settings())

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
        return uniform.to_uniform(self._for_uniform("to_uniform"), self._new_data(X), self._settings())

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
        return uniform.from_uniform(self._for_uniform("from_uniform"), U, self._settings())

    def sample(self, n_samples: int = 1, random_state: Any = None) -> np.ndarray:
        """Draw from the estimate: a row of the data at random, plus noise with the kernel's distribution.

        Parameters
        ----------
        n_samples : int, default=1
            Number of draws.
        random_state : int, Generator, RandomState or None
            Source of randomness.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            The draws: for a seed the same with any number of threads, and on any processor but for the last digits.
        """
        n_samples = self._new_sample_size(n_samples)
        return draws.sample(self._fitted(), validation.check_random_state(random_state), n_samples, self.n_threads)

    # --- estimates derived from it ------------------------------------------------------------------------------------

    def marginal(self, axes: Any) -> KernelDensity:
        """The distribution of some of the features: again a kernel density estimate.

        Parameters
        ----------
        axes : int or sequence of int
            Feature numbers, distinct.

        Returns
        -------
        KernelDensity
            Its features are in the order given; its kernel may be another one.

        Raises
        ------
        ValueError
            If the kernel's marginal is none of the kernels here, for a metric other than the Euclidean one, with
            bounds or periods.

        Notes
        -----
        The Gaussian kernel's marginal is Gaussian. The integral of (1 - u²)^s over k features is proportional to
        (1 - u²)^(s + k/2), so that tophat (s = 0), epanechnikov (1), biweight (2) and triweight (3) pass into one
        another where k is even.

        Examples
        --------
        >>> import numpy as np, fastdens as fd
        >>> X = np.random.default_rng(0).normal(size=(100, 3))
        >>> fd.KernelDensity(kernel="tophat").fit(X).marginal(0)
        KernelDensity(kernel='epanechnikov')
        """
        estimate = self._plain("marginal")
        axes = validation.check_axes(axes, estimate.n_features)
        return self._with_features(axes, marginals.marginal(estimate, axes))

    def condition(self, axes: Any, values: Any) -> KernelDensity | ConditionalKernelDensities[KernelDensity]:
        r"""The distribution of the other features, given values of these.

        Parameters
        ----------
        axes : int or sequence of int
            Features that are given; at least one must remain.
        values : array-like of shape (n_axes,) or (n_conditions, n_axes)
            Their values, or many rows of them at once; a number where `axes` is one.

        Returns
        -------
        KernelDensity or ConditionalKernelDensities
            One estimate, whose weights are :math:`w_i K((v - x_{i,axes}) / h)`, or the distributions for all rows of
            `values`. The weights are formed relative to the largest, so that values far from all data have their
            distribution too; those below 1e-300 of it count as none.

        Raises
        ------
        ValueError
            For another kernel than the Gaussian, which alone is a product over the features; for a metric other than
            the Euclidean one, with bounds or periods.

        Examples
        --------
        >>> import fastdens as fd
        >>> distribution = fd.KernelDensity(bandwidth=1.0).fit([[0.0, 5.0], [2.0, 7.0]]).condition(0, 2.0)
        >>> distribution.weights_.round(3)
        array([0.119, 0.881])
        """
        return conditional.condition(self._plain("condition"), axes, values, self._settings(), self._with_features)

    def compress(self, max_error: float = 1e-3) -> Self:
        r"""An estimate from fewer, weighted points that is nearly the same everywhere.

        Parameters
        ----------
        max_error : float, default=1e-3
            Largest difference between the two densities at any place, as a share of the largest density.

        Returns
        -------
        KernelDensity
            A new fitted model with the same kernel, bandwidth and options, and these attributes besides:
            `compression_error_`, an upper bound of :math:`\sup_x |\hat p_c(x) - \hat p(x)| / \max_x \hat p(x)`, at
            most `max_error`, proved for all x; and `compression_measured_error_`, the largest such difference
            found at points of the data and of a grid over it. Where nothing can be spared it has all distinct points.

        Raises
        ------
        TypeError
            If `max_error` is not a number.
        ValueError
            If `max_error` is not above 0; for the kernel "tophat", whose density jumps; with a metric other than the
            Euclidean one, or with bounds or periods.

        Notes
        -----
        Points are cut into cells some bandwidths wide or less; the points of a cell are replaced by a few inside it
        with the same weight and mean, and for the Gaussian kernel in up to three dimensions with the same moments up
        to a higher degree: in one dimension the nodes of Gauss's rule for the cell's own points (Golub and Welsch
        1969), in two and three a subset of the points with weights found by non-negative least squares
        (Tchakaloff's theorem). The bound sums the remainders of the kernel, which fall off with the distance (Cramer's
        inequality for Hermite functions), over all cells that can lie near one place. Width and degree are those
        that leave the fewest points. The largest density is taken from below, at places where the data are dense.

        The mean of the data is kept, and with moments of the second degree their variance. What counts points
        rather than density, such as `confidence_band`, `loo_score_samples` and bandwidth rules, sees only the points
        that are left.

        Examples
        --------
        >>> import numpy as np, fastdens as fd
        >>> X = np.random.default_rng(0).normal(size=(100_000, 1))
        >>> small = fd.KernelDensity(bandwidth="scott").fit(X).compress(1e-4)
        >>> len(small.points_) < 500
        True
        >>> small.compression_measured_error_ <= small.compression_error_ <= 1e-4
        True
        """
        small = compression.compress(self._plain("compress"), max_error, self.n_threads)
        model = type(self)(**{**self.get_params(), "kernel": self.kernel_, "bandwidth": self.bandwidth_})
        model.fit(small.points, sample_weight=small.weights)
        model._remember_data(self._columns())
        model.compression_error_, model.compression_measured_error_ = small.error, small.measured_error
        return model

    # --- summaries ----------------------------------------------------------------------------------------------------

    def entropy(self, *, n_samples: int = levels.DRAWS, random_state: Any = 0, return_error: bool = False) -> Any:
        r"""Differential entropy of the estimate, :math:`-\int \hat p \ln \hat p`.

        Parameters
        ----------
        n_samples : int, default=32768
            Draws for the mean of -ln p, where there are two features or more, bounds or periods.
        random_state : int, Generator, RandomState or None, default=0
            Source of those draws; by default the same in each call.
        return_error : bool, default=False
            Whether to return the error too.

        Returns
        -------
        float, or (float, float)
            In nats, and with `return_error` its error: for one feature the difference of two quadratures (Gauss and
            Legendre's with 6 and 12 nodes between kinks), of which the finer one is returned; otherwise the standard
            error of the mean over the draws.

        Examples
        --------
        >>> import fastdens as fd
        >>> round(fd.KernelDensity(bandwidth=1.0).fit([[0.0]]).entropy(), 6)
        1.418939
        """
        value, error = levels.entropy(self._fitted(), n_samples, random_state, self._settings())
        return (value, error) if return_error else value

    def level(self, mass: Any, *, log: bool = False, n_samples: int = levels.DRAWS, random_state: Any = 0) -> Any:
        """Density on the boundary of the smallest region that holds this probability mass of the estimate.

        Parameters
        ----------
        mass : float or array-like
            Between 0 (the peak) and 1.
        log : bool, default=False
            Whether to return its logarithm.
        n_samples : int, default=32768
            Draws, where there are two features or more, bounds or periods.
        random_state : int, Generator, RandomState or None, default=0
            Source of those draws; by default the same in each call.

        Returns
        -------
        float or ndarray
            The points with at least this density have probability `mass` under the estimate (Hyndman 1996): for one
            feature by quadrature, the mass being right to about 5e-4; otherwise as the quantile of the density at
            draws from the estimate, where the mass has the standard error ``sqrt(mass * (1 - mass) / n_samples)``, at
            most 0.003 by default.

        References
        ----------
        Hyndman (1996), Computing and graphing highest density regions, The American Statistician 50, 120-126.

        Examples
        --------
        >>> import fastdens as fd
        >>> model = fd.KernelDensity(bandwidth=1.0).fit([[0.0]])
        >>> round(model.level(0.9) / model.level(0.0), 2)  # exp(-1.645^2 / 2)
        0.26
        """
        return levels.level(self._fitted(), mass, log, n_samples, random_state, self._settings())

    def _description(self) -> Description:
        return describe(self._fitted(), self._settings(), self.score_gradient)

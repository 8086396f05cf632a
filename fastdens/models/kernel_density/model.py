"""Kernel density estimation."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np

from fastdens import bandwidths
from fastdens.core import validation
from fastdens.core.threads import check_n_threads
from fastdens.kernel_sums import metrics
from fastdens.kernel_sums.accuracy.bounds import as_float32, certified_sums, normalised_logs
from fastdens.kernel_sums.bandwidth import Bandwidth
from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.kernel_sums.planning.planning import SumPlan
from fastdens.models.contract import Density, rounded
from fastdens.models.description import Description
from fastdens.models.kernel_density.bands import KernelBands
from fastdens.models.kernel_density.boundaries.boundary import Boundary, boundary_of
from fastdens.models.kernel_density.boundaries.bounded_sums import prepared_sums
from fastdens.models.kernel_density.cdf import CumulativeKernelDensity
from fastdens.models.kernel_density.compression import KernelCompression
from fastdens.models.kernel_density.description import describe
from fastdens.models.kernel_density.draws import kernel_draws
from fastdens.models.kernel_density.grid import GridEvaluation
from fastdens.models.kernel_density.uniform import KernelUniform

ALGORITHMS = ("auto", "direct", "sorted", "grid", "tree", "kd_tree", "ball_tree")
# scikit-learn's names of data structures leave the choice of the route open.
ROUTE_OF = {"kd_tree": "auto", "ball_tree": "auto"}


class KernelDensity(CumulativeKernelDensity, KernelUniform, KernelBands, GridEvaluation, KernelCompression, Density):
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
    algorithm : {"auto", "direct", "sorted", "grid", "tree", "kd_tree", "ball_tree"}, default="auto"
        "direct": every point against every query. "sorted": exact in the time of sorting, for every kernel but the
        Gaussian in one dimension. "grid": in linear time by boxes, for the Gaussian kernel in up to three
        dimensions. "tree": every query against the points near it, from two dimensions on. "auto": whichever is
        expected to be fastest. The last two are scikit-learn's names of data
        structures and mean "auto" here. All agree within the tolerance.
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
        beyond the bounds, so that the density is level at them. "linear" (one feature): within reach of a bound the
        kernel is corrected for what the bound cuts off and for the slope (Jones 1993), in the form that is never
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

    _boundary: Boundary | None = None  # what keeps the estimate within bounds, once fitted

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
        points = data.copy()  # the caller may change theirs
        prepared = prepared_sums(points, KERNELS[self.kernel], bandwidth, weights, boundary, metric)
        self.points_ = points
        self._boundary = boundary
        self.bandwidth_ = bandwidth.public
        self.kernel_, self.metric_ = self.kernel, metric
        self.weights_ = np.full(len(data), 1 / len(data)) if weights is None else weights / weights.sum()
        self.n_parameters_ = data.size + bandwidth.n_parameters
        self._weights = weights
        self._set_sums(prepared)
        self._forget_compression()
        self._remember_data(columns)
        return self

    def _set_sums(self, prepared: Any) -> None:
        d = prepared.n_features
        self._bandwidth = Bandwidth.of(self.bandwidth_, d)
        self._sums, self._law = prepared, None
        self._log_total = math.log(prepared.n_points if self._weights is None else float(self._weights.sum()))
        self._log_volume = metrics.log_normaliser(prepared.kernel, self.metric_, d, self._bandwidth)

    def _prepared(self, points: np.ndarray) -> Any:
        return prepared_sums(
            points,
            KERNELS[self.kernel_],
            Bandwidth.of(self.bandwidth_, points.shape[1]),
            self._weights,
            self._boundary,
            self.metric_,
        )

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        for made_again_from_the_rest in ("_bandwidth", "_sums", "_law"):
            state.pop(made_again_from_the_rest, None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if "points_" in state:
            self._precision = self.points_.dtype.name  # older files do not say
            self._set_sums(self._prepared(self.points_))

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
        return self._log_density(self._new_data(X), return_bounds)

    def _log_density(self, data: np.ndarray, return_bounds: bool = False) -> Any:
        metrics.check_data(data, self.metric_)
        sums = self._sums
        both_float32 = data.dtype == np.float32 and self.points_.dtype == np.float32
        if data.dtype != self.points_.dtype:
            data = data.astype(np.float64, copy=False)
            if self.points_.dtype == np.float32 and not (self._boundary is not None and self._boundary.is_linear):
                sums = self._prepared(self.points_.astype(np.float64))
        options: dict[str, Any] = {
            "rtol": self.rtol,
            "atol": self.atol * math.exp(min(self._log_total + self._log_volume, 700.0)),
            "algorithm": ROUTE_OF.get(self.algorithm, self.algorithm),
            "n_threads": self.n_threads,
        }
        if return_bounds:
            if self.metric_ != "euclidean":
                raise ValueError(f"return_bounds=True needs metric='euclidean', got metric={self.metric!r}")
            if self._boundary is not None:
                raise ValueError(
                    "return_bounds=True needs bounds=None and period=None, "
                    f"got bounds={self.bounds!r}, period={self.period!r}"
                )
            three = certified_sums(sums, data, log=True, **options)
            three = normalised_logs(*three, self._log_total, self._log_volume)
            return as_float32(*three) if both_float32 else three
        log_density = sums.evaluate(data, log=True, **options)
        log_density -= self._log_total + self._log_volume
        return rounded(log_density, data.dtype if both_float32 else np.dtype(np.float64))

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
        data = self._new_data(X)
        return self._sums.plan(data, self.rtol, ROUTE_OF.get(self.algorithm, self.algorithm))

    def loo_score_samples(self) -> np.ndarray:
        """Log-density at each training row of weight under the estimate from the other rows.

        Returns
        -------
        ndarray of shape (n_points,)
            One value per row of `points_`; -inf where the others leave no density there. The images that a row has
            beyond bounds are left out with it. With boundary="linear" a row is left out of the sums and of the
            correction, and the constant that makes the mass one stays that of all rows.
        """
        self._check_fitted()
        n = len(self.points_)
        if n == 1:
            return np.full(1, -np.inf)
        log_sums = self._sums.evaluate(self.points_, log=True, own=np.arange(n), n_threads=self.n_threads)
        weights = np.ones(n) if self._weights is None else self._weights
        others = weights.sum() - weights
        log_density = log_sums - np.log(others) - self._log_volume
        return rounded(log_density, self._own_precision)

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
        log_density = self.score_samples(X).astype(np.float64, copy=False)
        weights = validation.check_sample_weight(sample_weight, len(log_density))
        return float(log_density.sum() if weights is None else np.where(weights > 0, weights * log_density, 0.0).sum())

    def sample(self, n_samples: int = 1, random_state: Any = None) -> np.ndarray:
        """Draw from the estimate: a row of the data at random, plus noise with the kernel's law.

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
        rng = validation.check_random_state(random_state)
        if self._boundary is not None and self._boundary.is_linear:
            return rounded(self._boundary.draws(self._sums.draw(rng, n_samples)), self._own_precision)
        points = self.points_ if self._boundary is None else self._sums.working
        draws = kernel_draws(
            rng, n_samples, points, self._weights, self._sums.kernel, self._bandwidth, self.n_threads, self.metric_
        )
        return draws if self._boundary is None else rounded(self._boundary.draws(draws), self._own_precision)

    def _description(self) -> Description:
        return describe(self)

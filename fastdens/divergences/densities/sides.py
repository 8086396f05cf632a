"""What either side of a divergence can be, in one form: support, marks, log-density and draws."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from fastdens.core import validation
from fastdens.divergences.densities import marks as marks_of
from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.models.adaptive_kernel_density import AdaptiveKernelDensity
from fastdens.models.contract import Density
from fastdens.models.gaussian import Gaussian
from fastdens.models.histogram import Histogram
from fastdens.models.kernel_density import KernelDensity
from fastdens.models.mixture import GaussianMixture
from fastdens.models.neighbors_density import KNeighborsDensity

# Draws, always the same ones, by which the mass of a law of unknown shape is found.
_N_SCOUTS = 4096
# Where a log-density alone is looked at to find its mass: both signs of these, and 0.
_SCAN = np.logspace(-6, 8, 1401)
# A law's mass may be off by this much, and more where the model says so.
MASS_TOLERANCE = 1e-6


class Components(NamedTuple):
    """A mixture of Gaussians: weights, means and full covariances."""

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray


@dataclass
class Side:
    """One of the two laws.

    Attributes
    ----------
    name : str
        What the user calls it, for messages.
    n_features : int
        Dimension; 0 where a log-density alone leaves it open.
    scores : callable
        Natural logarithm of the density at rows within the support.
    draw : callable or None
        From a number and a generator to rows.
    low, high : ndarray of shape (n_features,)
        Ends of the support, per axis.
    components : Components or None
        The Gaussians of a mixture.
    histogram : Histogram or None
        The model itself where it is one.
    model : object
        What the user gave.
    on_sphere : bool
        Whether the density is per area of the unit sphere.
    mass_error : float
        How far from 1 the integral may be.
    is_function : bool
        Whether it is a log-density alone.
    prefers_draws : bool
        Whether quadrature in the plane is a waste: a density of countless kinks, whose mass is an estimate.
    """

    name: str
    n_features: int
    scores: Callable[[np.ndarray], np.ndarray]
    draw: Callable[[int, np.random.Generator], np.ndarray] | None
    low: np.ndarray
    high: np.ndarray
    model: Any
    components: Components | None = None
    histogram: Histogram | None = None
    on_sphere: bool = False
    mass_error: float = MASS_TOLERANCE
    is_function: bool = False
    prefers_draws: bool = False

    def log_density(self, X: np.ndarray) -> np.ndarray:
        """Natural logarithm of the density at every row, -inf outside the support; checked."""
        inside = ~((self.low > X) | (self.high < X)).any(axis=1)
        if inside.all():
            return self._checked(X)
        found = np.full(len(X), -np.inf)
        if inside.any():
            found[inside] = self._checked(np.ascontiguousarray(X[inside]))
        return found

    def _checked(self, X: np.ndarray) -> np.ndarray:
        found = np.asarray(self.scores(X), dtype=np.float64)
        if found.shape != (len(X),):
            raise ValueError(
                f"{self.name} must return one log-density per row, an array of shape {(len(X),)}, got {found.shape}"
            )
        bad = ~(found < np.inf)
        if bad.any():
            at = int(np.argmax(bad))
            raise ValueError(
                f"{self.name} must have a log-density that is a number below infinity everywhere, got {found[at]} at "
                f"{X[at].tolist()}"
            )
        return found

    @cached_property
    def marks(self) -> list[np.ndarray]:
        """Per axis, in one or two dimensions: places to cut the axis at."""
        if self.components is not None:
            return marks_of.of_components(self.components.means, self.components.covariances)
        known = marks_of.of_model(self.model)
        if known is not None:
            return known
        if self.draw is not None:
            return marks_of.of_draws(self.draw(_N_SCOUTS, np.random.default_rng(0)))
        return [self._scanned(axis) for axis in range(self.n_features)]

    def _scanned(self, axis: int) -> np.ndarray:
        """Where the log-density is within 50 of the largest that a scan meets; the ends where both are there."""
        low, high = self.low[axis], self.high[axis]
        if math.isfinite(low) and math.isfinite(high):
            return np.linspace(low, high, 33 if self.n_features == 1 else 13)
        if self.n_features > 1:
            return np.array([-4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0]) + (
                low if math.isfinite(low) else high if math.isfinite(high) else 0.0
            )
        origin = low if math.isfinite(low) else high if math.isfinite(high) else 0.0
        x = origin + np.concatenate([-_SCAN[::-1], [0.0], _SCAN])
        x = x[(x > low) & (x < high)]
        found = self._checked(x[:, None])
        # Every mark is the middle of one cell of the scan, so that a narrow bell between marks is not passed over.
        return x[found >= found.max() - 50.0]

    def score_samples(self, X: np.ndarray) -> np.ndarray:
        """`log_density`, under the name that estimators from samples ask for."""
        return self.log_density(validation.check_data(X))

    def sample(self, n_samples: int = 1, random_state: Any = None) -> np.ndarray:
        """Draws, under the name that estimators from samples ask for."""
        if self.draw is None:
            raise ValueError(f"{self.name} is a log-density that cannot be drawn from: give its sampler in samplers")
        return self.draw(n_samples, validation.check_random_state(random_state))


def is_sample(value: Any) -> bool:
    """Whether a side is rows of data: anything that is neither a model, nor a law, nor a function."""
    return not (
        callable(value) or any(hasattr(value, name) for name in ("score_samples", "logpdf", "logpmf", "probabilities"))
    )


def side_of(value: Any, name: str, support: Any, sampler: Any) -> Side:
    """One side in the common form; `support` and `sampler` are for a log-density alone."""
    if isinstance(value, Density):
        value._check_fitted()
        return _of_model(value, name)
    if _is_mixture(value):
        return _of_components(_components_of(value), name, value)
    if hasattr(value, "score_samples"):
        return _of_scorer(value, name)
    if hasattr(value, "logpmf"):
        raise TypeError(f"{name} is a discrete law of SciPy: give its outcomes and probabilities as a DiscreteLaw")
    if hasattr(value, "logpdf"):
        return _of_scipy(value, name)
    if not callable(value):
        raise TypeError(
            f"{name} must be a fitted model, rows of data, a DiscreteLaw, a continuous law of scipy.stats or a "
            f"log-density, got {type(value).__name__}"
        )
    return _of_function(value, name, support, sampler)


def _open(n_features: int) -> tuple[np.ndarray, np.ndarray]:
    return np.full(n_features, -np.inf), np.full(n_features, np.inf)


def _rows(drawn: Any) -> np.ndarray:
    """The rows of what `sample` returns: a mixture's labels are left out."""
    return np.ascontiguousarray(drawn[0] if isinstance(drawn, tuple) else drawn, dtype=np.float64)


def _of_model(model: Any, name: str) -> Side:
    d = model.n_features_in_
    low, high = _open(d)

    def draw(n: int, random: np.random.Generator) -> np.ndarray:
        return _rows(model.sample(n, random_state=random))

    side = Side(name, d, model.score_samples, draw, low, high, model)
    if isinstance(model, Gaussian):
        covariance = model.covariance_
        if model.covariance_type != "full":
            covariance = np.diag(np.broadcast_to(covariance, d))
        components = Components(np.ones(1), model.mean_[None, :], covariance[None, :, :])
        # In more dimensions the compiled sums of a mixture take a fraction of the time.
        scores = model.score_samples if d == 1 else mixture_of(components).score_samples
        return replace(side, components=components, scores=scores)
    if isinstance(model, GaussianMixture):
        return replace(side, components=_components_of(model))
    if isinstance(model, Histogram):
        ends = [np.asarray(edges, dtype=np.float64) for edges in model.edges_]
        low, high = np.array([e[0] for e in ends]), np.array([e[-1] for e in ends])
        return replace(side, histogram=model, low=low, high=high)
    if isinstance(model, KernelDensity):
        on_sphere = model.metric_ == "haversine"
        if not on_sphere:
            low, high = _reach(model)
        return replace(side, low=low, high=high, on_sphere=on_sphere, mass_error=1e-6 if model.rtol == 0 else 1e-2)
    if isinstance(model, AdaptiveKernelDensity):
        if model.method_ == "balloon":
            raise ValueError(f"{name} must integrate to 1: the estimate of method='balloon' does not")
        return side
    if isinstance(model, KNeighborsDensity):
        if not model.normalized_:
            raise ValueError(f"{name} must integrate to 1: the estimate of normalized=False does not")
        return replace(side, mass_error=max(1e-6, 6 * model.mass_error_ / model.mass_), prefers_draws=d > 1)
    return side


def _reach(model: KernelDensity) -> tuple[np.ndarray, np.ndarray]:
    """The box outside which a kernel density estimate is 0."""
    d = model.n_features_in_
    low, high = _open(d)
    boundary = model._boundary
    support = KERNELS[model.kernel_].support
    if math.isfinite(support) and not (boundary is not None and boundary.is_transform):
        width = np.asarray(model.bandwidth_, dtype=np.float64)
        reach = support * (np.sqrt(np.diag(width)) if width.ndim == 2 else np.broadcast_to(width, d))
        points = model.points_.astype(np.float64)
        # float32 data are summed in float32, where a kernel may reach a rounding further.
        slack = 1e-6 * reach if model.points_.dtype == np.float32 else 0.0
        low, high = points.min(axis=0) - reach - slack, points.max(axis=0) + reach + slack
    if boundary is not None:
        periodic = np.array([kind == "periodic" for kind in boundary.kinds])
        low = np.where(periodic, boundary.low, np.maximum(low, boundary.low))
        high = np.where(periodic, boundary.high, np.minimum(high, boundary.high))
    return low, high


def _is_mixture(value: Any) -> bool:
    """scikit-learn's GaussianMixture, which draws without a seed, is read as numbers."""
    return all(hasattr(value, name) for name in ("weights_", "means_", "covariances_", "covariance_type"))


def _components_of(model: Any) -> Components:
    weights, means = np.asarray(model.weights_, np.float64), np.asarray(model.means_, np.float64)
    given, d = np.asarray(model.covariances_, np.float64), means.shape[1]
    if model.covariance_type == "tied":
        covariances = np.broadcast_to(given, (len(means), d, d))
    elif model.covariance_type == "full":
        covariances = given
    else:
        variances = given if model.covariance_type == "diag" else given[:, None]
        covariances = np.broadcast_to(variances, (len(means), d))[:, :, None] * np.eye(d)
    present = weights > 0
    return Components(weights[present] / weights[present].sum(), means[present], covariances[present])


def _of_components(components: Components, name: str, model: Any) -> Side:
    return replace(_of_model(mixture_of(components), name), model=model)


def mixture_of(components: Components) -> GaussianMixture:
    """The model with these components."""
    law = GaussianMixture(len(components.weights))
    law.weights_, law.means_ = components.weights, np.ascontiguousarray(components.means)
    law.covariances_ = np.ascontiguousarray(components.covariances)
    factors = np.linalg.cholesky(law.covariances_)
    law.precisions_cholesky_ = np.ascontiguousarray(np.linalg.inv(factors).transpose(0, 2, 1))
    law._check_fitted()
    return law


def _of_scorer(model: Any, name: str) -> Side:
    """Any object with `score_samples`, and `sample` if it can."""
    d = getattr(model, "n_features_in_", None)
    if d is None:
        raise ValueError(f"{name} must be fitted: {type(model).__name__} has no n_features_in_")
    sample = getattr(model, "sample", None)
    draw = None
    if sample is not None:
        seeded = "random_state" in inspect.signature(sample).parameters

        def draw(n: int, random: np.random.Generator) -> np.ndarray:
            if not seeded:
                return _rows(sample(n))
            return _rows(sample(n, random_state=int(random.integers(2**31 - 1))))

    low, high = _open(int(d))
    return Side(name, int(d), model.score_samples, draw, low, high, model)


def _of_scipy(law: Any, name: str) -> Side:
    """A continuous law of scipy.stats with its parameters, or a `gaussian_kde`."""
    if hasattr(law, "resample"):
        d = int(law.d)

        def resampled(n: int, random: np.random.Generator) -> np.ndarray:
            return _rows(law.resample(n, seed=random).T)

        points = np.asarray(law.dataset, dtype=np.float64).T
        shares = np.asarray(law.weights, dtype=np.float64)
        covariances = np.broadcast_to(np.asarray(law.covariance, dtype=np.float64), (len(points), d, d))
        side = Side(name, d, lambda X: law.logpdf(X.T), resampled, *_open(d), law)
        return replace(side, components=Components(shares, points, covariances)) if len(points) <= 1000 else side
    d = int(getattr(law, "dim", 1))
    inner = getattr(law, "dist", None)
    low, high = _open(d)
    components = None
    if inner is not None and d == 1:
        ends = law.support()
        low, high = np.array([float(ends[0])]), np.array([float(ends[1])])
        if getattr(inner, "name", "") == "norm":
            components = Components(np.ones(1), np.array([[law.mean()]]), np.array([[[law.var()]]]))
    elif hasattr(law, "cov") and hasattr(law, "mean") and type(law).__name__ == "multivariate_normal_frozen":
        components = Components(np.ones(1), np.asarray(law.mean)[None, :], np.asarray(law.cov)[None, :, :])

    def scores(X: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.atleast_1d(law.logpdf(_inside(X, low, high)[:, 0] if d == 1 else X))

    def draw(n: int, random: np.random.Generator) -> np.ndarray:
        return _rows(np.reshape(law.rvs(size=n, random_state=random), (n, d)))

    return Side(name, d, scores, draw, low, high, law, components=components)


def _of_function(function: Callable, name: str, support: Any, sampler: Any) -> Side:
    if sampler is not None and not callable(sampler):
        raise TypeError(f"samplers must hold functions (n, random) -> rows, or None, got {sampler!r}")
    if support is None:
        d, (low, high) = 0, _open(1)
    else:
        low, high = _checked_support(support)
        d = len(low)
    draw = None
    if sampler is not None:

        def draw(n: int, random: np.random.Generator) -> np.ndarray:
            return validation.check_data(sampler(n, random), f"samplers({name})")

    return Side(name, d, lambda X: function(_inside(X, low, high)), draw, low, high, function, is_function=True)


def _inside(X: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Rows moved off the ends of the support by a rounding, as a density may be 0 or infinite just there."""
    return np.clip(X, np.nextafter(low, np.inf), np.nextafter(high, -np.inf))


def _checked_support(support: Any) -> tuple[np.ndarray, np.ndarray]:
    rule = "support must be a pair (low, high) with low < high, or a list of one pair per feature"
    try:
        pairs = np.asarray([[np.nan if end is None else end for end in np.ravel(pair)] for pair in
                            ([support] if np.ndim(support[0]) == 0 else support)], dtype=np.float64)  # fmt: skip
    except (TypeError, ValueError, IndexError, KeyError):
        raise TypeError(f"{rule}, got {support!r}") from None
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise ValueError(f"{rule}, got {support!r}")
    low = np.where(np.isnan(pairs[:, 0]), -np.inf, pairs[:, 0])
    high = np.where(np.isnan(pairs[:, 1]), np.inf, pairs[:, 1])
    if not (low < high).all():
        raise ValueError(f"{rule}, got {support!r}")
    return low, high


def same_dimension(p: Side, q: Side) -> tuple[Side, Side]:
    """Both sides with the dimension filled in where one has left it open; they must agree."""
    if p.n_features == 0 and q.n_features == 0:
        raise ValueError(
            "support must be given where both sides are log-densities: it says in how many dimensions, for one "
            "(-np.inf, np.inf), got None"
        )
    p, q = (replace(a, n_features=b.n_features, low=_open(b.n_features)[0], high=_open(b.n_features)[1])
            if a.n_features == 0 else a for a, b in ((p, q), (q, p)))  # fmt: skip
    if p.n_features != q.n_features:
        raise ValueError(f"P and Q must have the same dimension, got {p.n_features} and {q.n_features}")
    if p.on_sphere != q.on_sphere:
        raise ValueError("P and Q must both be densities on the sphere (metric='haversine'), or neither, got one")
    return p, q

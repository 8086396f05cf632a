"""What either side of a divergence can be, in one form: support, breakpoints, log-density and draws."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.models import breakpoints
from fastdens.models.description import (
    Cells,
    Components,
    Description,
    describes_itself,
    description_of,
    has_mixture_attributes,
    mixture_components,
)
from fastdens.models.drawing import draw, takes_seed
from fastdens.models.mixture import GaussianMixture

# Draws, always the same ones, by which the mass of a distribution of unknown shape is found.
_N_SCOUTS = 4096
# Where a log-density alone is looked at to find its mass: both signs of these, and 0.
_SCAN = np.logspace(-6, 8, 1401)
# A distribution's mass may be off by this much, and more where the model says so.
MASS_TOLERANCE = 1e-6


@dataclass
class Side:
    """One of the two distributions.

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
    cells : Cells or None
        Of a piecewise constant density.
    own_breakpoints : callable or None
        To places to cut each axis at, where the model states them.
    model : object
        What the user gave.
    on_sphere : bool
        Whether the density is per area of the unit sphere.
    mass_error : float
        How far from 1 the integral may be.
    is_function : bool
        Whether it is a log-density alone.
    is_rough : bool
        Whether quadrature in the plane is a waste: a density of countless kinks.
    underflows : bool
        Whether its log-density is -inf wherever the density is too small for a double, as a logarithm of it is.
    """

    name: str
    n_features: int
    scores: Callable[[np.ndarray], np.ndarray]
    draw: Callable[[int, np.random.Generator], np.ndarray] | None
    low: np.ndarray
    high: np.ndarray
    model: Any
    components: Components | None = None
    cells: Cells | None = None
    own_breakpoints: Callable[[], Sequence[np.ndarray]] | None = None
    on_sphere: bool = False
    mass_error: float = MASS_TOLERANCE
    is_function: bool = False
    is_rough: bool = False
    underflows: bool = False

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
    def breakpoints(self) -> list[np.ndarray]:
        """Per axis, in one or two dimensions: places to cut the axis at."""
        if self.components is not None:
            return breakpoints.of_components(self.components.means, self.components.covariances)
        if self.own_breakpoints is not None:
            return list(self.own_breakpoints())
        if self.draw is not None:
            return breakpoints.of_draws(self.draw(_N_SCOUTS, np.random.default_rng(0)))
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
        # Every breakpoint is the middle of one cell of the scan, so that a narrow bell between breakpoints is not
        # passed over.
        return x[found >= found.max() - 50.0]

    def score_samples(self, X: np.ndarray) -> np.ndarray:
        """`log_density`, under the name that estimators from samples ask for."""
        return self.log_density(validation.check_data(X))

    def _description(self) -> Description:
        return Description(np.column_stack([self.low, self.high]), can_draw=self.draw is not None)

    def sample(self, n_samples: int = 1, random_state: Any = None) -> np.ndarray:
        """Draws, under the name that estimators from samples ask for."""
        if self.draw is None:
            raise ValueError(f"{self.name} is a log-density that cannot be drawn from: give its sampler in samplers")
        return self.draw(n_samples, validation.check_random_state(random_state))


def is_sample(value: Any) -> bool:
    """Whether a side is rows of data: anything that is neither a model, nor a distribution, nor a function."""
    return not (
        callable(value)
        or describes_itself(value)
        or any(hasattr(value, name) for name in ("score_samples", "logpdf", "logpmf"))
    )


def side_of(value: Any, name: str, support: Any, sampler: Any) -> Side:
    """One side in the common form; `support` and `sampler` are for a log-density alone."""
    if describes_itself(value):
        return _of_description(value, name)
    if has_mixture_attributes(value):  # scikit-learn's, which draw without a seed
        return _of_components(mixture_components(value), name, value)
    if hasattr(value, "score_samples"):
        return _of_scorer(value, name)
    if hasattr(value, "logpmf"):
        raise TypeError(
            f"{name} is a discrete distribution of SciPy: give its outcomes and probabilities as a DiscreteLaw"
        )
    if hasattr(value, "logpdf"):
        return _of_scipy(value, name)
    if not callable(value):
        raise TypeError(
            f"{name} must be a fitted model, rows of data, a DiscreteLaw, a continuous distribution of scipy.stats or "
            f"a log-density, got {type(value).__name__}"
        )
    return _of_function(value, name, support, sampler)


def _open(n_features: int) -> tuple[np.ndarray, np.ndarray]:
    return np.full(n_features, -np.inf), np.full(n_features, np.inf)


def _rows(drawn: Any) -> np.ndarray:
    return np.ascontiguousarray(drawn, dtype=np.float64)


def _of_description(model: Any, name: str) -> Side:
    facts = description_of(model)
    if facts.unnormalised:
        raise ValueError(f"{name} must integrate to 1: {facts.unnormalised} does not")

    def sample(n: int, random: np.random.Generator) -> np.ndarray:
        return _rows(draw(model, n, random))

    return Side(
        name,
        facts.n_features,
        model.score_samples if facts.log_density is None else facts.log_density(),
        sample if facts.can_draw else None,
        facts.support[:, 0],
        facts.support[:, 1],
        model,
        components=None if facts.components is None else facts.components(),
        cells=facts.cells,
        own_breakpoints=facts.breakpoints,
        on_sphere=facts.on_sphere,
        mass_error=max(MASS_TOLERANCE, facts.mass_error),
        is_rough=facts.is_rough,
    )


def _of_components(components: Components, name: str, model: Any) -> Side:
    return replace(_of_description(mixture_of(components), name), model=model)


def mixture_of(components: Components) -> GaussianMixture:
    """The model with these components."""
    distribution = GaussianMixture(len(components.weights))
    distribution.weights_, distribution.means_ = components.weights, np.ascontiguousarray(components.means)
    distribution.covariances_ = np.ascontiguousarray(components.covariances)
    factors = np.linalg.cholesky(distribution.covariances_)
    distribution.precisions_cholesky_ = np.ascontiguousarray(np.linalg.inv(factors).transpose(0, 2, 1))
    distribution._check_fitted()
    return distribution


def _of_scorer(model: Any, name: str) -> Side:
    """Any object with `score_samples`, and `sample` if it can: a density on all of the space."""
    d = getattr(model, "n_features_in_", None)
    if d is None:
        raise ValueError(f"{name} must be fitted: {type(model).__name__} has no n_features_in_")
    sampler = None
    if hasattr(model, "sample"):
        seeded = takes_seed(model)

        def sampler(n: int, random: np.random.Generator) -> np.ndarray:
            return _rows(draw(model, n, random if seeded else None))

    low, high = _open(int(d))
    return Side(name, int(d), model.score_samples, sampler, low, high, model)


def _of_scipy(distribution: Any, name: str) -> Side:
    """A continuous distribution of scipy.stats with its parameters, or a `gaussian_kde`."""
    if hasattr(distribution, "resample"):
        d = int(distribution.d)

        def resampled(n: int, random: np.random.Generator) -> np.ndarray:
            return _rows(distribution.resample(n, seed=random).T)

        points = np.asarray(distribution.dataset, dtype=np.float64).T
        shares = np.asarray(distribution.weights, dtype=np.float64)
        covariances = np.broadcast_to(np.asarray(distribution.covariance, dtype=np.float64), (len(points), d, d))
        side = Side(name, d, lambda X: distribution.logpdf(X.T), resampled, *_open(d), distribution)
        return replace(side, components=Components(shares, points, covariances)) if len(points) <= 1000 else side
    d = int(getattr(distribution, "dim", 1))
    inner = getattr(distribution, "dist", None)
    low, high = _open(d)
    components = None
    if inner is not None and d == 1:
        ends = distribution.support()
        low, high = np.array([float(ends[0])]), np.array([float(ends[1])])
        if getattr(inner, "name", "") == "norm":
            components = Components(np.ones(1), np.array([[distribution.mean()]]), np.array([[[distribution.var()]]]))
    elif (
        hasattr(distribution, "cov")
        and hasattr(distribution, "mean")
        and type(distribution).__name__ == "multivariate_normal_frozen"
    ):
        components = Components(
            np.ones(1), np.asarray(distribution.mean)[None, :], np.asarray(distribution.cov)[None, :, :]
        )

    def scores(X: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.atleast_1d(distribution.logpdf(_inside(X, low, high)[:, 0] if d == 1 else X))

    def drawn(n: int, random: np.random.Generator) -> np.ndarray:
        return _rows(np.reshape(distribution.rvs(size=n, random_state=random), (n, d)))

    underflows = inner is not None and _takes_logarithms(inner) and bool(np.isinf([*low, *high]).any())
    return Side(name, d, scores, drawn, low, high, distribution, components=components, underflows=underflows)


def _takes_logarithms(distribution: Any) -> bool:
    """Whether SciPy has no formula for a distribution's log-density, and takes the logarithm of the density."""
    from scipy.stats import rv_continuous

    return getattr(type(distribution), "_logpdf", None) is rv_continuous._logpdf


def _of_function(function: Callable, name: str, support: Any, sampler: Any) -> Side:
    if sampler is not None and not callable(sampler):
        raise TypeError(f"samplers must hold functions (n, random) -> rows, or None, got {sampler!r}")
    if support is None:
        d, (low, high) = 0, _open(1)
    else:
        low, high = _checked_support(support)
        d = len(low)
    drawn = None
    if sampler is not None:

        def drawn(n: int, random: np.random.Generator) -> np.ndarray:
            return validation.check_data(sampler(n, random), f"samplers({name})")

    return Side(name, d, lambda X: function(_inside(X, low, high)), drawn, low, high, function, is_function=True)


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


def in_dimension(side: Side, n_features: int) -> Side:
    """The side with this dimension where it has left it open, else as it is."""
    if side.n_features:
        return side
    low, high = _open(n_features)
    return replace(side, n_features=n_features, low=low, high=high)


def same_dimension(p: Side, q: Side) -> tuple[Side, Side]:
    """Both sides with the dimension filled in where one has left it open; they must agree."""
    if p.n_features == 0 and q.n_features == 0:
        raise ValueError(
            "support must be given where both sides are log-densities: it says in how many dimensions, for one "
            "(-np.inf, np.inf), got None"
        )
    p, q = in_dimension(p, q.n_features), in_dimension(q, p.n_features)
    if p.n_features != q.n_features:
        raise ValueError(f"P and Q must have the same dimension, got {p.n_features} and {q.n_features}")
    if p.on_sphere != q.on_sphere:
        raise ValueError("P and Q must both be densities on the sphere (metric='haversine'), or neither, got one")
    return p, q

"""What a model is fitted to: a fitted model, a function with a sampler or bounds, or a sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.models.contract import Columns
from fastdens.models.description import describes_itself, description_of
from fastdens.models.drawing import draw, rows_of_draws
from fastdens.models.kernel_density import KernelDensity

# Points at which a function with bounds is looked at, and how often, closer and closer.
_PROBES, _NARROWINGS = 1 << 15, 3
# A kernel density estimate of a sample is evaluated to this relative error.
_RTOL = 1e-10


class Target:
    """A distribution with a log-density and draws.

    Attributes
    ----------
    d : int
        Number of features.
    names : ndarray or None
        Their names.
    precision : str
        "float32" where that is what the target is made of.
    sample, sample_weight : ndarrays or None
        The data, where the target is a sample; its distribution is then a kernel density estimate.
    bounds, region : ndarrays of shape (d, 2) or None
        Where all mass is, and the part of it where `spread` looks.
    is_normalised : bool
        Whether the density is known to integrate to one.
    """

    names: np.ndarray | None = None
    precision: str = "float64"
    sample: Any = None
    sample_weight: Any = None
    bounds: np.ndarray | None = None
    region: np.ndarray
    is_normalised = True
    model: Any = None

    def __init__(self, d: int, score: Callable[[np.ndarray], Any], sampler: Callable[..., Any] | None) -> None:
        self.d, self._score, self._sampler = d, score, sampler

    @property
    def columns(self) -> Columns:
        """What a model that is fitted to it remembers."""
        return Columns(self.d, self.names, self.precision)

    @property
    def is_uniform(self) -> bool:
        """Whether nothing can be drawn from the distribution itself."""
        return self._sampler is None

    def within(self, x: np.ndarray) -> np.ndarray:
        """Which points lie within the bounds."""
        if self.bounds is None:
            return np.ones(len(x), dtype=bool)
        return np.asarray(((x >= self.bounds[:, 0]) & (x <= self.bounds[:, 1])).all(axis=1))

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """ln p at points, in float64; -inf where there is none."""
        values = np.asarray(self._score(np.ascontiguousarray(x)), dtype=np.float64)
        if values.shape != (len(x),):
            raise ValueError(
                f"target must return one log-density per row, an array of shape {(len(x),)}, got {values.shape}"
            )
        if np.isnan(values).any() or (values == np.inf).any():
            bad = int(np.argmax(np.isnan(values) | (values == np.inf)))
            raise ValueError(f"target must return log-densities below infinity, got {values[bad]} at {x[bad]}")
        return np.where(self.within(x), values, -np.inf)

    def draws(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draws of the distribution, or of what is known of it: points within the bounds chosen by the density
        there."""
        if self._sampler is not None:
            x = self._sampler(n, rng)
            x = validation.check_data(rows_of_draws(x), "the draws of target")
            if x.shape != (n, self.d):
                raise ValueError(f"sampler must return draws of shape {(n, self.d)}, got {x.shape}")
            return x
        assert self.bounds is not None
        self.region = self.bounds
        for _ in range(_NARROWINGS):
            probes = self.spread(max(_PROBES, n), rng)
            log_p = self.log_density(probes)
            if log_p.max() == -np.inf:
                raise ValueError("target must have a density greater than 0 within bounds, got none")
            shares = np.exp(log_p - log_p.max())
            x = probes[rng.choice(len(probes), n, p=shares / shares.sum())]
            self.region = np.clip(widened_range(x, 0.1), self.bounds[:, :1], self.bounds[:, 1:])
        return x

    def log_volume(self) -> float:
        """ln of the volume that `spread` fills."""
        return float(np.log(np.ptp(self.region, axis=1)).sum())

    def spread(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Points spread evenly over the bounds, or over the part of them in which draws have been found."""
        from scipy.stats import qmc

        exponent = int(np.ceil(np.log2(n)))
        unit = qmc.Sobol(self.d, rng=rng).random_base2(exponent)[:n]
        return self.region[:, 0] + unit * np.ptp(self.region, axis=1)

    def moments(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Mean and covariance where they are known in closed form."""
        known = None if self.model is None else description_of(self.model).moments
        return None if known is None else known()

    @property
    def gradient(self) -> Callable[[np.ndarray], np.ndarray] | None:
        """The gradient of ln p at points, where the model states one."""
        return None if self.model is None else description_of(self.model).gradient


def widened_range(z: np.ndarray, beyond: float) -> np.ndarray:
    """Low and high ends, per axis, between which the distribution of these draws has nearly all its mass.

    Beyond draws that reach far, the distribution does too: by a share of their range.
    """
    beyond_draws = 5.5 * z.std(axis=0) + beyond * np.ptp(z, axis=0)
    return np.stack([z.min(axis=0) - beyond_draws, z.max(axis=0) + beyond_draws], axis=1)


def target_of(target: Any, sampler: Any, bounds: Any, sample_weight: Any) -> Target:
    """The target that a user names."""
    is_model = hasattr(target, "score_samples")
    is_function = callable(target) and not is_model
    for value, name in ((sampler, "sampler"), (bounds, "bounds")):
        if value is not None and not is_function:
            raise ValueError(f"{name} must be None unless target is a function, got {name}={value!r}")
    if sample_weight is not None and (is_model or is_function):
        raise ValueError("sample_weight must be None unless target is a sample: only rows have weights")
    if is_model:
        return _of_model(target)
    return _of_function(target, sampler, bounds) if is_function else _of_sample(target, sample_weight)


def _of_model(model: Any) -> Target:
    if not hasattr(model, "sample"):
        raise TypeError(f"target must have the methods score_samples and sample, got {type(model).__name__}")
    if not describes_itself(model) and not hasattr(model, "n_features_in_"):
        raise ValueError(f"target must be fitted, got {model!r} without n_features_in_")
    facts = description_of(model)
    if facts.unnormalised:
        raise ValueError(f"target must be a density that integrates to one: {facts.unnormalised} does not")
    names = getattr(model, "feature_names_in_", None)
    precision = getattr(model, "_precision", None) or "float64"
    if names is not None:
        model = _nameless(model)  # the points of the integral have no names, and need none
    distribution = Target(facts.n_features, model.score_samples, lambda n, rng: draw(model, n, rng))
    distribution.model, distribution.names, distribution.precision = model, names, precision
    return distribution


def _nameless(model: Any) -> Any:
    import copy

    other = copy.copy(model)
    del other.feature_names_in_
    return other


def _of_function(target: Any, sampler: Any, bounds: Any) -> Target:
    if sampler is None and bounds is None:
        raise ValueError(
            "sampler or bounds must be given where target is a function: sampler(n_samples, random_state) draws from "
            "it, bounds are pairs (low, high) per feature that hold its mass; got neither"
        )
    if sampler is not None and not callable(sampler):
        raise TypeError(f"sampler must be a function of n_samples and random_state, got {sampler!r}")
    box = None
    if bounds is not None:
        box = np.asarray(bounds, dtype=np.float64)
        if box.shape == (2,):
            box = box[None]
        if (
            box.ndim != 2
            or box.shape[1] != 2
            or not len(box)
            or not np.isfinite(box).all()
            or not (np.diff(box) > 0).all()
        ):
            raise ValueError(
                f"bounds must be finite pairs (low, high) with low < high, one per feature, got {bounds!r}"
            )
    if box is not None:
        d = len(box)
    else:
        first = rows_of_draws(sampler(2, np.random.default_rng(0)))
        d = validation.check_data(first, "the draws of sampler").shape[1]
    distribution = Target(d, target, sampler)
    distribution.bounds, distribution.is_normalised = box, False
    return distribution


def _of_sample(sample: Any, sample_weight: Any) -> Target:
    data = validation.check_data(sample, "target", min_samples=2, keep_float32=True)
    weights = validation.check_sample_weight(sample_weight, len(data))
    distribution = Target(data.shape[1], _unset, None)
    distribution.names, distribution.precision = validation.feature_names(sample), data.dtype.name
    distribution.sample, distribution.sample_weight = sample, weights
    return distribution


def _unset(x: np.ndarray) -> np.ndarray:
    raise RuntimeError(f"the density of a sample is estimated first, asked for {len(x)} points")


def rows_of(distribution: Target) -> tuple[np.ndarray, np.ndarray | None]:
    """The rows of a sample that carry weight, and their weights."""
    return validation.drop_zero_weights(
        validation.check_data(distribution.sample, "target"), distribution.sample_weight
    )


def estimate_density(distribution: Target, most_rows: int | None = None) -> np.ndarray:
    """Give a sample a distribution, a kernel density estimate with an automatic bandwidth, and return the rows it is
    made of.

    With `most_rows`, of so many rows drawn from more.
    """
    data, weights = rows_of(distribution)
    spread = np.ptp(data, axis=0)
    if not (spread > 0).all():
        column = int(np.argmin(spread))
        raise ValueError(
            f"target must vary in every feature, so that its density can be estimated, got column {column} constant"
        )
    if most_rows is not None and len(data) > most_rows:
        chosen = np.sort(np.random.default_rng(0).choice(len(data), most_rows, replace=False))
        data, weights = data[chosen], None if weights is None else weights[chosen]
    rule = "sheather-jones" if distribution.d == 1 else "likelihood"
    model = KernelDensity(bandwidth=rule, rtol=_RTOL).fit(data, sample_weight=weights)
    distribution.model, distribution._score = model, model.score_samples
    distribution._sampler = lambda n, rng: draw(model, n, rng)
    return data

"""Divergences where at least one side is a raw sample: checks, the choice of the estimator, and what may be promised.

=================== =======================================================================================
nearest_neighbors   any kind; few neighbours, noise corrected, first-order (`neighbor_ratios`)
plug_in             any kind; a density model fitted to each side, cross-fitted (`cross_fitting`)
classifier          total variation; a lower bound that holds with 95 % for any distributions (`classifier_sets`)
variational         any kind; a lower bound by a learnt function, judged on other rows (`variational`)
=================== =======================================================================================

Intervals are offered where a study of their coverage supports them (docs/divergence_estimates.md): by nearest
neighbours for Jensen-Shannon, whose terms are bounded, in at most two dimensions, without ties to speak of, with as
many neighbours as are chosen for the size of the samples (more of them are a bias); by plug-in for models with few
parameters, if they can represent the distributions. Elsewhere the interval, and where its size is unknown the standard
error too, is nan. Terms without bound put weight on tails in which no row is: other kinds have a standard error by
neighbours and no interval.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.divergences.generators import Generator
from fastdens.divergences.kinds import Kind
from fastdens.divergences.result import Divergence, estimated
from fastdens.divergences.samples import (
    classifier_sets,
    cross_fitting,
    neighbor_densities,
    neighbor_ratios,
    variational,
)
from fastdens.divergences.samples.first_order import is_concave
from fastdens.divergences.samples.neighbor_ratios import Estimate
from fastdens.divergences.samples.neighbor_rules import default_count, rule_of
from fastdens.divergences.samples.neighbor_terms import smallest_count
from fastdens.divergences.samples.unified_interval import unified_interval
from fastdens.models.drawing import draw
from fastdens.neighbors.neighbors import check_k

METHODS = ("auto", "nearest_neighbors", "plug_in", "classifier", "variational")
SMALLEST_SAMPLE = 2
N_FOLDS = 5
DRAWS_PER_ROW = 4  # from a known density, so that they add little to the error that the sample has
FEWEST_DRAWS = 1000
# Of two samples, and of a sample and a density: above these no coverage has been shown.
MOST_FEATURES, MOST_FEATURES_OF_ONE = 2, 1
PARAMETERS_PER_ROOT = 0.1  # of a model, per root of the rows, so that squares of their errors are negligible


def estimate_from_samples(
    X: Any,
    Y: Any,
    kind: Kind,
    *,
    method: str = "auto",
    weights: tuple[Any, Any] = (None, None),
    n_neighbors: int | None = None,
    model: Any = None,
    n_folds: int | None = None,
    random_state: Any = None,
    n_threads: int | None = None,
) -> Divergence:
    """The divergence from the distribution of X to that of Y, of which one may be a known density instead of a sample.

    Parameters
    ----------
    X, Y : array-like of shape (n_samples, n_features), or object with `score_samples` and `sample`
        Samples, or one sample and a density.
    kind : Kind
        What `kinds.check_kind` returns.
    method : {"auto", "nearest_neighbors", "plug_in", "classifier", "variational"}, default="auto"
        "auto" is nearest neighbours; with a model, or with weights, it is plug-in.
    weights : tuple of two array-likes or None, default=(None, None)
        Weights of the rows; with "plug_in" and "variational" only.
    n_neighbors : int, optional
        With nearest neighbours and "classifier". By default 4 to 10 as the samples grow, to 7 with several features,
        more for kinds with higher powers of the ratio and where rows repeat; for total variation the root of the
        sample size, from 10 to 50.
    model : density model, optional
        Copied and fitted; with "plug_in", where it is `KernelDensity(bandwidth="scott")` by default, and "classifier",
        where neighbours vote by default.
    n_folds : int, optional
        With "plug_in" and "variational"; 5 by default.
    random_state : int, Generator or RandomState, optional
        Cuts the folds and draws from a known density.
    n_threads : int, optional
        Threads for nearest neighbours.

    Returns
    -------
    Divergence
        Unless `kind` is unclipped, estimates below zero are moved to zero, those above the largest value of the kind
        to that. "classifier" and
        "variational" return lower bounds; the interval is from the lower confidence limit of 95 % to the largest value
        of the kind.

    Raises
    ------
    ValueError
        If the samples are too small, differ in features, or hold NaN or infinity; if an argument does not belong to
        the method; if neither side is a sample.
    """
    method = validation.check_option(method, "method", METHODS)
    if method == "auto":
        weighted = any(w is not None for w in weights)
        method = "plug_in" if model is not None or weighted else "nearest_neighbors"
    _check_arguments(method, kind, weights, n_neighbors, model, n_folds)
    sides = [None if _is_density(side) else validation.check_data(side, name, min_samples=SMALLEST_SAMPLE)
             for side, name in ((X, "X"), (Y, "Y"))]  # fmt: skip
    samples = [side for side in sides if side is not None]
    if not samples:
        raise ValueError("X or Y must be a sample, got two densities")
    widths = [side.shape[1] for side in samples]
    if len(set(widths)) > 1:
        raise ValueError(f"X and Y must have the same number of features, got {widths[0]} and {widths[1]}")
    random = validation.check_random_state(random_state)
    densities = (X if sides[0] is None else None, Y if sides[1] is None else None)
    known = next((density for density in densities if density is not None), None)
    if method == "nearest_neighbors" and known is not None:
        return _one_sided(samples[0], known, kind, n_neighbors, random, sides[0] is not None, n_threads)
    rows = [_draws(known, samples[0], random) if side is None else side for side in sides]
    checked = [validation.check_sample_weight(w, len(side), f"weights[{i}]")
               for i, (w, side) in enumerate(zip(weights, rows))]  # fmt: skip
    if method == "nearest_neighbors":
        k = _check_neighbors(n_neighbors, kind.generator, min(map(len, rows)) - 1, smallest_count(kind.generator))
        found = neighbor_ratios.two_sample_estimate(rows[0], rows[1], kind.generator, k, n_threads)
        n_features = rows[0].shape[1]
        offered = n_features <= MOST_FEATURES and n_neighbors is None
        return _result(kind, found, "nearest neighbours", len(rows[0]) + len(rows[1]), offered)
    if method == "classifier":
        return _by_classifier(rows, kind, model, n_neighbors, random, n_threads)
    n_folds = validation.check_integer(N_FOLDS if n_folds is None else n_folds, "n_folds", 2)
    check_k(n_folds, min(map(len, rows)), "n_folds")
    n_evaluations = len(rows[0]) + len(rows[1])
    if method == "variational":
        found = variational.variational_estimate(
            rows[0], rows[1], kind.generator, n_folds, random, (checked[0], checked[1])
        )
        low = found.value - variational.ONE_SIDED_QUANTILE * found.standard_error
        return _lower_bound(kind, found.value, found.standard_error, low, "variational lower bound", n_evaluations)
    if model is None:
        from fastdens.models.kernel_density import KernelDensity

        model = KernelDensity(bandwidth="scott")
    found, n_parameters = cross_fitting.cross_fitted_estimate(
        rows[0], rows[1], kind.generator, model, n_folds, random, known=densities, weights=(checked[0], checked[1])
    )
    result = estimated(kind, found.value, found.standard_error, "cross-fitted plug-in", n_evaluations)
    if n_parameters <= PARAMETERS_PER_ROOT * math.sqrt(min(map(len, rows))):
        return result
    return replace(result, interval=(math.nan, math.nan))


def _is_density(side: Any) -> bool:
    return hasattr(side, "score_samples")


def _check_arguments(
    method: str, kind: Kind, weights: tuple[Any, Any], n_neighbors: Any, model: Any, n_folds: Any
) -> None:
    """That every argument given has a meaning with the method."""
    if method == "classifier" and not kind.generator.is_over_sets:
        raise ValueError(f"method='classifier' bounds kind='tv' only, got kind={kind.name!r}")
    belongs = (
        ("weights", any(w is not None for w in weights), ("plug_in", "variational")),
        ("n_neighbors", n_neighbors is not None, ("nearest_neighbors", "classifier")),
        ("model", model is not None, ("plug_in", "classifier")),
        ("n_folds", n_folds is not None, ("plug_in", "variational")),
    )
    for name, given, methods in belongs:
        if given and method not in methods:
            raise ValueError(f"{name} must not be given unless method is {' or '.join(map(repr, methods))}, "
                             f"got method={method!r}")  # fmt: skip
    if model is not None and not (hasattr(model, "fit") and hasattr(model, "score_samples")):
        raise TypeError(f"model must have fit and score_samples, got {model!r}")
    if n_neighbors is not None and model is not None:
        raise ValueError("n_neighbors must be None where a model is given")


def _check_neighbors(n_neighbors: Any, generator: Generator, n_available: int, fewest: int) -> int | None:
    """The number of neighbours that is asked for, or None; in either case there are enough."""
    if n_neighbors is None:
        if n_available < fewest:
            raise ValueError(f"the samples must have more than {fewest} rows each for {generator.name!r}, "
                             f"got one of {n_available + 1}")  # fmt: skip
        return None
    validation.check_integer(n_neighbors, "n_neighbors", fewest)
    return check_k(n_neighbors, n_available, "n_neighbors")


def _draws(density: Any, sample: np.ndarray, random: np.random.Generator) -> np.ndarray:
    if not hasattr(density, "sample"):
        raise ValueError(f"the density must have a method `sample` to draw from it, got {density!r}")
    n_draws = max(FEWEST_DRAWS, DRAWS_PER_ROW * len(sample))
    drawn = validation.check_data(draw(density, n_draws, random), "draws of the density")
    if drawn.shape[1] != sample.shape[1]:
        raise ValueError(f"the density must have {sample.shape[1]} features like the sample, got {drawn.shape[1]}")
    return drawn


def _one_sided(
    sample: np.ndarray,
    density: Any,
    kind: Kind,
    n_neighbors: Any,
    random: np.random.Generator,
    sample_is_first: bool,
    n_threads: int | None,
) -> Divergence:
    generator = kind.generator
    needs_draws = generator.side_without_mean != (1 if sample_is_first else 0)
    draws = _draws(density, sample, random) if needs_draws or hasattr(density, "sample") else None
    n_available = len(sample) - 1
    k = _check_neighbors(n_neighbors, generator, n_available, smallest_count(generator) if draws is not None else 1)
    k = min(default_count(generator, n_available, sample.shape[1]), n_available) if k is None else k
    found = neighbor_densities.one_sided_estimate(
        sample, _log_density(density, sample), draws, None if draws is None else _log_density(density, draws),
        generator, k, sample_is_first=sample_is_first, n_threads=n_threads,
    )  # fmt: skip
    n = len(sample) + (0 if draws is None else len(draws))
    offered = sample.shape[1] <= MOST_FEATURES_OF_ONE and n_neighbors is None
    return _result(kind, found, "nearest neighbours and a density", n, offered)


def _log_density(density: Any, points: np.ndarray) -> np.ndarray:
    return np.asarray(density.score_samples(points), dtype=np.float64)


def _by_classifier(
    rows: list[np.ndarray],
    kind: Kind,
    model: Any,
    n_neighbors: Any,
    random: np.random.Generator,
    n_threads: int | None,
) -> Divergence:
    smaller = min(map(len, rows))
    if smaller < 2 * SMALLEST_SAMPLE:
        raise ValueError(f"method='classifier' needs at least {2 * SMALLEST_SAMPLE} rows on each side, got {smaller}")
    k = None if n_neighbors is None else check_k(n_neighbors, (smaller + 1) // 2, "n_neighbors")
    value, error, low = classifier_sets.set_difference(rows[0], rows[1], random, model=model, k=k, n_threads=n_threads)
    return _lower_bound(kind, value, error, low, "set learnt on other rows: lower bound", sum(map(len, rows)))


def _lower_bound(kind: Kind, value: float, error: float, low: float, method: str, n_evaluations: int) -> Divergence:
    found = estimated(kind, value, error, method, n_evaluations)
    of_low = float(kind.transform(min(max(low, 0.0), kind.generator.largest)))
    return Divergence(found.value, found.standard_error, (of_low, kind.largest), method, n_evaluations)


def _result(kind: Kind, found: Estimate, method: str, n_evaluations: int, offered: bool) -> Divergence:
    """An estimate by neighbours with the error that the study of coverage supports."""
    generator = kind.generator
    error = found.standard_error if is_concave(generator) else math.nan
    few_ties = found.tied_share <= neighbor_ratios.MOST_TIED
    offered = offered and rule_of(generator).has_interval and few_ties
    result = estimated(kind, found.value, 0.0 if math.isnan(error) else error, method, n_evaluations)
    if math.isnan(error):
        return replace(result, standard_error=math.nan, interval=(math.nan, math.nan))
    if not offered:
        return replace(result, interval=(math.nan, math.nan))
    low, high = unified_interval(found.value, math.hypot(error, found.unseen))
    largest = generator.largest
    return replace(
        result, interval=(float(kind.transform(min(low, largest))), float(kind.transform(min(high, largest))))
    )

"""Mixtures that a search for the best one starts from, by EM on draws of the target."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastdens.em.moments import Mixture
from fastdens.models.mixture import parameters as mixture_parameters
from fastdens.models.mixture.iterations import Progress, iterate

# EM on draws need not converge: the search goes on from there.
_EM_STEPS, _EM_TOL = 40, 1e-4
# Added to variances, as a share of the least variance of the middle half of a feature of the draws: one far point in a
# thousand makes the variance of all of them so large that its share would blur the groups.
_RIDGE = 1e-5
# The interquartile range of a normal distribution of variance 1.
_NORMAL_RANGE = 1.3489795003921634


def _by_em(
    draws: np.ndarray,
    given: tuple[Any, Any, Any],
    init_params: str,
    covariance_type: str,
    n_components: int,
    rng: np.random.Generator,
    n_threads: int,
) -> Mixture:
    reg_covar = _ridge(draws)
    first = mixture_parameters.start(
        draws, None, given, init_params, covariance_type, n_components, reg_covar, rng, n_threads
    )
    if any(part is not None for part in given):
        return first  # what the user has chosen
    run = iterate(
        draws,
        None,
        first,
        -math.inf,
        tol=_EM_TOL,
        reg_covar=reg_covar,
        max_iter=_EM_STEPS,
        n_threads=n_threads,
        progress=Progress(0, 1),
    )
    return run.mixture


def _ridge(draws: np.ndarray) -> float:
    variance = draws.var(axis=0)
    low, high = np.quantile(draws, [0.25, 0.75], axis=0)
    middle = ((high - low) / _NORMAL_RANGE) ** 2
    return _RIDGE * float(np.where(middle > 0, np.minimum(middle, variance), variance).min())


def _some_components(mixture: Mixture, picks: np.ndarray) -> Mixture:
    weights, means, factors, covariance_type = mixture
    chosen = np.maximum(weights[picks], 1e-3 / len(weights))
    if covariance_type != "tied":
        factors = factors[picks]
    return Mixture(chosen / chosen.sum(), means[picks], factors, covariance_type)


def starts(
    draws: np.ndarray,
    given: tuple[Any, Any, Any],
    init_params: str,
    covariance_type: str,
    n_components: int,
    n_starts: int,
    rng: np.random.Generator,
    n_threads: int,
) -> list[Mixture]:
    """The mixture that EM finds, then parts of richer ones, which lie on single modes of the target or on some of them.

    What covers all of the target is a start for divergences that look at all of it, what lies on one mode for those
    that force zeros. Every component of a richer mixture is part of a start.
    """
    found = [_by_em(draws, given, init_params, covariance_type, n_components, rng, n_threads)]
    richer = n_components
    while len(found) < n_starts:
        richer += 1
        if richer * (draws.shape[1] + 1) > len(draws):
            break
        mixture = _by_em(draws, (None, None, None), "kmeans", covariance_type, richer, rng, n_threads)
        for k in np.argsort(-mixture.weights, kind="stable")[: n_starts - len(found)]:
            chance = np.delete(mixture.weights, k) + 1e-6
            others = rng.choice(
                np.delete(np.arange(richer), k), n_components - 1, replace=False, p=chance / chance.sum()
            )
            found.append(_some_components(mixture, np.concatenate([[k], others])))
    return found

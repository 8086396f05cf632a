"""Divergences of samples by fitted models, each scored on rows that it has not seen.

The rows are cut into folds. For each fold the models are fitted to the others, and the terms of `first_order` are taken
at the rows of the fold, so that errors of the models enter by their squares (Kandasamy et al. 2015) and what a model
has learnt of its own rows does not count.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from fastdens.divergences.generators import Generator
from fastdens.divergences.samples.first_order import bounded_log_ratios, sum_of_means, terms
from fastdens.divergences.samples.neighbor_ratios import Estimate

Weights = tuple[np.ndarray | None, np.ndarray | None]


def folds(n: int, n_folds: int, random: np.random.Generator) -> list[np.ndarray]:
    """Rows in random order, cut into parts whose sizes differ by at most one."""
    return np.array_split(random.permutation(n), n_folds)


def splits(
    sizes: tuple[int, int], n_folds: int, random: np.random.Generator
) -> Iterator[tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]]:
    """For each fold the rows of both samples to learn from, and those to judge by."""
    parts = [folds(n, n_folds, random) for n in sizes]
    for fold in range(n_folds):
        learn = [np.sort(np.concatenate([*part[:fold], *part[fold + 1 :]])) for part in parts]
        yield (learn[0], learn[1]), (parts[0][fold], parts[1][fold])


def fitted(model: Any, rows: np.ndarray, weights: np.ndarray | None) -> Any:
    """A copy of the model, fitted; models that know no weights are asked for none."""
    copied = copy.deepcopy(model)
    return copied.fit(rows) if weights is None else copied.fit(rows, sample_weight=weights)


def log_ratios(log_p: np.ndarray, log_q: np.ndarray, n: int) -> np.ndarray:
    """ln p - ln q, bounded by what n rows can show."""
    with np.errstate(invalid="ignore"):
        return bounded_log_ratios(log_p - log_q, n)


def cross_fitted_estimate(
    X: np.ndarray,
    Y: np.ndarray,
    generator: Generator,
    model: Any,
    n_folds: int,
    random: np.random.Generator,
    *,
    known: tuple[Any, Any] = (None, None),
    weights: Weights = (None, None),
) -> tuple[Estimate, float]:
    """D_f(P, Q) by copies of `model`, and how many parameters the largest of them has.

    Where a density is known it is used, and its rows are draws from it.
    """
    n_parameters = 0.0
    A, B = np.empty(len(X)), np.empty(len(Y))
    samples = X, Y
    for learn, judge in splits((len(X), len(Y)), n_folds, random):
        densities = [
            fitted(model, sample[rows], None if w is None else w[rows]) if density is None else density
            for sample, rows, density, w in zip(samples, learn, known, weights)
        ]
        n_parameters = max(n_parameters, *(
            getattr(density, "n_parameters_", math.inf) for density, given in zip(densities, known) if given is None
        ))  # fmt: skip
        for which, (values, sample) in enumerate(zip((A, B), samples)):
            points = sample[judge[which]]
            log_p, log_q = (np.asarray(density.score_samples(points), dtype=np.float64) for density in densities)
            values[judge[which]] = terms(generator, log_ratios(log_p, log_q, len(X) + len(Y)))[which]
    return Estimate(*sum_of_means(A, B, weights)), n_parameters

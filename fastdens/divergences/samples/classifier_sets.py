"""A lower bound of the total variation that holds with certainty of 95 %, whatever the distributions are.

The total variation is the largest P(A) - Q(A) over all sets A. A set is learnt on one half of each sample, where the
ratio of densities is above one; the other half counts how often it is hit, which are binomial numbers, and the bounds
of Clopper and Pearson (1934) make of them a bound of P(A) - Q(A). There is no such bound from above: two samples never
exclude that the distributions are singular.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastdens.divergences.generators import GENERATORS
from fastdens.divergences.samples.cross_fitting import fitted, folds, log_ratios
from fastdens.divergences.samples.neighbor_ratios import log_ratios_of_counts
from fastdens.divergences.samples.neighbor_rules import default_count
from fastdens.divergences.samples.neighbor_space import whitening
from fastdens.divergences.samples.neighborhoods import neighborhoods_with_indices

CONFIDENCE = 0.95


def binomial_bounds(successes: int, n: int, confidence: float) -> tuple[float, float]:
    """The exact two-sided interval of Clopper and Pearson for a probability."""
    from scipy.special import betaincinv

    tail = (1.0 - confidence) / 2.0
    low = float(betaincinv(successes, n - successes + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, n - successes, 1.0 - tail)) if successes < n else 1.0
    return low, high


def set_difference(
    X: np.ndarray,
    Y: np.ndarray,
    random: np.random.Generator,
    *,
    model: Any = None,
    k: int | None = None,
    n_threads: int | None = None,
) -> tuple[float, float, float]:
    """P(A) - Q(A) for a set A learnt on other rows: the estimate, its standard error and a lower bound.

    A is where more of the neighbours are of X than of Y, in proportion to the samples, or where the density of a model
    fitted to X is above that of one fitted to Y.
    """
    halves = [folds(len(sample), 2, random) for sample in (X, Y)]
    learn = tuple(sample[np.sort(half[0])] for sample, half in zip((X, Y), halves))
    judge = [sample[half[1]] for sample, half in zip((X, Y), halves)]
    if model is None:
        into = whitening(*learn)
        samples = into(learn[0]), into(learn[1])
        count = (
            min(default_count(GENERATORS["tv"], min(map(len, learn)), X.shape[1]), *map(len, learn)) if k is None else k
        )
        inside = [_majority(samples, into(points), count, n_threads) for points in judge]
    else:
        p, q = (fitted(model, rows, None) for rows in learn)
        inside = [log_ratios(p.score_samples(points), q.score_samples(points), 2) > 0 for points in judge]
    sizes = [len(points) for points in judge]
    hits = [int(found.sum()) for found in inside]
    shares = [hit / size for hit, size in zip(hits, sizes)]
    error = math.sqrt(sum(share * (1 - share) / size for share, size in zip(shares, sizes)))
    # Each of the two bounds fails with half the probability that both together may.
    low = binomial_bounds(hits[0], sizes[0], CONFIDENCE)[0] - binomial_bounds(hits[1], sizes[1], CONFIDENCE)[1]
    return shares[0] - shares[1], error, low


def _majority(samples: tuple[np.ndarray, np.ndarray], points: np.ndarray, k: int, n_threads: int | None) -> np.ndarray:
    """Where the first sample is denser, by the distances to the k-th neighbours, and at atoms by counts."""
    about = neighborhoods_with_indices(samples, None, k, n_threads, points)
    inside = np.empty(len(points), bool)
    atoms = about.at_atoms()
    rows = np.flatnonzero(~atoms)
    # At a point that coincides with fewer rows than k makes an atom, all k-th distances are positive.
    inside[rows] = about.log_ratios(k, k, rows) > 0
    if atoms.any():
        inside[atoms] = log_ratios_of_counts(points[atoms], samples, n_threads) > 0
    return inside

r"""The variance of an estimate by neighbours, and how far the points that only one sample reaches may move it.

The terms A and B are not independent: near points share neighbours. Deleting every row once sees what they share (Efron
and Stein 1981: the jackknife's mean is not below the variance), but it counts the noise of the distances too often: a
part of the estimate that is a function of h rows jointly is counted h times, and k-th distances depend on k rows and
more. Where densities hardly change within the balls that surplus is known. The terms are nearly uncorrelated there (on
the line their covariance is a little below zero: gaps that are short by chance have longer neighbours), and the
jackknife J exceeds the sum of their variances, I, by a multiple of

.. math:: D = \sum_{\text{samples}} \Bigl(\sum_i k (\Delta A_i)^2 / n^2 + \sum_j k (\Delta B_j)^2 / m^2\Bigr),

what deletions would add if each changed one term only, with ΔA the change of a term without one of its k neighbours.
What the jackknife finds beyond that is the covariance of terms that share neighbours in tails and on slopes:

.. math:: V = I - b D + \max(0,\; J - I - c D).

b and c are those of two Poisson processes, of any kind, 4 to 10 neighbours and intensities up to four to one apart:
`benchmarks/studies/neighbor_variance.py`.
"""

from __future__ import annotations

import numpy as np

from fastdens.divergences.generators import Generator
from fastdens.divergences.samples.neighbor_terms import corrected_term
from fastdens.divergences.samples.neighborhoods import Neighborhoods, neighborhoods_with_indices

# b and c, in one dimension and in more.
ON_THE_LINE, BEYOND = (0.06, 1.4), (0.0, 1.0)
# With more rows of a sample than the first the jackknife is formed with the second number of them: more would be dearer
# than what they add to its accuracy.
MANY_ROWS, SOME_ROWS = 2000, 500
LARGEST_TAKEN_OFF = 0.2  # of I; a few long distances can make D as large as they like
# By how much the log-ratio may exceed its estimate where the other sample does not reach: chosen by coverage
# (benchmarks/studies/divergence_coverage.py). It is more where tails are heavier; no distance says so.
UNSEEN_LOG_RATIO = 1.0


def variance_inflation(
    samples: tuple[np.ndarray, np.ndarray], generator: Generator, k: int, n_threads: int | None
) -> float:
    """V / I: by what the variance of independent terms is to be multiplied.

    With a number of neighbours that stays the same both fall as 1/n, so that some of the rows show their ratio.
    """
    random = np.random.default_rng(0)
    some = [
        rows if len(rows) <= MANY_ROWS else rows[random.choice(len(rows), SOME_ROWS, replace=False)] for rows in samples
    ]
    part = some[0], some[1]
    if min(map(len, part)) <= k:
        return 1.0
    about = tuple(neighborhoods_with_indices(part, own, k, n_threads) for own in (0, 1))
    if any(each.at_atoms().any() for each in about):
        return 1.0
    both = about[0].terms(generator, k, 0), about[1].terms(generator, k, 1)
    independent, jackknife, separate = variances((about[0], about[1]), generator, k, both)
    if not independent > 0:
        return 1.0
    b, c = ON_THE_LINE if samples[0].shape[1] == 1 else BEYOND
    beyond = max(0.0, jackknife - independent - c * separate)
    return 1.0 - min(b * separate / independent, LARGEST_TAKEN_OFF) + beyond / independent


def variances(
    about: tuple[Neighborhoods, Neighborhoods], generator: Generator, k: int, both: tuple[np.ndarray, np.ndarray]
) -> tuple[float, float, float]:
    """That of independent terms, that of the jackknife, and D."""
    independent = jackknife = separate = 0.0
    for deleted, own_terms in enumerate(both):
        n = len(own_terms)
        independent += float(own_terms.var(ddof=1)) / n
        # The row's own term goes, and the balls that it lay in grow by one neighbour.
        without = -own_terms / (n - 1)
        for which in (0, 1):
            change = _change(about[which], generator, k, both[which], deleted, which)
            n_terms = len(change) - (which == deleted)
            indices = about[which].about[deleted].indices
            assert indices is not None
            neighbors = indices[:, :k]
            without += np.bincount(neighbors.ravel(), np.repeat(change, k), n) / n_terms
            separate += k * float(change @ change) / n_terms**2
        jackknife += float(without.var()) * (n - 1)
    return independent, jackknife, separate


def _change(
    about: Neighborhoods, generator: Generator, k: int, before: np.ndarray, deleted: int, which: int
) -> np.ndarray:
    """By how much A (which = 0) or B (1) changes without one of the k neighbours in sample `deleted`.

    Points with ties are taken not to change.
    """
    change = np.zeros(len(before))
    if k + 1 in about.about[deleted].radii:
        rows = np.flatnonzero(~about.tied(k))
        counts = (k + 1, k) if deleted == 0 else (k, k + 1)
        change[rows] = corrected_term(generator, about.log_ratios(*counts, rows), k, k, which) - before[rows]
    return change


def unseen_change(about: tuple[Neighborhoods, Neighborhoods], generator: Generator, k: int) -> float:
    """By how much the estimate moves if the ratio is more extreme where only one of the samples reaches.

    A ball of neighbours about a point beyond the other sample reaches back into it, and how thin that distribution is
    where the point is no distance tells. Points count as far as there are more of them than if the distributions were
    equal: then a new row is outside as often as a row of the sample is outside of the others.
    """
    change = 0.0
    for which in (0, 1):
        points, others = about[which].points, about[which].about[1 - which].sample
        outside, n_extreme = _outside(points, others)
        rows = np.flatnonzero(outside)
        excess = len(rows) - n_extreme * len(points) / len(others)
        if excess <= 0:
            continue
        u = about[which].log_ratios(k, k, rows)
        further = u + (UNSEEN_LOG_RATIO if which == 0 else -UNSEEN_LOG_RATIO)
        moved = corrected_term(generator, further, k, k, which) - corrected_term(generator, u, k, k, which)
        change += float(np.abs(moved).mean()) * excess / len(points)
    return change


def _outside(points: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, int]:
    """Which points lie beyond all others in some direction, and how many of the others are the last in one."""
    outside, extreme = np.zeros(len(points), bool), np.zeros(len(others), bool)
    for along, of_others in zip(_in_directions(points), _in_directions(others)):
        low, high = of_others.min(), of_others.max()
        outside |= (along < low) | (along > high)
        extreme |= (of_others == low) | (of_others == high)
    return outside, int(extreme.sum())


def _in_directions(points: np.ndarray) -> list[np.ndarray]:
    """Along the axes, and in the plane along the diagonals, which are no worse."""
    axes = list(np.ascontiguousarray(points.T))
    return [*axes, axes[0] + axes[1], axes[0] - axes[1]] if len(axes) == 2 else axes

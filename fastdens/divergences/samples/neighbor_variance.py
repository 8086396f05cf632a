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

from typing import TYPE_CHECKING

import numpy as np

from fastdens.divergences.generators import Generator
from fastdens.divergences.samples.neighbor_terms import corrected_terms

if TYPE_CHECKING:
    from fastdens.divergences.samples.neighbor_ratios import Neighborhoods

# b and c, on the line and in more dimensions.
ON_THE_LINE, BEYOND = (0.06, 1.4), (0.0, 1.0)
# Deletions that the jackknife is formed from: more would be dearer than what they add to its accuracy.
MOST_DELETED = 2000
LARGEST_TAKEN_OFF = 0.2  # of I; a few long distances can make D as large as they like
# By how much the log-ratio may exceed its estimate where the other sample does not reach: chosen by coverage
# (benchmarks/studies/divergence_coverage.py). It is more where tails are heavier; no distance says so.
UNSEEN_LOG_RATIO = 1.0


def sampling_variance(
    about: tuple[Neighborhoods, Neighborhoods], generator: Generator, k: int, both: tuple[np.ndarray, np.ndarray]
) -> float:
    """V of mean A + mean B, from the neighbourhoods of the rows of either sample."""
    independent, jackknife, separate = variances(about, generator, k, both)
    b, c = ON_THE_LINE if about[0].n_features == 1 else BEYOND
    beyond = max(0.0, jackknife - independent - c * separate)
    return independent - min(b * separate, LARGEST_TAKEN_OFF * independent) + beyond


def variances(
    about: tuple[Neighborhoods, Neighborhoods], generator: Generator, k: int, both: tuple[np.ndarray, np.ndarray]
) -> tuple[float, float, float]:
    """That of independent terms, that of the jackknife, and D; the last two from at most MOST_DELETED rows of each."""
    independent = jackknife = separate = 0.0
    for deleted, own_terms in enumerate(both):
        n = len(own_terms)
        independent += float(own_terms.var(ddof=1)) / n
        chosen = np.zeros(n, bool)
        chosen[:: -(-n // MOST_DELETED)] = True
        # The row's own term goes, and the balls that it lay in grow by one neighbour.
        without = -own_terms / (n - 1)
        for which in (0, 1):
            change, of = _changes(about[which], generator, k, both[which], deleted, which, chosen)
            n_terms = len(both[which]) - (which == deleted)
            without += np.bincount(of, change, n) / n_terms
            separate += float(change @ change) / n_terms**2 * n / np.count_nonzero(chosen)
        jackknife += float(without[chosen].var()) * (n - 1)
    return independent, jackknife, separate


def _changes(
    about: Neighborhoods,
    generator: Generator,
    k: int,
    before: np.ndarray,
    deleted: int,
    which: int,
    chosen: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """By how much A (which = 0) or B (1) changes without a neighbour in sample `deleted`, and which row that was.

    All pairs of a point and one of its k neighbours that is chosen; points with ties are taken not to change.
    """
    if about.distances[deleted].shape[1] <= k:
        return np.empty(0), np.empty(0, np.intp)
    neighbors = about.indices[deleted][:, :k]
    pairs = np.flatnonzero(chosen[neighbors])
    points = pairs // k
    found = np.zeros(len(before), bool)
    found[points] = True
    rows = np.flatnonzero(found)
    rows = rows[~about.tied(k, rows)]
    counts = (k + 1, k) if deleted == 0 else (k, k + 1)
    change = np.zeros(len(before))
    change[rows] = corrected_terms(generator, about.log_ratios(*counts, rows), k, k)[which] - before[rows]
    return change[points], neighbors[points, pairs % k]


def unseen_change(about: tuple[Neighborhoods, Neighborhoods], generator: Generator, k: int) -> float:
    """By how much the estimate moves if the ratio is more extreme where only one of the samples reaches.

    A ball of neighbours about a point beyond the other sample reaches back into it, and how thin that law is where the
    point is no distance tells. Points count as far as there are more of them than if the laws were equal: then a
    new row is outside as often as a row of the sample is outside of the others.
    """
    change = 0.0
    for which in (0, 1):
        points, others = about[which].points, about[which].samples[1 - which]
        outside, n_extreme = _outside(points, others)
        rows = np.flatnonzero(outside)
        excess = len(rows) - n_extreme * len(points) / len(others)
        if excess <= 0:
            continue
        u = about[which].log_ratios(k, k, rows)
        further = u + (UNSEEN_LOG_RATIO if which == 0 else -UNSEEN_LOG_RATIO)
        moved = corrected_terms(generator, further, k, k)[which] - corrected_terms(generator, u, k, k)[which]
        change += float(np.abs(moved).mean()) * excess / len(points)
    return change


def _outside(points: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, int]:
    """Which points lie beyond all others in some direction, and how many of the others are the last in one."""
    outside, extreme = np.zeros(len(points), bool), np.zeros(len(others), bool)
    directions = list(np.eye(points.shape[1]))
    if points.shape[1] == 2:  # the axes are no better than the diagonals
        directions += [np.array([1.0, 1.0]), np.array([1.0, -1.0])]
    for direction in directions:
        along, of_others = points @ direction, others @ direction
        low, high = of_others.min(), of_others.max()
        outside |= (along < low) | (along > high)
        extreme |= (of_others == low) | (of_others == high)
    return outside, int(extreme.sum())

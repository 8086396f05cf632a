r"""Divergences of two samples by the distances to nearest neighbours: no model, no bandwidth.

At every point of both samples the ratio of densities follows from the distances to the k-th neighbour in either
sample, the point itself left out by its index; `neighbor_terms` frees the terms of the noise of so few neighbours,
and the first-order form of `first_order` of the error that densities change within the balls, up to its square.

Ties are counted, never broken by noise. Where the k-th distance is zero in a sample, or shared with further points,
both samples are counted within the larger of the two k-th distances, and where that is zero the ratio is that of the
two counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastdens.divergences.first_order import sum_of_means
from fastdens.divergences.generators import GENERATORS, Generator
from fastdens.divergences.neighbor_space import whitening
from fastdens.divergences.neighbor_terms import corrected_terms, smallest_count
from fastdens.engines.neighbors import KDTree, kneighbors

# Few neighbours keep the balls small; below 4 the noise grows fast (benchmarks/studies/divergence_coverage.py).
N_NEIGHBORS = 4
# Where noise is corrected for by two numbers of neighbours, or not at all, balls must hold more.
N_NEIGHBORS_OF_USERS = 8
LARGEST_FOR_SETS = 50
# Rows that repeat come in clumps, which are more uneven than the Gamma law has it; more neighbours hold more clumps.
MOST_TIED, MORE_WHERE_TIED = 0.05, 3
# The variance of independent terms misses what neighbours share; deleting points one at a time finds a variance that
# is too large (Efron and Stein 1981). In simulations the truth is about a tenth of the way (same study).
SHARED_PART = 0.1


@dataclass(frozen=True)
class Estimate:
    """An f-divergence estimated from samples: the value, its standard deviation, and what share of the points is tied."""

    value: float
    standard_error: float
    tied_share: float = 0.0


def default_count(generator: Generator, n: int) -> int:
    """Neighbours for samples of which the smaller has n points."""
    if generator is GENERATORS["tv"]:
        # The sign of ln r is all that counts, and noise that turns it is not corrected for.
        return min(max(10, round(math.sqrt(n))), LARGEST_FOR_SETS)
    if generator.name == "f":
        return N_NEIGHBORS_OF_USERS
    return max(N_NEIGHBORS, 2 * smallest_count(generator))


class Neighborhoods:
    """Distances from points to their nearest rows in both samples; sample `own` is the points themselves."""

    def __init__(
        self,
        samples: tuple[np.ndarray, np.ndarray],
        own: int | None,
        k: int,
        n_threads: int | None,
        points: np.ndarray | None = None,
    ):
        self.points = points = samples[own or 0] if points is None else points
        self.samples, self.own, self.n_threads = samples, own, n_threads
        self.n_features = points.shape[1]
        # One neighbour more tells ties, and what would be left if one were deleted.
        self.distances, self.indices = [], []
        for i, sample in enumerate(samples):
            n_available = len(sample) - (i == own)
            queries = None if i == own else points
            found = kneighbors(sample, queries, min(k + 1, n_available), exclude_self=i == own, n_threads=n_threads)
            self.distances.append(found[0])
            self.indices.append(found[1])
        self.sizes = [len(sample) - (i == own) for i, sample in enumerate(samples)]

    def tied(self, k: int) -> np.ndarray:
        """Rows whose k-th distance is zero or not theirs alone, in either sample."""
        tied = np.zeros(len(self.points), bool)
        for distances in self.distances:
            tied |= distances[:, k - 1] == 0
            if distances.shape[1] > k:
                tied |= distances[:, k - 1] == distances[:, k]
        return tied

    def log_ratios(self, first: int, second: int, rows: np.ndarray | slice = np.s_[:]) -> np.ndarray:
        """ln(m V_q) - ln(n V_p) by the distances to those neighbours in the two samples; rows without ties only."""
        radii_p, radii_q = self.distances[0][rows, first - 1], self.distances[1][rows, second - 1]
        return self.n_features * (np.log(radii_q) - np.log(radii_p)) + math.log(self.sizes[1] / self.sizes[0])

    def terms(self, generator: Generator, k: int) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
        """A and B at every point, and which points are tied."""
        tied = self.tied(k)
        n = len(tied)
        both = np.empty(n), np.empty(n)
        alone = np.flatnonzero(~tied)
        for values, part in zip(both, corrected_terms(generator, self.log_ratios(k, k, alone), k, k)):
            values[alone] = part
        if len(alone) < n:
            self._fill_tied(generator, np.flatnonzero(tied), k, both)
        return both, tied

    def _fill_tied(self, generator: Generator, rows: np.ndarray, k: int, both: tuple[np.ndarray, np.ndarray]) -> None:
        points = self.points[rows]
        radii = np.maximum(self.distances[0][rows, k - 1], self.distances[1][rows, k - 1])
        counts = [
            KDTree(sample, n_threads=self.n_threads).count_radius(points, radii, n_threads=self.n_threads)
            - (i == self.own)
            for i, sample in enumerate(self.samples)
        ]
        same_ball = math.log(self.sizes[1] / self.sizes[0])
        # Counts at one place are no Gamma variables: their ratio is that of the two probabilities.
        for here, at_one_place in ((radii == 0, True), (radii > 0, False)):
            if here.any():
                numbers = [count[here] for count in counts]
                u = np.full(int(here.sum()), same_ball)
                if at_one_place:
                    u += np.log(numbers[0] / numbers[1])
                found = corrected_terms(generator, u, *([None, None] if at_one_place else numbers))
                for values, part in zip(both, found):
                    values[rows[here]] = part

    def changes(self, generator: Generator, k: int, deleted: int, which: int) -> tuple[np.ndarray, np.ndarray]:
        """By how much A (which = 0) or B (1) changes at each point without one of its k neighbours in sample `deleted`.

        The second array is the indices of those neighbours. Points with ties are taken not to change.
        """
        change = np.zeros(len(self.points))
        alone = np.flatnonzero(~self.tied(k))
        counts = (k + 1, k) if deleted == 0 else (k, k + 1)
        if self.distances[deleted].shape[1] > k:
            after = corrected_terms(generator, self.log_ratios(*counts, alone), k, k)[which]
            before = corrected_terms(generator, self.log_ratios(k, k, alone), k, k)[which]
            change[alone] = after - before
        return change, self.indices[deleted][:, :k]


def two_sample_estimate(
    X: np.ndarray, Y: np.ndarray, generator: Generator, k: int | None = None, n_threads: int | None = None
) -> Estimate:
    """D_f(P, Q) from X of P and Y of Q by k neighbours, by default as few as the data allow."""
    into = whitening(X, Y)
    samples = into(X), into(Y)
    if k is not None:
        return _by_neighbors(samples, generator, k, n_threads)
    most = min(map(len, samples)) - 1
    k = min(default_count(generator, most), most)
    found = _by_neighbors(samples, generator, k, n_threads)
    if found.tied_share <= MOST_TIED or k == most:
        return found
    return _by_neighbors(samples, generator, min(MORE_WHERE_TIED * k, most), n_threads)


def _by_neighbors(
    samples: tuple[np.ndarray, np.ndarray], generator: Generator, k: int, n_threads: int | None
) -> Estimate:
    if generator.name == "f":
        return _without_noise(samples, generator, k, n_threads)
    about_x, about_y = (Neighborhoods(samples, own, k, n_threads) for own in (0, 1))
    (A, _), tied_x = about_x.terms(generator, k)
    (_, B), tied_y = about_y.terms(generator, k)
    value, independent = sum_of_means(A, B)
    tied_share = float((tied_x.sum() + tied_y.sum()) / sum(map(len, samples)))
    if generator is GENERATORS["tv"]:
        return Estimate(value, math.nan, tied_share)
    jackknifed = _jackknife_variance(about_x, about_y, generator, k, A, B)
    variance = independent**2 + SHARED_PART * max(jackknifed - independent**2, 0.0)
    return Estimate(value, math.sqrt(variance), tied_share)


def _without_noise(
    samples: tuple[np.ndarray, np.ndarray], generator: Generator, k: int, n_threads: int | None
) -> Estimate:
    """A function of the user's: noise moves its terms in proportion to 1/k, so estimates by k and 2k are extrapolated.

    The weights -1 and 2 sum to one and make the sum of w / k zero (Moon and Hero 2014).
    """
    double = min(2 * k, min(map(len, samples)) - 1)
    weights = [(k, 1.0)] if double == k else [(k, -k / (double - k)), (double, double / (double - k))]
    value, n_tied = 0.0, 0
    for own in (0, 1):
        about = Neighborhoods(samples, own, double, n_threads)
        for count, weight in weights:
            both, tied = about.terms(generator, count)
            value += weight * float(both[own].mean())
            n_tied += int(tied.sum()) if count == k else 0
    return Estimate(value, math.nan, n_tied / sum(map(len, samples)))


def _jackknife_variance(
    about_x: Neighborhoods, about_y: Neighborhoods, generator: Generator, k: int, A: np.ndarray, B: np.ndarray
) -> float:
    """Variance by deleting every point once: its own term goes, and the balls that it lay in grow by one neighbour."""
    variance = 0.0
    for deleted, own_terms in ((0, A), (1, B)):
        n = len(own_terms)
        without = -own_terms / (n - 1)
        for which, about in ((0, about_x), (1, about_y)):
            change, neighbors = about.changes(generator, k, deleted, which)
            n_terms = len(change) - (which == deleted)
            without += np.bincount(neighbors.ravel(), np.repeat(change, neighbors.shape[1]), n) / n_terms
        variance += float(without.var()) * (n - 1)
    return variance


def one_sided_estimate(
    X: np.ndarray,
    log_known_at_X: np.ndarray,
    draws: np.ndarray | None,
    log_known_at_draws: np.ndarray | None,
    generator: Generator,
    k: int,
    *,
    sample_is_first: bool,
    n_threads: int | None = None,
) -> Estimate:
    """D_f between the law of a sample and a density that is known, of which there may be draws.

    The noise is that of the sample's neighbours alone. Without draws the terms of the density's side must be zero on
    average, which the caller knows.
    """
    into = whitening(X)
    if into.log_determinant == -math.inf:  # the sample is on a set that the density gives no mass
        return Estimate(generator.largest, math.nan)
    rows = into(X)
    log_densities: list[tuple[np.ndarray, Any]] = [(-_log_volumes(rows, None, k, n_threads), log_known_at_X)]
    if draws is not None:
        log_densities.append((-_log_volumes(rows, into(draws), k, n_threads), log_known_at_draws))
    sides = []
    for side, (log_sample, log_known) in enumerate(log_densities):
        u = log_sample + into.log_determinant - log_known
        A, B = corrected_terms(generator, u, k, None) if sample_is_first else corrected_terms(generator, -u, None, k)
        of_first = (side == 0) == sample_is_first
        sides.append(A if of_first else B)
    value, standard_error = sum_of_means(sides[0], sides[1] if draws is not None else np.zeros(2))
    exact = generator is not GENERATORS["tv"] and generator.name != "f"
    return Estimate(value, standard_error if exact else math.nan)


def _log_volumes(rows: np.ndarray, queries: Any, k: int, n_threads: int | None) -> np.ndarray:
    """ln(n V) of the balls to the k-th neighbour, or where that is at distance zero to the first that is not."""
    d, n = rows.shape[1], len(rows) - (queries is None)
    distances, _ = kneighbors(rows, queries, k, exclude_self=queries is None, n_threads=n_threads)
    radii = distances[:, -1].copy()
    count, empty = k, np.flatnonzero(radii == 0)
    counts = np.full(len(radii), float(k))
    while empty.size and count < n:
        count = min(2 * count, n)
        points = (rows if queries is None else queries)[empty]
        # The point itself comes first among its own neighbours, at distance zero like its copies.
        found, _ = kneighbors(rows, points, count + (queries is None), n_threads=n_threads)
        first = (found == 0).sum(axis=1)
        filled = first < found.shape[1]
        radii[empty[filled]] = found[filled, first[filled]]
        counts[empty[filled]] = first[filled] + 1 - (queries is None)
        empty = empty[~filled]
    log_unit_ball = d / 2 * math.log(math.pi) - math.lgamma(d / 2 + 1)
    with np.errstate(divide="ignore"):
        # More than k neighbours count as k of a ball that is smaller in proportion.
        return math.log(n) + log_unit_ball + d * np.log(radii) + np.log(k / counts)

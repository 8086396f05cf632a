r"""Divergences of two samples by the distances to nearest neighbours: no model, no bandwidth.

At every point of both samples the ratio of densities follows from the distances to the k-th neighbour in either
sample, the point itself left out by its index; `neighbor_terms` frees the terms of the noise of so few neighbours,
and the first-order form of `first_order` of the error that densities change within the balls, up to its square.

Ties are counted, never broken by noise. A place where at least k rows of a sample coincide, so that no ball about it is
small enough, is an atom: the ratio there is that of the two counts, and the rows at atoms are left out among the
neighbours of the others. Elsewhere k rows reach to a positive distance, and if further rows are as far away they belong
to the ball. An atom of one distribution alone makes the ratio as large as the sizes of the samples can show: it counts
in full in bounded divergences, while KL, which is infinite, grows with the samples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastdens.divergences.generators import Generator
from fastdens.divergences.samples.first_order import bounded_log_ratios, sum_of_means, terms
from fastdens.divergences.samples.neighbor_rules import default_count, rule_of
from fastdens.divergences.samples.neighbor_space import whitened
from fastdens.divergences.samples.neighbor_variance import unseen_change, variance_inflation
from fastdens.divergences.samples.neighborhoods import Neighborhoods, neighborhoods_by_rank
from fastdens.neighbors.neighbors import KDTree
from fastdens.neighbors.packed_tree.rank_distances import Arrangement, arrange

# Rows that repeat come in clumps, which are more uneven than the Gamma distribution has it; more neighbours hold more
# clumps.
MOST_TIED, MORE_WHERE_TIED = 0.05, 3


@dataclass(frozen=True)
class Estimate:
    """An f-divergence estimated from samples: the value, its standard deviation, and the share of points with ties.

    `unseen` is how far the value may be off because of points that only one of the samples reaches.
    """

    value: float
    standard_error: float
    tied_share: float = 0.0
    unseen: float = 0.0


def log_ratios_of_counts(
    points: np.ndarray, samples: tuple[np.ndarray, np.ndarray], n_threads: int | None
) -> np.ndarray:
    """ln(p / q) at points that coincide with rows of at least one sample, by how many there are."""
    counts = [
        KDTree(sample, n_threads=n_threads).count_radius(points, 0.0, n_threads=n_threads).astype(np.float64)
        for sample in samples
    ]
    n, m = map(len, samples)
    with np.errstate(divide="ignore"):
        # Whole numbers, whose products are exact: equal shares give exactly zero.
        return bounded_log_ratios(np.log(counts[0] * m / (counts[1] * n)), n + m)


def arranged_pair(samples: Sequence[np.ndarray], n_threads: int | None) -> tuple[Arrangement, Arrangement]:
    first, second = arrange(list(samples), n_threads)
    return first, second


def two_sample_terms(
    arranged: tuple[Arrangement, Arrangement],
    generator: Generator,
    k: int,
    n_threads: int | None,
    most: int | None = None,
) -> tuple[tuple[np.ndarray, np.ndarray], float, tuple[Neighborhoods, Neighborhoods] | None]:
    """A at the rows of X, B at those of Y, the share of rows with ties, and the neighbourhoods if no row is at an atom.

    A row is at an atom if `most` rows coincide there, by default k.
    """
    most = most or k
    samples = arranged[0].points, arranged[1].points
    sizes = len(samples[0]), len(samples[1])
    around = [neighborhoods_by_rank(arranged, own, sorted({k, most}), n_threads) for own in (0, 1)]
    at_atoms = [about.at_atoms() for about in around]
    if not (at_atoms[0].any() or at_atoms[1].any()):
        found = around[0].terms(generator, k, 0), around[1].terms(generator, k, 1)
        n_tied = sum(int(about.tied(k).sum()) for about in around)
        return found, n_tied / sum(sizes), (around[0], around[1])
    found = np.empty(sizes[0]), np.empty(sizes[1])
    rest = samples[0][~at_atoms[0]], samples[1][~at_atoms[1]]
    n_tied = sum(sizes) - len(rest[0]) - len(rest[1])
    enough_remain = min(map(len, rest)) > k
    rearranged = arranged_pair(rest, n_threads) if enough_remain else arranged
    for own, (values, sample, atoms) in enumerate(zip(found, samples, at_atoms)):
        if atoms.any():
            values[atoms] = terms(generator, log_ratios_of_counts(sample[atoms], samples, n_threads))[own]
        if not len(rest[own]):
            continue
        if enough_remain:
            about = neighborhoods_by_rank(rearranged, own, [k], n_threads, sizes)
            values[~atoms] = about.terms(generator, k, own)
            n_tied += int(about.tied(k).sum())
        else:  # what one distribution has besides atoms, the other has not, or both have next to nothing
            log_ratio = np.sign(len(rest[0]) - len(rest[1])) * math.log(sum(sizes))
            values[~atoms] = terms(generator, np.full(len(rest[own]), log_ratio))[own]
    return found, n_tied / sum(sizes), None


def two_sample_estimate(
    X: np.ndarray, Y: np.ndarray, generator: Generator, k: int | None = None, n_threads: int | None = None
) -> Estimate:
    """D_f(P, Q) from X of P and Y of Q by k neighbours, by default as few as the data allow."""
    arranged = arranged_pair(whitened(X, Y)[1], n_threads)
    if k is not None:
        return _by_neighbors(arranged, generator, k, n_threads)
    most = min(map(len, arranged)) - 1
    k = min(default_count(generator, most, X.shape[1]), most)
    found = _by_neighbors(arranged, generator, k, n_threads)
    if found.tied_share <= MOST_TIED or k == most:
        return found
    return _by_neighbors(arranged, generator, min(MORE_WHERE_TIED * k, most), n_threads)


def _by_neighbors(
    arranged: tuple[Arrangement, Arrangement], generator: Generator, k: int, n_threads: int | None
) -> Estimate:
    rule = rule_of(generator)
    if rule.is_extrapolated:
        return _without_noise(arranged, generator, k, n_threads)
    (A, B), tied_share, around = two_sample_terms(arranged, generator, k, n_threads)
    value, independent = sum_of_means(A, B)
    if not rule.is_corrected:
        return Estimate(value, math.nan, tied_share)
    if around is None:
        return Estimate(value, independent, tied_share)
    error = independent * math.sqrt(variance_inflation((around[0].points, around[1].points), generator, k, n_threads))
    unseen = unseen_change(around, generator, k) if rule.has_interval else 0.0
    return Estimate(value, error, tied_share, unseen)


def _without_noise(
    arranged: tuple[Arrangement, Arrangement], generator: Generator, k: int, n_threads: int | None
) -> Estimate:
    """A function of the user's: noise moves its terms in proportion to 1/k, so estimates by k and 2k are extrapolated.

    The weights -1 and 2 sum to one and make the sum of w / k zero (Moon and Hero 2014).
    """
    double = min(2 * k, min(map(len, arranged)) - 1)
    weights = [(k, 1.0)] if double == k else [(k, -k / (double - k)), (double, double / (double - k))]
    value, tied_share = 0.0, 0.0
    for count, weight in weights:
        (A, B), tied_share, _ = two_sample_terms(arranged, generator, count, n_threads, double)
        value += weight * float(A.mean() + B.mean())
    return Estimate(value, math.nan, tied_share)

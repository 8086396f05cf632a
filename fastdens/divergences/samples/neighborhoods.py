"""Distances from points to their neighbours in two samples, and the first-order terms that follow from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastdens.core.threads import run_blocks
from fastdens.divergences.generators import Generator
from fastdens.divergences.samples.neighbor_terms import corrected_term
from fastdens.neighbors.neighbors import KDTree, kneighbors
from fastdens.neighbors.packed_tree.rank_distances import Arrangement, distances_of_ranks

# Rows whose terms are formed together: what is needed between touches little fresh memory, and NumPy gives the
# interpreter's lock away for long enough that threads do not wait for it.
ROWS_PER_BLOCK = 1 << 15
TERM_NS = 40.0  # of a row, with the logarithm and the exponential (one core, November 2026)


@dataclass
class AboutSample:
    """Distances from some points to their neighbours in one sample.

    `radii` has them by rank, 1 for the nearest; `tied` by rank where the neighbour of the next rank is as far away;
    `coincident` where so many rows of the sample are at the point that it is at an atom. `indices`, where they were
    asked for, are the rows, nearest first. `n` is how many rows there were to be neighbours, before some were left out.
    """

    sample: np.ndarray
    radii: dict[int, np.ndarray]
    tied: dict[int, np.ndarray]
    coincident: np.ndarray
    n: int
    indices: np.ndarray | None = None


def n_others_at_atom(k: int, own: bool) -> int:
    """How many neighbours at distance zero put a point at an atom: k rows (two, if k is one) that coincide.

    A point of the sample is one of them itself.
    """
    return max(k, 2) - own


@dataclass
class Neighborhoods:
    """Points, and about each the nearest rows of two samples; sample `own` is the points themselves."""

    points: np.ndarray
    own: int | None
    about: tuple[AboutSample, AboutSample]
    n_threads: int | None

    def at_atoms(self) -> np.ndarray:
        """Which points are where many rows of one of the samples coincide."""
        return self.about[0].coincident | self.about[1].coincident

    def tied(self, k: int) -> np.ndarray:
        """Which points have more than k rows within the k-th distance of one of the samples."""
        return self.about[0].tied[k] | self.about[1].tied[k]

    def log_ratios(self, first: int, second: int, rows: np.ndarray | slice) -> np.ndarray:
        """ln(m V_q) - ln(n V_p) by the distances to those neighbours in the two samples, which are positive."""
        p, q = self.about
        with np.errstate(over="ignore", under="ignore", divide="ignore"):  # beyond what any term tells apart
            log_ratios = np.log(q.radii[second][rows] / p.radii[first][rows])
        log_ratios *= self.points.shape[1]
        log_ratios += math.log(q.n / p.n)
        return log_ratios

    def terms(self, generator: Generator, k: int, side: int) -> np.ndarray:
        """A (side 0) or B (side 1) at every point; none is at an atom."""
        n = len(self.points)
        values = np.empty(n)

        def fill(queue: Any) -> None:
            while (block := queue.take()) >= 0:
                rows = slice(block * ROWS_PER_BLOCK, (block + 1) * ROWS_PER_BLOCK)
                values[rows] = corrected_term(generator, self.log_ratios(k, k, rows), k, k, side)

        run_blocks(fill, -(-n // ROWS_PER_BLOCK), self.n_threads, TERM_NS * n)
        tied = np.flatnonzero(self.tied(k))
        if tied.size:
            k_of_tied, l_of_tied = (
                KDTree(about.sample, n_threads=self.n_threads).count_radius(
                    self.points[tied], about.radii[k][tied], n_threads=self.n_threads
                )
                - (i == self.own)
                for i, about in enumerate(self.about)
            )
            values[tied] = corrected_term(generator, self.log_ratios(k, k, tied), k_of_tied, l_of_tied, side)
        return values


def neighborhoods_by_rank(
    arranged: tuple[Arrangement, Arrangement],
    own: int,
    ks: Sequence[int],
    n_threads: int | None,
    sizes: tuple[int, int] | None = None,
) -> Neighborhoods:
    """About the points of one of two arranged samples, in their order: what `ks` neighbours need, without indices.

    The largest of them makes an atom. `sizes` are those of the samples that the rows are from, where some are left out.
    """
    about = []
    for i, sample in enumerate(arranged):
        is_own = i == own
        found = distances_of_ranks(arranged[own], sample, sorted(ks), n_others_at_atom(max(ks), is_own), n_threads)
        radii, tied = dict(zip(sorted(ks), found.distances)), dict(zip(sorted(ks), found.tied))
        n = (sizes[i] if sizes else len(sample)) - is_own
        about.append(AboutSample(sample.points, radii, tied, found.coincident, n))
    return Neighborhoods(arranged[own].points, own, (about[0], about[1]), n_threads)


def neighborhoods_with_indices(
    samples: tuple[np.ndarray, np.ndarray],
    own: int | None,
    k: int,
    n_threads: int | None,
    points: np.ndarray | None = None,
) -> Neighborhoods:
    """About the rows of sample `own`, or other points: up to k + 1 neighbours and which they are; k make an atom."""
    about = []
    for i, sample in enumerate(samples):
        is_own = i == own
        queries = None if is_own else points if own is None else samples[own]
        count = min(k + 1, len(sample) - is_own)
        distances, indices = kneighbors(sample, queries, count, exclude_self=is_own, n_threads=n_threads)
        n_at_point = (distances == 0).sum(axis=1)
        radii = {rank: distances[:, rank - 1] for rank in range(1, count + 1)}
        tied = {k: radii[k] == radii[k + 1] if k < count else np.zeros(len(distances), bool)}
        coincident = n_at_point >= n_others_at_atom(k, is_own)
        about.append(AboutSample(sample, radii, tied, coincident, len(sample) - is_own, indices))
    centres = samples[own] if own is not None else points
    assert centres is not None
    return Neighborhoods(centres, own, (about[0], about[1]), n_threads)

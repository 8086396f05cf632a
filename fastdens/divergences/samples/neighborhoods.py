"""Distances from points to their neighbours in two samples, and the first-order terms that follow from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastdens.divergences.generators import Generator
from fastdens.divergences.samples.neighbor_terms import corrected_terms
from fastdens.engines.neighbors import KDTree, kneighbors
from fastdens.engines.rank_distances import Arrangement, distances_of_ranks


@dataclass
class Neighborhoods:
    """Points, and about each the nearest rows of two samples; sample `own` is the points themselves.

    `radii` has the distances for each sample by rank, 1 for the nearest; the ranks that were asked for and exist.
    `indices`, where they were, are the rows, else there are none. `sizes` are those of the samples that the rows are
    from, where rows have been left out.
    """

    points: np.ndarray
    samples: tuple[np.ndarray, np.ndarray]
    own: int | None
    radii: list[dict[int, np.ndarray]]
    sizes: Sequence[int]
    n_threads: int | None
    indices: Sequence[np.ndarray] = ()

    def at_atoms(self, k: int) -> np.ndarray:
        """Which points are where at least k rows (two, if k is one) of one of the samples coincide."""
        found = np.zeros(len(self.points), bool)
        for i, radii in enumerate(self.radii):
            others = max(k, 2) - (i == self.own)  # the point itself is one of them
            if others in radii:
                found |= radii[others] == 0
        return found

    def tied(self, k: int, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Which points have more than k rows within the k-th distance of one of the samples."""
        tied = np.zeros(len(self.points[rows]), bool)
        for radii in self.radii:
            if k + 1 in radii:
                tied |= radii[k][rows] == radii[k + 1][rows]
        return tied

    def log_ratios(self, first: int, second: int, rows: np.ndarray | slice) -> np.ndarray:
        """ln(m V_q) - ln(n V_p) by the distances to those neighbours in the two samples, which are positive."""
        n, m = (size - (i == self.own) for i, size in enumerate(self.sizes))
        radii_p, radii_q = self.radii[0][first][rows], self.radii[1][second][rows]
        with np.errstate(over="ignore", under="ignore", divide="ignore"):  # beyond what any term tells apart
            return self.points.shape[1] * np.log(radii_q / radii_p) + math.log(m / n)

    def terms(self, generator: Generator, k: int) -> tuple[np.ndarray, np.ndarray]:
        """A and B at every point; none is at an atom."""
        tied = np.flatnonzero(self.tied(k))
        if not tied.size:
            return corrected_terms(generator, self.log_ratios(k, k, slice(None)), k, k)
        both = np.empty(len(self.points)), np.empty(len(self.points))
        counts = [
            KDTree(sample, n_threads=self.n_threads).count_radius(
                self.points[tied], radii[k][tied], n_threads=self.n_threads
            )
            - (i == self.own)
            for i, (sample, radii) in enumerate(zip(self.samples, self.radii))
        ]
        _fill(both, tied, corrected_terms(generator, self.log_ratios(k, k, tied), *counts))
        others = np.delete(np.arange(len(self.points)), tied)
        _fill(both, others, corrected_terms(generator, self.log_ratios(k, k, others), k, k))
        return both


def _fill(both: tuple[np.ndarray, np.ndarray], rows: np.ndarray, parts: tuple[np.ndarray, np.ndarray]) -> None:
    for values, part in zip(both, parts):
        values[rows] = part


def neighborhoods_by_rank(
    arranged: tuple[Arrangement, Arrangement],
    own: int,
    ks: Sequence[int],
    n_threads: int | None,
    sizes: tuple[int, int] | None = None,
) -> Neighborhoods:
    """About the points of one of two arranged samples, in their order: what `ks` neighbours need, without indices."""
    radii = []
    for i, sample in enumerate(arranged):
        # One neighbour more tells ties, one less tells atoms.
        wanted = {rank for k in ks for rank in (k, k + 1, max(k, 2) - (i == own)) if rank <= len(sample) - (i == own)}
        ranks = sorted(wanted)
        distances = distances_of_ranks(arranged[own], sample, ranks, n_threads)
        radii.append(dict(zip(ranks, distances)))
    samples = arranged[0].points, arranged[1].points
    return Neighborhoods(samples[own], samples, own, radii, sizes or [len(sample) for sample in samples], n_threads)


def neighborhoods_with_indices(
    samples: tuple[np.ndarray, np.ndarray],
    own: int | None,
    k: int,
    n_threads: int | None,
    points: np.ndarray | None = None,
) -> Neighborhoods:
    """About the rows of sample `own`, or other points: up to k + 1 neighbours and which they are."""
    radii, indices = [], []
    for i, sample in enumerate(samples):
        queries = None if i == own else points if own is None else samples[own]
        count = min(k + 1, len(sample) - (i == own))
        distances, found = kneighbors(sample, queries, count, exclude_self=i == own, n_threads=n_threads)
        radii.append({rank: distances[:, rank - 1] for rank in range(1, count + 1)})
        indices.append(found)
    centres = samples[own] if own is not None else points
    assert centres is not None
    return Neighborhoods(centres, samples, own, radii, [len(sample) for sample in samples], n_threads, indices)

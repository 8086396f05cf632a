"""Divergences between the distribution of a sample, by distances to nearest neighbours, and a density that is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastdens.divergences.generators import Generator
from fastdens.divergences.samples.first_order import sum_of_means
from fastdens.divergences.samples.neighbor_ratios import Estimate
from fastdens.divergences.samples.neighbor_rules import rule_of
from fastdens.divergences.samples.neighbor_space import whitening
from fastdens.divergences.samples.neighbor_terms import corrected_term
from fastdens.neighbors.neighbors import kneighbors


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
    """D_f between the distribution of a sample and a density that is known, of which there may be draws.

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
        which = 0 if (side == 0) == sample_is_first else 1
        sides.append(
            corrected_term(generator, u, k, None, which)
            if sample_is_first
            else corrected_term(generator, -u, None, k, which)
        )
    value, standard_error = sum_of_means(sides[0], sides[1] if draws is not None else np.zeros(2))
    return Estimate(value, standard_error if rule_of(generator).is_corrected else math.nan)


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

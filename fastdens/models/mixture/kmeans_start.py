"""Where EM starts: greedy k-means++ and Lloyd's iteration on a subsample, in units that the data set themselves.

Distances are taken between standardised or whitened features, so a start does not depend on their units.
"""

from __future__ import annotations

import numpy as np

from fastdens.models.mixture import row_order

LARGEST_SUBSAMPLE = 10_000
ROWS_PER_COMPONENT = 30
LLOYD_STEPS = 30
_CHUNK = 2_000_000  # distances held at a time
_LEAST_SHARE = 1e-10  # directions with less than this share of the correlation are left out


def draw_subsample(
    X: np.ndarray, sample_weight: np.ndarray | None, n_components: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """All rows and their weights if there are few, else rows drawn by weight; as float64."""
    size = _subsample_size(n_components)
    if len(X) <= size:
        rows, weights = X, np.ones(len(X)) if sample_weight is None else sample_weight
    elif sample_weight is None:
        rows, weights = X[np.sort(rng.choice(len(X), size, replace=False))], np.ones(size)
    else:
        share = sample_weight / sample_weight.sum()
        rows, weights = X[np.sort(rng.choice(len(X), size, p=share))], np.ones(size)
    return rows.astype(np.float64), weights


def _subsample_size(n_components: int) -> int:
    return max(LARGEST_SUBSAMPLE, ROWS_PER_COMPONENT * n_components)


def draw_unordered_subsample(
    X: np.ndarray, sample_weight: np.ndarray | None, n_components: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The same, whatever order the rows come in: distinct ones, in ascending order, with their weights together."""
    size = _subsample_size(n_components)
    if len(X) <= size:
        return row_order.merged(X.astype(np.float64), np.ones(len(X)) if sample_weight is None else sample_weight)
    rows = row_order.draw_rows(X, sample_weight, size, rng)
    return row_order.merged(X[rows].astype(np.float64), np.ones(size))


def whiten(X: np.ndarray, weights: np.ndarray, units: str) -> np.ndarray:
    """Features in which squared distances make sense, in one of several `units`.

    "correlations": uncorrelated, of unit variance; with few rows for the dimension, correlations are noise and left.
    "features": each of unit variance. "data": one scale for all, of mean variance one.
    "direction": the one direction of the first, and "axis": the one feature of the second, that has the least fourth
    moment; long clusters side by side are apart in it although their centres are close in all the others (the
    invariant coordinates of Tyler, Critchley, Duembgen and Oja, 2009).
    """
    share = weights / weights.sum()
    centred = X - share @ X
    scale = np.sqrt(share @ centred**2)
    varies = scale > 0
    if not varies.any():
        return np.zeros((len(X), 1))
    if units == "data":
        return centred / np.sqrt((scale**2).mean())
    Z = centred[:, varies] / scale[varies]
    if units == "axis":
        return Z[:, [(share @ Z**4).argmin()]]
    if units == "features" or Z.shape[1] == 1 or len(X) < 10 * Z.shape[1]:
        return Z
    values, vectors = np.linalg.eigh((Z.T * share) @ Z)
    kept = values > _LEAST_SHARE * Z.shape[1]
    Z = Z @ (vectors[:, kept] / np.sqrt(values[kept]))
    if units == "direction":
        _, vectors = np.linalg.eigh((Z.T * (share * (Z**2).sum(axis=1))) @ Z)
        return Z @ vectors[:, :1]
    return Z


def squared_distances(Z: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances, (n, n_centres)."""
    products = Z @ centres.T
    distances = (Z**2).sum(axis=1)[:, None] - 2 * products + (centres**2).sum(axis=1)
    return np.maximum(distances, 0.0, out=distances)


def nearest(Z: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index of the nearest centre and squared distance to it."""
    labels, distances = np.empty(len(Z), np.intp), np.empty(len(Z))
    step = max(1, _CHUNK // len(centres))
    for start in range(0, len(Z), step):
        block = squared_distances(Z[start : start + step], centres)
        labels[start : start + step] = best = block.argmin(axis=1)
        distances[start : start + step] = block[np.arange(len(block)), best]
    return labels, distances


def choose_seeds(Z: np.ndarray, weights: np.ndarray, n_components: int, rng: np.random.Generator) -> np.ndarray:
    """Row numbers chosen by greedy k-means++: each the best of a few drawn by squared distance to those before.

    Rows are repeated only where there are fewer distinct rows than components.
    """
    n_trials = 2 + int(np.log(n_components))
    cumulative = np.cumsum(weights)
    seeds = [_draw(cumulative, rng.random(1))[0]]
    closest = squared_distances(Z, Z[seeds])[:, 0]
    closest[seeds[0]] = 0.0
    for _ in range(1, n_components):
        cumulative = np.cumsum(weights * closest)
        if not cumulative[-1] > 0:
            seeds.append(_draw(np.cumsum(weights), rng.random(1))[0])
            continue
        candidates = _draw(cumulative, rng.random(n_trials))
        remaining = np.minimum(closest[:, None], squared_distances(Z, Z[candidates]))
        best = int((weights @ remaining).argmin())
        seeds.append(candidates[best])
        closest = remaining[:, best]
        closest[candidates[best]] = 0.0
    return np.array(seeds)


def _draw(cumulative: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    return np.minimum(np.searchsorted(cumulative, uniform * cumulative[-1], side="right"), len(cumulative) - 1)


def lloyd(Z: np.ndarray, weights: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Labels after Lloyd's iteration; a centre that loses all its rows takes the row farthest from its own."""
    n_components, d = centres.shape
    labels, distances = nearest(Z, centres)
    for _ in range(LLOYD_STEPS):
        totals = np.bincount(labels, weights, n_components)
        sums = np.stack([np.bincount(labels, weights * Z[:, j], n_components) for j in range(d)], axis=1)
        centres = sums / np.where(totals > 0, totals, 1.0)[:, None]
        empty = np.flatnonzero(totals == 0)
        if len(empty):
            centres[empty] = Z[np.resize(np.argsort(distances)[::-1], len(empty))]
        before = labels
        labels, distances = nearest(Z, centres)
        if (labels == before).all():
            break
    return labels

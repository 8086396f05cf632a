"""Parameters that EM for a Gaussian mixture starts from: given by the user, or estimated from a first grouping."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.em.covariances import (
    factor_given_precisions,
    factor_precisions,
    shape_of,
)
from fastdens.em.em import run_em_step
from fastdens.em.moments import Mixture
from fastdens.models.mixture import kmeans_start

STARTS = ("kmeans", "k-means++", "random", "random_from_data")
# Units of the distances in k-means, one start each; after a few steps of EM on the subsample the best is kept.
UNITS = {
    "full": ("correlations", "features", "direction"),
    "tied": ("correlations", "features", "direction"),
    "diag": ("features", "features", "axis"),
    "spherical": ("data", "data"),
}
SHORT_RUN = 5
RANDOM_NUMBERS = 4_000_000  # most random responsibilities drawn for the start of that name


def _check_shape(array: np.ndarray, shape: tuple[int, ...], name: str) -> None:
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")


def check_given(
    weights: Any, means: Any, precisions: Any, covariance_type: str, n_components: int, n_features: int
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """`weights_init`, `means_init` and the Cholesky factors of `precisions_init`, each None where not given."""
    factors = None
    if weights is not None:
        weights = validation.check_sample_weight(weights, n_components, "weights_init")
        if abs(weights.sum() - 1.0) > 1e-6:
            raise ValueError(f"weights_init must sum to 1, got the sum {weights.sum():g}")
        weights = weights / weights.sum()
    if means is not None:
        means = validation.check_data(means, "means_init")
        _check_shape(means, (n_components, n_features), "means_init")
    if precisions is not None:
        precisions = np.asarray(precisions, np.float64)
        _check_shape(precisions, shape_of(covariance_type, n_components, n_features), "precisions_init")
        factors = _factor_given(precisions, covariance_type)
    return weights, means, factors


def _factor_given(precisions: np.ndarray, covariance_type: str) -> np.ndarray:
    if not np.isfinite(precisions).all():
        raise ValueError(f"precisions_init must be finite, got {precisions}")
    if covariance_type in ("diag", "spherical"):
        if not (precisions > 0).all():
            raise ValueError(f"precisions_init must be positive, got {precisions.min()}")
        return factor_given_precisions(precisions, covariance_type)
    if not np.allclose(precisions, np.swapaxes(precisions, -1, -2)):
        raise ValueError(f"precisions_init must be symmetric when covariance_type is {covariance_type!r}")
    try:
        return factor_given_precisions(precisions, covariance_type)
    except np.linalg.LinAlgError:
        raise ValueError(
            f"precisions_init must be positive definite when covariance_type is {covariance_type!r}, got smallest "
            f"eigenvalue {np.linalg.eigvalsh(precisions).min():.3g}"
        ) from None


Groups = list[tuple[np.ndarray, np.ndarray]]  # for each component its rows, and their weights in it


def _random_groups(weights: np.ndarray, n_components: int, rng: np.random.Generator) -> Groups:
    n_rows = min(len(weights), max(RANDOM_NUMBERS // n_components, 2))
    rows = np.arange(n_rows) if n_rows == len(weights) else np.sort(rng.choice(len(weights), n_rows, replace=False))
    shares = rng.random((n_rows, n_components))
    shares *= (weights[rows] / shares.sum(axis=1))[:, None]
    return [(rows, column) for column in shares.T]


def _first_groups(
    X: np.ndarray,
    weights: np.ndarray,
    means: np.ndarray | None,
    init_params: str,
    units: str,
    n_components: int,
    rng: np.random.Generator,
) -> Groups:
    """Rows by nearest given mean, or as `init_params` says."""
    if means is not None:
        Z = kmeans_start.whiten(np.concatenate([X, means]), np.concatenate([weights, np.zeros(n_components)]), units)
        labels = kmeans_start.nearest(Z[: len(X)], Z[len(X) :])[0]
    elif init_params == "random":
        return _random_groups(weights, n_components, rng)
    else:
        Z = kmeans_start.whiten(X, weights, units)
        if init_params == "random_from_data":
            # Rows are repeated only where there are fewer distinct ones than components.
            seeds = rng.choice(len(X), n_components, replace=len(X) < n_components, p=weights / weights.sum())
        else:
            seeds = kmeans_start.choose_seeds(Z, weights, n_components, rng)
        if init_params == "kmeans":
            labels = kmeans_start.lloyd(Z, weights, Z[seeds])
        else:
            labels = kmeans_start.nearest(Z, Z[seeds])[0]
            labels[seeds] = np.arange(n_components)
    order = np.argsort(labels, kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(labels, minlength=n_components))[:-1])
    return [(rows, weights[rows]) for rows in groups]


def _estimate(
    X: np.ndarray, weights: np.ndarray, groups: Groups, reg_covar: float, covariance_type: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights, means and precision factors of groups of rows.

    The covariance of each group is drawn towards that of all groups together, with a tenth of the weight of a group of
    mean size, so that a group with few rows does not start as a needle. A group without rows starts where all rows are.
    """
    d = X.shape[1]
    share = weights / weights.sum()
    centre = share @ X
    X = X - centre
    prior = 0.1 * weights.sum() / len(groups)
    totals = np.array([r.sum() for _, r in groups])
    means = np.stack([r @ X[rows] / r.sum() if len(rows) else np.zeros(d) for rows, r in groups])
    matrices = covariance_type in ("full", "tied")
    scatter = np.zeros((len(groups), d, d) if matrices else (len(groups), d))
    for k, (rows, r) in enumerate(groups):
        difference = X[rows] - means[k]
        weighted = difference * r[:, None]
        scatter[k] = weighted.T @ difference if matrices else (weighted * difference).sum(axis=0)
    pooled = scatter.sum(axis=0) / totals.sum()
    if covariance_type == "tied":
        covariances = pooled
    else:
        covariances = (scatter + prior * pooled) / (totals + prior).reshape(-1, 1, *(1,) * matrices)
    if covariance_type == "spherical":
        covariances = covariances.mean(axis=1)
    covariances = covariances + (reg_covar * np.eye(d) if matrices else reg_covar)
    _, factors = factor_precisions(covariances, covariance_type, share @ X**2)
    totals = np.where(totals > 0, totals, prior)
    return totals / totals.sum(), means + centre, factors


def start(
    X: np.ndarray,
    sample_weight: np.ndarray | None,
    given: tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None],
    init_params: str,
    covariance_type: str,
    n_components: int,
    reg_covar: float,
    rng: np.random.Generator,
    n_threads: int,
) -> Mixture:
    """The mixture that EM starts from; what is given replaces what is estimated."""
    weights, means, factors = given
    if weights is not None and means is not None and factors is not None:
        return Mixture(weights, means, factors, covariance_type)
    # Nothing else is drawn, and sums keep the order of the rows, where there is one component or means are given.
    is_drawn = n_components > 1 and means is None
    subsample = kmeans_start.draw_unordered_subsample if is_drawn else kmeans_start.draw_subsample
    rows, row_weights = subsample(X, sample_weight, n_components, rng)
    several = init_params == "kmeans" and n_components > 1 and all(known is None for known in given)
    starts, bounds = [], []
    for units in UNITS[covariance_type][: None if several else 1]:
        groups = _first_groups(rows, row_weights, means, init_params, units, n_components, rng)
        estimated = _estimate(rows, row_weights, groups, reg_covar, covariance_type)
        parts = [found if known is None else known for known, found in zip(given, estimated)]
        mixture = Mixture(parts[0], parts[1], parts[2], covariance_type)
        bound = 0.0
        for _ in range(SHORT_RUN if several else 0):
            mixture, _, bound = run_em_step(rows, row_weights, mixture, reg_covar, n_threads)
        starts.append(mixture)
        bounds.append(bound)
    return starts[int(np.argmax(bounds))]

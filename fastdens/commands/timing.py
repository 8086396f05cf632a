"""How long scoring takes, and how much faster the compiled loops are than the same computation in plain NumPy."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from fastdens.commands.text import count

_SCORED_ROWS = 2_000
_PAIRS_IN_NUMPY = 2_000_000  # pairs of a point and a query that the reference is given
_QUERIES = 1_000
_ENOUGH_SECONDS = 0.2


def best_time(call: Callable[[], object], repeats: int = 5) -> float:
    """Least time of a few calls, in seconds; fewer where they are slow."""
    best, spent = np.inf, 0.0
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        taken = time.perf_counter() - started
        best, spent = min(best, taken), spent + taken
        if spent > _ENOUGH_SECONDS:
            break
    return float(best)


def seconds_per_point(model: Any, data: np.ndarray) -> float:
    """Time to score one of many rows."""
    rows = data[:_SCORED_ROWS]
    model.score_samples(rows[:1])  # the first call may import what it needs
    return best_time(lambda: model.score_samples(rows)) / len(rows)


Pair = tuple[Callable[[], Any], Callable[[], Any], str]
# From a fitted model, rows and weights to a compiled computation, the same in plain NumPy, and its size in words.
Comparison = Callable[[Any, np.ndarray, "np.ndarray | None"], Pair]


def compared_with_numpy(
    comparison: Comparison, model: Any, data: np.ndarray, weights: np.ndarray | None
) -> tuple[float, str]:
    """How many times faster the compiled computation is, and on what.

    The compiled function and its reference in `fastdens.reference` get the same arguments, of a size that the reference
    can do; rows are repeated where there are few, since a call that takes microseconds tells nothing about loops.
    """
    compiled, of_reference, size = comparison(model, np.ascontiguousarray(data), weights)
    compiled()  # the first call starts threads and fills caches
    return best_time(of_reference) / best_time(compiled), size


def of_scaled(comparison: Comparison) -> Comparison:
    """The comparison of the density of scaled columns."""

    def scaled(model: Any, data: np.ndarray, weights: np.ndarray | None) -> Pair:
        return comparison(model.density_, np.ascontiguousarray((data - model.location_) / model.scale_), weights)

    return scaled


def _points_and_queries(data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As many points as the reference can do, and queries: the rows, over and over where there are few."""
    n_points = min(len(data), _PAIRS_IN_NUMPY // _QUERIES)
    return data[:n_points], _repeated(data, _QUERIES)


def _repeated(data: np.ndarray, n_rows: int) -> np.ndarray:
    return np.resize(data, (n_rows, data.shape[1]))  # the rows from the first on, again and again


def kernel_sum_times(model: Any, data: np.ndarray, weights: np.ndarray | None) -> Pair:
    """Sums over kernels."""
    from fastdens.kernel_sums import kernel_sum
    from fastdens.reference import kernel_sums as reference

    points, queries = _points_and_queries(data)
    arguments = {
        "bandwidth": model.bandwidth_,
        "kernel": model.kernel,
        "weights": None if weights is None else weights[: len(points)],
        "log": True,
    }
    return (
        lambda: kernel_sum.kernel_sum(points, queries, **arguments),
        lambda: reference.kernel_sum(points, queries, **arguments),
        f"kernel sums over {count(len(points))} points at {count(len(queries))}",
    )


def neighbour_times(model: Any, data: np.ndarray, weights: np.ndarray | None) -> Pair:
    """Searches for neighbours."""
    from fastdens.neighbors import neighbors
    from fastdens.reference import neighbors as reference

    points, queries = _points_and_queries(data)
    k = min(model.n_neighbors_, len(points))
    return (
        lambda: neighbors.kneighbors(points, queries, k=k),
        lambda: reference.kneighbors(points, queries, k=k),
        f"{k} nearest of {count(len(points))} points to {count(len(queries))}",
    )


def e_step_times(model: Any, data: np.ndarray, weights: np.ndarray | None) -> Pair:
    """E steps of mixtures."""
    from fastdens.em import em
    from fastdens.reference import em as reference

    k = len(model.weights_)
    rows = _repeated(data, max(1, _PAIRS_IN_NUMPY // (k * data.shape[1])))
    arguments = (rows, model.weights_, model.means_, model.precisions_cholesky_, model.covariance_type)
    return (
        lambda: em.e_step(*arguments),
        lambda: reference.e_step(*arguments),
        f"E step of {k} component{'s' if k > 1 else ''} on {count(len(rows))} points",
    )

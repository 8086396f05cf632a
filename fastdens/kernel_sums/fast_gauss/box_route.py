"""Gaussian kernel sums by boxes: whitening, points left out, and queries for which boxes are not accurate enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastdens.core import validation
from fastdens.kernel_sums.accuracy.roundoff import UNIT_ROUNDOFF
from fastdens.kernel_sums.fast_gauss.box_sums import BoxTransform
from fastdens.kernel_sums.fast_gauss.tail_sums import FEWEST_PAIRS, TailSum, points_that_matter
from fastdens.kernel_sums.planning.planning import SumPlan

if TYPE_CHECKING:
    from fastdens.kernel_sums.kernel_sum import KernelSum


def sums_by_boxes(
    prepared: KernelSum,
    plan: SumPlan,
    Q: np.ndarray,
    log: bool,
    own: np.ndarray | None,
    rtol: float,
    atol: float,
    n_threads: int | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Sums at the rows of Q (logarithms with `log`) and bounds of their absolute errors, rounding aside."""
    X, white, weights = prepared.X, Q, prepared.weights
    bandwidths = prepared.bandwidth.along_axes.widths
    if not prepared.bandwidth.scales_axes:
        centre = X.mean(axis=0)
        X, white = prepared.bandwidth.whitened(X - centre), prepared.bandwidth.whitened(Q - centre)
    X = validation.check_data(np.ascontiguousarray(X), "X")
    white = X if Q is prepared.X else np.ascontiguousarray(white, dtype=np.float64)
    beta, terms, smallest = (plan.options[name] for name in ("beta", "terms", "smallest"))
    transform = BoxTransform(X, bandwidths, weights, beta, int(terms), smallest, n_threads)
    if not transform.covers(white):
        return prepared.direct.evaluate(Q, log=log, own=own, n_threads=n_threads), np.zeros(len(Q))
    sums, errors = transform.evaluate(white, rtol, atol)
    if own is not None:
        own_terms = np.where(own >= 0, 1.0 if weights is None else weights[own], 0.0)
        errors += 4 * UNIT_ROUNDOFF * sums
        sums -= own_terms
        errors[errors > rtol * (sums - errors) + atol] = -1.0
    if own is not None or atol > 0:
        errors[sums <= errors] = -1.0  # such sums have no sign and no logarithm
    with np.errstate(divide="ignore", invalid="ignore"):
        result = np.log(sums, out=sums) if log else sums
    left = np.flatnonzero(errors < 0)
    errors[left] = 0.0
    if left.size * len(X) > FEWEST_PAIRS:
        far_own = None if own is None else own[left]
        logs, found = _far_sums(X, np.ascontiguousarray(white[left]), bandwidths, weights, far_own, n_threads)
        result[left[found]] = logs[found] if log else np.exp(logs[found])
        left = left[~found]
    if left.size:
        result[left] = prepared.direct.evaluate(
            np.ascontiguousarray(Q[left]), log=log, own=None if own is None else own[left], n_threads=n_threads
        )
    return result, errors


def _far_sums(
    X: np.ndarray,
    Q: np.ndarray,
    bandwidths: np.ndarray,
    weights: np.ndarray | None,
    own: np.ndarray | None,
    n_threads: int | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of sums at queries far from all points, and for which queries there are any."""
    chosen = None
    if own is None and X.shape[1] == 1:
        chosen = points_that_matter(X, Q, float(bandwidths[0]), weights)
    if chosen is None:
        return TailSum(X, bandwidths, weights).log_sums(Q, own, n_threads)
    tails = TailSum(X[chosen], bandwidths, None if weights is None else weights[chosen], total=len(X))
    return tails.log_sums(Q, None, n_threads)

"""How far rounding can have moved a kernel sum: rigorous bounds from the sum itself and the weights that it is over.

Every difference, square and exponential is within a few unit roundoffs. For the Gaussian and exponential kernels these
add up to a relative error of the term that grows with its exponent t; over all terms, sum w exp(-t) t <= S ln(W / S)
for weights of total W, by Jensen's inequality, so that the sum S itself tells. For a kernel that is f(g)^s with
g = 1 - u^2, the error of f adds up by Minkowski's inequality over the weights within the radius.
"""

from __future__ import annotations

import math

import numpy as np

from fastdens.kernel_sums.kernels.registry import SmoothingKernel

UNIT_ROUNDOFF = 2.0**-53
# Roundings of a term beside those of its distance, and of its accumulation in lanes and strips of points.
TERM_ROUNDINGS, POINTS_PER_ROUNDING = 68, 512
# Roundings of a squared distance in bandwidths, beside one per feature.
DISTANCE_ROUNDINGS = 10
# Sums over sorted points lose this much by their moments, at most.
MOMENTS_LOSS = 2.0**-41


def of_unbounded_kernel(
    log_share: np.ndarray, kernel: SmoothingKernel, n_points: int, n_features: int, displacement: float
) -> np.ndarray:
    """Relative error of sums of a kernel that is nowhere zero.

    `log_share` is ln(total weight / sum); `displacement` bounds the error of a distance in bandwidths that whitening
    adds.
    """
    share = np.maximum(log_share, 0.0)
    roundings = TERM_ROUNDINGS + n_points / POINTS_PER_ROUNDING + (DISTANCE_ROUNDINGS + n_features) * share
    if kernel.exponent_of_distance:
        return UNIT_ROUNDOFF * roundings + displacement
    return UNIT_ROUNDOFF * roundings + displacement * (np.sqrt(2 * share) + displacement)


def of_compact_kernel(
    sums: np.ndarray,
    weights_within_reach: np.ndarray | float,
    kernel: SmoothingKernel,
    n_points: int,
    n_features: int,
    displacement: float,
) -> np.ndarray:
    """Absolute error of sums of a kernel of bounded support, not the tophat kernel."""
    order = kernel.order_of_contact
    of_gap = kernel.contact_slope * (UNIT_ROUNDOFF * (DISTANCE_ROUNDINGS + 8 + n_features) + 2 * displacement)
    slack = of_gap * np.power(weights_within_reach, 1 / order)
    of_terms = order * slack * (np.power(sums, 1 / order) + slack) ** (order - 1)
    summation = UNIT_ROUNDOFF * (TERM_ROUNDINGS + n_points / POINTS_PER_ROUNDING) + MOMENTS_LOSS
    return of_terms + summation * sums


def smallest_sure_share(kernel: SmoothingKernel, n_features: int, rtol: float) -> float:
    """Share of the total weight from which on a sum of a compact kernel meets the tolerance, whatever it is over."""
    order = kernel.order_of_contact
    of_gap = kernel.contact_slope * UNIT_ROUNDOFF * (DISTANCE_ROUNDINGS + 8 + n_features)
    return min((4 * order * of_gap / rtol) ** order, math.inf)


def of_edge(n_features: int, displacement: float) -> float:
    """Relative error of the radius within which a point counts."""
    return UNIT_ROUNDOFF * (DISTANCE_ROUNDINGS + n_features) + displacement

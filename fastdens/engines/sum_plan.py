"""Which route a kernel sum takes, and with which constants: a cost model in nanoseconds on one core."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fastdens.engines.direct_sums import FEATURE_NS, PAIR_NS, PLAIN_BANDWIDTHS
from fastdens.smoothing_kernels import SmoothingKernel

ROUTES = ("auto", "direct", "grid")

# What rtol = 0 stands for, for float64 and float32 data.
FULL_PRECISION, SINGLE_PRECISION = 1e-12, 1e-6
# Up to so many pairs nothing beats the direct sum, and planning itself would show.
SMALL_PROBLEM = 1 << 21
# Pairs of box width and terms per axis to choose from, and how much smaller than the tolerance the error expected for
# evenly spread points must be, so that queries where the density falls off meet it too.
BOXES = tuple((beta, terms) for beta in (1.0, 1.5, 2.0) for terms in (8, 9, 10, 12, 14, 16, 20, 24))
MARGIN = 6.0
# Box transform: nanoseconds to sort a point (or query) and per term of its expansion, and per multiplication of a
# translation. AVX2, 2-core x86-64 virtual machine, by benchmarks/benchmarks/kernel_sums.py.
SORT_NS, TERM_NS, TRANSLATE_NS = 40.0, 0.4, 0.03


@dataclass(frozen=True)
class SumPlan:
    """A route, why, and what it is expected to cost.

    Attributes
    ----------
    route : str
        "direct" or "grid".
    expected_ns : float
        Expected time on one core, in nanoseconds.
    reason : str
        One sentence.
    beta, terms, smallest : float, int, float
        For "grid": width of a box in bandwidths, Chebyshev terms per axis, where the kernel is cut off.
    """

    route: str
    expected_ns: float
    reason: str
    beta: float = 0.0
    terms: int = 0
    smallest: float = 0.0


def make_plan(
    X: np.ndarray,
    Q: np.ndarray,
    kernel: SmoothingKernel,
    bandwidth: float | np.ndarray,
    rtol: float,
    algorithm: str,
    direct_only: bool,
) -> SumPlan:
    """The cheapest route, or the one asked for where it applies."""
    (n, d), m = X.shape, len(Q)
    direct = SumPlan("direct", n * m * (PAIR_NS + FEATURE_NS * d), "every query against every point is fastest")
    obstacle = _obstacle(d, kernel, bandwidth, direct_only)
    if algorithm == "direct" or (obstacle and algorithm == "auto"):
        return SumPlan("direct", direct.expected_ns, obstacle or "asked for")
    if obstacle:
        raise ValueError(f"algorithm='grid' cannot be used here: {obstacle}")
    grid = min(_grids(X, Q, bandwidth, max(rtol, FULL_PRECISION)), key=lambda plan: plan.expected_ns)
    return grid if algorithm == "grid" or grid.expected_ns < direct.expected_ns else direct


def _obstacle(d: int, kernel: SmoothingKernel, bandwidth: float | np.ndarray, direct_only: bool) -> str:
    """Why boxes cannot be used, or nothing."""
    if kernel.name != "gaussian":
        return f"boxes are for the Gaussian kernel, not kernel={kernel.name!r}"
    if d > 3:
        return f"boxes are for up to three features, not {d}"
    if direct_only:
        return "boxes are for sums over all points with weights that are not negative"
    widths = np.asarray(bandwidth)
    if widths.ndim < 2 and not (PLAIN_BANDWIDTHS[0] < widths.min() and widths.max() < PLAIN_BANDWIDTHS[1]):
        return "the bandwidth is at the end of the range of floating-point numbers"
    return ""


def _grids(X: np.ndarray, Q: np.ndarray, bandwidth: float | np.ndarray, rtol: float) -> list[SumPlan]:
    from fastdens.engines.box_sums import axis_transform

    (n, d), m = X.shape, len(Q)
    widths = np.asarray(bandwidth, dtype=np.float64)
    if widths.ndim == 2:
        widths = np.sqrt(np.diag(widths))
    # Column by column: several times faster than along the first axis of a narrow matrix.
    low = np.array([min(X[:, a].min(), Q[:, a].min()) for a in range(d)])
    high = np.array([max(X[:, a].max(), Q[:, a].max()) for a in range(d)])
    with np.errstate(over="ignore"):
        extent = (high / 2 - low / 2) / widths * 2
    smallest = max(rtol * 1e-8, 1e-22)
    plans = []
    for beta, terms in BOXES:
        reach = math.ceil(math.sqrt(-2 * math.log(smallest)) / beta)
        transform = axis_transform(beta, terms, reach)
        # Error over value for evenly spread points: the sums over offsets approximate integrals over distance.
        height = math.sqrt(2 * math.pi) / beta
        error = d * transform.errors.sum() / height * (transform.heights.sum() / height) ** (d - 1)
        if error > rtol / MARGIN:
            continue
        n_boxes = min(float(n), float(np.prod(extent / beta + 1)))
        with_reach = n_boxes * (1 + (d - 1) * 0.5)
        cost = (n + m) * (SORT_NS + TERM_NS * terms**d) + with_reach * d * (2 * reach + 1) * terms ** (
            d + 1
        ) * TRANSLATE_NS
        plans.append(SumPlan("grid", cost, f"boxes of {beta:g} bandwidths, {terms} terms", beta, terms, smallest))
    if not plans:  # a tolerance near the unit roundoff: the finest there is, and direct sums where it does not do
        plans.append(SumPlan("grid", math.inf, "the finest boxes", 1.0, 20, smallest))
    return plans

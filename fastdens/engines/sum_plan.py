"""Which route a kernel sum takes, and with which constants: a cost model in nanoseconds on one core."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fastdens.engines.direct_sums import FEATURE_NS, PAIR_NS, PLAIN_BANDWIDTHS
from fastdens.smoothing_kernels import SmoothingKernel

ROUTES = ("auto", "direct", "sorted", "grid")

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
# Sorted points: nanoseconds to sort a point (or query), to take a point into the moments, and to evaluate a query;
# measured likewise.
SORT_SIDE_NS, POINT_NS, QUERY_NS = 50.0, 10.0, 120.0
# The exponential kernel's scans lose a light point beside one heavier by more than this, far away.
WIDEST_WEIGHTS = 2.0**200


@dataclass(frozen=True)
class SumPlan:
    """A route, why, and what it is expected to cost.

    Attributes
    ----------
    route : str
        "direct", "sorted" or "grid".
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
    has_values: bool,
    leaves_out: bool = False,
    weights: np.ndarray | None = None,
    is_sorted: bool = False,
) -> SumPlan:
    """The cheapest route, or the one asked for where it applies; `is_sorted`: the points are sorted already."""
    (n, d), m = X.shape, len(Q)
    direct = SumPlan("direct", n * m * (PAIR_NS + FEATURE_NS * d), "every query against every point is fastest")
    if algorithm == "direct":
        return SumPlan("direct", direct.expected_ns, "asked for")
    if algorithm == "sorted" or (algorithm == "auto" and d == 1 and kernel.name != "gaussian"):
        obstacle = _sorting_obstacle(d, kernel, bandwidth, has_values, weights)
        if not obstacle:
            of_points = 0.0 if is_sorted else n * (SORT_SIDE_NS + POINT_NS)
            cost = of_points + m * (SORT_SIDE_NS + QUERY_NS)
            if algorithm == "sorted" or cost < direct.expected_ns:
                return SumPlan("sorted", cost, "exact sums over sorted points, in n log n time")
            return direct
    else:
        obstacle = _box_obstacle(d, kernel, bandwidth, has_values or leaves_out)
    if obstacle and algorithm == "auto":
        return SumPlan("direct", direct.expected_ns, obstacle)
    if obstacle:
        raise ValueError(f"algorithm={algorithm!r} cannot be used here: {obstacle}")
    grid = min(_grids(X, Q, bandwidth, max(rtol, FULL_PRECISION)), key=lambda plan: plan.expected_ns)
    return grid if algorithm == "grid" or grid.expected_ns < direct.expected_ns else direct


def _sorting_obstacle(
    d: int, kernel: SmoothingKernel, bandwidth: float | np.ndarray, has_values: bool, weights: np.ndarray | None
) -> str:
    """Why sorted points cannot be used, or nothing."""
    if d > 1:
        return f"sorted points are for one feature, not {d}"
    if kernel.name == "gaussian":
        return "sorted points are for every kernel but the Gaussian, for which algorithm='grid' takes linear time"
    if has_values:
        return "sorted points are for sums with weights that are not negative, without values"
    if _is_extreme(bandwidth):
        return "the bandwidth is at the end of the range of floating-point numbers"
    if weights is not None and not kernel.is_compact:
        positive = weights[weights > 0]
        if len(positive) and positive.max() > WIDEST_WEIGHTS * positive.min():
            return "the weights are spread too wide for the scans of the exponential kernel"
    return ""


def _box_obstacle(d: int, kernel: SmoothingKernel, bandwidth: float | np.ndarray, direct_only: bool) -> str:
    """Why boxes cannot be used, or nothing."""
    if kernel.name != "gaussian":
        return f"boxes are for the Gaussian kernel, not kernel={kernel.name!r}"
    if d > 3:
        return f"boxes are for up to three features, not {d}"
    if direct_only:
        return "boxes are for sums over all points with weights that are not negative"
    if _is_extreme(bandwidth):
        return "the bandwidth is at the end of the range of floating-point numbers"
    return ""


def _is_extreme(bandwidth: float | np.ndarray) -> bool:
    widths = np.asarray(bandwidth)
    if widths.ndim == 2:
        return False
    return not (PLAIN_BANDWIDTHS[0] < widths.min() and widths.max() < PLAIN_BANDWIDTHS[1])


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

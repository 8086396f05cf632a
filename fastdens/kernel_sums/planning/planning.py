"""Which route a kernel sum takes, and with which constants: a cost model in nanoseconds on one core."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from fastdens.kernel_sums.bandwidth import Bandwidth
from fastdens.kernel_sums.kernels.registry import SmoothingKernel
from fastdens.kernel_sums.planning.costs import (
    BOX_SORT_NS,
    BOX_TERM_NS,
    BOX_TRANSLATE_NS,
    FEATURE_NS,
    SORT_SIDE_NS,
    SORTED_POINT_NS,
    SORTED_QUERY_NS,
    TREE_BUILD_NS,
    TREE_QUERY_NS,
)

ROUTES = ("auto", "direct", "sorted", "grid", "tree")

# What rtol = 0 stands for, for float64 and float32 data.
FULL_PRECISION, SINGLE_PRECISION = 1e-12, 1e-6
# Up to so many pairs nothing beats the direct sum, and planning itself would show.
SMALL_PROBLEM = 1 << 21
# Pairs of box width and terms per axis to choose from, and how much smaller than the tolerance the error expected for
# evenly spread points must be, so that queries where the density falls off meet it too.
BOXES = tuple((beta, terms) for beta in (1.0, 1.5, 2.0) for terms in (8, 9, 10, 12, 14, 16, 20, 24))
MARGIN = 6.0
# Tree: points per leaf, and how many points and queries are looked at to tell what a query has to look at.
LEAF_SIZE, SAMPLED_POINTS, SAMPLED_QUERIES = 64, 1024, 32
# The exponential kernel's scans lose a light point beside one heavier by more than this, far away.
WIDEST_WEIGHTS = 2.0**200


@dataclass(frozen=True)
class SumProblem:
    """What the choice of a route depends on. `rtol` is not below working precision; `is_sorted`: of X, already."""

    X: np.ndarray
    Q: np.ndarray
    kernel: SmoothingKernel
    bandwidth: Bandwidth
    rtol: float
    weights: np.ndarray | None = None
    has_values: bool = False
    leaves_out: bool = False
    is_sorted: bool = False


@dataclass(frozen=True)
class SumPlan:
    """A route, why, and what it is expected to cost.

    Attributes
    ----------
    route : str
        "direct", "sorted", "grid" or "tree".
    expected_ns : float
        Expected time on one core, in nanoseconds.
    reason : str
        How the route works, in a few words.
    rtol : float
        Largest relative error: the tolerance asked for, or working precision. It holds at every query; "grid" and
        "tree" sum a query again where its certified bound is larger.
    options : mapping
        Constants of the route; for "grid" `beta` (width of a box in bandwidths), `terms` (Chebyshev terms per axis)
        and `smallest` (where the kernel is cut off).
    others : mapping
        The other routes: expected nanoseconds, or why they cannot be used.
    """

    route: str
    expected_ns: float
    reason: str
    rtol: float = FULL_PRECISION
    options: Mapping[str, float] = field(default_factory=dict)
    others: Mapping[str, float | str] = field(default_factory=dict)

    def explain(self) -> str:
        """The plan in words: the route, its expected time and error, and the routes not taken.

        Returns
        -------
        str
            A few lines of text.
        """
        lines = [
            f"route: {self.route} ({self.reason})",
            f"expected time on one core: {_in_words(self.expected_ns)}",
            f"relative error at every query: at most {self.rtol:.0e}",
        ]
        for route, cost in self.others.items():
            told = cost if isinstance(cost, str) else f"expected to take {_in_words(cost)}"
            lines.append(f"not {route}: {told}")
        return "\n".join(lines)


def _in_words(ns: float) -> str:
    for unit, size in (("h", 3.6e12), ("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns:.3g} ns"


def make_plan(problem: SumProblem, algorithm: str) -> SumPlan:
    """The cheapest route, or the one asked for where it applies."""
    if algorithm != "auto":
        plan = _PLANNERS[algorithm](problem)
        if isinstance(plan, str):
            raise ValueError(f"algorithm={algorithm!r} cannot be used here: {plan}")
        return plan
    if len(problem.X) * len(problem.Q) <= SMALL_PROBLEM:
        return _direct(problem)
    found = {route: planner(problem) for route, planner in _PLANNERS.items()}
    best = min((plan for plan in found.values() if isinstance(plan, SumPlan)), key=lambda plan: plan.expected_ns)
    others = {
        route: plan if isinstance(plan, str) else plan.expected_ns
        for route, plan in found.items()
        if route != best.route
    }
    return replace(best, others=others)


def _direct(problem: SumProblem) -> SumPlan:
    (n, d), m = problem.X.shape, len(problem.Q)
    cost = n * m * (problem.kernel.pair_ns + FEATURE_NS * d)
    return SumPlan("direct", cost, "every query against every point", problem.rtol)


def _sorted(problem: SumProblem) -> SumPlan | str:
    kernel, weights = problem.kernel, problem.weights
    (n, d), m = problem.X.shape, len(problem.Q)
    if d > 1:
        return f"sorted points are for one feature, not {d}"
    if kernel.sorted_moments is None:
        return f"sorted points are for kernels whose sums follow from moments, not kernel={kernel.name!r}"
    if problem.has_values:
        return "sorted points are for sums with weights that are not negative, without values"
    if problem.bandwidth.is_extreme:
        return "the bandwidth is at the end of the range of floating-point numbers"
    if weights is not None and not kernel.is_compact:
        positive = weights[weights > 0]
        if len(positive) and positive.max() > WIDEST_WEIGHTS * positive.min():
            return "the weights are spread too wide for the scans of the exponential kernel"
    of_points = 0.0 if problem.is_sorted else n * (SORT_SIDE_NS + SORTED_POINT_NS)
    cost = of_points + m * (SORT_SIDE_NS + SORTED_QUERY_NS)
    return SumPlan("sorted", cost, "exact sums over sorted points, in n log n time", problem.rtol)


def _grid(problem: SumProblem) -> SumPlan | str:
    d = problem.X.shape[1]
    if not problem.kernel.is_product:
        return f"boxes are for the Gaussian kernel, not kernel={problem.kernel.name!r}"
    if d > 3:
        return f"boxes are for up to three features, not {d}"
    if problem.has_values:
        return "boxes are for sums with weights that are not negative, without values"
    if problem.bandwidth.is_extreme:
        return "the bandwidth is at the end of the range of floating-point numbers"
    return min(_boxes(problem), key=lambda plan: plan.expected_ns)


def _tree(problem: SumProblem) -> SumPlan | str:
    (n, d), m = problem.X.shape, len(problem.Q)
    if d < 2:
        return "trees are for two features and more"
    if problem.has_values:
        return "trees are for sums with weights that are not negative, without values"
    if problem.bandwidth.is_extreme:
        return "the bandwidth is at the end of the range of floating-point numbers"
    near = n * _share_within_reach(problem)
    per_query = TREE_QUERY_NS + near * (problem.kernel.pair_ns + FEATURE_NS * d)
    cost = (n + m) * TREE_BUILD_NS + m * per_query
    return SumPlan("tree", cost, "every query against the points near it", problem.rtol)


def _share_within_reach(problem: SumProblem) -> float:
    """Share of the points that a query is compared with, from a sample of both: those in leaves that matter."""
    (n, d), m = problem.X.shape, len(problem.Q)
    if min(n, m) == 0:
        return 1.0
    X = problem.X[:: max(1, n // SAMPLED_POINTS)].astype(np.float64)
    Q = problem.Q[:: max(1, m // SAMPLED_QUERIES)].astype(np.float64)
    widths = problem.bandwidth.along_axes.widths
    if not problem.bandwidth.scales_axes:
        X, Q = problem.bandwidth.whitened(X), problem.bandwidth.whitened(Q)
    with np.errstate(over="ignore", under="ignore"):
        u = np.sqrt(sum(((Q[:, a, None] - X[:, a]) / widths[a]) ** 2 for a in range(d)))
        if problem.kernel.is_compact:
            shares = (u < 1).mean(axis=1)
        else:
            # The nearest points first, until the rest is within the tolerance.
            values = problem.kernel.profile(np.sort(u, axis=1)[:, ::-1])
            shares = 1 - (np.cumsum(values, axis=1) <= problem.rtol * values.sum(axis=1)[:, None]).mean(axis=1)
    wider = (shares ** (1 / d) + (LEAF_SIZE / n) ** (1 / d)) ** d
    return float(np.minimum(wider, 1.0).mean())


_PLANNERS = {"direct": _direct, "sorted": _sorted, "grid": _grid, "tree": _tree}


def _boxes(problem: SumProblem) -> list[SumPlan]:
    """The box transform with every pair of width and terms that is accurate enough."""
    from fastdens.kernel_sums.fast_gauss.box_interpolants import axis_transform

    X, Q, rtol = problem.X, problem.Q, problem.rtol
    (n, d), m = X.shape, len(Q)
    widths = problem.bandwidth.widths
    # Column by column: several times faster than along the first axis of a narrow matrix.
    low = np.array([min(X[:, a].min(), Q[:, a].min()) for a in range(d)])
    high = np.array([max(X[:, a].max(), Q[:, a].max()) for a in range(d)])
    with np.errstate(over="ignore"):
        extent = (high / 2 - low / 2) / widths * 2
    finest = max(rtol, FULL_PRECISION)
    smallest = max(finest * 1e-8, 1e-22)
    plans = []
    for beta, terms in BOXES:
        reach = math.ceil(math.sqrt(-2 * math.log(smallest)) / beta)
        transform = axis_transform(beta, terms, reach)
        # Error over value for evenly spread points: the sums over offsets approximate integrals over distance.
        height = math.sqrt(2 * math.pi) / beta
        error = d * transform.errors.sum() / height * (transform.heights.sum() / height) ** (d - 1)
        if error > finest / MARGIN:
            continue
        n_boxes = min(float(n), float(np.prod(extent / beta + 1)))
        with_reach = n_boxes * (1 + (d - 1) * 0.5)
        of_points = (n + m) * (BOX_SORT_NS + BOX_TERM_NS * terms**d)
        of_boxes = with_reach * d * (2 * reach + 1) * terms ** (d + 1) * BOX_TRANSLATE_NS
        plans.append(_boxes_of(beta, terms, smallest, of_points + of_boxes, rtol))
    # A tolerance near the unit roundoff: the finest there is, and direct sums where it does not do.
    return plans or [_boxes_of(1.0, 20, smallest, math.inf, rtol)]


def _boxes_of(beta: float, terms: int, smallest: float, cost: float, rtol: float) -> SumPlan:
    options = {"beta": beta, "terms": terms, "smallest": smallest}
    return SumPlan("grid", cost, f"boxes of {beta:g} bandwidths, {terms} terms per axis", rtol, options)

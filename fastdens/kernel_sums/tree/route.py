"""Every query against the points near it, which a tree finds."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastdens.kernel_sums.planning.costs import FEATURE_NS, TREE_BUILD_NS, TREE_QUERY_NS
from fastdens.kernel_sums.planning.route import Route
from fastdens.kernel_sums.planning.sum_plan import SumPlan
from fastdens.kernel_sums.problem import SumProblem, SumRequest, Sums
from fastdens.kernel_sums.tree.tree_sums import LEAF_SIZE, TreeSum

# How many points and queries are looked at to tell what a query has to look at.
SAMPLED_POINTS, SAMPLED_QUERIES = 1024, 32


class Tree(Route):
    """A kd-tree with a certificate per query, for two features and more."""

    name, what = "tree", "trees"
    then = ("direct",)

    def _refusal(self, problem: SumProblem) -> str:
        return "trees are for two features and more" if problem.n_features < 2 else ""

    def _plan(self, problem: SumProblem, request: SumRequest, prepared: Any) -> SumPlan:
        n, m = problem.n_points, len(request.Q)
        near = n * _share_within_reach(problem, request)
        per_query = TREE_QUERY_NS + near * (problem.kernel.pair_ns + FEATURE_NS * problem.n_features)
        cost = (n + m) * TREE_BUILD_NS + m * per_query
        return SumPlan(self.name, cost, "every query against the points near it", request.rtol)

    def prepare(self, problem: SumProblem, n_threads: int | None) -> TreeSum:
        return TreeSum(problem.X, problem.kernel, problem.bandwidth, problem.weights, n_threads)

    def evaluate(self, prepared: TreeSum, request: SumRequest, plan: SumPlan) -> Sums:
        sums, errors = prepared.evaluate(request.Q, request.rtol, request.atol, request.own, request.n_threads)
        with np.errstate(divide="ignore"):
            values = np.log(sums) if request.log else sums
        return Sums(values, errors, np.flatnonzero(errors < 0))


def _share_within_reach(problem: SumProblem, request: SumRequest) -> float:
    """Share of the points that a query is compared with, from a sample of both: those in leaves that matter."""
    (n, d), m = problem.X.shape, len(request.Q)
    if min(n, m) == 0:
        return 1.0
    X = problem.X[:: max(1, n // SAMPLED_POINTS)].astype(np.float64)
    Q = request.Q[:: max(1, m // SAMPLED_QUERIES)].astype(np.float64)
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
            shares = 1 - (np.cumsum(values, axis=1) <= request.rtol * values.sum(axis=1)[:, None]).mean(axis=1)
    wider = (shares ** (1 / d) + (LEAF_SIZE / n) ** (1 / d)) ** d
    return float(np.minimum(wider, 1.0).mean())

"""Every query against every point: the route that is always there."""

from __future__ import annotations

from typing import Any

from fastdens.kernel_sums.direct.direct_sums import DirectSum
from fastdens.kernel_sums.planning.costs import FEATURE_NS
from fastdens.kernel_sums.planning.route import Route
from fastdens.kernel_sums.planning.sum_plan import SumPlan
from fastdens.kernel_sums.problem import SumProblem, SumRequest, Sums


class Direct(Route):
    """Sums of all points, by whichever of differences and scalar products is faster."""

    name, what = "direct", "direct sums"
    takes_values = takes_metrics = takes_extreme_bandwidths = True

    def _plan(self, problem: SumProblem, request: SumRequest, prepared: Any) -> SumPlan:
        pair_ns = problem.kernel.pair_ns + FEATURE_NS * problem.n_features
        cost = problem.n_points * len(request.Q) * pair_ns
        return SumPlan(self.name, cost, "every query against every point", request.rtol)

    def prepare(self, problem: SumProblem, n_threads: int | None) -> DirectSum:
        return DirectSum(problem.X, problem.kernel, problem.bandwidth, problem.weights, problem.values, problem.metric)

    def evaluate(self, prepared: DirectSum, request: SumRequest, plan: SumPlan) -> Sums:
        return Sums(prepared.evaluate(request.Q, log=request.log, own=request.own, n_threads=request.n_threads))

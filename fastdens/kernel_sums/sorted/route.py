"""Exact sums of one feature over sorted points, in the time of sorting."""

from __future__ import annotations

from typing import Any

from fastdens.kernel_sums.planning.costs import SORT_SIDE_NS, SORTED_POINT_NS, SORTED_QUERY_NS
from fastdens.kernel_sums.planning.route import Route
from fastdens.kernel_sums.planning.sum_plan import SumPlan
from fastdens.kernel_sums.problem import SumProblem, SumRequest, Sums
from fastdens.kernel_sums.sorted.sorted_sums import SortedSum

# The exponential kernel's scans lose a light point beside one heavier by more than this, far away.
WIDEST_WEIGHTS = 2.0**200


class Sorted(Route):
    """Moments of sorted points, for the kernels that have them."""

    name, what = "sorted", "sorted points"

    def _refusal(self, problem: SumProblem) -> str:
        kernel = problem.kernel
        if problem.n_features > 1:
            return f"sorted points are for one feature, not {problem.n_features}"
        if kernel.sorted_moments is None:
            return f"sorted points are for kernels whose sums follow from moments, not kernel={kernel.name!r}"
        return ""

    def _general_refusal(self, problem: SumProblem) -> str:
        refusal = super()._general_refusal(problem)
        if not refusal and problem.weights is not None and not problem.kernel.is_compact:
            positive = problem.weights[problem.weights > 0]
            if len(positive) and positive.max() > WIDEST_WEIGHTS * positive.min():
                return "the weights are spread too wide for the scans of the exponential kernel"
        return refusal

    def _plan(self, problem: SumProblem, request: SumRequest, prepared: Any) -> SumPlan:
        of_points = 0.0 if prepared is not None else problem.n_points * (SORT_SIDE_NS + SORTED_POINT_NS)
        cost = of_points + len(request.Q) * (SORT_SIDE_NS + SORTED_QUERY_NS)
        return SumPlan(self.name, cost, "exact sums over sorted points, in n log n time", request.rtol)

    def prepare(self, problem: SumProblem, n_threads: int | None) -> SortedSum:
        width = float(problem.bandwidth.widths[0])
        return SortedSum(problem.X, problem.kernel, width, problem.weights, n_threads)

    def evaluate(self, prepared: SortedSum, request: SumRequest, plan: SumPlan) -> Sums:
        values, in_doubt = prepared.evaluate(
            request.Q, log=request.log, own=request.own, rtol=request.rtol, n_threads=request.n_threads
        )
        return Sums(values, in_doubt=in_doubt)

"""Queries far from all points, which other routes leave unresolved: only the nearest points matter there."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastdens.kernel_sums.far.far_sums import FEWEST_PAIRS, FarSum, points_that_matter
from fastdens.kernel_sums.planning.route import Route
from fastdens.kernel_sums.planning.sum_plan import SumPlan
from fastdens.kernel_sums.problem import SumProblem, SumRequest, Sums


class Far(Route):
    """The points near the nearest one, found by a tree; queries among many points stay unresolved."""

    name, what = "far", "sums far from all points"
    then = ("direct",)

    def _plan(self, problem: SumProblem, request: SumRequest, prepared: Any) -> SumPlan:
        return SumPlan(self.name, 0.0, "every query against the points near its nearest one", request.rtol)

    def prepare(self, problem: SumProblem, n_threads: int | None) -> SumProblem:
        return problem  # which points matter depends on the request

    def evaluate(self, prepared: SumProblem, request: SumRequest, plan: SumPlan) -> Sums:
        m, points, weights = len(request.Q), prepared.along_axes, prepared.weights
        if m * prepared.n_points <= FEWEST_PAIRS.value:
            return Sums(np.zeros(m), unresolved=np.arange(m))
        queries = points.queries(request.Q)
        chosen = None
        if request.own is None and prepared.n_features == 1:
            chosen = points_that_matter(points.X, queries, float(points.widths[0]), weights)
        if chosen is None:
            tails = FarSum(points.X, points.widths, weights)
        else:
            its_weights = None if weights is None else weights[chosen]
            tails = FarSum(points.X[chosen], points.widths, its_weights, total=prepared.n_points)
        logs, found = tails.log_sums(queries, request.own, request.n_threads)
        return Sums(logs if request.log else np.exp(logs), unresolved=np.flatnonzero(~found))

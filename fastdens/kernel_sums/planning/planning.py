"""Which route a kernel sum takes: the cheapest by a cost model in nanoseconds on one core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fastdens.kernel_sums.planning.routes import FIRST_ROUTES, ROUTE_OF
from fastdens.kernel_sums.planning.sum_plan import SumPlan
from fastdens.kernel_sums.problem import SumProblem, SumRequest

# Up to so many pairs nothing beats the direct sum, and planning itself would show.
SMALL_PROBLEM = 1 << 21


def make_plan(
    problem: SumProblem, request: SumRequest, algorithm: str = "auto", prepared: Mapping[str, Any] | None = None
) -> SumPlan:
    """The cheapest route, or the one asked for where it applies; `prepared` is what routes have made, by name."""
    prepared = {} if prepared is None else prepared
    name = ROUTE_OF[algorithm]
    if name != "auto":
        plan = FIRST_ROUTES[name].plan(problem, request, prepared.get(name))
        if isinstance(plan, str):
            raise ValueError(f"algorithm={algorithm!r} cannot be used here: {plan}")
        return plan
    if problem.n_points * len(request.Q) <= SMALL_PROBLEM:
        return make_plan(problem, request, "direct", prepared)
    found = {name: route.plan(problem, request, prepared.get(name)) for name, route in FIRST_ROUTES.items()}
    best = min((plan for plan in found.values() if isinstance(plan, SumPlan)), key=lambda plan: plan.expected_ns)
    others = {
        name: plan if isinstance(plan, str) else plan.expected_ns for name, plan in found.items() if name != best.route
    }
    return replace(best, others=others)

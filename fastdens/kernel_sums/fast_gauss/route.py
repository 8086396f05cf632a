"""Gaussian kernel sums by boxes: which boxes, points left out, and queries for which boxes are not accurate enough."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastdens.kernel_sums.accuracy.roundoff import UNIT_ROUNDOFF
from fastdens.kernel_sums.fast_gauss.box_interpolants import axis_transform
from fastdens.kernel_sums.fast_gauss.box_sums import BoxTransform
from fastdens.kernel_sums.planning.costs import BOX_SORT_NS, BOX_TERM_NS, BOX_TRANSLATE_NS
from fastdens.kernel_sums.planning.route import Route
from fastdens.kernel_sums.planning.sum_plan import SumPlan
from fastdens.kernel_sums.problem import FULL_PRECISION, SumProblem, SumRequest, Sums

# Pairs of box width and terms per axis to choose from, and how much smaller than the tolerance the error expected for
# evenly spread points must be, so that queries where the density falls off meet it too.
BOXES = tuple((beta, terms) for beta in (1.0, 1.5, 2.0) for terms in (8, 9, 10, 12, 14, 16, 20, 24))
MARGIN = 6.0
MOST_FEATURES = 3


class FastGauss(Route):
    """The box transform, for the Gaussian kernel in up to three dimensions."""

    name, what = "fast_gauss", "boxes"
    then = ("far", "direct")

    def _refusal(self, problem: SumProblem) -> str:
        if not problem.kernel.is_product:
            return f"boxes are for the Gaussian kernel, not kernel={problem.kernel.name!r}"
        if problem.n_features > MOST_FEATURES:
            return f"boxes are for up to three features, not {problem.n_features}"
        return ""

    def _plan(self, problem: SumProblem, request: SumRequest, prepared: Any) -> SumPlan:
        return min(self._plans(problem, request), key=lambda plan: plan.expected_ns)

    def _plans(self, problem: SumProblem, request: SumRequest) -> list[SumPlan]:
        """One for every pair of width and terms that is accurate enough."""
        X, Q, rtol = problem.X, request.Q, request.rtol
        (n, d), m = X.shape, len(Q)
        # Column by column: several times faster than along the first axis of a narrow matrix.
        low = np.array([min(X[:, a].min(), Q[:, a].min()) for a in range(d)])
        high = np.array([max(X[:, a].max(), Q[:, a].max()) for a in range(d)])
        with np.errstate(over="ignore"):
            extent = (high / 2 - low / 2) / problem.bandwidth.widths * 2
        finest = max(rtol, FULL_PRECISION)
        smallest = max(finest * 1e-8, 1e-22)
        plans = []
        for beta, terms in BOXES:
            half_width = math.ceil(math.sqrt(-2 * math.log(smallest)) / beta)
            transform = axis_transform(beta, terms, half_width)
            # Error over value for evenly spread points: the sums over offsets approximate integrals over distance.
            height = math.sqrt(2 * math.pi) / beta
            error = d * transform.errors.sum() / height * (transform.heights.sum() / height) ** (d - 1)
            if error > finest / MARGIN:
                continue
            n_boxes = min(float(n), float(np.prod(extent / beta + 1)))
            with_half_width = n_boxes * (1 + (d - 1) * 0.5)
            of_points = (n + m) * (BOX_SORT_NS + BOX_TERM_NS * terms**d)
            of_boxes = with_half_width * d * (2 * half_width + 1) * terms ** (d + 1) * BOX_TRANSLATE_NS
            plans.append(self._plan_of(beta, terms, smallest, of_points + of_boxes, rtol))
        # A tolerance near the unit roundoff: the finest there is, and direct sums where it does not do.
        return plans or [self._plan_of(1.0, 20, smallest, math.inf, rtol)]

    def _plan_of(self, beta: float, terms: int, smallest: float, cost: float, rtol: float) -> SumPlan:
        options = {"beta": beta, "terms": terms, "smallest": smallest}
        return SumPlan(self.name, cost, f"boxes of {beta:g} bandwidths, {terms} terms per axis", rtol, options)

    def prepare(self, problem: SumProblem, n_threads: int | None) -> SumProblem:
        return problem  # which boxes there are depends on the request; its points along axes are made once

    def evaluate(self, prepared: SumProblem, request: SumRequest, plan: SumPlan) -> Sums:
        points, weights, own = prepared.along_axes, prepared.weights, request.own
        beta, terms, smallest = (plan.options[name] for name in ("beta", "terms", "smallest"))
        transform = BoxTransform(
            points.X, points.widths, weights, beta, int(terms), smallest, request.n_threads
        )  # fmt: skip
        queries = points.queries(request.Q)
        if not transform.covers(queries):
            n = len(queries)
            return Sums(np.zeros(n), np.zeros(n), np.arange(n))
        sums, errors = transform.evaluate(queries, request.rtol, request.atol)
        if own is not None:
            own_terms = np.where(own >= 0, 1.0 if weights is None else weights[own], 0.0)
            errors += 4 * UNIT_ROUNDOFF * sums
            sums -= own_terms
            errors[errors > request.rtol * (sums - errors) + request.atol] = -1.0
        if own is not None or request.atol > 0:
            errors[sums <= errors] = -1.0  # such sums have no sign and no logarithm
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.log(sums, out=sums) if request.log else sums
        return Sums(values, errors, np.flatnonzero(errors < 0))

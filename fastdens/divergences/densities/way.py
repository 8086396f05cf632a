"""Divergences of two densities: both sides in one form, and the routes in turn."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from fastdens.core.threads import check_n_threads, threads
from fastdens.divergences.densities.density_route import Pair
from fastdens.divergences.densities.routes import AUTOMATIC, ROUTES
from fastdens.divergences.densities.sides import same_dimension, side_of
from fastdens.divergences.result import Divergence, computed
from fastdens.divergences.way import Request, Way

HERE = "where no side is a sample"
# What every route may be told; each states which of them it heeds.
OPTIONS = ("tolerance", "standard_error", "max_evaluations")


class OfDensities(Way):
    """The first route that has an answer; the last one says why there is none."""

    methods = tuple(ROUTES)

    def takes(self, P: Any, Q: Any) -> bool:
        return True

    def divergence(self, P: Any, Q: Any, request: Request) -> Divergence:
        request.refuse(("weights", "n_neighbors", "model", "n_folds"), HERE)
        request.check_method(self.methods, HERE)
        routes = AUTOMATIC if request.is_automatic else (ROUTES[request.method],)
        heeded = {option for route in routes for option in route.options}
        request.refuse(tuple(name for name in OPTIONS if name not in heeded), f"with method={request.method!r}")
        pair = _pair(P, Q, request)
        if pair.p.model is pair.q.model:
            return computed(request.kind, 0.0, 0.0, "closed_form")
        with nullcontext() if request.n_threads is None else threads(check_n_threads(request.n_threads)):
            for route in routes:
                found = route.divergence(pair, request)
                if found is not None:
                    return found
        raise ValueError(routes[-1].refusal(pair, request))


def _pair(P: Any, Q: Any, request: Request) -> Pair:
    samplers = request.sampler_pair()
    p, q = (side_of(value, name, request.support, sampler) for value, name, sampler in zip((P, Q), "PQ", samplers))
    if not (p.is_function or q.is_function):
        request.refuse(("support",), "where neither side is a log-density")
    for side, sampler in zip((p, q), samplers):
        if sampler is not None and not side.is_function:
            raise ValueError(f"samplers must be None for {side.name}, which is no log-density, got {sampler!r}")
    return Pair(*same_dimension(p, q))

"""The routes between two densities: formulas, quadrature, draws and bounds; and the order in which they are tried."""

from __future__ import annotations

import warnings

from fastdens.divergences.densities import closed_forms
from fastdens.divergences.densities.density_route import DensityRoute, Pair
from fastdens.divergences.densities.mixture_bounds import mixture_bounds
from fastdens.divergences.densities.monte_carlo import monte_carlo
from fastdens.divergences.densities.quadrature import MOST_EVALUATIONS, Quadrature
from fastdens.divergences.result import Divergence
from fastdens.divergences.way import Request


class ClosedForm(DensityRoute):
    """Formulas: two Gaussians, two piecewise constant densities."""

    name = "closed_form"

    def divergence(self, pair: Pair, request: Request) -> Divergence | None:
        if pair.gaussians is not None:
            return closed_forms.gaussian_divergence(*pair.gaussians, request.kind)
        if pair.p.cells is not None and pair.q.cells is not None:
            return closed_forms.cells_divergence(pair.p.cells, pair.q.cells, request.kind)
        return None

    def refusal(self, pair: Pair, request: Request) -> str:
        return (
            f"method='closed_form' has no formula for kind={request.kind.name!r} of these two sides; use {pair.way_out}"
        )


class Drawn(DensityRoute):
    """Importance sampling from both."""

    name = "monte_carlo"
    options = ("standard_error", "max_evaluations")

    def divergence(self, pair: Pair, request: Request) -> Divergence | None:
        if not pair.can_draw:
            return None
        # Asked for by name it draws from what was given, else from what quadrature was given before.
        drawn = pair.reduced if request.is_automatic else pair
        goal, budget = request.standard_error, request.max_evaluations or MOST_EVALUATIONS
        found, reached = monte_carlo(drawn.p, drawn.q, request.kind, request.random, goal, budget)
        if not reached and goal is not None:
            warnings.warn(
                f"standard_error={goal:g} was not reached in {found.n_evaluations} evaluations: it is "
                f"{found.standard_error:.3g}; raise max_evaluations",
                stacklevel=4,
            )
        return found

    def refusal(self, pair: Pair, request: Request) -> str:
        side = pair.p if pair.p.draw is None else pair.q
        return (
            f"{side.name} must have a sampler for Monte Carlo in {side.n_features} dimensions: give samplers, or an "
            "object with sample, got none"
        )


class Bounds(DensityRoute):
    """Bounds that are certain, for mixtures of Gaussians."""

    name = "bounds"

    def divergence(self, pair: Pair, request: Request) -> Divergence | None:
        if pair.p.components is None or pair.q.components is None:
            return None
        return mixture_bounds(pair.p.components, pair.q.components, request.kind)

    def refusal(self, pair: Pair, request: Request) -> str:
        if pair.are_mixtures:
            return f"method='bounds' has no bounds for kind={request.kind.name!r}; use {pair.way_out}"
        side = pair.p if pair.p.components is None else pair.q
        return (
            f"method='bounds' is for Gaussians and their mixtures, got {side.name} a {type(side.model).__name__}; use "
            f"{pair.way_out}"
        )


AUTOMATIC: tuple[DensityRoute, ...] = (ClosedForm(), Quadrature(), Drawn())
ROUTES: dict[str, DensityRoute] = {route.name: route for route in (*AUTOMATIC, Bounds())}

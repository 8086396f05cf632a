"""The route by adaptive quadrature in one and two dimensions, and whether what it found is to be believed."""

from __future__ import annotations

import math

from fastdens.divergences.densities.density_route import DensityRoute, Pair
from fastdens.divergences.densities.line_integrals import Integral, line_divergence
from fastdens.divergences.densities.plane_integrals import plane_divergence
from fastdens.divergences.densities.sides import Side
from fastdens.divergences.generators import Generator
from fastdens.divergences.result import Divergence, computed
from fastdens.divergences.way import Request

# Errors aimed at in one and in two dimensions; there the kink of |p - q| lies along a curve, and costs more.
LINE_TOLERANCE, PLANE_TOLERANCE, KINKED_PLANE_TOLERANCE = 1e-12, 1e-9, 1e-6
MOST_EVALUATIONS = 2**22
# An integral in the plane that misses its tolerance is kept where it is right to so much of itself.
GOOD_ENOUGH = 1e-4
# Evaluations in the plane after which draws take over where they can, but for mixtures, whose densities are cheap.
MOST_BEFORE_DRAWS = 2**20


class Quadrature(DensityRoute):
    """Leaves to draws, where these are possible and no method was asked for, what it cannot do well."""

    name = "quadrature"
    options = ("tolerance", "max_evaluations")

    def divergence(self, pair: Pair, request: Request) -> Divergence | None:
        pair = pair.reduced
        if not pair.can_integrate:
            return None
        p, q = pair.p, pair.q
        may_draw = request.is_automatic and pair.can_draw
        if may_draw and (p.is_rough or q.is_rough):
            return None
        on_line = pair.n_features == 1
        tolerance = request.tolerance or _default_tolerance(on_line, request.kind.generator)
        budget = request.max_evaluations or MOST_EVALUATIONS
        if may_draw and not on_line and not pair.are_mixtures:
            budget = min(budget, MOST_BEFORE_DRAWS)
        integral = line_divergence if on_line else plane_divergence
        found = integral(p, q, request.kind.generator, tolerance, budget)
        value, error = float(found.values[0]), float(found.errors[0])
        if math.isinf(value):
            unsure = _underflowed(p, q, request.kind.generator)
            if unsure is not None:
                raise ValueError(
                    f"{unsure.name} must have a log-density that does not underflow for kind={request.kind.name!r}, "
                    "got -inf where its density is too small for a double, which cannot be told from an infinite "
                    "divergence; give the log-density as a function"
                )
            return computed(request.kind, math.inf, 0.0, self.name, found.n_evaluations)
        missed = _missed_mass(p, q, found)
        is_poor = not on_line and error > max(tolerance, GOOD_ENOUGH) * max(value, 1e-3)
        if may_draw and (missed is not None or is_poor):
            return None
        if missed is not None:
            side, mass = missed
            hint = "give its support, or subtract the logarithm of the integral" if side.is_function else (
                "use method='monte_carlo'"
            )  # fmt: skip
            raise ValueError(f"{side.name} must integrate to 1, got {mass:.9g} by quadrature; {hint}")
        return computed(request.kind, value, error, self.name, found.n_evaluations)

    def refusal(self, pair: Pair, request: Request) -> str:
        where = "on the sphere" if pair.p.on_sphere else f"in {pair.reduced.n_features} dimensions"
        return (
            f"method='quadrature' is for one or two dimensions, got distributions {where}; use {pair.reduced.way_out}"
        )


def _default_tolerance(on_line: bool, generator: Generator) -> float:
    if on_line:
        return LINE_TOLERANCE
    return PLANE_TOLERANCE if generator.is_smooth else KINKED_PLANE_TOLERANCE


def _underflowed(p: Side, q: Side, generator: Generator) -> Side | None:
    """The side whose zeros cost infinitely much, if they may be mere underflow: its support holds the other's."""
    for side, other, cost in ((q, p, generator.slope_at_infinity), (p, q, generator.at_zero)):
        holds_other = bool((side.low <= other.low).all() and (side.high >= other.high).all())
        if side.underflows and holds_other and math.isinf(cost):
            return side
    return None


def _missed_mass(p: Side, q: Side, found: Integral) -> tuple[Side, float] | None:
    """The side whose integral is not 1, with the integral: no density, or one whose mass was not found."""
    for side, mass, error in zip((p, q), found.values[1:], found.errors[1:]):
        if abs(mass - 1.0) > side.mass_error + min(error, 1e-3):
            return side, float(mass)
    return None

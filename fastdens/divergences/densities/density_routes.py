"""The ways to the divergence of two densities: formulas, quadrature, Monte Carlo, bounds; which of them, and whether
what was found is to be believed.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np

from fastdens.divergences.densities import closed_forms
from fastdens.divergences.densities.line_integrals import Integral, line_divergence
from fastdens.divergences.densities.mixture_bounds import mixture_bounds
from fastdens.divergences.densities.monte_carlo import monte_carlo
from fastdens.divergences.densities.plane_integrals import plane_divergence
from fastdens.divergences.densities.sides import Side, mixture_of, side_of
from fastdens.divergences.kinds import Kind
from fastdens.divergences.result import Divergence, computed
from fastdens.models.description import Components

# Errors aimed at on the line, and in the plane; there the kink of |p - q| lies along a curve, and costs more.
LINE_TOLERANCE, PLANE_TOLERANCE, KINKED_PLANE_TOLERANCE = 1e-12, 1e-9, 1e-6
MOST_EVALUATIONS = 2**22
# An integral in the plane that misses its tolerance is kept where it is right to so much of itself.
GOOD_ENOUGH = 1e-4
# Evaluations in the plane after which draws take over where they can, but for mixtures, whose densities are cheap.
MOST_BEFORE_DRAWS = 2**20


@dataclass(frozen=True)
class Request:
    """What is asked for, beside the two sides."""

    kind: Kind
    random: np.random.Generator
    tolerance: float | None
    standard_error: float | None
    most_evaluations: int


def between_densities(p: Side, q: Side, request: Request, method: str) -> Divergence:
    """The divergence by the method asked for, or by the first of formula, quadrature and Monte Carlo that applies.

    Of one and the same object it is 0 by any method.
    """
    if p.model is q.model:
        return computed(request.kind, 0.0, 0.0, "closed_form")
    if method == "bounds":
        return _bounds(p, q, request)
    if method in ("auto", "closed_form"):
        found = _closed_form(p, q, request)
        if found is not None:
            return found
        if method == "closed_form":
            raise ValueError(
                f"method='closed_form' has no formula for kind={request.kind.name!r} of these two sides; use "
                f"{_others(p, q)}"
            )
    gaussians = _two_gaussians(p, q)
    if method in ("auto", "quadrature") and gaussians is not None and p.n_features > 1:
        pair = closed_forms.reduced(closed_forms.gaussian_pair(*gaussians))
        p, q = (
            side_of(mixture_of(distribution), side.name, None, None)
            for distribution, side in zip(pair.components(), (p, q))
        )
    if method == "monte_carlo":
        return _drawn(p, q, request)
    if p.n_features > 2 or p.on_sphere:
        if method == "quadrature":
            where = "on the sphere" if p.on_sphere else f"in {p.n_features} dimensions"
            raise ValueError(
                f"method='quadrature' is for one or two dimensions, got distributions {where}; use {_others(p, q)}"
            )
        return _drawn(p, q, request)
    may_draw = method == "auto" and p.draw is not None and q.draw is not None
    if may_draw and (p.is_rough or q.is_rough):
        return _drawn(p, q, request)
    return _integrated(p, q, request, may_draw)


def _others(p: Side, q: Side) -> str:
    words = ["'quadrature'"] if p.n_features <= 2 and not p.on_sphere else []
    words += ["'monte_carlo'"] if p.draw is not None and q.draw is not None else []
    return " or ".join(words) or "a smaller number of features"


def _two_gaussians(p: Side, q: Side) -> tuple[Components, Components] | None:
    if p.components is None or q.components is None:
        return None
    return (p.components, q.components) if len(p.components.weights) == len(q.components.weights) == 1 else None


def _closed_form(p: Side, q: Side, request: Request) -> Divergence | None:
    gaussians = _two_gaussians(p, q)
    if gaussians is not None:
        return closed_forms.gaussian_divergence(*gaussians, request.kind)
    if p.cells is not None and q.cells is not None:
        return closed_forms.cells_divergence(p.cells, q.cells, request.kind)
    return None


def _bounds(p: Side, q: Side, request: Request) -> Divergence:
    if p.components is None or q.components is None:
        side = p if p.components is None else q
        raise ValueError(
            f"method='bounds' is for Gaussians and their mixtures, got {side.name} a {type(side.model).__name__}; use "
            f"{_others(p, q)}"
        )
    found = mixture_bounds(p.components, q.components, request.kind)
    if found is None:
        raise ValueError(f"method='bounds' has no bounds for kind={request.kind.name!r}; use {_others(p, q)}")
    return found


def _drawn(p: Side, q: Side, request: Request) -> Divergence:
    for side in (p, q):
        if side.draw is None:
            raise ValueError(
                f"{side.name} must have a sampler for Monte Carlo in {side.n_features} dimensions: give samplers, or "
                "an object with sample, got none"
            )
    found, reached = monte_carlo(p, q, request.kind, request.random, request.standard_error, request.most_evaluations)
    if not reached and request.standard_error is not None:
        warnings.warn(
            f"standard_error={request.standard_error:g} was not reached in {found.n_evaluations} evaluations: it is "
            f"{found.standard_error:.3g}; raise max_evaluations",
            stacklevel=4,
        )
    return found


def _integrated(p: Side, q: Side, request: Request, may_draw: bool) -> Divergence:
    generator = request.kind.generator
    on_line = p.n_features == 1
    tolerance = request.tolerance
    if tolerance is None:
        tolerance = LINE_TOLERANCE if on_line else PLANE_TOLERANCE if generator.is_smooth else KINKED_PLANE_TOLERANCE
    integral = line_divergence if on_line else plane_divergence
    budget = request.most_evaluations
    if may_draw and not on_line and (p.components is None or q.components is None):
        budget = min(budget, MOST_BEFORE_DRAWS)
    found = integral(p, q, generator, tolerance, budget)
    value, error = float(found.values[0]), float(found.errors[0])
    if math.isinf(value):
        return computed(request.kind, math.inf, 0.0, "quadrature", found.n_evaluations)
    missed = _missed_mass(p, q, found)
    poor = not on_line and error > max(tolerance, GOOD_ENOUGH) * max(value, 1e-3)
    if may_draw and (missed is not None or poor):
        return _drawn(p, q, request)
    if missed is not None:
        side, mass = missed
        hint = "give its support, or subtract the logarithm of the integral" if side.is_function else (
            "use method='monte_carlo'"
        )  # fmt: skip
        raise ValueError(f"{side.name} must integrate to 1, got {mass:.9g} by quadrature; {hint}")
    return computed(request.kind, value, error, "quadrature", found.n_evaluations)


def _missed_mass(p: Side, q: Side, found: Integral) -> tuple[Side, float] | None:
    """The side whose integral is not 1, with the integral: no density, or one whose mass was not found."""
    for side, mass, error in zip((p, q), found.values[1:], found.errors[1:]):
        if abs(mass - 1.0) > side.mass_error + min(error, 1e-3):
            return side, float(mass)
    return None

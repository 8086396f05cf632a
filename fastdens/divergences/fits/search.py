"""The search for the mixture of least divergence: from several starts on few nodes, then the best ones on many."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fastdens.divergences.fits.nodes import Box, Noise, cell_nodes, drawn_nodes, log_density_of
from fastdens.divergences.fits.objectives import LARGEST_LOG, Integrand, Nodes, Objective
from fastdens.divergences.fits.pathwise import PathwiseReverseKL
from fastdens.divergences.fits.targets import Target
from fastdens.em.moments import Mixture

# Iterations of a start on few nodes, and how many starts go on.
_SCREENING, _KEPT = 40, 2
# Shares of the integrals that cells may miss and most nodes: for all starts, for those that go on, for the best.
LEVELS = ((1e-3, 1 << 13), (1e-6, 1 << 14), (1e-8, 1 << 15))
# How often the nodes are made anew about the mixture found.
_ROUNDS = 4
# A round that moves the objective by less ends the rounds.
_SETTLED = 1e-10
# An integrand with a kink is approached through smooth ones.
_ROUNDINGS = (0.3, 0.1, 0.03, 0.01, 1e-3, 1e-4)
# The search ends where the objective has no more digits; a gradient below this says that the end is one.
_LEVEL = 1e-5
_INFINITE = 1e300

NodesAbout = Callable[[list[Mixture], int], Nodes]


class Found(NamedTuple):
    """A mixture, and the search that led to it."""

    mixture: Mixture
    value: float
    trace: list[float]
    converged: bool
    mean_log_density: float


def nodes_by_cells(target: Target, box: Box, kink: bool, n_threads: int) -> NodesAbout:
    """Nodes of cells that follow the target and the mixtures."""

    def nodes(mixtures: list[Mixture], level: int) -> Nodes:
        tolerance, most = LEVELS[level]
        others = [log_density_of(mixture, n_threads) for mixture in mixtures]
        return cell_nodes(box, target.log_density, others, tolerance, most, kink and level > 0)

    return nodes


def nodes_by_draws(target: Target, draws: np.ndarray, noise: Noise, n_threads: int) -> NodesAbout:
    """Nodes drawn from the target and the mixtures, always with the same random numbers."""

    def nodes(mixtures: list[Mixture], level: int) -> Nodes:
        count = len(draws) >> (len(LEVELS) - 1 - level)
        return drawn_nodes(target, draws[:count], mixtures, noise.first(count), n_threads)[0]

    return nodes


def _descend(
    objective: Objective | PathwiseReverseKL,
    theta: np.ndarray,
    max_iter: int,
    tol: float,
    trace: list[float],
    value_of: Callable[[float], float] = lambda value: math.expm1(min(value, LARGEST_LOG)),
) -> tuple[np.ndarray, float, bool]:
    from scipy.optimize import minimize

    result = minimize(
        objective,
        theta,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": max_iter, "maxfun": 3 * max_iter, "ftol": 0.0, "gtol": tol},
        callback=lambda intermediate_result: trace.append(value_of(float(intermediate_result.fun))),
    )
    converged = bool(np.abs(result.jac).max() <= max(tol, _LEVEL))
    return result.x, value_of(float(result.fun)), converged


def _minimise(
    nodes: Nodes, start: Mixture, integrand: Integrand, max_iter: int, tol: float, roundings: tuple[float, ...]
) -> Found:
    """The local minimum on these nodes that a start leads to."""
    objective = Objective(nodes, start, integrand)
    theta = objective.coordinates.start
    trace: list[float] = []
    if not roundings:
        theta, value, converged = _descend(objective, theta, max_iter, tol, trace)
    else:
        value, converged = math.inf, False
        for epsilon in roundings:
            assert integrand.rounded is not None
            objective.integrand = integrand.rounded(epsilon)
            new, _, settled = _descend(objective, theta, max_iter, tol, [])
            objective.integrand = integrand
            trace.append(objective.divergence(new))
            if trace[-1] < value:
                theta, value, converged = new, trace[-1], settled
    return Found(objective.coordinates.mixture(theta), value, trace, converged, objective.mean_log_density(theta))


def search(
    nodes_about: NodesAbout,
    starts: list[Mixture],
    integrand: Integrand,
    max_iter: int,
    tol: float,
) -> Found:
    """The best mixture found from the starts.

    All starts run for a few iterations on the same coarse nodes. The best go on, on nodes that follow them, until
    new nodes change nothing.
    """
    many = () if integrand.rounded is None else _ROUNDINGS
    few = many[:2]
    coarse = nodes_about(starts, 0)
    screened = [_minimise(coarse, start, integrand, min(_SCREENING, max_iter), tol, few) for start in starts]
    screened.sort(key=lambda found: found.value)
    if not screened[0].value < _INFINITE:
        raise ValueError(
            "kind must be one that is finite for some start, got one that is infinite, or too large for a double, for "
            f"all {len(starts)}: the target's tails are too light, or too heavy, for it"
        )
    runs = []
    for found in screened[:_KEPT]:
        nodes = nodes_about([found.mixture], 1)
        runs.append(_continued(found, _minimise(nodes, found.mixture, integrand, max_iter, tol, many)))
    best = min(runs, key=lambda found: found.value)
    for _ in range(_ROUNDS):
        before = best.value
        nodes = nodes_about([best.mixture], 2)
        best = _continued(best, _minimise(nodes, best.mixture, integrand, max_iter, tol, many))
        if abs(best.value - before) <= _SETTLED * max(1.0, abs(before)):
            break
    return best


def _continued(before: Found, after: Found) -> Found:
    return after._replace(trace=before.trace + after.trace)


def refine_pathwise(
    objective: PathwiseReverseKL, found: Found, is_normalised: bool, max_iter: int, tol: float
) -> Found:
    """Go on from a Gaussian that has been found, with draws that move with it."""
    start = objective.coordinates.start
    # A target of unknown constant: the trace goes on where it was.
    shift = 0.0 if is_normalised else found.value - objective(start)[0]
    trace = list(found.trace)
    theta, value, converged = _descend(objective, start, max_iter, tol, trace, lambda value: value + shift)
    return Found(objective.coordinates.mixture(theta), value, trace, converged, found.mean_log_density)

r"""Two-sided bounds of divergences between mixtures of Gaussians, from formulas for their components.

With :math:`f = \sum_a \pi_a f_a` and :math:`g = \sum_b \omega_b g_b`:

- every f-divergence is jointly convex: :math:`D(f, g) \le \sum_{ab} \gamma_{ab} D(f_a, g_b)` for any coupling
  :math:`\gamma` of the weights; the best one is a transport plan;
- no divergence grows when both distributions are projected on a line (data processing), where quadrature finds it;
- Kullback and Leibler's: the bounds of Durrieu, Thiran and Kelly (2012), and the variational upper bound of Hershey and
  Olsen (2007);
- Hellinger's: :math:`\int \sqrt{f g} \le \sum_{ab} \sqrt{\pi_a \omega_b} \int \sqrt{f_a g_b}`;
- between kinds: :math:`H^2 \le TV \le H \sqrt{2 - H^2}`, :math:`H^2 \ln 2 \le JS \le H^2`, :math:`JS \le TV \ln 2`,
  :math:`-2 \ln(1 - H^2) \le KL`, :math:`e^{KL} - 1 \le \chi^2`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from fastdens.divergences.densities.closed_forms import gaussian_divergence
from fastdens.divergences.densities.line_integrals import line_divergence
from fastdens.divergences.densities.sides import Side, mixture_of, side_of
from fastdens.divergences.kinds import Kind, check_kind
from fastdens.divergences.result import Divergence
from fastdens.models.description import Components

# Univariate quadrature: its error is taken off the lower bound.
TOLERANCE, MOST_EVALUATIONS = 1e-9, 300_000
# Lines that both distributions are projected on, at most.
MOST_LINES = 8
STEPS = 200  # of Hershey and Olsen's iteration; every one of them gives a bound


@dataclass
class _Bounds:
    """Bounds of an f-divergence, and a value between them where one is known; any may be improved."""

    lower: float
    upper: float
    middle: float | None = None


class _Pair(NamedTuple):
    """Two mixtures, and what bounds of Hellinger's divergence say of them."""

    p: Components
    q: Components
    affinity: float  # an upper bound of the integral of sqrt(f g)
    least_squared: float
    most_squared: float


def mixture_bounds(p: Components, q: Components, kind: Kind) -> Divergence | None:
    """Lower and upper bound of the divergence of two mixtures; None for a kind without formulas for components."""
    table = _between_components(p, q, kind)
    if table is None:
        return None
    hellinger = _between_components(p, q, check_kind("squared_hellinger"))
    assert hellinger is not None
    affinity = float(np.sqrt(np.outer(p.weights, q.weights)).ravel() @ (1.0 - hellinger).ravel())
    lower, n_evaluations = _projected(p, q, kind)
    found = _Bounds(lower, _transported(p.weights, q.weights, table))
    pair = _Pair(p, q, affinity, max(0.0, 1.0 - affinity), _transported(p.weights, q.weights, hellinger))
    if (improve := IMPROVED.get(kind.generator.name)) is not None:
        improve(pair, found)
    lower = found.lower
    upper = min(max(lower, found.upper), kind.generator.largest)
    middle = (lower + upper) / 2 if found.middle is None else found.middle
    value = min(max(middle, lower), upper)
    interval = float(kind.transform(lower)), float(kind.transform(upper))
    return Divergence(float(kind.transform(value)), 0.0, interval, "bounds", n_evaluations)


def _improve_kl(pair: _Pair, found: _Bounds, forward: int = 1, backward: int = 0) -> None:
    """Of KL(p || q), of KL(q || p), or of their sum."""
    nothing = (0.0, 0.0, 0.0)
    there = _kl_bounds(pair.p, pair.q) if forward else nothing
    back = _kl_bounds(pair.q, pair.p) if backward else nothing
    least = -2.0 * math.log(pair.affinity) if 0 < pair.affinity < 1 else 0.0
    found.lower = max(found.lower, there[0] + back[0], least * (forward + backward))
    found.upper = min(found.upper, there[1] + back[1])
    found.middle = there[2] + back[2]


def _improve_total_variation(pair: _Pair, found: _Bounds) -> None:
    found.lower = max(found.lower, pair.least_squared)
    found.upper = min(found.upper, math.sqrt(pair.most_squared * (2.0 - pair.most_squared)))


def _improve_js(pair: _Pair, found: _Bounds) -> None:
    found.lower = max(found.lower, math.log(2.0) * pair.least_squared)
    found.upper = min(found.upper, pair.most_squared)
    found.upper = min(found.upper, math.log(2.0) * math.sqrt(pair.most_squared * (2.0 - pair.most_squared)))


def _improve_hellinger(pair: _Pair, found: _Bounds) -> None:
    found.lower = max(found.lower, pair.least_squared)


def _improve_chi2(pair: _Pair, found: _Bounds) -> None:
    least = _kl_bounds(pair.p, pair.q)[0]
    found.lower = max(found.lower, math.expm1(min(least, 700.0)))


# What is known of the divergences of single generators, beyond what holds for all.
IMPROVED: dict[str, Callable[[_Pair, _Bounds], None]] = {
    "kl": _improve_kl,
    "reverse_kl": partial(_improve_kl, forward=0, backward=1),
    "jeffreys": partial(_improve_kl, forward=1, backward=1),
    "tv": _improve_total_variation,
    "js": _improve_js,
    "squared_hellinger": _improve_hellinger,
    "chi2": _improve_chi2,
    "neyman_chi2": lambda pair, found: _improve_chi2(pair._replace(p=pair.q, q=pair.p), found),
}


def _one(distribution: Components, k: int) -> Components:
    return Components(np.ones(1), distribution.means[k : k + 1], distribution.covariances[k : k + 1])


def _between_components(p: Components, q: Components, kind: Kind) -> np.ndarray | None:
    """The f-divergence, or an upper bound of it, of every component of P from every one of Q."""
    bound = COMPONENT_BOUNDS.get(kind.generator.name, partial(_exact, kind.divergence))
    table = np.empty((len(p.weights), len(q.weights)))
    for a in range(len(p.weights)):
        for b in range(len(q.weights)):
            found = bound(_one(p, a), _one(q, b))
            if found is None:
                return None
            table[a, b] = found
    return table


def _exact(kind: Kind, p: Components, q: Components) -> float | None:
    """The divergence of two Gaussians with its rounding; None where there is no formula."""
    found = gaussian_divergence(p, q, kind)
    return None if found is None else found.interval[1]


def _exact_of(word: str, p: Components, q: Components) -> float:
    found = _exact(check_kind(word), p, q)
    assert found is not None
    return found


def _tv_bound(p: Components, q: Components) -> float:
    """The total variation of two Gaussians, or the least of its bounds by H and KL (Bretagnolle and Huber 1979)."""
    exact = _exact(check_kind("tv"), p, q)
    if exact is not None:
        return exact
    h2, d = _exact_of("squared_hellinger", p, q), _exact_of("kl", p, q)
    return min(1.0, math.sqrt(h2 * (2.0 - h2)), math.sqrt(d / 2), math.sqrt(-math.expm1(-d)))


def _js_bound(p: Components, q: Components) -> float:
    return min(_exact_of("squared_hellinger", p, q), math.log(2.0) * _tv_bound(p, q))


# Upper bounds between two Gaussians of divergences that have no formula for every pair.
COMPONENT_BOUNDS: dict[str, Callable[[Components, Components], float | None]] = {"tv": _tv_bound, "js": _js_bound}


def _transported(p: np.ndarray, q: np.ndarray, costs: np.ndarray) -> float:
    """The least mean of the costs over couplings of the weights; of any coupling where none is found."""
    from scipy.optimize import linprog

    if not np.isfinite(costs).all():
        return math.inf
    k, m = costs.shape
    sums = np.concatenate([np.kron(np.eye(k), np.ones(m)), np.kron(np.ones(k), np.eye(m))])
    found: Any = linprog(costs.ravel(), A_eq=sums[:-1], b_eq=np.concatenate([p, q])[:-1], method="highs")
    plan = np.outer(p, q)
    if found.status == 0:
        plan = _feasible(np.maximum(found.x.reshape(k, m), 0.0), p, q)
    return float((plan * costs).sum()) * (1.0 + 1e-12)


def _feasible(plan: np.ndarray, p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """A coupling with exactly these weights, next to one that has them but for the solver's tolerance."""
    with np.errstate(divide="ignore", invalid="ignore"):
        plan = plan * np.nan_to_num(np.minimum(1.0, p / plan.sum(axis=1)), nan=0.0)[:, None]
        plan = plan * np.nan_to_num(np.minimum(1.0, q / plan.sum(axis=0)), nan=0.0)
    rows, columns = np.maximum(p - plan.sum(axis=1), 0.0), np.maximum(q - plan.sum(axis=0), 0.0)
    return plan + np.outer(rows, columns) / rows.sum() if rows.sum() > 0 else plan


def _projected(p: Components, q: Components, kind: Kind) -> tuple[float, int]:
    """The largest f-divergence of both distributions on a line, over lines that tell them apart."""
    d = p.means.shape[1]
    covariance = _covariance(p) + _covariance(q)
    lines = [np.linalg.solve(covariance, p.weights @ p.means - q.weights @ q.means)]
    gap = p.means[:, None, :] - q.means[None, :, :]
    nearest = [gap[a, np.argmin((gap[a] ** 2).sum(axis=1))] for a in range(len(gap))]
    lines += nearest + list(np.eye(d))
    lines = [line / np.linalg.norm(line) for line in lines if np.linalg.norm(line) > 1e-12][:MOST_LINES]
    best, n_evaluations = 0.0, 0
    for line in lines[:1] if d == 1 else lines:
        sides = [_on_line(distribution, line) for distribution in (p, q)]
        found = line_divergence(sides[0], sides[1], kind.generator, TOLERANCE, MOST_EVALUATIONS)
        n_evaluations += found.n_evaluations
        if np.abs(found.values[1:] - 1.0).max() < 1e-6:
            # What the masses miss may be missing from the divergence too; it is not negative anywhere.
            best = max(best, float(found.values[0] - found.errors[0]) if math.isfinite(found.values[0]) else math.inf)
    return best, n_evaluations


def _covariance(distribution: Components) -> np.ndarray:
    centred = distribution.means - distribution.weights @ distribution.means
    return (
        np.einsum("k,kij->ij", distribution.weights, distribution.covariances)
        + (centred * distribution.weights[:, None]).T @ centred
    )


def _on_line(distribution: Components, line: np.ndarray) -> Side:
    variances = np.einsum("i,kij,j->k", line, distribution.covariances, line)
    projected = Components(distribution.weights, (distribution.means @ line)[:, None], variances[:, None, None])
    return side_of(mixture_of(projected), "", None, None)


# --- Kullback-Leibler -------------------------------------------------------------------------------------------------


def _kl_table(p: Components, q: Components) -> np.ndarray:
    table = _between_components(p, q, check_kind("kl"))
    assert table is not None
    return table


def _log_overlaps(p: Components, q: Components) -> np.ndarray:
    """ln of the integrals of f_a g_b, normal densities of the differences of the means."""
    d = p.means.shape[1]
    found = np.empty((len(p.weights), len(q.weights)))
    for a in range(len(p.weights)):
        for b in range(len(q.weights)):
            covariance, gap = p.covariances[a] + q.covariances[b], p.means[a] - q.means[b]
            found[a, b] = -0.5 * (
                d * math.log(2 * math.pi) + np.linalg.slogdet(covariance)[1] + gap @ np.linalg.solve(covariance, gap)
            )
    return found


def _log_sums(weights: np.ndarray, logs: np.ndarray) -> np.ndarray:
    from scipy.special import logsumexp

    return np.asarray(logsumexp(logs, b=weights[None, :], axis=1))


def _kl_bounds(p: Components, q: Components) -> tuple[float, float, float]:
    """Lower bound, upper bound, and the variational approximation of KL(P || Q)."""
    d = p.means.shape[1]
    entropies = np.array([0.5 * (d * math.log(2 * math.pi * math.e) + np.linalg.slogdet(c)[1]) for c in p.covariances])
    among, between = _kl_table(p, p), _kl_table(p, q)
    own, other = _log_sums(p.weights, -among), _log_sums(q.weights, -between)
    lower = p.weights @ (own - entropies - _log_sums(q.weights, _log_overlaps(p, q)))
    upper = p.weights @ (_log_sums(p.weights, _log_overlaps(p, p)) + entropies - other)
    return max(float(lower), 0.0), min(float(upper), _matched(p.weights, q.weights, between)), float(
        p.weights @ (own - other)
    )  # fmt: skip


def _matched(p: np.ndarray, q: np.ndarray, costs: np.ndarray) -> float:
    """Hershey and Olsen's upper bound: KL of two splittings of the weights plus the mean KL of what they pair."""
    log_kernel = -np.minimum(costs, 700.0)
    psi = np.outer(p, q)
    best = math.inf
    for _ in range(STEPS):
        log_phi = np.log(np.maximum(psi, 1e-300)) + log_kernel
        phi = np.exp(log_phi - log_phi.max(axis=1, keepdims=True))
        phi *= (p / phi.sum(axis=1))[:, None]
        columns = phi.sum(axis=0)
        psi = np.where(columns > 0, phi * (q / np.where(columns > 0, columns, 1.0)), np.outer(p, q))
        present = phi > 0
        with np.errstate(divide="ignore"):
            logs = np.log(phi[present]) - np.log(psi[present])
        best = min(best, float((phi[present] * (logs + costs[present])).sum()))
    return best

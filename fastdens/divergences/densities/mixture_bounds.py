r"""Two-sided bounds of divergences between mixtures of Gaussians, from formulas for their components.

With :math:`f = \sum_a \pi_a f_a` and :math:`g = \sum_b \omega_b g_b`:

- every f-divergence is jointly convex: :math:`D(f, g) \le \sum_{ab} \gamma_{ab} D(f_a, g_b)` for any coupling
  :math:`\gamma` of the weights; the best one is a transport plan;
- no divergence grows when both laws are projected on a line (data processing), where quadrature finds it;
- Kullback and Leibler's: the bounds of Durrieu, Thiran and Kelly (2012), and the variational upper bound of Hershey and
  Olsen (2007);
- Hellinger's: :math:`\int \sqrt{f g} \le \sum_{ab} \sqrt{\pi_a \omega_b} \int \sqrt{f_a g_b}`;
- between kinds: :math:`H^2 \le TV \le H \sqrt{2 - H^2}`, :math:`H^2 \ln 2 \le JS \le H^2`, :math:`JS \le TV \ln 2`,
  :math:`-2 \ln(1 - H^2) \le KL`, :math:`e^{KL} - 1 \le \chi^2`.
"""

from __future__ import annotations

import math

import numpy as np

from fastdens.divergences.densities.closed_forms import gaussian_divergence
from fastdens.divergences.densities.line_integrals import line_divergence
from fastdens.divergences.densities.sides import Components, Side, mixture_of, side_of
from fastdens.divergences.generators import GENERATORS
from fastdens.divergences.kinds import Kind, check_kind
from fastdens.divergences.result import Divergence

# Quadrature on the line: its error is taken off the lower bound.
TOLERANCE, MOST_EVALUATIONS = 1e-9, 300_000
# Lines that both laws are projected on, at most.
MOST_LINES = 8
STEPS = 200  # of Hershey and Olsen's iteration; every one of them gives a bound


def mixture_bounds(p: Components, q: Components, kind: Kind, order: float | None) -> Divergence | None:
    """Lower and upper bound of the divergence of two mixtures; None for a kind without formulas for components."""
    table = _between_components(p, q, kind, order)
    if table is None:
        return None
    hellinger = _between_components(p, q, check_kind("squared_hellinger"), None)
    assert hellinger is not None
    affinity = float(np.sqrt(np.outer(p.weights, q.weights)).ravel() @ (1.0 - hellinger).ravel())
    squared = max(0.0, 1.0 - affinity)
    lower, n_evaluations = _projected(p, q, kind)
    upper = _transported(p.weights, q.weights, table)
    most_squared = _transported(p.weights, q.weights, hellinger)
    name = kind.generator.name
    middle = None
    if name in ("kl", "reverse_kl", "jeffreys"):
        forward = _kl_bounds(p, q) if name != "reverse_kl" else (0.0, 0.0, 0.0)
        backward = _kl_bounds(q, p) if name != "kl" else (0.0, 0.0, 0.0)
        least = -2.0 * math.log(affinity) if 0 < affinity < 1 else 0.0
        lower = max(lower, forward[0] + backward[0], least * (2.0 if name == "jeffreys" else 1.0))
        upper = min(upper, forward[1] + backward[1])
        middle = forward[2] + backward[2]
    elif name == "tv":
        lower, upper = max(lower, squared), min(upper, math.sqrt(most_squared * (2.0 - most_squared)))
    elif name == "js":
        lower, upper = max(lower, math.log(2.0) * squared), min(upper, most_squared)
        upper = min(upper, math.log(2.0) * math.sqrt(most_squared * (2.0 - most_squared)))
    elif name == "squared_hellinger":
        lower = max(lower, squared)
    elif name in ("chi2", "neyman_chi2"):
        least = _kl_bounds(p, q)[0] if name == "chi2" else _kl_bounds(q, p)[0]
        lower = max(lower, math.expm1(min(least, 700.0)))
    upper = min(max(lower, upper), kind.generator.largest)
    if middle is None:
        middle = (lower + upper) / 2
    value = min(max(middle, lower), upper)
    interval = float(kind.of(lower)), float(kind.of(upper))
    return Divergence(float(kind.of(value)), 0.0, interval, "bounds", n_evaluations)


def _one(law: Components, k: int) -> Components:
    return Components(np.ones(1), law.means[k : k + 1], law.covariances[k : k + 1])


def _between_components(p: Components, q: Components, kind: Kind, order: float | None) -> np.ndarray | None:
    """The f-divergence, or an upper bound of it, of every component of P from every one of Q."""
    name = kind.generator.name
    plain = Kind(kind.name if name.startswith("alpha") else name, kind.generator)
    if name.startswith("alpha"):
        plain = Kind(f"alpha={order}", kind.generator)
    table = np.empty((len(p.weights), len(q.weights)))
    for a in range(len(p.weights)):
        for b in range(len(q.weights)):
            pair = _one(p, a), _one(q, b)
            if name == "js":
                bound = gaussian_divergence(*pair, check_kind("squared_hellinger"), None)
                total = _tv_bound(*pair)
                assert bound is not None
                table[a, b] = min(bound.interval[1], math.log(2.0) * total)
            elif name == "tv":
                table[a, b] = _tv_bound(*pair)
            else:
                found = gaussian_divergence(*pair, plain, order)
                if found is None:
                    return None
                table[a, b] = found.interval[1]
    return table


def _tv_bound(p: Components, q: Components) -> float:
    """The total variation of two Gaussians, or the least of its bounds by H and KL (Bretagnolle and Huber 1979)."""
    exact = gaussian_divergence(p, q, check_kind("tv"), None)
    if exact is not None:
        return exact.interval[1]
    squared, kl = (gaussian_divergence(p, q, check_kind(word), None) for word in ("squared_hellinger", "kl"))
    assert squared is not None
    assert kl is not None
    h2, d = squared.interval[1], kl.interval[1]
    return min(1.0, math.sqrt(h2 * (2.0 - h2)), math.sqrt(d / 2), math.sqrt(-math.expm1(-d)))


def _transported(p: np.ndarray, q: np.ndarray, costs: np.ndarray) -> float:
    """The least mean of the costs over couplings of the weights; of any coupling where none is found."""
    from scipy.optimize import linprog

    if not np.isfinite(costs).all():
        return math.inf
    k, m = costs.shape
    sums = np.concatenate([np.kron(np.eye(k), np.ones(m)), np.kron(np.ones(k), np.eye(m))])
    found = linprog(costs.ravel(), A_eq=sums[:-1], b_eq=np.concatenate([p, q])[:-1], method="highs")
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
    """The largest f-divergence of both laws on a line, over lines that tell them apart."""
    d = p.means.shape[1]
    covariance = _covariance(p) + _covariance(q)
    lines = [np.linalg.solve(covariance, p.weights @ p.means - q.weights @ q.means)]
    gap = p.means[:, None, :] - q.means[None, :, :]
    nearest = [gap[a, np.argmin((gap[a] ** 2).sum(axis=1))] for a in range(len(gap))]
    lines += nearest + list(np.eye(d))
    lines = [line / np.linalg.norm(line) for line in lines if np.linalg.norm(line) > 1e-12][:MOST_LINES]
    best, n_evaluations = 0.0, 0
    for line in lines[:1] if d == 1 else lines:
        sides = [_on_line(law, line) for law in (p, q)]
        found = line_divergence(sides[0], sides[1], kind.generator, TOLERANCE, MOST_EVALUATIONS)
        n_evaluations += found.n_evaluations
        if np.abs(found.values[1:] - 1.0).max() < 1e-6:
            # What the masses miss may be missing from the divergence too; it is not negative anywhere.
            best = max(best, float(found.values[0] - found.errors[0]) if math.isfinite(found.values[0]) else math.inf)
    return best, n_evaluations


def _covariance(law: Components) -> np.ndarray:
    centred = law.means - law.weights @ law.means
    return np.einsum("k,kij->ij", law.weights, law.covariances) + (centred * law.weights[:, None]).T @ centred


def _on_line(law: Components, line: np.ndarray) -> Side:
    variances = np.einsum("i,kij,j->k", line, law.covariances, line)
    projected = Components(law.weights, (law.means @ line)[:, None], variances[:, None, None])
    return side_of(mixture_of(projected), "", None, None)


# --- Kullback-Leibler -------------------------------------------------------------------------------------------------


def _kl_table(p: Components, q: Components) -> np.ndarray:
    table = _between_components(p, q, Kind("kl", GENERATORS["kl"]), None)
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

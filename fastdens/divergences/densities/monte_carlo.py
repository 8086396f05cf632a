"""f-divergences by importance sampling from the mixture of the two distributions."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastdens.divergences.densities.sides import Side
from fastdens.divergences.generators import Generator
from fastdens.divergences.kinds import Kind
from fastdens.divergences.result import Divergence, estimated

# Draws of each distribution per step; a first step that small shows what is ahead.
FIRST_BATCH, BATCH = 2**12, 2**15
# The standard error aimed at where none is asked for, relative to the distance.
DEFAULT_RELATIVE_ERROR = 1e-3


@dataclass
class _Moments:
    """Count, mean, centred second moments and extremes of rows (term, control), batch by batch (Chan et al. 1979)."""

    count: int = 0
    mean: np.ndarray = field(default_factory=lambda: np.zeros(2))
    squares: np.ndarray = field(default_factory=lambda: np.zeros((2, 2)))
    least: np.ndarray = field(default_factory=lambda: np.full(2, np.inf))
    most: np.ndarray = field(default_factory=lambda: np.full(2, -np.inf))

    def add(self, rows: np.ndarray) -> None:
        n = rows.shape[1]
        self.least, self.most = np.minimum(self.least, rows.min(axis=1)), np.maximum(self.most, rows.max(axis=1))
        mean = rows.mean(axis=1)
        centred = rows - mean[:, None]
        shift, total = mean - self.mean, self.count + n
        self.squares = self.squares + centred @ centred.T + np.outer(shift, shift) * (self.count * n / total)
        self.mean = self.mean + shift * (n / total)
        self.count = total


def monte_carlo(
    p: Side, q: Side, kind: Kind, random: np.random.Generator, standard_error: float | None, most_evaluations: int
) -> tuple[Divergence, bool]:
    r"""The divergence by draws, and whether the standard error asked for was reached.

    Half of the draws are of P and half of Q: a stratified sample of the mixture :math:`m = (p + q) / 2`
    (Hesterberg 1995's defensive mixture), and the terms are those of

    .. math:: D_f = E_m[q f(p / q) / m], \qquad 0 = E_m[(p - q) / m]

    with the second as control variate. For the total variation, Jensen and Shannon's and Hellinger's divergence the
    terms are bounded; where the divergence itself is infinite, or has no finite variance, no number of draws shows it.
    """
    strata = [_Moments(), _Moments()]
    n_evaluations, size = 0, max(2, min(FIRST_BATCH, (most_evaluations + 1) // 2))
    while True:
        for moments, side in zip(strata, (p, q)):
            assert side.draw is not None
            rows = _terms(p, q, kind.generator, side.draw(size, random))
            if not np.isfinite(rows).all():
                return estimated(kind, math.inf, 0.0, "monte_carlo", n_evaluations + size), True
            moments.add(rows)
        n_evaluations += 2 * size
        value, error = _combined(strata, kind.generator)
        result = estimated(kind, value, error, "monte_carlo", n_evaluations)
        goal = DEFAULT_RELATIVE_ERROR * result.value if standard_error is None else standard_error
        if result.standard_error <= goal:
            return result, True
        if n_evaluations >= most_evaluations:
            return result, False
        # As many as the error so far asks for, in steps of a fixed size at most: memory does not grow.
        wanted = n_evaluations * ((result.standard_error / goal) ** 2 - 1.0) / 2 if goal > 0 else BATCH
        remaining = (most_evaluations - n_evaluations + 1) // 2
        size = int(min(BATCH, max(FIRST_BATCH, wanted), max(remaining, 1)))


def _terms(p: Side, q: Side, generator: Generator, X: np.ndarray) -> np.ndarray:
    """Rows q f(p / q) / m and (p - q) / m at draws."""
    log_p, log_q = p.log_density(X), q.log_density(X)
    log_m = np.logaddexp(log_p, log_q) - math.log(2.0)
    lost = log_m == -np.inf  # a draw where rounding leaves no density: on an edge
    log_m = np.where(lost, 0.0, log_m)
    with np.errstate(over="ignore"):
        return np.stack([generator.terms_of_logs(log_p, log_q, log_m), np.exp(log_p - log_m) - np.exp(log_q - log_m)])


def _combined(strata: list[_Moments], generator: Generator) -> tuple[float, float]:
    """The mean over the mixture, less what the control variate explains, and its standard error.

    Where two distributions hardly overlap, a draw that is rare may not have been made, and the others know nothing of
    its variance. One such draw moves a mean by a range over the number of draws. So much of the control variate's
    variance is taken for granted, lest it be trusted where it has hardly varied, and so much is added to the error: it
    is nothing beside the rest otherwise.
    """
    n_draws = sum(s.count for s in strata)
    seen = np.maximum(strata[0].most, strata[1].most) - np.minimum(strata[0].least, strata[1].least)
    # The largest term is that of a place where only one of the distributions has mass: the mixture has half of it.
    largest = 2.0 * max(generator.at_zero, generator.slope_at_infinity)
    spread: Any = sum(s.squares / (s.count - 1) for s in strata)
    mean: Any = sum(s.mean for s in strata) / 2
    control = spread[1, 1] + 2.0 * seen[1] ** 2 / n_draws
    slope = float(spread[0, 1] / control) if control > 0 else 0.0
    value = float(mean[0] - slope * mean[1])
    variance = sum(
        (s.squares[0, 0] - 2 * slope * s.squares[0, 1] + slope**2 * s.squares[1, 1]) / (s.count - 1) / s.count
        for s in strata
    )
    unseen = ((largest if math.isfinite(largest) else seen[0]) + abs(slope) * seen[1]) / n_draws
    return value, math.hypot(0.5 * math.sqrt(max(float(variance), 0.0)), unseen)

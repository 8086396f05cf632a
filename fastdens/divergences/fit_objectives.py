"""What a fit by a divergence makes small: the divergence of two laws on the nodes of an integral, with its gradient."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from fastdens.divergences.fit_coordinates import Coordinates, normalised_exponentials
from fastdens.divergences.generators import GENERATORS, Generator, Kind, alpha_generator
from fastdens.engines.em_moments import Mixture

# exp of more, or of less, is no double.
_FARTHEST = 700.0
# The nodes must hold the mass of the model but for this share in its logarithm; beyond, a square of this weight is added.
MASS_TOLERANCE = 0.1
_PENALTY = 10.0
# ln(1 + J) where J is more than a double holds.
_HUGE = 710.0


class Nodes(NamedTuple):
    """Points of an integral over R^d: the sum of exp(log_weights) times values is the integral of a function."""

    x: np.ndarray
    log_weights: np.ndarray
    log_p: np.ndarray  # of the target, up to a constant


class Integrand(Protocol):
    """The term q f(p / q) of an f-divergence, and how it changes with q."""

    def terms(self, log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
        """q f(p / q)."""

    def slopes(self, log_ratio: np.ndarray) -> np.ndarray:
        """Its derivative with respect to q, at u = ln p - ln q."""


_EXCHANGED = {
    "kl": "reverse_kl",
    "reverse_kl": "kl",
    "chi2": "neyman_chi2",
    "neyman_chi2": "chi2",
    **{name: name for name in ("tv", "jeffreys", "js", "squared_hellinger")},
}


class Exact:
    """The integrand of a generator of the registry.

    q f(p / q) = p g(q / p), where g(s) = s f(1 / s) is the generator with P and Q exchanged: its derivative with
    respect to q is g'(q / p), which loses no digits where f(t) - t f'(t) would.
    """

    def __init__(self, kind: Kind, alpha: float | None) -> None:
        self._generator: Generator = kind.generator
        self._slope: Callable[[np.ndarray], np.ndarray]
        if alpha is not None:
            self._slope = alpha_generator(1.0 - alpha).derivative
        else:
            self._slope = GENERATORS[_EXCHANGED[kind.generator.name]].derivative

    def terms(self, log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
        return self._generator.terms_of_logs(log_p, log_q)

    def slopes(self, log_ratio: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore", divide="ignore"):
            return self._slope(np.exp(np.clip(-log_ratio, -_FARTHEST, _FARTHEST)))


class SmoothTotalVariation:
    r"""Total variation with its kink rounded off: :math:`\tfrac12 (p + q) (\sqrt{s^2 + \epsilon^2} - \epsilon)`.

    Here s = (p - q) / (p + q). It is an f-divergence too, smooth, and within epsilon of the total variation.
    """

    def __init__(self, epsilon: float) -> None:
        self._epsilon = epsilon

    def terms(self, log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            s = np.tanh(0.5 * np.where(log_p == log_q, 0.0, log_p - log_q))
        # sqrt(s^2 + e^2) - e without cancellation
        rounded = s * s / (np.hypot(s, self._epsilon) + self._epsilon)
        return 0.5 * (np.exp(log_p) + np.exp(log_q)) * rounded

    def slopes(self, log_ratio: np.ndarray) -> np.ndarray:
        s, root = np.tanh(0.5 * log_ratio), np.hypot(np.tanh(0.5 * log_ratio), self._epsilon)
        # ds/dq = -(1 + s) / (p + q)
        return 0.5 * (s * s / (root + self._epsilon) - (1.0 + s) * s / root)


def integrand_of(kind: Kind, alpha: float | None) -> Integrand:
    """The integrand of the f-divergence that `kind` is an increasing function of."""
    return Exact(kind, alpha)


class Objective:
    r"""The f-divergence of two discrete laws, target and model on the nodes, as a function of the model's coordinates.

    .. math:: J = \sum_i Q_i f(P_i / Q_i), \qquad P_i \propto w_i p(x_i), \quad Q_i \propto w_i q(x_i)

    It is a divergence itself: never negative, and zero where the model is the target, whatever the nodes. Where the
    nodes hold too little of the model's mass, or the weights make too much of it, a penalty drives it back to them.
    """

    def __init__(self, nodes: Nodes, start: Mixture, integrand: Integrand) -> None:
        with np.errstate(invalid="ignore"):
            weighted = nodes.log_weights + nodes.log_p
        self._log_P = weighted - normalised_exponentials(weighted)[0]
        self._log_weights = nodes.log_weights
        self._integrand = integrand
        self.coordinates = Coordinates(start, nodes.x)

    def _laws(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        log_q, shares = normalised_exponentials(self.coordinates.log_parts(theta))
        weighted = self._log_weights + log_q
        log_mass = float(normalised_exponentials(weighted)[0])
        return weighted - log_mass, shares, log_mass

    def divergence(self, theta: np.ndarray, integrand: Integrand | None = None) -> float:
        """The f-divergence alone."""
        log_Q, _, _ = self._laws(theta)
        with np.errstate(over="ignore"):
            return float((integrand or self._integrand).terms(self._log_P, log_Q).sum())

    def __call__(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """ln(1 + J) plus the penalty, and the gradient.

        The logarithm tames divergences that are huge far from the target. Where J overflows, the value is that of the
        largest double, and a search has to turn back.
        """
        log_Q, shares, log_mass = self._laws(theta)
        Q = np.exp(log_Q)
        with np.errstate(over="ignore"):
            divergence = float(self._integrand.terms(self._log_P, log_Q).sum())
        with np.errstate(invalid="ignore", over="ignore"):
            rates = np.where(Q > 0, Q * self._integrand.slopes(self._log_P - log_Q), 0.0)
            rates /= 1.0 + divergence
            rates -= Q * rates.sum()  # Q sums to one whatever the coordinates
        if not (math.isfinite(divergence) and np.isfinite(rates).all()):
            return _HUGE, np.zeros_like(theta)
        value = math.log1p(divergence)
        excess = math.copysign(max(abs(log_mass) - MASS_TOLERANCE, 0.0), log_mass)
        if excess:
            value += _PENALTY * excess**2
            rates += 2.0 * _PENALTY * excess * Q
        return value, self.coordinates.gradient(theta, rates[:, None] * shares)

    def mean_log_density(self, theta: np.ndarray) -> float:
        """Mean under the target of ln q."""
        log_q, _ = normalised_exponentials(self.coordinates.log_parts(theta))
        return float(np.exp(self._log_P) @ log_q)

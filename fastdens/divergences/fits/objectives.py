"""What a fit by a divergence makes small: the divergence of two distributions on the nodes of an integral, with its
gradient."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from fastdens.divergences.fits.coordinates import Coordinates, normalised_exponentials
from fastdens.divergences.generators import Generator
from fastdens.divergences.kinds import Kind
from fastdens.em.moments import Mixture

# How far the logarithm of the model's mass on the nodes may be from 0; beyond, a square of this weight is added.
MASS_TOLERANCE = 0.1
_PENALTY = 10.0
# ln(1 + J) where J is more than a double holds.
LARGEST_LOG = 709.0


class Nodes(NamedTuple):
    """Points of an integral over R^d: the sum of exp(log_weights) times values is the integral of a function."""

    x: np.ndarray
    log_weights: np.ndarray
    log_p: np.ndarray  # of the target, up to a constant


class Integrand(Protocol):
    """The term q f(p / q) of an f-divergence, and how it changes with q."""

    def terms(self, log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
        """q f(p / q)."""

    def rates(self, log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
        """Its derivative with respect to ln q."""

    @property
    def rounded(self) -> Callable[[float], Integrand] | None:
        """Smooth integrands that are within epsilon of one with a kink; None where it has none, or none is known."""


class OfOrders:
    """The integrand of a divergence of order a, or of a sum of such; its rate is (q - p^a q^(1 - a)) / a."""

    rounded = None

    def __init__(self, generator: Generator) -> None:
        self._orders, self.terms = generator.powers, generator.terms_of_logs

    def rates(self, log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
        q, total = np.exp(log_q), np.zeros_like(log_q)
        for factor, order in self._orders:
            if order == 0:
                total += factor * np.where(q > 0, -q * (log_p - log_q), 0.0)
                continue
            exponent = order * (log_p - log_q)
            with np.errstate(over="ignore", invalid="ignore"):
                near = -q * np.expm1(np.clip(exponent, -1.0, 1.0))
                far = q - np.exp(log_q + exponent)
            total += factor / order * np.where(np.abs(exponent) < 1, near, far)
        return total


class JensenShannon:
    """The integrand of the Jensen-Shannon divergence."""

    rounded = None

    def __init__(self, generator: Generator) -> None:
        self.terms = generator.terms_of_logs

    def rates(self, log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
        # ln((p + q) / 2) - ln q, without cancellation where p and q are nearly equal
        u = log_p - log_q
        with np.errstate(over="ignore"):
            ahead = np.where(u < 1, np.log1p(0.5 * np.expm1(np.minimum(u, 1.0))), np.logaddexp(0.0, u) - math.log(2.0))
        return -0.5 * np.exp(log_q) * ahead


class OfUserFunction:
    """The integrand of a divergence whose f is a function of the user's, which has no derivative."""

    rounded = None
    # Differences of fourth order over this step in ln q lose as much to rounding as to the step: some 1e-13 of a term.
    _STEP = 1e-3

    def __init__(self, generator: Generator) -> None:
        self.terms = generator.terms_of_logs

    def rates(self, log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
        # By terms, not by f': these stay finite wherever p and q lie, however large their ratio.
        near, far = (
            self.terms(log_p, log_q + step) - self.terms(log_p, log_q - step) for step in (self._STEP, 2 * self._STEP)
        )
        return (8.0 * near - far) / (12.0 * self._STEP)


class SmoothTotalVariation:
    r"""Total variation with its kink rounded off: :math:`\tfrac12 (p + q) (\sqrt{s^2 + \epsilon^2} - \epsilon)`.

    Here s = (p - q) / (p + q). It is an f-divergence too, smooth, and within epsilon of the total variation.
    """

    rounded = None

    def __init__(self, epsilon: float) -> None:
        self._epsilon = epsilon

    def terms(self, log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            s = np.tanh(0.5 * np.where(log_p == log_q, 0.0, log_p - log_q))
        # sqrt(s^2 + e^2) - e without cancellation
        rounded = s * s / (np.hypot(s, self._epsilon) + self._epsilon)
        return 0.5 * (np.exp(log_p) + np.exp(log_q)) * rounded

    def rates(self, log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
        s = np.tanh(0.5 * (log_p - log_q))
        root = np.hypot(s, self._epsilon)
        # ds/dq = -(1 + s) / (p + q)
        return 0.5 * np.exp(log_q) * (s * s / (root + self._epsilon) - (1.0 + s) * s / root)


class TotalVariation:
    """The integrand of the total variation; its rate is that of one side where p = q."""

    rounded = SmoothTotalVariation

    def __init__(self, generator: Generator) -> None:
        self.terms = generator.terms_of_logs

    def rates(self, log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
        return -0.5 * np.exp(log_q) * np.sign(log_p - log_q)


# Of generators that are no sums of orders.
INTEGRANDS: dict[str, Callable[[Generator], Integrand]] = {
    "js": JensenShannon,
    "tv": TotalVariation,
    "f": OfUserFunction,
}


def integrand_of(kind: Kind) -> Integrand:
    """The integrand of the f-divergence that `kind` is an increasing function of."""
    generator = kind.generator
    if generator.powers:
        return OfOrders(generator)
    return INTEGRANDS[generator.name](generator)


class Objective:
    r"""The f-divergence of two discrete distributions, target and model on the nodes, as a function of the model's
    coordinates.

    .. math:: J = \sum_i Q_i f(P_i / Q_i), \qquad P_i \propto w_i p(x_i), \quad Q_i \propto w_i q(x_i)

    It is a divergence itself: never negative, and zero where the model is the target, whatever the nodes. Where the
    nodes hold too little of the model's mass, or the weights make too much of it, a penalty drives it back to them.
    """

    def __init__(self, nodes: Nodes, start: Mixture, integrand: Integrand) -> None:
        with np.errstate(invalid="ignore"):
            weighted = nodes.log_weights + nodes.log_p
        self._log_P = weighted - normalised_exponentials(weighted)[0]
        self._log_weights = nodes.log_weights
        self.integrand = integrand
        self.coordinates = Coordinates(start, nodes.x)

    def _distributions(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        log_q, shares = normalised_exponentials(self.coordinates.log_parts(theta))
        weighted = self._log_weights + log_q
        log_mass = float(normalised_exponentials(weighted)[0])
        return weighted - log_mass, shares, log_mass

    def divergence(self, theta: np.ndarray) -> float:
        """The f-divergence alone."""
        log_Q, _, _ = self._distributions(theta)
        with np.errstate(over="ignore"):
            return float(self.integrand.terms(self._log_P, log_Q).sum())

    def __call__(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """ln(1 + J) plus the penalty, and the gradient.

        The logarithm tames divergences that are huge far from the target. Where J overflows, the value is that of the
        largest double, and a search has to turn back.
        """
        log_Q, shares, log_mass = self._distributions(theta)
        Q = np.exp(log_Q)
        with np.errstate(over="ignore"):
            divergence = float(self.integrand.terms(self._log_P, log_Q).sum())
        with np.errstate(invalid="ignore", over="ignore"):
            rates = self.integrand.rates(self._log_P, log_Q) / (1.0 + divergence)
            rates -= Q * rates.sum()  # Q sums to one whatever the coordinates
        excess = math.copysign(max(abs(log_mass) - MASS_TOLERANCE, 0.0), log_mass)
        penalty = _PENALTY * excess * excess
        if not (math.isfinite(divergence + penalty) and np.isfinite(rates).all()):
            return LARGEST_LOG, np.zeros_like(theta)
        value = math.log1p(divergence) + penalty
        if excess:
            rates += 2.0 * _PENALTY * excess * Q
        return value, self.coordinates.gradient(theta, rates[:, None] * shares)

    def mean_log_density(self, theta: np.ndarray) -> float:
        """Mean under the target of ln q."""
        log_q, _ = normalised_exponentials(self.coordinates.log_parts(theta))
        return float(np.exp(self._log_P) @ log_q)

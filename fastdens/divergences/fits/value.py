"""The divergence of a fitted model from its target, with its error, on nodes that the fit has not seen."""

from __future__ import annotations

import math

import numpy as np

from fastdens.divergences.fits.coordinates import normalised_exponentials
from fastdens.divergences.fits.nodes import Box, Noise, cell_nodes, drawn_nodes, log_density_of
from fastdens.divergences.fits.objectives import Integrand
from fastdens.divergences.fits.targets import Target
from fastdens.divergences.kinds import Kind
from fastdens.divergences.result import Divergence, computed, estimated
from fastdens.em.moments import Mixture

# Shares of the integrals that cells may miss, and most nodes; the difference of the two results is the error.
RULES = ((1e-6, 1 << 15), (1e-10, 1 << 17))


def by_cells(
    target: Target, box: Box, mixture: Mixture, kind: Kind, integrand: Integrand, n_threads: int
) -> Divergence:
    """By quadrature in one or two dimensions."""
    log_q = log_density_of(mixture, n_threads)
    values, n_evaluations, missed = [], 0, 0.0
    for tolerance, most in RULES:
        nodes = cell_nodes(box, target.log_density, [log_q], tolerance, most, kind.generator.has_kink)
        log_mass = float(normalised_exponentials(nodes.log_weights + nodes.log_p)[0])
        q = nodes.log_weights + log_q(nodes.x)
        terms = integrand.terms(nodes.log_weights + nodes.log_p - log_mass, q)
        values.append(float(terms.sum()))
        n_evaluations += len(nodes.x)
        # What lies beyond the box costs about its mass.
        missed = abs(1.0 - float(np.exp(q).sum()))
        if target.is_normalised:
            missed += abs(math.expm1(log_mass))
    error = abs(values[1] - values[0]) + missed + 1e-15
    return computed(kind, values[1], error, "quadrature", n_evaluations)


def by_draws(
    target: Target,
    n_draws: int,
    mixture: Mixture,
    kind: Kind,
    integrand: Integrand,
    rng: np.random.Generator,
    n_threads: int,
) -> Divergence:
    """By fresh draws, half of them from the target and half from the model."""
    draws = target.spread(n_draws, rng) if target.is_uniform else target.draws(n_draws, rng)
    nodes, own = drawn_nodes(target, draws, [mixture], Noise(n_draws, target.d, rng), n_threads)
    log_q = log_density_of(mixture, n_threads)(nodes.x)
    log_mass = 0.0
    if not target.is_normalised:
        log_mass = float(normalised_exponentials(nodes.log_weights + nodes.log_p)[0])
    terms = integrand.terms(nodes.log_weights + nodes.log_p - log_mass, nodes.log_weights + log_q)
    variance = sum(len(part) * part.var() for part in (terms[own], terms[~own]))
    method = "Monte Carlo, defensive importance sampling"
    return estimated(kind, float(terms.sum()), math.sqrt(variance), method, len(terms))


def of_sample(target: Target, log_q: np.ndarray, kind: Kind) -> Divergence:
    """Kullback and Leibler's divergence from the distribution of a sample: what a leave-one-out density estimate is
    ahead."""
    assert target.model is not None
    weights = target.model.weights_
    ahead = np.asarray(target.model.loo_score_samples(), dtype=np.float64) - log_q
    if not np.isfinite(ahead).all():
        return unknown()
    mean = float(weights @ ahead)
    standard_error = math.sqrt(float(weights**2 @ (ahead - mean) ** 2))
    return estimated(kind, mean, standard_error, "leave-one-out kernel density estimate", len(ahead))


def unknown() -> Divergence:
    """The result where no density estimate of the sample exists."""
    return Divergence(math.nan, math.nan, (math.nan, math.nan), "none: the sample has no density")

"""Entropy of a kernel density estimate, and the levels of its densest regions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.models.contract import density_of, rounded
from fastdens.models.kernel_density.draws import sample
from fastdens.models.kernel_density.estimate import Estimate, Settings
from fastdens.models.kernel_density.line_quadrature import Nodes, level_between, level_in_steps, nodes_on_the_line
from fastdens.models.kernel_density.scores import log_density_of

# Draws for what has no closed form in more than one dimension.
DRAWS = 2**15


def entropy(estimate: Estimate, n_samples: int, random_state: Any, settings: Settings) -> tuple[float, float]:
    """The entropy in nats, and its error."""
    n_samples = validation.check_integer(n_samples, "n_samples", 2)
    random = validation.check_random_state(random_state)
    rules = _quadrature(estimate, settings)
    if rules is not None:
        coarse, fine = (-float(nodes.masses @ nodes.log_density) for nodes in rules)
        return fine, abs(fine - coarse)
    log_density = _log_density_of_draws(estimate, n_samples, random, settings)
    return -float(log_density.mean()), float(log_density.std(ddof=1)) / math.sqrt(n_samples)


def level(estimate: Estimate, mass: Any, log: bool, n_samples: int, random_state: Any, settings: Settings) -> Any:
    """The density, or ln of it, on the boundary of the smallest region that holds this probability mass."""
    precision = estimate.precision_with(mass)
    mass = validation.check_between_0_and_1(mass, "mass")
    n_samples = validation.check_integer(n_samples, "n_samples", 2)
    random = validation.check_random_state(random_state)
    rules, is_continuous = _quadrature(estimate, settings), estimate.kernel.is_continuous
    if rules is not None and is_continuous:
        log_level = level_between(rules[1], mass)
    else:
        if rules is not None:
            log_density, masses = rules[1].log_density, rules[1].masses
        else:
            log_density, masses = _log_density_of_draws(estimate, n_samples, random, settings), np.ones(n_samples)
        log_level = level_in_steps(log_density, masses, mass)
        if is_continuous:
            log_level = np.where(mass == 1, -np.inf, log_level)
    level = log_level if log else density_of(log_level)
    return float(level) if np.ndim(level) == 0 else rounded(level, precision)


def _quadrature(estimate: Estimate, settings: Settings) -> list[Nodes] | None:
    if estimate.n_features > 1 or not estimate.is_unbounded_euclidean:
        return None
    return nodes_on_the_line(estimate, settings)


def _log_density_of_draws(
    estimate: Estimate, n_samples: int, random: np.random.Generator, settings: Settings
) -> np.ndarray:
    return log_density_of(estimate, sample(estimate, random, n_samples, settings.n_threads), settings)

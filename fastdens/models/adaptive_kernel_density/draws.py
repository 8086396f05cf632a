"""Draws from an estimate with varying bandwidths."""

from __future__ import annotations

import numpy as np

from fastdens.kernel_sums.bandwidth import LARGEST
from fastdens.models.adaptive_kernel_density.estimate import Estimate


def sample(estimate: Estimate, random: np.random.Generator, n_samples: int) -> np.ndarray:
    """Points at random by weight plus noise of their bandwidths, distributed as the kernel is, in double precision."""
    if not estimate.is_density:
        raise ValueError(
            f"method must be other than {estimate.method!r} to draw samples: its estimate does not integrate to one, "
            "so there is no distribution to draw from"
        )
    cumulative = np.cumsum(estimate.weights)
    rows = np.searchsorted(cumulative, random.random(n_samples) * cumulative[-1], side="right")
    rows = np.minimum(rows, len(cumulative) - 1)
    factors = estimate.factors[rows]
    if estimate.is_mixture:
        factors = np.where(random.random(n_samples) < estimate.mixing, factors, 1.0)
    noise = estimate.kernel.sample(random, n_samples, estimate.n_features)
    with np.errstate(over="ignore"):  # a draw too far away is as far away as doubles go
        noise = estimate.bandwidth.coloured(np.clip(noise * factors[:, None], -LARGEST, LARGEST))
        return np.clip(estimate.points[rows] + noise, -LARGEST, LARGEST)

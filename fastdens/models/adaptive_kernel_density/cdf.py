"""Distribution function and quantiles of an adaptive kernel density estimate of one feature."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fastdens.core.monotone_inverse import invert
from fastdens.kernel_sums.kernels.registry import BEYOND_ZERO, SmoothingKernel, check_able
from fastdens.models.adaptive_kernel_density.estimate import Estimate
from fastdens.models.adaptive_kernel_density.scores import log_density

# Exact for the polynomial kernels, and to the last digit for the cosine.
NODES, NODE_WEIGHTS = np.polynomial.legendre.leggauss(10)
PAIRS_AT_ONCE = 1 << 18


def kernel_tail(kernel: SmoothingKernel, z: np.ndarray) -> np.ndarray:
    """Mass of the kernel beyond z >= 0 on one side, to full relative precision."""
    if kernel.tail is not None:
        return kernel.tail(z)
    check_able(kernel, "a distribution function", "with an integral in closed form", lambda other: other.is_compact)
    tail = np.zeros(z.shape)
    inside = z < 1
    half = (1 - z[inside]) / 2
    profiles = kernel.profile(z[inside][:, None] + half[:, None] * (1 + NODES))
    tail[inside] = half * (profiles @ NODE_WEIGHTS) * np.exp(-kernel.log_normaliser(1))
    return tail


class Components(NamedTuple):
    """Kernels of their own centre, bandwidth and weight, in ascending order of centres; the weights sum to one."""

    kernel: SmoothingKernel
    centres: np.ndarray
    widths: np.ndarray
    weights: np.ndarray

    def tail(self, x: np.ndarray, sign: float) -> np.ndarray:
        """Probability below (`sign` 1) or above (-1) each x, in blocks of queries."""
        result = np.empty(len(x))
        step = max(PAIRS_AT_ONCE // len(self.centres), 1)
        for start in range(0, len(x), step):
            with np.errstate(over="ignore"):
                u = (x[start : start + step, None] - self.centres) * (sign / self.widths)
            beyond = kernel_tail(self.kernel, np.abs(u))
            result[start : start + step] = np.where(u < 0, beyond, 1 - beyond) @ self.weights
        return np.clip(result, 0.0, 1.0)

    def support(self) -> tuple[float, float]:
        """Where the first kernel begins and the last one ends, as far as doubles go."""
        largest = float(np.finfo(float).max)
        with np.errstate(over="ignore"):
            far = self.kernel.radius(BEYOND_ZERO) * self.widths
            low, high = float((self.centres - far).min()), float((self.centres + far).max())
        return max(low, -largest), min(high, largest)


def components(estimate: Estimate, method: str) -> Components:
    """The kernels of an estimate of one feature, for a method of the model."""
    if estimate.n_features != 1:
        raise ValueError(f"{method} needs a model of one feature, got {estimate.n_features}")
    if not estimate.is_density:
        raise ValueError(
            f"{method} needs a method other than 'balloon', whose estimate does not integrate to one, got "
            f"method={estimate.method!r}"
        )
    h = float(estimate.bandwidth.widths[0])
    with np.errstate(over="ignore"):
        widths = np.minimum(h * estimate.factors, np.finfo(float).max)
    centres, weights = estimate.points[:, 0], estimate.weights
    if estimate.is_mixture:
        centres, widths = np.tile(centres, 2), np.append(widths, np.full(len(widths), h))
        weights = np.append(estimate.mixing * weights, (1 - estimate.mixing) * weights)
    order = np.argsort(centres, kind="stable")
    order = order[weights[order] > 0]
    return Components(estimate.kernel, centres[order], widths[order], weights[order])


def ppf(estimate: Estimate, q: np.ndarray, n_threads: int | None) -> np.ndarray:
    """The smallest x at which the distribution function is at least q, for every q, in its shape."""
    parts = components(estimate, "ppf")
    flat, result = q.ravel(), np.empty(q.size)
    low, high = parts.support()
    result[flat == 0], result[flat == 1] = (low, high) if parts.kernel.is_compact else (-np.inf, np.inf)
    inside = (flat > 0) & (flat < 1)
    if not inside.any():
        return result.reshape(q.shape)
    wanted = flat[inside]
    places = np.minimum(np.searchsorted(np.cumsum(parts.weights), wanted), len(parts.centres) - 1)
    result[inside] = invert(
        lambda x: parts.tail(x, 1.0),
        lambda x: parts.tail(x, -1.0),
        lambda x: np.exp(log_density(estimate, x[:, None], n_threads)),
        wanted,
        np.full(len(wanted), low),
        np.full(len(wanted), high),
        parts.centres[places],
        float(parts.widths.min()),
    )
    return result.reshape(q.shape)

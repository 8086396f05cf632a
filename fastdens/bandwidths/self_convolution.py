"""The smoothing kernels convolved with themselves: the integral of the squared estimate is a sum of these."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise

import numpy as np

from fastdens.kernel_sums.kernels.registry import SmoothingKernel, check_able

# Nodes per smooth piece, and places at which the functions are tabulated for d > 1.
NODES, PLACES = 48, 513


def self_convolution_end(kernel: SmoothingKernel) -> float:
    """Distance in bandwidths from which K * K is zero or negligible."""
    check_able(kernel, "rule='lscv'", "convolved with itself", lambda other: other.self_convolution_radius is not None)
    return float(kernel.self_convolution_radius or 0.0)


def density(kernel: SmoothingKernel, d: int, u: np.ndarray) -> np.ndarray:
    """K(u) / N(d): the kernel's density at distance u."""
    return kernel.profile(u) * math.exp(-kernel.log_normaliser(d))


def self_convolution(kernel: SmoothingKernel, d: int, u: np.ndarray) -> np.ndarray:
    """The density of the sum of two draws from the kernel's density, at distance u >= 0.

    In closed form where the kernel has one; else by Gauss-Legendre rules on the pieces where the integrand is smooth:
    exact for the polynomial kernels in one dimension, to about six digits for d > 1.
    """
    exact = None if kernel.self_convolution is None else kernel.self_convolution(d, u)
    if exact is not None:
        return exact
    if d > 1:
        places, values = _radial_table(kernel, d)
        return np.interp(u, places, values, right=0.0)
    check_able(kernel, "rule='lscv'", "of bounded support, or convolved with itself", lambda other: other.is_compact)
    nodes, node_weights = _legendre()
    # K(|y|) K(|u - y|) is smooth between these: the kernels' ends, and the kinks at their centres.
    corners = np.sort(np.stack([np.clip(v, u - 1, 1.0) for v in (u - 1, np.zeros_like(u), u, np.ones_like(u))]), axis=0)
    total = np.zeros_like(u)
    for left, right in pairwise(corners):
        half = np.maximum(right - left, 0.0)[:, None] / 2
        y = (right + left)[:, None] / 2 + half * nodes
        inside = kernel.profile(np.abs(y)) * kernel.profile(np.abs(u[:, None] - y))
        total += (half * inside) @ node_weights
    return np.where(u < 2, total, 0.0) * math.exp(-2 * kernel.log_normaliser(1))


@lru_cache(maxsize=1)
def _legendre() -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    return nodes, weights


@lru_cache(maxsize=64)
def _radial_table(kernel: SmoothingKernel, d: int) -> tuple[np.ndarray, np.ndarray]:
    """The self-convolution in d > 1 dimensions, by distance from one centre and angle to the other."""
    nodes, node_weights = _legendre()
    end = self_convolution_end(kernel)
    places = np.linspace(0, end, PLACES)
    outer = 1.0 if kernel.is_compact else end
    values = np.empty(PLACES)
    for i, r in enumerate(places):
        corners = np.unique(np.clip([0.0, abs(1 - r) if kernel.is_compact else r, r, outer], 0, outer))
        corners = np.concatenate([np.linspace(a, b, 3)[:-1] for a, b in pairwise(corners)])
        corners = np.append(corners, outer)
        half = np.diff(corners)[:, None] / 2
        rho = (corners[:-1, None] + half * (1 + nodes)).ravel()
        rho_weights = (half * node_weights).ravel()
        furthest = np.full_like(rho, math.pi)  # the angle up to which the other kernel is not zero
        if kernel.is_compact and r > 0:
            furthest = np.arccos(np.clip((rho * rho + r * r - 1) / (2 * rho * r), -1, 1))
        angle = furthest[:, None] / 2 * (1 + nodes)
        apart = np.sqrt(np.maximum(rho[:, None] ** 2 + r * r - 2 * r * rho[:, None] * np.cos(angle), 0.0))
        ring = (
            kernel.profile(np.minimum(apart, 1 - 1e-15) if kernel.is_compact else apart) * np.sin(angle) ** (d - 2)
        ) @ node_weights
        values[i] = rho_weights @ (kernel.profile(rho) * rho ** (d - 1) * ring * furthest / 2)
    # Area of the unit sphere in d - 1 dimensions.
    log_area = math.log(2) + (d - 1) / 2 * math.log(math.pi) - math.lgamma((d - 1) / 2)
    return places, values * math.exp(log_area - 2 * kernel.log_normaliser(d))

"""Integrated kernel sums in plain NumPy and SciPy."""

from __future__ import annotations

import numpy as np
from scipy import special

# Mass of each kernel, in one dimension, beyond z >= 0 on one side; a = max(1 - z, 0).
TAILS = {
    "gaussian": lambda z: special.ndtr(-z),
    "exponential": lambda z: np.exp(-z) / 2,
}
COMPACT_TAILS = {
    "tophat": lambda a: a / 2,
    "epanechnikov": lambda a: a**2 * (3 - a) / 4,
    "linear": lambda a: a**2 / 2,
    "cosine": lambda a: np.sin(np.pi / 4 * a) ** 2,
    "biweight": lambda a: a**3 * (20 - 15 * a + 3 * a**2) / 16,
    "triweight": lambda a: a**4 * (70 - 84 * a + 35 * a**2 - 5 * a**3) / 32,
}


def integrated_sum(x, q, *, bandwidth, kernel="gaussian", weights=None):
    """Sum over i of w_i times the mass of the kernel about x_i that lies below each q."""
    weights = np.ones(len(x)) if weights is None else np.asarray(weights, dtype=float)
    sums = []
    for one in np.asarray(q, dtype=float):
        u = (one - np.asarray(x, dtype=float)) / bandwidth
        z = np.abs(u)
        tail = TAILS[kernel](z) if kernel in TAILS else COMPACT_TAILS[kernel](np.maximum(1 - z, 0))
        sums.append(weights @ np.where(u < 0, tail, 1 - tail))
    return np.array(sums)


def box_masses(X, bandwidths, weights, low, high):
    """Sum over points of w times the mass of a product of Gaussians about the point, in each box."""
    weights = np.ones(len(X)) if weights is None else np.asarray(weights, dtype=float)
    masses = []
    for a, b in zip(low, high, strict=True):
        u, v = (a - X) / bandwidths, (b - X) / bandwidths
        mirrored = u + v > 0
        u, v = np.where(mirrored, -v, u), np.where(mirrored, -u, v)
        masses.append(weights @ (special.ndtr(v) - special.ndtr(u)).prod(axis=1))
    return np.array(masses)

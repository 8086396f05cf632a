"""Data for all benchmarks: seeded, the same on every machine, made in `setup`."""

from __future__ import annotations

import numpy as np


def clusters(n: int, d: int, seed: int = 0, dtype: type = np.float64) -> np.ndarray:
    """A mixture of five Gaussian clusters of different spread, in shuffled order."""
    random = np.random.default_rng([seed, n, d])
    centres = np.random.default_rng(d).normal(scale=4, size=(5, d))
    spreads = np.array([0.3, 0.5, 1.0, 1.5, 2.0])
    label = random.integers(5, size=n)
    return (centres[label] + spreads[label, None] * random.normal(size=(n, d))).astype(dtype)


def queries(m: int, d: int, dtype: type = np.float64) -> np.ndarray:
    """New points of the same distribution."""
    return clusters(m, d, seed=1, dtype=dtype)


def probabilities(n: int, seed: int = 0) -> np.ndarray:
    """A discrete distribution on n outcomes, none of them negligible."""
    return np.random.default_rng([seed, n]).dirichlet(np.full(n, 2.0))


def parameters(k: int, d: int, covariance_type: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights, means and Cholesky factors of precisions of a mixture, in scikit-learn's shapes."""
    random = np.random.default_rng([k, d])
    weights = random.dirichlet(np.full(k, 5.0))
    means = clusters(k, d, seed=2)
    triangle = np.triu(0.2 * random.normal(size=(k, d, d)))
    full = triangle + np.eye(d) * random.uniform(0.5, 1.5, size=(k, 1, d))
    precisions = {"full": full, "tied": full[0], "diag": full.diagonal(0, 1, 2), "spherical": full[:, 0, 0]}
    return weights, means, np.ascontiguousarray(precisions[covariance_type])

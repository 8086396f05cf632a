"""What a normal distribution answers, by its mean and the factor L of its covariance L L^T."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

LOG_2_PI = math.log(2 * math.pi)


class Normal(NamedTuple):
    """A normal distribution."""

    mean: np.ndarray
    cholesky: np.ndarray  # lower triangular, or its diagonal where it has nothing else
    variances: np.ndarray  # the diagonal of the covariance


def whitened(normal: Normal, centred: np.ndarray) -> np.ndarray:
    """L^-1 (x - mean) for every row, where the covariance is L L^T."""
    cholesky = normal.cholesky
    if cholesky.ndim == 1:
        return centred / cholesky
    if len(cholesky) == 1:
        return centred / cholesky[0, 0]
    from scipy.linalg import solve_triangular

    return solve_triangular(cholesky, centred.T, lower=True, check_finite=False).T


def coloured(normal: Normal, white: np.ndarray) -> np.ndarray:
    """The inverse of `whitened`."""
    return white * normal.cholesky if normal.cholesky.ndim == 1 else white @ normal.cholesky.T


def log_peak(normal: Normal) -> float:
    """ln of the density at the mean."""
    diagonal = normal.cholesky if normal.cholesky.ndim == 1 else np.diag(normal.cholesky)
    return -0.5 * len(normal.mean) * LOG_2_PI - float(np.log(diagonal).sum())


def log_density(normal: Normal, data: np.ndarray) -> np.ndarray:
    """ln of the density at every row."""
    white = whitened(normal, data - normal.mean)
    with np.errstate(over="ignore"):
        return log_peak(normal) - 0.5 * np.einsum("ij,ij->i", white, white)


def log_gradient(normal: Normal, data: np.ndarray) -> np.ndarray:
    """Derivatives of ln of the density at every row."""
    white = whitened(normal, data - normal.mean)
    if normal.cholesky.ndim == 1:
        return -white / normal.cholesky
    from scipy.linalg import solve_triangular

    return -solve_triangular(normal.cholesky, white.T, lower=True, trans="T", check_finite=False).T


def draw(normal: Normal, n_samples: int, random: np.random.Generator) -> np.ndarray:
    """Independent draws."""
    return normal.mean + coloured(normal, random.standard_normal((n_samples, len(normal.mean))))


def to_uniform(normal: Normal, data: np.ndarray) -> np.ndarray:
    """Column j is P(X_j <= x_j | X_1 = x_1, ..., X_{j-1} = x_{j-1})."""
    from scipy.special import ndtr

    return ndtr(whitened(normal, data - normal.mean))


def from_uniform(normal: Normal, U: np.ndarray) -> np.ndarray:
    """The inverse of `to_uniform`."""
    from scipy.special import ndtri

    return normal.mean + coloured(normal, ndtri(U))


def ppf(normal: Normal, q: np.ndarray) -> np.ndarray:
    """Quantiles of a distribution of one feature."""
    from scipy.special import ndtri

    return normal.mean[0] + math.sqrt(normal.variances[0]) * ndtri(q)


def entropy(normal: Normal) -> float:
    """In nats."""
    return 0.5 * len(normal.mean) - log_peak(normal)


def level(normal: Normal, mass: np.ndarray, log: bool) -> np.ndarray:
    """The density, or ln of it, on the boundary of the smallest region that holds this probability mass."""
    from scipy.special import gammaincinv

    log_level = log_peak(normal) - gammaincinv(0.5 * len(normal.mean), mass)
    with np.errstate(over="ignore", under="ignore"):
        return log_level if log else np.exp(log_level)

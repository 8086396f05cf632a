"""Kernel sums with a bandwidth per point or query, and gradients of their logarithms, in plain NumPy."""

from __future__ import annotations

import numpy as np

from fastdens.reference.kernel_sums import LOG_PROFILES, PROFILES, distances_in_bandwidths

# D(u) = -K'(u) / u, and 0 at a kink.
SLOPES = {
    "gaussian": lambda u: np.exp(-0.5 * u**2),
    "tophat": lambda u: np.zeros_like(u),
    "epanechnikov": lambda u: np.where(u < 1, 2.0, 0.0),
    "exponential": lambda u: np.where(u > 0, np.exp(-u) / np.where(u > 0, u, 1), 0.0),
    "linear": lambda u: np.where((u > 0) & (u < 1), 1 / np.where(u > 0, u, 1), 0.0),
    "cosine": lambda u: np.where(u < 1, (np.pi / 2) ** 2 * np.sinc(u / 2), 0.0),
    "biweight": lambda u: np.where(u < 1, 4 * (1 - u**2), 0.0),
    "triweight": lambda u: np.where(u < 1, 6 * (1 - u**2) ** 2, 0.0),
}


def _log_terms(X, Q, bandwidth, kernel, weights, factors):
    u = distances_in_bandwidths(X, Q, bandwidth) / factors
    with np.errstate(divide="ignore"):
        profile = LOG_PROFILES[kernel](u) if kernel in LOG_PROFILES else np.log(PROFILES[kernel](u))
        return u, profile + np.log(weights)


def log_sums(X, Q, bandwidth, kernel, weights, factors, query_factors=None):
    """ln of the sum of w_i K(|q - x_i| / (h f_i g)) for each row q of Q."""
    g = np.ones(len(Q)) if query_factors is None else query_factors
    terms = _log_terms(X, Q, bandwidth, kernel, weights, factors[None, :] * g[:, None])[1]
    return np.logaddexp.reduce(terms, axis=1)


def log_gradients(X, Q, bandwidth, kernel, weights, factors):
    """The gradient of `log_sums`."""
    u, terms = _log_terms(X, Q, bandwidth, kernel, weights, factors)
    with np.errstate(divide="ignore", invalid="ignore"):
        if kernel in LOG_PROFILES:
            shares = np.exp(terms - np.logaddexp.reduce(terms, axis=1)[:, None])
            slopes = shares * (1.0 if kernel == "gaussian" else np.where(u > 0, 1 / u, 0.0))
        else:
            slopes = np.nan_to_num(SLOPES[kernel](u) * weights / np.exp(terms).sum(axis=1)[:, None], posinf=0)
    h = np.asarray(bandwidth, dtype=float)
    inverse = np.linalg.inv(h) if h.ndim == 2 else np.diag(np.broadcast_to(1 / h**2, X.shape[1]))
    return np.einsum("mn,mna->ma", slopes / factors**2, X[None] - Q[:, None]) @ inverse

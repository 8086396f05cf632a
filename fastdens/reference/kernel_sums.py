"""Kernel sums in plain NumPy."""

from __future__ import annotations

import numpy as np

PROFILES = {
    "gaussian": lambda u: np.exp(-0.5 * u**2),
    "tophat": lambda u: np.where(u < 1, 1.0, 0.0),
    "epanechnikov": lambda u: np.where(u < 1, 1 - u**2, 0.0),
    "exponential": lambda u: np.exp(-u),
    "linear": lambda u: np.where(u < 1, 1 - u, 0.0),
    "cosine": lambda u: np.where(u < 1, np.cos(np.pi / 2 * u), 0.0),
    "biweight": lambda u: np.where(u < 1, (1 - u**2) ** 2, 0.0),
    "triweight": lambda u: np.where(u < 1, (1 - u**2) ** 3, 0.0),
}
LOG_PROFILES = {"gaussian": lambda u: -0.5 * u**2, "exponential": lambda u: -u}


def distances_in_bandwidths(X, Q, bandwidth):
    """Distance of every query from every point, (n_queries, n_samples), in bandwidths."""
    difference = Q[:, None, :] - X[None, :, :]
    bandwidth = np.asarray(bandwidth, dtype=float)
    if bandwidth.ndim == 2:
        return np.sqrt(np.einsum("mna,ab,mnb->mn", difference, np.linalg.inv(bandwidth), difference))
    return np.sqrt(((difference / bandwidth) ** 2).sum(axis=2))


def distances(X, Q, metric):
    """Distance of every query from every point, (n_queries, n_samples): "manhattan", "chebyshev" or "haversine"."""
    difference = Q[:, None, :] - X[None, :, :]
    if metric == "manhattan":
        return np.abs(difference).sum(axis=2)
    if metric == "chebyshev":
        return np.abs(difference).max(axis=2)
    half_sines = np.sin(difference / 2) ** 2
    cosines = np.cos(Q[:, None, 0]) * np.cos(X[None, :, 0])
    return 2 * np.arcsin(np.sqrt(np.minimum(half_sines[..., 0] + cosines * half_sines[..., 1], 1.0)))


def kernel_sum(
    X,
    Q=None,
    *,
    bandwidth,
    kernel="gaussian",
    weights=None,
    values=None,
    rtol=0,
    atol=0,
    log=False,
    algorithm="auto",
    n_threads=None,
    return_bounds=False,
):
    """Sum over i of w_i v_i K(|q - x_i| / h) for each row q of Q, one query after another in blocks.

    Bounds are generous: a part in 1e10 of the sum of absolute values (of the logarithm, with `log`).
    """
    if return_bounds:
        rest = {"bandwidth": bandwidth, "kernel": kernel, "weights": weights, "log": log}
        sums = kernel_sum(X, Q, values=values, **rest)
        sizes = kernel_sum(X, Q, values=None if values is None else np.abs(values), **rest)
        slack = 1e-10 * (1 + np.abs(sums) if log else sizes)
        return sums, sums - slack, sums + slack
    X = np.asarray(X, dtype=float)
    Q = X if Q is None else np.asarray(Q, dtype=float)
    weights = np.ones(len(X)) if weights is None else np.asarray(weights, dtype=float)
    factors = weights if values is None else (np.asarray(values, dtype=float).T * weights).T
    results = []
    for start in range(0, len(Q), 256):
        u = distances_in_bandwidths(X, Q[start : start + 256], bandwidth)
        if log and kernel in LOG_PROFILES:
            with np.errstate(divide="ignore"):
                terms = LOG_PROFILES[kernel](u) + np.log(weights)
            largest = terms.max(axis=1, keepdims=True)
            results.append(largest[:, 0] + np.log(np.exp(terms - largest).sum(axis=1)))
        else:
            sums = PROFILES[kernel](u) @ factors
            with np.errstate(divide="ignore"):
                results.append(np.log(sums) if log else sums)
    return np.concatenate(results) if results else np.empty((0, *factors.shape[1:]))

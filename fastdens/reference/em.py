"""The E step and one EM iteration of Gaussian mixtures, by the textbook."""

from __future__ import annotations

import numpy as np


def _factors(precisions_cholesky, covariance_type, n_components, d):
    """One upper triangular (d, d) factor per component."""
    if covariance_type == "full":
        return precisions_cholesky
    if covariance_type == "tied":
        return np.broadcast_to(precisions_cholesky, (n_components, d, d))
    if covariance_type == "diag":
        return np.stack([np.diag(row) for row in precisions_cholesky])
    return np.stack([value * np.eye(d) for value in precisions_cholesky])


def e_step(X, weights, means, precisions_cholesky, covariance_type, *, n_threads=None):
    """Log-likelihood per row, and responsibilities."""
    X, weights, means = np.asarray(X, float), np.asarray(weights, float), np.asarray(means, float)
    n_components, d = means.shape
    factors = _factors(np.asarray(precisions_cholesky, float), covariance_type, n_components, d)
    log_joint = np.empty((len(X), n_components))
    with np.errstate(divide="ignore"):
        log_weights = np.log(weights)
    for k in range(n_components):
        y = (X - means[k]) @ factors[k]
        log_joint[:, k] = (
            log_weights[k]
            + np.log(np.diagonal(factors[k])).sum()
            - 0.5 * d * np.log(2 * np.pi)
            - 0.5 * (y**2).sum(axis=1)
        )
    largest = log_joint.max(axis=1)
    density = np.exp(log_joint - largest[:, None])
    total = density.sum(axis=1)
    return largest + np.log(total), density / total[:, None]


def em_step(
    X,
    weights,
    means,
    precisions_cholesky,
    covariance_type,
    *,
    reg_covar=1e-6,
    sample_weight=None,
    n_threads=None,
):
    """New weights, means, covariances and precision factors, and the mean log-likelihood under the old ones."""
    X = np.asarray(X, float)
    n_components, d = np.shape(means)
    row_weights = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, float)
    log_likelihood, responsibilities = e_step(X, weights, means, precisions_cholesky, covariance_type)
    r = responsibilities * row_weights[:, None]
    totals = r.sum(axis=0)
    # The means, and the covariances about them, from data near the origin: the centre of each component's rows.
    centre = np.average(X, axis=0, weights=row_weights)
    new_means = centre + (r.T @ (X - centre)) / totals[:, None]
    scatter = np.stack([((X - new_means[k]).T * r[:, k]) @ (X - new_means[k]) for k in range(n_components)])
    if covariance_type == "full":
        covariances = scatter / totals[:, None, None] + reg_covar * np.eye(d)
    elif covariance_type == "tied":
        covariances = scatter.sum(axis=0) / totals.sum() + reg_covar * np.eye(d)
    else:
        covariances = np.diagonal(scatter, axis1=1, axis2=2) / totals[:, None] + reg_covar
        if covariance_type == "spherical":
            covariances = covariances.mean(axis=1)
    if covariance_type in ("full", "tied"):
        factors = np.swapaxes(np.linalg.inv(np.linalg.cholesky(covariances)), -1, -2)
    else:
        factors = 1 / np.sqrt(covariances)
    return (
        totals / totals.sum(),
        new_means,
        covariances,
        factors,
        float(np.average(log_likelihood, weights=row_weights)),
    )

"""Covariances in the four shapes of a Gaussian mixture, and Cholesky factors of their inverses.

Shapes by `covariance_type`: full (n_components, d, d); tied (d, d); diag (n_components, d); spherical
(n_components,). The factor U of a precision matrix P = U U^T is upper triangular, and for diag and spherical the
square root of the precision.
"""

from __future__ import annotations

import numpy as np

COVARIANCE_TYPES = ("full", "tied", "diag", "spherical")

# A variance below this share of that of all data is raised to it, so that a component on a single point is a density.
_LEAST_SHARE = 1e-20
_LEAST_EIGENVALUE = 64 * float(np.finfo(np.float64).eps)  # of a correlation matrix, times the dimension


def shape_of(covariance_type: str, n_components: int, n_features: int) -> tuple[int, ...]:
    """Shape of covariances, precisions and their factors."""
    return {
        "full": (n_components, n_features, n_features),
        "tied": (n_features, n_features),
        "diag": (n_components, n_features),
        "spherical": (n_components,),
    }[covariance_type]


def n_free_parameters(covariance_type: str, n_components: int, n_features: int) -> int:
    """Number of free parameters of a mixture: covariances, means, and weights that sum to one."""
    triangle = n_features * (n_features + 1) // 2
    of_covariances = {
        "full": n_components * triangle,
        "tied": triangle,
        "diag": n_components * n_features,
        "spherical": n_components,
    }[covariance_type]
    return of_covariances + n_components * n_features + n_components - 1


def _is_regular(triangles: np.ndarray) -> bool:
    pivots = np.diagonal(triangles, axis1=-2, axis2=-1) ** 2
    return bool((pivots > _LEAST_EIGENVALUE * triangles.shape[-1]).all())


def _make_regular(correlation: np.ndarray) -> np.ndarray:
    """The correlation matrix with its smallest eigenvalues raised until it has a Cholesky factor.

    Raised to a bound, they give the most likely of the matrices that respect it, so EM does not swing about it.
    """
    values, vectors = np.linalg.eigh(correlation)
    least = _LEAST_EIGENVALUE * len(correlation)
    while True:
        regular = (vectors * np.maximum(values, least)) @ vectors.T
        try:
            np.linalg.cholesky(regular)
            return regular
        except np.linalg.LinAlgError:
            least *= 10


def _factor_matrices(covariances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A stack of covariances, made positive definite where they were not, and upper triangles U, U U^T the inverses.

    Works on correlations, so that features of very different scales lose nothing.
    """
    scale = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    correlations = covariances / scale[:, :, None] / scale[:, None, :]
    try:
        triangles = np.linalg.cholesky(correlations)
        regular = _is_regular(triangles)
    except np.linalg.LinAlgError:
        regular = False
    if not regular:
        covariances = covariances.copy()
        for k, correlation in enumerate(correlations):
            try:
                if _is_regular(np.linalg.cholesky(correlation)):
                    continue
            except np.linalg.LinAlgError:
                pass
            correlations[k] = _make_regular(correlation)
            covariances[k] = correlations[k] * scale[k][:, None] * scale[k]
        triangles = np.linalg.cholesky(correlations)
    # The inverse of a lower triangle; what elimination leaves above the diagonal is rounding.
    return covariances, np.swapaxes(np.tril(np.linalg.inv(triangles)), 1, 2) / scale[:, :, None]


def factor_precisions(
    covariances: np.ndarray, covariance_type: str, spread: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Covariances that are positive definite, and the Cholesky factors of their inverses.

    Covariances that are positive definite to working precision are returned as they are. `spread` holds the variance
    of every feature over all data, which sets the least variance of a component; without it a variance of zero is an
    error.
    """
    least = np.zeros(1) if spread is None else _LEAST_SHARE * spread
    variances = covariances
    if covariance_type in ("full", "tied"):
        variances = np.diagonal(covariances, axis1=-2, axis2=-1)
    elif covariance_type == "spherical":
        least = np.full(1, least.mean())
    raised = np.maximum(variances, least)
    if not (raised > 0).all():
        feature = "" if covariance_type == "spherical" else f" in feature {np.argwhere(raised <= 0)[0][-1]}"
        raise ValueError(f"reg_covar must be greater than 0 when X has no spread{feature}, got covariance 0")
    if covariance_type in ("diag", "spherical"):
        return raised, 1.0 / np.sqrt(raised)
    d = covariances.shape[-1]
    if (raised > variances).any():
        covariances = covariances.copy()
        covariances[..., np.arange(d), np.arange(d)] = raised
    if covariance_type == "tied":
        covariance, factor = _factor_matrices(covariances[None])
        return covariance[0], factor[0]
    return _factor_matrices(covariances)


def factor_given_precisions(precisions: np.ndarray, covariance_type: str) -> np.ndarray:
    """Upper triangles U with U U^T the given precisions, which must be positive definite."""
    if covariance_type in ("diag", "spherical"):
        return np.sqrt(precisions)
    # The Cholesky factor of the matrix with rows and columns reversed, reversed back, is upper triangular.
    return np.linalg.cholesky(precisions[..., ::-1, ::-1])[..., ::-1, ::-1].copy()


def precisions_of_factors(factors: np.ndarray, covariance_type: str) -> np.ndarray:
    """U U^T of each factor."""
    if covariance_type in ("diag", "spherical"):
        return factors**2
    return factors @ np.swapaxes(factors, -1, -2)


def covariances_of_factors(factors: np.ndarray, covariance_type: str) -> np.ndarray:
    """The inverse of U U^T of each factor."""
    if covariance_type in ("diag", "spherical"):
        return 1.0 / factors**2
    inverses = np.linalg.inv(factors)
    return np.swapaxes(inverses, -1, -2) @ inverses


def log_determinants(factors: np.ndarray, covariance_type: str, n_features: int) -> np.ndarray:
    """Logarithm of the determinant of each factor: half of that of the precision."""
    if covariance_type == "spherical":
        return n_features * np.log(factors)
    diagonal = factors if covariance_type == "diag" else np.diagonal(factors, axis1=-2, axis2=-1)
    return np.log(diagonal).sum(axis=-1)

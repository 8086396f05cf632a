"""The E step and the fused EM step of Gaussian mixtures, on contiguous arrays and several threads.

Memory beyond the data and the parameters is a few megabytes per thread for any number of samples: the
responsibilities of a tile of samples live only until its moments are taken, unless they are asked for.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from fastdens.core import validation
from fastdens.core.threads import check_n_threads, run_blocks
from fastdens.em import _em as em
from fastdens.em.covariances import COVARIANCE_TYPES, log_determinants, shape_of
from fastdens.em.moments import (
    FARTHEST_SQUARED,
    Mixture,
    Moments,
    estimate_parameters,
    factor_estimate,
    is_far_from_centre,
    symmetric_matrices,
)

# A tile's log-densities (n_components x tile) and scratch (4 d x tile) should stay in the second-level cache.
TILE_NUMBERS = 32_768
LARGEST_TILE = 64
# Moments are summed per block of samples and then in block order. The number of blocks depends on the problem only,
# so that results do not depend on the number of threads; the moments of all blocks stay within this many numbers.
PARTIAL_NUMBERS = 4_000_000
MOST_BLOCKS, FEWEST_BLOCKS = 128, 4
# Nanoseconds per sample and component, one thread; AVX-512 at about 3 GHz, benchmarks/em.py.
NS_FIXED, NS_PER_FEATURE, NS_PER_PRODUCT = 1.0, 0.2, 0.03
LARGEST_VALUE = 1e145

_FAMILIES = {"full": em.FULL, "tied": em.TIED, "diag": em.DIAG, "spherical": em.SPHERICAL}


class EMStep(NamedTuple):
    """What `em_step` returns: the new parameters, and the mean log-likelihood of the data under the old ones."""

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    precisions_cholesky: np.ndarray
    log_likelihood: float


class _Packed(NamedTuple):
    """A mixture as the compiled loops read it, for half log-densities in units of log 2."""

    family: int
    means: np.ndarray
    factors: np.ndarray
    constants: np.ndarray
    origin: np.ndarray


def _pack(mixture: Mixture) -> _Packed:
    weights, means, factors, covariance_type = mixture
    n_components, d = means.shape
    with np.errstate(divide="ignore"):  # a component of weight zero
        constants = np.log(weights)
    constants = constants + log_determinants(factors, covariance_type, d) - 0.5 * d * math.log(2 * math.pi)
    constants = np.maximum(0.5 * math.log2(math.e) * constants, -5e307)
    factors = factors * math.sqrt(0.25 * math.log2(math.e))
    origin = weights @ means / weights.sum()
    if covariance_type == "full":
        factors = np.swapaxes(factors, 1, 2).reshape(n_components, d * d)
    elif covariance_type == "tied":
        means = (means - origin) @ factors
        factors = factors.T.reshape(1, d * d)
    factors = factors.reshape(1 if covariance_type == "tied" else n_components, -1)
    return _Packed(
        _FAMILIES[covariance_type],
        np.ascontiguousarray(means),
        np.ascontiguousarray(factors),
        np.ascontiguousarray(constants),
        np.ascontiguousarray(origin),
    )


def _tile_size(n_components: int, n_features: int) -> int:
    fitting = TILE_NUMBERS // (n_components + 4 * n_features)
    return max(em.TILE_MULTIPLE, min(LARGEST_TILE, fitting // em.TILE_MULTIPLE * em.TILE_MULTIPLE))


def _estimated_ns(n_samples: int, mixture: Mixture) -> float:
    n_components, d = mixture.means.shape
    products = {"full": d * d, "tied": d * d / n_components}.get(mixture.covariance_type, 0)
    return n_samples * n_components * (NS_FIXED + NS_PER_FEATURE * d + NS_PER_PRODUCT * products)


def run_e_step(
    X: np.ndarray, mixture: Mixture, n_threads: int, *, labels: bool = False, responsibilities: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log-likelihood per row and, where asked for (else empty), most probable components and responsibilities."""
    n_samples = len(X)
    n_components, d = mixture.means.shape
    packed = em.PackedMixture(*_pack(mixture))
    log_likelihood = np.empty(n_samples, X.dtype)
    labels_out = np.empty(n_samples if labels else 0, np.intp)
    responsibilities_out = np.empty((n_samples if responsibilities else 0, n_components), X.dtype)
    tile_size = _tile_size(n_components, d)
    estimated_ns = _estimated_ns(n_samples, mixture)
    # Blocks of about a millisecond.
    block_rows = tile_size * max(1, int(1e6 * n_samples / max(estimated_ns, 1.0) / tile_size))
    run_blocks(
        lambda queue: em.e_step(
            X, packed, tile_size, block_rows, log_likelihood, labels_out, responsibilities_out, queue
        ),
        -(-n_samples // block_rows),
        n_threads,
        estimated_ns,
    )
    return log_likelihood, labels_out, responsibilities_out


def _run_em_step(
    X: np.ndarray,
    sample_weight: np.ndarray | None,
    packed: _Packed,
    centres: np.ndarray,
    separate_scatter: bool,
    n_threads: int,
    estimated_ns: float,
) -> tuple[Moments, float]:
    """The moments, and the weighted sum of log-likelihoods."""
    n_samples, d = X.shape
    n_components = len(centres)
    triangle = em.scatter_length(d + 1)
    per_component = triangle if separate_scatter else 1 + 2 * d
    share_scatter = packed.family == em.TIED and not separate_scatter
    length = n_components * per_component + share_scatter * triangle
    tile_size = _tile_size(n_components, d)
    most_blocks = min(max(PARTIAL_NUMBERS // length, FEWEST_BLOCKS), MOST_BLOCKS, -(-n_samples // (4 * tile_size)))
    block_rows = -(-n_samples // (most_blocks * tile_size)) * tile_size
    n_blocks = -(-n_samples // block_rows)
    block_sums = np.zeros((n_blocks, length))
    log_likelihood = np.zeros(n_blocks)
    weights = np.empty(0) if sample_weight is None else sample_weight
    compiled = em.PackedMixture(*packed)
    run_blocks(
        lambda queue: em.em_step(
            X, weights, compiled, centres, separate_scatter, tile_size, block_rows, block_sums, log_likelihood, queue
        ),
        n_blocks,
        n_threads,
        estimated_ns,
    )
    sums = block_sums.sum(axis=0)
    parts = sums[: n_components * per_component].reshape(n_components, per_component)
    if separate_scatter:
        matrices = symmetric_matrices(parts, d + 1)
        moments = Moments(matrices[:, d, d], matrices[:, :d, d], matrices[:, :d, :d], None)
    else:
        shared = symmetric_matrices(sums[-triangle:], d + 1)[:d, :d] if share_scatter else None
        moments = Moments(parts[:, 0], parts[:, 1 : d + 1], parts[:, d + 1 :], shared)
    return moments, float(log_likelihood.sum())


def run_em_step(
    X: np.ndarray, sample_weight: np.ndarray | None, mixture: Mixture, reg_covar: float, n_threads: int
) -> tuple[Mixture, np.ndarray, float]:
    """New parameters, new covariances, and the mean log-likelihood under the old parameters.

    Rows of weight zero must be absent.
    """
    packed = _pack(mixture)
    full, tied = mixture.covariance_type == "full", mixture.covariance_type == "tied"
    # A shared covariance is cheapest as that of all rows less that of the means, if the second leaves enough of it.
    squared = (packed.means**2).sum(axis=1) * 4 * math.log(2)  # in standard deviations, from the origin
    apart = tied and bool((squared[mixture.weights > 0] > FARTHEST_SQUARED).any())
    estimated_ns = 2 * _estimated_ns(len(X), mixture)
    total_weight = len(X) if sample_weight is None else float(sample_weight.sum())

    moments, log_likelihood = _run_em_step(
        X, sample_weight, packed, mixture.means, full or apart, n_threads, estimated_ns
    )
    estimate = estimate_parameters(moments, mixture, mixture.means, packed.origin, reg_covar)
    inexact = bool((estimate.from_centre**2 > FARTHEST_SQUARED * estimate.variances).any())
    if not inexact:
        new, covariances = factor_estimate(estimate, mixture.covariance_type)
        inexact = is_far_from_centre(estimate, new)
    if inexact:
        centres = np.ascontiguousarray(estimate.means)
        moments, _ = _run_em_step(X, sample_weight, packed, centres, full or tied, n_threads, estimated_ns)
        estimate = estimate_parameters(moments, mixture, centres, packed.origin, reg_covar)
        new, covariances = factor_estimate(estimate, mixture.covariance_type)
    return new, covariances, log_likelihood / total_weight


def check_mixture(weights: Any, means: Any, precisions_cholesky: Any, covariance_type: Any, n_features: int) -> Mixture:
    """Parameters that a user passes in, checked against each other and against the number of features."""
    covariance_type = validation.check_option(covariance_type, "covariance_type", COVARIANCE_TYPES)
    means = validation.check_queries(means, n_features, "means")
    n_components = len(means)
    if n_components == 0:
        raise ValueError(f"means must have at least one row, got shape {means.shape}")
    weights = validation.check_sample_weight(weights, n_components, "weights")
    if weights is None or abs(weights.sum() - 1.0) > 1e-6:
        raise ValueError(f"weights must sum to 1, got the sum {weights if weights is None else weights.sum()}")
    shape = shape_of(covariance_type, n_components, n_features)
    factors = np.ascontiguousarray(precisions_cholesky, dtype=np.float64)
    if factors.shape != shape:
        raise ValueError(
            f"precisions_cholesky must have shape {shape} when covariance_type is {covariance_type!r}, "
            f"got {factors.shape}"
        )
    diagonal = factors
    if covariance_type in ("full", "tied"):
        if np.tril(factors, -1).any():
            raise ValueError("precisions_cholesky must be upper triangular, got numbers below the diagonal")
        diagonal = np.diagonal(factors, axis1=-2, axis2=-1)
    if not np.isfinite(factors).all() or not (diagonal > 0).all():
        raise ValueError(f"precisions_cholesky must be finite with positive diagonals, got {factors}")
    return Mixture(weights, means, factors, covariance_type)


def check_squares(X: np.ndarray) -> None:
    """That the squares of the data can be summed."""
    largest = max(float(X.max()), -float(X.min()))
    if largest > LARGEST_VALUE:
        raise ValueError(
            f"X must not exceed {LARGEST_VALUE:g} in size, so that sums of squares are finite, got {largest:g}"
        )


def e_step(
    X: Any, weights: Any, means: Any, precisions_cholesky: Any, covariance_type: str, *, n_threads: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    r"""Log-likelihood of each row under a Gaussian mixture, and the responsibilities of its components.

    .. math:: \log p(x) = \log \sum_k \pi_k N(x; \mu_k, P_k^{-1}), \qquad
        r_k(x) = \pi_k N(x; \mu_k, P_k^{-1}) / p(x), \qquad P_k = U_k U_k^T

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Points; float32 is read as it is, everything is computed in float64.
    weights : array-like of shape (n_components,)
        Weights of the components, which sum to one.
    means : array-like of shape (n_components, n_features)
        Means of the components.
    precisions_cholesky : array-like
        Upper triangular Cholesky factors U of the precisions, in scikit-learn's shapes: (n_components, n_features,
        n_features) for ``"full"``, (n_features, n_features) for ``"tied"``, (n_components, n_features) for
        ``"diag"``, (n_components,) for ``"spherical"``; for the last two the reciprocal standard deviations.
    covariance_type : {"full", "tied", "diag", "spherical"}
        The family of covariances.
    n_threads : int, optional
        Number of threads; see `fastdens.threads`.

    Returns
    -------
    log_likelihood : ndarray of shape (n_samples,)
        Natural logarithm of the density at each row; float32 where X is.
    responsibilities : ndarray of shape (n_samples, n_components)
        Probability of each component given the row; rows sum to one.

    Raises
    ------
    ValueError
        If shapes disagree, the weights do not sum to one, or a factor is not upper triangular with a positive diagonal.

    Notes
    -----
    Log-densities are computed from differences to the means, and are accurate at any distance; where even the
    logarithm would overflow, it is about -6.9e307.

    References
    ----------
    Dempster, Laird and Rubin (1977), Maximum likelihood from incomplete data via the EM algorithm.

    Examples
    --------
    >>> import fastdens as fd
    >>> X, weights, means, precisions_cholesky = [[0.0], [4.0]], [0.5, 0.5], [[0.0], [2.0]], [1.0, 1.0]
    >>> log_likelihood, responsibilities = fd.e_step(X, weights, means, precisions_cholesky, "spherical")
    >>> responsibilities.round(3)
    array([[0.881, 0.119],
           [0.002, 0.998]])
    """
    n_threads = check_n_threads(n_threads)
    data = validation.check_data(X, keep_float32=True, min_samples=0)
    mixture = check_mixture(weights, means, precisions_cholesky, covariance_type, data.shape[1])
    log_likelihood, _, responsibilities = run_e_step(data, mixture, n_threads, responsibilities=True)
    return log_likelihood, responsibilities


def em_step(
    X: Any,
    weights: Any,
    means: Any,
    precisions_cholesky: Any,
    covariance_type: str,
    *,
    reg_covar: float = 1e-6,
    sample_weight: Any = None,
    n_threads: int | None = None,
) -> EMStep:
    """One iteration of EM for a Gaussian mixture, without the matrix of responsibilities.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Training points.
    weights, means, precisions_cholesky, covariance_type
        The current mixture, as in `e_step`.
    reg_covar : float, default 1e-6
        Number added to the variances, in squared units of X.
    sample_weight : array-like of shape (n_samples,), optional
        Weight of each row: weight 2 means the row twice, weight 0 means no row, and a common factor changes nothing.
    n_threads : int, optional
        Number of threads; see `fastdens.threads`.

    Returns
    -------
    EMStep
        Named tuple ``(weights, means, covariances, precisions_cholesky, log_likelihood)``: the new parameters, and the
        mean log-likelihood of the rows under the parameters passed in.

    Raises
    ------
    ValueError
        As `e_step`; also where X has no spread and `reg_covar` is zero.

    Notes
    -----
    A component that no row supports keeps its mean and covariance and gets weight zero. In a covariance
    that is singular to working precision, the smallest eigenvalues of the correlations are raised to about 1e-14.

    References
    ----------
    Dempster, Laird and Rubin (1977), Maximum likelihood from incomplete data via the EM algorithm.

    Examples
    --------
    >>> import fastdens as fd
    >>> X = [[0.0], [1.0], [9.0], [10.0]]
    >>> step = fd.em_step(X, [0.5, 0.5], [[2.0], [8.0]], [1.0, 1.0], "spherical")
    >>> step.means.round(3)
    array([[0.5],
           [9.5]])
    """
    n_threads = check_n_threads(n_threads)
    reg_covar = validation.check_number(reg_covar, "reg_covar", at_least=0.0)
    data = validation.check_data(X, keep_float32=True)
    mixture = check_mixture(weights, means, precisions_cholesky, covariance_type, data.shape[1])
    row_weights = validation.check_sample_weight(sample_weight, len(data))
    data, row_weights = validation.drop_zero_weights(data, row_weights)
    check_squares(data)
    new, covariances, log_likelihood = run_em_step(data, row_weights, mixture, reg_covar, n_threads)
    return EMStep(new.weights, new.means, covariances, new.precisions_cholesky, log_likelihood)

"""Kernel sums, for one call."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.kernel_sums.accuracy.bounds import as_float32, certified_sums
from fastdens.kernel_sums.direct.direct_sums import sum_of_few
from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.kernel_sums.planning.arguments import checked_problem
from fastdens.kernel_sums.prepared_sums import KernelSum

_FLOAT32 = np.dtype(np.float32)


def kernel_sum(
    X: Any,
    Q: Any = None,
    *,
    bandwidth: Any,
    kernel: str = "gaussian",
    weights: Any = None,
    values: Any = None,
    rtol: float = 0,
    atol: float = 0,
    log: bool = False,
    algorithm: str = "auto",
    n_threads: int | None = None,
    return_bounds: bool = False,
) -> Any:
    r"""Unnormalised kernel sums, :math:`s_j = \sum_i w_i v_i K(|q_j - x_i| / h)`, with K(0) = 1.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Points.
    Q : array-like of shape (n_queries, n_features), optional
        Where to form the sum; the rows of X themselves where it is None (each counts itself).
    bandwidth : float, array-like of shape (n_features,) or (n_features, n_features)
        In the units of the data: one number, or one per feature. A matrix H is in squared units: distances are
        :math:`\sqrt{(q - x)^T H^{-1} (q - x)}`, so a diagonal H of h² is the same as the vector h.
    kernel : str, default="gaussian"
        "gaussian" exp(-u²/2), "tophat" 1, "epanechnikov" 1 - u², "exponential" exp(-u), "linear" 1 - u,
        "cosine" cos(pi u / 2), "biweight" (1 - u²)², "triweight" (1 - u²)³; all but the Gaussian and the
        exponential are zero from u = 1 on.
    weights : array-like of shape (n_samples,), optional
        Not negative; one each where it is None.
    values : array-like of shape (n_samples,) or (n_samples, n_values), optional
        Any finite numbers v: the sums of a regression's numerator, of moments, of signed weights.
    rtol, atol : float, default=0
        Largest error allowed at any query, |error| <= rtol * sum + atol; guaranteed. Zero means full working
        precision: 1e-12 relative, by whichever route is fastest. Direct sums are always in full precision.
    log : bool, default=False
        Return natural logarithms; finite for every finite query with the Gaussian and exponential kernels.
    algorithm : str, default="auto"
        "direct" is every query against every point; "sorted" (one feature, every kernel but the Gaussian) is exact
        and takes the time of sorting points and queries; "fast_gauss" (Gaussian kernel, up to three features; "grid"
        in earlier versions) works with boxes about a bandwidth wide, in time proportional to n_samples + n_queries;
        "tree" (two features and more, every kernel) compares a query with the points near it; "auto" takes what is
        expected to be fastest.
    n_threads : int, optional
        Number of threads; see `threads`. The result does not depend on it.
    return_bounds : bool, default=False
        Return a lower and an upper bound of each sum too, rounding included, for the exact sum over the numbers given.
        The sums are then formed in double precision.

    Returns
    -------
    ndarray of shape (n_queries,), or (n_queries, n_values) where `values` has two dimensions
        float32 where X and Q are float32 (then computed in single precision and summed in double), else float64.
    lower, upper : ndarrays of the same shape
        With `return_bounds`: the sum (its logarithm with `log`) is at least `lower` and at most `upper`.

    Raises
    ------
    TypeError, ValueError
        For an argument out of its range, with its name, the rule and the value received.

    Notes
    -----
    Memory is proportional to n_samples + n_queries. With a matrix bandwidth the data
    are whitened first, which loses digits in proportion to their spread in bandwidths.

    Examples
    --------
    >>> import numpy as np, fastdens as fd
    >>> X = np.array([[0.0], [1.0], [3.0]])
    >>> s = fd.kernel_sum(X, [[1.0]], bandwidth=2.0)
    >>> bool(np.allclose(s, np.exp(-0.125) + 1 + np.exp(-0.5)))
    True
    """
    if (
        weights is None and values is None and type(bandwidth) is float and algorithm == "auto" and rtol == 0
        and n_threads is None and atol == 0 and not return_bounds and validation.is_plain(X) and validation.is_plain(Q)
        and len(Q) == 1 and Q.shape[1] == X.shape[1] and kernel in KERNELS and not KERNELS[kernel].order_of_contact
    ):  # fmt: skip
        total = sum_of_few(X, Q, KERNELS[kernel], bandwidth)
        if total is not None:
            few = np.array([total])
            return np.log(few) if log else few
    problem, request, flat = checked_problem(
        X, Q, bandwidth, kernel, weights, values, rtol, atol, log, algorithm, n_threads
    )
    prepared = KernelSum.of(problem)
    if return_bounds:
        three = certified_sums(prepared, request, algorithm)
        if problem.X.dtype == _FLOAT32:
            three = as_float32(*three)
        return tuple(array[:, 0] for array in three) if flat else three
    result = prepared.values(request, algorithm)
    if problem.X.dtype == _FLOAT32:
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite
            return result.astype(np.float32)
    return result[:, 0] if flat else result

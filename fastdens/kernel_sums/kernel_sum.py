"""Kernel sums: from the user's points and bandwidth to the route that is expected to be fastest.

`KernelSum` prepares points, bandwidth and weights once for any number of evaluations; `kernel_sum` is the form for
one call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastdens.core import validation
from fastdens.core.threads import check_n_threads
from fastdens.kernel_sums.accuracy.recompute import mend_sums
from fastdens.kernel_sums.bandwidth import Bandwidth
from fastdens.kernel_sums.direct.direct_sums import DirectSum, sum_of_few
from fastdens.kernel_sums.kernels.registry import KERNELS, SmoothingKernel
from fastdens.kernel_sums.planning.planning import (
    FULL_PRECISION,
    ROUTES,
    SINGLE_PRECISION,
    SMALL_PROBLEM,
    SumPlan,
    SumProblem,
    make_plan,
)

if TYPE_CHECKING:
    from fastdens.kernel_sums.sorted.sorted_sums import SortedSum
    from fastdens.kernel_sums.tree.tree_sums import TreeSum

_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


class KernelSum:
    """Points, bandwidth and weights prepared for sums of K over them, by any route.

    Parameters
    ----------
    X : ndarray of shape (n_points, n_features)
        C-contiguous float64 or float32; checked for finite values by the first route that reads it.
    kernel : SmoothingKernel
    bandwidth : Bandwidth, float or ndarray
        Checked.
    weights : ndarray of shape (n_points,), optional
        Not negative, finite.
    values : ndarray of shape (n_points, n_values), optional
        Any finite numbers; multiplied by the weights.
    metric : str, default="euclidean"
        As `check_metric` returns it; every metric but the Euclidean is summed directly.
    """

    def __init__(
        self,
        X: np.ndarray,
        kernel: SmoothingKernel,
        bandwidth: Bandwidth | float | np.ndarray,
        weights: np.ndarray | None = None,
        values: np.ndarray | None = None,
        metric: str = "euclidean",
    ) -> None:
        self.kernel, self.metric = kernel, metric
        self.n_points, self.n_features = X.shape
        self.bandwidth = Bandwidth.of(bandwidth, self.n_features)
        self.X, self.weights, self.values = X, weights, values
        self.finest = FULL_PRECISION if X.dtype == _FLOAT64 else SINGLE_PRECISION
        self._direct: DirectSum | None = None
        self.sorted_points: SortedSum | None = None
        self._tree: TreeSum | None = None
        # Which sums of a compact kernel may have lost digits, and what to do about them.
        self._mends = kernel.order_of_contact > 0 and values is None and X.dtype == _FLOAT64 and metric == "euclidean"

    @property
    def direct(self) -> DirectSum:
        """The points packed for direct sums; two threads that ask at once make the same thing twice."""
        if self._direct is None:
            self._direct = DirectSum(self.X, self.kernel, self.bandwidth, self.weights, self.values, self.metric)
        return self._direct

    def evaluate(
        self,
        Q: np.ndarray,
        *,
        log: bool = False,
        own: np.ndarray | None = None,
        rtol: float = 0.0,
        atol: float = 0.0,
        algorithm: str = "auto",
        n_threads: int | None = None,
    ) -> np.ndarray:
        """Sums at the rows of Q, of shape (n_queries,) or (n_queries, n_values); natural logarithms with `log`.

        `own[j]` is the index of the point that query j leaves out, which lies at the query, or -1.
        """
        return self.evaluate_with_errors(Q, log, own, rtol, atol, algorithm, n_threads)[0]

    def evaluate_with_errors(
        self,
        Q: np.ndarray,
        log: bool,
        own: np.ndarray | None,
        rtol: float,
        atol: float,
        algorithm: str,
        n_threads: int | None,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Sums as from `evaluate`, and the absolute error of each that the route admits; None: rounding alone."""
        errors, in_doubt = None, None
        if algorithm == "direct" or (algorithm == "auto" and self.n_points * len(Q) <= SMALL_PROBLEM):
            result = self.direct.evaluate(Q, log=log, own=own, n_threads=n_threads)
        else:
            plan = self.plan(Q, rtol, algorithm, leaves_out=own is not None)
            if plan.route == "direct":
                result = self.direct.evaluate(Q, log=log, own=own, n_threads=n_threads)
            elif plan.route == "sorted":
                result, in_doubt = self._by_sorting(Q, log, own, max(rtol, self.finest), n_threads)
            elif plan.route == "tree":
                result, errors = self._by_tree(Q, log, own, max(rtol, self.finest), atol, n_threads)
            else:
                from fastdens.kernel_sums.fast_gauss.box_route import sums_by_boxes

                result, errors = sums_by_boxes(self, plan, Q, log, own, max(rtol, self.finest), atol, n_threads)
        if self._mends:
            mend_sums(self, result, Q, log, own, max(rtol, self.finest), atol, n_threads, in_doubt)
        return result, errors

    def plan(self, Q: np.ndarray, rtol: float = 0.0, algorithm: str = "auto", leaves_out: bool = False) -> SumPlan:
        """The route that `evaluate` takes."""
        problem = SumProblem(
            self.X, Q, self.kernel, self.bandwidth, max(rtol, self.finest), self.weights,
            self.values is not None, leaves_out, self.sorted_points is not None,
        )  # fmt: skip
        if self.metric != "euclidean":
            if algorithm not in ("auto", "direct"):
                raise ValueError(f"algorithm={algorithm!r} needs metric='euclidean', got metric={self.metric!r}")
            algorithm = "direct"
        return make_plan(problem, algorithm)

    def _by_sorting(
        self, Q: np.ndarray, log: bool, own: np.ndarray | None, rtol: float, n_threads: int | None
    ) -> tuple[np.ndarray, np.ndarray]:
        from fastdens.kernel_sums.sorted.sorted_sums import SortedSum

        prepared = self.sorted_points
        if prepared is None:
            h = float(self.bandwidth.widths[0])
            prepared = self.sorted_points = SortedSum(self.X, self.kernel, h, self.weights, n_threads)
        return prepared.evaluate(Q, log=log, own=own, rtol=rtol if self._mends else None, n_threads=n_threads)

    def _by_tree(
        self, Q: np.ndarray, log: bool, own: np.ndarray | None, rtol: float, atol: float, n_threads: int | None
    ) -> tuple[np.ndarray, np.ndarray]:
        from fastdens.kernel_sums.tree.tree_sums import TreeSum

        prepared = self._tree
        if prepared is None:
            X = validation.check_data(self.X, "X", keep_float32=True)
            prepared = self._tree = TreeSum(X, self.kernel, self.bandwidth, self.weights, n_threads)
        result, errors = prepared.evaluate(Q, rtol, atol, own, n_threads)
        with np.errstate(divide="ignore"):
            result = np.log(result) if log else result
        left = np.flatnonzero(errors < 0)
        if left.size:
            of_left = None if own is None else own[left]
            result[left] = self.direct.evaluate(
                np.ascontiguousarray(Q[left]), log=log, own=of_left, n_threads=n_threads
            )
            errors[left] = 0.0
        return result, errors


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
        and takes the time of sorting points and queries; "grid" (Gaussian kernel, up to three features) works with
        boxes about a bandwidth wide, in time proportional to n_samples + n_queries; "tree" (two features and more,
        every kernel) compares a query with the points near it; "auto" takes what is expected to be fastest.
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
    X, Q, bandwidth, weights, values, flat = checked_problem(
        X, Q, bandwidth, kernel, weights, values, rtol, atol, log, algorithm, n_threads
    )
    if return_bounds:
        from fastdens.kernel_sums.accuracy.bounds import as_float32, certified_sums

        three = certified_sums(
            KernelSum(X, KERNELS[kernel], bandwidth, weights, values), Q, log=log, rtol=float(rtol), atol=float(atol),
            algorithm=algorithm, n_threads=n_threads,
        )  # fmt: skip
        if X.dtype == _FLOAT32:
            three = as_float32(*three)
        return tuple(array[:, 0] for array in three) if flat else three
    direct = len(X) * len(Q) <= SMALL_PROBLEM and algorithm in ("auto", "direct")
    if direct and not KERNELS[kernel].order_of_contact:  # as KernelSum would, without its overhead
        result = DirectSum(X, KERNELS[kernel], bandwidth, weights, values).evaluate(Q, log=log, n_threads=n_threads)
    else:
        prepared = KernelSum(X, KERNELS[kernel], bandwidth, weights, values)
        result = prepared.evaluate(
            Q, log=log, rtol=float(rtol), atol=float(atol), algorithm=algorithm, n_threads=n_threads
        )
    if X.dtype == _FLOAT32:
        return result.astype(np.float32)
    return result[:, 0] if flat else result


def checked_problem(
    X: Any,
    Q: Any,
    bandwidth: Any,
    kernel: str,
    weights: Any,
    values: Any,
    rtol: float,
    atol: float,
    log: bool,
    algorithm: str,
    n_threads: int | None,
) -> tuple[np.ndarray, np.ndarray, Bandwidth, np.ndarray | None, np.ndarray | None, bool]:
    """Points, queries, bandwidth, weights and values as the routes take them; whether values were one column."""
    keeps_float32 = values is None
    if not validation.is_plain(X):  # values that are not finite are found when the points are packed
        X = validation.check_data(X, "X", keep_float32=keeps_float32)
    if Q is None:
        Q = X
    else:
        Q = validation.check_queries(Q, X.shape[1], "Q", keep_float32=keeps_float32)
    if Q.dtype != X.dtype:
        X, Q = X.astype(np.float64, copy=False), Q.astype(np.float64, copy=False)
    if kernel not in KERNELS:
        validation.check_option(kernel, "kernel", KERNELS)
    if algorithm != "auto":
        validation.check_option(algorithm, "algorithm", ROUTES)
    if rtol != 0:
        validation.check_number(rtol, "rtol", at_least=0)
    if atol != 0:
        validation.check_number(atol, "atol", at_least=0)
    if n_threads is not None:
        check_n_threads(n_threads)
    bandwidth = Bandwidth.checked(bandwidth, X.shape[1])
    if weights is not None:
        weights = validation.check_sample_weight(weights, len(X), "weights")
    flat = False
    if values is not None:
        if log:
            raise ValueError("log=True needs values=None: a sum of signed values may have no logarithm")
        flat = np.ndim(values) == 1
        values = validation.check_data(np.asarray(values)[:, None] if flat else values, "values")
        validation.check_length(len(values), "values", len(X), "row of X")
    return X, Q, bandwidth, weights, values, flat

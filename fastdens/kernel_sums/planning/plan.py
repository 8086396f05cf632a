"""Which route a kernel sum would take, for users."""

from __future__ import annotations

from typing import Any

from fastdens.core import validation
from fastdens.kernel_sums.kernel_sum import KernelSum, checked_problem
from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.kernel_sums.planning.planning import SumPlan


def plan(
    X: Any,
    Q: Any = None,
    *,
    bandwidth: Any,
    kernel: str = "gaussian",
    weights: Any = None,
    values: Any = None,
    rtol: float = 0,
    algorithm: str = "auto",
) -> SumPlan:
    """The route that `kernel_sum` takes with these arguments, and what it is expected to cost; nothing is summed.

    Parameters
    ----------
    X, Q, bandwidth, kernel, weights, values, rtol, algorithm
        As of `kernel_sum`.

    Returns
    -------
    SumPlan
        `route`, `expected_ns`, `rtol`, the other routes in `others`; `explain()` says it in words.

    Raises
    ------
    TypeError, ValueError
        For an argument out of its range, with its name, the rule and the value received.

    Examples
    --------
    >>> import numpy as np, fastdens as fd
    >>> X = np.random.default_rng(0).normal(size=(100_000, 1))
    >>> fd.plan(X, bandwidth=0.1).route
    'grid'
    >>> fd.plan(X, bandwidth=0.1, kernel="epanechnikov").route
    'sorted'
    """
    X, Q, bandwidth, weights, values, _ = checked_problem(
        X, Q, bandwidth, kernel, weights, values, rtol, 0, False, algorithm, None
    )
    X = validation.check_data(X, "X", keep_float32=True)
    return KernelSum(X, KERNELS[kernel], bandwidth, weights, values).plan(Q, float(rtol), algorithm)

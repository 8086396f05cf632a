"""Which route a kernel sum would take, for users."""

from __future__ import annotations

from typing import Any

from fastdens.kernel_sums.planning.arguments import checked_problem
from fastdens.kernel_sums.planning.sum_plan import SumPlan
from fastdens.kernel_sums.prepared_sums import KernelSum


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
    'fast_gauss'
    >>> fd.plan(X, bandwidth=0.1, kernel="epanechnikov").route
    'sorted'
    """
    problem, request, _ = checked_problem(X, Q, bandwidth, kernel, weights, values, rtol, 0, False, algorithm, None)
    return KernelSum.of(problem).plan(request.Q, request.rtol, algorithm)

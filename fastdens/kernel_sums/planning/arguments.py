"""The arguments of a kernel sum, checked: what users give becomes a problem and a request."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.core.threads import check_n_threads
from fastdens.kernel_sums.bandwidth import Bandwidth
from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.kernel_sums.planning.routes import ROUTE_OF
from fastdens.kernel_sums.problem import SumProblem, SumRequest


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
) -> tuple[SumProblem, SumRequest, bool]:
    """What the user gave as routes take it, and whether values were one column. Here alone it is checked."""
    keeps_float32 = values is None
    X = validation.check_data(X, "X", keep_float32=keeps_float32)
    Q = X if Q is None else validation.check_queries(Q, X.shape[1], "Q", keep_float32=keeps_float32)
    if Q.dtype != X.dtype:
        X, Q = X.astype(np.float64, copy=False), Q.astype(np.float64, copy=False)
    if kernel not in KERNELS:
        validation.check_option(kernel, "kernel", KERNELS)
    if algorithm != "auto":
        validation.check_option(algorithm, "algorithm", ROUTE_OF)
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
    problem = SumProblem(X, KERNELS[kernel], bandwidth, weights, values)
    return problem, SumRequest(Q, None, log, float(rtol), float(atol), n_threads), flat

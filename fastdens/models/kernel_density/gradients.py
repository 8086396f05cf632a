"""The gradient of the log-density."""

from __future__ import annotations

import numpy as np

from fastdens.kernel_sums.variable.variable_sums import VariableSum
from fastdens.models.contract import rounded
from fastdens.models.kernel_density.estimate import Estimate


def log_gradient(estimate: Estimate, data: np.ndarray, n_threads: int | None) -> np.ndarray:
    """Derivatives of ln of the density at each row; float32 where points and rows are."""
    prepared = VariableSum(estimate.points, estimate.kernel, estimate.bandwidth, estimate.log_weights)
    _, gradients = prepared.log_gradients(data.astype(np.float64, copy=False), n_threads)
    return rounded(gradients, data.dtype)

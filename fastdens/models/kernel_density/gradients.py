"""The gradient of the log-density."""

from __future__ import annotations

import numpy as np

from fastdens.engines.variable_sums import VariableSum
from fastdens.models.kernel_density.estimate import Estimate


def log_gradient(estimate: Estimate, data: np.ndarray, n_threads: int | None) -> np.ndarray:
    """Derivatives of ln of the density at each row; float32 where points and rows are."""
    prepared = VariableSum(estimate.points, estimate.kernel, estimate.bandwidth, estimate.log_weights)
    _, gradients = prepared.log_gradients(data.astype(np.float64, copy=False), n_threads)
    both_float32 = data.dtype == np.float32 and estimate.points.dtype == np.float32
    return gradients.astype(np.float32) if both_float32 else gradients

"""Kernels that are products over the axes: their bandwidth, and their extent, along each."""

from __future__ import annotations

import numpy as np

# Beyond so many bandwidths nothing of a kernel is left that a double can hold.
FARTHEST = {"gaussian": 40.0, "exponential": 750.0}


def axis_bandwidths(bandwidth: float | np.ndarray, n_features: int, what: str) -> np.ndarray:
    """One bandwidth per feature, of a number, a vector or a diagonal matrix in squared units."""
    if np.ndim(bandwidth) < 2:
        return np.full(n_features, bandwidth, dtype=np.float64)
    matrix = np.asarray(bandwidth)
    diagonal = np.diag(matrix)
    if np.count_nonzero(matrix - np.diag(diagonal)):
        raise ValueError(
            f"bandwidth must be a number, one number per feature or a diagonal matrix for {what}, got a matrix that "
            f"is not diagonal: {matrix.tolist()}"
        )
    return np.sqrt(diagonal)

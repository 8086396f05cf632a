"""Bandwidths of points: along each axis, and points in their units."""

from __future__ import annotations

import numpy as np

from fastdens.engines.direct_sums import LARGEST, by_matrix

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


def in_bandwidths(rows: np.ndarray, bandwidth: float | np.ndarray) -> np.ndarray:
    """Rows in the units of a vector or matrix of bandwidths; of a single one as they are.

    What is too far away for these units is as far away as doubles go.
    """
    if not isinstance(bandwidth, np.ndarray):
        return rows
    if bandwidth.ndim == 1:
        with np.errstate(over="ignore"):
            return np.clip(rows / bandwidth, -LARGEST, LARGEST)
    return np.ascontiguousarray(by_matrix(rows, np.linalg.inv(np.linalg.cholesky(bandwidth)).T))

"""Searches over bandwidths of several numbers: least-squares cross-validation per feature and of full matrices."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fastdens.bandwidths.least_squares import thinned
from fastdens.bandwidths.result import Record
from fastdens.bandwidths.rules import effective_size, warn
from fastdens.kernel_sums.kernels.registry import GAUSSIAN
from fastdens.kernel_sums.prepared_sums import KernelSum

# Rows that the search looks at.
MOST_ROWS = 4096
# How far the search may go from the start: factor per direction, and shear.
LARGEST_FACTOR = 32.0
# Relative error of the sums: far below what the criterion needs.
RTOL = 1e-7

ValueAndGradient = Callable[[np.ndarray], tuple[float, np.ndarray]]


class Factor:
    """Lower triangular matrices of one form by free numbers: logarithms of the diagonal, then what is below it."""

    def __init__(self, d: int, form: str) -> None:
        self.d, self.form = d, form
        self.below = np.tril_indices(d, -1) if form == "matrix" else (np.empty(0, int), np.empty(0, int))
        self.n_scales = 1 if form == "scalar" else d

    def matrix(self, numbers: np.ndarray) -> np.ndarray:
        m = np.diag(np.exp(np.broadcast_to(numbers[: self.n_scales], self.d)))
        m[self.below] = numbers[self.n_scales :]
        return m

    def gradient(self, m: np.ndarray, by_entry: np.ndarray) -> np.ndarray:
        """Derivatives by the free numbers, from those by the entries of the matrix."""
        scales = np.diag(by_entry) * np.diag(m)
        return np.concatenate([[scales.sum()] if self.form == "scalar" else scales, by_entry[self.below]])

    def minimum(self, function: ValueAndGradient) -> tuple[np.ndarray, bool]:
        """The matrix at the minimum, from the identity, and whether it is inside the bounds."""
        from scipy.optimize import minimize

        start = np.zeros(self.n_scales + len(self.below[0]))
        largest = np.full(len(start), LARGEST_FACTOR)
        largest[: self.n_scales] = math.log(LARGEST_FACTOR)
        bounds = list(zip(-largest, largest, strict=True))
        options: Any = {"ftol": 1e-9, "gtol": 1e-7, "maxiter": 100}
        found = minimize(function, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        inside = bool(np.isfinite(found.fun) and (np.abs(found.x) < largest * (1 - 1e-6)).all())
        return self.matrix(found.x), inside


def least_squares_shape(z: np.ndarray, weights: np.ndarray | None, form: str, record: Record) -> np.ndarray:
    r"""The lower triangular M for which H = M M^T has the smallest criterion (Duong and Hazelton 2005, section 2).

    .. math:: CV(H) = \sum_{ij} w_i w_j \phi_{2H}(z_i - z_j)
              - \frac{2}{1 - s} \left( \sum_{ij} w_i w_j \phi_H(z_i - z_j) - s \, \phi_H(0) \right)

    with weights of sum one and s the weight of pairs of equal rows, themselves included. `z` is in units of the best
    bandwidth of one number, from which the search starts. Both sums and their gradients are kernel sums with values:
    with S_j = sum_i w_i K(z_j - z_i), the sum of K times the outer product of differences is
    2 (sum_j w_j S_j z_j z_j^T - sum_ij w_i w_j K z_j z_i^T).
    """
    d = z.shape[1]
    rows, row_weights = thinned(z, weights, MOST_ROWS)
    n_all, n = effective_size(len(z), weights), effective_size(len(rows), row_weights)
    larger = (n_all / n) ** (1 / (d + 4))
    rows, places = np.unique(rows / larger, axis=0, return_inverse=True)
    w = np.bincount(places.ravel(), row_weights, len(rows)).astype(np.float64)
    w /= w.sum()
    equal = float(w @ w)
    factor = Factor(d, form)

    def value(numbers: np.ndarray) -> tuple[float, np.ndarray]:
        m = factor.matrix(numbers)
        y = np.ascontiguousarray(np.linalg.solve(m, rows.T).T)
        wide, wide_moments = _moments(y, w, math.sqrt(2))
        narrow, narrow_moments = _moments(y, w, 1.0)
        a = (4 * math.pi) ** (-d / 2)
        b = 2 / (1 - equal) * (2 * math.pi) ** (-d / 2)
        log_volume = float(np.log(np.diag(m)).sum())
        total = (a * wide - b * (narrow - equal)) * math.exp(-log_volume)
        # The derivative of exp(-|M^-1 x|^2 / (2 s^2)) by M is M^-T y y^T / s^2 times it, with y = M^-1 x.
        by_entry = np.linalg.solve(m.T, a * wide_moments / 2 - b * narrow_moments) * math.exp(-log_volume)
        by_entry -= total * np.diag(1 / np.diag(m))
        return total, factor.gradient(m, by_entry)

    if equal >= 1 - 1e-12:
        return np.eye(d)
    m, inside = factor.minimum(value)
    if not inside:
        names = {"axes": "per-feature bandwidths", "matrix": "bandwidth matrices"}
        warn(f"'lscv' has no minimum among {names[form]}: one multiple of the spread is taken instead", record)
        return np.eye(d)
    return m


def _moments(y: np.ndarray, w: np.ndarray, bandwidth: float) -> tuple[float, np.ndarray]:
    """Sums over all pairs of w_i w_j K, and of that times the outer product of the difference."""
    values = np.column_stack([np.ones(len(y)), y])
    sums = KernelSum(y, GAUSSIAN, bandwidth, w, values).evaluate(y, rtol=RTOL)
    weighted = sums * w[:, None]
    return float(weighted[:, 0].sum()), 2 * ((y.T * weighted[:, 0]) @ y - y.T @ weighted[:, 1:])

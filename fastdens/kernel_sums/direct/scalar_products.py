"""Gaussian sums in many dimensions by scalar products, |x - q|^2 = |x|^2 - 2 x q + |q|^2, where digits are kept."""

from __future__ import annotations

import math

import numpy as np

from fastdens.kernel_sums.bandwidth import Bandwidth
from fastdens.kernel_sums.direct import _direct_sums as compiled

# With fewer features a difference and its square cost no more; with fewer queries the points are not worth moving.
FEWEST_FEATURES, FEWEST_QUERIES = 3, 64

# Rounding errors of the exponent, which are relative errors of the terms, that are allowed for.
LARGEST_ERROR = 9e-13
# Radii (in bandwidths) of points and queries together: keeps every exponent of 2 above -1020.
LARGEST_REACH = 35.0


def _rounding_error(of_points: float, of_queries: np.ndarray | float, n_features: int) -> np.ndarray | float:
    """Bound of the error of the exponent for points and queries within these distances (in bandwidths) of the centre.

    A scalar product of d terms errs by at most d u |x| |q|, u the unit roundoff; coordinates and half squares err by a
    few u of the squares.
    """
    squares = of_points**2 + of_queries**2
    return 2.0**-53 * ((n_features + 2) * of_points * of_queries + 3 * squares)


class ScalarProducts:
    """Points about their mean, in units that make a Gaussian term 2^(x q - |x|^2 / 2 - |q|^2 / 2).

    Parameters
    ----------
    X : ndarray of shape (n_points, n_features)
        Finite.
    bandwidth : Bandwidth
    """

    def __init__(self, X: np.ndarray, bandwidth: Bandwidth) -> None:
        n, d = X.shape
        self.centre = X.mean(axis=0, dtype=np.float64)
        unit = math.sqrt(1 / math.log(2))
        # What differences are multiplied by: a number per feature, or a matrix from the right.
        self._scales = 1.0 / bandwidth.along_axes.widths * unit
        self._matrix = None if bandwidth.scales_axes else np.ascontiguousarray(bandwidth.to_white) * unit
        rows = self._units(X)
        half_squares = self._half_squares(rows)
        self.radius = math.sqrt(2 * math.log(2) * float(half_squares.max()))
        self.keeps_digits = _rounding_error(self.radius, self.radius / 2, d) < LARGEST_ERROR
        if not (self.keeps_digits and self.radius < LARGEST_REACH):
            self.keeps_digits = False
            return
        padded = -(-n // compiled.PADDING) * compiled.PADDING
        self.points = np.empty(d * padded)
        compiled.pack_points(rows, self.points)
        self.half_squares = np.full(padded, math.inf)
        self.half_squares[:n] = half_squares

    def _units(self, rows: np.ndarray) -> np.ndarray:
        moved = rows - self.centre
        return np.ascontiguousarray(moved * self._scales if self._matrix is None else moved @ self._matrix)

    @staticmethod
    def _half_squares(rows: np.ndarray) -> np.ndarray:
        return np.einsum("ij,ij->i", rows, rows) / 2

    def queries(self, Q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Queries in the units of the points, and half their squares: infinite where differences must be taken."""
        largest = np.finfo(float).max
        with np.errstate(over="ignore"):
            rows = np.clip(self._units(Q), -largest, largest)
            half_squares = self._half_squares(rows)
            radii = np.sqrt(2 * math.log(2) * half_squares)
            errors = _rounding_error(self.radius, radii, rows.shape[1])
        half_squares[(errors > LARGEST_ERROR) | (radii + self.radius > LARGEST_REACH)] = math.inf
        return rows, half_squares

"""Free coordinates of a Gaussian mixture, in which a search for the best one runs."""

from __future__ import annotations

import math

import numpy as np

from fastdens.em.covariances import log_determinants
from fastdens.em.moments import Mixture

LEAST_WEIGHT = 1e-12  # a component that starts with less could never come back


def normalised_exponentials(log_terms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ln of the sum over the last axis, and what share of it each term is."""
    if log_terms.shape[-1] == 1:
        return log_terms[..., 0], np.ones_like(log_terms)
    largest = log_terms.max(axis=-1, keepdims=True)
    shares = np.exp(log_terms - largest)
    totals = shares.sum(axis=-1, keepdims=True)
    return (largest + np.log(totals))[..., 0], shares / totals


class Coordinates:
    r"""Mixtures near a start, as vectors of real numbers; the start is where all but the logarithms of weights are 0.

    With the precisions U U^T of the start, a component has the mean :math:`\mu_0 + U_0^{-T} m` and the precision
    factor :math:`U_0 A`, where A is upper triangular (a diagonal, or a number) and the logarithms of its diagonal are
    free. Weights are :math:`e^{l_k} / \sum_j e^{l_j}`. Every component is so measured in its own units, and a search
    in these coordinates does not depend on those of the data.

    Parameters
    ----------
    start : Mixture
        The mixture to start from, of any covariance type.
    x : ndarray of shape (n, d)
        The points at which densities are asked for.
    """

    def __init__(self, start: Mixture, x: np.ndarray) -> None:
        weights, self._means, self._factors, self.covariance_type = start
        self.n_components, self.d = self._means.shape
        self._is_matrix = self.covariance_type in ("full", "tied")
        self._upper = np.triu_indices(self.d)
        self._diagonal = self._upper[0] == self._upper[1]
        self._n_logits = self.n_components if self.n_components > 1 else 0
        self._n_shapes = 1 if self.covariance_type == "tied" else self.n_components
        each = {"full": len(self._upper[0]), "tied": len(self._upper[0]), "diag": self.d, "spherical": 1}
        self._each = each[self.covariance_type]
        self.size = self._n_logits + self.n_components * self.d + self._n_shapes * self._each
        self._log_determinants = log_determinants(self._factors, self.covariance_type, self.d)
        self._whitened = np.stack([self._whiten(x - mean, k) for k, mean in enumerate(self._means)])
        self.start = np.zeros(self.size)
        self.start[: self._n_logits] = np.log(np.maximum(weights, LEAST_WEIGHT))[: self._n_logits]

    def _factor(self, k: int) -> np.ndarray:
        return self._factors if self.covariance_type == "tied" else self._factors[k]

    def _whiten(self, centred: np.ndarray, k: int) -> np.ndarray:
        return centred @ self._factor(k) if self._is_matrix else centred * self._factor(k)

    def _unpack(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Log-weights, shifts m, the A, and ln |A|, the last two with one entry for "tied"."""
        logits, rest = theta[: self._n_logits], theta[self._n_logits :]
        log_weights = np.zeros(1)
        if self._n_logits:
            log_weights = logits - normalised_exponentials(logits)[0]
        shifts = rest[: self.n_components * self.d].reshape(self.n_components, self.d)
        shapes = rest[self.n_components * self.d :].reshape(self._n_shapes, self._each)
        if not self._is_matrix:
            times = self.d if self.covariance_type == "spherical" else 1
            return log_weights, shifts, np.exp(shapes), times * shapes.sum(axis=1)
        matrices = np.zeros((self._n_shapes, self.d, self.d))
        matrices[:, self._upper[0], self._upper[1]] = np.where(self._diagonal, np.exp(shapes), shapes)
        return log_weights, shifts, matrices, shapes[:, self._diagonal].sum(axis=1)

    def log_parts(self, theta: np.ndarray) -> np.ndarray:
        """Logarithms of weight times density of each component at the points, of shape (n, n_components)."""
        log_weights, shifts, shapes, log_shapes = self._unpack(theta)
        constants = log_weights + self._log_determinants + log_shapes - 0.5 * self.d * math.log(2 * math.pi)
        parts = np.empty((self._whitened.shape[1], self.n_components))
        for k in range(self.n_components):
            shape = shapes[k % self._n_shapes]
            z = self._whitened[k] - shifts[k]
            y = z @ shape if self._is_matrix else z * shape
            parts[:, k] = constants[k] - 0.5 * np.einsum("ij,ij->i", y, y)
        return parts

    def gradient(self, theta: np.ndarray, rates: np.ndarray) -> np.ndarray:
        """Sum over points and components of rates[i, k] times the derivatives of `log_parts`[i, k]."""
        log_weights, shifts, shapes, _ = self._unpack(theta)
        totals = rates.sum(axis=0)
        by_shift = np.empty_like(shifts)
        by_shape = np.zeros((self._n_shapes, self._each))
        for k in range(self.n_components):
            row, shape = k % self._n_shapes, shapes[k % self._n_shapes]
            z = self._whitened[k] - shifts[k]
            if self._is_matrix:
                by_shift[k] = shape @ (shape.T @ (rates[:, k] @ z))
                by_matrix = -((z * rates[:, k, None]).T @ z) @ shape
                slopes = by_matrix[self._upper]
                by_shape[row] += np.where(self._diagonal, slopes * shape[self._upper] + totals[k], slopes)
            else:
                by_shift[k] = shape**2 * (rates[:, k] @ z)
                squares = shape**2 * (rates[:, k] @ z**2)
                slopes = totals[k] - squares
                by_shape[row] += slopes.sum() if self.covariance_type == "spherical" else slopes
        by_logit = totals - np.exp(log_weights) * totals.sum()
        return np.concatenate([by_logit[: self._n_logits], by_shift.ravel(), by_shape.ravel()])

    def mixture(self, theta: np.ndarray) -> Mixture:
        """The mixture at these coordinates."""
        log_weights, shifts, shapes, _ = self._unpack(theta)
        means = np.empty_like(self._means)
        for k in range(self.n_components):
            factor = self._factor(k)
            step = np.linalg.solve(factor.T, shifts[k]) if self._is_matrix else shifts[k] / factor
            means[k] = self._means[k] + step
        weights = np.exp(log_weights)
        if self.covariance_type == "tied":
            factors = self._factors @ shapes[0]
        elif self.covariance_type == "full":
            factors = self._factors @ shapes
        else:
            factors = self._factors * shapes.reshape(self._factors.shape)
        return Mixture(weights / weights.sum(), means, factors, self.covariance_type)

    # --- draws of one component that move with it ---------------------------------------------------------------------

    def placed(self, theta: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of a single component: its mean, the rows L z about it, where L L^T is the covariance, and deviations."""
        _, means, factors, _ = self.mixture(theta)
        factor = factors if self.covariance_type == "tied" else factors[0]
        rows = np.linalg.solve(factor.T, z.T).T if self._is_matrix else z / factor
        return means[0], rows, rows.std(axis=0)

    def log_spread(self, theta: np.ndarray) -> float:
        """Of a single component: ln |L|."""
        return -float(self._log_determinants.ravel()[0] + self._unpack(theta)[3][0])

    def placed_gradient(self, theta: np.ndarray, z: np.ndarray, slopes: np.ndarray) -> np.ndarray:
        """Derivatives of -ln |L| - sum of values at the rows of `placed`, where those values have these slopes.

        In units of the start, a row is m + A^-T z, and moves by -A^-T dA^T A^-T z with A.
        """
        _, _, shapes, _ = self._unpack(theta)
        factor, shape = self._factor(0), shapes[0]
        if not self._is_matrix:
            pulls = -slopes / factor
            by_log = -(pulls * z).sum(axis=0) / shape
            by_shape = 1.0 + by_log if self.covariance_type == "diag" else np.array([self.d + by_log.sum()])
            return np.concatenate([np.zeros(self._n_logits), pulls.sum(axis=0), by_shape])
        pulls = -np.linalg.solve(factor, slopes.T).T
        rows = np.linalg.solve(shape.T, z.T).T
        by_matrix = -rows.T @ np.linalg.solve(shape, pulls.T).T
        by_shape = by_matrix[self._upper]
        by_shape = np.where(self._diagonal, by_shape * shape[self._upper] + 1.0, by_shape)
        return np.concatenate([np.zeros(self._n_logits), pulls.sum(axis=0), by_shape])

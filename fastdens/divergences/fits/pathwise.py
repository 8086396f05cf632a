"""Reverse KL of one Gaussian in many dimensions, from draws that move with the model."""

from __future__ import annotations

import math

import numpy as np

from fastdens.divergences.fits.coordinates import Coordinates
from fastdens.divergences.fits.targets import Target
from fastdens.em.moments import Mixture

# Central differences of a function: the step, in standard deviations of the model, is about the cube root of rounding.
_STEP = 1e-5


def has_gradient(target: Target) -> bool:
    """Whether ln p of the target is differentiable; that of a function is taken to be."""
    return target.model is None or target.gradient is not None


class PathwiseReverseKL:
    r"""KL(q || p) of a Gaussian q over fixed normal rows z, as a function of its coordinates.

    .. math:: J = -\ln|L| - \frac1n \sum_i \ln p(\mu + L z_i) + \text{const}

    The rows come in pairs z, -z and have unit covariance, so that J is exact for a target that is a Gaussian too
    (Kingma and Welling 2014, Auto-encoding variational Bayes; Owen 2013, Monte Carlo theory, methods and examples,
    chapter 8).
    """

    def __init__(self, target: Target, start: Mixture, n_draws: int, rng: np.random.Generator) -> None:
        d = target.d
        half = rng.standard_normal((max(n_draws // 2, d + 1), d))
        half = np.linalg.solve(np.linalg.cholesky(half.T @ half / len(half)), half.T).T
        self._z = np.concatenate([half, -half])
        self._target, self._gradient = target, target.gradient
        self.coordinates = Coordinates(start, np.zeros((1, d)))

    def _log_p(self, x: np.ndarray, step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """ln p and its gradient."""
        log_p = self._target.log_density(x)
        if self._gradient is not None:
            return log_p, self._gradient(x)
        gradient = np.empty_like(x)
        for axis, width in enumerate(step):
            ahead, behind = x.copy(), x.copy()
            ahead[:, axis] += width
            behind[:, axis] -= width
            change = self._target.log_density(ahead) - self._target.log_density(behind)
            gradient[:, axis] = change / (ahead[:, axis] - behind[:, axis])
        return log_p, gradient

    def __call__(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """J and its gradient; the value of the largest double where a row falls where p has no density."""
        mean, rows, spread = self.coordinates.placed(theta, self._z)
        log_p, slopes = self._log_p(mean + rows, _STEP * spread)
        if not (np.isfinite(log_p).all() and np.isfinite(slopes).all()):
            return math.inf, np.zeros_like(theta)
        entropy = 0.5 * self._z.shape[1] * (1.0 + math.log(2 * math.pi)) + self.coordinates.log_spread(theta)
        return -entropy - float(log_p.mean()), self.coordinates.placed_gradient(theta, self._z, slopes / len(slopes))

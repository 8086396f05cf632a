"""Reverse KL of one Gaussian in many dimensions, from draws that move with the model."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastdens.divergences.fits.coordinates import Coordinates
from fastdens.divergences.fits.targets import Target, is_plain_gaussian
from fastdens.em.moments import Mixture
from fastdens.models.kernel_density import KernelDensity
from fastdens.models.mixture import GaussianMixture

# Central differences of a function: the step, in standard deviations of the model, is about the cube root of rounding.
_STEP = 1e-5


def has_gradient(target: Target) -> bool:
    """Whether ln p of the target is differentiable."""
    model = target.model
    if isinstance(model, KernelDensity):
        return is_plain_gaussian(model)
    return model is None or isinstance(model, GaussianMixture) or hasattr(model, "score_gradient")


def _gradient_of_mixture(model: GaussianMixture, x: np.ndarray) -> np.ndarray:
    shares, total = model.predict_proba(x), np.zeros_like(x)
    for k, mean in enumerate(np.asarray(model.means_, np.float64)):
        centred = x - mean
        precision = np.asarray(model.precisions_ if model.covariance_type == "tied" else model.precisions_[k])
        total -= shares[:, k, None] * (centred @ precision if precision.ndim == 2 else centred * precision)
    return total


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
        self._target = target
        self.coordinates = Coordinates(start, np.zeros((1, d)))

    def _log_p(self, x: np.ndarray, step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """ln p and its gradient."""
        model: Any = self._target.model
        log_p = self._target.log_density(x)
        if isinstance(model, GaussianMixture):
            return log_p, _gradient_of_mixture(model, x)
        if model is not None:
            return log_p, model.score_gradient(x)
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

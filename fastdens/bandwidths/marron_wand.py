"""The fifteen normal mixtures of Marron and Wand, and the exact error of a Gaussian kernel estimate of each.

They are the judge of bandwidth rules: the exact mean integrated squared error of a normal mixture has a closed form.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


def normal(x: np.ndarray, deviation: np.ndarray | float) -> np.ndarray:
    """Density at x of the normal distribution with mean zero."""
    return np.exp(-0.5 * (x / deviation) ** 2) / (math.sqrt(2 * math.pi) * deviation)


@dataclass(frozen=True)
class NormalMixture:
    """A mixture of normal densities in one dimension: sum of weights times normal(means, deviations)."""

    name: str
    weights: np.ndarray
    means: np.ndarray
    deviations: np.ndarray

    def pdf(self, x: np.ndarray) -> np.ndarray:
        """Density at x."""
        return normal(np.asarray(x)[..., None] - self.means, self.deviations) @ self.weights

    def sample(self, n_samples: int, seed: int | np.random.Generator | None = None) -> np.ndarray:
        """Independent draws, of shape (n_samples, 1)."""
        rng = np.random.default_rng(seed)
        part = rng.choice(len(self.weights), n_samples, p=self.weights)
        return (self.means[part] + self.deviations[part] * rng.standard_normal(n_samples))[:, None]

    def smoothed_product(self, added_variance: float) -> float:
        """Integral of f times f convolved with a normal density of the given variance."""
        deviations = np.sqrt(self.deviations[:, None] ** 2 + self.deviations**2 + added_variance)
        return float(self.weights @ normal(self.means[:, None] - self.means, deviations) @ self.weights)

    def mise(self, bandwidth: float, n_samples: int) -> float:
        r"""Exact mean integrated squared error of the Gaussian kernel estimate (Marron and Wand 1992, theorem 2.1).

        .. math:: \frac{1}{2 \sqrt\pi n h} + (1 - 1/n) U(2 h^2) - 2 U(h^2) + U(0),

        U(v) the integral of f times f smoothed by the variance v.
        """
        return (
            1 / (2 * math.sqrt(math.pi) * n_samples * bandwidth)
            + (1 - 1 / n_samples) * self.smoothed_product(2 * bandwidth**2)
            - 2 * self.smoothed_product(bandwidth**2)
            + self.smoothed_product(0.0)
        )

    def ise(self, sample: np.ndarray, bandwidth: float) -> float:
        """Exact integrated squared error of the Gaussian kernel estimate from a sample, by all pairs."""
        x = np.ravel(sample)
        squared = normal(x[:, None] - x, math.sqrt(2) * bandwidth).mean()
        widened = np.sqrt(self.deviations**2 + bandwidth**2)
        product = (normal(x[:, None] - self.means, widened) @ self.weights).mean()
        return float(squared - 2 * product + self.smoothed_product(0.0))


def optimal_bandwidth(density: NormalMixture, n_samples: int) -> float:
    """The bandwidth with the smallest exact mean integrated squared error: the oracle.

    Examples
    --------
    >>> from fastdens.bandwidths.marron_wand import DENSITIES, optimal_bandwidth
    >>> round(optimal_bandwidth(DENSITIES["gaussian"], 1000), 4)
    0.2723
    """
    from scipy.optimize import minimize_scalar

    spread = math.sqrt(float(density.weights @ (density.means**2 + density.deviations**2)))
    grid = np.geomspace(4 * spread, density.deviations.min() * n_samples**-0.5 / 10, 200)
    best = int(np.argmin([density.mise(h, n_samples) for h in grid]))
    found = minimize_scalar(
        lambda log_h: density.mise(math.exp(log_h), n_samples),
        bounds=(math.log(grid[min(best + 1, len(grid) - 1)]), math.log(grid[max(best - 1, 0)])),
        method="bounded",
        options={"xatol": 1e-8},
    )
    return math.exp(found.x)


def _mixture(name: str, *parts: tuple[float, float, float]) -> NormalMixture:
    weights, means, deviations = np.array(parts, dtype=np.float64).T
    return NormalMixture(name, weights / weights.sum(), means, deviations)


def _densities() -> list[NormalMixture]:
    """Table 1 of Marron and Wand (1992): (weight, mean, standard deviation) of each part."""
    claw = [(1 / 10, j / 2 - 1, 1 / 10) for j in range(5)]
    sharp = [(49 / 100, -1.0, 2 / 3), (49 / 100, 1.0, 2 / 3)]
    left_claw = [(46 / 100, 2.0 * j - 1, 2 / 3) for j in range(2)]
    return [
        _mixture("gaussian", (1, 0, 1)),
        _mixture("skewed unimodal", (1 / 5, 0, 1), (1 / 5, 1 / 2, 2 / 3), (3 / 5, 13 / 12, 5 / 9)),
        _mixture("strongly skewed", *((1 / 8, 3 * ((2 / 3) ** k - 1), (2 / 3) ** k) for k in range(8))),
        _mixture("kurtotic unimodal", (2 / 3, 0, 1), (1 / 3, 0, 1 / 10)),
        _mixture("outlier", (1 / 10, 0, 1), (9 / 10, 0, 1 / 10)),
        _mixture("bimodal", (1 / 2, -1, 2 / 3), (1 / 2, 1, 2 / 3)),
        _mixture("separated bimodal", (1 / 2, -3 / 2, 1 / 2), (1 / 2, 3 / 2, 1 / 2)),
        _mixture("skewed bimodal", (3 / 4, 0, 1), (1 / 4, 3 / 2, 1 / 3)),
        _mixture("trimodal", (9 / 20, -6 / 5, 3 / 5), (9 / 20, 6 / 5, 3 / 5), (1 / 10, 0, 1 / 4)),
        _mixture("claw", (1 / 2, 0, 1), *claw),
        _mixture("double claw", *sharp, *((1 / 350, (j - 3) / 2, 1 / 100) for j in range(7))),
        _mixture(
            "asymmetric claw", (1 / 2, 0, 1), *((2 ** (1 - k) / 31, k + 1 / 2, 2.0**-k / 10) for k in range(-2, 3))
        ),
        _mixture(
            "asymmetric double claw",
            *left_claw,
            *((1 / 300, -k / 2, 1 / 100) for k in range(1, 4)),
            *((7 / 300, k / 2, 7 / 100) for k in range(1, 4)),
        ),
        _mixture("smooth comb", *((2 ** (5 - k) / 63, (65 - 96 * 0.5**k) / 21, 32 / 63 / 2**k) for k in range(6))),
        _mixture(
            "discrete comb",
            *((2 / 7, (12 * k - 15) / 7, 2 / 7) for k in range(3)),
            *((1 / 21, 2 * k / 7, 1 / 21) for k in range(8, 11)),
        ),
    ]


DENSITIES: dict[str, NormalMixture] = {density.name: density for density in _densities()}

"""Every model of the package, as the tests of the contract use it: one row here and a new model is tested."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import fastdens as fd

# Starting points make the mixture a function of its data alone, so that distributions about data can be tested on it.
_STARTS = np.array([[0.5, -0.5], [4.0, 3.0]])

MODELS: dict[str, Callable[[], Any]] = {
    "Gaussian": fd.Gaussian,
    "Gaussian_diag": lambda: fd.Gaussian(covariance_type="diag"),
    "Histogram": lambda: fd.Histogram(bins=4),
    "KernelDensity_gaussian": lambda: fd.KernelDensity(bandwidth=0.6),
    "KernelDensity_epanechnikov": lambda: fd.KernelDensity(bandwidth=1.2, kernel="epanechnikov"),
    "KernelDensity_scott": lambda: fd.KernelDensity(bandwidth="scott"),
    "AdaptiveKernelDensity_abramson": lambda: fd.AdaptiveKernelDensity(bandwidth=0.6),
    "AdaptiveKernelDensity_neighbors": lambda: fd.AdaptiveKernelDensity(
        "neighbors", bandwidth="neighbors", n_neighbors=6
    ),
    "AdaptiveKernelDensity_mixture": lambda: fd.AdaptiveKernelDensity("mixture", bandwidth=0.6, n_neighbors=6),
    "KernelDensity_bounds": lambda: fd.KernelDensity(bandwidth=0.6, bounds=[(-9, None), (-9, 20)]),
    "KNeighborsDensity": lambda: fd.KNeighborsDensity(n_neighbors=4),
    "GaussianMixture": lambda: fd.GaussianMixture(2, means_init=_STARTS, random_state=0, tol=1e-8, max_iter=1000),
    "GaussianMixture_tied": lambda: fd.GaussianMixture(
        2, covariance_type="tied", means_init=_STARTS, random_state=0, tol=1e-8, max_iter=1000
    ),
}

# How far from one the sum of a density over a fine grid may be. Jumps cost about a cell, kinks less; the mass of the
# neighbour estimate is known from draws.
MASS_TOLERANCE = {"Histogram": 0.01, "KernelDensity_epanechnikov": 1e-5, "KNeighborsDensity": 0.01}

# Models whose smoothing follows the number of rows (the effective one, where rows are weighted).
COUNTS_ROWS = {"KernelDensity_scott"}


def training_data(n: int = 61, d: int = 2) -> np.ndarray:
    """Two groups that overlap little; a prime number of rows."""
    random = np.random.default_rng(42)
    X = random.normal(size=(n, d))
    X[: n // 2] += 4.0
    return X


def fitted_state(model: Any) -> dict[str, Any]:
    """Copies of the attributes that `fit` has set."""
    return {
        name: value.copy() if isinstance(value, np.ndarray) else value
        for name, value in vars(model).items()
        if name.endswith("_") and not name.startswith("__")
    }


def draw(model: Any, n: int, random_state: Any) -> np.ndarray:
    """The points of ``model.sample``; a mixture's labels are left out."""
    points = model.sample(n, random_state=random_state) if takes_random_state(model) else model.sample(n)
    return points[0] if isinstance(points, tuple) else points


def takes_random_state(model: Any) -> bool:
    import inspect

    return "random_state" in inspect.signature(model.sample).parameters

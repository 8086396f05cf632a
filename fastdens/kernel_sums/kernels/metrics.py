"""Metrics beside the Euclidean: normalisers, draws and checks; the distances are formed in compiled code."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.kernel_sums.bandwidth import Bandwidth
from fastdens.kernel_sums.kernels.registry import NORMALISER, SmoothingKernel, log_ball_volume

# scikit-learn's names among them.
ALIASES = {
    "euclidean": "euclidean",
    "l2": "euclidean",
    "manhattan": "manhattan",
    "l1": "manhattan",
    "cityblock": "manhattan",
    "chebyshev": "chebyshev",
    "infinity": "chebyshev",
    "haversine": "haversine",
}
# Their places in the compiled table of distances.
CODES = {"euclidean": 0, "manhattan": 1, "chebyshev": 2, "haversine": 3}

# Beyond these a great-circle distance in bandwidths, or its square, would leave the range of floating-point numbers.
SPHERE_BANDWIDTHS = (2.0**-64, 2.0**64)
# From this bandwidth on, uniform points of the sphere are proposed for draws, below it points of the tangent plane.
WIDE_ON_SPHERE = 1.0


def check_metric(metric: Any, n_features: int, bandwidth: Bandwidth) -> str:
    """The metric's own name for its alias, where the features and the bandwidth suit it.

    In one dimension the norms are the same, so that manhattan and chebyshev become euclidean.
    """
    name = ALIASES[validation.check_option(metric, "metric", ALIASES)]
    if name == "euclidean":
        return name
    if not bandwidth.scales_axes:
        raise ValueError(f"a matrix as bandwidth needs metric='euclidean', got metric={metric!r}")
    if name != "haversine":
        return name if n_features > 1 else "euclidean"
    if n_features != 2:
        raise ValueError(f"metric='haversine' needs two features, latitude and longitude in radians, got {n_features}")
    if bandwidth.number is None:
        raise ValueError(f"metric='haversine' needs one number as bandwidth, in radians, got {bandwidth.public!r}")
    if not bandwidth.lies_within(*SPHERE_BANDWIDTHS):
        raise ValueError(f"bandwidth must lie between 2^-64 and 2^64 with metric='haversine', got {bandwidth.public!r}")
    return name


def check_data(data: np.ndarray, metric: str) -> None:
    """Latitudes within [-pi/2, pi/2]; any longitude is right."""
    if metric != "haversine" or not len(data):
        return
    largest = math.pi / 2 if data.dtype == np.float64 else float(np.float32(math.pi / 2))
    outside = np.flatnonzero(np.abs(data[:, 0]) > largest)
    if outside.size:
        raise ValueError(
            "X must hold latitudes (first column, in radians) between -pi/2 and pi/2 for metric='haversine', "
            f"got {data[outside[0], 0]!r} in row {outside[0]}"
        )


def of_sphere(rows: np.ndarray) -> np.ndarray:
    """Latitude, longitude within [-pi, pi] and cosine of the latitude, which the compiled distance takes."""
    rows = rows.astype(np.float64, copy=False)
    latitudes, longitudes = rows[:, 0], rows[:, 1]
    if np.abs(longitudes).max(initial=0.0) > math.pi:
        longitudes = np.where(np.abs(longitudes) > math.pi, np.remainder(longitudes + math.pi, 2 * math.pi) - math.pi,
                              longitudes)  # fmt: skip
    return np.stack([latitudes, longitudes, np.maximum(np.cos(latitudes), 0.0)], axis=1)


def log_normaliser(kernel: SmoothingKernel, metric: str, n_features: int, bandwidth: Bandwidth) -> float:
    """ln of the integral of K(distance / h): over space, or over the unit sphere by area for "haversine"."""
    if metric == "haversine":
        return _log_sphere_normaliser(kernel, float(bandwidth.widths[0]))
    d = n_features
    # A function of a norm integrates to the volume of the norm's ball times an integral over the radius.
    volumes = {"euclidean": log_ball_volume(d), "manhattan": d * math.log(2) - math.lgamma(d + 1)}
    log_volume = volumes.get(metric, d * math.log(2))
    return kernel.log_normaliser(d) - log_ball_volume(d) + log_volume + bandwidth.log_volume


def _log_sphere_normaliser(kernel: SmoothingKernel, h: float) -> float:
    """ln of 2 pi times the integral of K(t / h) sin t over [0, pi]; in bandwidths, so that no h over- or underflows."""
    radius = kernel.radius(NORMALISER)
    nodes, weights = np.polynomial.legendre.leggauss(20)
    edges = np.linspace(0.0, min(radius, math.pi / h), 81)
    widths = np.diff(edges)[:, None] / 2
    u = edges[:-1, None] + widths * (nodes + 1)
    integral = float((widths * weights * kernel.profile(u) * u * np.sinc(u * (h / math.pi))).sum())
    return math.log(2 * math.pi * integral) + 2 * math.log(h)


def draw(
    rng: np.random.Generator, centres: np.ndarray, kernel: SmoothingKernel, metric: str, bandwidth: Bandwidth
) -> np.ndarray:
    """One draw about each centre, from the kernel's density in a metric that is not the Euclidean."""
    n, d = centres.shape
    if metric == "haversine":
        return _draw_on_sphere(rng, centres, kernel, float(bandwidth.widths[0]))
    radii = kernel.sample_radius(rng, n, d)
    if metric == "manhattan":  # uniform on the surface: exponential shares with random signs
        directions = rng.standard_exponential((n, d))
        directions /= directions.sum(axis=1, keepdims=True)
        directions *= rng.integers(0, 2, (n, d)) * 2 - 1
    else:  # uniform on one of the faces
        directions = rng.uniform(-1.0, 1.0, (n, d))
        directions[np.arange(n), rng.integers(0, d, n)] = rng.integers(0, 2, n) * 2 - 1
    return centres + bandwidth.coloured(directions * radii[:, None])


def _draw_on_sphere(rng: np.random.Generator, centres: np.ndarray, kernel: SmoothingKernel, h: float) -> np.ndarray:
    angles = np.empty(len(centres))
    missing = np.arange(len(centres))
    while missing.size:  # density K(t / h) sin t, by rejection
        if h >= WIDE_ON_SPHERE:
            proposed = np.arccos(rng.uniform(-1.0, 1.0, missing.size))
            chance = kernel.profile(proposed / h)
        else:
            proposed = kernel.sample_radius(rng, missing.size, 2) * h
            chance = np.where(proposed <= math.pi, np.sinc(proposed / math.pi), 0.0)
        accepted = rng.random(missing.size) < chance
        angles[missing[accepted]] = proposed[accepted]
        missing = missing[~accepted]
    bearings = rng.uniform(0.0, 2 * math.pi, len(centres))
    latitudes, longitudes = centres[:, 0].astype(np.float64), centres[:, 1].astype(np.float64)
    along, across = np.sin(angles) * np.cos(bearings), np.sin(angles) * np.sin(bearings)
    outward = np.cos(angles) * np.cos(latitudes) - along * np.sin(latitudes)
    upward = np.cos(angles) * np.sin(latitudes) + along * np.cos(latitudes)
    moved = longitudes + np.arctan2(across, outward)
    moved = np.where(np.abs(moved) > math.pi, np.remainder(moved + math.pi, 2 * math.pi) - math.pi, moved)
    return np.stack([np.arctan2(upward, np.hypot(outward, across)), moved], axis=1)

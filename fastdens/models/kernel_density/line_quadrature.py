"""Integrals over a one-dimensional kernel density estimate, by Gauss and Legendre's rule between its kinks."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from fastdens.kernel_sums.kernels.registry import QUADRATURE, SmoothingKernel
from fastdens.models.kernel_density.estimate import Estimate, Settings
from fastdens.models.kernel_density.scores import log_density_of

PANELS_PER_BANDWIDTH = 4
# So many panels, or kinks, are taken; beyond, the kinks are small enough to be passed over, and draws replace panels.
MOST_PANELS, MOST_KINKS = 2**16, 2**15
NODES = (6, 12)
# Levels between which the mass above a level is interpolated.
KNOTS = 257
# How far the mass of the estimate may be from 1 for the panels to be believed.
MASS_ERROR = 1e-3


class Nodes(NamedTuple):
    """ln of the density at places in ascending order, the mass that each stands for, and a bound of their distances."""

    log_density: np.ndarray
    masses: np.ndarray
    places: np.ndarray
    step: float


def nodes_on_the_line(estimate: Estimate, settings: Settings) -> list[Nodes] | None:
    """The nodes of a coarse and of a fine rule; None where there would be too many."""
    points = np.unique(estimate.points64[:, 0])
    h = float(estimate.bandwidth.widths[0])
    edges = _edges(points, h, estimate.kernel)
    if edges is None or not edges[0].size:  # too many, or narrower than the numbers there lie apart
        return None
    left, right = edges
    rules = []
    for count in NODES:
        places, weights = np.polynomial.legendre.leggauss(count)
        half = (right - left) / 2
        x = ((left + half)[:, None] + half[:, None] * places).reshape(-1)
        log_density = log_density_of(estimate, x[:, None], settings)
        masses = np.exp(log_density) * (half[:, None] * weights).reshape(-1)
        if not abs(masses.sum() - 1) < MASS_ERROR:
            return None
        kept = masses > 0
        rules.append(Nodes(log_density[kept], masses[kept] / masses.sum(), x[kept], h / PANELS_PER_BANDWIDTH))
    return rules


def _edges(points: np.ndarray, h: float, kernel: SmoothingKernel) -> tuple[np.ndarray, np.ndarray] | None:
    """Left and right ends of panels over all places that the kernels radius, cut at their kinks."""
    radius = kernel.radius(QUADRATURE) * h
    far = np.flatnonzero(np.diff(points) > 2 * radius)
    low, high = points[np.append(0, far + 1)] - radius, points[np.append(far, len(points) - 1)] + radius
    with np.errstate(over="ignore", invalid="ignore"):
        counts = np.ceil((high - low) / h * PANELS_PER_BANDWIDTH)
    if not (np.isfinite(counts).all() and counts.sum() <= MOST_PANELS):
        return None
    counts = counts.astype(np.intp)
    piece = np.repeat(np.arange(len(counts)), counts + 1)
    place = np.arange(len(piece)) - np.repeat(np.cumsum(counts + 1) - (counts + 1), counts + 1)
    cuts = [low[piece] + (high - low)[piece] * (place / np.maximum(counts, 1)[piece])]
    if len(points) <= MOST_KINKS:
        if math.isfinite(kernel.centre_order):
            cuts.append(points)
        if kernel.is_compact:
            cuts += [points - h, points + h]
    ends = np.unique(np.concatenate(cuts))
    left, right = ends[:-1], ends[1:]
    inside = np.searchsorted(low, left, side="right") > np.searchsorted(high, left, side="right")
    return left[inside], right[inside]


def level_between(nodes: Nodes, mass: np.ndarray) -> np.ndarray:
    """ln of the density that is exceeded with probability `mass`, where the density is continuous."""
    order = np.argsort(-nodes.log_density, kind="stable")
    enclosed = np.cumsum(nodes.masses[order]) - nodes.masses[order] / 2
    # Levels right to about the mass of a node; then the mass above them, with the density linear between nodes.
    wanted = np.unique(np.append(np.linspace(0, 1, KNOTS), mass))
    levels = np.interp(wanted, enclosed, nodes.log_density[order])
    density, widths = np.exp(nodes.log_density), np.minimum(np.diff(nodes.places), nodes.step)
    high, low = np.maximum(density[1:], density[:-1]), np.minimum(density[1:], density[:-1])
    whole = float((widths * (high + low)).sum())
    above = np.empty(len(levels))
    for k, level in enumerate(np.exp(levels)):
        with np.errstate(over="ignore"):
            part = np.clip((high - level) / np.maximum(high - low, np.finfo(float).tiny), 0.0, 1.0)
        above[k] = (widths * part * (high + np.maximum(low, level))).sum() / whole
    order = np.argsort(above, kind="stable")
    result = np.interp(mass, above[order], levels[order])
    return np.where(mass == 1, -np.inf, np.where(mass == 0, nodes.log_density.max(), result))


def level_in_steps(log_density: np.ndarray, masses: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """The same where the density has no values between those given, or of draws: one of the values."""
    order = np.argsort(-log_density, kind="stable")
    enclosed = np.cumsum(masses[order])
    places = np.searchsorted(enclosed, mass * enclosed[-1] * (1 - 1e-12))
    return log_density[order][np.minimum(places, len(enclosed) - 1)]

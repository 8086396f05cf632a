"""Whether points are draws from a density: chi-square over cells of equal probability."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import stats


class Cells(NamedTuple):
    """Strips across the first axis, cut into cells along the last (of one feature: strips alone)."""

    masses: np.ndarray  # of the strips' cells, (n_strips, n_cells); of one feature (n_strips, 1)
    strips: np.ndarray  # inner borders of the strips
    cuts: np.ndarray  # inner borders of the cells of each strip, (n_strips, n_cells - 1)
    outside: float  # mass beyond the grid


def equal_parts(masses: np.ndarray, n: int) -> np.ndarray:
    """Borders, as places in `masses`, between n stretches of nearly the same mass."""
    cumulative = np.cumsum(masses)
    return np.searchsorted(cumulative, cumulative[-1] * np.arange(1, n) / n) + 1


def cells_of(model: Any, box: list[tuple[float, float]], n: int, n_parts: int = 15) -> Cells:
    """Cells of nearly equal probability under a density, which is integrated by the midpoints of n^d small parts."""
    borders = [np.linspace(low, high, n + 1) for low, high in box]
    sides = [(b[:-1] + b[1:]) / 2 for b in borders]
    grid = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, len(box))
    mass = np.exp(model.score_samples(grid)).reshape(n, -1) * np.prod([b[1] - b[0] for b in borders])
    strips = equal_parts(mass.sum(axis=1), n_parts)
    masses, cuts = [], []
    for strip in np.split(mass, strips):
        places = equal_parts(strip.sum(axis=0), n_parts if len(box) == 2 else 1)
        masses.append([part.sum() for part in np.split(strip.sum(axis=0), places)])
        cuts.append(borders[-1][places])
    return Cells(np.array(masses), borders[0][strips], np.array(cuts), 1 - mass.sum())


def p_value(points: np.ndarray, cells: Cells) -> float:
    """Of the chi-square test that points are draws from the density whose cells these are."""
    strip = np.searchsorted(cells.strips, points[:, 0], side="right")
    part = (points[:, -1:] >= cells.cuts[strip]).sum(axis=1)
    observed = np.bincount(strip * cells.masses.shape[1] + part, minlength=cells.masses.size)
    kept = cells.masses.ravel() > 0
    if observed[~kept].any():
        return 0.0
    masses = cells.masses.ravel()[kept]
    return float(stats.chisquare(observed[kept], len(points) * masses / masses.sum()).pvalue)

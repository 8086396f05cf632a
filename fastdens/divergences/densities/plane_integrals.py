"""Integrals over the plane by adaptive cubature, many cells at a time, and f-divergences by it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fastdens.divergences.densities.line_integrals import (
    BATCH,
    NARROWEST,
    ROUNDING,
    Axis,
    Integral,
    LogDensity,
    bound_of,
    divergence_goal,
    runs_away,
    terms_beside_masses,
    worst,
)
from fastdens.divergences.generators import Generator

# The 7-point rule of Gauss within the 15-point rule of Kronrod (1965), as QUADPACK tabulates them: the half x >= 0.
_PLACES = [
    0.991455371120812639206854697526329, 0.949107912342758524526189684047851, 0.864864423359769072789712788640926,
    0.741531185599394439863864773280788, 0.586087235467691130294144691258380, 0.405845151377397166906606412076961,
    0.207784955007898467600689403773245, 0.0,
]  # fmt: skip
_WEIGHTS = [
    0.022935322010529224963732008058970, 0.063092092629978553290700663189204, 0.104790010322250183839876322541518,
    0.140653259715525918745189590510238, 0.169004726639267902826583426598550, 0.190350578064785409913256402421014,
    0.204432940075298892414161999234649, 0.209482141084727828012999174891714,
]  # fmt: skip
PLACES = np.array([-x for x in _PLACES] + _PLACES[-2::-1])
KRONROD = np.array(_WEIGHTS + _WEIGHTS[-2::-1])
GAUSS = np.zeros(15)
GAUSS[1::2] = np.polynomial.legendre.leggauss(7)[1]
N_NODES = len(PLACES) ** 2
# Rays along which the integrand is looked at to see whether it falls off.
N_RAYS = 64


class _Cells(NamedTuple):
    """Rectangles with their integrals, of shape (n_functions, n_cells); errors are per axis that they come from."""

    low: np.ndarray
    high: np.ndarray
    values: np.ndarray
    errors: np.ndarray
    sizes: np.ndarray

    def without(self, cut: np.ndarray) -> _Cells:
        return _Cells(
            np.delete(self.low, cut, axis=0), np.delete(self.high, cut, axis=0),
            *(np.delete(part, cut, axis=-1) for part in self[2:]),
        )  # fmt: skip

    def joined(self, other: _Cells) -> _Cells:
        return _Cells(
            np.concatenate([self.low, other.low]), np.concatenate([self.high, other.high]),
            *(np.concatenate([a, b], axis=-1) for a, b in zip(self[2:], other[2:])),
        )  # fmt: skip


def _cell_integrals(function: Callable[[np.ndarray], np.ndarray], low: np.ndarray, high: np.ndarray) -> _Cells:
    values, errors, sizes = [], [], []
    step = max(1, BATCH // N_NODES)
    for first in range(0, len(low), step):
        a, b = low[first : first + step], high[first : first + step]
        half = (b - a) / 2
        nodes = (a + half)[:, :, None] + half[:, :, None] * PLACES
        points = np.empty((len(a), len(PLACES), len(PLACES), 2))
        points[..., 0], points[..., 1] = nodes[:, 0, :, None], nodes[:, 1, None, :]
        f = function(points.reshape(-1, 2))
        f = f.reshape(len(f), len(a), len(PLACES), len(PLACES))
        area = half.prod(axis=1)
        with np.errstate(invalid="ignore", over="ignore"):
            along_y, across = f @ KRONROD, KRONROD @ f
            best = area * (along_y @ KRONROD)
            size = area * (np.abs(f) @ KRONROD @ KRONROD)
            spread = area * (np.abs(f - (best / area / 4)[..., None, None]) @ KRONROD @ KRONROD)
            in_x = np.abs(best - area * (along_y @ GAUSS))
            in_y = np.abs(best - area * (across @ GAUSS))
            errors.append(np.stack([bound_of(in_x, spread), bound_of(in_y, spread)]))
        values.append(best)
        sizes.append(size)
    return _Cells(low, high, np.concatenate(values, axis=1), np.concatenate(errors, axis=2),
                  np.concatenate(sizes, axis=1))  # fmt: skip


def integrate_plane(
    function: Callable[[np.ndarray], np.ndarray],
    edges: tuple[np.ndarray, np.ndarray],
    allowed: Callable[[np.ndarray], np.ndarray],
    most_evaluations: int,
) -> Integral:
    """Integrals of several functions at once: cells are halved until errors are as allowed, or no budget is left.

    A cell is cut across the axis that errs more.

    Parameters
    ----------
    function : callable
        From places of shape (n, 2) to values of shape (n_functions, n); an infinite value makes the integral infinite.
    edges : pair of ndarrays
        The grid of the first cells, in ascending order.
    allowed : callable
        From the integrals, of shape (n_functions,), to the errors allowed in them.
    most_evaluations : int
        About how many places may be asked for; the first cells are evaluated in any case.
    """
    x, y = edges
    corners = np.stack(np.meshgrid(np.arange(len(x) - 1), np.arange(len(y) - 1), indexing="ij"), axis=-1).reshape(-1, 2)
    low = np.column_stack([x[corners[:, 0]], y[corners[:, 1]]])
    high = np.column_stack([x[corners[:, 0] + 1], y[corners[:, 1] + 1]])
    cells = _cell_integrals(function, low, high)
    n_evaluations = len(low) * N_NODES
    while True:
        total, errors = cells.values.sum(axis=1), cells.errors.sum(axis=0)
        if not np.isfinite(total).all():
            break
        goal = np.asarray(allowed(total))
        if (errors.sum(axis=1) <= goal).all() or n_evaluations >= most_evaluations:
            break
        wide = cells.high - cells.low > NARROWEST * np.maximum(np.abs(cells.low), np.abs(cells.high))
        may_be_cut = wide.all(axis=1) & (errors > 0.5 * ROUNDING * cells.sizes).any(axis=0)
        cut = worst(errors, goal, may_be_cut)[: max(1, (most_evaluations - n_evaluations) // (2 * N_NODES))]
        if len(cut) == 0:
            break
        share = (cells.errors[:, :, cut] / goal[None, :, None]).max(axis=1)
        axis = np.where(share[0] >= share[1], 0, 1)
        left_high, right_low = cells.high[cut], cells.low[cut]
        rows = np.arange(len(cut))
        middle = (left_high[rows, axis] + right_low[rows, axis]) / 2
        left_high[rows, axis] = right_low[rows, axis] = middle
        new = _cell_integrals(
            function, np.concatenate([cells.low[cut], right_low]), np.concatenate([left_high, cells.high[cut]])
        )
        n_evaluations += len(new.low) * N_NODES
        cells = cells.without(cut).joined(new)
    exact_sums = np.array([math.fsum(row) if np.isfinite(row).all() else row.sum() for row in cells.values])
    bounds = cells.errors.sum(axis=(0, 2)) + ROUNDING * cells.sizes.sum(axis=1)
    return Integral(exact_sums, bounds, n_evaluations)


def plane_divergence(
    p: LogDensity, q: LogDensity, generator: Generator, tolerance: float, most_evaluations: int
) -> Integral:
    """The f-divergence of two distributions in the plane, and their masses; infinite where one meets an infinite
    term."""
    axes = []
    for a in range(2):
        if min(p.high[a], q.high[a]) <= max(p.low[a], q.low[a]):
            return Integral(np.array([generator.largest, 1.0, 1.0]), np.zeros(3), 0)
        ends = [end for side in (p, q) for end in (side.low[a], side.high[a])]
        axes.append(
            Axis(
                np.concatenate([p.breakpoints[a], q.breakpoints[a], ends]),
                min(p.low[a], q.low[a]),
                max(p.high[a], q.high[a]),
            )
        )

    def function(u: np.ndarray) -> np.ndarray:
        x, slope_x = axes[0].places(u[:, 0])
        y, slope_y = axes[1].places(u[:, 1])
        X = np.column_stack([x, y])
        return terms_beside_masses(generator, p.log_density(X), q.log_density(X), slope_x + slope_y)

    edges = axes[0].edges, axes[1].edges
    if math.isinf(generator.largest) and all(len(axis.tails) == 2 for axis in axes):
        centre = np.array([np.median(axis.edges) for axis in axes])
        scales = np.array([abs(axis.tails[0][1]) for axis in axes])
        angles = 2 * np.pi * (np.arange(N_RAYS) + 0.5) / N_RAYS
        for direction in np.column_stack([np.cos(angles), np.sin(angles)]):
            if runs_away(p, q, generator, centre, direction * scales):
                return Integral(np.array([math.inf, 1.0, 1.0]), np.zeros(3), 0)
    return integrate_plane(function, edges, divergence_goal(tolerance), most_evaluations)

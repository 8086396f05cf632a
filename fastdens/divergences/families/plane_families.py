"""Largest discrepancies over sets of the plane, boxes and half-planes, and over sets that know no order."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastdens.divergences.families.set_witnesses import EMPTY, Box, HalfPlane, Interval
from fastdens.divergences.families.signed_weights import SignedWeights
from fastdens.subsets.set_families import largest_box, largest_half_plane
from fastdens.subsets.up_sets import largest_up_set

Found = tuple[float, Any, np.ndarray, float]  # signed value, witness, rows, error


def over_boxes(points: np.ndarray, weights: SignedWeights, n_threads: int) -> Found:
    """The largest |sum| over rectangles with sides along the axes."""
    ranks, coordinates = [], []
    for x in points.T:
        distinct, rank = np.unique(x, return_inverse=True)
        ranks.append(rank.astype(np.intp))
        coordinates.append(distinct)
    value, bounds = largest_box(ranks[0], ranks[1], weights.whole, n_threads)
    if value == 0:
        return 0.0, EMPTY, np.empty(0, dtype=np.intp), weights.error
    inside = (ranks[0] >= bounds[0]) & (ranks[0] <= bounds[1]) & (ranks[1] >= bounds[2]) & (ranks[1] <= bounds[3])
    low, high = coordinates[0][bounds[:2]].tolist(), coordinates[1][bounds[2:]].tolist()
    return weights.sum_over(inside), Box(Interval(*low), Interval(*high)), np.flatnonzero(inside), weights.error


def over_half_planes(points: np.ndarray, weights: SignedWeights, n_threads: int) -> Found:
    """The largest |sum| over half-planes."""
    distinct, place = np.unique(points, axis=0, return_inverse=True)
    place = place.reshape(-1)
    values = np.zeros(len(distinct), dtype=np.int64)
    np.add.at(values, place, weights.whole)
    value, chosen, normal, pivot = largest_half_plane(distinct, values, n_threads)
    if value == 0:
        return 0.0, EMPTY, np.empty(0, dtype=np.intp), weights.error
    inside = chosen[place]
    if pivot < 0:  # the whole plane
        normal, border = np.array([1.0, 0.0]), np.array([np.nextafter(points[:, 0].min(), -np.inf), 0.0])
    else:
        border = distinct[pivot]
    witness = HalfPlane(tuple(normal.tolist()), tuple(border.tolist()), pivot >= 0 and bool(chosen[pivot]))
    return weights.sum_over(inside), witness, np.flatnonzero(inside), weights.error


def over_cells(cells: np.ndarray, weights: SignedWeights) -> Found:
    """The largest |sum| over unions of cells; `cells` are numbers 0, 1, ... of the cell of each row."""
    n_cells = int(cells.max()) + 1
    sums = np.zeros(n_cells, dtype=np.int64)
    np.add.at(sums, cells, weights.whole)
    if weights.slack:
        # The sign of a sum that the slack of its cell may turn is found from the distributions themselves.
        slacks = np.bincount(cells, weights.slacks(), n_cells) * (1 + 1e-9)
        unsure = (slacks > 0) & (np.abs(sums) <= slacks)
        rows = np.flatnonzero(unsure[cells])
        signs = np.sign(weights.differences()[0][rows])
        sums[unsure] = 0
        np.add.at(sums, cells[rows], signs.astype(np.int64))
        # Where several outcomes of a cell differ, not one decides.
        several = np.flatnonzero(np.bincount(cells[rows], signs != 0, n_cells) > 1)
        order = rows[np.argsort(cells[rows], kind="stable")]
        for cell, first, end in zip(
            several, *(np.searchsorted(cells[order], several, side=side) for side in ("left", "right"))
        ):
            sums[cell] = np.sign(weights.sum_over(order[first:end]))
    return _larger_side(sums[cells] > 0, sums[cells] < 0, weights)


def over_up_sets(pairs: np.ndarray, weights: SignedWeights) -> Found:
    """The largest |sum| over the up-sets of the order that pairs of rows i <= j make."""
    above, below = (largest_up_set(sign * weights.whole, pairs) for sign in (1, -1))
    value, witness, rows, _ = _larger_side(above, below, weights)
    return value, witness, rows, weights.error


def over_sizes(weights: SignedWeights, k: int, exactly: bool) -> Found:
    """The largest |sum| over sets of at most, or exactly, k rows."""
    heads, tails = weights.differences()
    sides = []
    for sign in (1, -1):
        side = np.zeros(len(heads), dtype=bool)
        # A difference is a rounded one and its error, so that pairs order as differences do.
        smallest = np.partition(sign * heads, len(heads) - k)[len(heads) - k]
        side[sign * heads > smallest] = True
        tied = np.flatnonzero(sign * heads == smallest)
        tied = tied[np.argsort(-sign * tails[tied], kind="stable")]
        side[tied[: k - int(side.sum())]] = True
        if not exactly:
            side &= (sign * heads > 0) | ((heads == 0) & (sign * tails > 0))
        sides.append(side)
    return _larger_side(sides[0], sides[1], weights)


def _larger_side(above: np.ndarray, below: np.ndarray, weights: SignedWeights) -> Found:
    values = weights.sum_over(above), weights.sum_over(below)
    side, value = (above, values[0]) if abs(values[0]) >= abs(values[1]) else (below, values[1])
    return value, None, np.flatnonzero(side), 0.0

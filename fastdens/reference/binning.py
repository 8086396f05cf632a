"""Rows in the cells of a grid of bins in plain NumPy, by a search in the edges."""

from __future__ import annotations

import math

import numpy as np


def find_cells(X, edges, n_threads=None):
    """The flat number of every row's cell; the number of cells for a row in none. The last bin of an axis is closed."""
    cells, inside = np.zeros(len(X), np.int64), np.ones(len(X), bool)
    for x, e in zip(X.T, edges):
        at = np.searchsorted(e, x, side="right") - 1
        at[x == e[-1]] -= 1
        inside &= (at >= 0) & (at < len(e) - 1)
        cells = cells * (len(e) - 1) + at
    return np.where(inside, cells, math.prod(len(e) - 1 for e in edges))


def sum_cells(cells, n_cells, weights=None, n_threads=None):
    """Number of rows in each cell, or the sum of their weights; last that of the rows in none."""
    return np.bincount(cells, weights, minlength=n_cells + 1).astype(float)


def take_values(values, cells, n_threads=None):
    """The value of every row's cell."""
    return values[cells]

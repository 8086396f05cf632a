"""Distributions on points, as a side of a divergence."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.models.description import Atoms, Description


class DiscreteLaw:
    """A distribution that puts probabilities on points, for `divergence`.

    Against a distribution with a density its total variation is 1, its Jensen-Shannon divergence ln 2 and its
    Kullback-Leibler divergence infinite, however close the two look: the points have no mass under the density.

    Parameters
    ----------
    points : array-like of shape (n_points,) or (n_points, n_features)
        Where the mass is; equal rows are one outcome.
    probabilities : array-like of shape (n_points,)
        Not negative, summing to 1 within 1e-9.

    Examples
    --------
    A sum of n signs over the root of n, against the normal distribution:

    >>> import numpy as np, scipy.stats, fastdens as fd
    >>> n = 1000
    >>> walk = fd.DiscreteLaw((2 * np.arange(n + 1) - n) / np.sqrt(n), scipy.stats.binom.pmf(np.arange(n + 1), n, 0.5))
    >>> fd.divergence(walk, scipy.stats.norm(), "tv").value
    1.0
    """

    points: np.ndarray
    probabilities: np.ndarray

    def __init__(self, points: Any, probabilities: Any) -> None:
        rows = np.asarray(points)
        self.points = validation.check_data(rows[:, None] if rows.ndim == 1 else points, "points").copy()
        self.points += 0.0  # -0 is 0
        self.probabilities = validation.check_probabilities(probabilities, "probabilities").copy()
        validation.check_length(len(self.probabilities), "probabilities", len(self.points), "point")

    def _description(self) -> Description:
        ends = np.column_stack([self.points.min(axis=0), self.points.max(axis=0)])
        return Description(ends, atoms=Atoms(self.points, self.probabilities), can_draw=False)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.points)} points in {self.points.shape[1]} dimensions)"

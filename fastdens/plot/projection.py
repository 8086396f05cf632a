"""Names of columns for pictures, and the plane in which many columns are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastdens.core import validation


def as_names(X: Any, names: Sequence[str] | None) -> list[str]:
    """A label for each column: as given, else from a data frame, else by number."""
    n_features = np.shape(X)[1] if np.ndim(X) == 2 else 1
    if names is None:
        found = validation.feature_names(X)
        names = [f"column {j}" for j in range(1, n_features + 1)] if found is None else [str(name) for name in found]
    labels = [str(name) for name in names]
    validation.check_length(len(labels), "names", n_features, "column")
    return labels


class PrincipalPlane:
    """The plane of the first two principal components of columns scaled to unit standard deviation.

    Attributes
    ----------
    labels : tuple of str
        Axis labels with the share of the variance along each.
    """

    def __init__(self, data: np.ndarray, weights: np.ndarray | None) -> None:
        self._location = np.average(data, axis=0, weights=weights)
        centred = data - self._location
        spread = np.sqrt(np.average(np.square(centred), axis=0, weights=weights))
        self._scale = np.where(spread > 0, spread, 1.0)
        share = np.ones(len(data)) if weights is None else weights
        scaled = centred / self._scale
        variances, axes = np.linalg.eigh((scaled * (share / share.sum())[:, None]).T @ scaled)
        largest = np.argsort(variances)[::-1][:2]
        # The sign of a component is arbitrary: the largest loading is made positive, so that pictures do not flip.
        chosen = axes[:, largest]
        self._axes = chosen * np.sign(chosen[np.abs(chosen).argmax(axis=0), [0, 1]])
        total = variances.sum()
        self.labels = tuple(
            f"principal component {place} ({variances[j] / total:.0%} of the variance)"
            for place, j in enumerate(largest, start=1)
        )

    def project(self, rows: np.ndarray) -> np.ndarray:
        """Coordinates in the plane, shape (n, 2)."""
        return (rows - self._location) / self._scale @ self._axes

"""What users say of a family of sets: checked, and put into the form that the searches take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.divergences.families import line_families, plane_families

ON_THE_LINE = tuple(line_families.OVER)
IN_THE_PLANE = {"boxes": plane_families.over_boxes, "half-planes": plane_families.over_half_planes}
# Of discrete distributions only, whose outcomes lie nowhere, and of any.
WITHOUT_PLACES = ("size", "partition", "up-sets")
FAMILIES = (*ON_THE_LINE, *IN_THE_PLANE, *WITHOUT_PLACES, "all")


def check_k(k: Any, family: str) -> int | None:
    if family in ("interval-unions", "size"):
        if k is None:
            raise ValueError(f"k must be an integer of at least 1 where family is {family!r}, got None")
        return validation.check_integer(k, "k", 1)
    if k is not None:
        raise ValueError(f"k must be None unless family is 'interval-unions' or 'size', got {k!r} with {family!r}")
    return None


def check_points(points: Any, family: str, name: str) -> np.ndarray:
    """Points as a matrix; of one feature, and where all sets count, a list of numbers is one too."""
    if family not in IN_THE_PLANE and np.ndim(points) == 1:
        points = np.asarray(points).reshape(-1, 1)
    points = validation.check_data(points, name)
    if family in ON_THE_LINE and points.shape[1] != 1:
        raise ValueError(f"{name} must have 1 feature where family is {family!r}, got {points.shape[1]}")
    if family in IN_THE_PLANE and points.shape[1] != 2:
        raise ValueError(f"{name} must have 2 features where family is {family!r}, got {points.shape[1]}")
    return points


def check_order(order: Any, n: int) -> np.ndarray:
    """The pairs i <= j of an order of n outcomes, of shape (n_pairs, 2), from pairs or from a boolean matrix."""
    given = np.asarray(order)
    if given.dtype == np.bool_:
        if given.shape != (n, n):
            raise ValueError(f"order must have shape ({n}, {n}) where it is a boolean matrix, got {given.shape}")
        return np.argwhere(given)
    if given.size == 0:
        return np.empty((0, 2), dtype=np.intp)
    if given.ndim != 2 or given.shape[1] != 2:
        raise ValueError(
            f"order must be pairs of outcomes, of shape (n_pairs, 2), or a boolean matrix, got shape {given.shape}"
        )
    if given.dtype.kind not in "iu":
        raise TypeError(f"order must be pairs of whole numbers, or a boolean matrix, got dtype {given.dtype}")
    if given.min() < 0 or given.max() >= n:
        bad = given[((given < 0) | (given >= n)).any(axis=1)][0]
        raise ValueError(f"order must be pairs of outcomes from 0 to {n - 1}, got {bad.tolist()}")
    return given.astype(np.intp)


def ranks_of(labels: np.ndarray) -> np.ndarray:
    """The number of each label, or row of labels, among the distinct ones."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    return np.unique(labels, axis=0 if labels.ndim == 2 else None, return_inverse=True)[1].reshape(-1)


def distribution_of(distribution: Any) -> Callable[[np.ndarray], Any] | None:
    """The distribution function of a continuous distribution; None where `distribution` is data."""
    if hasattr(distribution, "score_samples"):  # a model, which takes rows
        if not hasattr(distribution, "cdf"):
            raise TypeError(f"a model must have a distribution function, which {type(distribution).__name__} has not")
        return lambda x: distribution.cdf(x.reshape(-1, 1))
    if hasattr(distribution, "cdf"):
        return distribution.cdf
    if callable(distribution):
        called: Callable[[np.ndarray], Any] = distribution
        return called
    return None

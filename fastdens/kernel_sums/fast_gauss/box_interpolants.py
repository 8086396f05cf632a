"""Functions of (q - x) / h between two boxes, replaced by Chebyshev interpolants whose error is known."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fastdens.kernel_sums.accuracy.roundoff import UNIT_ROUNDOFF
from fastdens.kernel_sums.fast_gauss import _box_sums as compiled


@dataclass(frozen=True)
class AxisTransform:
    """The Gaussian of one axis between boxes of width beta (in bandwidths), with `terms` Chebyshev terms.

    `matrices[k]` carries moments of the box `offsets[k]` away; `errors[k]` bounds the error of the interpolant there,
    rounding included, `heights[k]` the interpolant itself; `tail` is the largest value beyond all offsets.
    """

    offsets: np.ndarray
    matrices: np.ndarray
    errors: np.ndarray
    heights: np.ndarray
    tail: float


def _gaussian(u: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * u**2)


@lru_cache(maxsize=64)
def _chebyshev(terms: int) -> tuple[np.ndarray, ...]:
    """Nodes of the interpolant, values there to coefficients, places where its error is looked for, and T_k there."""
    angles = (np.arange(terms) + 0.5) * np.pi / terms
    to_coefficients = np.cos(np.arange(terms)[:, None] * angles) * (2 / terms)
    to_coefficients[0] /= 2
    # Between the nodes, and at the ends, the error of an interpolant of degree p - 1 has p + 1 extremes; so many
    # places see each of them, and the factor 2 below is far more than what they can miss.
    places = np.cos(np.linspace(0, np.pi, 6 * terms + 1))
    return np.cos(angles), to_coefficients, places, np.cos(np.arange(terms)[:, None] * np.arccos(places))


def interpolant(
    function: Callable[[np.ndarray], np.ndarray], beta: float, offset: int, terms: int
) -> tuple[np.ndarray, float]:
    """Chebyshev coefficients of a function of (q - x) / h for q in a box (rows), x in the box `offset` away (columns).

    Also a bound of the interpolant's error, rounding included.
    """
    nodes, to_coefficients, places, chebyshev = _chebyshev(terms)

    def between(s: np.ndarray) -> np.ndarray:
        return function(beta * ((s[:, None] - s) / 2 - offset))

    coefficients = to_coefficients @ between(nodes) @ to_coefficients.T
    missed = float(np.abs(chebyshev.T @ coefficients @ chebyshev - between(places)).max())
    rounding = 4 * (terms + 4) * UNIT_ROUNDOFF * float(np.abs(coefficients).sum())
    return coefficients, 2 * missed + rounding


@lru_cache(maxsize=64)
def axis_transform(beta: float, terms: int, half_width: int) -> AxisTransform:
    """Interpolants for the boxes up to `half_width` away on either side."""
    offsets = np.arange(-half_width, half_width + 1)
    matrices = np.zeros((len(offsets), terms, compiled.row_length(terms)))
    errors, heights = np.empty(len(offsets)), np.empty(len(offsets))
    for k, offset in enumerate(range(-half_width, half_width + 1)):
        coefficients, errors[k] = interpolant(_gaussian, beta, offset, terms)
        matrices[k, :, :terms] = coefficients.T
        heights[k] = math.exp(-0.5 * (beta * max(abs(offset) - 1, 0)) ** 2) + errors[k]
    return AxisTransform(offsets, matrices, errors, heights, math.exp(-0.5 * (beta * half_width) ** 2))

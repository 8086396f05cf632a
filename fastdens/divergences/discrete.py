"""Distances between discrete laws."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastdens import validation


def total_variation(p: Any, q: Any) -> float:
    r"""Total variation distance of two discrete laws: half the L1 distance.

    .. math:: D(p, q) = \tfrac12 \sum_i |p_i - q_i|

    Parameters
    ----------
    p, q : array-like of shape (n_outcomes,)
        Probabilities: finite, not negative, summing to 1 within 1e-9 (float32: 1e-5).

    Returns
    -------
    float
        The distance, between 0 and 1: the exact value for the given numbers, which are not rescaled, correctly rounded.

    Raises
    ------
    ValueError
        If p or q is not a discrete law or their lengths differ.

    See Also
    --------
    total_variation_subsets : The same distance by its definition, the largest |P(A) - Q(A)| over all subsets A.

    References
    ----------
    Tsybakov (2009), Introduction to Nonparametric Estimation, section 2.4.

    Examples
    --------
    >>> import fastdens as fd
    >>> fd.total_variation([0.5, 0.25, 0.25, 0.0], [0.0, 0.25, 0.25, 0.5])
    0.5
    """
    p, q = validation.check_pair_of_probabilities(p, q)
    # The sign of p - q is exact, so the sum of |p - q| is a sum of given numbers, which fsum rounds once.
    larger, smaller = np.maximum(p, q), np.minimum(p, q)
    return 0.5 * math.fsum([*larger.tolist(), *(-smaller).tolist()])

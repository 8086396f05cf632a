"""Twin of `fastdens.engines.subsets`: the definition, with NumPy."""

from typing import NamedTuple

import numpy as np


class SubsetMaximum(NamedTuple):
    distance: float
    subset: np.ndarray
    maximal_subset: np.ndarray
    n_subsets: int


def subset_discrepancies(p, q, n_threads=None):
    """P(A) - Q(A) for all subsets: each outcome doubles the list of sums, first without it, then with it."""
    sums = np.zeros(1)
    for difference in np.subtract(p, q, dtype=np.float64):
        sums = np.concatenate([sums, sums + difference])
    return sums


def total_variation_subsets(p, q, n_threads=None):
    """max |P(A) - Q(A)|, to rounding, with the smallest and the largest subset on the side of p > q."""
    p, q = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    discrepancies = subset_discrepancies(p, q)
    return SubsetMaximum(
        float(np.abs(discrepancies).max()), np.flatnonzero(p > q), np.flatnonzero(p >= q), len(discrepancies)
    )

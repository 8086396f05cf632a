"""Reference of `fastdens.subsets.subsets`: the definition, with NumPy."""

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


def total_variation_subsets(p, q, n_threads=None, *, max_size=None):
    """max |P(A) - Q(A)|, to rounding, with the smallest and the largest subset on its side."""
    differences = np.subtract(p, q, dtype=np.float64)
    discrepancies = subset_discrepancies(p, q)
    n = len(differences)
    max_size = n if max_size is None else min(max_size, n)
    sizes = np.array([int(index).bit_count() for index in range(len(discrepancies))])
    allowed = np.where(sizes <= max_size, discrepancies, 0.0)
    sign = 1 if allowed.max() >= -allowed.min() else -1
    by_gain = np.argsort(-sign * differences, kind="stable")
    gaining = by_gain[sign * differences[by_gain] > 0][:max_size]
    neutral = np.flatnonzero(differences == 0)[: max_size - len(gaining)]
    widest = np.sort(np.append(gaining, neutral))
    return SubsetMaximum(float(np.abs(allowed).max()), np.sort(gaining), widest, int((sizes <= max_size).sum()))

"""Enumeration of the subsets of at most so many outcomes, with an exact answer."""

from __future__ import annotations

import math

import numpy as np

from fastdens.core.threads import run_blocks
from fastdens.subsets import _subsets as subsets


def largest_of_size(
    differences: np.ndarray, most: int, n_low: int, n_middle: int, n_threads: int, ns_per_subset: float
) -> float:
    """The largest rounded |sum| over all subsets of at most `most` of the differences, every one of them evaluated."""
    n = len(differences)
    n_low, n_below_top = min(n, n_low), min(n, n_low + n_middle)
    low, low_sizes = _sums_by_size(differences[:n_low])
    middle, middle_sizes = _sums_by_size(differences[n_low:n_below_top])
    top = np.ascontiguousarray(differences[n_below_top:])
    counts = np.searchsorted(low_sizes, np.arange(n_low + 1), side="right")
    lengths = -(-counts // subsets.LOW_MULTIPLE) * subsets.LOW_MULTIPLE
    rows = np.zeros((n_low + 1, lengths[-1]))
    for row, count in zip(rows, counts):
        row[:count] = low[:count]
    starts = np.searchsorted(middle_sizes, np.arange(n_below_top - n_low + 2))
    largest = np.empty(2 ** len(top))
    run_blocks(
        lambda queue: subsets.largest_sums_of_size(rows, lengths, middle, starts, top, most, largest, queue),
        len(largest),
        n_threads,
        ns_per_subset * number_of_subsets(n, most),
    )
    return float(largest.max())


def number_of_subsets(n: int, most: int) -> int:
    """How many subsets of n outcomes have at most `most`."""
    return sum(math.comb(n, size) for size in range(min(n, most) + 1))


def _sums_by_size(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums over all subsets and the sizes of these, by size."""
    sums, sizes = np.zeros(1), np.zeros(1, dtype=np.intp)
    for value in values:
        sums, sizes = np.concatenate([sums, sums + value]), np.concatenate([sizes, sizes + 1])
    order = np.argsort(sizes, kind="stable")
    return np.ascontiguousarray(sums[order]), sizes[order]

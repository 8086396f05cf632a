"""The up-set of largest weight of a finite order."""

from __future__ import annotations

import numpy as np

from fastdens.core.threads import run_blocks
from fastdens.subsets import _up_sets as up_sets


def largest_up_set(values: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Which points are in the smallest up-set with the largest sum of values, as bool.

    `pairs` are the numbers (i, j), of shape (n_pairs, 2), of points i <= j: an up-set that has i has j. What follows
    from them by transitivity need not be among them. `values` are int64; their absolute values sum to 2^58 at most.
    """
    n = len(values)
    if len(pairs) == 0:
        return values > 0
    lower, upper = (np.ascontiguousarray(pairs[:, side], dtype=np.intp) for side in (0, 1))
    order = np.argsort(lower, kind="stable")
    lower, upper = lower[order], upper[order]
    by_upper = np.argsort(upper, kind="stable")
    starts, into_starts = (
        np.concatenate([[0], np.cumsum(np.bincount(side, minlength=n))]).astype(np.intp) for side in (lower, upper)
    )
    parts = np.array([np.maximum(values, 0), np.maximum(-values, 0)])
    inside = np.zeros((2, n), dtype=np.uint8)
    arrays = (
        starts, upper, into_starts, lower[by_upper], by_upper, parts, np.zeros(len(pairs), dtype=np.int64),
        np.empty((3, n), dtype=np.intp), inside,
    )  # fmt: skip
    run_blocks(up_sets.largest_up_set, 1, arguments=arrays)
    members = inside[0].astype(bool)
    if int(values[members].sum()) != int(parts[0].sum()) or (members[lower] & ~members[upper]).any():
        raise AssertionError("the up-set found and its certificate differ; please report this")
    return members

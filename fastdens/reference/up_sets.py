"""Reference of `fastdens.subsets.up_sets`: all subsets, with NumPy."""

import numpy as np


def largest_up_set(values, pairs):
    """What all up-sets with the largest sum of values have in common, which is the smallest of them."""
    n = len(values)
    members = np.arange(2**n)[:, None] >> np.arange(n) & 1 == 1
    members = members[np.all([~members[:, i] | members[:, j] for i, j in pairs] + [members[:, 0] | True], axis=0)]
    sums = members @ values
    return members[sums == sums.max()].all(axis=0)

"""Up-sets of a finite order: beside the reference, which enumerates all subsets, and at size."""

from __future__ import annotations

import numpy as np

import fastdens as fd
from fastdens.reference import up_sets as reference
from fastdens.subsets import up_sets as engine

from .. import data
from ..common import Comparison, size
from .set_families import signed_points


def lattice(side):
    """The pairs of neighbours of a square lattice, each at most the one to the right and the one above."""
    at = np.arange(side * side).reshape(side, side)
    pairs = ((at[:-1], at[1:]), (at[:, :-1], at[:, 1:]))
    return np.concatenate([np.column_stack([a.ravel(), b.ravel()]) for a, b in pairs])


class UpSets(Comparison):
    """The up-set of the largest sum, of points ordered in both coordinates."""

    cases = ("n=8", "n=14")

    def prepare(self, case, implementation):
        points, values = signed_points(size(int(case[2:]), 6))
        pairs = np.argwhere((points[:, None] <= points).all(axis=2))
        module = reference if implementation == "reference" else engine
        return lambda: values[module.largest_up_set(values, pairs)].sum()


class UpSetsAtSize:
    """Two distributions on a chain of 10^5 outcomes, a lattice of 300 x 300, and 3000 points of the plane."""

    params = [["chain", "lattice", "plane"]]  # noqa: RUF012
    param_names = ["order"]  # noqa: RUF012
    timeout = 300

    def setup(self, order):
        side = size(300, 5)
        n = {"chain": size(100_000, 20), "lattice": side * side, "plane": size(3000, 20)}[order]
        p, q = data.probabilities(n), data.probabilities(n, seed=1)
        if order == "chain":
            pairs = np.column_stack([np.arange(n - 1), np.arange(1, n)])
        elif order == "lattice":
            pairs = lattice(side)
        else:
            points = signed_points(n)[0]
            pairs = (points[:, None] <= points).all(axis=2)
        self.call = lambda: fd.set_discrepancy(p, q, "up-sets", order=pairs)

    def time_call(self, order):
        self.call()

    def peakmem_call(self, order):
        self.call()

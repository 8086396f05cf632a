"""Divergences of two samples, beside plain NumPy and SciPy that do the same sums."""

from __future__ import annotations

import numpy as np

import fastdens as fd
from fastdens.divergences.kinds import check_kind
from fastdens.divergences.samples.estimates import estimate_from_samples

from . import data
from .common import Comparison, size


class SampleDivergences(Comparison):
    """KL by nearest neighbours, value and standard error, on one thread; the reference is scipy.spatial.cKDTree."""

    cases = ("kl d=1", "kl d=2", "kl d=3")

    def prepare(self, case, implementation):
        d = int(case.rpartition("=")[2])
        X, Y = data.clusters(size(20_000, 200), d), data.clusters(size(20_000, 200), d, seed=2)
        if implementation == "reference":
            return lambda: [by_trees(X, Y, 4)]
        kind = check_kind("kl")
        return lambda: [estimate_from_samples(X, Y, kind, n_threads=1).value]


class PermutationTest:
    """The search for neighbours and 999 permutations."""

    params = (["d=1", "d=3"],)

    def setup(self, case):
        d = int(case.rpartition("=")[2])
        n = size(1_000, 60)
        self.samples = data.clusters(n, d), data.clusters(n, d, seed=2)

    def time_test(self, case):
        fd.two_sample_test(*self.samples, n_permutations=size(999, 9), random_state=0, n_threads=1)


def by_trees(X: np.ndarray, Y: np.ndarray, k: int) -> float:
    """The first-order estimate with unbiased powers of the ratio, as in `divergences.samples.neighbor_ratios`."""
    from scipy.spatial import cKDTree

    covariance = (np.cov(X, rowvar=False) + np.cov(Y, rowvar=False)) / 2
    whiten = np.linalg.inv(np.linalg.cholesky(np.atleast_2d(covariance))).T
    X, Y = X @ whiten, Y @ whiten
    (n, d), m = X.shape, len(Y)
    of_x, of_y = cKDTree(X), cKDTree(Y)
    log_ratios = d * np.log(of_y.query(X, [k])[0] / of_x.query(X, [k + 1])[0]) + np.log(m / (n - 1))
    ratios = (of_y.query(Y, [k + 1])[0] / of_x.query(Y, [k])[0]) ** d * (m - 1) / n * (k - 1) / k
    return max(float(log_ratios.mean() + 1.0 - ratios.mean()), 0.0)

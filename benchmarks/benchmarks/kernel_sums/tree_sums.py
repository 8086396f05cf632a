"""Kernel sums by the tree beside direct ones, the NumPy reference and scikit-learn's tree."""

from __future__ import annotations

import numpy as np

import fastdens as fd
from fastdens.reference import kernel_sums as reference

from .. import peers
from ..common import Comparison, size
from .kernel_sums import log_peak


class TreeSums(Comparison):
    """Scattered queries in three to eight dimensions: normal data, a bandwidth by Scott's rule, rtol 1e-4."""

    cases = ("gaussian d=3", "gaussian d=5", "gaussian d=8", "epanechnikov d=3", "epanechnikov d=5")
    implementations = ("fastdens", "fastdens direct", "reference", "scikit-learn")
    tolerance = 1e-4
    peers_tolerance = 1e-3

    def prepare(self, case, implementation):
        kernel, dimension = case.split()
        n, d = size(10_000, 200), int(dimension.removeprefix("d="))
        X, Q = np.random.default_rng(5).normal(size=(2, n, d))
        h = n ** (-1 / (d + 4)) * (1.0 if kernel == "gaussian" else 3.0)
        if implementation == "reference":
            return lambda: reference.kernel_sum(X, Q, bandwidth=h, kernel=kernel)
        if implementation == "scikit-learn":
            module = peers.module("scikit-learn", "neighbors")
            density = module.KernelDensity(bandwidth=h, kernel=kernel, rtol=1e-4, atol=0).fit(X)
            log_scale = np.log(n) + log_peak(kernel, d, h)
            return lambda: np.exp(density.score_samples(Q) + log_scale)
        route = "direct" if implementation == "fastdens direct" else "tree"
        return lambda: fd.kernel_sum(X, Q, bandwidth=h, kernel=kernel, rtol=1e-4, algorithm=route)

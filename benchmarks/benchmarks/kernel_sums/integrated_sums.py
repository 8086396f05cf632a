"""Distribution functions of kernel density estimates: every route beside the NumPy reference and the peers."""

from __future__ import annotations

import numpy as np

import fastdens as fd
from fastdens.reference import integrated_sums as reference

from .. import data, peers
from ..common import Comparison, size

BANDWIDTH = 0.2


class DistributionFunctions(Comparison):
    """P(value <= x) at many points, with preparation; one thread."""

    cases = ("gaussian", "gaussian weights", "epanechnikov", "triweight", "cosine", "linear", "exponential")
    implementations = ("fastdens", "reference", "scipy", "statsmodels")

    def prepare(self, case, implementation):
        kernel, *option = case.split()
        X, Q = data.clusters(size(4_000, 60), 1), data.queries(size(2_000, 30), 1)
        w = np.random.default_rng(3).uniform(0.5, 2, size=len(X)) if option else None
        self.tolerance, self.peers_tolerance = 1e-12, 1e-2  # statsmodels adds up its density on a grid
        if implementation == "fastdens":
            model = fd.KernelDensity(bandwidth=BANDWIDTH, kernel=kernel, n_threads=1)
            return lambda: model.fit(X, sample_weight=w).cdf(Q)
        if implementation == "reference":
            whole = len(X) if w is None else w.sum()
            return lambda: (
                reference.integrated_sum(X[:, 0], Q[:, 0], bandwidth=BANDWIDTH, kernel=kernel, weights=w) / whole
            )
        if kernel != "gaussian":
            raise NotImplementedError("the peers scale their kernels otherwise")
        if implementation == "scipy":
            density = peers.module("scipy", "stats").gaussian_kde(X[:, 0], weights=w)
            density.covariance = np.array([[BANDWIDTH**2]])
            return lambda: np.array([density.integrate_box_1d(-np.inf, q) for q in Q[:, 0]])
        if option:
            raise NotImplementedError("statsmodels takes weights on its slow path only")
        estimate = peers.module("statsmodels", "nonparametric.api").KDEUnivariate(X[:, 0])

        def on_grid():
            estimate.fit(bw=BANDWIDTH)
            return np.interp(Q[:, 0], estimate.support, estimate.cdf, left=0.0, right=1.0)

        return on_grid


class Quantiles(Comparison):
    """Quantiles at many probabilities; the reference inverts its cdf by SciPy's root finder, one after the other."""

    cases = ("gaussian", "epanechnikov")

    def prepare(self, case, implementation):
        X, q = data.clusters(size(2_000, 60), 1), np.linspace(0.01, 0.99, size(100, 10))
        self.tolerance = 1e-9
        if implementation == "fastdens":
            model = fd.KernelDensity(bandwidth=BANDWIDTH, kernel=case, n_threads=1)
            return lambda: model.fit(X).ppf(q)
        from scipy import optimize

        def excess(x, one):
            return reference.integrated_sum(X[:, 0], [x], bandwidth=BANDWIDTH, kernel=case)[0] / len(X) - one

        low, high = X.min() - 2, X.max() + 2
        return lambda: np.array([optimize.brentq(excess, low, high, (one,), xtol=1e-13) for one in q])

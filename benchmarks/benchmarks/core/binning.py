"""Rows in the cells of a grid: counts of a histogram beside the NumPy reference, np.histogramdd and SciPy; and
scores."""

from __future__ import annotations

import numpy as np

import fastdens as fd
from fastdens.core import binning
from fastdens.reference import binning as reference

from .. import data, peers
from ..common import Comparison, size


def grid(x, case):
    """Edges of an axis: equally spaced, or at quantiles."""
    if "quantiles" in case:
        return np.unique(np.quantile(x, np.linspace(0, 1, 51)))
    return np.linspace(x.min(), x.max(), 51)


class Counts(Comparison):
    """Fifty bins per axis, one thread; NumPy counts in np.histogram where there is one axis."""

    cases = ("d=1 equal", "d=1 quantiles", "d=1 equal weighted", "d=2 equal", "d=3 equal")
    implementations = ("fastdens", "reference", "numpy", "scipy")
    tolerance = peers_tolerance = 1e-12

    def prepare(self, case, implementation):
        X = data.clusters(size(100_000, 200), int(case[2]))
        edges = [grid(x, case) for x in X.T]
        n_cells = int(np.prod([len(e) - 1 for e in edges]))
        w = np.linspace(1, 2, len(X)) if "weighted" in case else None
        if implementation in ("fastdens", "reference"):
            module = binning if implementation == "fastdens" else reference
            return lambda: module.sum_cells(module.find_cells(X, edges, 1), n_cells, w, 1)[:-1]
        if implementation == "scipy":
            count = peers.module("scipy", "stats").binned_statistic_dd
            return lambda: count(X, w, "count" if w is None else "sum", bins=edges).statistic.ravel()
        if len(edges) == 1:
            return lambda: np.histogram(X[:, 0], edges[0], weights=w)[0]
        return lambda: np.histogramdd(X, edges, weights=w)[0].ravel()


class Scores(Comparison):
    """Log-densities of the fitted rows under the masses of fifty bins per axis, one thread."""

    cases = ("d=1", "d=2")
    tolerance = 1e-12

    def prepare(self, case, implementation):
        X = data.clusters(size(100_000, 200), int(case[2]))
        model = fd.Histogram([grid(x, case) for x in X.T] if X.shape[1] > 1 else grid(X[:, 0], case)).fit(X)
        if implementation == "fastdens":
            return lambda: self._on_one_thread(model, X)
        with np.errstate(divide="ignore"):
            values = np.append(np.log(model.density_), -np.inf)
        return lambda: reference.take_values(values, reference.find_cells(X, model.edges_))

    @staticmethod
    def _on_one_thread(model, X):
        with fd.threads(1):
            return model.score_samples(X)

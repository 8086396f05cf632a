"""Distances to the neighbours of one rank, of a whole sample to itself: for radii, no index asked for."""

from __future__ import annotations

import numpy as np

from fastdens.neighbors.neighbors import kneighbors
from fastdens.neighbors.packed_tree.rank_distances import arrange, distances_of_ranks
from fastdens.reference import rank_distances as reference

from .. import data, peers
from ..common import Comparison, size

K = 6


class OwnDistances(Comparison):
    """The sixth nearest of the others, from arranging or building on; one thread."""

    cases = ("d=1 n=4000", "d=2 n=4000", "d=3 n=4000", "d=4 n=4000")
    implementations = ("fastdens", "kneighbors", "reference", "scipy", "pykdtree")
    tolerance = 1e-12

    def prepare(self, case, implementation):
        d, n = (int(word.partition("=")[2]) for word in case.split())
        X = data.clusters(min(n, size(n, 150)), d)
        if implementation == "fastdens":
            return lambda: np.sort(self._by_rank(X))
        if implementation == "kneighbors":
            return lambda: np.sort(kneighbors(X, k=K, exclude_self=True, n_threads=1)[0][:, -1])
        if implementation == "reference":
            return lambda: np.sort(reference.distances_of_ranks(X, X, [K], 1, True)[0][0])
        if implementation == "scipy":
            build = peers.module("scipy", "spatial").cKDTree
            return lambda: np.sort(build(X).query(X, K + 1, workers=1)[0][:, -1])
        build = peers.module("pykdtree", "kdtree").KDTree
        return lambda: np.sort(build(X).query(X, K + 1)[0][:, -1])

    @staticmethod
    def _by_rank(X):
        sample = arrange([X], 1)[0]
        return distances_of_ranks(sample, sample, [K], n_threads=1).distances[0]

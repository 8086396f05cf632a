"""Nearest neighbours: building a tree, k nearest, counts and lists within a radius."""

from __future__ import annotations

import numpy as np

import fastdens as fd
from fastdens.reference import neighbors as reference

from .. import data, peers
from ..common import Comparison, size

K = 10
RADIUS = 0.3


def data_set(case):
    """`d=3 n=20000` and a thousand new points; `float32` where the case says so."""
    words = case.split()
    d, n = (int(word.partition("=")[2]) for word in words[:2])
    dtype = np.float32 if "float32" in words else np.float64
    return data.clusters(min(n, size(n, 150)), d, dtype=dtype), data.queries(size(1_000, 20), d, dtype=dtype)


class KNearest(Comparison):
    """Distances to the ten nearest of n points from a thousand others, in a tree built before; one thread."""

    cases = ("d=1 n=100000", "d=2 n=100000", "d=3 n=100000", "d=5 n=100000", "d=8 n=50000")
    implementations = ("fastdens", "reference", "scipy", "scikit-learn", "pykdtree", "napf")
    tolerance = 1e-12

    def prepare(self, case, implementation):
        X, Q = data_set(case)
        if implementation == "fastdens":
            tree = fd.KDTree(X)
            return lambda: tree.query(Q, K, n_threads=1)[0]
        if implementation == "reference":
            return lambda: reference.KDTree(X).query(Q, K)[0]
        if implementation == "scipy":
            tree = peers.module("scipy", "spatial").cKDTree(X)
            return lambda: tree.query(Q, K, workers=1)[0]
        if implementation == "scikit-learn":
            tree = peers.module("scikit-learn", "neighbors").KDTree(X)
            return lambda: tree.query(Q, K)[0]
        if implementation == "pykdtree":
            tree = peers.module("pykdtree", "kdtree").KDTree(X)
            return lambda: tree.query(Q, K)[0]
        tree = peers.module("napf").KDT(X, metric=2)
        return lambda: np.sqrt(tree.knn_search(Q, K, 1)[0])


class BruteForce(Comparison):
    """The ten nearest in many dimensions, where trees do not help; one thread."""

    cases = ("d=16 n=20000", "d=64 n=20000", "d=64 n=20000 float32")
    implementations = ("fastdens", "reference", "scikit-learn", "faiss-cpu")
    peers_tolerance = 1e-3  # faiss and scikit-learn form squares of float32

    def prepare(self, case, implementation):
        X, Q = data_set(case)
        self.tolerance = 1e-6 if case.endswith("float32") else 1e-12
        if implementation == "fastdens":
            return lambda: fd.kneighbors(X, Q, k=K, n_threads=1)[0]
        if implementation == "reference":
            return lambda: reference.kneighbors(X, Q, k=K)[0]
        if implementation == "scikit-learn":
            module = peers.module("scikit-learn", "neighbors")
            model = module.NearestNeighbors(n_neighbors=K, algorithm="brute").fit(X)
            return lambda: model.kneighbors(Q)[0]
        faiss = peers.module("faiss-cpu")
        X32, Q32 = X.astype(np.float32), Q.astype(np.float32)
        index = faiss.IndexFlatL2(X.shape[1])
        index.add(X32)
        return lambda: np.sqrt(np.maximum(index.search(Q32, K)[0], 0))


class CountsWithinRadius(Comparison):
    """How many of n points lie within a radius of each of a thousand others; one thread."""

    cases = ("d=1 n=100000", "d=3 n=100000")
    implementations = ("fastdens", "reference", "scipy", "scikit-learn")

    def prepare(self, case, implementation):
        X, Q = data_set(case)
        if implementation == "fastdens":
            tree = fd.KDTree(X)
            return lambda: tree.count_radius(Q, RADIUS, n_threads=1)
        if implementation == "reference":
            return lambda: reference.KDTree(X).count_radius(Q, RADIUS)
        if implementation == "scipy":
            tree = peers.module("scipy", "spatial").cKDTree(X)
            return lambda: tree.query_ball_point(Q, RADIUS, return_length=True, workers=1)
        tree = peers.module("scikit-learn", "neighbors").KDTree(X)
        return lambda: tree.query_radius(Q, RADIUS, count_only=True)


class Build(Comparison):
    """Building the tree; what is compared is the nearest neighbour of twenty points in it."""

    cases = ("d=1 n=200000", "d=3 n=200000", "d=3 n=200000 gridded", "d=8 n=100000")
    implementations = ("fastdens", "reference", "scipy", "pykdtree")

    def prepare(self, case, implementation):
        X, Q = data_set(case)
        if case.endswith("gridded"):
            X = np.round(X, 1)
        Q = Q[:20]
        if implementation == "fastdens":
            return lambda: fd.KDTree(X, n_threads=1).query(Q, 1)[0][:, 0]
        if implementation == "reference":
            return lambda: reference.KDTree(X).query(Q, 1)[0][:, 0]
        if implementation == "scipy":
            return lambda: peers.module("scipy", "spatial").cKDTree(X).query(Q, 1)[0]
        return lambda: peers.module("pykdtree", "kdtree").KDTree(X).query(Q, 1)[0]


class Threads(Comparison):
    """The k nearest on one thread and on two."""

    cases = ("1 thread", "2 threads")

    def prepare(self, case, implementation):
        X, Q = data.clusters(size(50_000, 150), 3), data.queries(size(10_000, 20), 3)
        if implementation == "reference":
            return lambda: reference.kneighbors(X, Q, k=K)[0]
        tree = fd.KDTree(X)
        return lambda: tree.query(Q, K, n_threads=int(case[0]))[0]

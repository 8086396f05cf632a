"""Largest discrepancies over families of sets: the compiled searches beside the NumPy reference, and whole calls at
size."""

from __future__ import annotations

import numpy as np

import fastdens as fd
from fastdens.reference import set_families as reference
from fastdens.subsets import set_families as engine

from .. import data, peers
from ..common import Comparison, size


def signed_points(n):
    """n distinct points of two distributions that differ little, +1 for those of the first and -1 for those of the
    second."""
    random = np.random.default_rng(0)
    points = random.normal(size=(n, 2))
    points[n // 2 :] += 0.1
    return points, np.where(np.arange(n) < n // 2, 1, -1)


def ranks(x):
    return np.argsort(np.argsort(x))


class Boxes(Comparison):
    """The rectangle of the largest sum; one thread. The reference looks at all O(n^2) of them, n^3 numbers in all."""

    cases = ("n=100", "n=400")

    def prepare(self, case, implementation):
        points, values = signed_points(size(int(case[2:]), 20))
        columns, rows = ranks(points[:, 0]), ranks(points[:, 1])
        module = reference if implementation == "reference" else engine
        return lambda: abs(module.largest_box(columns, rows, values, n_threads=1)[0])


class HalfPlanes(Comparison):
    """The half-plane of the largest sum; one thread."""

    cases = ("n=500", "n=2000", "n=5000")

    def prepare(self, case, implementation):
        points, values = signed_points(size(int(case[2:]), 20))
        module = reference if implementation == "reference" else engine
        return lambda: abs(module.largest_half_plane(points, values, n_threads=1)[0])


class Unions(Comparison):
    """The union of at most k intervals of the largest sum."""

    cases = ("n=100000 k=2", "n=1000000 k=10")

    def prepare(self, case, implementation):
        n, k = (int(word[2:]) for word in case.split())
        values = np.random.default_rng(0).integers(-9, 10, size(n, 50))
        module = reference if implementation == "reference" else engine
        return lambda: values[module.largest_union(values, k)].sum()


class Kolmogorov(Comparison):
    """The Kolmogorov distance of two samples of half a million numbers, sorting included; one thread."""

    cases = ("half-lines",)
    implementations = ("fastdens", "reference", "scipy")

    def prepare(self, case, implementation):
        x, y = data.clusters(size(500_000, 30), 1)[:, 0], data.queries(size(500_000, 30), 1)[:, 0]
        if implementation == "fastdens":
            return lambda: fd.sample_discrepancy(x, y, n_threads=1).value
        if implementation == "scipy":
            ks_2samp = peers.module("scipy", "stats").ks_2samp
            return lambda: ks_2samp(x, y, method="asymp").statistic

        def by_definition():
            ordered = np.sort(np.concatenate([x, y]))
            counts = [np.searchsorted(np.sort(z), ordered, side="right") / len(z) for z in (x, y)]
            return np.abs(counts[0] - counts[1]).max()

        return by_definition


class WholeCalls:
    """Whole calls at sizes beyond the reference's: discrete distributions on a million points, samples in the plane."""

    params = [["half-lines", "intervals", "interval-unions", "size", "all", "boxes", "half-planes"], [1, 2]]  # noqa: RUF012
    param_names = ["family", "threads"]  # noqa: RUF012
    timeout = 300

    def setup(self, family, n_threads):
        plane = family in ("boxes", "half-planes")
        n = size(5_000 if plane else 1_000_000, 30)
        options = {"k": 10} if family in ("interval-unions", "size") else {}
        if plane:
            points = signed_points(n)[0]
            self.call = lambda: fd.sample_discrepancy(points[: n // 2], points[n // 2 :], family, n_threads=n_threads)
            return
        p, q = data.probabilities(n), data.probabilities(n, seed=1)
        if family != "size":
            options["points"] = np.random.default_rng(0).normal(size=n)
        self.call = lambda: fd.set_discrepancy(p, q, family, n_threads=n_threads, **options)

    def time_call(self, family, n_threads):
        self.call()

    def peakmem_call(self, family, n_threads):
        self.call()

    def track_error(self, family, n_threads):
        """The stated bound on what rounding may hide."""
        return float(self.call().error)

    track_error.unit = "bound of the absolute error"

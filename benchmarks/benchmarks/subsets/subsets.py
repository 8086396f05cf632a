"""Enumeration of all subsets: the largest discrepancy of two discrete distributions, and every discrepancy."""

from __future__ import annotations

import fastdens as fd
from fastdens.reference import subsets as reference

from .. import data
from ..common import TINY, Comparison


def distributions(case):
    n = min(int(case.split()[0].removeprefix("n=")), 8 if TINY else 99)
    return data.probabilities(n), data.probabilities(n, seed=1)


class LargestDiscrepancy(Comparison):
    """max |P(A) - Q(A)|, exact, with its witness; one thread."""

    cases = ("n=3", "n=10", "n=16", "n=20", "n=22")
    tolerance = 1e-14

    def prepare(self, case, implementation):
        p, q = distributions(case)
        if implementation == "reference":
            return lambda: reference.total_variation_subsets(p, q).distance
        return lambda: fd.total_variation_subsets(p, q, n_threads=1).distance


class Threads(Comparison):
    """The same on one thread and on two, 2^24 subsets."""

    cases = ("n=24 1 thread", "n=24 2 threads")
    tolerance = 1e-14

    def prepare(self, case, implementation):
        p, q = distributions(case)
        if implementation == "reference":
            return lambda: reference.total_variation_subsets(p, q).distance
        return lambda: fd.total_variation_subsets(p, q, n_threads=int(case.split()[1])).distance


class AllDiscrepancies(Comparison):
    """The array of P(A) - Q(A); one thread."""

    cases = ("n=10", "n=20")
    tolerance = 1e-14

    def prepare(self, case, implementation):
        p, q = distributions(case)
        if implementation == "reference":
            return lambda: reference.subset_discrepancies(p, q)
        return lambda: fd.subset_discrepancies(p, q, n_threads=1)


class Billion:
    """All 2^30 subsets, on one thread: subsets per nanosecond are 1.07 / seconds."""

    params = [[10 if TINY else 30]]  # noqa: RUF012
    param_names = ["n"]  # noqa: RUF012
    timeout = 300
    rounds = 1
    repeat = (1, 3, 2.0)
    number = 1

    def setup(self, n):
        self.p, self.q = data.probabilities(n), data.probabilities(n, seed=1)

    def time_largest_discrepancy(self, n):
        result = fd.total_variation_subsets(self.p, self.q, n_threads=1)
        assert abs(result.distance - abs(self.p - self.q).sum() / 2) < 1e-14

    def track_error(self, n):
        """Against half the L1 distance (Scheffé)."""
        result = fd.total_variation_subsets(self.p, self.q, n_threads=1)
        return float(abs(result.distance - abs(self.p - self.q).sum() / 2))

    track_error.unit = "absolute error"

"""The largest value of set functions that are not additive, over all subsets or those of a size."""

from __future__ import annotations

import fastdens as fd
from fastdens.reference import set_functions

from ..common import Comparison
from .subsets import distributions


class NotAdditive(Comparison):
    """max |sqrt(P(A)) - Q(A)^2| by a function of the measures, and of an array of all values; one thread."""

    cases = ("n=20 measures", "n=20 measures, at most 6", "n=20 values")
    tolerance = 1e-14

    def prepare(self, case, implementation):
        p, q = distributions(case)
        maximum = (set_functions if implementation == "reference" else fd).maximum_over_subsets
        if case.endswith("values"):
            values = fd.subset_discrepancies(p, q)
            return lambda: maximum(values, n_threads=1).distance
        most = 6 if case.endswith("6") else None
        return lambda: (
            maximum(lambda of: of[0] ** 0.5 - of[1] ** 2, measures=[p, q], max_size=most, n_threads=1).distance
        )

"""Kernel sums with a bandwidth per point, and gradients, beside the NumPy reference."""

from __future__ import annotations

import numpy as np

from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.kernel_sums.variable.variable_sums import VariableSum
from fastdens.reference import variable_sums as reference

from .. import data
from ..common import Comparison, size


class VariableSums(Comparison):
    """Logarithms of sums, or their gradients, with a bandwidth per point; one thread."""

    cases = ("sums gaussian d=1", "sums gaussian d=3", "sums epanechnikov d=2", "gradients gaussian d=2")

    def prepare(self, case, implementation):
        what, kernel, d = case.split()
        d = int(d.removeprefix("d="))
        X, Q = data.clusters(size(2_000, 60), d), data.queries(size(1_000, 30), d)
        factors = np.random.default_rng(5).uniform(0.5, 2.0, len(X))
        weights = np.ones(len(X))
        self.tolerance = 1e-9
        if implementation == "reference":
            function = reference.log_sums if what == "sums" else reference.log_gradients
            return lambda: finite(function(X, Q, 1.0, kernel, weights, factors))
        prepared = VariableSum(X, KERNELS[kernel], 1.0, None, factors)
        if what == "sums":
            return lambda: finite(prepared.log_sums(Q, n_threads=1))
        return lambda: finite(prepared.log_gradients(Q, n_threads=1)[1])


def finite(values: np.ndarray) -> np.ndarray:
    """Where no point is in reach, the logarithm is -inf."""
    return np.where(np.isfinite(values), values, -1e3)

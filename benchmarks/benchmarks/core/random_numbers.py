"""Uniform and normal numbers beside the NumPy reference, which draws the same ones, and NumPy's own generator."""

from __future__ import annotations

import numpy as np

from fastdens.core import _random_numbers as compiled
from fastdens.reference import random_numbers as reference

from ..common import Comparison, size


class RandomNumbers(Comparison):
    """A million numbers from given lanes, one thread, checked by quantiles."""

    cases = ("uniforms", "normals")
    implementations = ("fastdens", "reference", "numpy")
    tolerance, peers_tolerance = 1e-12, 0.1

    def prepare(self, case, implementation):
        n, state = size(10**6, 6400), np.random.default_rng(0)
        numbers = np.empty(n)
        if implementation == "numpy":
            draw = state.random if case == "uniforms" else state.standard_normal
            return lambda: quantiles(draw(out=numbers))
        lanes = state.integers(1, 2**63, size=(4, compiled.LANES), dtype=np.uint64)
        fill = getattr(compiled if implementation == "fastdens" else reference, case)

        def call():
            fill(lanes.copy(), numbers)
            return quantiles(numbers)

        return call


def quantiles(numbers: np.ndarray) -> np.ndarray:
    """A few, of every hundredth number: cheap beside the draws."""
    return np.quantile(numbers[::100], [0.2, 0.5, 0.8]) + 2.0

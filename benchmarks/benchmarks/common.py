"""One job, several implementations side by side: time, memory, accuracy and the ratio to the NumPy reference."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

# `FASTDENS_BENCHMARK_SIZE=tiny` runs everything once in seconds: for the tests, which ask whether benchmarks work.
TINY = os.environ.get("FASTDENS_BENCHMARK_SIZE", "") == "tiny"


def size(full: int, tiny: int) -> int:
    return tiny if TINY else full


def shortest_time(call: Callable[[], Any]) -> float:
    """Seconds of the fastest of several calls; other work on the machine can only add."""
    shortest, total, n_calls = np.inf, 0.0, 0
    while n_calls == 0 or not (TINY or total > 3 or n_calls == 1000 or (n_calls >= 3 and total > 0.5)):
        start = time.perf_counter()
        call()
        seconds = time.perf_counter() - start
        shortest, total, n_calls = min(shortest, seconds), total + seconds, n_calls + 1
    return shortest


class Comparison(ABC):
    """A job in several cases, done by several implementations.

    A subclass names `cases` and `implementations` and defines ``prepare(case, implementation)``, which returns a
    function without arguments that does the timed work and returns its answer (an array). It raises
    NotImplementedError, which asv shows as n/a, where an implementation cannot do the case or is not installed.
    Every answer is checked against that of the reference before anything is timed, to the case's `tolerance`.
    """

    cases: tuple[str, ...] = ()
    implementations: tuple[str, ...] = ("fastdens", "reference")
    tolerance = 1e-10  # largest error accepted, relative to the largest value of the answer
    peers_tolerance = 1e-6  # peers may work in float32 or to a tolerance of their own
    param_names = ["case", "implementation"]  # noqa: RUF012
    timeout = 300
    warmup_time = 0.0 if TINY else 0.1
    rounds = 1 if TINY else 2

    def __init_subclass__(cls) -> None:
        cls.params = [list(cls.cases), list(cls.implementations)]

    @abstractmethod  # which also tells asv that there is nothing to run in this class itself
    def prepare(self, case: str, implementation: str) -> Callable[[], Any]:
        """The function to time."""

    def setup(self, case: str, implementation: str) -> None:
        self.call = self.prepare(case, implementation)
        self.error = 0.0
        if implementation != "reference":
            self.error = self.largest_error(self.call(), self.prepare(case, "reference")())
            limit = self.tolerance if implementation == "fastdens" else self.peers_tolerance
            if not self.error <= limit:
                raise AssertionError(f"{implementation} is wrong by {self.error:.1e} in {case}, more than {limit:.0e}")

    def largest_error(self, answer: Any, expected: Any) -> float:
        """Largest difference, relative to the largest expected value; infinities must agree."""
        answer, expected = np.asarray(answer, dtype=float), np.asarray(expected, dtype=float)
        finite = np.isfinite(expected)
        if answer.shape != expected.shape or not np.array_equal(answer[~finite], expected[~finite], equal_nan=True):
            return np.inf
        if not finite.any():
            return 0.0
        return float(np.abs(answer[finite] - expected[finite]).max() / max(np.abs(expected[finite]).max(), 1e-300))

    def time_call(self, case: str, implementation: str) -> None:
        self.call()

    def peakmem_call(self, case: str, implementation: str) -> None:
        self.call()

    def track_error(self, case: str, implementation: str) -> float:
        return self.error

    track_error.unit = "largest error / largest value"  # type: ignore[attr-defined]

    def track_time_over_reference(self, case: str, implementation: str) -> float:
        if implementation == "reference":
            return 1.0
        reference = self.prepare(case, "reference")
        return float(f"{shortest_time(self.call) / shortest_time(reference):.3g}")

    track_time_over_reference.unit = "time / time of the NumPy reference"  # type: ignore[attr-defined]

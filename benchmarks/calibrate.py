"""Measure what the routes of a kernel sum cost here: the constants of `fastdens/kernel_sums/planning/costs.py`, and
`pair_ns` of the smoothing kernels.

    python benchmarks/calibrate.py

Every constant comes from the CPU time of calls that it dominates, on one thread, by the least of several repeats; the
box transform's three by least squares over several sizes of problem. Nothing is written: copy what is printed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np

import fastdens as fd
from fastdens.kernel_sums.direct.direct_sums import DirectSum
from fastdens.kernel_sums.fast_gauss.box_sums import BoxTransform
from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.kernel_sums.sorted.sorted_sums import SortedSum

REPEATS = 5


def nanoseconds(call: Callable[[], object]) -> float:
    call()
    times = []
    for _ in range(REPEATS):
        start = time.process_time_ns()
        call()
        times.append(time.process_time_ns() - start)
    return float(min(times))


def of_direct_sums(random: np.random.Generator) -> tuple[dict[str, float], float]:
    """Per pair for each smoothing kernel with no feature, and per feature."""
    n, m = 20_000, 500
    pairs, slopes = {}, []
    for name, kernel in KERNELS.items():
        times = []
        for d in (1, 4):
            X, Q = random.normal(size=(n, d)), random.normal(size=(m, d))
            prepared = DirectSum(X, kernel, 2.0)
            times.append(nanoseconds(lambda p=prepared, q=Q: p.evaluate(q, n_threads=1)) / (n * m))
        slopes.append((times[1] - times[0]) / 3)
        pairs[name] = times[0]
    feature = max(float(np.median(slopes)), 0.01)
    return {name: max(value - feature, 0.05) for name, value in pairs.items()}, feature


def of_boxes(random: np.random.Generator) -> tuple[float, float, float]:
    """To sort a point, per term of its expansion, per multiplication of a translation."""
    rows, times = [], []
    for d, n, h, beta, terms in (
        (1, 300_000, 0.05, 1.0, 16),
        (2, 200_000, 0.2, 1.5, 10),
        (2, 200_000, 0.05, 1.5, 10),
        (2, 50_000, 0.02, 1.0, 14),
        (3, 100_000, 0.5, 2.0, 8),
        (3, 50_000, 0.2, 2.0, 8),
    ):
        X, Q = random.normal(size=(n, d)), random.normal(size=(n, d))
        smallest = 1e-16
        widths = np.full(d, h)

        def call(X=X, Q=Q, widths=widths, beta=beta, terms=terms, smallest=smallest) -> None:
            BoxTransform(X, widths, None, beta, terms, smallest, 1).evaluate(Q, 1e-2, 1.0)

        extent = np.ptp(np.concatenate([X, Q]), axis=0) / h
        half_width = math.ceil(math.sqrt(-2 * math.log(smallest)) / beta)
        n_boxes = min(float(n), float(np.prod(extent / beta + 1))) * (1 + (d - 1) * 0.5)
        rows.append([2 * n, 2 * n * terms**d, n_boxes * d * (2 * half_width + 1) * terms ** (d + 1)])
        with fd.threads(1):
            times.append(nanoseconds(call))
    from scipy.optimize import nnls

    scaled = np.array(rows) / np.array(times)[:, None]  # relative errors count
    return tuple(float(value) for value in nnls(scaled, np.ones(len(times)))[0])


def of_sorting(random: np.random.Generator) -> tuple[float, float, float]:
    """To sort a point or query, to take a point into the moments, to evaluate a query."""
    from fastdens.core.sorting import sort_with_places

    n = 500_000
    X, Q = random.normal(size=(n, 1)), random.normal(size=(n, 1))
    side = nanoseconds(lambda: sort_with_places(X[:, 0], 1)) / n
    kernel = KERNELS["biweight"]
    preparing = nanoseconds(lambda: SortedSum(X, kernel, 0.1, None, 1)) / n
    prepared = SortedSum(X, kernel, 0.1, None, 1)
    evaluating = nanoseconds(lambda: prepared.evaluate(Q, n_threads=1)) / n
    return side, max(preparing - side, 1.0), max(evaluating - side, 1.0)


def main() -> None:
    random = np.random.default_rng(0)
    pairs, feature = of_direct_sums(random)
    for name, value in pairs.items():
        print(f"pair_ns={value:.2g},  # kernel={name!r}")
    print(f"FEATURE_NS = {feature:.2g}")
    print("BOX_SORT_NS, BOX_TERM_NS, BOX_TRANSLATE_NS = " + ", ".join(f"{value:.2g}" for value in of_boxes(random)))
    print("SORT_SIDE_NS, SORTED_POINT_NS, SORTED_QUERY_NS = " + ", ".join(f"{v:.2g}" for v in of_sorting(random)))


if __name__ == "__main__":
    main()

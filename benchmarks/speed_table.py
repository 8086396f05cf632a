"""Print the README's speed table: `python benchmarks/speed_table.py [WORD ...]`, all rows or those with a word.

Times are minima over several calls in one process, so that the ratios of a row belong together; one thread.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

# Read by OpenMP and BLAS when they are loaded: peers are compared on one thread, as fastdens is.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

from benchmarks.common import shortest_time

# What the table calls it: topic, suite, case.
ROWS = {
    "Gaussian kernel sum, 4 000 × 2 000, d = 1": ("kernel_sums", "Sums", "gaussian d=1"),
    "the same in float32": ("kernel_sums", "Sums", "gaussian d=1 float32"),
    "Epanechnikov kernel sum, d = 1": ("kernel_sums", "Sums", "epanechnikov d=1"),
    "Gaussian kernel sum, d = 10": ("kernel_sums", "Sums", "gaussian d=10"),
    "the same sum as a logarithm, d = 1": ("kernel_sums", "Sums", "gaussian d=1 log"),
    "Gaussian kernel sum, 10 000 × 10 000, d = 2": ("kernel_sums", "LargeSums", "d=2 n=10000"),
    "one query, 100 points": ("kernel_sums", "OneQuery", "n=100"),
    "10 nearest of 100 000 to 1 000, d = 3": ("neighbors", "KNearest", "d=3 n=100000"),
    "the same, d = 8, of 50 000": ("neighbors", "KNearest", "d=8 n=50000"),
    "10 nearest of 20 000 to 1 000, d = 64": ("neighbors", "BruteForce", "d=64 n=20000"),
    "building a tree, 200 000, d = 3": ("neighbors", "Build", "d=3 n=200000"),
    "EM iteration, 20 000 × 10, 20 full components": ("em", "EMStep", "full d=10 K=20"),
    "the same, diagonal": ("em", "EMStep", "diag d=10 K=20"),
    "largest of 2²² subset discrepancies": ("subsets", "LargestDiscrepancy", "n=22"),
    "KernelDensity.score_samples, 4 000 × 2 000, d = 3": ("models", "KernelDensityScores", "d=3 n=4000 m=2000"),
    "GaussianMixture.fit, the same data, 10 iterations": ("models", "GaussianMixtureFit", "full d=10 K=20"),
}


def duration(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def row(name: str) -> str:
    topic, suite_name, case = ROWS[name]
    suite = getattr(import_module(f"benchmarks.{topic}"), suite_name)
    seconds, error = {}, 0.0
    for implementation in suite.implementations:
        benchmark = suite()
        try:
            benchmark.setup(case, implementation)
        except NotImplementedError:
            continue
        seconds[implementation] = shortest_time(benchmark.call)
        if implementation == "fastdens":
            error = benchmark.error
    ours, reference = seconds.pop("fastdens"), seconds.pop("reference")
    peers = ", ".join(f"{peer} {s / ours:.3g}" for peer, s in sorted(seconds.items(), key=lambda item: item[1]))
    return f"| {name} | {duration(ours)} | {reference / ours:.3g} | {peers or '–'} | {error:.0e} |"


if __name__ == "__main__":
    print("| work | fastdens | × NumPy reference | × other packages | largest difference |")
    print("|---|---|---|---|---|")
    for name in ROWS:
        if not sys.argv[1:] or any(word in name for word in sys.argv[1:]):
            print(row(name), flush=True)

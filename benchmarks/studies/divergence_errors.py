"""Error and speed of divergences from samples beside dit, infomeasure, NPEET's recipe and SciPy, on the same data.

    python benchmarks/studies/divergence_errors.py --sizes 1000 10000 --repetitions 20

X is normal, Y normal with its mean moved by one along the first axis: KL is 1/2 in any dimension. A row per size,
dimension and estimator: root mean square error of KL and of Jensen-Shannon, and the seconds of one KL estimate, the
shortest of the repetitions. A peer that is not installed is left out and named. An estimator that took longer than
`--patience` seconds at a size is not asked again at larger ones. Peers are used as their documentation shows them:

- NPEET: Wang, Kulkarni and Verdú's estimate with k = 3 and noise of 1e-10 added, as NPEET has it, by scikit-learn's
  KDTree in the maximum metric; and the same recipe by scipy.spatial.cKDTree in the Euclidean one, which is faster;
- infomeasure: `kld(..., approach="metric")` for KL, `jsd(..., approach="kernel")` for Jensen-Shannon (one dimension);
- dit: its divergences of histograms on common bins (one dimension), as many as the cube root of the sample size;
- SciPy: `gaussian_kde` fitted to both samples and scored on the first.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from importlib import import_module

import numpy as np

import fastdens as fd
from fastdens.divergences.kinds import check_kind
from fastdens.divergences.samples.estimates import estimate_from_samples

KL, JS = 0.5, 0.11141

Estimator = Callable[[np.ndarray, np.ndarray], float]


def ours(kind: str, **options: object) -> Estimator:
    return lambda X, Y: estimate_from_samples(X, Y, check_kind(kind), **options).value


def ours_of_histograms(kind: str) -> Estimator:
    def estimate(X: np.ndarray, Y: np.ndarray) -> float:
        edges = bin_edges(X, Y)
        p, q = (fd.Histogram(bins=edges).fit(sample) for sample in (X, Y))
        return fd.divergence(p, q, kind).value

    return estimate


def wang_kl(X: np.ndarray, Y: np.ndarray, own: np.ndarray, other: np.ndarray) -> float:
    n, d = X.shape
    return math.log(len(Y) / (n - 1)) + d * float(np.mean(np.log(other) - np.log(own)))


def with_noise(X: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return X + 1e-10 * random.random(X.shape), Y + 1e-10 * random.random(Y.shape)


def npeet_kl(X: np.ndarray, Y: np.ndarray, k: int = 3) -> float:
    trees = import_module("sklearn.neighbors")
    X, Y = with_noise(X, Y)
    own, other = trees.KDTree(X, metric="chebyshev"), trees.KDTree(Y, metric="chebyshev")
    return wang_kl(X, Y, own.query(X, k + 1)[0][:, k], other.query(X, k)[0][:, k - 1])


def recipe_kl(X: np.ndarray, Y: np.ndarray, k: int = 3) -> float:
    from scipy.spatial import cKDTree

    X, Y = with_noise(X, Y)
    return wang_kl(X, Y, cKDTree(X).query(X, k + 1)[0][:, k], cKDTree(Y).query(X, k)[0][:, k - 1])


def kernel_kl(X: np.ndarray, Y: np.ndarray) -> float:
    from scipy.stats import gaussian_kde

    return float(np.mean(gaussian_kde(X.T).logpdf(X.T) - gaussian_kde(Y.T).logpdf(X.T)))


def kernel_js(X: np.ndarray, Y: np.ndarray) -> float:
    from scipy.stats import gaussian_kde

    p, q = gaussian_kde(X.T), gaussian_kde(Y.T)
    total = 0.0
    for rows, own, other in ((X, p, q), (Y, q, p)):
        total += 0.5 * float(np.mean(math.log(2) - np.log1p(other.pdf(rows.T) / own.pdf(rows.T))))
    return total


def infomeasure_kl(X: np.ndarray, Y: np.ndarray) -> float:
    module = import_module("infomeasure")
    return float(module.kld(*((X[:, 0], Y[:, 0]) if X.shape[1] == 1 else (X, Y)), approach="metric"))


def infomeasure_js(X: np.ndarray, Y: np.ndarray) -> float:
    width = 1.06 * X.std() * len(X) ** -0.2
    module = import_module("infomeasure")
    return float(module.jsd(X[:, 0], Y[:, 0], approach="kernel", kernel="gaussian", bandwidth=width))


def bin_edges(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    return np.histogram_bin_edges(np.concatenate([X, Y])[:, 0], bins=round(len(X) ** (1 / 3)))


def dit_of(name: str) -> Estimator:
    def estimate(X: np.ndarray, Y: np.ndarray) -> float:
        dit, divergences = import_module("dit"), import_module("dit.divergences")
        edges, distributions = bin_edges(X, Y), []
        for sample in (X, Y):
            counts = np.histogram(sample[:, 0], edges)[0]
            distributions.append(dit.Distribution([(i,) for i in range(len(counts))], list(counts / counts.sum())))
        if name == "kl":
            return float(divergences.kullback_leibler_divergence(*distributions)) * math.log(2)
        return float(divergences.jensen_shannon_divergence(distributions)) * math.log(2)

    return estimate


# name -> (KL, JS, most features)
ESTIMATORS: dict[str, tuple[Estimator, Estimator | None, int]] = {
    "fastdens, nearest neighbours": (ours("kl"), ours("js"), 99),
    "fastdens, Gaussian models": (ours("kl", model=fd.Gaussian(), random_state=0),
                                  ours("js", model=fd.Gaussian(), random_state=0), 99),
    "fastdens, histograms": (ours_of_histograms("kl"), ours_of_histograms("js"), 1),
    "NPEET (scikit-learn's KDTree)": (npeet_kl, None, 99),
    "the same recipe by cKDTree": (recipe_kl, None, 99),
    "infomeasure": (infomeasure_kl, infomeasure_js, 99),
    "dit (histograms)": (dit_of("kl"), dit_of("js"), 1),
    "SciPy (gaussian_kde)": (kernel_kl, kernel_js, 99),
}  # fmt: skip
NEEDED = {"infomeasure": "infomeasure", "dit (histograms)": "dit", "NPEET (scikit-learn's KDTree)": "sklearn"}


def available() -> list[str]:
    names = []
    for name in ESTIMATORS:
        try:
            import_module(NEEDED.get(name, "numpy"))
            names.append(name)
        except ImportError:
            print(f"peer skipped: {NEEDED[name]} is not installed", file=sys.stderr)
    return names


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[1000, 10_000, 100_000])
    parser.add_argument("--dimensions", type=int, nargs="*", default=[1, 2, 3])
    parser.add_argument("--repetitions", type=int, default=10)
    parser.add_argument("--patience", type=float, default=10.0)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--estimators", nargs="*", default=None, help="parts of their names")
    arguments = parser.parse_args()
    np.seterr(all="ignore")
    with nullcontext() if arguments.threads is None else fd.threads(arguments.threads):
        print_table(arguments)


def print_table(arguments: argparse.Namespace) -> None:
    print("| rows | d | estimator | error of KL | error of JS | seconds |")
    print("|---|---|---|---|---|---|")
    slow: set[tuple[str, int]] = set()
    chosen = arguments.estimators or [""]
    for size in sorted(arguments.sizes):
        for d in arguments.dimensions:
            for name in available():
                kl, js, most = ESTIMATORS[name]
                if d > most or (name, d) in slow or not any(part in name for part in chosen):
                    continue
                kl_errors, js_errors, shortest = [], [], math.inf
                for repetition in range(arguments.repetitions):
                    random = np.random.default_rng([repetition, size, d])
                    X, Y = random.standard_normal((size, d)), random.standard_normal((size, d))
                    Y[:, 0] += 1.0
                    start = time.perf_counter()
                    kl_errors.append(kl(X, Y) - KL)
                    shortest = min(shortest, time.perf_counter() - start)
                    if js is not None and (d == 1 or name != "infomeasure") and shortest < arguments.patience / 5:
                        js_errors.append(js(X, Y) - JS)
                    if time.perf_counter() - start > arguments.patience:
                        slow.add((name, d))
                        break
                shown = [f"{np.sqrt(np.mean(np.square(e))):.4f}" if len(e) else "" for e in (kl_errors, js_errors)]
                print(f"| {size} | {d} | {name} | {shown[0]} | {shown[1]} | {shortest:.4f} |", flush=True)


if __name__ == "__main__":
    main()

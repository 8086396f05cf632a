"""Print the table of docs/kernel_sums.md: `python benchmarks/kernel_sum_table.py [GROUP ...]`, all groups or some.

Large problems on two threads, each beside the fastest peer for it. A peer that would take hours is timed on a part of
the queries (or of the data, where its time grows with their product) in the same run, and the rest is extrapolated.
Errors are the largest relative ones at 200 of the queries, against sums in 80-bit arithmetic.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

import fastdens as fd
from fastdens.reference.kernel_sums import PROFILES

LONG = np.longdouble
CHECKED = 200


@dataclass
class Row:
    """One line: what was done, by which route, seconds, error, the peer's name and seconds."""

    work: str
    route: str
    seconds: float
    error: float
    peer: str
    peer_seconds: float

    def __str__(self) -> str:
        ratio = self.peer_seconds / self.seconds
        error = f"{self.error:.0e}" if np.isfinite(self.error) else "–"
        return (
            f"| {self.work} | {self.route} | {duration(self.seconds)} | {error} | {self.peer} "
            f"{duration(self.peer_seconds)} | {ratio:,.3g} |"
        )


def duration(seconds: float) -> str:
    for unit, size in (("h", 3600.0), ("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


def shortest(call: Callable[[], object], repeats: int = 3) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
        if sum(times) > 20:
            break
    return min(times)


def largest_error(logs: np.ndarray, X: np.ndarray, Q: np.ndarray, h: float, kernel: str) -> float:
    """Of sums given as logarithms, at some of the queries."""
    chosen = np.random.default_rng(1).choice(len(Q), CHECKED, replace=False)
    worst = 0.0
    for j in chosen:
        squares = (((Q[j].astype(LONG) - X.astype(LONG)) / LONG(h)) ** 2).sum(axis=1)
        exact = PROFILES[kernel](np.sqrt(squares)).sum()
        if exact > 0:
            worst = max(worst, abs(float(np.exp(LONG(logs[j])) / exact - 1)))
    return worst


def scipy_seconds(X: np.ndarray, Q: np.ndarray) -> float:
    """scipy.stats.gaussian_kde: its time is that of all pairs."""
    from scipy.stats import gaussian_kde

    n, m = min(len(X), 10_000), min(len(Q), 500)
    kde = gaussian_kde(X[:n].T)
    return shortest(lambda: kde.logpdf(Q[:m].T)) / (n * m) * len(X) * len(Q)


def scikit_learn_seconds(X: np.ndarray, Q: np.ndarray, h: float, kernel: str = "gaussian", rtol: float = 0) -> float:
    """scikit-learn's KernelDensity, all of the points and some of the queries."""
    from sklearn.neighbors import KernelDensity

    kde = KernelDensity(bandwidth=h, kernel=kernel, rtol=rtol).fit(X)
    m = max(20, int(2e6 / len(X)))
    return shortest(lambda: kde.score_samples(Q[:m]), 1) / m * len(Q)


def scattered() -> Iterator[Row]:
    random = np.random.default_rng(0)
    n = 1_000_000
    for d, rtol in ((1, 0), (2, 1e-6), (3, 1e-5)):
        X, Q = random.normal(size=(n, d)), random.normal(size=(n, d))
        h = n ** (-1 / (d + 4)) * (1.06 if d == 1 else 1.0)
        call = lambda X=X, Q=Q, h=h, rtol=rtol: fd.kernel_sum(X, Q, bandwidth=h, rtol=rtol, log=True)  # noqa: E731
        route, seconds = fd.plan(X, Q, bandwidth=h, rtol=rtol).route, shortest(call)
        work = f"Gaussian, d = {d}, 10⁶ × 10⁶, " + (f"rtol {rtol:.0e}" if rtol else "full precision")
        error = largest_error(call(), X, Q, h, "gaussian")
        yield Row(work, route, seconds, error, "scipy", scipy_seconds(X, Q))
    X, Q = random.normal(size=(n, 1)), random.normal(size=(n, 1))
    for kernel in ("epanechnikov", "biweight", "triweight", "linear", "cosine", "exponential"):
        h = 0.14
        call = lambda k=kernel, h=h: fd.kernel_sum(X, Q, bandwidth=h, kernel=k, log=True)  # noqa: E731
        route, seconds = fd.plan(X, Q, bandwidth=h, kernel=kernel).route, shortest(call)
        error = largest_error(call(), X, Q, h, kernel)
        in_peer = kernel if kernel not in ("biweight", "triweight") else "epanechnikov"
        peer = "scikit-learn" + ("" if in_peer == kernel else f" ({in_peer})")
        yield Row(f"{kernel}, d = 1, 10⁶ × 10⁶", route, seconds, error, peer, scikit_learn_seconds(X, Q, h, in_peer))


def by_tree() -> Iterator[Row]:
    random = np.random.default_rng(0)
    for kernel, d, rtol in (("gaussian", 5, 1e-4), ("epanechnikov", 3, 0)):
        X, Q = random.normal(size=(100_000, d)), random.normal(size=(100_000, d))
        h = len(X) ** (-1 / (d + 4))
        call = lambda X=X, Q=Q, h=h, r=rtol, k=kernel: fd.kernel_sum(  # noqa: E731
            X, Q, bandwidth=h, kernel=k, rtol=r, log=True
        )
        route, seconds = fd.plan(X, Q, bandwidth=h, kernel=kernel, rtol=rtol).route, shortest(call)
        error = largest_error(call(), X, Q, h, kernel)
        work = f"{kernel}, d = {d}, 10⁵ × 10⁵" + (f", rtol {rtol:.0e}" if rtol else "")
        yield Row(work, route, seconds, error, "scikit-learn", scikit_learn_seconds(X, Q, h, kernel, rtol))


def in_many_dimensions() -> Iterator[Row]:
    random = np.random.default_rng(0)
    for d in (10, 50):
        X, Q = random.normal(size=(20_000, d)), random.normal(size=(10_000, d))
        h = len(X) ** (-1 / (d + 4))
        call = lambda X=X, Q=Q, h=h: fd.kernel_sum(X, Q, bandwidth=h, log=True)  # noqa: E731
        seconds, error = shortest(call), largest_error(call(), X, Q, h, "gaussian")
        work = f"Gaussian, d = {d}, 2·10⁴ × 10⁴, full precision"
        yield Row(work, fd.plan(X, Q, bandwidth=h).route, seconds, error, "scipy", scipy_seconds(X, Q))


def on_grids() -> Iterator[Row]:
    from KDEpy import FFTKDE

    random = np.random.default_rng(0)
    x, n_nodes = random.normal(size=1_000_000), 4096
    h = 1.06 * len(x) ** -0.2
    grid = np.linspace(x.min() - 1, x.max() + 1, n_nodes)
    model = fd.KernelDensity(bandwidth=h).fit(x[:, None])
    exact = np.exp(model.score_samples(grid[:, None]))
    found = model.evaluate_grid([grid])[1]
    error = np.abs(found - exact).max() / exact.max()
    peer = shortest(lambda: FFTKDE(bw=h).fit(x).evaluate(grid), 7)
    peer_error = np.abs(FFTKDE(bw=h).fit(x).evaluate(grid) - exact).max() / exact.max()
    ours = shortest(lambda: fd.KernelDensity(bandwidth=h).fit(x[:, None]).evaluate_grid([grid]), 7)
    work = "Gaussian, d = 1, 10⁶ points onto 4096 nodes (error of the maximum)"
    yield Row(work, "grid", ours, error, f"KDEpy FFTKDE (error {peer_error:.0e})", peer)


def bandwidths() -> Iterator[Row]:
    from KDEpy.bw_selection import improved_sheather_jones
    from statsmodels.nonparametric.kernel_density import KDEMultivariate

    X = np.random.default_rng(0).normal(size=(1_000_000, 1))
    few = X[:1000, 0]
    for rule, peer, word in (("lscv", "statsmodels cv_ls", "cv_ls"), ("likelihood", "statsmodels cv_ml", "cv_ml")):
        theirs = shortest(lambda w=word: KDEMultivariate(few, "c", bw=w), 1) * (len(X) / len(few)) ** 2
        ours = shortest(lambda r=rule: fd.bandwidth(X, r))
        yield Row(f"bandwidth by {rule}, n = 10⁶", "pair sums", ours, np.nan, peer, theirs)
    theirs = shortest(lambda: improved_sheather_jones(X))
    for rule in ("isj", "sheather-jones"):
        ours = shortest(lambda r=rule: fd.bandwidth(X, r))
        yield Row(f"bandwidth by {rule}, n = 10⁶", "pair sums", ours, np.nan, "KDEpy ISJ", theirs)


def draws() -> Iterator[Row]:
    from scipy.stats import gaussian_kde, rv_histogram
    from sklearn.mixture import GaussianMixture as PeerMixture

    random = np.random.default_rng(0)
    n = 1_000_000
    X = random.normal(size=(20_000, 3))
    model, peer = fd.KernelDensity(bandwidth=0.3).fit(X), gaussian_kde(X.T)
    ours, theirs = shortest(lambda: model.sample(n, 0)), shortest(lambda: peer.resample(n, 0))
    yield Row("10⁶ draws of a KDE, d = 3", "–", ours, np.nan, "scipy", theirs)
    X = random.normal(size=(5_000, 10))
    mixture = fd.GaussianMixture(20, max_iter=3, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mixture.fit(X)
        theirs_fitted = PeerMixture(20, max_iter=3, random_state=0).fit(X)
    ours, theirs = shortest(lambda: mixture.sample(n)), shortest(lambda: theirs_fitted.sample(n))
    yield Row("10⁶ draws of a mixture, K = 20, d = 10", "–", ours, np.nan, "scikit-learn", theirs)
    x = random.normal(size=10_000)
    histogram, law = fd.Histogram(bins=50).fit(x[:, None]), rv_histogram(np.histogram(x, 50))
    ours, theirs = shortest(lambda: histogram.sample(n, 0)), shortest(lambda: law.rvs(size=n, random_state=0))
    yield Row("10⁶ draws of a histogram", "–", ours, np.nan, "scipy", theirs)


def growth() -> None:
    """Nanoseconds per point and query at three sizes."""
    print("\n| n = m | Gaussian, d = 1 | epanechnikov, d = 1 |\n|---|---|---|")
    random = np.random.default_rng(0)
    for n in (10**5, 10**6, 10**7):
        X, Q = random.normal(size=(n, 1)), random.normal(size=(n, 1))
        cells = []
        for kernel in ("gaussian", "epanechnikov"):
            call = lambda k=kernel, X=X, Q=Q: fd.kernel_sum(X, Q, bandwidth=0.1, kernel=k)  # noqa: E731
            cells.append(f"{shortest(call) / n * 1e9:.0f} ns")
        print(f"| {n:,} | " + " | ".join(cells) + " |", flush=True)


GROUPS = {
    "scattered": scattered,
    "tree": by_tree,
    "high": in_many_dimensions,
    "grids": on_grids,
    "bandwidths": bandwidths,
    "draws": draws,
}


if __name__ == "__main__":
    wanted = sys.argv[1:]
    print("| work | route | time | largest relative error | peer | ratio |\n|---|---|---|---|---|---|")
    for name, rows in GROUPS.items():
        if not wanted or name in wanted:
            for row in rows():
                print(row, flush=True)
    if not wanted or "growth" in wanted:
        growth()

"""Large problems on two threads, each beside the fastest peer for it: the rows of docs/kernel_sums.md.

A peer that would take hours is timed on a part of the queries (or of the data, where its time grows with their
product) in the same process, and the rest is extrapolated. Errors are the largest relative ones at 200 of the queries,
against sums in 80-bit arithmetic.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

import fastdens as fd
from fastdens.core import _instruction_sets as instruction_sets
from fastdens.reference.kernel_sums import PROFILES

from . import peers
from .common import TINY, size

LONG = np.longdouble
CHECKED = 20 if TINY else 200


@dataclass
class Row:
    """One result: by which route, seconds, error, the peer's name and seconds."""

    route: str
    seconds: float
    error: float
    peer: str
    peer_seconds: float


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
    chosen = np.random.default_rng(1).choice(len(Q), min(CHECKED, len(Q)), replace=False)
    worst = 0.0
    for j in chosen:
        squares = (((Q[j].astype(LONG) - X.astype(LONG)) / LONG(h)) ** 2).sum(axis=1)
        exact = PROFILES[kernel](np.sqrt(squares)).sum()
        if exact > 0:
            worst = max(worst, abs(float(np.exp(LONG(logs[j])) / exact - 1)))
    return worst


def scipy_seconds(X: np.ndarray, Q: np.ndarray) -> float:
    """scipy.stats.gaussian_kde: its time is that of all pairs."""
    gaussian_kde = peers.module("scipy", "stats").gaussian_kde
    n, m = min(len(X), 10_000), min(len(Q), 500)
    kde = gaussian_kde(X[:n].T)
    return shortest(lambda: kde.logpdf(Q[:m].T)) / (n * m) * len(X) * len(Q)


def scikit_learn_seconds(X: np.ndarray, Q: np.ndarray, h: float, kernel: str = "gaussian", rtol: float = 0) -> float:
    """scikit-learn's KernelDensity, all of the points and some of the queries."""
    module = peers.module("scikit-learn", "neighbors")
    kde = module.KernelDensity(bandwidth=h, kernel=kernel, rtol=rtol).fit(X)
    m = max(20, int(2e6 / len(X)))
    return shortest(lambda: kde.score_samples(Q[:m]), 1) / m * len(Q)


def scattered(kernel: str, d: int, rtol: float, n: int, m: int, h: float | None = None) -> Row:
    """Sums at m normal queries over n normal points; the Gaussian beside SciPy, the others beside scikit-learn."""
    random = np.random.default_rng(0)
    X, Q = random.normal(size=(n, d)), random.normal(size=(m, d))
    h = n ** (-1 / (d + 4)) if h is None else h

    def call() -> np.ndarray:
        return fd.kernel_sum(X, Q, bandwidth=h, kernel=kernel, rtol=rtol, log=True)

    route, seconds = fd.plan(X, Q, bandwidth=h, kernel=kernel, rtol=rtol).route, shortest(call)
    error = largest_error(call(), X, Q, h, kernel)
    if kernel == "gaussian" and rtol < 1e-4:
        return Row(route, seconds, error, "scipy", scipy_seconds(X, Q))
    theirs = kernel if kernel not in ("biweight", "triweight") else "epanechnikov"
    peer = "scikit-learn" + ("" if theirs == kernel else f" ({theirs})")
    return Row(route, seconds, error, peer, scikit_learn_seconds(X, Q, h, theirs, rtol))


def beside_mlpack(d: int, rtol: float, n: int) -> Row:
    """Gaussian sums at n normal queries over n normal points, beside mlpack with a tree over the points alone."""
    kde = peers.module("mlpack").kde
    random = np.random.default_rng(0)
    X, Q = random.normal(size=(n, d)), random.normal(size=(n, d))
    h = n ** (-1 / (d + 4))

    def call() -> np.ndarray:
        return fd.kernel_sum(X, Q, bandwidth=h, rtol=rtol, log=True)

    options = {"rel_error": rtol, "algorithm": "single-tree", "kernel": "gaussian", "bandwidth": h}
    few = Q[: max(20, int(2e8 / n))]
    model = kde(reference=X, query=few[:10], **options)["output_model"]
    theirs = shortest(lambda: kde(input_model=model, query=few, rel_error=rtol, algorithm="single-tree"), 1)
    route = fd.plan(X, Q, bandwidth=h, rtol=rtol).route
    seconds = shortest(call)
    return Row(route, seconds, largest_error(call(), X, Q, h, "gaussian"), "mlpack", theirs / len(few) * n)


def on_avx2(measure: Callable[[], Row]) -> Row:
    """A row as a processor without AVX-512 gives it."""
    before = instruction_sets.in_use()
    if "avx2" not in instruction_sets.available():
        raise NotImplementedError("this processor has no AVX2")
    instruction_sets.use("avx2")
    try:
        return measure()
    finally:
        instruction_sets.use(before)


def on_a_grid() -> Row:
    """A million points onto 4096 nodes over three bandwidths more than their range; errors are of the maximum."""
    peer = peers.module("KDEpy").FFTKDE
    x = np.random.default_rng(0).normal(size=size(1_000_000, 500))
    h = 1.06 * len(x) ** -0.2
    grid = np.linspace(x.min() - 3 * h, x.max() + 3 * h, 4096)
    model = fd.KernelDensity(bandwidth=h).fit(x[:, None])
    exact = np.exp(fd.KernelDensity(bandwidth=h, algorithm="fast_gauss").fit(x[:, None]).score_samples(grid[:, None]))
    largest = exact.max()
    error = np.abs(model.evaluate_grid([grid])[1] - exact).max() / largest
    peer_error = np.abs(peer(bw=h).fit(x).evaluate(grid) - exact).max() / largest
    ours = shortest(lambda: fd.KernelDensity(bandwidth=h).fit(x[:, None]).evaluate_grid([grid]), 7)
    theirs = shortest(lambda: peer(bw=h).fit(x).evaluate(grid), 7)
    return Row("grid", ours, error, f"KDEpy FFTKDE (error {peer_error:.0e})", theirs)


def bandwidth(rule: str) -> Row:
    """Of a million normal numbers; statsmodels' time grows with the square of their number."""
    X = np.random.default_rng(0).normal(size=(size(1_000_000, 300), 1))
    ours = shortest(lambda: fd.bandwidth(X, rule))
    if rule in ("lscv", "likelihood"):
        word = {"lscv": "cv_ls", "likelihood": "cv_ml"}[rule]
        estimate = peers.module("statsmodels", "nonparametric.kernel_density").KDEMultivariate
        few = X[: size(1000, 30), 0]
        theirs = shortest(lambda: estimate(few, "c", bw=word), 1) * (len(X) / len(few)) ** 2
        return Row("pair sums", ours, np.nan, f"statsmodels {word}", theirs)
    select = peers.module("KDEpy", "bw_selection").improved_sheather_jones
    return Row(
        "cosine series" if rule == "isj" else "pair sums", ours, np.nan, "KDEpy ISJ", shortest(lambda: select(X))
    )


def draws_of_kernel_density() -> Row:
    n = size(1_000_000, 100)
    X = np.random.default_rng(0).normal(size=(size(20_000, 50), 3))
    model = fd.KernelDensity(bandwidth=0.3).fit(X)
    theirs = {
        "scikit-learn": peers.module("scikit-learn", "neighbors").KernelDensity(bandwidth=0.3).fit(X).sample,
        "scipy": peers.module("scipy", "stats").gaussian_kde(X.T).resample,
    }
    seconds = {peer: shortest(partial(draw, n)) for peer, draw in theirs.items()}
    peer = min(seconds, key=lambda name: seconds[name])
    return Row("–", shortest(lambda: model.sample(n, 0)), np.nan, peer, seconds[peer])


def draws_of_mixture() -> Row:
    n = size(1_000_000, 100)
    X = np.random.default_rng(0).normal(size=(size(5_000, 200), 10))
    options = {"n_components": size(20, 2), "max_iter": 3, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = fd.GaussianMixture(**options).fit(X)
        theirs = peers.module("scikit-learn", "mixture").GaussianMixture(**options).fit(X)
    return Row("–", shortest(lambda: ours.sample(n)), np.nan, "scikit-learn", shortest(lambda: theirs.sample(n)))


def draws_of_histogram() -> Row:
    n, x = size(1_000_000, 100), np.random.default_rng(0).normal(size=10_000)
    ours = fd.Histogram(bins=50).fit(x[:, None])
    theirs = peers.module("scipy", "stats").rv_histogram(np.histogram(x, 50))
    seconds = shortest(lambda: theirs.rvs(size=n, random_state=0))
    return Row("–", shortest(lambda: ours.sample(n, 0)), np.nan, "scipy", seconds)


MILLION, MANY = size(1_000_000, 300), size(100_000, 300)
GROWTH = {"10⁵": size(100_000, 300), "10⁶": MILLION, "10⁷": size(10_000_000, 600)}
COMPACT = ("epanechnikov", "biweight", "triweight", "linear", "cosine", "exponential")
ROWS: dict[str, Callable[[], Row]] = {
    "Gaussian, d = 1, 10⁶ × 10⁶, full precision": partial(scattered, "gaussian", 1, 0, MILLION, MILLION, 0.067),
    "Gaussian onto 4096 nodes, 10⁶ points": on_a_grid,
    "Gaussian, d = 2, 10⁶ × 10⁶, rtol 1e-6": partial(scattered, "gaussian", 2, 1e-6, MILLION, MILLION),
    "Gaussian, d = 3, 10⁶ × 10⁶, rtol 1e-5": partial(scattered, "gaussian", 3, 1e-5, MILLION, MILLION),
    **{f"{name}, d = 1, 10⁶ × 10⁶": partial(scattered, name, 1, 0, MILLION, MILLION, 0.14) for name in COMPACT},
    "Gaussian, d = 5, 10⁵ × 10⁵, rtol 1e-4": partial(scattered, "gaussian", 5, 1e-4, MANY, MANY),
    "Gaussian, d = 5, 10⁵ × 10⁵, rtol 1e-4, beside mlpack": partial(beside_mlpack, 5, 1e-4, MANY),
    "epanechnikov, d = 3, 10⁵ × 10⁵": partial(scattered, "epanechnikov", 3, 0, MANY, MANY),
    "Gaussian, d = 10, 2·10⁴ × 10⁴": partial(scattered, "gaussian", 10, 0, size(20_000, 300), size(10_000, 100)),
    "Gaussian, d = 50, 2·10⁴ × 10⁴": partial(scattered, "gaussian", 50, 0, size(20_000, 300), size(10_000, 100)),
    **{f"Gaussian, d = {d}, 2·10⁴ × 10⁴, AVX2":
       partial(on_avx2, partial(scattered, "gaussian", d, 0, size(20_000, 300), size(10_000, 100))) for d in (10, 50)},
    **{f"bandwidth by {rule}, n = 10⁶": partial(bandwidth, rule) for rule in
       ("isj", "sheather-jones", "lscv", "likelihood")},
    "10⁶ draws of a kernel density, d = 3": draws_of_kernel_density,
    "10⁶ draws of a mixture, K = 20, d = 10": draws_of_mixture,
    "10⁶ draws of a histogram": draws_of_histogram,
}  # fmt: skip


def line(work: str, row: Row) -> str:
    ratio = row.peer_seconds / row.seconds
    error = f"{row.error:.1e}" if np.isfinite(row.error) else "–"
    return (
        f"| {work} | {row.route} | {duration(row.seconds)} | {error} | {row.peer} | {duration(row.peer_seconds)} "
        f"| {ratio:,.3g} |"
    )


def duration(seconds: float) -> str:
    for unit, length in (("h", 3600.0), ("s", 1.0), ("ms", 1e-3)):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


class LargeProblems:
    """Time over the peer's time, and seconds, of the rows above."""

    params = (list(ROWS),)
    param_names = ("row",)
    timeout = 600

    def setup(self, row):
        with fd.threads(2):
            self.result = ROWS[row]()
        if not TINY:  # `asv run --show-stderr` gives the table of docs/kernel_sums.md
            print(line(row, self.result), file=sys.stderr)

    def track_share_of_peer(self, row):
        return self.result.seconds / self.result.peer_seconds

    def track_seconds(self, row):
        return self.result.seconds


class Growth:
    """Nanoseconds per point and query of sums in one dimension, n = m, two threads: flat where time is linear."""

    params = (["gaussian", "epanechnikov", "exponential"], list(GROWTH))
    param_names = ("kernel", "n")
    timeout = 600

    def setup(self, kernel, n):
        random = np.random.default_rng(0)
        self.n = GROWTH[n]
        self.X, self.Q = random.normal(size=(self.n, 1)), random.normal(size=(self.n, 1))

    def track_nanoseconds_per_point(self, kernel, n):
        call = partial(fd.kernel_sum, self.X, self.Q, bandwidth=0.1, kernel=kernel, log=True, n_threads=2)
        return shortest(call, 9 if self.n < 2e6 else 3) / self.n * 1e9


Growth.track_nanoseconds_per_point.unit = "ns"
LargeProblems.track_share_of_peer.unit = "time / peer's time"
LargeProblems.track_seconds.unit = "seconds"

"""Direct kernel sums: every query against every point."""

from __future__ import annotations

import numpy as np

import fastdens as fd
from fastdens.kernel_sums.kernels import registry
from fastdens.reference import kernel_sums as reference

from .. import data, peers
from ..common import Comparison, size

BANDWIDTH = 0.7


class Sums(Comparison):
    """Each smoothing kernel in one dimension, the Gaussian in more; one thread."""

    cases = (
        *(f"{kernel} d=1" for kernel in reference.PROFILES),
        "gaussian d=1 float32",
        "gaussian d=3",
        "gaussian d=10",
        "gaussian d=50",
        "gaussian d=1 weights",
        "gaussian d=1 log",
    )
    implementations = ("fastdens", "reference", "scipy", "scikit-learn", "KDEpy")

    def prepare(self, case, implementation):
        kernel, dimension, *option = case.split()
        d = int(dimension.removeprefix("d="))
        dtype = np.float32 if option == ["float32"] else np.float64
        X, Q = data.clusters(size(4_000, 60), d, dtype=dtype), data.queries(size(2_000, 30), d, dtype=dtype)
        h = BANDWIDTH * d**0.5
        weights = np.random.default_rng(3).uniform(0.5, 2, size=len(X)) if option == ["weights"] else None
        log = option == ["log"]
        self.tolerance, self.peers_tolerance = (1e-5, 1e-4) if dtype is np.float32 else (1e-12, 1e-6)
        if implementation == "fastdens":
            return lambda: fd.kernel_sum(X, Q, bandwidth=h, kernel=kernel, weights=weights, log=log, n_threads=1)
        if implementation == "reference":
            return lambda: reference.kernel_sum(X, Q, bandwidth=h, kernel=kernel, weights=weights, log=log)
        if implementation == "scipy":
            if kernel != "gaussian":
                raise NotImplementedError("scipy has the Gaussian kernel only")
            stats = peers.module("scipy", "stats")
            density = stats.gaussian_kde(X.T, weights=weights)
            whole = len(X) if weights is None else weights.sum()
            # Its bandwidth is a factor of the data's covariance: the squared distances are set right once here.
            density.set_bandwidth(1.0)
            density.covariance = np.eye(d, dtype=dtype) * h**2
            density.cho_cov = np.eye(d, dtype=dtype) * h
            scale = whole * (2 * np.pi * h**2) ** (d / 2)
            if log:
                return lambda: density.logpdf(Q.T) + np.log(scale)
            return lambda: density(Q.T) * scale
        if implementation == "KDEpy":
            if kernel != "gaussian" or log or d > 3:
                # It scales the other kernels to variance one, gives no logarithms, and adds 2e-16 to each density.
                raise NotImplementedError("KDEpy computes something else here")
            density = peers.module("KDEpy").NaiveKDE(bw=h).fit(X, weights=weights)
            scale = (len(X) if weights is None else weights.sum()) * (2 * np.pi * h**2) ** (d / 2)
            return lambda: density.evaluate(Q) * scale
        module = peers.module("scikit-learn", "neighbors")
        if kernel not in module.KernelDensity._parameter_constraints["kernel"][0].options:
            raise NotImplementedError(f"scikit-learn has no {kernel} kernel")
        density = module.KernelDensity(bandwidth=h, kernel=kernel, rtol=0, atol=0).fit(X, sample_weight=weights)
        whole = len(X) if weights is None else weights.sum()
        log_scale = np.log(whole) + log_peak(kernel, d, h)
        if log:
            return lambda: density.score_samples(Q) + log_scale
        return lambda: np.exp(density.score_samples(Q) + log_scale)


class HighDimensions(Comparison):
    """Gaussian sums in many dimensions to full precision, with two threads; the peers have one."""

    cases = ("d=10", "d=50", "d=10 float32")
    implementations = ("fastdens", "reference", "scipy", "scikit-learn")

    def prepare(self, case, implementation):
        d = int(case.split()[0].removeprefix("d="))
        dtype = np.float32 if case.endswith("float32") else np.float64
        random = np.random.default_rng(8)
        X = random.normal(size=(size(20_000, 120), d)).astype(dtype)
        Q = random.normal(size=(size(1_000, 70), d)).astype(dtype)
        h = 0.4 * d**0.5
        self.tolerance, self.peers_tolerance = (1e-5, 1e-4) if dtype is np.float32 else (1e-12, 1e-6)
        if implementation == "fastdens":
            return lambda: fd.kernel_sum(X, Q, bandwidth=h, n_threads=2)
        if implementation == "reference":
            return lambda: reference.kernel_sum(X, Q, bandwidth=h)
        if implementation == "scipy":
            density = peers.module("scipy", "stats").gaussian_kde(X.T)
            density.covariance, density.cho_cov = np.eye(d, dtype=dtype) * h**2, np.eye(d, dtype=dtype) * h
            scale = len(X) * (2 * np.pi * h**2) ** (d / 2)
            return lambda: density(Q.T) * scale
        density = peers.module("scikit-learn", "neighbors").KernelDensity(bandwidth=h, rtol=0, atol=0).fit(X)
        log_scale = np.log(len(X)) + log_peak("gaussian", d, h)
        return lambda: np.exp(density.score_samples(Q) + log_scale)


class Metrics(Comparison):
    """Densities in other metrics, one thread; scikit-learn's up to its normaliser."""

    cases = ("manhattan", "chebyshev", "haversine")
    implementations = ("fastdens", "reference", "scikit-learn")
    tolerance = 1e-11

    def prepare(self, case, implementation):
        random = np.random.default_rng(9)
        X, Q = (
            np.stack([np.arcsin(random.uniform(-1, 1, n)), random.uniform(-np.pi, np.pi, n)], axis=1)
            for n in (size(4_000, 60), size(2_000, 30))
        )
        at_first = X[:1]
        if implementation == "reference":
            sums = lambda Q: np.exp(-(reference.distances(X, Q, case) ** 2) / (2 * 0.3**2)).sum(axis=1)  # noqa: E731
            return lambda: sums(Q) / sums(at_first)
        if implementation == "scikit-learn":
            neighbors = peers.module("scikit-learn", "neighbors")
            density = neighbors.KernelDensity(bandwidth=0.3, metric=case, algorithm="ball_tree", rtol=0, atol=0).fit(X)
        else:
            density = fd.KernelDensity(bandwidth=0.3, metric=case, n_threads=1).fit(X)
        return lambda: np.exp(density.score_samples(Q) - density.score_samples(at_first))


class LargeSums(Comparison):
    """Gaussian sums at many queries, to full precision or to a tolerance; one thread. Peers would take minutes."""

    cases = ("d=1 n=10000", "d=2 n=10000", "d=3 n=10000 rtol=1e-5", "d=5 n=10000 rtol=1e-4")

    def prepare(self, case, implementation):
        d, n, *option = (float(word.partition("=")[2]) for word in case.split())
        rtol = option[0] if option else 0.0
        n = size(int(n), 60)
        X, Q = data.clusters(n, int(d)), data.queries(n, int(d))
        h = 0.2 * d**0.5
        self.tolerance = rtol or 1e-12
        if implementation == "reference":
            return lambda: reference.kernel_sum(X, Q, bandwidth=h)
        return lambda: fd.kernel_sum(X, Q, bandwidth=h, rtol=rtol, n_threads=1)


class Million:
    """A million points at a million queries, d dimensions, Gaussian, with two threads; checked at a few queries."""

    params = [[1, 2, 3], ["full precision", "rtol=1e-6"]]  # noqa: RUF012
    param_names = ["d", "precision"]  # noqa: RUF012
    timeout = 600
    rounds = 1
    number = 1
    repeat = (1, 3, 5.0)

    def setup(self, d, precision):
        if d == 3 and precision == "full precision":
            raise NotImplementedError("takes minutes")
        n = size(1_000_000, 200)
        self.X, self.Q = data.clusters(n, d), data.queries(n, d)
        self.h = 0.1 * d**0.5
        self.rtol = 0.0 if precision == "full precision" else 1e-6

    def compute(self):
        return fd.kernel_sum(self.X, self.Q, bandwidth=self.h, rtol=self.rtol, n_threads=2)

    def time_sums(self, d, precision):
        self.compute()

    def peakmem_sums(self, d, precision):
        self.compute()

    def track_error(self, d, precision):
        few = slice(None, None, len(self.Q) // 20)
        expected = reference.kernel_sum(self.X, self.Q[few], bandwidth=self.h)
        error = float((abs(self.compute()[few] - expected) / expected).max())
        assert error <= (self.rtol or 1e-11)
        return error

    track_error.unit = "largest relative error"


class SortedSums(Comparison):
    """One dimension, exact: points and queries sorted, against every query with every point."""

    cases = ("tophat", "epanechnikov", "biweight", "triweight", "linear", "cosine", "exponential")
    implementations = ("fastdens", "fastdens direct", "reference", "scikit-learn")
    tolerance = 1e-12

    def prepare(self, case, implementation):
        n = size(20_000, 500)
        X, Q, h = data.clusters(n, 1), data.queries(n, 1), 0.05
        if implementation == "reference":
            return lambda: reference.kernel_sum(X, Q, bandwidth=h, kernel=case)
        if implementation == "scikit-learn":
            module = peers.module("scikit-learn", "neighbors")
            if case not in module.KernelDensity._parameter_constraints["kernel"][0].options:
                raise NotImplementedError(f"scikit-learn has no {case} kernel")
            density = module.KernelDensity(bandwidth=h, kernel=case, rtol=0, atol=0).fit(X)
            log_scale = np.log(n) + log_peak(case, 1, h)
            return lambda: np.exp(density.score_samples(Q) + log_scale)
        route = "direct" if implementation == "fastdens direct" else "sorted"
        return lambda: fd.kernel_sum(X, Q, bandwidth=h, kernel=case, algorithm=route)


class Threads(Comparison):
    """The same sums on one thread and on two."""

    cases = ("1 thread", "2 threads")

    def prepare(self, case, implementation):
        X, Q = data.clusters(size(6_000, 60), 3), data.queries(size(3_000, 30), 3)
        if implementation == "reference":
            return lambda: reference.kernel_sum(X, Q, bandwidth=BANDWIDTH)
        return lambda: fd.kernel_sum(X, Q, bandwidth=BANDWIDTH, n_threads=int(case[0]))


class OneQuery(Comparison):
    """Latency: one query, a hundred points."""

    cases = ("n=100",)

    def prepare(self, case, implementation):
        X, Q = data.clusters(100, 2), data.queries(1, 2)
        if implementation == "reference":
            return lambda: reference.kernel_sum(X, Q, bandwidth=BANDWIDTH)
        return lambda: fd.kernel_sum(X, Q, bandwidth=BANDWIDTH)


class InstructionSets(Comparison):
    """The same sums on each instruction set, one thread."""

    cases = ("base", "avx2", "avx512", "neon")

    def prepare(self, case, implementation):
        from fastdens.core import _instruction_sets as instruction_sets

        if case not in instruction_sets.available():
            raise NotImplementedError(f"this processor or build has no {case}")
        instruction_sets.use(case)
        X, Q = data.clusters(size(4_000, 60), 1), data.queries(size(2_000, 30), 1)
        if implementation == "reference":
            return lambda: reference.kernel_sum(X, Q, bandwidth=BANDWIDTH)
        return lambda: fd.kernel_sum(X, Q, bandwidth=BANDWIDTH, n_threads=1)

    def teardown(self, case, implementation):
        from fastdens.core import _instruction_sets as instruction_sets

        instruction_sets.use(max(instruction_sets.available(), key=instruction_sets.LEVELS.get))


def log_peak(kernel, d, h):
    """ln of the integral of K(|x| / h), which peers divide by."""
    return registry.KERNELS[kernel].log_normaliser(d) + d * np.log(h)


class Grids(Comparison):
    """Gaussian densities on grids, to full precision; two threads."""

    cases = ("d=1 n=100000 m=1024", "d=2 n=1000 m=300")
    implementations = ("fastdens", "reference", "scipy", "KDEpy")

    def prepare(self, case, implementation):
        d, n, m = (int(word.partition("=")[2]) for word in case.split())
        X = data.clusters(size(n, 200), d)
        h, m = 0.3 * d**0.5, size(m, 12)
        axes = [np.linspace(X[:, a].min() - 3 * h, X[:, a].max() + 3 * h, m) for a in range(d)]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, d)
        # KDEpy's error is that of linear binning: a spacing of h / 9 in the first case, coarser in tiny ones.
        self.tolerance, self.peers_tolerance = 1e-11, size(1e-2, np.inf)
        if implementation == "fastdens":
            model = fd.KernelDensity(bandwidth=h, n_threads=2).fit(X)
            return lambda: model.evaluate_grid(axes)[1].ravel()
        if implementation == "reference":
            scale = len(X) * (2 * np.pi * h**2) ** (d / 2)
            return lambda: reference.kernel_sum(X, points, bandwidth=h) / scale
        if implementation == "scipy":
            density = peers.module("scipy", "stats").gaussian_kde(X.T, bw_method=1.0)
            density.covariance, density.cho_cov = np.eye(d) * h**2, np.eye(d) * h
            return lambda: density(points.T)
        module = peers.module("KDEpy")
        return lambda: module.FFTKDE(bw=h).fit(X).evaluate(points if d > 1 else axes[0])

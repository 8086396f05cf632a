"""The models as users call them: fitting, scoring, drawing; beside scikit-learn and the same steps on the
references."""

from __future__ import annotations

import warnings

import numpy as np

import fastdens as fd
from fastdens.reference import em, kernel_sums

from . import data, peers
from .common import Comparison, size

N_ITERATIONS = 10


class KernelDensityScores(Comparison):
    """Log-density of new points, full precision."""

    cases = ("d=1 n=4000 m=2000", "d=3 n=4000 m=2000", "d=2 n=100 m=1")
    implementations = ("fastdens", "reference", "scikit-learn")

    def prepare(self, case, implementation):
        d, n, m = (int(part.partition("=")[2]) for part in case.split())
        X, Q = data.clusters(min(n, size(n, 60)), d), data.queries(min(m, size(m, 30)), d)
        if implementation == "reference":
            log_normaliser = np.log(len(X)) + d / 2 * np.log(2 * np.pi * 0.5**2)
            return lambda: kernel_sums.kernel_sum(X, Q, bandwidth=0.5, log=True) - log_normaliser
        if implementation == "fastdens":
            model = fd.KernelDensity(bandwidth=0.5).fit(X)
        else:
            model = peers.module("scikit-learn", "neighbors").KernelDensity(bandwidth=0.5, rtol=0, atol=0).fit(X)
        return lambda: model.score_samples(Q)


class GaussianMixtureFit(Comparison):
    """Ten iterations of EM from the same start, then the log-density of the data."""

    cases = ("full d=2 K=5", "full d=10 K=20", "diag d=10 K=20")
    implementations = ("fastdens", "reference", "scikit-learn")
    tolerance = 1e-6
    peers_tolerance = 1e-6

    def prepare(self, case, implementation):
        covariance_type, d, n_components = case.split()
        d, n_components = int(d[2:]), min(int(n_components[2:]), size(99, 3))
        X = data.clusters(size(20_000, 300), d)
        weights, means, factors = data.parameters(n_components, d, covariance_type)
        weights = np.full(n_components, 1 / n_components)
        if implementation == "reference":

            def fit():
                step = weights, means, None, factors
                for _ in range(N_ITERATIONS):
                    step = em.em_step(X, step[0], step[1], step[3], covariance_type)
                return em.e_step(X, step[0], step[1], step[3], covariance_type)[0]

            return fit
        precisions = factors**2 if covariance_type == "diag" else factors @ np.swapaxes(factors, 1, 2)
        module = fd if implementation == "fastdens" else peers.module("scikit-learn", "mixture")

        def fit_model():
            model = module.GaussianMixture(
                n_components, covariance_type=covariance_type, tol=0, max_iter=N_ITERATIONS, random_state=0,
                weights_init=weights, means_init=means, precisions_init=precisions,
            )  # fmt: skip
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # neither converges in ten iterations
                return model.fit(X).score_samples(X)

        return fit_model


class GaussianScores(Comparison):
    """Fit and log-density of the data, full covariance."""

    cases = ("d=2", "d=50")
    implementations = ("fastdens", "reference", "scipy")

    def prepare(self, case, implementation):
        d = int(case[2:])
        X = data.clusters(size(50_000, 300), d)
        if implementation == "fastdens":
            return lambda: fd.Gaussian().fit(X).score_samples(X)
        if implementation == "reference":
            return lambda: log_normal(X, X.mean(axis=0), np.cov(X.T, bias=True))
        normal = peers.module("scipy", "stats").multivariate_normal
        return lambda: normal.logpdf(X, X.mean(axis=0), np.cov(X.T, bias=True))


class Draws(Comparison):
    """A million new points from fitted models, on all threads; checked by the mean of every hundredth."""

    cases = ("KernelDensity d=3", "GaussianMixture d=10 K=20", "Histogram d=1")
    implementations = ("fastdens", "reference", "scikit-learn", "scipy")
    tolerance = peers_tolerance = 0.2

    def prepare(self, case, implementation):
        n = size(10**6, 20_000)
        make = {"K": kernel_draws, "G": mixture_draws, "H": histogram_draws}[case[0]]
        draw = make(implementation, n, np.random.default_rng(0))

        def mean_after_draws():
            return np.mean(draw()[:: size(100, 1)], axis=0)

        return mean_after_draws


def kernel_draws(implementation, n, random):
    X = data.clusters(2_000, 3)
    if implementation == "reference":
        return lambda: X[random.integers(len(X), size=n)] + 0.5 * random.normal(size=(n, 3))
    if implementation == "scipy":
        width = 0.5 / X.std(axis=0, ddof=1).mean()
        density = peers.module("scipy", "stats").gaussian_kde(X.T, bw_method=width)
        return lambda: density.resample(n, seed=random).T
    module = fd if implementation == "fastdens" else peers.module("scikit-learn", "neighbors")
    model = module.KernelDensity(bandwidth=0.5).fit(X)
    return lambda: model.sample(n, random_state=random if implementation == "fastdens" else 0)


def mixture_draws(implementation, n, random):
    X, n_components = data.clusters(4_000, 10), 20
    model = fd.GaussianMixture(n_components, random_state=0, max_iter=5, tol=0, reg_covar=1e-3).fit(X)
    if implementation == "fastdens":
        return lambda: model.sample(n, random_state=random)[0]
    if implementation == "scikit-learn":
        peer = peers.module("scikit-learn", "mixture").GaussianMixture(n_components, random_state=0)
        peer.weights_, peer.means_, peer.covariances_ = model.weights_, model.means_, model.covariances_
        peer.precisions_cholesky_ = model.precisions_cholesky_
        return lambda: peer.sample(n)[0]
    if implementation == "scipy":
        raise NotImplementedError("SciPy has no mixtures")
    factors = np.linalg.cholesky(model.covariances_)

    def draw():
        counts = random.multinomial(n, model.weights_)
        parts = zip(model.means_, factors, counts, strict=True)
        return np.concatenate([mean + random.normal(size=(count, 10)) @ factor.T for mean, factor, count in parts])

    return draw


def histogram_draws(implementation, n, random):
    x = data.clusters(100_000, 1)
    mass, edges = np.histogram(x, bins=100)
    if implementation == "reference":
        return lambda: np.interp(random.random((n, 1)), np.append(0, np.cumsum(mass)) / mass.sum(), edges)
    if implementation == "scipy":
        distribution = peers.module("scipy", "stats").rv_histogram((mass, edges))
        return lambda: distribution.rvs(size=(n, 1), random_state=random)
    if implementation == "scikit-learn":
        raise NotImplementedError("scikit-learn has no histograms")
    model = fd.Histogram(bins=edges).fit(x)
    return lambda: model.sample(n, random_state=random)


def log_normal(X, mean, covariance):
    """Log-density of a normal distribution, by NumPy."""
    factor = np.linalg.cholesky(covariance)
    white = np.linalg.solve(factor, (X - mean).T)
    return -0.5 * (white**2).sum(axis=0) - np.log(np.diag(factor)).sum() - X.shape[1] / 2 * np.log(2 * np.pi)

"""The models as users call them: fitting, scoring, drawing; beside scikit-learn and the same steps on the twins."""

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
    """New points from fitted models; checked by their mean."""

    cases = ("KernelDensity d=3", "GaussianMixture d=10")
    implementations = ("fastdens", "scikit-learn", "reference")
    tolerance = peers_tolerance = 0.2

    def prepare(self, case, implementation):
        name, d = case.split()
        X, n = data.clusters(2_000, int(d[2:])), size(100_000, 20_000)
        random = np.random.default_rng(0)
        if implementation == "reference":
            if name == "KernelDensity":
                return lambda: (X[random.integers(len(X), size=n)] + 0.5 * random.normal(size=(n, 3))).mean(axis=0)
            return lambda: X[random.integers(len(X), size=n)].mean(axis=0)
        if implementation == "fastdens":
            module, state = fd, random
        else:
            module = peers.module("scikit-learn", "neighbors" if name == "KernelDensity" else "mixture")
            state = 0
        if name == "KernelDensity":
            model = module.KernelDensity(bandwidth=0.5).fit(X)
            return lambda: model.sample(n, random_state=state).mean(axis=0)
        model = module.GaussianMixture(5, random_state=0).fit(X)
        if implementation == "fastdens":
            return lambda: model.sample(n, random_state=state)[0].mean(axis=0)
        return lambda: model.sample(n)[0].mean(axis=0)


def log_normal(X, mean, covariance):
    """Log-density of a normal law, by NumPy."""
    factor = np.linalg.cholesky(covariance)
    white = np.linalg.solve(factor, (X - mean).T)
    return -0.5 * (white**2).sum(axis=0) - np.log(np.diag(factor)).sum() - X.shape[1] / 2 * np.log(2 * np.pi)

"""The E step and one EM iteration of Gaussian mixtures."""

from __future__ import annotations

import numpy as np

import fastdens as fd
from fastdens.reference import em as reference

from .. import data, peers
from ..common import Comparison, size

CASES = {
    "full d=2 K=5": ("full", 2, 5),
    "full d=10 K=20": ("full", 10, 20),
    "full d=32 K=16": ("full", 32, 16),
    "tied d=10 K=20": ("tied", 10, 20),
    "diag d=10 K=20": ("diag", 10, 20),
    "spherical d=10 K=20": ("spherical", 10, 20),
    "full d=10 K=20 float32": ("full", 10, 20),
}


def problem(case):
    covariance_type, d, n_components = CASES[case]
    dtype = np.float32 if case.endswith("float32") else np.float64
    X = data.clusters(size(20_000, 120), d, dtype=dtype)
    n_components = min(n_components, size(n_components, 3))
    return X, *data.parameters(n_components, d, covariance_type), covariance_type


def flat(step):
    """Everything an EM step returns, as one array."""
    return np.concatenate([np.ravel(part) for part in step])


class EStep(Comparison):
    """Log-likelihood of every row and all responsibilities."""

    cases = tuple(CASES)
    implementations = ("fastdens", "reference", "scikit-learn")

    def prepare(self, case, implementation):
        arguments = problem(case)
        self.tolerance = 1e-4 if case.endswith("float32") else 1e-10
        if implementation == "fastdens":
            return lambda: fd.e_step(*arguments, n_threads=1)[0]
        if implementation == "reference":
            return lambda: reference.e_step(*arguments)[0]
        mixture = scikit_learns_mixture(*arguments)
        return lambda: mixture._estimate_log_prob_resp(arguments[0])[0]


class EMStep(Comparison):
    """One iteration: new parameters and the mean log-likelihood under the old ones."""

    cases = tuple(CASES)
    implementations = ("fastdens", "reference", "scikit-learn")

    def prepare(self, case, implementation):
        X, *parameters = problem(case)
        self.tolerance, self.peers_tolerance = (1e-3, 1e-2) if case.endswith("float32") else (1e-8, 1e-6)
        if implementation == "fastdens":
            return lambda: flat(fd.em_step(X, *parameters, n_threads=1))
        if implementation == "reference":
            return lambda: flat(reference.em_step(X, *parameters))
        mixture = scikit_learns_mixture(X, *parameters)

        def step():
            log_likelihood, log_responsibilities = mixture._e_step(X)
            mixture._m_step(X, log_responsibilities)
            new = mixture.weights_, mixture.means_, mixture.covariances_, mixture.precisions_cholesky_
            mixture.weights_, mixture.means_, mixture.precisions_cholesky_ = parameters[:3]
            return flat((*new, log_likelihood))

        return step


class Threads(Comparison):
    """One iteration on one thread and on two."""

    cases = ("1 thread", "2 threads")

    def prepare(self, case, implementation):
        X, *parameters = problem("full d=10 K=20")
        self.tolerance = 1e-8
        if implementation == "reference":
            return lambda: flat(reference.em_step(X, *parameters))
        return lambda: flat(fd.em_step(X, *parameters, n_threads=int(case[0])))


def scikit_learns_mixture(X, weights, means, precisions_cholesky, covariance_type):
    """A mixture with the given parameters, as its own methods keep them; they take the data's precision."""
    module = peers.module("scikit-learn", "mixture")
    mixture = module.GaussianMixture(len(weights), covariance_type=covariance_type)
    mixture.weights_, mixture.means_, mixture.precisions_cholesky_ = weights, means, precisions_cholesky
    return mixture

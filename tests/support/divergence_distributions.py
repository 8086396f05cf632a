"""Distributions that the tests of divergences share, and the studies with their oracles."""

import importlib.util
import sys
from pathlib import Path

import numpy as np

import fastdens as fd

STUDIES = Path(__file__).resolve().parents[2] / "benchmarks" / "studies"


def study_of(name):
    """A study as a module."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, STUDIES / f"{name}.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


accuracy, draws = study_of("divergence_accuracy"), study_of("divergence_draws")


def gaussian(d, seed, covariance_type="full", shift=1.0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(30, d)) @ (np.eye(d) + 0.3 * rng.normal(size=(d, d))) + shift * rng.normal(size=d) / d
    return fd.Gaussian(covariance_type).fit(X)


def mixture_1d(weights, means, deviations):
    return accuracy.mixture(np.array(weights), np.array(means, float), np.array(deviations, float) ** 2)


A = mixture_1d([0.3, 0.7], [-1, 2], [0.5, 1])
B = mixture_1d([0.5, 0.5], [0, 2.5], [1, 0.7])
PLANE = np.random.default_rng(5).normal(size=(80, 2))


def mixture(weights, means, covariances):
    model = fd.GaussianMixture(len(weights))
    model.weights_, model.means_, model.covariances_ = weights, means, covariances
    model.precisions_cholesky_ = np.linalg.inv(np.linalg.cholesky(covariances)).transpose(0, 2, 1)
    return model

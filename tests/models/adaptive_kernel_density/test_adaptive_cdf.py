"""Distribution function and quantiles of adaptive estimates: quadrature, tails, the reference's profiles, draws."""

import itertools

import numpy as np
import pytest
from scipy import stats

import fastdens as fd
from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.models.adaptive_kernel_density.cdf import kernel_tail
from fastdens.reference.integrated_sums import COMPACT_TAILS, TAILS

NAMES = sorted(KERNELS)
INTEGRATED = [name for name in NAMES if KERNELS[name].has_tail]
METHODS = ["abramson", "neighbors", "mixture"]


def fitted(method, kernel, random, bandwidth=0.4):
    X = random.standard_t(3, size=(25, 1))
    model = fd.AdaptiveKernelDensity(method, kernel=kernel, bandwidth=bandwidth, mixing=0.7)
    return model.fit(X, sample_weight=random.random(25) + 0.01)


@pytest.mark.parametrize("kernel", INTEGRATED)
def test_tails_of_kernels_are_those_of_the_reference(kernel):
    z = np.concatenate([np.linspace(0, 1.2, 61), 1 - np.logspace(-9, -1, 9)])
    expected = TAILS[kernel](z) if kernel in TAILS else COMPACT_TAILS[kernel](np.maximum(1 - z, 0))
    np.testing.assert_allclose(kernel_tail(KERNELS[kernel], z), expected, rtol=1e-6, atol=0)
    np.testing.assert_allclose(kernel_tail(KERNELS[kernel], z[:61]), expected[:61], rtol=1e-11, atol=1e-16)


@pytest.mark.parametrize("kernel", NAMES)
@pytest.mark.parametrize("method", METHODS)
def test_is_the_integral_of_the_density(method, kernel, random):
    model = fitted(method, kernel, random)
    points = model.points_[:, 0]
    widths = np.append(0.4 * model.factors_, np.full(25, 0.4))
    kinks = np.concatenate([points, np.tile(points, 2) - widths, np.tile(points, 2) + widths])
    places = np.linspace(points.min() - 1, points.max() + 1, 6)
    nodes, weights = np.polynomial.legendre.leggauss(16)
    for a, b in itertools.pairwise(places):
        edges = np.unique(np.concatenate([np.linspace(a, b, 60), kinks[(kinks > a) & (kinks < b)]]))
        half = np.diff(edges)[:, None] / 2
        x = edges[:-1, None] + half + half * nodes
        mass = (half * weights * np.exp(model.score_samples(x.reshape(-1, 1))).reshape(x.shape)).sum()
        assert np.diff(model.cdf([[a], [b]]))[0] == pytest.approx(mass, abs=1e-11)
    np.testing.assert_allclose(model.cdf(places[:, None]) + model.sf(places[:, None]), 1, atol=1e-14)


@pytest.mark.parametrize("kernel", NAMES)
@pytest.mark.parametrize("method", METHODS)
def test_ppf_inverts_it_and_draws_follow_it(method, kernel, random):
    model = fitted(method, kernel, random)
    q = np.concatenate([[1e-12], np.linspace(0.001, 0.999, 49), [1 - 1e-12]])
    x = model.ppf(q)
    assert (np.diff(x) > 0).all()
    np.testing.assert_allclose(model.cdf(x[:, None]), q, atol=1e-13)
    first, last = model.ppf([[0.0], [1.0]]).ravel()
    if KERNELS[kernel].is_compact:
        assert model.cdf([[first], [last]]).tolist() == pytest.approx([0, 1], abs=1e-14)
    else:
        assert (first, last) == (-np.inf, np.inf)
    assert stats.kstest(model.cdf(model.sample(1000, random_state=1)), "uniform").pvalue > 0.001


@pytest.mark.parametrize("kernel", INTEGRATED)
def test_a_fixed_bandwidth_gives_what_the_fixed_estimate_gives(kernel, random):
    X = random.normal(size=(40, 1))
    x = np.linspace(-6, 6, 41)[:, None]
    plain = fd.KernelDensity(kernel=kernel, bandwidth=0.5).fit(X)
    for bandwidth in (0.5, [0.5], [[0.25]]):
        model = fd.AdaptiveKernelDensity(alpha=0, kernel=kernel, bandwidth=bandwidth).fit(X)
        np.testing.assert_allclose(model.cdf(x), plain.cdf(x), rtol=1e-9, atol=1e-15)
        np.testing.assert_allclose(model.ppf([0.1, 0.7]), plain.ppf([0.1, 0.7]), rtol=1e-10)


def test_tails_keep_their_digits():
    model = fd.AdaptiveKernelDensity(alpha=0, bandwidth=1.0).fit([[0.0]])
    assert model.cdf([[-30.0]])[0] == pytest.approx(stats.norm.cdf(-30), rel=1e-12)
    assert model.sf([[30.0]])[0] == pytest.approx(stats.norm.sf(30), rel=1e-12)
    assert model.ppf(1e-200) == pytest.approx(stats.norm.ppf(1e-200), rel=1e-12)
    assert model.cdf([[-1e300], [1e300]]).tolist() == [0, 1]


def test_errors_name_what_is_wrong(random):
    X = random.normal(size=(30, 1))
    balloon, plane = fd.AdaptiveKernelDensity("balloon").fit(X), fd.AdaptiveKernelDensity().fit(np.tile(X, 2) ** [1, 2])
    for method, argument in (("cdf", X), ("sf", X), ("ppf", 0.5)):
        with pytest.raises(ValueError, match=f"{method} needs a method other than 'balloon'"):
            getattr(balloon, method)(argument)
        with pytest.raises(ValueError, match=f"{method} needs a model of one feature, got 2"):
            getattr(plane, method)(argument if method == "ppf" else np.tile(X, 2))
    with pytest.raises(ValueError, match="q must"):
        fd.AdaptiveKernelDensity().fit(X).ppf([1.5])

"""Every smoothing kernel: its shape, its constants by numerical integration, its sampler."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

import fastdens as fd
from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.reference.kernel_sums import PROFILES

DIMENSIONS = (1, 2, 3, 5, 20)
NAMES = sorted(KERNELS)


def sphere_area(d):
    return 2 * math.pi ** (d / 2) / math.gamma(d / 2)


def radial_integral(function, kernel, d):
    """Integral of function(r) over d dimensions, where it vanishes beyond the kernel's support."""
    end = min(kernel.support, 60.0 + 4 * d)
    value, _ = integrate.quad(lambda r: function(r) * r ** (d - 1), 0, end, epsabs=0, epsrel=1e-12, limit=500)
    return sphere_area(d) * value


def test_codes_are_the_places_in_the_compiled_tables():
    assert sorted(kernel.code for kernel in KERNELS.values()) == list(range(len(KERNELS)))
    assert set(KERNELS) == set(PROFILES)


@pytest.mark.parametrize("name", NAMES)
def test_compiled_formula_is_the_registered_profile(name, instruction_set):
    u = np.concatenate([np.linspace(0, 1.2, 500), np.nextafter([1.0, 1.0], [0.0, 2.0]), [3.0, 10.0]])
    found = fd.kernel_sum([[0.0]], u[:, None], bandwidth=1.0, kernel=name)
    np.testing.assert_allclose(found, KERNELS[name].profile(u), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_starts_at_one_and_falls_to_zero_without_rising(name):
    kernel = KERNELS[name]
    u = np.linspace(0, min(kernel.support, 12) + 0.5, 4001)
    values = kernel.profile(u)
    assert values[0] == 1
    assert (values >= 0).all()
    assert (np.diff(values) <= 1e-15).all()
    assert (values[u >= kernel.support] == 0).all()


@pytest.mark.parametrize("d", DIMENSIONS)
@pytest.mark.parametrize("name", NAMES)
def test_constants_by_quadrature(name, d):
    kernel = KERNELS[name]
    mass = radial_integral(kernel.profile, kernel, d)
    assert math.log(mass) == pytest.approx(kernel.log_normaliser(d), rel=1e-9, abs=1e-9)
    second = radial_integral(lambda r: r * r * kernel.profile(r), kernel, d) / mass
    assert second == pytest.approx(kernel.mean_square_radius(d), rel=1e-8)
    roughness = radial_integral(lambda r: kernel.profile(r) ** 2, kernel, d) / mass**2
    assert math.log(roughness) == pytest.approx(kernel.log_roughness(d), rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("d", [100, 500])
@pytest.mark.parametrize("name", NAMES)
def test_normalisers_stay_finite_in_many_dimensions(name, d):
    kernel = KERNELS[name]
    assert math.isfinite(kernel.log_normaliser(d))
    assert 0 < kernel.efficiency_factor(d) < 100


def test_cosine_normaliser_in_many_dimensions_against_high_precision():
    mpmath = pytest.importorskip("mpmath")
    d = 150
    with mpmath.workdps(60):
        exact = mpmath.log(
            2 * mpmath.pi ** (mpmath.mpf(d) / 2) / mpmath.gamma(mpmath.mpf(d) / 2)
            * mpmath.quad(lambda r: r ** (d - 1) * mpmath.cos(mpmath.pi * r / 2), [0, 0.5, 0.9, 1])
        )  # fmt: skip
    assert KERNELS["cosine"].log_normaliser(d) == pytest.approx(float(exact), rel=1e-13)


def test_efficiency_factors_are_the_published_ones():
    # Canonical bandwidths of Marron and Nolan (1988), over the Gaussian's 0.7764.
    published = {"epanechnikov": 1.7188, "biweight": 2.0362, "triweight": 2.3122, "tophat": 1.3510}
    for name, canonical in published.items():
        assert KERNELS[name].efficiency_factor(1) == pytest.approx(canonical / 0.7764, rel=2e-4)
    assert KERNELS["gaussian"].efficiency_factor(3) == 1


@pytest.mark.parametrize("d", [1, 2, 4])
@pytest.mark.parametrize("name", NAMES)
def test_sampler_has_the_kernels_distribution(name, d, random):
    kernel = KERNELS[name]
    draws = kernel.sample(random, 20_000, d)
    assert draws.shape == (20_000, d)
    radii = np.sqrt((draws**2).sum(axis=1))
    grid = np.linspace(0, min(kernel.support, 40.0), 20_001)
    density = kernel.profile(grid) * grid ** (d - 1)
    cdf = integrate.cumulative_trapezoid(density, grid, initial=0)
    assert stats.kstest(radii, lambda r: np.interp(r, grid, cdf / cdf[-1])).pvalue > 1e-3
    # Directions: every coordinate alike, centred.
    spread = np.sqrt(kernel.mean_square_radius(d) / d)
    assert np.abs(draws.mean(axis=0)).max() < 5 * spread / np.sqrt(len(draws))
    if d > 1:
        assert np.abs(np.corrcoef(draws.T)[0, 1]) < 5 / np.sqrt(len(draws))


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("name", NAMES)
def test_density_integrates_to_one(name, d):
    """One point, any bandwidth: the estimate is radial, so its mass is one integral along a line."""
    h = 1.7
    model = fd.KernelDensity(bandwidth=h, kernel=name).fit(np.full((1, d), 2.0))
    r = np.linspace(0, h * min(KERNELS[name].support, 60.0), 60_001)
    along = np.full((len(r), d), 2.0)
    along[:, 0] += r
    mass = integrate.simpson(np.exp(model.score_samples(along)) * r ** (d - 1), x=r) * sphere_area(d)
    assert mass == pytest.approx(1, rel=1e-4 if name == "tophat" else 1e-7)

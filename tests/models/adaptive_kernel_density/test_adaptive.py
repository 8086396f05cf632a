"""AdaptiveKernelDensity: against sums written out, its normalisation and draws, leave-one-out, tails, special cases."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

import fastdens as fd
from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.models.adaptive_kernel_density.model import METHODS
from fastdens.reference.variable_sums import log_sums

NAMES = sorted(KERNELS)
SLOPED = [name for name in NAMES if KERNELS[name].has_slope]
DENSITIES = [method for method in METHODS if method != "balloon"]
BANDWIDTHS = {"scalar": 0.7, "vector": np.array([0.5, 0.9]), "matrix": np.array([[0.5, 0.2], [0.2, 0.3]])}


@pytest.fixture
def problem(random):
    return random.standard_t(3, size=(150, 2)), 2 * random.normal(size=(40, 2)), random.random(150) + 0.01


def distances(X, Q, bandwidth):
    h = np.asarray(bandwidth, dtype=float)
    matrix = h if h.ndim == 2 else np.diag(np.broadcast_to(h**2, 2))
    unit = matrix if h.ndim else np.eye(2)  # a single bandwidth leaves the data's units
    offsets = Q[:, None] - X
    return np.sqrt(np.einsum("mna,ab,mnb->mn", offsets, np.linalg.inv(unit), offsets)), math.sqrt(np.linalg.det(matrix))


@pytest.mark.parametrize("bandwidth", BANDWIDTHS.values(), ids=BANDWIDTHS)
@pytest.mark.parametrize("kernel", NAMES)
@pytest.mark.parametrize("method", METHODS)
def test_scores_are_the_sums_written_out(method, kernel, bandwidth, problem):
    X, Q, _ = problem
    model = fd.AdaptiveKernelDensity(method, bandwidth=bandwidth, kernel=kernel, n_neighbors=9).fit(X)
    own, volume = distances(X, X, bandwidth)
    ones, log_unit = np.ones(150), KERNELS[kernel].log_normaliser(2) + math.log(volume) + math.log(150)
    if method == "abramson":
        pilot = log_sums(X, X, bandwidth, kernel, ones, ones)
        factors = np.exp(-0.5 * (pilot - pilot.mean()))
    else:
        radii = np.sort(own, axis=1)[:, 8 if method == "balloon" else 9]
        factors = radii / stats.gmean(radii)
    np.testing.assert_allclose(model.factors_, factors, rtol=1e-10)
    if method == "balloon":
        g = np.sort(distances(X, Q, bandwidth)[0], axis=1)[:, 8] / stats.gmean(radii)
        expected = log_sums(X, Q, bandwidth, kernel, ones, ones, g * (1 + 1e-13)) - 2 * np.log(g)
    else:
        expected = log_sums(X, Q, bandwidth, kernel, factors**-2.0, factors)
    if method == "mixture":
        expected = np.logaddexp(expected, log_sums(X, Q, bandwidth, kernel, ones, ones)) - math.log(2)
    # At the rim of a kernel of bounded support, where its value is all rounding, densities agree, not logarithms.
    found = model.score_samples(Q)
    np.testing.assert_allclose(np.exp(found), np.exp(expected - log_unit), rtol=1e-9, atol=1e-13)
    if not KERNELS[kernel].is_compact:
        np.testing.assert_allclose(found, expected - log_unit, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kernel", NAMES)
@pytest.mark.parametrize("method", DENSITIES)
def test_the_density_integrates_to_one_and_draws_follow_it(method, kernel, random):
    X, w = random.standard_t(2, size=(60, 1)), random.random(60)
    model = fd.AdaptiveKernelDensity(method, kernel=kernel, n_neighbors=5).fit(X, sample_weight=w)
    grid = np.sinh(np.linspace(-9, 9, 400_001))
    cdf = integrate.cumulative_trapezoid(np.exp(model.score_samples(grid[:, None])), grid, initial=0)
    assert cdf[-1] == pytest.approx(1, abs=2e-4)
    draws = model.sample(20_000, random_state=random)
    assert stats.kstest(draws[:, 0], lambda x: np.interp(x, grid, cdf)).pvalue > 1e-3


@pytest.mark.parametrize("kernel", ["gaussian", "exponential", "epanechnikov"])
@pytest.mark.parametrize("method", DENSITIES)
def test_leave_one_out_keeps_the_bandwidths(method, kernel, problem):
    X, _, w = problem
    X, w = X[:40], w[:40]
    model = fd.AdaptiveKernelDensity(method, bandwidth=1.2, kernel=kernel).fit(X, sample_weight=w)
    found = model.loo_score_samples()
    log_unit = KERNELS[kernel].log_normaliser(2) + 2 * math.log(1.2)
    f = model.factors_
    for i in range(40):
        rest, row = np.delete(np.arange(40), i), X[i : i + 1]
        parts = [log_sums(X[rest], row, 1.2, kernel, w[rest] * f[rest] ** -2.0, f[rest])[0]]
        if method == "mixture":
            parts = [*(parts - np.log(2)), log_sums(X[rest], row, 1.2, kernel, w[rest], np.ones(39))[0] - math.log(2)]
        expected = np.logaddexp.reduce(parts) - log_unit - math.log(w[rest].sum())
        assert found[i] == pytest.approx(expected, rel=1e-9, abs=1e-10)


def test_leave_one_out_of_the_balloon_is_that_of_the_others(problem):
    X = problem[0][:40]
    model = fd.AdaptiveKernelDensity("balloon", bandwidth="neighbors", n_neighbors=6).fit(X)
    for i in (0, 7):
        rest = np.delete(X, i, axis=0)
        h = np.sort(np.linalg.norm(rest - X[i], axis=1))[5]
        expected = fd.KernelDensity(bandwidth=h).fit(rest).score_samples(X[i : i + 1])[0]
        assert model.loo_score_samples()[i] == pytest.approx(expected, rel=1e-9)


def test_the_balloon_with_the_tophat_kernel_is_the_nearest_neighbour_estimate(problem):
    X, Q, _ = problem
    balloon = fd.AdaptiveKernelDensity("balloon", kernel="tophat", bandwidth="neighbors", n_neighbors=7).fit(X)
    neighbors = fd.KNeighborsDensity(7, normalized=False).fit(X)
    np.testing.assert_allclose(balloon.score_samples(Q), neighbors.score_samples(Q), rtol=1e-9)


@pytest.mark.parametrize("kernel", NAMES)
def test_special_cases_are_the_fixed_bandwidth(kernel, problem):
    X, Q, w = problem
    fixed = fd.KernelDensity(bandwidth=0.8, kernel=kernel).fit(X, sample_weight=w).score_samples(Q)
    for arguments in ({"alpha": 0}, {"clip": 1}, {"method": "mixture", "mixing": 0}, {"method": "balloon", "clip": 1}):
        model = fd.AdaptiveKernelDensity(**arguments, bandwidth=0.8, kernel=kernel).fit(X, sample_weight=w)
        np.testing.assert_allclose(np.exp(model.score_samples(Q)), np.exp(fixed), rtol=1e-9, atol=1e-14)
    varying = fd.AdaptiveKernelDensity("mixture", mixing=1, bandwidth=0.8, kernel=kernel).fit(X)
    same = fd.AdaptiveKernelDensity("neighbors", bandwidth=0.8, kernel=kernel).fit(X)
    np.testing.assert_array_equal(varying.score_samples(Q), same.score_samples(Q))


@pytest.mark.parametrize("method", METHODS)
def test_log_densities_are_finite_in_the_tails(method, problem):
    X, _, _ = problem
    model = fd.AdaptiveKernelDensity(method, bandwidth=0.01).fit(X)
    far = np.array([[4e3, 0.0], [-1e6, 3.0]])
    assert np.isfinite(model.score_samples(far)).all()
    if method != "balloon":
        assert np.isfinite(model.score_gradient(far)).all()


@pytest.mark.parametrize("kernel", NAMES)
@pytest.mark.parametrize("bandwidth", BANDWIDTHS.values(), ids=BANDWIDTHS)
def test_the_balloon_falls_with_its_volume_at_any_distance(bandwidth, kernel, problem):
    """From far away all points are at one distance, which the bandwidth follows: only the volume changes."""
    model = fd.AdaptiveKernelDensity("balloon", bandwidth=bandwidth, kernel=kernel).fit(problem[0])
    direction = np.array([3.0, -2.0])
    at = [model.score_samples([size * direction])[0] + 2 * math.log(size) for size in (1e30, 1e100, 1e200, 1e306)]
    np.testing.assert_allclose(at[1:], at[0], rtol=1e-9)
    most = np.finfo(float).max
    assert not np.isnan(model.score_samples([[most, most], [-most, most], [most, 0.0]])).any()


@pytest.mark.parametrize("kernel", [name for name in SLOPED if name != "tophat"])
@pytest.mark.parametrize("method", DENSITIES)
def test_gradients_are_difference_quotients(method, kernel, problem):
    X, Q, w = problem
    model = fd.AdaptiveKernelDensity(method, kernel=kernel, bandwidth=1.1).fit(X, sample_weight=w)
    Q = Q[model.score_samples(Q) > -6]
    found, step = model.score_gradient(Q), 1e-6
    for a, unit in enumerate(np.eye(2)):
        quotient = (model.score_samples(Q + step * unit) - model.score_samples(Q - step * unit)) / (2 * step)
        assert np.quantile(np.abs(found[:, a] - quotient), 0.9) < 1e-7


@pytest.mark.parametrize("method", METHODS)
def test_units_do_not_matter(method, problem):
    X, Q, _ = problem
    plain = fd.AdaptiveKernelDensity(method).fit(X).score_samples(Q)
    for scale in (1e-150, 1e150):
        scaled = fd.AdaptiveKernelDensity(method).fit(X * scale).score_samples(Q * scale)
        np.testing.assert_allclose(scaled + 2 * math.log(scale), plain, rtol=1e-8, atol=1e-8)


def test_bandwidths_that_vary_win_on_heavy_tails(random):
    train, test = (random.standard_t(1.5, size=(400, 1)) for _ in range(2))
    h = fd.bandwidth(train, "sheather-jones")
    fixed = fd.KernelDensity(bandwidth=h).fit(train).score_samples(test).mean()
    for method in DENSITIES:
        assert fd.AdaptiveKernelDensity(method, bandwidth=h).fit(train).score(test) > fixed + 0.5


def test_old_faithful():
    from fastdens.datasets import load_old_faithful

    X = load_old_faithful().data
    fixed = fd.KernelDensity(bandwidth="scott").fit(X).loo_score_samples().mean()
    assert fd.AdaptiveKernelDensity().fit(X).loo_score_samples().mean() > fixed


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"method": "adaptive"}, ValueError, "method must be one of 'abramson', 'neighbors', 'balloon', 'mixture'"),
        ({"kernel": "box"}, ValueError, "kernel must be one of"),
        ({"alpha": 1.5}, ValueError, "alpha must be a finite number between 0 and 1, got 1.5"),
        ({"mixing": -0.5}, ValueError, "mixing must be a finite number of at least 0, got -0.5"),
        ({"clip": 0.5}, ValueError, "clip must be a finite number of at least 1, got 0.5"),
        ({"n_neighbors": 0}, ValueError, "n_neighbors must be an integer of at least 1, got 0"),
        ({"n_neighbors": 4}, ValueError, "n_neighbors must be at most the number of samples that carry weight, 3"),
        ({"n_neighbors": "many"}, ValueError, "n_neighbors must be one of 'auto', got 'many'"),
        ({"bandwidth": "neighbors"}, ValueError, "needs method='neighbors' or 'balloon', got method='abramson'"),
        ({"bandwidth": -1.0}, ValueError, "bandwidth must be a finite number greater than 0, got -1.0"),
        ({"n_threads": 0}, ValueError, "n_threads must be None or an integer of at least 1, got 0"),
    ],
)
def test_errors_name_the_argument_the_rule_and_the_value(arguments, error, text):
    with pytest.raises(error, match=text):
        fd.AdaptiveKernelDensity(**arguments).fit([[0.0], [1.0], [3.0]])


def test_the_balloon_has_no_draws_and_no_gradient():
    model = fd.AdaptiveKernelDensity("balloon").fit([[0.0], [1.0], [3.0]])
    with pytest.raises(ValueError, match="method must be other than 'balloon' to draw"):
        model.sample(2)
    with pytest.raises(ValueError, match="score_gradient needs a method other than 'balloon'"):
        model.score_gradient([[0.0]])

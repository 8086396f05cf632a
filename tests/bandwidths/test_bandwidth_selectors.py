"""Cross-validated and plug-in bandwidths, against sums over all pairs, published values and exact errors."""

import math
import warnings

import numpy as np
import pytest
from classical_data import GALAXIES, PRECIPITATION
from scipy import integrate, optimize

import fastdens as fd
from fastdens.bandwidths import cross_validation, least_squares, marron_wand, pair_sums
from fastdens.bandwidths.self_convolution import density, self_convolution, self_convolution_end
from fastdens.kernel_sums.kernels.registry import KERNELS

ONE_FEATURE = ["isj", "sheather-jones"]
SELECTORS = ["isj", "lscv", "sheather-jones"]


def all_pairs_psi(x, g, r):
    u = (x[:, None] - x) / g
    hermite = {4: u**4 - 6 * u**2 + 3, 6: u**6 - 15 * u**4 + 45 * u**2 - 15}[r]
    return (hermite * np.exp(-0.5 * u * u)).sum() / math.sqrt(2 * math.pi) / g ** (r + 1)


def all_pairs_lscv(X, h, kernel, weights=None):
    """The criterion by its definition: the integral of the squared estimate by a fine sum, one feature."""
    x, w = X[:, 0], np.full(len(X), 1 / len(X)) if weights is None else weights / weights.sum()
    k = KERNELS[kernel]
    far = self_convolution_end(k) * h
    grid = np.linspace(x.min() - far, x.max() + far, 40001)
    normaliser = math.exp(k.log_normaliser(1)) * h
    estimate = sum(w_i * k.profile(np.abs(grid - x_i) / h) for x_i, w_i in zip(x, w, strict=True)) / normaliser
    at_rows = k.profile(np.abs(x[:, None] - x) / h) / normaliser * w * w[:, None]
    np.fill_diagonal(at_rows, 0)
    return np.trapezoid(estimate**2, grid) - 2 * at_rows.sum() / (1 - w @ w)


@pytest.mark.parametrize("derivative", [4, 6])
def test_pair_sums_of_normal_derivatives_are_those_over_all_pairs(derivative, random):
    x = np.concatenate([random.normal(size=300), random.normal(5, 0.1, 100), [40.0]])
    pairs = pair_sums.PairSums(x, None, pair_sums.GAUSSIAN_RADIUS)
    for h in (0.02, 0.1, 0.37, 1.5):
        expected = all_pairs_psi(x / pairs.scale, h, derivative) / len(x) ** 2
        assert pairs.gaussian(h, derivative) == pytest.approx(expected, rel=3e-5)


def test_pair_sums_do_not_allocate_over_the_range(random, tuned):
    """A few clusters, far apart: only the blocks that hold rows exist, and pairs across blocks are counted."""
    x = np.concatenate([random.normal(c, 1, 200) for c in (0, 1e7, 3e7)])
    pairs = pair_sums.PairSums(x, random.uniform(size=600), pair_sums.GAUSSIAN_RADIUS)
    h = 0.3 / pairs.scale
    grid = pairs.grid(pairs.level(h))
    assert grid.mass.size < 1e6
    u = (x[:, None] - x) / 0.3
    w = pairs.weights / pairs.weights.sum()
    expected = w @ np.exp(-0.5 * u * u) @ w / math.sqrt(2 * math.pi) / h
    assert pairs.gaussian(h) == pytest.approx(expected, rel=1e-6)
    tuned(pair_sums.MOST_CELLS, 100)
    with pytest.raises(pair_sums.TooFineError):
        pairs.grid(pairs.level(h) - 1)


@pytest.mark.parametrize("kernel", sorted(KERNELS))
def test_self_convolutions_by_quadrature(kernel):
    k = KERNELS[kernel]
    for u in (0.0, 0.3, 1.0, 1.7):
        corners = sorted({0.0, u, -1.0, 1.0, u - 1, u + 1})
        expected = integrate.quad(
            lambda y, u=u: density(k, 1, np.abs(y)) * density(k, 1, np.abs(u - y)), -30, 30, points=corners, limit=400
        )[0]
        assert self_convolution(k, 1, np.array([u]))[0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("d", [2, 3, 5])
@pytest.mark.parametrize("kernel", sorted(KERNELS))
def test_radial_self_convolutions_have_mass_one_and_twice_the_mean_square(kernel, d):
    k = KERNELS[kernel]
    u = np.linspace(0, self_convolution_end(k), 20001)
    values = self_convolution(k, d, u) * u ** (d - 1) * 2 * math.pi ** (d / 2) / math.gamma(d / 2)
    assert np.trapezoid(values, u) == pytest.approx(1, rel=1e-3)
    assert np.trapezoid(values * u * u, u) == pytest.approx(2 * k.mean_square_radius(d), rel=1e-3)
    assert self_convolution(k, d, np.zeros(1))[0] == pytest.approx(math.exp(k.log_roughness(d)), rel=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kernel", sorted(KERNELS))
def test_least_squares_criterion_by_its_definition(kernel, weighted, random):
    X = random.normal(size=(80, 1))
    weights = random.uniform(0.5, 2, 80) if weighted else None
    w = np.full(80, 1 / 80) if weights is None else weights / weights.sum()
    pairs = pair_sums.PairSums(X[:, 0], weights, 40.0)
    for h in (0.15, 0.4, 1.0):
        value, _ = least_squares.criterion(pairs, KERNELS[kernel], 1, h / pairs.scale, float(w @ w))
        rtol = 1e-2 if kernel == "tophat" else 1e-3  # bins blur the edge of a tophat
        assert value / pairs.scale == pytest.approx(all_pairs_lscv(X, h, kernel, weights), rel=rtol)


def test_least_squares_criterion_in_two_dimensions(random):
    """Over all pairs, with the closed form of the Gaussian kernel."""
    X = random.normal(size=(150, 2))
    squares = ((X[:, None] - X) ** 2).sum(axis=2)
    h, n = 0.4, len(X)
    apart = np.exp(-squares / (2 * h * h)) / (2 * math.pi * h * h)
    expected = (np.exp(-squares / (4 * h * h)) / (4 * math.pi * h * h)).mean() - 2 * (apart.sum() - np.trace(apart)) / (
        n * (n - 1)
    )
    value, _ = least_squares.criterion(least_squares.RadialPairs(X, None), KERNELS["gaussian"], 2, h, 1 / n)
    assert value == pytest.approx(expected, rel=1e-3)


def test_least_squares_bandwidth_is_the_deepest_minimum_over_all_pairs():
    X = np.random.default_rng(4).normal(size=(120, 1))
    h = fd.bandwidth(X, "lscv")
    grid = h * np.geomspace(0.8, 1.25, 9)
    values = [all_pairs_lscv(X, g, "gaussian") for g in grid]
    assert np.argmin(values) == 4


def test_sheather_jones_solves_its_equation_over_all_pairs(random):
    x = random.gamma(2.0, size=250)
    n = len(x)
    h = fd.bandwidth(x[:, None], "sheather-jones")
    quartiles = np.sort(x)[[math.ceil(0.25 * n) - 1, math.ceil(0.75 * n) - 1]]
    s = min(x.std(), (quartiles[1] - quartiles[0]) / 1.3489795)
    share = 1 / (n * (n - 1))
    pilots = [
        share * all_pairs_psi(x, 1.24 * s * n ** (-1 / 7), 4),
        share * all_pairs_psi(x, 1.23 * s * n ** (-1 / 9), 6),
    ]
    alpha = 1.357 * (pilots[0] / -pilots[1]) ** (1 / 7) * h ** (5 / 7)
    right = (1 / (2 * math.sqrt(math.pi) * n * share * all_pairs_psi(x, alpha, 4))) ** 0.2
    assert h == pytest.approx(right, rel=1e-5)


def r_sheather_jones(x):
    """What R's bw.SJ does, in NumPy: pairs counted on 1000 cells, sums over n (n - 1), quartiles interpolated."""
    n, n_cells = len(x), 1000
    width = np.ptp(x) * 1.01 / n_cells
    cells = np.trunc(x / width).astype(int)
    counts = np.bincount(np.abs(cells[:, None] - cells)[np.tril_indices(n, -1)], minlength=n_cells)
    distances = width * np.arange(len(counts))

    def phi(h, r):
        u2 = (distances / h) ** 2
        hermite, at_zero = {
            4: (u2**2 - 6 * u2 + 3, 3),
            6: (u2**3 - 15 * u2**2 + 45 * u2 - 15, -15),
        }[r]
        total = 2 * (np.exp(-u2 / 2) * hermite * counts).sum() + at_zero * n
        return total / (n * (n - 1) * h ** (r + 1) * math.sqrt(2 * math.pi))

    low, high = np.quantile(x, [0.25, 0.75])
    scale = min(x.std(ddof=1), (high - low) / 1.349)
    ratio = phi(1.24 * scale * n ** (-1 / 7), 4) / -phi(1.23 * scale * n ** (-1 / 9), 6)
    widest = 1.144 * scale * n**-0.2

    def excess(h):
        return (1 / (2 * math.sqrt(math.pi) * n * phi(1.357 * ratio ** (1 / 7) * h ** (5 / 7), 4))) ** 0.2 - h

    return optimize.brentq(excess, 0.1 * widest, widest)


def test_sheather_jones_has_the_values_of_r():
    """On three classical data sets: R's printed values, and R's algorithm, which explains the differences.

    R prints 0.14 for density(faithful$eruptions, bw = "sj"), 3.938 for density(precip, bw = "SJ") and
    2.566423 / 4 for MASS::width.SJ of the galaxies in 1000 km/s; it stops its root finder at 1 % of the upper end.
    """
    eruptions = fd.datasets.load_old_faithful().data[:, 0]
    for x, printed in ((eruptions, 0.14), (PRECIPITATION, 3.938), (GALAXIES / 1000, 2.566423 / 4)):
        recomputed = r_sheather_jones(x)
        assert recomputed == pytest.approx(printed, rel=0.005)
        assert fd.bandwidth(x[:, None], "sheather-jones") == pytest.approx(recomputed, rel=0.01)


def test_isj_solves_its_equation(random):
    """The fixed point by a cosine series over the rows themselves, without a grid."""
    x = random.normal(size=400)
    h = fd.bandwidth(x[:, None], "isj")
    length = 1.5 * np.ptp(x)
    places = (x - x.min()) / length + 1 / 6
    k = np.arange(1, 400)
    a = 2 * np.cos(math.pi * k[:, None] * places).mean(axis=1)

    def norm(s, t):
        return math.pi ** (2 * s) / 2 * (k ** (2.0 * s) * a * a * np.exp(-(k**2) * math.pi**2 * t)).sum()

    t = (h / length) ** 2
    value = norm(7, t)
    for s in range(6, 1, -1):
        odd = math.prod(range(1, 2 * s, 2)) / math.sqrt(math.pi / 2)
        value = norm(s, ((1 + 0.5 ** (s + 0.5)) / 3 * odd / (len(x) * value)) ** (2 / (3 + 2 * s)))
    assert h / length == pytest.approx((2 * len(x) * math.sqrt(math.pi) * value) ** -0.2, rel=1e-3)


@pytest.mark.parametrize("rule", SELECTORS)
def test_near_the_optimum_for_normal_data(rule):
    """Peers' bug: an improved Sheather-Jones bandwidth below half of the right one (here 1.06 n^(-1/5))."""
    ratios = [
        fd.bandwidth(np.random.default_rng(seed).normal(size=(2000, 1)), rule) / (1.06 * 2000 ** (-1 / 5))
        for seed in range(15)
    ]
    assert 0.9 < np.median(ratios) < 1.1


@pytest.mark.parametrize("rule", SELECTORS)
@pytest.mark.parametrize(("scale", "shift"), [(1e-12, 0.0), (1e12, 0.0), (1.0, 1e6), (-3.0, -100.0)])
def test_bandwidths_follow_scale_and_shift(rule, scale, shift, random):
    """Peers' bugs: rules that forget the spread, or pad the data by an absolute amount."""
    x = np.concatenate([random.normal(size=(150, 1)), random.normal(4, 0.5, size=(100, 1))])
    assert fd.bandwidth(scale * x + shift, rule) == pytest.approx(abs(scale) * fd.bandwidth(x, rule), rel=1e-5)


@pytest.mark.parametrize("rule", SELECTORS)
@pytest.mark.parametrize(
    "x",
    [
        [1.0],
        [2.5, 2.5, 2.5],
        [0.0, 1.0],
        [0.0, 0.0, 1.0],
        [0.0] * 50 + [1.0] * 50,
        [4.59511985] * 10 + [5.67332327, 6.19847872, 7.43189192],
        [377.0, 347, 347, 347, 347, 347],
        [1e15, *range(20)],
        [1, 1, 1, 1, 2],
        [0.1, 0.1000000000001],
        [1e-300, 2e-300, 5e-300],
        [0, 1e308, 1e307],
    ],
    ids=[
        "one",
        "constant",
        "two",
        "three",
        "two values",
        "ties",
        "all but one",
        "outlier",
        "ones",
        "close",
        "tiny",
        "huge",
    ],
)
def test_hard_data_give_a_positive_bandwidth_or_a_fallback_that_warns(rule, x):
    """Peers' bugs: no convergence is an exception; interquartile range zero is a bandwidth of zero."""
    X = np.array(x, dtype=float)[:, None]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        h = fd.bandwidth(X, rule)
        messages = [str(warning.message) for warning in caught]
        silverman = fd.bandwidth(X, "silverman")
    assert math.isfinite(h)
    assert h > 0
    if any("Silverman's bandwidth is taken" in message for message in messages):
        assert h == silverman


@pytest.mark.parametrize("rule", SELECTORS)
def test_rounded_data_have_the_bandwidth_of_the_exact_ones(rule, random):
    x = random.normal(size=(20000, 1))
    assert fd.bandwidth(np.round(x, 2), rule) == pytest.approx(fd.bandwidth(x, rule), rel=0.15)


def test_repeated_rows_do_not_drive_the_bandwidth_to_zero(random):
    """A bootstrap sample: as many ties as rows, none of them from rounding."""
    x = random.normal(size=(800, 1))
    again = x[random.integers(0, 800, 800)]
    assert fd.bandwidth(again, "lscv") > fd.bandwidth(x, "silverman") / 3
    assert fd.bandwidth(np.repeat(x, 4, axis=0), "lscv") == pytest.approx(fd.bandwidth(x, "lscv"), rel=0.05)


def test_a_small_change_of_the_data_changes_little(random):
    """Peers' bug: cross-validation lands in another local minimum after one coordinate has moved slightly."""
    for X in (random.normal(size=(40, 1)), random.normal(size=(25, 2)) * [20.0, 30.0] + [538100.0, 3506200.0]):
        moved = X.copy()
        moved[-1, -1] += 1e-6 * X.std(axis=0)[-1]
        np.testing.assert_allclose(fd.bandwidth(moved, "lscv"), fd.bandwidth(X, "lscv"), rtol=1e-3)


@pytest.mark.parametrize("rule", ["lscv", "likelihood"])
def test_clusters_far_apart_are_not_smeared(rule, random):
    x = np.concatenate([random.normal(-1e5, 1, 500), random.normal(1e5, 1, 500)])[:, None]
    assert fd.bandwidth(x, rule) == pytest.approx(1.06 * 500 ** (-1 / 5), rel=0.5)


@pytest.mark.parametrize("rule", SELECTORS)
def test_rows_of_hardly_any_weight_hardly_count(rule, random):
    x = random.normal(size=(600, 1))
    weights = np.where(np.arange(600) < 400, 3.0, 3e-13)
    x[400:] = random.uniform(-2, 2, size=(200, 1))
    assert fd.bandwidth(x, rule, sample_weight=weights) == pytest.approx(fd.bandwidth(x[:400], rule), rel=1e-2)


@pytest.mark.parametrize("kernel", sorted(KERNELS))
def test_least_squares_in_any_dimension_with_any_kernel(kernel, random):
    for d in (1, 2):
        X = random.normal(size=(300, d)) * 5
        ratio = np.max(fd.bandwidth(X, "lscv", kernel=kernel) / fd.bandwidth(X, "scott", kernel=kernel))
        assert 0.4 < ratio < 2.0


def test_many_rows_are_thinned_by_least_squares_in_two_dimensions(random, tuned):
    X = random.normal(size=(1200, 2))
    whole = fd.bandwidth(X, "lscv")
    tuned(least_squares.MOST_ROWS, 400)
    thinned = fd.bandwidth(X, "lscv")
    assert not np.array_equal(thinned, whole)
    np.testing.assert_allclose(thinned, whole, rtol=0.3)


@pytest.mark.parametrize("kernel", sorted(KERNELS))
def test_grid_sums_of_the_likelihood_are_the_sums_over_other_rows(kernel, random):
    values = np.sort(np.append(random.normal(size=300), [9.0, 9.05]))
    weights = random.uniform(0.5, 3, len(values))
    own = np.arange(0, len(values), 3)
    sums = cross_validation.GridSums(values, weights, KERNELS[kernel], own)
    for h in (0.1, 0.7):
        table = KERNELS[kernel].profile(np.abs(values[own, None] - values) / h) * weights
        table[np.arange(len(own)), own] = 0
        expected = table.sum(axis=1)
        result = np.exp(sums.log_sums(h))
        if kernel == "tophat":  # bins blur the edge
            assert result.sum() == pytest.approx(expected.sum(), rel=5e-3)
        else:
            np.testing.assert_allclose(result, expected, rtol=1e-3, atol=2e-2)


@pytest.mark.parametrize("rule", ONE_FEATURE)
def test_rules_for_one_feature_say_so(rule):
    with pytest.raises(ValueError, match=f"rule='{rule}' needs X with one feature, got 2"):
        fd.bandwidth([[1.0, 2.0], [3.0, 5.0]], rule)


@pytest.mark.parametrize("rule", SELECTORS)
def test_a_model_takes_the_rule(rule, random):
    x = random.normal(size=(100, 1))
    assert fd.KernelDensity(bandwidth=rule).fit(x).bandwidth_ == fd.bandwidth(x, rule)


def test_every_marron_wand_density_has_mass_one_and_its_exact_error():
    """MISE by its definition: bias from the smoothed density, variance from that of the kernel, integrated."""
    x = np.linspace(-12, 12, 240001)
    assert len(marron_wand.DENSITIES) == 15
    for f in marron_wand.DENSITIES.values():
        assert np.trapezoid(f.pdf(x), x) == pytest.approx(1, rel=1e-6)
        h, n = 0.17, 200
        smoothed = marron_wand.NormalMixture("", f.weights, f.means, np.sqrt(f.deviations**2 + h * h)).pdf(x)
        narrow = marron_wand.NormalMixture("", f.weights, f.means, np.sqrt(f.deviations**2 + h * h / 2)).pdf(x)
        variance = (narrow / (2 * math.sqrt(math.pi) * h) - smoothed**2) / n
        expected = np.trapezoid((smoothed - f.pdf(x)) ** 2 + variance, x)
        assert f.mise(h, n) == pytest.approx(expected, rel=1e-5)


def test_optimal_bandwidth_and_integrated_squared_error():
    gaussian = marron_wand.DENSITIES["gaussian"]
    assert marron_wand.optimal_bandwidth(gaussian, 10**6) == pytest.approx((4 / 3) ** 0.2 * 10**-1.2, rel=5e-3)
    sample = gaussian.sample(300, 1)
    x = np.linspace(-8, 8, 20001)
    estimate = np.exp(fd.KernelDensity(bandwidth=0.3).fit(sample).score_samples(x[:, None]))
    assert gaussian.ise(sample, 0.3) == pytest.approx(np.trapezoid((estimate - gaussian.pdf(x)) ** 2, x), rel=1e-6)


@pytest.mark.parametrize("rule", SELECTORS)
def test_selected_bandwidths_are_efficient_on_smooth_mixtures(rule):
    for name in ("skewed unimodal", "bimodal", "separated bimodal"):
        f = marron_wand.DENSITIES[name]
        best = f.mise(marron_wand.optimal_bandwidth(f, 1000), 1000)
        losses = [f.mise(fd.bandwidth(f.sample(1000, seed), rule), 1000) / best for seed in range(8)]
        assert np.mean(losses) < 1.25

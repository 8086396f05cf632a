"""Integrated kernel sums: cdf, sf, ppf and box probabilities against mpmath, the reference, and integrals of the
density."""

import itertools
import math

import mpmath
import numpy as np
import pytest
from scipy import integrate, stats

import fastdens as fd
from fastdens.kernel_sums.integrated.integrated_sums import IntegratedSum, box_masses
from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.reference import integrated_sums as reference

# Kernels with a tail.
NAMES = sorted(name for name, kernel in KERNELS.items() if kernel.has_tail)
COMPACT = [name for name in NAMES if KERNELS[name].is_compact]


def exact_tail(kernel: str, z: float) -> mpmath.mpf:
    """Mass of the kernel beyond z in 40 digits, as the integral of its profile."""
    z = mpmath.mpf(z)
    if kernel == "gaussian":
        return mpmath.erfc(z / mpmath.sqrt(2)) / 2
    if kernel == "exponential":
        return mpmath.exp(-z) / 2
    a = max(1 - z, mpmath.mpf(0))
    power = {"tophat": 0, "epanechnikov": 1, "biweight": 2, "triweight": 3}
    if kernel in power:
        return mpmath.betainc(power[kernel] + 1, power[kernel] + 1, 0, a / 2, regularized=True)
    return a**2 / 2 if kernel == "linear" else (1 - mpmath.cos(mpmath.pi / 2 * a)) / 2


@pytest.fixture
def problem(random):
    """Heavy tails, ties, a gap, weights over twelve orders."""
    x = np.concatenate([random.standard_t(2, 700), np.round(random.normal(size=700), 1), 300 + random.random(5)])
    return x, 10.0 ** random.uniform(-12, 0, len(x))


class TestEngine:
    @pytest.mark.parametrize("kernel", NAMES)
    def test_one_point_is_the_integral_of_the_profile(self, kernel, instruction_set):
        one = IntegratedSum(np.zeros(1), KERNELS[kernel], 1.0)
        z = np.concatenate([np.linspace(0, 1.2, 41), [2.0, 5.0, 8.2, 8.4, 20.0, 37.0]])
        with mpmath.workdps(40):
            expected = [float(exact_tail(kernel, value)) for value in z]
        for found in (one.evaluate(-z, "windows"), one.evaluate(-z), one.mirrored.evaluate(-z)):
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-310)
        np.testing.assert_allclose(one.evaluate(z), 1 - np.array(expected), rtol=1e-14)

    @pytest.mark.parametrize("bandwidth", [0.03, 0.4, 25.0])
    @pytest.mark.parametrize("kernel", NAMES)
    def test_every_route_is_the_reference(self, kernel, bandwidth, problem, random, instruction_set):
        x, w = problem
        q = np.concatenate([random.standard_t(2, 150), x[:9], x[:9] - bandwidth, [-1e300, 1e300, 150.0]])
        for weights in (None, w):
            prepared = IntegratedSum.of(x, KERNELS[kernel], bandwidth, weights)
            expected = reference.integrated_sum(x, q, bandwidth=bandwidth, kernel=kernel, weights=weights)
            found = [prepared.evaluate(q), prepared.evaluate(q, "windows")]
            if kernel in COMPACT:
                found.append(prepared._by_moments(q))
            elif kernel == "gaussian":
                near = np.abs(q) < 1e3
                by_boxes = prepared._boxes.evaluate(q[near])
                certain = ~np.isnan(by_boxes)
                assert certain.sum() > 100
                np.testing.assert_allclose(by_boxes[certain], expected[near][certain], rtol=2e-13)
            for sums in found:
                np.testing.assert_allclose(sums, expected, rtol=2e-13, atol=1e-307)

    @pytest.mark.parametrize("kernel", NAMES)
    def test_the_same_bits_for_any_number_of_threads(self, kernel, problem, random):
        x, w = problem
        q = random.normal(size=3000)
        one, four = (IntegratedSum.of(x, KERNELS[kernel], 0.3, w, n_threads).evaluate(q) for n_threads in (1, 4))
        np.testing.assert_array_equal(one, four)

    def test_boxes_leave_uncertain_queries_to_direct_sums(self, random):
        """Far below all points the interpolant is no longer good to 1e-13; the sum still is."""
        x, q = random.normal(size=4000), -4.0 - np.arange(3000) / 250
        found = IntegratedSum.of(x, KERNELS["gaussian"], 0.5).evaluate(q)
        np.testing.assert_allclose(found, reference.integrated_sum(x, q, bandwidth=0.5), rtol=2e-13)
        assert found.min() > 0

    @pytest.mark.parametrize("kernel", [name for name in NAMES if KERNELS[name].integral])
    def test_polynomials_are_the_references_tails(self, kernel):
        u = np.linspace(0, 1, 101)
        upper, lower = KERNELS[kernel].integral[0], KERNELS[kernel].integral[-1]
        tail = reference.COMPACT_TAILS[kernel](1 - u)
        np.testing.assert_allclose(np.polynomial.Polynomial(lower)(-u), tail, atol=3e-16)
        np.testing.assert_allclose(np.polynomial.Polynomial(upper)(u), 1 - tail, atol=3e-16)

    @pytest.mark.parametrize("bandwidth", [5e-324, 1e-310, 1e-160, 1e160, 1e308])
    @pytest.mark.parametrize("kernel", NAMES)
    def test_bandwidths_at_the_end_of_the_range(self, kernel, bandwidth):
        one = IntegratedSum(np.zeros(1), KERNELS[kernel], bandwidth)
        np.testing.assert_allclose(one.evaluate(np.array([-1e308, 0.0, bandwidth, 1e308]))[1], 0.5)
        expected = 1 - reference.integrated_sum([0.0], [-1.0], bandwidth=1.0, kernel=kernel)
        np.testing.assert_allclose(one.evaluate(np.array([bandwidth])), expected, rtol=1e-14)

    def test_box_masses_are_the_references(self, random, instruction_set):
        X, w = random.normal(size=(701, 3)), random.random(701)
        h = np.array([0.2, 1.0, 5.0])
        corners = np.sort(3 * random.normal(size=(2, 40, 3)), axis=0)
        corners[0, :5, 1], corners[1, :7, 2] = -np.inf, np.inf
        corners[:, 30:] += 12.0  # far in a tail
        for weights in (None, w):
            expected = reference.box_masses(X, h, weights, *corners)
            found = box_masses(X, h, weights, *corners)
            np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-300)
            np.testing.assert_array_equal(found, box_masses(X, h, weights, *corners, n_threads=4))


class TestModel:
    @pytest.mark.parametrize("kernel", NAMES)
    def test_cdf_is_the_integral_of_the_density(self, kernel, random):
        X, w = random.normal(size=(25, 1)), random.random(25)
        model = fd.KernelDensity(bandwidth=0.5, kernel=kernel).fit(X, sample_weight=w)
        points = np.concatenate([X[:, 0] + s for s in (-0.5, 0.0, 0.5)])

        def density(x):
            return np.exp(model.score_samples(np.ravel(x)[:, None])).reshape(np.shape(x))

        for low, high in [(-2.0, -1.5), (-0.3, 0.4), (0.0, 2.5)]:
            edges = np.unique(np.clip(np.append(points, [low, high]), low, high))
            expected = sum(integrate.fixed_quad(density, a, b, n=9)[0] for a, b in itertools.pairwise(edges))
            found = np.diff(model.cdf([[low], [high]]))[0]
            assert found == pytest.approx(expected, rel=1e-11)
            assert model.box_probability([low], [high]) == pytest.approx(expected, rel=1e-11)

    @pytest.mark.parametrize("kernel", NAMES)
    @pytest.mark.parametrize("bandwidth", [0.01, 0.5, 40.0])
    def test_ppf_inverts_both_tails(self, kernel, bandwidth, problem):
        x, w = problem
        model = fd.KernelDensity(bandwidth=bandwidth, kernel=kernel).fit(x[:, None], sample_weight=w + 1e-3)
        q = np.concatenate([[1e-12, 1e-6], np.linspace(0.003, 0.997, 143), [1 - 1e-6, 1 - 1e-12]])
        x = model.ppf(q)
        # As far as one step of x allows.
        steepness = np.exp(model.score_samples(x[:, None])) * np.spacing(np.abs(x))
        lower, upper = model.cdf(x[:, None]), model.sf(x[:, None])
        assert (np.abs(lower - q) <= 1e-12 * q + 8 * steepness)[q <= 0.5].all()
        assert (np.abs(upper - (1 - q)) <= 1e-12 * (1 - q) + 8 * steepness)[q > 0.5].all()
        assert (np.diff(x) >= -1e-12 * np.abs(x[1:])).all()

    @pytest.mark.parametrize("kernel", NAMES)
    def test_the_ends_and_beyond(self, kernel, random):
        X = random.normal(size=(30, 1))
        model = fd.KernelDensity(bandwidth=0.5, kernel=kernel).fit(X)
        low, high = model.ppf([0.0, 1.0])
        if KERNELS[kernel].is_compact:  # no mass where the density is zero (pyvinecopulib, pull request 290)
            assert (low, high) == (X.min() - 0.5, X.max() + 0.5)
            outside = [[low - 1e-9], [-1e308], [high + 1e-9], [1e308]]
            assert model.cdf(outside).tolist() == [0, 0, 1, 1]
            assert model.sf(outside).tolist() == [1, 1, 0, 0]
        else:
            assert (low, high) == (-math.inf, math.inf)
            assert model.cdf([[-1e308], [1e308]]).tolist() == [0, 1]
        assert model.box_probability([-math.inf], [math.inf]) == 1.0
        assert model.ppf(0.5).shape == ()
        assert model.ppf([[0.1, 0.2, 0.3]]).shape == (1, 3)
        assert model.ppf([]).shape == (0,)
        np.testing.assert_allclose(model.cdf(X) + model.sf(X), 1, rtol=1e-14)

    @pytest.mark.parametrize("kernel", COMPACT)
    def test_a_gap_gives_its_left_end(self, kernel):
        model = fd.KernelDensity(bandwidth=0.5, kernel=kernel).fit([[0.0], [10.0], [20.0], [30.0]])
        for q, left in ((0.25, 0.5), (0.5, 10.5), (0.75, 20.5)):
            assert left - 1e-3 < model.ppf(q) <= left  # as near as the last digit of q tells
            assert model.ppf(q + 1e-9) > left + 8

    def test_scipys_box_integral(self, random):
        X, w = random.normal(size=(80, 1)), random.random(80)
        theirs = stats.gaussian_kde(X[:, 0], weights=w)
        ours = fd.KernelDensity(bandwidth=theirs.covariance).fit(X, sample_weight=w)
        for low, high in [(-1.0, 1.0), (2.0, 5.0), (-9.0, -3.0)]:
            assert ours.box_probability([low], [high]) == pytest.approx(
                theirs.integrate_box_1d(low, high), rel=1e-11, abs=1e-15
            )

    def test_boxes_of_several_features_are_scipys(self, random):
        X = random.normal(size=(40, 2))
        theirs = stats.gaussian_kde(X.T)
        theirs.covariance = np.diag([0.09, 0.25])
        ours = [fd.KernelDensity(bandwidth=h).fit(X) for h in ([0.3, 0.5], np.diag([0.09, 0.25]))]
        low, high = [[-1.0, -0.5], [0.0, -9.0]], [0.5, 2.0]
        expected = [
            np.mean([stats.multivariate_normal(x, theirs.covariance).cdf(high, lower_limit=corner) for x in X])
            for corner in low
        ]
        for model in ours:
            np.testing.assert_allclose(model.box_probability(low, high), expected, rtol=1e-8)
            assert model.box_probability(low[0], high) == model.box_probability(low, high)[0]
            assert model.box_probability([-np.inf] * 2, [np.inf] * 2) == pytest.approx(1.0, rel=1e-15)
            assert model.box_probability(high, high) == 0.0

    @pytest.mark.parametrize("kernel", NAMES)
    def test_draws_follow_the_cdf(self, kernel, random):
        model = fd.KernelDensity(bandwidth=0.7, kernel=kernel).fit(random.normal(size=(20, 1)))
        draws = model.sample(3000, random_state=1)
        assert stats.kstest(model.cdf(draws), "uniform").pvalue > 0.001
        by_quantiles = model.ppf(random.random(3000))
        assert stats.ks_2samp(draws[:, 0], by_quantiles).pvalue > 0.001

    def test_float32_gives_float32(self, random):
        X = random.normal(size=(30, 1)).astype(np.float32)
        model = fd.KernelDensity(bandwidth=0.4).fit(X)
        assert model.cdf(X).dtype == model.sf(X).dtype == np.float32
        assert model.cdf(X.astype(float)).dtype == np.float64
        wide = fd.KernelDensity(bandwidth=0.4).fit(X.astype(float))
        np.testing.assert_allclose(model.cdf(X), wide.cdf(X.astype(float)), rtol=1e-6)

    def test_a_new_fit_and_a_copy_have_their_own_distribution(self, random, tmp_path):
        model = fd.KernelDensity().fit(random.normal(size=(30, 1)))
        before = model.cdf([[0.3]])
        fd.save(model, tmp_path / "model")
        assert fd.load(tmp_path / "model").cdf([[0.3]]) == before
        assert model.fit(5 + random.normal(size=(30, 1))).cdf([[0.3]]) < 0.1 * before

    def test_errors_name_what_is_wrong(self, random):
        plane = fd.KernelDensity().fit(random.normal(size=(9, 2)))
        for call in (lambda: plane.cdf([[0.0, 0.0]]), lambda: plane.sf([[0.0, 0.0]]), lambda: plane.ppf(0.5)):
            with pytest.raises(ValueError, match="needs a model of one feature, got 2"):
                call()
        line = fd.KernelDensity().fit([[0.0]])
        with pytest.raises(ValueError, match="q must lie between 0 and 1, got 1.5"):
            line.ppf(1.5)
        with pytest.raises(ValueError, match="q must lie between 0 and 1, got nan"):
            line.ppf([0.5, math.nan])
        with pytest.raises(ValueError, match="lower must not be greater than upper, got 2.0 and 1.0"):
            line.box_probability([2.0], [1.0])
        with pytest.raises(ValueError, match=r"upper must have shape \(1,\)"):
            line.box_probability([2.0], [1.0, 2.0])
        with pytest.raises(ValueError, match="lower must not contain NaN"):
            line.box_probability([math.nan], [1.0])
        with pytest.raises(ValueError, match="as many boxes, got 2 and 3"):
            line.box_probability(np.zeros((2, 1)), np.ones((3, 1)))
        with pytest.raises(ValueError, match="kernel='gaussian'.*got kernel='linear'"):
            fd.KernelDensity(kernel="linear").fit(plane.points_).box_probability([0, 0], [1, 1])
        with pytest.raises(ValueError, match="diagonal matrix for box_probability"):
            fd.KernelDensity(bandwidth=[[1, 0.5], [0.5, 1]]).fit(plane.points_).box_probability([0, 0], [1, 1])
        with pytest.raises(ValueError, match="not fitted"):
            fd.KernelDensity().ppf(0.5)

    @pytest.mark.parametrize("points", [[[3.0]], [[3.0], [3.0]], [[1e9], [1e9 + 1]], [[-1e300], [1e300]]])
    @pytest.mark.parametrize("kernel", NAMES)
    def test_degenerate_data(self, kernel, points):
        model = fd.KernelDensity(kernel=kernel).fit(points)
        q = model.ppf([0.1, 0.5, 0.9])
        assert np.isfinite(q).all()
        if points[0][0] > -1e300:  # there, quantiles are closer together than numbers
            np.testing.assert_allclose(model.cdf(q[[0, 2], None]), [0.1, 0.9], rtol=1e-6)

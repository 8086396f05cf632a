"""The linear boundary correction: against its definition, mass one, one distribution for all methods, less bias at an
edge."""

import copy
import itertools
import math

import numpy as np
import pytest
from scipy import integrate, stats

import fastdens as fd
from fastdens.kernel_sums.kernels.registry import KERNELS

# Kernels with a tail.
NAMES = sorted(name for name, kernel in KERNELS.items() if kernel.has_tail)
CASES = {  # bounds and bandwidth
    "below": ((0.0, None), 0.4),
    "above": ((None, 1.5), 0.4),
    "both": ((0.0, 1.5), 0.4),
    "both within the radius": ((0.0, 1.5), 1.9),
    "both far away": ((0.0, 1.5), 0.01),
}


def fitted(case, random, kernel="gaussian", n=25, dtype=float):
    bounds, h = CASES[case]
    X = (1.5 * random.beta(0.8, 2.5, size=(n, 1))).astype(dtype)
    model = fd.KernelDensity(kernel=kernel, bandwidth=h, bounds=bounds, boundary="linear")
    return model.fit(X, sample_weight=random.random(n) + 0.01)


def density(model, x):
    return np.exp(model.score_samples(np.ravel(x)[:, None])).reshape(np.shape(x))


def ends(model):
    return float(model._estimate.boundary.low[0]), float(model._estimate.boundary.high[0])


def by_definition(x, X, w, h, low, high, kernel):
    """Jones and Foster's estimate before it is given mass one, with moments by adaptive quadrature."""
    K = KERNELS[kernel]
    far = 1.0 if K.is_compact else 60.0
    q, p = max((x - high) / h, -far), min((x - low) / h, far)
    kinks = [t for t in (-1, 0, 1) if q < t < p]

    def moment(j):
        return integrate.quad(
            lambda u: u**j * float(K.profile(np.array(abs(u)))), q, p, points=kinks or None, limit=200, epsabs=1e-13
        )[0] / math.exp(K.log_normaliser(1))  # fmt: skip

    a0, a1, a2 = map(moment, range(3))
    u = (x - X) / h
    terms = w / w.sum() * K.profile(np.abs(u)) / (math.exp(K.log_normaliser(1)) * h)
    plain = terms.sum()
    if plain == 0:
        return 0.0
    linear, renormalised = ((a2 - a1 * u) / (a0 * a2 - a1 * a1) * terms).sum(), plain / a0
    return renormalised * math.exp(linear / renormalised - 1)


def integral(model, a, b):
    """By Gauss and Legendre's rule between all kinks."""
    points, h = model.points_[:, 0].astype(float), float(model.bandwidth_)
    kinks = np.concatenate([points, points - h, points + h, np.add(ends(model), [h, -h]), np.linspace(a, b, 300)])
    edges = np.unique(np.concatenate([[a, b], kinks[(kinks > a) & (kinks < b)]]))
    nodes, weights = np.polynomial.legendre.leggauss(20)
    half = np.diff(edges)[:, None] / 2
    return float((half * weights * density(model, edges[:-1, None] + half + half * nodes)).sum())


class TestDistribution:
    @pytest.mark.parametrize("kernel", NAMES)
    @pytest.mark.parametrize("case", CASES)
    def test_is_the_definition_times_a_constant_of_mass_one(self, case, kernel, random):
        model = fitted(case, random, kernel)
        low, high = ends(model)
        x = np.concatenate([np.linspace(0, 1.5, 14), model.points_[:3, 0]])
        arguments = model.points_[:, 0], model.weights_, float(model.bandwidth_), low, high, kernel
        expected = np.array([by_definition(at, *arguments) for at in x])
        constant = density(model, x[-1]) / expected[-1]
        np.testing.assert_allclose(density(model, x), expected * constant, rtol=1e-10, atol=1e-290)
        first, last = np.clip(model.ppf([0.0, 1.0]), -17.0, 18.0)
        assert integral(model, first, last) == pytest.approx(1, abs=1e-10)

    @pytest.mark.parametrize("kernel", NAMES)
    @pytest.mark.parametrize("case", CASES)
    def test_cdf_is_the_integral_and_ppf_its_inverse(self, case, kernel, random):
        model = fitted(case, random, kernel)
        places = np.linspace(0, 1.5, 7)
        for a, b in itertools.pairwise(places):
            difference = model.cdf([[b]])[0] - model.cdf([[a]])[0]
            assert difference == pytest.approx(integral(model, a, b), abs=1e-10)
            assert model.box_probability([a], [b]) == pytest.approx(difference, abs=1e-12)
        q = np.concatenate([[1e-12], np.linspace(0.001, 0.999, 97), [1 - 1e-12]])
        x = model.ppf(q)
        assert (np.diff(x) > 0).all()
        np.testing.assert_allclose(model.cdf(x[:, None]), q, atol=1e-12)
        np.testing.assert_allclose(model.sf(x[:, None]), 1 - q, atol=1e-12)
        inner = x[density(model, x) > 1e-3]
        np.testing.assert_allclose(model.ppf(model.cdf(inner[:, None])), inner, atol=1e-9)

    @pytest.mark.parametrize("kernel", NAMES)
    @pytest.mark.parametrize("case", CASES)
    def test_draws_follow_the_cdf(self, case, kernel, random):
        model = fitted(case, random, kernel)
        draws = model.sample(2000, random_state=3)
        low, high = ends(model)
        assert draws.shape == (2000, 1)
        assert ((draws >= low) & (draws <= high)).all()
        assert np.isfinite(model.score_samples(draws)).all()
        assert stats.kstest(model.cdf(draws), "uniform").pvalue > 0.001
        np.testing.assert_array_equal(model.sample(5, random_state=3), model.sample(5, random_state=3))

    def test_nothing_beyond_the_bounds(self, random):
        model = fitted("both", random)
        outside = [[np.nextafter(0, -1)], [-1e300], [np.nextafter(1.5, 2)], [1e300]]
        assert (model.score_samples(outside) == -np.inf).all()
        assert model.cdf(outside).tolist() == [0, 0, 1, 1]
        assert model.sf(outside).tolist() == [1, 1, 0, 0]
        assert model.ppf([0, 1]).tolist() == [0, 1.5]

    @pytest.mark.parametrize("kernel", ["gaussian", "exponential"])
    def test_logarithms_are_finite_where_doubles_end(self, kernel, random):
        model = fd.KernelDensity(bandwidth=0.01, kernel=kernel, bounds=(0, None), boundary="linear")
        model.fit(50 + random.random((20, 1)))
        logs = model.score_samples(np.array([[0.0], [0.05], [1.0], [40.0], [1e4]]))
        assert np.isfinite(logs).all()
        assert logs[0] < -4000
        assert model.cdf([[50.5]])[0] == pytest.approx(0.5, abs=0.3)

    @pytest.mark.parametrize("kernel", NAMES)
    def test_a_bandwidth_far_wider_than_the_bounds_fits_a_slope(self, kernel, random):
        """Then the kernel is flat: with the mean m of the points, an exponential distribution of slope 12 (m - 1/2)."""
        X = random.random((30, 1))
        for h in (1e4, 1e160):
            model = fd.KernelDensity(bandwidth=h, kernel=kernel, bounds=(0, 1), boundary="linear").fit(X)
            slope = 12 * (X.mean() - 0.5)
            expected = np.exp(slope * np.linspace(0, 1, 5)) * slope / np.expm1(slope)
            np.testing.assert_allclose(density(model, np.linspace(0, 1, 5)), expected, rtol=1e-3)

    def test_many_points_by_every_route(self, random):
        """Sorted sums and boxes give what the direct sums do."""
        X = random.exponential(size=(3000, 1))
        x = np.linspace(0, 3, 4001)[:, None]
        for kernel in NAMES:
            model = fd.KernelDensity(bandwidth=0.2, kernel=kernel, bounds=(0, None), boundary="linear").fit(X)
            direct = copy.copy(model).set_params(algorithm="direct").score_samples(x)
            np.testing.assert_allclose(model.score_samples(x), direct, atol=1e-9)


class TestBias:
    @pytest.mark.parametrize("kernel", NAMES)
    def test_at_a_sloped_edge_it_is_far_less_than_that_of_reflection(self, kernel):
        X = stats.expon.ppf((np.arange(4000) + 0.5) / 4000)[:, None]  # no noise: the bias alone
        h = 0.1 if kernel == "exponential" else 0.2
        errors = {}
        for boundary in ("reflection", "linear"):
            model = fd.KernelDensity(kernel=kernel, bandwidth=h, bounds=(0, None), boundary=boundary).fit(X)
            errors[boundary] = abs(density(model, 0.0) - 1)
        assert errors["linear"] < errors["reflection"] / 4

    @pytest.mark.parametrize("kernel", NAMES)
    def test_a_uniform_distribution_is_level(self, kernel):
        X = (np.arange(4000) + 0.5)[:, None] / 4000
        model = fd.KernelDensity(kernel=kernel, bandwidth=0.05, bounds=(0, 1), boundary="linear").fit(X)
        np.testing.assert_allclose(density(model, np.linspace(0, 1, 21)), 1, rtol=0.02)


class TestContract:
    @pytest.mark.parametrize("kernel", NAMES)
    @pytest.mark.parametrize("case", CASES)
    def test_leave_one_out_keeps_the_constant(self, case, kernel, random):
        model = fitted(case, random, kernel, n=12)
        low, high = ends(model)
        X, w, h = model.points_[:, 0], model.weights_, float(model.bandwidth_)
        at = X[0]
        constant = density(model, at) / by_definition(at, X, w, h, low, high, kernel)
        found = np.exp(model.loo_score_samples())
        for i in range(12):
            rest = np.arange(12) != i
            expected = constant * by_definition(X[i], X[rest], w[rest], h, low, high, kernel)
            assert found[i] == pytest.approx(expected, rel=1e-9, abs=1e-290)

    @pytest.mark.parametrize("case", CASES)
    def test_copies_files_and_float32(self, case, random, tmp_path):
        model = fitted(case, random)
        x = np.linspace(0, 1.5, 9)[:, None]
        fd.save(model, tmp_path / "model")
        for other in (fd.load(tmp_path / "model"), copy.deepcopy(model)):
            np.testing.assert_array_equal(other.score_samples(x), model.score_samples(x))
            np.testing.assert_array_equal(other.cdf(x), model.cdf(x))
            np.testing.assert_array_equal(other.sample(5, random_state=1), model.sample(5, random_state=1))
        narrow = fitted(case, np.random.default_rng(4), dtype=np.float32)
        wide = copy.copy(narrow).fit(narrow.points_.astype(float), sample_weight=narrow.weights_)
        assert narrow.sample(3, random_state=0).dtype == np.float32
        assert narrow.cdf(x.astype(np.float32)).dtype == narrow.score_samples(x.astype(np.float32)).dtype == np.float32
        np.testing.assert_allclose(narrow.score_samples(x), wide.score_samples(x), rtol=1e-12)
        np.testing.assert_allclose(narrow.score_samples(x.astype(np.float32)), wide.score_samples(x), rtol=1e-5)

    def test_tolerances_are_kept(self, random):
        X, x = random.exponential(size=(4000, 1)), np.linspace(0, 4, 2000)[:, None]
        exact = fd.KernelDensity(bandwidth=0.05, bounds=(0, None), boundary="linear").fit(X)
        for rtol, atol in ((1e-4, 0), (0, 1e-3)):
            model = copy.copy(exact).set_params(rtol=rtol, atol=atol, algorithm="fast_gauss")
            difference = np.abs(density(model, x) - density(exact, x))
            assert (difference <= atol + rtol * density(exact, x) + 1e-12).all()

    def test_threads_change_nothing(self, random):
        X = random.random((500, 1))
        logs = [
            fd.KernelDensity(bandwidth=0.2, bounds=(0, 1), boundary="linear", n_threads=k).fit(X).score_samples(X)
            for k in (1, 2)
        ]
        np.testing.assert_array_equal(*logs)

    def test_degenerate_data(self):
        for kernel in NAMES:
            for X in ([[0.0]], [[0.0]] * 3, [[0.0], [1.0]], [[1.0]], [[0.5]]):
                model = fd.KernelDensity(kernel=kernel, bandwidth=0.3, bounds=(0, 1), boundary="linear").fit(X)
                assert model.cdf([[1.0]]) == 1
                x = model.ppf(np.linspace(0, 1, 11))
                assert ((x >= 0) & (x <= 1)).all()
                np.testing.assert_allclose(model.cdf(x[:, None]), np.linspace(0, 1, 11), atol=1e-10)
                assert np.isfinite(model.score_samples(X)).all()

    @pytest.mark.parametrize(
        ("arguments", "X", "text"),
        [
            ({"bounds": [(0, 1), None]}, [[0.5, 0.5]], "boundary='linear' needs one feature.*radial"),
            ({"bounds": (0, 1)}, [[0.5], [1.5]], r"X must lie within bounds=\(0, 1\) in feature 0, got 1.5"),
            ({"bounds": (1e9, None), "bandwidth": 1e-7}, [[2e9]], "bandwidth must be wide enough"),
        ],
    )
    def test_errors_name_what_is_wrong(self, arguments, X, text):
        with pytest.raises(ValueError, match=text):
            fd.KernelDensity(boundary="linear", **arguments).fit(X)

    def test_what_needs_an_open_line_says_so(self, random):
        model = fitted("both", random)
        with pytest.raises(ValueError, match="return_bounds=True needs bounds=None"):
            model.score_samples([[0.1]], return_bounds=True)
        for call in (lambda: model.score_gradient([[0.1]]), lambda: model.confidence_band([[0.1]])):
            with pytest.raises(ValueError, match="bounds"):
                call()
        assert model.plan([[0.1]]).route == "direct"
        assert model.evaluate_grid([np.linspace(0, 1, 5)])[1].shape == (5,)

    def test_one_bandwidth_in_every_form_and_by_rule(self, random):
        X = random.random((30, 1))
        logs = [
            fd.KernelDensity(bandwidth=h, bounds=(0, 1), boundary="linear").fit(X).score_samples(X)
            for h in (0.3, [0.3], [[0.09]])
        ]
        np.testing.assert_allclose(logs[1:], [logs[0]] * 2, rtol=1e-12)
        by_rule = fd.KernelDensity(bandwidth="scott", bounds=(0, 1), boundary="linear").fit(X)
        assert by_rule.bandwidth_ == pytest.approx(float(fd.bandwidth(X, "scott")))

    def test_without_bounds_it_is_the_plain_estimate(self, random):
        X = random.random((30, 2))
        expected = fd.KernelDensity().fit(X).score_samples(X)
        np.testing.assert_array_equal(fd.KernelDensity(boundary="linear").fit(X).score_samples(X), expected)

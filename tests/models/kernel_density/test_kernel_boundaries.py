"""Bounds and periods: mass one, images against sums over many of them, draws that follow the distribution,
leave-one-out."""

import copy
import itertools
import math

import numpy as np
import pytest
from scipy import stats

import fastdens as fd
from fastdens.kernel_sums.kernels.registry import KERNELS

NAMES = sorted(KERNELS)
INTEGRATED = [name for name in NAMES if KERNELS[name].has_tail]
# Name: arguments, and where the data lie.
CASES = {
    "below": ({"bounds": (0.0, None)}, (0.0, 9.0)),
    "above": ({"bounds": (None, 2.0)}, (-7.0, 2.0)),
    "both": ({"bounds": (-1.0, 1.0)}, (-1.0, 1.0)),
    "period": ({"period": 3.0}, (0.0, 3.0)),
    "period from": ({"period": 3.0, "bounds": (-1.5, None)}, (-1.5, 1.5)),
    "log": ({"bounds": (0.0, None), "boundary": "transform"}, (0.0, 9.0)),
    "mirrored log": ({"bounds": (None, 2.0), "boundary": "transform"}, (-7.0, 2.0)),
    "logit": ({"bounds": (-1.0, 1.0), "boundary": "transform"}, (-1.0, 1.0)),
}


def data_of(case, random, n=40):
    low, high = CASES[case][1]
    shape = random.beta(0.8, 2.5, size=(n, 1))
    return high - (high - low) * shape if case in ("above", "mirrored log") else low + (high - low) * shape


def fitted(case, random, kernel="gaussian", bandwidth=0.4, n=40, weighted=True):
    X = data_of(case, random, n)
    model = fd.KernelDensity(kernel=kernel, bandwidth=bandwidth, **CASES[case][0])
    return model.fit(X, sample_weight=random.random(n) if weighted else None)


def density(model, x):
    return np.exp(model.score_samples(np.ravel(x)[:, None])).reshape(np.shape(x))


class TestDistribution:
    @pytest.mark.parametrize("kernel", INTEGRATED)
    @pytest.mark.parametrize("case", CASES)
    def test_cdf_is_the_integral_and_mass_is_one(self, case, kernel, random):
        model = fitted(case, random, kernel)
        low, high = model.ppf([1e-9, 1 - 1e-9])
        first, last = model.ppf([0.0, 1.0])
        h, boundary = 0.4, model._estimate.boundary
        first_w, last_w = boundary.working(np.array([[low], [high]]))[:, 0] if boundary.is_transform else (low, high)
        knots = model._estimate.sums.points + h * np.array([-1.0, 0.0, 1.0])
        pieces = np.sort(np.append(np.linspace(first_w, last_w, 100), knots))
        pieces = pieces[(pieces > first_w) & (pieces < last_w)]
        if boundary.is_transform:
            pieces = boundary.unfold(pieces[:, None])[:, 0]
        for a, b in itertools.pairwise(np.linspace(low, high, 7)):
            edges = np.concatenate([[a], pieces[(pieces > a) & (pieces < b)], [b]])
            nodes, node_weights = np.polynomial.legendre.leggauss(12)
            width = np.diff(edges)[:, None]
            x = edges[:-1, None] + width * (nodes + 1) / 2
            mass = (density(model, x) * width * node_weights / 2).sum()
            assert np.diff(model.cdf([[a], [b]]))[0] == pytest.approx(mass, rel=1e-8, abs=1e-9)
        assert model.box_probability([-np.inf], [np.inf]) == 1.0
        if np.isfinite(last):
            assert model.cdf([[last]])[0] == pytest.approx(1.0, abs=1e-9)
        if np.isfinite(first):
            assert model.cdf([[first]])[0] == pytest.approx(0.0, abs=1e-9)

    @pytest.mark.parametrize("kernel", INTEGRATED)
    @pytest.mark.parametrize("case", CASES)
    def test_draws_follow_the_cdf_and_ppf_inverts_it(self, case, kernel, random):
        """kalepy, issue 20: draws that ignored the reflection."""
        model = fitted(case, random, kernel)
        draws = model.sample(3000, random_state=3)
        assert np.isfinite(model.score_samples(draws)).all()
        assert (draws >= model._estimate.boundary.low).all()
        assert (draws <= model._estimate.boundary.high).all()
        assert stats.kstest(model.cdf(draws), "uniform").pvalue > 0.001
        q = np.linspace(0.001, 0.999, 97)
        x = model.ppf(q)
        np.testing.assert_allclose(model.cdf(x[:, None]), q, atol=1e-12)
        np.testing.assert_allclose(model.sf(x[:, None]), 1 - q, atol=1e-12)

    @pytest.mark.parametrize("case", ["below", "above", "both", "log", "mirrored log", "logit"])
    def test_nothing_beyond_the_bounds(self, case, random):
        model = fitted(case, random)
        low, high = float(model._estimate.boundary.low[0]), float(model._estimate.boundary.high[0])
        if math.isfinite(low):
            outside = [[np.nextafter(low, -np.inf)], [low - 1], [-1e300]]
            assert (model.score_samples(outside) == -np.inf).all()
            assert model.cdf(outside).tolist() == [0, 0, 0]
        if math.isfinite(high):
            outside = [[np.nextafter(high, np.inf)], [high + 1], [1e300]]
            assert (model.score_samples(outside) == -np.inf).all()
            assert model.sf(outside).tolist() == [0, 0, 0]

    @pytest.mark.parametrize("kernel", NAMES)
    @pytest.mark.parametrize("bandwidth", [0.05, 0.4, 1.9])
    @pytest.mark.parametrize("case", ["below", "above", "both", "period", "period from"])
    def test_density_is_the_sum_over_many_images(self, case, bandwidth, kernel, random):
        model = fitted(case, random, kernel, bandwidth)
        low, high = CASES[case][1]
        x, w = model.points_[:, 0], model.weights_
        ends = {"below": (0.0, np.inf), "above": (-np.inf, 2.0)}.get(case, (low, high))
        if "period" in case:
            images = [x + k * (high - low) for k in range(-60, 61)]
        elif case == "both":
            images = [sign * (x - low) + low + 2 * k * (high - low) for k in range(-60, 61) for sign in (1, -1)]
        else:
            end = ends[0] if case == "below" else ends[1]
            images = [x, 2 * end - x]
        q = np.linspace(low, high, 23)
        plain = [fd.KernelDensity(kernel=kernel, bandwidth=bandwidth).fit(i[:, None], sample_weight=w) for i in images]
        expected = np.sum([density(m, q) for m in plain], axis=0)
        np.testing.assert_allclose(density(model, q), expected, rtol=1e-11, atol=1e-300)

    def test_a_wide_gaussian_is_uniform(self, random):
        for arguments, widths in (({"period": 2.0}, (3.1, 7.0, 1e6)), ({"bounds": (0.0, 2.0)}, (6.1, 1e6))):
            for bandwidth in widths:
                model = fd.KernelDensity(bandwidth=bandwidth, **arguments).fit(2 * random.random((20, 1)))
                np.testing.assert_allclose(density(model, np.linspace(0.01, 1.99, 9)), 0.5, rtol=1e-12)
                np.testing.assert_allclose(model.cdf([[0.5], [1.0]]), [0.25, 0.5], rtol=1e-12)
                assert model.sample(5, random_state=0).max() <= 2

    def test_a_density_with_a_period_is_periodic(self, random):
        model = fitted("period", random)
        x = np.linspace(-8, 8, 33)
        np.testing.assert_allclose(density(model, x), density(model, x + 3.0), rtol=1e-11)
        np.testing.assert_allclose(density(model, x), density(model, np.mod(x, 3.0)), rtol=1e-11)
        shifted = fd.KernelDensity(bandwidth=0.4, period=3.0).fit(model.points_ + 300.0, sample_weight=model.weights_)
        np.testing.assert_allclose(density(shifted, x), density(model, x), rtol=1e-9)
        assert density(model, 0.0) == pytest.approx(density(model, np.nextafter(3.0, 0)), rel=1e-9)

    def test_any_cut_of_the_circle_is_as_good(self, random):
        """ArviZ, arviz-stats pull request 430: circular estimates with limits of the user's own."""
        X = 360 * random.random((50, 1))
        x = np.linspace(0, 360, 37)
        expected = density(fd.KernelDensity(bandwidth=20.0, period=360.0).fit(X), x)
        for bounds in [(-180, 180), (0, 360), (10.5, None), (None, 90.0), [(-1e4, None)]]:
            model = fd.KernelDensity(bandwidth=20.0, period=360.0, bounds=bounds).fit(X)
            np.testing.assert_allclose(density(model, x), expected, rtol=1e-9)
            assert np.isfinite(
                model.score_samples([[model._estimate.boundary.low[0]], [model._estimate.boundary.high[0]]])
            ).all()

    def test_reflection_of_a_uniform_distribution_is_level(self):
        X = (np.arange(4000) + 0.5)[:, None] / 4000
        x = np.linspace(0, 1, 21)
        for kernel in NAMES:
            model = fd.KernelDensity(bandwidth=0.05, kernel=kernel, bounds=(0, 1)).fit(X)
            np.testing.assert_allclose(density(model, x), 1, rtol=0.01)
        plain = fd.KernelDensity(bandwidth=0.05).fit(X)
        assert density(plain, 0.0) == pytest.approx(0.5, rel=0.01)  # what is to be cured


class TestSeveralFeatures:
    ARGUMENTS = ({"bounds": [(0, None), None], "period": [None, 2.0]}, {"bounds": [(0, 1), (0, 2)]})

    @pytest.mark.parametrize("kernel", NAMES)
    @pytest.mark.parametrize("arguments", ARGUMENTS)
    def test_mass_is_one(self, arguments, kernel, random):
        X = random.random((15, 2)) * [1.0, 2.0]
        model = fd.KernelDensity(kernel=kernel, bandwidth=[0.3, 0.5], **arguments).fit(X)
        n = 500
        widths = np.array([1.0 if arguments["bounds"][1] else (14.0 if kernel == "exponential" else 4.0), 2.0])
        grid = [(np.arange(n) + 0.5) / n * width for width in widths]
        mesh = np.stack(np.meshgrid(*grid, indexing="ij"), axis=-1).reshape(-1, 2)
        mass = np.exp(model.score_samples(mesh)).sum() * widths.prod() / n**2
        assert mass == pytest.approx(1, rel=5e-3 if kernel == "tophat" else 5e-4)

    def test_boxes_are_sums_of_the_density(self, random):
        for arguments in self.ARGUMENTS:
            model = fd.KernelDensity(bandwidth=[0.3, 0.5], **arguments).fit(random.random((15, 2)) * [1.0, 2.0])
            assert model.box_probability([-np.inf] * 2, [np.inf] * 2) == pytest.approx(1, rel=1e-13)
            nodes, weights = np.polynomial.legendre.leggauss(30)
            x, y = 0.2 + 0.2 * nodes, 1.0 + 0.5 * nodes
            mesh = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
            expected = 0.1 * np.outer(weights, weights).ravel() @ np.exp(model.score_samples(mesh))
            assert model.box_probability([-3.0, 0.5], [0.4, 1.5]) == pytest.approx(expected, rel=1e-7)

    def test_direction_and_speed(self, random):
        """A circle times a half-line: the marginal draws agree with boxes."""
        X = np.column_stack([360 * random.random(60), random.gamma(2.0, size=60)])
        model = fd.KernelDensity(bandwidth=[25.0, 0.4], period=[360, None], bounds=[None, (0, None)]).fit(X)
        draws = model.sample(4000, random_state=0)
        corners = np.array([[0, 0.0], [300, 1.0], [90, 2.0]])
        expected = model.box_probability(corners, corners + [60, 1.5])
        for corner, p in zip(corners, expected, strict=True):
            inside = ((draws > corner) & (draws <= corner + [60, 1.5])).all(axis=1).mean()
            assert abs(inside - p) < 5 * math.sqrt(p / 4000)

    def test_transform_and_reflection_side_by_side(self, random):
        X = np.column_stack([random.gamma(2.0, size=30), random.random(30)])
        model = fd.KernelDensity(bandwidth=0.3, bounds=[(0, None), (0, 1)], boundary=["transform", "reflection"]).fit(X)
        log = fd.KernelDensity(bandwidth=0.3, bounds=[None, (0, 1)]).fit(np.column_stack([np.log(X[:, 0]), X[:, 1]]))
        q = np.column_stack([random.gamma(2.0, size=9), random.random(9)])
        moved = np.column_stack([np.log(q[:, 0]), q[:, 1]])
        np.testing.assert_allclose(model.score_samples(q), log.score_samples(moved) - np.log(q[:, 0]), rtol=1e-12)


class TestLeaveOneOut:
    @pytest.mark.parametrize("kernel", NAMES)
    @pytest.mark.parametrize("bandwidth", [0.01, 0.4])
    @pytest.mark.parametrize("case", CASES)
    def test_equals_refitting_without_each_row(self, case, bandwidth, kernel, random):
        X, w = data_of(case, random, 25), random.random(25)
        model = fd.KernelDensity(kernel=kernel, bandwidth=bandwidth, **CASES[case][0]).fit(X, sample_weight=w)
        found = model.loo_score_samples()
        for i in range(25):
            rest = np.delete(np.arange(25), i)
            expected = copy.copy(model).fit(X[rest], sample_weight=w[rest]).score_samples(X[i : i + 1])[0]
            assert found[i] == pytest.approx(expected, rel=1e-9, abs=1e-9)


class TestContract:
    @pytest.mark.parametrize("case", CASES)
    def test_copies_files_and_float32(self, case, random, tmp_path):
        from sklearn.base import clone

        model = fitted(case, random)
        x = np.sort(data_of(case, random), axis=0)
        fd.save(model, tmp_path / "model")
        for other in (fd.load(tmp_path / "model"), copy.deepcopy(model)):
            np.testing.assert_array_equal(other.score_samples(x), model.score_samples(x))
            np.testing.assert_array_equal(other.cdf(x), model.cdf(x))
            np.testing.assert_array_equal(other.sample(5, random_state=1), model.sample(5, random_state=1))
        again = clone(model).fit(model.points_, sample_weight=model.weights_)
        np.testing.assert_allclose(again.score_samples(x), model.score_samples(x), rtol=1e-12)
        narrow = clone(model).fit(model.points_.astype(np.float32), sample_weight=model.weights_)
        scores = narrow.score_samples(x.astype(np.float32))
        assert scores.dtype == narrow.cdf(x.astype(np.float32)).dtype == np.float32
        np.testing.assert_allclose(scores, model.score_samples(x), rtol=1e-3, atol=1e-3)
        assert narrow.sample(9, random_state=0).dtype == np.float32
        np.testing.assert_allclose(narrow.score_samples(x), model.score_samples(x), rtol=1e-3, atol=1e-3)

    @pytest.mark.parametrize("case", CASES)
    @pytest.mark.parametrize("rule", ["scott", "silverman", "isj", "lscv"])
    def test_rules_look_at_the_data_as_smoothed(self, case, rule, random):
        model = fitted(case, random, bandwidth=rule)
        expected = fd.bandwidth(model._estimate.boundary.working(model.points_), rule, sample_weight=model.weights_)
        assert model.bandwidth_ == pytest.approx(float(expected), rel=1e-6)
        assert np.isfinite(model.score_samples(model.points_)).all()

    def test_integer_weights_are_repeated_rows(self, random):
        X, w = random.random((30, 1)), random.integers(0, 4, 30)
        weighted = fd.KernelDensity(bandwidth=0.2, bounds=(0, 1)).fit(X, sample_weight=w)
        repeated = fd.KernelDensity(bandwidth=0.2, bounds=(0, 1)).fit(np.repeat(X, w, axis=0))
        np.testing.assert_allclose(weighted.score_samples(X), repeated.score_samples(X), rtol=1e-12)
        np.testing.assert_allclose(weighted.cdf(X), repeated.cdf(X), rtol=1e-12)

    def test_a_failed_fit_leaves_the_old_state(self, random):
        model = fitted("both", random)
        before = model.score_samples([[0.1]])
        with pytest.raises(ValueError, match="within bounds"):
            model.fit([[0.0], [5.0]])
        assert model.score_samples([[0.1]]) == before

    @pytest.mark.parametrize(
        ("arguments", "X", "error", "text"),
        [
            (
                {"bounds": (0, 1)},
                [[0.5], [1.5]],
                ValueError,
                r"X must lie within bounds=\(0, 1\) in feature 0, got 1.5",
            ),
            ({"bounds": (0, None), "boundary": "transform"}, [[0.0]], ValueError, "strictly within.*reflection"),
            ({"bounds": (1, 0)}, [[0.5]], ValueError, "low < high"),
            ({"bounds": (0, math.nan)}, [[0.5]], ValueError, "low < high"),
            ({"bounds": (0, 1, 2)}, [[0.5]], ValueError, "bounds must"),
            ({"bounds": 3.0}, [[0.5]], TypeError, "bounds must be None, a pair"),
            ({"bounds": (0, 1)}, [[0.5, 0.5]], ValueError, "bounds must have one entry per feature"),
            ({"bounds": [(0, 1)]}, [[0.5, 0.5]], ValueError, "bounds must have one entry per feature"),
            ({"bounds": ["ab", None]}, [[0.5, 0.5]], TypeError, "bounds must be pairs"),
            ({"period": 1.0}, [[0.5, 0.5]], ValueError, "period must have one entry per feature"),
            ({"period": 0.0}, [[0.5]], ValueError, "period must be a finite number greater than 0"),
            ({"period": "360"}, [[0.5]], TypeError, "period"),
            ({"period": 1.0, "bounds": (0, 2)}, [[0.5]], ValueError, "one period apart"),
            ({"bounds": (0, 1), "boundary": "mirror"}, [[0.5]], ValueError, "boundary must be one of"),
            ({"boundary": "mirror"}, [[0.5]], ValueError, "boundary must be one of"),
            ({"bounds": (0, 1), "boundary": ["transform"] * 2}, [[0.5]], ValueError, "boundary must have one entry"),
            ({"bounds": (0, 1), "bandwidth": [[0.1]]}, [[0.5]], ValueError, "bandwidth must be a number or one"),
            ({"bounds": (0, 1), "bandwidth": 1e7, "kernel": "linear"}, [[0.5]], ValueError, "bandwidth is too wide"),
            ({"period": 1.0, "bandwidth": 1e5, "kernel": "exponential"}, [[0.5]], ValueError, "bandwidth is too wide"),
        ],
    )
    def test_errors_name_what_is_wrong(self, arguments, X, error, text):
        with pytest.raises(error, match=text):
            fd.KernelDensity(**arguments).fit(X)

    def test_what_needs_an_open_line_says_so(self, random):
        model = fitted("both", random)
        with pytest.raises(ValueError, match="return_bounds=True needs bounds=None"):
            model.score_samples([[0.1]], return_bounds=True)
        for call in (lambda: model.score_gradient([[0.1]]), lambda: model.marginal([0])):
            with pytest.raises(ValueError, match="bounds"):
                call()
        assert model.plan([[0.1]]).route == "direct"

    def test_arrays_describe_bounds_too(self, random):
        X = random.random((9, 2))
        expected = fd.KernelDensity(bandwidth=0.2, bounds=[(0, 1), (0, 1)]).fit(X).score_samples(X)
        model = fd.KernelDensity(bandwidth=0.2, bounds=np.array([[0, 1], [0, 1]])).fit(X)
        np.testing.assert_array_equal(model.score_samples(X), expected)
        with pytest.raises(ValueError, match="needs bounds=None"):
            model.score_gradient(X)
        axis = np.linspace(0, 1, 5)
        mesh = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
        on_grid = model.evaluate_grid([axis, axis], log=True)[1]
        np.testing.assert_allclose(on_grid.ravel(), model.score_samples(mesh), rtol=1e-12)

    def test_a_period_at_the_ends(self):
        for x in (0.0, 3.0, np.nextafter(3.0, 0), -1e-18, 21.3):
            model = fd.KernelDensity(bandwidth=0.2, period=3.0).fit([[x]])
            assert density(model, x) == pytest.approx(0.5 / 0.2 * math.sqrt(2 / math.pi), rel=1e-9)
            assert 0 <= model.sample(50, random_state=0).min() <= model.sample(50, random_state=0).max() <= 3

"""KernelDensity in other metrics: each density integrates to one, its draws follow it, distances keep their digits."""

import math
import pickle

import numpy as np
import pytest
from scipy import integrate, stats

import fastdens as fd
from fastdens.kernel_sums.bandwidth import Bandwidth
from fastdens.kernel_sums.kernels import metrics
from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.reference import kernel_sums as reference

NAMES = sorted(KERNELS)
NORMS = ("manhattan", "chebyshev")
PEERS_KERNELS = ("gaussian", "tophat", "epanechnikov", "exponential", "linear")


def on_the_sphere(random, n):
    return np.stack([np.arcsin(random.uniform(-1, 1, n)), random.uniform(-math.pi, math.pi, n)], axis=1)


def model(metric, kernel="gaussian", h=0.7, **options):
    return fd.KernelDensity(metric=metric, kernel=kernel, bandwidth=h, **options)


def length(u, metric):
    return np.abs(u).sum(axis=-1) if metric == "manhattan" else np.abs(u).max(axis=-1)


@pytest.mark.parametrize("metric", [*NORMS, "haversine"])
@pytest.mark.parametrize("name", NAMES)
class TestEveryKernel:
    def test_agrees_with_the_reference(self, metric, name, instruction_set, random):
        X, Q, w = on_the_sphere(random, 203), on_the_sphere(random, 41), random.random(203) + 0.1
        h = 0.9
        with np.errstate(divide="ignore"):
            found = np.exp(model(metric, name, h).fit(X, sample_weight=w).score_samples(Q))
        expected = reference.PROFILES[name](reference.distances(X, Q, metric) / h) @ w / w.sum()
        expected /= math.exp(metrics.log_normaliser(KERNELS[name], metric, 2, Bandwidth.of(h, 2)))
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13)

    @pytest.mark.parametrize("h", [1e-6, 0.01, 0.7, 3.0, 1e6])
    def test_its_normaliser_is_the_integral(self, metric, name, h):
        profile, compact = KERNELS[name].profile, KERNELS[name].is_compact
        found = metrics.log_normaliser(KERNELS[name], metric, 2, Bandwidth.of(h, 2))
        if metric == "haversine":
            end = min(1.0 if compact else 90.0, math.pi / h)

            def ring(u):
                return float(profile(np.float64(u))) * math.sin(min(h * u, math.pi))

            value = sum(
                integrate.quad(ring, a * end / 6, (a + 1) * end / 6, epsabs=0, epsrel=1e-12)[0] for a in range(6)
            )
            expected = math.log(2 * math.pi * h * value)
        else:  # 8 or 4 times a circumference: the derivative of the ball's volume, (2 r)^2 or 2 r^2
            value = integrate.quad(lambda r: float(profile(np.float64(r))) * r, 0, 1 if compact else 60, epsrel=1e-12)[
                0
            ]
            expected = math.log((8 if metric == "chebyshev" else 4) * value) + 2 * math.log(h)
        assert found == pytest.approx(expected, abs=1e-9)

    def test_draws_follow_the_density(self, metric, name, random):
        centre = np.array([[1.2, 3.0]])  # near a pole and the date line
        h = 0.5
        draws = model(metric, name, h).fit(centre).sample(4000, random_state=3)
        if metric == "haversine":
            assert np.abs(draws[:, 0]).max() <= math.pi / 2
            assert np.abs(draws[:, 1]).max() <= math.pi
            distances = reference.distances(centre, draws, metric)[:, 0]
            radii = np.linspace(0, min(math.pi, h * (1 if KERNELS[name].is_compact else 60)), 20_001)
            weight = KERNELS[name].profile(radii / h) * np.sin(radii)
        else:
            offsets = (draws - centre) / h
            distances = length(offsets, metric)
            radii = np.linspace(0, 1 if KERNELS[name].is_compact else 40, 20_001)
            weight = KERNELS[name].profile(radii) * radii
            shares = offsets[:, 0] / distances  # of the first axis: uniform, or an atom at each end
            if metric == "chebyshev":
                assert np.mean(np.abs(shares) == 1) == pytest.approx(0.5, abs=0.04)
                shares = shares[np.abs(shares) < 1]
            assert stats.kstest(shares, stats.uniform(-1, 2).cdf).pvalue > 1e-4
        distribution = integrate.cumulative_trapezoid(weight, radii, initial=0)
        assert stats.kstest(distances, lambda r: np.interp(r, radii, distribution / distribution[-1])).pvalue > 1e-4

    def test_single_precision(self, metric, name, random):
        X, Q = on_the_sphere(random, 90).astype(np.float32), on_the_sphere(random, 20).astype(np.float32)
        density = model(metric, name, 0.8).fit(X)
        found = density.score_samples(Q)
        assert found.dtype == np.float32
        assert found.shape == (20,)
        with np.errstate(divide="ignore"):
            double = model(metric, name, 0.8).fit(X.astype(float)).score_samples(Q.astype(float))
        if name != "tophat":
            np.testing.assert_allclose(np.exp(found), np.exp(double), rtol=2e-4, atol=1e-5)
        assert density.sample(3, random_state=0).dtype == np.float32

    def test_leaves_one_out_and_is_kept_by_pickle_and_save(self, metric, name, random, tmp_path):
        X = on_the_sphere(random, 40)
        density = model(metric, name, 1.5).fit(X)
        found = density.loo_score_samples()
        assert found[7] == pytest.approx(
            model(metric, name, 1.5).fit(np.delete(X, 7, axis=0)).score_samples(X[7:8])[0], rel=1e-12
        )
        fd.save(density, tmp_path / "density")
        for again in (pickle.loads(pickle.dumps(density)), fd.load(tmp_path / "density")):
            np.testing.assert_array_equal(again.score_samples(X), density.score_samples(X))

    def test_is_proportional_to_scikit_learn(self, metric, name, random):
        neighbors = pytest.importorskip("sklearn.neighbors")
        if name not in PEERS_KERNELS:
            pytest.skip("scikit-learn has no such kernel")
        X, Q = on_the_sphere(random, 150), on_the_sphere(random, 30)
        theirs = neighbors.KernelDensity(bandwidth=1.0, kernel=name, metric=metric, algorithm="ball_tree").fit(X)
        differences = model(metric, name, 1.0).fit(X).score_samples(Q) - theirs.score_samples(Q)
        assert np.ptp(differences) < 1e-10


@pytest.mark.parametrize("metric", NORMS)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_integrates_to_one(metric, name, d, random):
    """By draws from a wide box: the mean of density over height."""
    density = model(metric, name, 0.5).fit(np.zeros((1, d)))
    half = 0.5 if KERNELS[name].is_compact else 6.0
    axis = (np.arange(100) + 0.5) / 100 * 2 - 1
    if not KERNELS[name].is_compact:
        axis = np.sign(axis) * np.abs(axis) ** 2  # finer in the middle
    steps = np.full(100, 0.02) if KERNELS[name].is_compact else 0.04 * np.sqrt(np.abs(axis))
    grid = np.stack([a.ravel() for a in np.meshgrid(*[axis * half] * d)], axis=1)
    volumes = np.prod(np.stack([a.ravel() for a in np.meshgrid(*[steps * half] * d)]), axis=0)
    with np.errstate(divide="ignore"):
        assert np.exp(density.score_samples(grid)) @ volumes == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("h", [0.05, 0.6, 4.0])
def test_integrates_to_one_over_the_sphere(h, random):
    nodes, weights = np.polynomial.legendre.leggauss(200)
    longitudes = np.linspace(-math.pi, math.pi, 401)[:-1]
    grid = np.stack([np.repeat(np.arcsin(nodes), 400), np.tile(longitudes, 200)], axis=1)
    areas = np.repeat(weights, 400) * (2 * math.pi / 400)
    X = np.concatenate([on_the_sphere(random, 5), [[math.pi / 2, 1.0], [-1.57, 3.1]]])
    assert np.exp(model("haversine", "gaussian", h).fit(X).score_samples(grid)) @ areas == pytest.approx(1, abs=1e-7)


class TestSphere:
    def test_wraps_at_the_date_line_and_over_the_poles(self, instruction_set):
        density = model("haversine", "exponential", 0.1).fit([[0.3, 3.1]])
        scores = density.score_samples([[0.3, 3.1], [0.3, 3.1 - 2 * math.pi], [0.3, 3.1 + 20 * math.pi]])
        np.testing.assert_allclose(scores, scores[0], atol=1e-11)
        pole = model("haversine", "exponential", 0.1).fit([[math.pi / 2, 0.4]])
        scores = pole.score_samples([[1.5, longitude] for longitude in (-3.0, 0.0, 2.0)])
        np.testing.assert_allclose(scores, scores[0], rtol=1e-14)
        across = model("haversine", "exponential", 0.1).fit([[1.5, 0.0]])
        found = across.score_samples([[1.5, math.pi]])[0] - across.score_samples([[1.5, 0.0]])[0]
        assert found == pytest.approx(-(math.pi - 3.0) / 0.1, rel=1e-12)

    @pytest.mark.parametrize("angle", [1e-12, 1e-6, 1e-3, 0.5, 1.5, 1.6, 3.0, 3.14159, 3.1415926535])
    def test_angles_keep_their_digits(self, angle, instruction_set):
        mpmath = pytest.importorskip("mpmath")
        with mpmath.workdps(50):
            X, Q = (0.7, 1.1), (0.7 - angle * 0.6, 1.1 - angle * 0.8)
            if angle > 1.55:
                Q = (-0.7 + (math.pi - angle) * 0.6, 1.1 - math.pi + (math.pi - angle) * 0.8)

            def vector(point):
                a, b = (mpmath.mpf(x) for x in point)
                return mpmath.cos(a) * mpmath.cos(b), mpmath.cos(a) * mpmath.sin(b), mpmath.sin(a)

            p, q = vector(X), vector(Q)
            cross = mpmath.sqrt(sum((p[i - 1] * q[i] - p[i] * q[i - 1]) ** 2 for i in range(3)))
            exact = float(mpmath.atan2(cross, sum(a * b for a, b in zip(p, q))))
        h = exact / 20
        density = model("haversine", "exponential", h).fit([X])
        found = float(density.score_samples([X])[0] - density.score_samples([Q])[0]) * h
        assert found == pytest.approx(exact, rel=1e-13)

    def test_a_wide_bandwidth_is_uniform(self):
        density = model("haversine", "gaussian", 1e6).fit([[0.2, 0.1]])
        assert density.score_samples([[-1.0, 2.0]])[0] == pytest.approx(-math.log(4 * math.pi), abs=1e-10)
        assert density.sample(2000, random_state=0)[:, 0].min() < -1.2

    @pytest.mark.parametrize("latitude", [1.6, -2.0, 45.0])
    def test_latitudes_are_checked(self, latitude):
        with pytest.raises(ValueError, match="latitudes"):
            model("haversine").fit([[latitude, 0.0]])
        with pytest.raises(ValueError, match="latitudes"):
            model("haversine").fit([[0.0, 0.0]]).score_samples([[latitude, 0.0]])


class TestOptions:
    @pytest.mark.parametrize(("alias", "name"), sorted(metrics.ALIASES.items()))
    def test_aliases(self, alias, name, random):
        X = on_the_sphere(random, 30)
        np.testing.assert_array_equal(model(alias).fit(X).score_samples(X), model(name).fit(X).score_samples(X))
        assert model(alias).fit(X).metric_ == name

    @pytest.mark.parametrize("metric", NORMS)
    def test_widths_per_feature(self, metric, random):
        X, Q, h = random.normal(size=(50, 3)), random.normal(size=(9, 3)), np.array([0.5, 1.0, 2.0])
        found = model(metric, "gaussian", h).fit(X).score_samples(Q)
        expected = model(metric, "gaussian", 1.0).fit(X / h).score_samples(Q / h) - np.log(h).sum()
        np.testing.assert_allclose(found, expected, rtol=1e-12)

    @pytest.mark.parametrize("metric", NORMS)
    @pytest.mark.parametrize("algorithm", ["auto", "direct", "sorted"])
    def test_one_feature_is_euclidean(self, metric, algorithm, random):
        X = random.normal(size=(50, 1))
        found = model(metric, "linear", 0.4, algorithm=algorithm).fit(X).score_samples(X)
        np.testing.assert_array_equal(found, model("l2", "linear", 0.4, algorithm=algorithm).fit(X).score_samples(X))
        assert model(metric, h="scott").fit(X).bandwidth_ == model("euclidean", h="scott").fit(X).bandwidth_

    @pytest.mark.parametrize("metric", [*NORMS, "haversine"])
    @pytest.mark.parametrize("name", ["gaussian", "exponential"])
    def test_logarithms_are_finite_in_the_tails(self, metric, name):
        density = model(metric, name, 1e-4).fit([[0.0, 0.0], [0.1, 0.1]])
        assert np.isfinite(density.score_samples([[1.5, 3.0], [-1.5, -3.0]])).all()

    @pytest.mark.parametrize("metric", [*NORMS, "haversine"])
    def test_threads_do_not_matter(self, metric, random):
        X = on_the_sphere(random, 900)
        one, two, seven = (model(metric, n_threads=t).fit(X).score_samples(X) for t in (1, 2, 7))
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, seven)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"metric": "cosine"}, "metric must be one of"),
            ({"metric": "minkowski"}, "metric must be one of"),
            ({"metric": "l1", "bandwidth": np.eye(2)}, "matrix as bandwidth needs metric"),
            ({"metric": "haversine", "bandwidth": np.eye(2)}, "matrix as bandwidth needs metric"),
            ({"metric": "haversine", "bandwidth": [1.0, 2.0]}, "one number as bandwidth"),
            ({"metric": "haversine", "bandwidth": 1e-30}, "bandwidth must lie between"),
            ({"metric": "haversine", "bandwidth": "scott"}, "needs metric='euclidean'"),
            ({"metric": "chebyshev", "bandwidth": "likelihood"}, "needs metric='euclidean'"),
            ({"metric": "l1", "bounds": [(0, 1), None]}, "bounds and period need metric="),
            ({"metric": "l1", "metric_params": {"p": 1}}, "metric_params must be None"),
        ],
    )
    def test_what_does_not_go_together_says_so(self, options, message):
        with pytest.raises(ValueError, match=message):
            fd.KernelDensity(**options).fit(np.zeros((3, 2)))

    def test_what_is_euclidean_alone_says_so(self, random):
        X = on_the_sphere(random, 20)
        with pytest.raises(ValueError, match="two features"):
            model("haversine").fit(X[:, :1])
        density = model("manhattan").fit(X)
        for call in (
            lambda: density.score_samples(X, return_bounds=True),
            lambda: density.score_gradient(X),
            lambda: density.marginal([0]),
            lambda: density.box_probability([0, 0], [1, 1]),
            lambda: model("manhattan", algorithm="fast_gauss").fit(X).score_samples(X),
        ):
            with pytest.raises(ValueError, match="metric="):
                call()

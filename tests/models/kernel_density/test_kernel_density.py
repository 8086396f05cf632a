"""KernelDensity: scikit-learn's results, the distributions of weights, leave-one-out, sampling, degenerate data."""

import copy
import math
import pickle

import numpy as np
import pytest
from scipy import integrate, stats

import fastdens as fd
from fastdens.kernel_sums.kernels.registry import KERNELS

NAMES = sorted(KERNELS)
SKLEARN_NAMES = ["gaussian", "tophat", "epanechnikov", "exponential", "linear", "cosine"]
sklearn_neighbors = pytest.importorskip("sklearn.neighbors")


@pytest.fixture
def problem(random):
    return random.normal(size=(301, 2)), 1.3 * random.normal(size=(80, 2)), random.random(301)


class TestDropIn:
    @pytest.mark.parametrize("algorithm", ["auto", "kd_tree", "ball_tree"])
    @pytest.mark.parametrize("kernel", SKLEARN_NAMES)
    def test_scores_are_scikit_learns(self, kernel, algorithm, problem):
        X, Q, w = problem
        if kernel == "cosine":  # scikit-learn's normaliser of this kernel is wrong in even dimensions
            X, Q = X[:, :1].copy(), Q[:, :1].copy()
        for weights in (None, w):
            arguments = {"bandwidth": 0.8, "kernel": kernel, "algorithm": algorithm, "leaf_size": 20}
            ours = fd.KernelDensity(**arguments).fit(X, sample_weight=weights)
            theirs = sklearn_neighbors.KernelDensity(**arguments).fit(X, sample_weight=weights)
            expected = theirs.score_samples(Q)
            # scikit-learn leaves rounding noise, exp(-34) or so, where a compact kernel gives nothing.
            expected[expected < -30] = -np.inf
            np.testing.assert_allclose(ours.score_samples(Q), expected, rtol=1e-9, atol=1e-10)
            inside = Q[np.isfinite(expected)]
            assert ours.score(inside) == pytest.approx(theirs.score(inside), rel=1e-9)

    def test_constructor_has_scikit_learns_arguments_and_defaults(self):
        theirs = sklearn_neighbors.KernelDensity().get_params()
        ours = fd.KernelDensity().get_params()
        assert {name: ours[name] for name in theirs} == theirs

    def test_a_script_runs_with_the_import_changed(self, problem):
        from sklearn.base import clone
        from sklearn.model_selection import GridSearchCV
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        X, Q, _ = problem
        grid = {"kerneldensity__bandwidth": [0.1, 0.5, 2.0]}
        for module in (fd, sklearn_neighbors):
            search = GridSearchCV(make_pipeline(StandardScaler(), module.KernelDensity()), grid, cv=3).fit(X)
            assert search.best_params_ == {"kerneldensity__bandwidth": 0.5}
            assert search.score_samples(Q).shape == (80,)
        assert clone(fd.KernelDensity(kernel="linear")).kernel == "linear"

    @pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")
    def test_check_estimator(self):
        from sklearn.utils.estimator_checks import check_estimator

        results = check_estimator(fd.KernelDensity(), on_fail=None, on_skip=None)
        assert [r["check_name"] for r in results if r["status"] not in ("passed", "skipped")] == []


class TestOtherPackages:
    def test_matrix_bandwidth_is_scipys(self, problem):
        X, Q, w = problem
        kde = stats.gaussian_kde(X.T, weights=w)
        model = fd.KernelDensity(bandwidth=kde.covariance).fit(X, sample_weight=w)
        np.testing.assert_allclose(model.score_samples(Q), kde.logpdf(Q.T), rtol=1e-11)


class TestWeights:
    @pytest.mark.parametrize("kernel", NAMES)
    def test_integer_weights_are_repeated_rows(self, kernel, problem, random):
        X, Q, _ = problem
        w = random.integers(0, 4, len(X))
        weighted = fd.KernelDensity(bandwidth=0.9, kernel=kernel).fit(X, sample_weight=w)
        repeated = fd.KernelDensity(bandwidth=0.9, kernel=kernel).fit(np.repeat(X, w, axis=0))
        np.testing.assert_allclose(weighted.score_samples(Q), repeated.score_samples(Q), rtol=1e-10, atol=1e-12)
        assert weighted.points_.shape == ((w > 0).sum(), 2)

    def test_scale_of_the_weights_does_not_matter(self, problem):
        X, Q, w = problem
        expected = fd.KernelDensity(bandwidth="scott").fit(X, sample_weight=w).score_samples(Q)
        for scale in (1e-300, 1e-9, 3.0, 1e300):
            scaled = fd.KernelDensity(bandwidth="scott").fit(X, sample_weight=w * scale).score_samples(Q)
            np.testing.assert_allclose(scaled, expected, rtol=1e-10)


class TestLeaveOneOut:
    @pytest.mark.parametrize("kernel", ["gaussian", "exponential", "epanechnikov"])
    def test_equals_refitting_without_each_row(self, kernel, problem):
        X, _, w = problem
        X, w = X[:40], w[:40]
        model = fd.KernelDensity(bandwidth=0.8, kernel=kernel).fit(X, sample_weight=w)
        found = model.loo_score_samples()
        for i in range(40):
            rest = np.delete(np.arange(40), i)
            refit = fd.KernelDensity(bandwidth=0.8, kernel=kernel).fit(X[rest], sample_weight=w[rest])
            assert found[i] == pytest.approx(refit.score_samples(X[i : i + 1])[0], rel=1e-10)

    def test_a_single_row_leaves_nothing(self):
        assert fd.KernelDensity().fit([[3.0]]).loo_score_samples().tolist() == [-math.inf]


class TestSampling:
    @pytest.mark.parametrize("kernel", NAMES)
    def test_draws_have_the_models_distribution(self, kernel, random):
        X, w = random.normal(size=(30, 1)), random.random(30)
        model = fd.KernelDensity(bandwidth=0.6, kernel=kernel).fit(X, sample_weight=w)
        draws = model.sample(20_000, random_state=random)
        grid = np.linspace(-20, 20, 80_001)
        cdf = integrate.cumulative_trapezoid(np.exp(model.score_samples(grid[:, None])), grid, initial=0)
        assert cdf[-1] == pytest.approx(1, abs=1e-4)
        assert stats.kstest(draws[:, 0], lambda x: np.interp(x, grid, cdf)).pvalue > 1e-3

    def test_matrix_and_vector_bandwidths(self, random):
        H = np.array([[2.0, 0.9], [0.9, 0.5]])
        draws = fd.KernelDensity(bandwidth=H).fit([[1.0, -1.0]]).sample(50_000, random_state=random)
        np.testing.assert_allclose(np.cov(draws.T), H, rtol=0.03)
        draws = fd.KernelDensity(bandwidth=[0.1, 3.0]).fit([[1.0, -1.0]]).sample(50_000, random_state=random)
        np.testing.assert_allclose(draws.std(axis=0), [0.1, 3.0], rtol=0.03)

    def test_same_seed_same_draws(self, problem):
        model = fd.KernelDensity(kernel="cosine").fit(problem[0])
        np.testing.assert_array_equal(model.sample(9, random_state=3), model.sample(9, random_state=3))
        assert model.sample(0, random_state=3).shape == (0, 2)


class TestDegenerateData:
    """Peers fail, or divide by zero, on most of these."""

    @pytest.mark.parametrize("rule", ["scott", "silverman", "likelihood"])
    @pytest.mark.parametrize("X", [[[2.5]], [[2.5], [2.5], [2.5]], [[0.0], [0.0]], [[1e300]] * 4])
    def test_one_value_only(self, X, rule):
        with pytest.warns(UserWarning, match=r"feature\(s\) \[0\] of X do not vary"):
            model = fd.KernelDensity(bandwidth=rule).fit(X)
        assert 0 < model.bandwidth_ < math.inf
        assert np.isfinite(model.score_samples(X)).all()

    @pytest.mark.parametrize("rule", ["scott", "silverman", "likelihood"])
    def test_ties_that_leave_no_quartile_range(self, rule):
        X = np.array([0.0] * 10 + [1.0, 2.0, 3.0])[:, None]
        model = fd.KernelDensity(bandwidth=rule).fit(X)
        assert 0.05 < model.bandwidth_ < 5

    def test_the_lectures_numbers_run_through(self):
        x = np.array([3, 5, 4, 4, 4, 4, 5, 6, 8, 4, 5, 4, 5, 6, 5, 6, 5, 5, 6, 5])[:, None]
        for rule in ("scott", "silverman", "likelihood"):
            model = fd.KernelDensity(bandwidth=rule).fit(x)
            assert np.isfinite(model.score(x))
            assert model.sample(5, random_state=0).shape == (5, 1)

    def test_two_thousand_features(self, random):
        X = random.normal(size=(5, 2000))
        assert np.isfinite(fd.KernelDensity(bandwidth=1.0).fit(X).score_samples(X)).all()


class TestState:
    def test_copies_score_alike(self, problem):
        X, Q, w = problem
        model = fd.KernelDensity(bandwidth=[0.3, 0.4], kernel="triweight").fit(X, sample_weight=w)
        expected = model.score_samples(Q)
        for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            np.testing.assert_array_equal(other.score_samples(Q), expected)

    def test_changing_the_callers_array_does_not_change_the_model(self, problem):
        X, Q, _ = problem
        X = X.copy()
        model = fd.KernelDensity(kernel="epanechnikov").fit(X)
        expected = model.sample(5, random_state=0), model.score_samples(Q)
        X[:] = 1e6
        np.testing.assert_array_equal(model.sample(5, random_state=0), expected[0])
        np.testing.assert_array_equal(model.score_samples(Q), expected[1])

    def test_a_failed_fit_leaves_the_old_state(self, problem):
        X, Q, _ = problem
        model = fd.KernelDensity().fit(X)
        expected = model.score_samples(Q)
        with pytest.raises(ValueError, match="bandwidth must be"):
            model.set_params(bandwidth=-1.0).fit(X[:5, :1])
        np.testing.assert_array_equal(model.score_samples(Q), expected)

    def test_float32_in_float32_out(self, problem):
        X, Q, _ = (a.astype(np.float32) for a in problem)
        model = fd.KernelDensity(bandwidth=0.5).fit(X)
        assert model.score_samples(Q).dtype == model.sample(2).dtype == np.float32
        assert model.loo_score_samples().dtype == np.float32
        in_double = fd.KernelDensity(bandwidth=0.5).fit(X.astype(float)).score_samples(Q.astype(float))
        np.testing.assert_allclose(model.score_samples(Q), in_double, rtol=1e-5)
        np.testing.assert_array_equal(model.score_samples(Q.astype(float)), in_double)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"bandwidth": "scot"}, ValueError, "bandwidth must be one of 'scott', 'silverman', .* got 'scot'"),
        ({"bandwidth": None}, TypeError, "bandwidth must be a finite number greater than 0, got None"),
        ({"kernel": "Gaussian"}, ValueError, "kernel must be one of.*got 'Gaussian'"),
        (
            {"algorithm": "fft"},
            ValueError,
            "algorithm must be one of 'auto', 'direct', 'sorted', 'fast_gauss', 'tree', 'grid', 'kd_tree', "
            "'ball_tree', got 'fft'",
        ),
        ({"metric": "cosine"}, ValueError, "metric must be one of 'euclidean', 'l2', .*, got 'cosine'"),
        ({"metric_params": {"p": 3}}, ValueError, "metric_params must be None for metric='euclidean'"),
        ({"leaf_size": 0}, ValueError, "leaf_size must be an integer of at least 1, got 0"),
        ({"breadth_first": "yes"}, TypeError, "breadth_first must be True or False, got 'yes'"),
        ({"rtol": -0.1}, ValueError, "rtol must be a finite number of at least 0, got -0.1"),
        ({"n_threads": 1.5}, TypeError, "n_threads must be None or an integer of at least 1, got 1.5"),
    ],
)
def test_errors_name_the_argument_the_rule_and_the_value(arguments, error, text):
    with pytest.raises(error, match=text):
        fd.KernelDensity(**arguments).fit([[1.0], [2.0]])

"""GaussianMixture: against scikit-learn, the distributions of EM and of weights, starts, degenerate data, draws."""

import copy
import math
import pickle
import warnings

import numpy as np
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as Peer
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import check_estimator

import fastdens as fd
from fastdens.models.mixture import kmeans_start
from fastdens.models.mixture import parameters as mixture_parameters

FAMILIES = ("full", "tied", "diag", "spherical")


def groups(random, d=3, sizes=(90, 60, 51), apart=4.0):
    return np.concatenate(
        [random.normal(size=(n, d)) @ random.normal(size=(d, d)) + apart * random.normal(size=d) for n in sizes]
    )


def identity_precisions(covariance_type, n_components, d):
    return {
        "full": np.stack([np.eye(d)] * n_components),
        "tied": np.eye(d),
        "diag": np.ones((n_components, d)),
        "spherical": np.ones(n_components),
    }[covariance_type]


def fixed_start(covariance_type, X, n_components=3):
    d = X.shape[1]
    return {
        "n_components": n_components,
        "covariance_type": covariance_type,
        "weights_init": np.full(n_components, 1 / n_components),
        "means_init": X[:: len(X) // n_components][:n_components],
        "precisions_init": identity_precisions(covariance_type, n_components, d) / X.var(),
    }


def quiet_fit(model, X, **arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, **arguments)


def dense(model):
    """Covariance matrices of all components."""
    covariances, (n_components, d) = model.covariances_, model.means_.shape
    return {
        "full": lambda: covariances,
        "tied": lambda: np.repeat(covariances[None], n_components, axis=0),
        "diag": lambda: np.stack([np.diag(row) for row in covariances]),
        "spherical": lambda: np.stack([np.eye(d) * value for value in covariances]),
    }[model.covariance_type]()


def assert_sound(model, X):
    """Finite, positive definite, weights that sum to one, scores and responsibilities without NaN."""
    assert abs(model.weights_.sum() - 1) < 1e-15 * len(model.weights_) + 1e-16
    assert (model.weights_ >= 0).all()
    assert np.isfinite(model.means_).all()
    assert np.isfinite(model.precisions_cholesky_).all()
    for matrix in dense(model):
        scale = np.sqrt(np.diag(matrix))
        assert np.linalg.eigvalsh(matrix / scale[:, None] / scale).min() > 0
    assert np.isfinite(model.score_samples(X)).all()
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-12)


# --- the same as scikit-learn's ---------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_scikit_learns_own_checks(covariance_type):
    results = check_estimator(fd.GaussianMixture(covariance_type=covariance_type), on_fail=None)
    assert [r["check_name"] for r in results if r["status"] not in ("passed", "skipped")] == []
    assert sum(r["status"] == "passed" for r in results) > 40


@pytest.mark.parametrize("covariance_type", FAMILIES)
@pytest.mark.parametrize("reg_covar", [1e-6, 0.1])
def test_iterates_from_a_given_start_are_scikit_learns(covariance_type, reg_covar, random):
    X = groups(random)
    options = {**fixed_start(covariance_type, X), "tol": 1e-6, "max_iter": 60, "reg_covar": reg_covar}
    ours, theirs = quiet_fit(fd.GaussianMixture(**options), X), quiet_fit(Peer(**options), X)
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.converged_ == theirs.converged_
    np.testing.assert_allclose(ours.lower_bounds_, theirs.lower_bounds_, rtol=1e-10)
    for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_", "lower_bound_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-8, atol=1e-8, err_msg=name)
    Q = random.normal(size=(40, 3)) * 5
    np.testing.assert_allclose(ours.score_samples(Q), theirs.score_samples(Q), rtol=1e-8)
    np.testing.assert_allclose(ours.predict_proba(Q), theirs.predict_proba(Q), atol=1e-8)
    np.testing.assert_array_equal(ours.predict(Q), theirs.predict(Q))
    for method in ("score", "aic", "bic"):
        assert getattr(ours, method)(Q) == pytest.approx(getattr(theirs, method)(Q), rel=1e-8)
    assert ours.n_parameters_ == theirs._n_parameters()


def test_a_script_runs_with_the_import_changed(random):
    X = groups(random)

    def script(GaussianMixture):
        mixture = GaussianMixture(3, covariance_type="full", random_state=0, n_init=5, max_iter=200).fit(X)
        order = np.argsort(mixture.means_[:, 0])
        draws, labels = mixture.sample(50)
        assert draws.shape == (50, 3)
        assert labels.shape == (50,)
        assert mixture.precisions_.shape == (3, 3, 3)
        assert len(mixture.lower_bounds_) == mixture.n_iter_
        search = GridSearchCV(GaussianMixture(random_state=0), {"n_components": [1, 3], "covariance_type": ["full"]})
        chosen = search.fit(X).best_params_
        return mixture.weights_[order], mixture.means_[order], [mixture.score(X), mixture.bic(X)], chosen

    ours, theirs = script(fd.GaussianMixture), script(Peer)
    for a, b in zip(ours[:3], theirs[:3]):
        np.testing.assert_allclose(a, b, rtol=0.02, atol=0.05)
    assert ours[3] == theirs[3]


def test_the_constructor_has_scikit_learns_arguments_and_defaults():
    ours, theirs = fd.GaussianMixture().get_params(), Peer().get_params()
    assert ours.pop("n_threads") is None
    assert ours == theirs


def test_parameters_set_by_hand_can_be_used():
    model = fd.GaussianMixture(2, covariance_type="spherical")
    model.weights_, model.means_ = np.array([0.5, 0.5]), np.array([[0.0], [8.0]])
    model.precisions_cholesky_ = np.array([1.0, 1.0])
    np.testing.assert_array_equal(model.predict([[0.1], [9.0]]), [0, 1])


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_number_of_parameters(covariance_type, random):
    """Peers' bug: d^2 numbers counted for a symmetric matrix."""
    K, d = 3, 4
    model = quiet_fit(fd.GaussianMixture(K, covariance_type=covariance_type, random_state=0), groups(random, d))
    assert (
        model.n_parameters_
        == {"full": 2 + 12 + 30, "tied": 2 + 12 + 10, "diag": 2 + 12 + 12, "spherical": 17}[covariance_type]
    )


# --- EM ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("covariance_type", FAMILIES)
@pytest.mark.parametrize("init_params", mixture_parameters.STARTS)
def test_the_likelihood_never_falls(covariance_type, init_params, random):
    X = groups(random)
    model = fd.GaussianMixture(
        3, covariance_type=covariance_type, init_params=init_params, reg_covar=0, tol=0, max_iter=40, random_state=1
    )
    bounds = np.array(quiet_fit(model, X).lower_bounds_)
    assert len(bounds) == 40
    assert (np.diff(bounds) >= -1e-12 * np.abs(bounds[1:])).all()
    assert model.score(X) >= model.lower_bound_ - 1e-12


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_weights_are_repeated_rows_and_their_scale_is_nothing(covariance_type, random):
    """Peers' bugs: weights ignored, or divided by the number of rows."""
    X = groups(random)
    counts = random.integers(0, 4, size=len(X))
    options = {**fixed_start(covariance_type, X), "tol": 1e-8, "max_iter": 500}
    repeated = quiet_fit(fd.GaussianMixture(**options), np.repeat(X, counts, axis=0))
    absurd = X.copy()
    absurd[counts == 0] = 1e100
    for data, weights in ((X, counts), (absurd, counts), (X, counts * 1e-200), (X, counts * 7e200)):
        model = quiet_fit(fd.GaussianMixture(**options), data, sample_weight=weights)
        np.testing.assert_allclose(model.means_, repeated.means_, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(model.weights_, repeated.weights_, rtol=1e-6)
    np.testing.assert_allclose(
        model.score(X, sample_weight=counts), model.score(np.repeat(X, counts, axis=0)), rtol=1e-12
    )
    np.testing.assert_array_equal(model.fit_predict(X, sample_weight=counts), model.predict(X))


def test_weighted_starts_follow_the_weights(random):
    X = np.concatenate([random.normal(0, 1, (300, 1)), random.normal(50, 1, (300, 1)), random.normal(99, 1, (300, 1))])
    weights = np.repeat([1.0, 1.0, 1e-9], 300)
    model = fd.GaussianMixture(2, random_state=0).fit(X, sample_weight=weights)
    np.testing.assert_allclose(np.sort(model.means_[:, 0]), [0, 50], atol=0.3)


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_a_fit_started_from_its_own_solution_stays(covariance_type, random):
    """Peers' bug: precisions to start from, taken without their square root."""
    X = groups(random)
    first = quiet_fit(
        fd.GaussianMixture(3, covariance_type=covariance_type, tol=1e-9, max_iter=3000, random_state=0), X
    )
    again = fd.GaussianMixture(
        3,
        covariance_type=covariance_type,
        weights_init=first.weights_,
        means_init=first.means_,
        precisions_init=first.precisions_,
    ).fit(X)
    assert again.n_iter_ <= 2
    np.testing.assert_allclose(again.means_, first.means_, atol=1e-3)


def test_more_starts_are_never_worse(random):
    """Peers' bug: the bound of the last start kept in place of the best."""
    X = groups(random, d=2, sizes=(40, 30, 30, 20), apart=2.0)
    for seed in range(25):
        bounds = [
            quiet_fit(
                fd.GaussianMixture(6, n_init=n, random_state=seed, init_params="random_from_data"), X
            ).lower_bound_
            for n in (1, 2, 4)
        ]
        assert bounds == sorted(bounds)


def test_warm_start_goes_on(random):
    X = groups(random)
    options = fixed_start("full", X)
    whole = quiet_fit(fd.GaussianMixture(**options, tol=0, max_iter=8), X)
    parts = fd.GaussianMixture(**options, tol=0, max_iter=4, warm_start=True)
    quiet_fit(quiet_fit(parts, X), X)
    np.testing.assert_allclose(parts.means_, whole.means_, rtol=1e-12)
    other = fd.GaussianMixture(**options, warm_start=True).fit(X)
    other.fit(X * 3 + 20)
    assert other.n_iter_ > 1
    np.testing.assert_allclose(other.means_.mean(axis=0), (X * 3 + 20).mean(axis=0), rtol=0.5)
    assert fd.GaussianMixture(2, warm_start=True, random_state=0).fit(X).fit(X[:, :2]).means_.shape == (2, 2)


def test_no_iterations_give_the_start(random):
    X = groups(random)
    options = fixed_start("full", X)
    model = fd.GaussianMixture(**options, max_iter=0).fit(X)
    np.testing.assert_array_equal(model.means_, options["means_init"])
    np.testing.assert_allclose(model.precisions_, options["precisions_init"], rtol=1e-12)
    np.testing.assert_allclose(model.covariances_ @ model.precisions_, np.stack([np.eye(3)] * 3), atol=1e-12)
    assert model.n_iter_ == 0
    assert not model.converged_
    assert model.lower_bound_ == -math.inf


def test_stopping_early_warns_with_scikit_learns_class(random):
    with pytest.warns(ConvergenceWarning, match=r"EM did not converge in max_iter=1 iterations \(tol=0\.001\)"):
        fd.GaussianMixture(3, max_iter=1, random_state=0).fit(groups(random))


def test_verbose_lines(random, capsys):
    X = groups(random)
    fd.GaussianMixture(2, random_state=0, verbose=1, verbose_interval=1).fit(X)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "start 0"
    assert lines[1] == "  iteration 1"
    assert lines[-1].startswith("converged after")
    fd.GaussianMixture(2, random_state=0, verbose=2, verbose_interval=1).fit(X)
    assert ", gain " in capsys.readouterr().out


# --- starts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("covariance_type", FAMILIES)
@pytest.mark.parametrize("init_params", mixture_parameters.STARTS)
@pytest.mark.parametrize(("scale", "shift"), [(2.0**-30, 0.0), (2.0**30, 0.0), (4.0, 1024.0)])
def test_a_fit_follows_the_units_of_the_data(covariance_type, init_params, scale, shift, random):
    """Peers' bug: a start that ignores the scale."""
    X = np.round(groups(random) * 1024) / 1024  # so that the change of units rounds nothing
    options = {"covariance_type": covariance_type, "init_params": init_params, "random_state": 3, "reg_covar": 0}
    model = quiet_fit(fd.GaussianMixture(3, **options), X)
    moved = quiet_fit(fd.GaussianMixture(3, **options), X * scale + shift)
    np.testing.assert_allclose((moved.means_ - shift) / scale, model.means_, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(moved.covariances_ / scale**2, model.covariances_, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("direction", [0.0, 0.7])
def test_long_parallel_clusters_are_told_apart(seed, direction):
    """Peers' bug: k-means cuts cigars across, and the criterion then chooses a wrong number."""
    random = np.random.default_rng(seed)
    X = np.concatenate([np.c_[random.normal(0, 10, 200), random.normal(3 * i, 0.5, 200)] for i in range(3)])
    c, s = math.cos(direction), math.sin(direction)
    X = X @ np.array([[c, s], [-s, c]])
    bic = [fd.GaussianMixture(k, random_state=seed, max_iter=300).fit(X).bic(X) for k in (1, 2, 3, 4, 5)]
    assert np.argmin(bic) == 2


def test_the_lectures_ring_is_fitted():
    """Thirty components on 900 points of a ring."""
    random = np.random.default_rng(0)
    radius, angle = np.sqrt(random.uniform(1, 4, 900)), random.uniform(0, 2 * np.pi, 900)
    X = np.c_[radius * np.cos(angle), radius * np.sin(angle)]
    for covariance_type in FAMILIES:
        model = quiet_fit(fd.GaussianMixture(30, covariance_type=covariance_type, random_state=0), X)
        assert_sound(model, X)
        assert (np.diff(model.lower_bounds_) >= 0).all()
        # The uniform distribution itself scores -log(3 pi) = -2.243; the means stay on the ring.
        assert model.score(X) > -2.42
        assert (np.abs(np.hypot(*model.means_.T) - 1.5) < 0.6).all()


def test_large_data_start_from_a_subsample(random):
    X = random.normal(size=(40_003, 2)) + 12.0 * random.integers(0, 3, size=(40_003, 1))
    model = fd.GaussianMixture(3, random_state=0).fit(X)
    np.testing.assert_allclose(np.sort(model.means_[:, 0]), [0, 12, 24], atol=0.1)
    rows, weights = kmeans_start.draw_subsample(X, np.arange(40_003.0), 3, random)
    assert len(rows) == len(weights) == kmeans_start.LARGEST_SUBSAMPLE


def test_seeds_are_distinct_while_there_are_distinct_rows(random):
    Z = np.repeat(np.arange(6.0), 50)[:, None]
    seeds = kmeans_start.choose_seeds(Z, np.ones(300), 6, random)
    assert len(set(Z[seeds, 0])) == 6
    assert len(kmeans_start.choose_seeds(Z, np.ones(300), 9, random)) == 9


def test_lloyd_ends_in_a_fixed_point(random):
    Z = random.normal(size=(300, 2))
    labels = kmeans_start.lloyd(Z, np.ones(300), Z[:4])
    centres = np.stack([Z[labels == k].mean(axis=0) for k in range(4)])
    assert (kmeans_start.nearest(Z, centres)[0] == labels).mean() > 0.97


def test_means_alone_may_be_given(random):
    X = groups(random)
    model = fd.GaussianMixture(3, means_init=[X[:90].mean(0), X[90:150].mean(0), X[150:].mean(0)]).fit(X)
    for mean, part in zip(model.means_, (X[:90], X[90:150], X[150:])):
        assert np.linalg.norm(mean - part.mean(axis=0)) < 2 * part.std()
    weights_only = quiet_fit(fd.GaussianMixture(3, weights_init=[0.1, 0.2, 0.7], max_iter=0, random_state=0), X)
    np.testing.assert_array_equal(weights_only.weights_, [0.1, 0.2, 0.7])


# --- degenerate data --------------------------------------------------------------------------------------------------


def one_hot():
    return np.eye(12)[np.random.default_rng(0).integers(0, 12, size=80)]


DEGENERATE = {
    "one row": (np.array([[3.0, 4.0]]), 1),
    "two rows": (np.array([[3.0, 4.0], [5.0, 1.0]]), 2),
    "all equal": (np.full((20, 3), 0.1), 2),
    "more components than distinct rows": (np.repeat(np.array([[0.0, 1.0], [2.0, 2.0]]), 10, axis=0), 5),
    "one-hot columns": (one_hot(), 4),
    "rows on a line": (np.linspace(0, 1, 50)[:, None] * [1.0, 2.0, 1e6], 3),
    "fewer rows than features": (np.random.default_rng(0).normal(size=(8, 30)), 2),
    "a constant column": (np.c_[np.random.default_rng(1).normal(size=50), np.full(50, 7.0)], 2),
    "one outlier": (np.r_[np.random.default_rng(2).normal(size=(60, 2)), [[1e7, -1e7]]], 3),
    "scales from 1e-8 to 1e8": (np.random.default_rng(3).normal(size=(90, 3)) * [1e-8, 1.0, 1e8], 3),
    "integers with ties": (np.random.default_rng(4).integers(0, 3, size=(70, 2)), 4),
    "large numbers": (1e100 * np.random.default_rng(5).normal(size=(40, 2)), 2),
    "tiny numbers": (1e-100 * np.random.default_rng(6).normal(size=(40, 2)), 2),
}


@pytest.mark.parametrize("covariance_type", FAMILIES)
@pytest.mark.parametrize("case", DEGENERATE)
def test_degenerate_data_give_a_density(case, covariance_type):
    """Peers' bugs: NaN parameters, ill-defined covariances, matrices that are not positive definite."""
    X, n_components = DEGENERATE[case]
    for seed in range(3):
        for init_params in ("kmeans", "random"):
            model = fd.GaussianMixture(
                n_components, covariance_type=covariance_type, random_state=seed, init_params=init_params
            )
            assert_sound(quiet_fit(model, X), X)
            assert np.isfinite(model.sample(20)[0]).all()


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_rank_deficient_data_without_a_floor(covariance_type):
    """Peers' bug: an error that depends on the seed."""
    X = np.random.default_rng(0).normal(size=(200, 2)) @ np.array([[1.0, 0.5, 2.0], [0.0, 1.0, 1.0]])
    for seed in range(20):
        model = fd.GaussianMixture(3, covariance_type=covariance_type, random_state=seed, reg_covar=0)
        assert_sound(quiet_fit(model, X), X)


def test_no_spread_and_no_floor_is_one_clear_error():
    for seed in range(5):
        with pytest.raises(ValueError, match="reg_covar must be greater than 0 when X has no spread in feature 0"):
            fd.GaussianMixture(2, reg_covar=0, random_state=seed).fit(np.ones((10, 2)))
    with pytest.raises(ValueError, match=r"X must not exceed 1e\+145 in size, .* got 3e\+200"):
        fd.GaussianMixture(1).fit([[1e200], [-1e200], [3e200]])


def test_single_precision_rows_far_from_zero(random):
    """Peers' bug: negative variances in single precision."""
    X = random.normal(1e4, 1e-2, size=(5000, 2)).astype(np.float32)
    for covariance_type in ("diag", "full"):
        model = quiet_fit(fd.GaussianMixture(1, covariance_type=covariance_type, reg_covar=0), X)
        variances = np.diagonal(dense(model), axis1=1, axis2=2)
        np.testing.assert_allclose(variances[0], X.astype(float).var(axis=0), rtol=1e-9)
    X = load_iris().data.astype(np.float32)
    for covariance_type in FAMILIES:
        model = quiet_fit(
            fd.GaussianMixture(3, covariance_type=covariance_type, random_state=0, max_iter=1000, tol=0), X
        )
        assert_sound(model, X)


def test_thirty_values_that_peers_turned_into_nan():
    """Peers' bug: parameters become NaN without a word."""
    X = np.r_[np.zeros(14), np.full(9, 1e-9), 1.0, 2.0, 3.0, 1e3, 1e3, 1e3, 1e6][:, None]
    for n_components in (1, 2, 3, 6):
        for covariance_type in FAMILIES:
            assert_sound(
                quiet_fit(fd.GaussianMixture(n_components, covariance_type=covariance_type, random_state=0), X), X
            )


# --- draws, copies, errors --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_draws_follow_the_mixture(covariance_type, random):
    X = groups(random, d=2)
    model = quiet_fit(fd.GaussianMixture(3, covariance_type=covariance_type, random_state=0), X)
    draws, labels = model.sample(20_000)
    np.testing.assert_allclose(np.bincount(labels, minlength=3) / 20_000, model.weights_, atol=0.02)
    for k, covariance in enumerate(dense(model)):
        rows = draws[labels == k]
        white = np.linalg.solve(np.linalg.cholesky(covariance), (rows - model.means_[k]).T)
        for row in white:
            assert stats.kstest(row, "norm").pvalue > 1e-4
        np.testing.assert_allclose(np.cov(white), np.eye(2), atol=0.1)


def test_draws_are_in_random_order_and_as_many_as_asked_for(random):
    """Peers' bugs: draws grouped by component; 665 draws in place of 1000."""
    model = fd.GaussianMixture(2, random_state=0).fit(groups(random))
    for n in (1, 2, 997, 1000):
        draws, labels = model.sample(n)
        assert len(draws) == len(labels) == n
    p = np.bincount(labels) / n
    runs = 1 + np.count_nonzero(np.diff(labels))
    expected = 1 + 2 * n * p[0] * p[1]
    assert abs(runs - expected) < 6 * np.sqrt(n)
    np.testing.assert_array_equal(model.sample(9)[0], model.sample(9)[0])
    np.testing.assert_array_equal(model.sample(9, random_state=4)[0], model.sample(9, random_state=4)[0])
    assert not np.array_equal(model.sample(9, random_state=4)[0], model.sample(9)[0])
    with pytest.raises(ValueError, match="n_samples must be an integer of at least 1, got 0"):
        model.sample(0)


def test_the_global_generator_is_left_alone(random):
    np.random.seed(5)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    fd.GaussianMixture(2).fit(groups(random)).sample(3)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_results_do_not_depend_on_threads(random):
    X = np.concatenate([groups(random)] * 100)
    fits = [fd.GaussianMixture(3, random_state=0, n_threads=n).fit(X) for n in (1, 2, 7)]
    for other in fits[1:]:
        np.testing.assert_array_equal(fits[0].means_, other.means_)
        np.testing.assert_array_equal(fits[0].score_samples(X), other.score_samples(X))


def test_copies_and_grid_search(random):
    X = groups(random)
    model = fd.GaussianMixture(3, random_state=0).fit(X)
    for of_reference in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        np.testing.assert_array_equal(of_reference.score_samples(X), model.score_samples(X))
    assert clone(model).get_params() == model.get_params()
    assert not hasattr(clone(model), "means_")
    search = GridSearchCV(fd.GaussianMixture(random_state=0), {"n_components": [1, 3]}, cv=3).fit(random.permutation(X))
    assert search.best_params_ == {"n_components": 3}


def test_scores_of_single_precision_rows_are_single(random):
    X = groups(random).astype(np.float32)
    model = fd.GaussianMixture(2, random_state=0).fit(X)
    assert model.score_samples(X).dtype == model.predict_proba(X).dtype == np.float32
    assert model.predict(X).dtype == np.intp
    assert isinstance(model.score(X), float)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_components": 0}, ValueError, "n_components must be an integer of at least 1, got 0"),
        ({"n_components": 500}, ValueError, "n_components must be at most the number of rows that carry weight, 201"),
        ({"covariance_type": "ful"}, ValueError, "covariance_type must be one of 'full', .*, got 'ful'"),
        ({"init_params": "kmean"}, ValueError, "init_params must be one of 'kmeans', .*, got 'kmean'"),
        ({"tol": -1}, ValueError, "tol must be a finite number of at least 0, got -1"),
        ({"reg_covar": np.nan}, ValueError, "reg_covar must be a finite number of at least 0, got nan"),
        ({"max_iter": 1.5}, TypeError, "max_iter must be an integer of at least 0, got 1.5"),
        ({"n_init": 0}, ValueError, "n_init must be an integer of at least 1, got 0"),
        ({"warm_start": "yes"}, TypeError, "warm_start must be True or False, got 'yes'"),
        ({"verbose_interval": 0}, ValueError, "verbose_interval must be an integer of at least 1, got 0"),
        ({"weights_init": [0.5, 0.6]}, ValueError, "weights_init must sum to 1, got the sum 1.1"),
        ({"weights_init": [1.0]}, ValueError, r"weights_init.shape == \(1,\), expected \(2,\)"),
        ({"means_init": np.zeros((2, 2))}, ValueError, r"means_init must have shape \(2, 3\), got \(2, 2\)"),
        ({"precisions_init": np.eye(3)}, ValueError, r"precisions_init must have shape \(2, 3, 3\), got \(3, 3\)"),
        (
            {"precisions_init": np.stack([-np.eye(3)] * 2)},
            ValueError,
            "precisions_init must be positive definite when covariance_type is 'full', got smallest eigenvalue -1",
        ),
        (
            {"precisions_init": np.stack([np.triu(np.ones((3, 3)))] * 2)},
            ValueError,
            "precisions_init must be symmetric when covariance_type is 'full'",
        ),
        (
            {"precisions_init": np.zeros(2), "covariance_type": "spherical"},
            ValueError,
            "precisions_init must be positive, got 0.0",
        ),
        ({"random_state": "seed"}, TypeError, "random_state must be None, an integer, a Generator or a RandomState"),
    ],
)
def test_errors_name_the_argument_the_rule_and_the_value(options, error, message, random):
    """Peers' bug: a misspelt option fails later as an unbound variable."""
    X = groups(random)
    with pytest.raises(error, match=message):
        fd.GaussianMixture(**{"n_components": 2, **options}).fit(X)


def test_bad_weights_are_refused(random):
    """Peers' bug: weights of the wrong length accepted."""
    X = groups(random)
    for weights, message in (
        (np.ones(7), r"sample_weight.shape == \(7,\), expected \(201,\)"),
        (-np.ones(201), "sample_weight must not be negative"),
        (np.zeros(201), "all zero"),
    ):
        with pytest.raises(ValueError, match=message):
            fd.GaussianMixture(2).fit(X, sample_weight=weights)

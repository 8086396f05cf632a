"""The multivariate normal model: estimates, scores, distributions derived from it, degenerate data, scikit-learn's
checks."""

import itertools
import math
import operator
import tracemalloc
import warnings
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from scipy import stats
from sklearn.utils.estimator_checks import check_estimator

import fastdens as fd
from fastdens.models.contract import Columns

TYPES = ("full", "diag", "spherical")


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.filterwarnings("ignore:The covariance of X is singular")
@pytest.mark.filterwarnings("ignore:Estimator Gaussian does not inherit")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learn_checks(covariance_type):
    results = check_estimator(fd.Gaussian(covariance_type), on_fail=None)
    assert [(r["check_name"], r["exception"]) for r in results if r["status"] not in ("passed", "skipped")] == []
    assert len(results) > 30


def data(n=200, d=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d)


def dense(model):
    """The covariance as a matrix."""
    covariance = np.asarray(model.covariance_)
    return covariance if covariance.ndim == 2 else np.diag(np.broadcast_to(covariance, model.n_features_in_))


def assert_same_distribution(a, b, rtol=1e-12):
    scale = np.abs(b.mean_).max() + np.sqrt(np.max(b.covariance_))
    np.testing.assert_allclose(a.mean_, b.mean_, rtol=rtol, atol=rtol * scale)
    np.testing.assert_allclose(a.covariance_, b.covariance_, rtol=rtol, atol=rtol * np.max(b.covariance_))


# --- estimates --------------------------------------------------------------------------------------------------------


def test_maximum_likelihood_estimates():
    X = data()
    covariance = np.cov(X.T, bias=True)
    np.testing.assert_allclose(fd.Gaussian().fit(X).covariance_, covariance, rtol=1e-12)
    np.testing.assert_allclose(fd.Gaussian("diag").fit(X).covariance_, np.diag(covariance), rtol=1e-12)
    assert fd.Gaussian("spherical").fit(X).covariance_ == pytest.approx(np.trace(covariance) / 3, rel=1e-12)
    np.testing.assert_allclose(fd.Gaussian().fit(X).mean_, X.mean(axis=0), rtol=1e-12)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_no_parameters_fit_better(covariance_type):
    X = data(40, 2)
    model = fd.Gaussian(covariance_type).fit(X)
    best = model.score(X)
    for step in (1e-3, -1e-3):
        for what in ("mean_", "covariance_"):
            other = fd.Gaussian(covariance_type)
            change = 1 + step * np.eye(2) if covariance_type == "full" else 1 + step
            mean = model.mean_ * (1 + step) if what == "mean_" else model.mean_
            covariance = model.covariance_ * change if what == "covariance_" else model.covariance_
            other._set_distribution(mean, covariance)
            other._remember_data(Columns(2))
            assert other.score(X) < best


@pytest.mark.parametrize("covariance_type", TYPES)
def test_weights_are_repetitions_and_zero_is_absent_and_scale_free(covariance_type):
    X = data(50)
    w = np.random.default_rng(1).integers(0, 4, size=50)
    weighted = fd.Gaussian(covariance_type).fit(X, sample_weight=w)
    repeated = fd.Gaussian(covariance_type).fit(np.repeat(X, w, axis=0))
    assert_same_distribution(weighted, repeated)
    assert weighted.weight_sum_ == repeated.weight_sum_ == w.sum()
    scaled = fd.Gaussian(covariance_type).fit(X, sample_weight=w * 1e-300)
    assert_same_distribution(scaled, weighted)
    absent = fd.Gaussian(covariance_type).fit(X[w > 0], sample_weight=w[w > 0])
    assert_same_distribution(absent, weighted, rtol=0)
    np.testing.assert_array_equal(absent.loo_score_samples(), weighted.loo_score_samples())


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1e12])
def test_scale_and_shift_equivariance(covariance_type, scale):
    X = data()
    model, moved = fd.Gaussian(covariance_type).fit(X), fd.Gaussian(covariance_type).fit(scale * X + 3 * scale)
    np.testing.assert_allclose(moved.mean_, scale * (model.mean_ + 3), rtol=1e-12)
    np.testing.assert_allclose(moved.covariance_, scale**2 * model.covariance_, rtol=1e-10)
    expected = model.score_samples(X) - 3 * math.log(scale)
    np.testing.assert_allclose(moved.score_samples(scale * X + 3 * scale), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_mean_and_small_spread_lose_no_digits(dtype):
    """Peers' bug: E[x^2] - E[x]^2 in float32 gave negative variances."""
    X = np.random.default_rng(0).normal(1e4, 1e-2, size=(5000, 2)).astype(dtype)
    exact = [mpmath.fsum(map(mpmath.mpf, column)) / len(X) for column in X.T.tolist()]
    variance = [
        mpmath.fsum((mpmath.mpf(value) - mean) ** 2 for value in column) / len(X)
        for column, mean in zip(X.T.tolist(), exact)
    ]
    model = fd.Gaussian().fit(X)
    np.testing.assert_allclose(model.mean_, [float(m) for m in exact], rtol=1e-15)
    np.testing.assert_allclose(np.diag(model.covariance_), [float(v) for v in variance], rtol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n", "d"), [(40_000, 1), (12_000, 3), (700, 60)])
def test_moments_over_many_runs_of_rows_are_those_of_fractions(n, d, weighted, random):
    """More rows than are handled at once, far from the origin and heavy-tailed."""
    X = random.standard_t(3, size=(n, d)) * 4.0 ** random.integers(-3, 4, d) + 1e4
    w = random.random(n) ** 3 if weighted else np.ones(n)
    few = [0, d // 2, d - 1]
    weights = [Fraction(v) for v in w.tolist()]
    columns = {a: [Fraction(v) for v in X[:, a].tolist()] for a in few}
    total = sum(weights)
    mean = {a: sum(map(operator.mul, weights, columns[a])) / total for a in few}
    model = fd.Gaussian().fit(X, sample_weight=w if weighted else None)
    for a, b in itertools.combinations_with_replacement(sorted(set(few)), 2):
        terms = (v * (x - mean[a]) * (y - mean[b]) for v, x, y in zip(weights, columns[a], columns[b]))
        spread = math.sqrt(model.covariance_[a, a] * model.covariance_[b, b])
        assert abs(model.covariance_[a, b] - float(sum(terms) / total)) < 2e-15 * spread
    for a in few:
        assert model.mean_[a] == pytest.approx(float(mean[a]), rel=2.5e-16)
    diagonal = fd.Gaussian("diag").fit(X, sample_weight=w if weighted else None)
    np.testing.assert_allclose(diagonal.covariance_, np.diag(model.covariance_), rtol=4e-15)


@pytest.mark.parametrize(("n", "d"), [(4_000_000, 1), (1_000_000, 4)])
def test_a_fit_takes_no_temporary_of_the_size_of_the_data(n, d):
    X = np.random.default_rng(0).random((n, d))
    tracemalloc.start()
    try:
        model = fd.Gaussian().fit(X)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert model._loo_log_density.nbytes == 8 * n
    assert most - 8 * n < 8 * n * d  # a few runs of rows, whatever n is


def test_mean_of_many_rows_is_exact_to_the_last_digits():
    X = np.random.default_rng(0).random((300_000, 3))
    X[0] = 1.0  # the sums are taken about a row far from the mean
    exact = [math.fsum(column) / len(X) for column in X.T.tolist()]
    np.testing.assert_allclose(fd.Gaussian("diag").fit(X).mean_, exact, rtol=4e-16)


def test_a_row_of_hardly_any_weight_does_not_spoil_the_digits():
    X, w = data(), np.ones(200)
    X[0], w[0] = 1e12, 1e-40
    model = fd.Gaussian().fit(X, sample_weight=w)
    assert_same_distribution(model, fd.Gaussian().fit(X[1:]), rtol=1e-12)


def test_shift_by_a_billion():
    X = np.round(data() * 1024) / 1024  # multiples of 2^-10 stay exact after the shift
    model, moved = fd.Gaussian().fit(X), fd.Gaussian().fit(X + 1e9)
    np.testing.assert_allclose(moved.covariance_, model.covariance_, rtol=1e-12)
    np.testing.assert_allclose(moved.score_samples(X + 1e9), model.score_samples(X), rtol=1e-6)


def test_columns_of_very_different_scale():
    X = data(300, 4) * np.array([1e-100, 1e-8, 1e8, 1e100])
    model = fd.Gaussian().fit(X)
    expected = fd.Gaussian().fit(data(300, 4)).score_samples(data(300, 4))
    np.testing.assert_allclose(model.score_samples(X), expected, rtol=1e-10)


def test_standard_errors_match_repeated_samples():
    rng = np.random.default_rng(0)
    mean, covariance = np.array([1.0, -2.0]), np.array([[2.0, 0.6], [0.6, 0.5]])
    fits = [fd.Gaussian().fit(mean + rng.normal(size=(400, 2)) @ np.linalg.cholesky(covariance).T) for _ in range(150)]
    np.testing.assert_allclose(
        np.std([f.mean_ for f in fits], axis=0), np.mean([f.mean_standard_error_ for f in fits], axis=0), rtol=0.2
    )
    np.testing.assert_allclose(
        np.std([f.covariance_ for f in fits], axis=0),
        np.mean([f.covariance_standard_error_ for f in fits], axis=0),
        rtol=0.2,
    )


def test_standard_errors_by_formula_and_effective_sample_size():
    X, w = data(100), np.random.default_rng(2).random(100)
    n = w.sum() ** 2 / (w**2).sum()
    model = fd.Gaussian().fit(X, sample_weight=w)
    assert model.effective_sample_size_ == pytest.approx(n, rel=1e-14)
    S = model.covariance_
    np.testing.assert_allclose(model.mean_standard_error_, np.sqrt(np.diag(S) / n))
    np.testing.assert_allclose(
        model.covariance_standard_error_, np.sqrt((S**2 + np.outer(np.diag(S), np.diag(S))) / n), rtol=1e-12
    )
    diagonal = fd.Gaussian("diag").fit(X)
    np.testing.assert_allclose(diagonal.covariance_standard_error_, diagonal.covariance_ * math.sqrt(2 / 100))
    spherical = fd.Gaussian("spherical").fit(X)
    assert spherical.covariance_standard_error_ == pytest.approx(spherical.covariance_ * math.sqrt(2 / 300))


def test_number_of_parameters():
    assert [fd.Gaussian(t).fit(data(50, 4)).n_parameters_ for t in TYPES] == [4 + 10, 8, 5]


# --- scores -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("d", [1, 2, 5])
def test_scores_against_scipy(covariance_type, d):
    X = data(60, d)
    model = fd.Gaussian(covariance_type).fit(X)
    expected = stats.multivariate_normal(model.mean_, dense(model)).logpdf(X)
    np.testing.assert_allclose(model.score_samples(X), expected, rtol=1e-10, atol=1e-10)
    assert model.score(X) == pytest.approx(np.mean(expected), rel=1e-10)


def test_far_tail_does_not_underflow():
    """Peers' bug: log(pdf) was -inf far from the data."""
    model = fd.Gaussian().fit([[-1.0], [1.0]])
    for x in (40.0, 400.0, 4000.0):
        assert model.score_samples([[x]])[0] == pytest.approx(-0.5 * x * x - 0.5 * math.log(2 * math.pi), rel=1e-15)


def test_two_thousand_features_do_not_overflow():
    """Peers' bug: the determinant overflowed from 1500 features on."""
    d, r, variance = 2000, 0.7, 1e6  # an autoregressive sequence, whose density is a product
    model = fd.Gaussian()
    model._set_distribution(np.zeros(d), variance * r ** np.abs(np.subtract.outer(np.arange(d), np.arange(d))))
    model._remember_data(Columns(d))
    X = np.random.default_rng(0).normal(size=(3, d)) * 1e3
    steps = stats.norm(scale=math.sqrt(variance * (1 - r * r))).logpdf(X[:, 1:] - r * X[:, :-1]).sum(axis=1)
    expected = steps + stats.norm(scale=math.sqrt(variance)).logpdf(X[:, 0])
    np.testing.assert_allclose(model.score_samples(X), expected, rtol=1e-10)
    assert math.isfinite(model.level(0.5, log=True))
    assert model.level(0.5) == 0.0
    assert model.entropy() == pytest.approx(d * 0.5 * math.log(2 * math.pi * math.e * variance * (1 - r * r)), rel=1e-3)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_gradient_against_finite_differences(covariance_type):
    X = data(30)
    model = fd.Gaussian(covariance_type).fit(X)
    for j in range(3):
        step = np.zeros(3)
        step[j] = 1e-5
        numerical = (model.score_samples(X + step) - model.score_samples(X - step)) / 2e-5
        np.testing.assert_allclose(model.score_gradient(X)[:, j], numerical, rtol=1e-6, atol=1e-7)


def test_mass_is_one():
    model = fd.Gaussian().fit(data(100, 2))
    spread = np.sqrt(np.diag(model.covariance_)).max()
    axis = np.linspace(-9 * spread, 9 * spread, 801)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2) + model.mean_
    assert np.exp(model.score_samples(grid)).sum() * (axis[1] - axis[0]) ** 2 == pytest.approx(1, abs=1e-10)


# --- derived distributions --------------------------------------------------------------------------------------------


def test_cdf_and_ppf_of_one_feature():
    model = fd.Gaussian().fit(data(50, 1))
    distribution = stats.norm(model.mean_[0], math.sqrt(model.covariance_[0, 0]))
    x = np.linspace(-5, 5, 11)
    np.testing.assert_allclose(model.cdf(x[:, None]), distribution.cdf(x), rtol=1e-12)
    q = np.array([[0, 1e-10, 0.5], [0.7, 1 - 1e-10, 1]])
    np.testing.assert_allclose(model.ppf(q), distribution.ppf(q), rtol=1e-12)
    with pytest.raises(ValueError, match=r"q must lie between 0 and 1, got 1\.5"):
        model.ppf(1.5)
    with pytest.raises(ValueError, match="cdf needs a model of one feature, got 3"):
        fd.Gaussian().fit(data()).cdf(data())


@pytest.mark.parametrize("covariance_type", TYPES)
def test_samples_follow_the_distribution(covariance_type):
    model = fd.Gaussian(covariance_type).fit(data())
    draws = model.sample(4000, random_state=0)
    assert draws.shape == (4000, 3)
    uniform = model.to_uniform(draws)
    for j in range(3):
        assert stats.kstest(uniform[:, j], "uniform").pvalue > 1e-3
        marginal = model.marginal(j)
        assert stats.kstest(marginal.cdf(draws[:, j : j + 1]), "uniform").pvalue > 1e-3
    assert np.abs(np.corrcoef(uniform.T) - np.eye(3)).max() < 0.06
    np.testing.assert_array_equal(draws, model.sample(4000, random_state=0))


@pytest.mark.parametrize("covariance_type", TYPES)
def test_rosenblatt_transform_inverts_and_is_conditional(covariance_type):
    X = data()
    model = fd.Gaussian(covariance_type).fit(X)
    U = model.to_uniform(X)
    np.testing.assert_allclose(model.from_uniform(U), X, rtol=1e-8, atol=1e-8)
    for i in range(5):
        last = model.condition([0, 1], X[i, :2])
        assert U[i, 2] == pytest.approx(last.cdf(X[i : i + 1, 2:])[0], rel=1e-10)
    with pytest.raises(ValueError, match="U must lie strictly between 0 and 1, got 1"):
        model.from_uniform([[0.5, 1.0, 0.5]])


@pytest.mark.parametrize("covariance_type", TYPES)
def test_marginal_and_condition_factor_the_density(covariance_type):
    X = data(100, 4)
    model = fd.Gaussian(covariance_type).fit(X)
    marginal = model.marginal([3, 1])
    joint = model.score_samples(X)
    distributions = model.condition([3, 1], X[:, [3, 1]])
    conditional = distributions.score_samples(X[:, [0, 2]])
    np.testing.assert_allclose(marginal.score_samples(X[:, [3, 1]]) + conditional, joint, rtol=1e-10)
    single = model.condition([-1, 1], X[7, [3, 1]])
    assert single.score_samples(X[7:8, [0, 2]])[0] == pytest.approx(conditional[7], rel=1e-12)
    assert_same_distribution(distributions[7], single)
    assert len(distributions) == 100
    draws = distributions.sample(random_state=0)
    assert draws.shape == (100, 2)
    assert (
        stats.kstest(
            np.concatenate([distributions[i].to_uniform(draws[i : i + 1]) for i in range(100)]).ravel(), "uniform"
        ).pvalue
        > 1e-3
    )


def test_marginal_is_the_fit_to_those_columns():
    X = data()
    for covariance_type in ("full", "diag"):
        marginal = fd.Gaussian(covariance_type).fit(X).marginal([2, 0])
        direct = fd.Gaussian(covariance_type).fit(X[:, [2, 0]])
        assert_same_distribution(marginal, direct)
        np.testing.assert_allclose(marginal.covariance_standard_error_, direct.covariance_standard_error_, rtol=1e-12)
        assert_same_distribution(marginal.merge(direct), direct)


@pytest.mark.parametrize(
    ("axes", "error"), [([0, 0], ValueError), (3, ValueError), (-4, ValueError), ([], ValueError), (0.5, TypeError)]
)
def test_wrong_axes(axes, error):
    model = fd.Gaussian().fit(data())
    with pytest.raises(error, match="axes must be distinct feature numbers from -3 to 2"):
        model.marginal(axes)
    with pytest.raises(error, match="axes must be distinct feature numbers from -3 to 2"):
        model.condition(axes, [0.0])


def test_wrong_conditions():
    model = fd.Gaussian().fit(data())
    with pytest.raises(ValueError, match="axes must leave at least one feature, got all 3"):
        model.condition([0, 1, 2], [0, 0, 0])
    with pytest.raises(ValueError, match="values must have 2 features"):
        model.condition([0, 1], [0, 0, 0])
    with pytest.raises(ValueError, match="values contains NaN"):
        model.condition([0, 1], [0, np.nan])


def test_feature_names_follow_the_features():
    import pandas as pd

    frame = pd.DataFrame(data(), columns=["a", "b", "c"])
    model = fd.Gaussian().fit(frame)
    assert list(model.marginal([2, 0]).feature_names_in_) == ["c", "a"]
    assert list(model.condition(1, 0.0).feature_names_in_) == ["a", "c"]
    assert model.condition(1, 0.0).score_samples(frame[["a", "c"]]).shape == (200,)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_entropy(covariance_type):
    model = fd.Gaussian(covariance_type).fit(data())
    assert model.entropy() == pytest.approx(stats.multivariate_normal(cov=dense(model)).entropy(), rel=1e-12)


@pytest.mark.parametrize("d", [1, 2, 6])
def test_level_holds_its_mass(d):
    model = fd.Gaussian().fit(data(100, d))
    scores = model.score_samples(model.sample(20000, random_state=0))
    for mass in (0.1, 0.5, 0.95):
        assert np.mean(scores >= model.level(mass, log=True)) == pytest.approx(mass, abs=0.015)
    assert model.level(0.0) == pytest.approx(math.exp(model.score_samples(model.mean_[None, :])[0]))
    assert model.level(1.0) == 0.0
    assert model.level([0.2, 0.3]).shape == (2,)


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("weighted", [False, True])
def test_leave_one_out_against_refits(covariance_type, weighted):
    X = data(30)
    w = np.random.default_rng(3).random(30) if weighted else np.ones(30)
    model = fd.Gaussian(covariance_type).fit(X, sample_weight=w if weighted else None)
    refitted = [
        fd.Gaussian(covariance_type)
        .fit(np.delete(X, i, axis=0), sample_weight=np.delete(w, i))
        .score_samples(X[i : i + 1])[0]
        for i in range(30)
    ]
    np.testing.assert_allclose(model.loo_score_samples(), refitted, rtol=1e-9)


def test_leave_one_out_where_the_others_are_degenerate():
    assert (fd.Gaussian().fit([[0.0], [1.0]]).loo_score_samples() == -np.inf).all()
    X = np.vstack([data(4, 3), [[9.0, 9.0, 9.0]]])
    assert np.isneginf(fd.Gaussian().fit(X[:4] + np.arange(12).reshape(4, 3) ** 2).loo_score_samples()).all()


@pytest.mark.parametrize("covariance_type", TYPES)
def test_merge_is_the_fit_to_all_rows(covariance_type):
    X, w = data(90) + 1e3, np.random.default_rng(4).random(90)
    parts = [fd.Gaussian(covariance_type).fit(X[s], sample_weight=w[s]) for s in (slice(0, 20), slice(20, 90))]
    merged, whole = parts[0].merge(parts[1]), fd.Gaussian(covariance_type).fit(X, sample_weight=w)
    assert_same_distribution(merged, whole, rtol=1e-11)
    np.testing.assert_allclose(merged.covariance_standard_error_, whole.covariance_standard_error_, rtol=1e-9)
    assert merged.weight_sum_ == pytest.approx(w.sum(), rel=1e-14)
    with pytest.raises(ValueError, match="need the training rows"):
        merged.loo_score_samples()


def test_merge_of_degenerate_parts_is_exact():
    X = data(8, 5)
    with pytest.warns(UserWarning, match="4 rows determine no covariance of 5 features"):
        parts = [fd.Gaussian().fit(X[:4]), fd.Gaussian().fit(X[4:])]
    assert_same_distribution(parts[0].merge(parts[1]), fd.Gaussian().fit(X), rtol=1e-11)


def test_merge_refuses_what_does_not_fit():
    model = fd.Gaussian().fit(data())
    with pytest.raises(ValueError, match="same covariance_type, 'full', got 'diag'"):
        model.merge(fd.Gaussian("diag").fit(data()))
    with pytest.raises(ValueError, match="same number of features, 3, got 2"):
        model.merge(fd.Gaussian().fit(data(50, 2)))
    with pytest.raises(TypeError, match="other must be a Gaussian, got int"):
        model.merge(3)
    with pytest.raises(ValueError, match="no sample to merge"):
        model.condition(0, 0.0).merge(fd.Gaussian().fit(data(50, 2)))


# --- degenerate data --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("X", [np.full((5, 2), 0.1), np.zeros((2, 3)), np.full((7, 1), 1e9)])
def test_equal_rows_are_one_clear_error(covariance_type, X):
    with pytest.raises(ValueError, match=f"at least two rows that differ, got {len(X)} equal rows"):
        fd.Gaussian(covariance_type).fit(X)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_one_row_is_one_clear_error(covariance_type):
    for X, w in ([[1.0, 2.0]], None), ([[1.0, 2.0], [3.0, 4.0]], [0, 1]):
        with pytest.raises(ValueError, match=r"1 equal rows|1 sample"):
            fd.Gaussian(covariance_type).fit(X, sample_weight=w)


def test_constant_column_is_regularised_relative_to_the_others():
    X = data(50, 3)
    X[:, 1] = 0.1
    for scale in (1.0, 1e-9, 1e9):
        with pytest.warns(UserWarning, match="column 1 is constant"):
            model = fd.Gaussian().fit(X * scale)
        assert model.covariance_[1, 1] == pytest.approx(1e-6 * scale**2 * X[:, [0, 2]].var(axis=0).mean())
        assert np.linalg.eigvalsh(model.covariance_).min() > 0
        assert np.isfinite(model.score_samples(X * scale)).all()
    with pytest.warns(UserWarning, match="column 1 is constant"):
        assert (fd.Gaussian("diag").fit(X).covariance_ > 0).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fd.Gaussian("spherical").fit(X)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("d", [3, 40])
def test_rank_deficient_data_behave_the_same_for_all_seeds(seed, d):
    """Peers' bug: LinAlgError for some seeds only."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(100, d - 1)) @ rng.normal(size=(d - 1, d)) + 5
    with pytest.warns(UserWarning, match="columns are linearly dependent"):
        model = fd.Gaussian().fit(X)
    assert np.linalg.eigvalsh(model.covariance_).min() > 0
    np.testing.assert_allclose(model.covariance_, np.cov(X.T, bias=True), rtol=1e-5, atol=1e-9)
    assert np.isfinite(model.score_samples(X)).all()


def test_fewer_rows_than_features_matter_to_the_full_covariance_only():
    X = data(4, 6)
    with pytest.warns(UserWarning, match="4 rows determine no covariance of 6 features"):
        assert np.isfinite(fd.Gaussian().fit(X).score_samples(X)).all()
    for covariance_type in ("diag", "spherical"):
        assert np.isfinite(fd.Gaussian(covariance_type).fit(X).score_samples(X)).all()


def test_one_hot_columns():
    X = np.eye(5)[np.random.default_rng(0).integers(0, 5, size=200)]
    with pytest.warns(UserWarning, match="linearly dependent"):
        model = fd.Gaussian().fit(X)
    assert np.linalg.eigvalsh(model.covariance_).min() > 0


@pytest.mark.parametrize(("scale", "word"), [(1e300, "overflows"), (1e-300, "underflows")])
def test_variances_outside_float64_are_a_clear_error(scale, word):
    with pytest.raises(ValueError, match=f"variance of column 0 of X, from .* {word} float64: rescale it"):
        fd.Gaussian().fit(data(20, 1) * scale)
    with pytest.raises(ValueError, match="overflows float64"):
        fd.Gaussian().fit([[-1.5e308], [1.5e308]])


def test_nearly_collinear_but_regular_data_are_left_alone():
    rng = np.random.default_rng(0)
    x = rng.normal(size=500)
    X = np.column_stack([x, x + 1e-5 * rng.normal(size=500)])
    model = fd.Gaussian().fit(X)
    np.testing.assert_allclose(model.covariance_, np.cov(X.T, bias=True), rtol=1e-12)
    white = model.to_uniform(X)
    assert stats.kstest(white[:, 1], "uniform").pvalue > 1e-3


def test_unknown_covariance_type_lists_the_allowed_ones():
    with pytest.raises(ValueError, match="covariance_type must be one of 'full', 'diag', 'spherical', got 'tied'"):
        fd.Gaussian("tied").fit(data())


def test_data_are_not_changed_and_a_failed_fit_keeps_the_old_state():
    X = data()
    before = X.copy()
    model = fd.Gaussian().fit(X)
    np.testing.assert_array_equal(X, before)
    mean = model.mean_
    with pytest.raises(ValueError, match="NaN"):
        model.fit([[np.nan], [1.0]])
    with pytest.raises(ValueError, match="two rows that differ"):
        model.fit([[1.0], [1.0]])
    assert model.mean_ is mean
    assert model.n_features_in_ == 3


def test_methods_before_fit_say_so():
    for call in ("entropy", "loo_score_samples", "sample"):
        with pytest.raises(ValueError, match="not fitted yet"):
            getattr(fd.Gaussian(), call)()
    with pytest.raises(ValueError, match="not fitted yet"):
        fd.Gaussian().ppf(0.5)

"""The histogram model: counts, edges, derived distributions, sampling, degenerate data, scikit-learn's checks."""

import math
import warnings

import numpy as np
import pytest
from scipy import stats
from sklearn.utils.estimator_checks import check_estimator

import fastdens as fd
from fastdens.models.histogram.rules import RULES


@pytest.mark.parametrize("bins", ["auto", "risk", "blocks", "knuth"])
@pytest.mark.filterwarnings("ignore:the rule")
@pytest.mark.filterwarnings("ignore:Estimator Histogram does not inherit")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learn_checks(bins):
    results = check_estimator(fd.Histogram(bins), on_fail=None)
    assert [(r["check_name"], r["exception"]) for r in results if r["status"] not in ("passed", "skipped")] == []
    assert len(results) > 30


def column(n=300, seed=0):
    return np.random.default_rng(seed).gamma(2, size=(n, 1))


def plane(n=400, seed=0):
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.normal(size=n), rng.exponential(size=n), rng.random(n)])


EDGES = [np.array([-9, -1, 0, 0.5, 9.0]), np.array([0, 0.3, 20.0]), np.array([0, 0.25, 1.0])]


# --- counts and densities ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_density_is_numpys(d, weighted):
    X = plane()[:, :d]
    w = np.random.default_rng(1).random(len(X)) if weighted else None
    model = fd.Histogram(bins=EDGES[:d]).fit(X, sample_weight=w)
    expected, _ = np.histogramdd(X, bins=EDGES[:d], weights=w, density=True)
    np.testing.assert_allclose(model.density_, expected, rtol=1e-12)
    assert model.mass_.sum() == pytest.approx(1, rel=1e-14)
    assert model.n_parameters_ == model.mass_.size - 1
    at = tuple(np.searchsorted(e, x, side="right") - 1 for e, x in zip(EDGES, X.T))
    np.testing.assert_allclose(model.score_samples(X), np.log(expected[at]), rtol=1e-12)
    assert model.score(X) == pytest.approx(np.log(expected[at]).mean(), rel=1e-12)


def test_number_of_bins_and_range():
    X = plane()
    model = fd.Histogram(bins=[3, 4, 5], range=[None, (0, 30), (-1, 1)]).fit(X)
    assert model.density_.shape == (3, 4, 5)
    np.testing.assert_array_equal(model.edges_[0], np.linspace(X[:, 0].min(), X[:, 0].max(), 4))
    np.testing.assert_array_equal(model.edges_[1], np.linspace(0, 30, 5))
    assert fd.Histogram(bins=7).fit(X[:, :2]).density_.shape == (7, 7)
    assert fd.Histogram(bins=[6]).fit(X[:, :1]).density_.shape == (6,)
    np.testing.assert_array_equal(fd.Histogram(2, range=(-1, 31)).fit(X[:, 1:]).edges_[0], [-1, 15, 31])
    mixed = fd.Histogram(bins=["fd", 3, EDGES[2]]).fit(X)
    np.testing.assert_array_equal(mixed.edges_[2], EDGES[2])
    assert mixed.density_.shape[1] == 3


@pytest.mark.parametrize("bins", [*RULES, 5])
def test_weights_are_repetitions_and_zero_is_absent(bins):
    for X in (column(), plane(200)[:, :2]):
        w = np.random.default_rng(2).integers(0, 4, size=len(X))
        weighted = fd.Histogram(bins).fit(X, sample_weight=w)
        repeated = fd.Histogram(bins).fit(np.repeat(X, w, axis=0))
        for a, b in zip(weighted.edges_, repeated.edges_):
            np.testing.assert_allclose(a, b, rtol=1e-12)
        np.testing.assert_allclose(weighted.mass_, repeated.mass_, rtol=1e-12)
        absent = fd.Histogram(bins).fit(X[w > 0], sample_weight=w[w > 0])
        np.testing.assert_array_equal(absent.mass_, weighted.mass_)
        assert weighted.weight_sum_ == repeated.weight_sum_ == w.sum()


def test_weights_are_scale_free():
    X, w = plane(), np.random.default_rng(3).random(400)
    model, scaled = (fd.Histogram().fit(X[:, :2], sample_weight=w * c) for c in (1, 1e-300))
    np.testing.assert_allclose(scaled.density_, model.density_, rtol=1e-12)


@pytest.mark.parametrize("bins", [*RULES, 5])
@pytest.mark.parametrize("scale", [2.0**-40, 2.0**40])
def test_scale_equivariance(bins, scale):
    X = plane()[:, :2]
    model, scaled = fd.Histogram(bins).fit(X), fd.Histogram(bins).fit(X * scale)
    np.testing.assert_allclose(
        scaled.score_samples(X * scale), model.score_samples(X) - 2 * math.log(scale), rtol=1e-12, atol=1e-12
    )


def test_joint_rules_use_the_rate_of_the_dimension():
    X = np.random.default_rng(0).normal(size=(20_000, 2))
    for bins, tolerance in (("scott", 0.1), ("risk", 0.4)):
        model = fd.Histogram(bins).fit(X)
        width = np.diff(model.edges_[0][:2])[0]
        assert width == pytest.approx(3.49 * len(X) ** -0.25, rel=tolerance)


# --- edges ------------------------------------------------------------------------------------------------------------


def test_bins_hold_their_lower_edge_and_the_last_both():
    """Peers' bug: points at an edge were dropped or counted one bin off."""
    edges = np.array([0.0, 0.1, 0.3, 1.0])
    model = fd.Histogram(edges).fit(np.array([[0.0], [0.1], [0.1], [0.3], [0.3], [1.0], [1.0]]))
    np.testing.assert_allclose(model.mass_, [1 / 7, 2 / 7, 4 / 7], rtol=1e-15)
    density = np.array([1 / 0.7, 2 / 1.4, 4 / 4.9])
    for k, edge in enumerate(edges):
        below, at, above = np.exp(model.score_samples([[np.nextafter(edge, -9)], [edge], [np.nextafter(edge, 9)]]))
        assert below == pytest.approx(density[k - 1] if k > 0 else 0)
        assert at == pytest.approx(density[min(k, 2)])
        assert above == pytest.approx(density[k] if k < 3 else 0)


@pytest.mark.parametrize("n_bins", [1, 3, 7, 49, 100, 1000])
def test_every_training_row_is_counted_at_its_own_density(n_bins):
    for X in (column(), np.arange(101.0)[:, None] / 100, np.array([[0.1 * k] for k in range(50)])):
        model = fd.Histogram(n_bins).fit(X)
        assert np.isfinite(model.score_samples(X)).all()
        assert model.weight_sum_ == len(X)


@pytest.mark.parametrize("offset", [0.0, 1.0, 1e6, 1e15, -3e9])
@pytest.mark.parametrize("n_bins", [1, 2, 9, 333])
def test_bins_are_those_of_a_search_in_the_edges(offset, n_bins):
    generator = np.random.default_rng(0)
    edges = np.unique(offset + np.linspace(-0.3, 4.1, n_bins + 1))
    slightly_uneven = np.sort(edges + generator.normal(scale=0.02, size=len(edges)))
    for e in (edges, np.unique(slightly_uneven), np.unique(edges**3)):
        if len(e) < 2:
            continue
        x = np.concatenate([e, np.nextafter(e, -np.inf), np.nextafter(e, np.inf), generator.uniform(e[0], e[-1], 2000)])
        x = x[(x >= e[0]) & (x <= e[-1])]
        expected = np.minimum(np.searchsorted(e, x, side="right") - 1, len(e) - 2)
        np.testing.assert_array_equal(
            fd.Histogram(e).fit(x[:, None]).mass_, np.bincount(expected, minlength=len(e) - 1) / len(x)
        )


def test_scores_of_values_far_outside():
    model = fd.Histogram(5).fit(column())
    assert np.isneginf(model.score_samples(np.array([[-1e308], [1e308]] * 10))).all()


def test_sampling_by_table_and_by_search_agree_with_the_masses():
    mass = np.random.default_rng(0).pareto(0.3, size=3000) + 1e-9
    model = fd.Histogram(np.arange(3001.0)).fit(np.arange(3000.0)[:, None] + 0.5, sample_weight=mass)
    many = np.floor(model.sample(50_000, random_state=0)[:, 0]).astype(int)
    few = np.concatenate([np.floor(model.sample(1000, random_state=s)[:, 0]).astype(int) for s in range(50)])
    common = model.mass_ > 1e-3
    for draws in (many, few):
        counts = np.bincount(draws, minlength=3000)
        expected = np.append(model.mass_[common], model.mass_[~common].sum()) * 50_000
        assert stats.chisquare(np.append(counts[common], counts[~common].sum()), expected).pvalue > 1e-3


def test_unequal_bins_have_the_right_density_and_quantiles():
    """Peers' bug: pdf and cdf of unequal bins were wrong."""
    model = fd.Histogram([0, 1, 1001]).fit([[0.5], [500.0]])
    np.testing.assert_allclose(np.exp(model.score_samples([[0.5], [1.0], [700.0]])), [0.5, 0.0005, 0.0005], rtol=1e-15)
    assert model.ppf(0.5) == 1
    assert model.cdf([[1.0], [501.0]]).tolist() == [0.5, 0.75]


def test_cdf_and_ppf_at_the_ends_and_over_empty_bins():
    model = fd.Histogram([-3, 0, 1, 2, 3, 9]).fit([[0.5], [2.5], [2.7]])
    assert model.ppf([0.0, 1.0]).tolist() == [0.0, 3.0]
    assert model.ppf([[1 / 3, 1 / 3 + 1e-12]]).shape == (1, 2)
    assert model.ppf(1 / 3) == 1.0
    assert model.ppf(1 / 3 + 1e-9) > 2
    assert model.cdf([[-9.0], [-3], [0], [1], [1.5], [2], [3], [8], [10]]).tolist() == pytest.approx(
        [0, 0, 0, 1 / 3, 1 / 3, 1 / 3, 1, 1, 1]
    )
    assert model.cdf([[3.0]])[0] == 1.0
    q = np.linspace(0, 1, 1001)
    np.testing.assert_allclose(model.cdf(model.ppf(q)[:, None]), q, atol=1e-14)


@pytest.mark.parametrize("seed", range(5))
def test_ppf_of_one_is_the_last_edge(seed):
    """Peers' bug: ppf(1) was slightly inside."""
    X = column(1000, seed)
    model = fd.Histogram(37).fit(X, sample_weight=np.random.default_rng(seed).random(1000))
    assert model.ppf(0.0) == X.min()
    assert model.ppf(1.0) == X.max()
    assert model.cdf(X.max()[None, None])[0] == 1.0


def test_mass_is_one_by_quadrature():
    model = fd.Histogram("blocks").fit(column())
    low, high = model.edges_[0][[0, -1]]
    x = low + (np.arange(200_000) + 0.5) / 200_000 * (high - low)
    assert np.exp(model.score_samples(x[:, None])).mean() * (high - low) == pytest.approx(1, abs=1e-3)


# --- derived distributions --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bins", ["auto", "blocks", [0, 0.1, 1, 1.5, 40]])
def test_samples_follow_the_distribution(bins):
    model = fd.Histogram(bins).fit(column())
    draws = model.sample(5000, random_state=0)
    assert draws.shape == (5000, 1)
    assert stats.kstest(model.cdf(draws), "uniform").pvalue > 1e-3
    assert np.isfinite(model.score_samples(draws)).all()
    np.testing.assert_array_equal(draws, model.sample(5000, random_state=0))
    assert model.sample(0).shape == (0, 1)


def test_samples_in_several_dimensions_follow_the_masses_and_come_shuffled():
    model = fd.Histogram(EDGES).fit(plane())
    draws = model.sample(20_000, random_state=1)
    again = fd.Histogram(EDGES).fit(draws)
    expected = model.mass_.ravel() * 20_000
    filled = expected > 0
    assert (again.mass_.ravel()[~filled] == 0).all()
    assert stats.chisquare(again.mass_.ravel()[filled] * 20_000, expected[filled]).pvalue > 1e-3
    assert abs(np.corrcoef(draws[:-1, 0], draws[1:, 0])[0, 1]) < 0.03


def test_samples_stay_in_narrow_bins():
    edges = [1.0, np.nextafter(1, 2), 1 + 4e-16, 2.0]
    model = fd.Histogram([1.0, np.nextafter(1, 2), 2.0]).fit([[1.0], [1.0]])
    assert edges[0] < edges[1]
    assert (model.sample(100, random_state=0) == 1.0).all()


def test_entropy():
    model = fd.Histogram([0, 1, 3]).fit([[0.5], [2.0], [2.0], [2.5]])
    assert model.entropy() == pytest.approx(-(0.25 * math.log(0.25) + 0.75 * math.log(0.375)), rel=1e-14)
    several = fd.Histogram(EDGES).fit(plane())
    draws = several.sample(50_000, random_state=0)
    assert several.entropy() == pytest.approx(-several.score(draws), abs=0.03)


def test_level_holds_its_mass():
    model = fd.Histogram([0, 1, 3, 7]).fit([[0.5], [2.0], [2.0], [2.5], [6.0]])
    assert model.level([0.0, 0.6, 0.61, 0.8, 0.81, 1.0]).tolist() == pytest.approx([0.3, 0.3, 0.2, 0.2, 0.05, 0.05])
    assert isinstance(model.level(0.5), float)


def test_marginal_is_the_fit_to_those_columns():
    X, w = plane(), np.random.default_rng(5).random(400)
    model = fd.Histogram(EDGES).fit(X, sample_weight=w)
    for axes in ([0], [1], [2, 0], [1, 2, 0], [-1]):
        direct = fd.Histogram([EDGES[j] for j in axes]).fit(X[:, axes], sample_weight=w)
        marginal = model.marginal(axes)
        np.testing.assert_allclose(marginal.mass_, direct.mass_, rtol=1e-12)
        for a, b in zip(marginal.edges_, direct.edges_):
            np.testing.assert_array_equal(a, b)
    assert model.marginal(1).cdf([[0.3]])[0] == pytest.approx(model.marginal([1]).mass_[0])


@pytest.mark.parametrize("weighted", [False, True])
def test_leave_one_out_against_refits(weighted):
    X = plane(60)[:, :2]
    w = np.random.default_rng(6).random(60) if weighted else np.ones(60)
    model = fd.Histogram(EDGES[:2]).fit(X, sample_weight=w if weighted else None)
    expected = [
        fd.Histogram(EDGES[:2]).fit(np.delete(X, i, 0), sample_weight=np.delete(w, i)).score_samples(X[i : i + 1])[0]
        for i in range(60)
    ]
    np.testing.assert_allclose(model.loo_score_samples(), expected, rtol=1e-10)


def test_leave_one_out_of_a_row_alone():
    assert fd.Histogram([0, 1, 2]).fit([[0.5], [1.5], [1.6]]).loo_score_samples()[0] == -np.inf
    assert fd.Histogram([0, 1]).fit([[0.5]]).loo_score_samples().tolist() == [-np.inf]


def test_merge_is_the_fit_to_all_rows():
    X, w = plane(), np.random.default_rng(7).random(400)
    parts = [fd.Histogram(EDGES).fit(X[s], sample_weight=w[s]) for s in (slice(0, 100), slice(100, 400))]
    merged, whole = parts[0].merge(parts[1]), fd.Histogram(EDGES).fit(X, sample_weight=w)
    np.testing.assert_allclose(merged.density_, whole.density_, rtol=1e-12)
    assert merged.weight_sum_ == pytest.approx(w.sum())
    with pytest.raises(ValueError, match="same bin edges"):
        whole.merge(fd.Histogram(3).fit(X))
    with pytest.raises(TypeError, match="other must be a Histogram, got Gaussian"):
        whole.merge(fd.Gaussian().fit(X))
    with pytest.raises(ValueError, match="need the training rows"):
        merged.loo_score_samples()


# --- hostile data -----------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:the rule")
@pytest.mark.parametrize("bins", [*RULES, 4])
@pytest.mark.parametrize("X", [[[2.0]], [[2.0], [2.0], [2.0]], [[2.0, 1.0]], [[1e300], [1e300]], [[0.0], [5e-324]]])
def test_one_row_equal_rows_and_subnormal_numbers(bins, X):
    model = fd.Histogram(bins).fit(X)
    assert np.isfinite(model.score_samples(X)).all()
    assert model.mass_.sum() == pytest.approx(1)
    assert np.isfinite(model.sample(5, random_state=0)).all()


def test_equal_values_have_a_bin_one_unit_wide():
    model = fd.Histogram().fit([[3.0], [3.0]])
    assert model.edges_[0].tolist()[0] == 2.5
    assert model.edges_[0].tolist()[-1] == 3.5


def test_one_far_outlier():
    X = np.append(np.random.default_rng(0).random(6544), 1e15)[:, None]
    with pytest.warns(UserWarning, match="the rule 'auto' asks for"):
        model = fd.Histogram().fit(X)
    assert model.density_.size <= 2**16
    assert np.isfinite(model.score_samples(X)).all()


def test_many_features_stay_within_memory():
    X = np.random.default_rng(0).normal(size=(100, 12))
    with pytest.warns(UserWarning, match=r"too many cells for 100 rows; \d+ are used"):
        model = fd.Histogram().fit(X)
    assert model.density_.size <= 64 * 100
    assert np.isfinite(model.score_samples(X)).all()
    with pytest.raises(ValueError, match=r"at most 2\^24 cells altogether, got 1000000000000 in shape"):
        fd.Histogram(10).fit(X)


def test_rows_outside_the_bins_are_left_out_with_a_warning():
    X = np.array([[0.5], [0.6], [3.0]])
    for arguments in ({"bins": [0, 1]}, {"bins": 2, "range": (0, 1)}):
        with pytest.warns(UserWarning, match="1 of 3 rows of X lie outside the bins"):
            model = fd.Histogram(**arguments).fit(X)
        assert model.weight_sum_ == 2
        assert model.mass_.sum() == 1
        assert model.score_samples([[3.0]])[0] == -np.inf
        assert model.loo_score_samples()[2] == -np.inf
    with pytest.raises(ValueError, match="at least one row of X"):
        fd.Histogram([7, 8]).fit(X)
    with pytest.raises(ValueError, match="range must hold at least one row of X"):
        fd.Histogram(2, range=(7, 8)).fit(X)


@pytest.mark.parametrize(
    ("bins", "limits", "error", "message"),
    [
        ("rice", None, ValueError, "bins must be one of 'auto', 'risk', .*, got 'rice'"),
        (0, None, ValueError, "bins must be an integer of at least 1 .*, got 0"),
        (2.5, None, TypeError, "bins must be an integer, a rule, edges"),
        (True, None, TypeError, "bins must be an integer"),
        ([1.0, 0.0], None, ValueError, r"edges that increase strictly, got 1\.0 before 0\.0"),
        ([0.0, 1.0, 1.0], None, ValueError, r"edges that increase strictly, got 1\.0 before 1\.0"),
        ([0.0, np.nan, 1.0], None, ValueError, "finite edges, got nan"),
        ([-1.5e308, 0, 1.5e308], None, ValueError, r"must span a finite range, got \[-1\.5e\+308, 1\.5e\+308\]"),
        ([0.0], None, ValueError, "at least two edges|one entry"),
        ([[0.0, 1.0], [0.0, 1.0]], None, ValueError, r"one entry per feature \(1\), got 2"),
        ([0.0, 9.0], (0, 1), ValueError, "range must not be given where bins are edges"),
        (3, (1, 0), ValueError, "range must be two finite numbers"),
        (3, [(0, 9), (0, 9)], ValueError, r"range must have one entry per feature \(1\), got 2"),
        (3, 7, TypeError, "range must be two numbers"),
    ],
)
def test_errors(bins, limits, error, message):
    with pytest.raises(error, match=message):
        fd.Histogram(bins, limits).fit(column())


@pytest.mark.parametrize("bins", RULES)
def test_nan_is_an_error_for_every_rule(bins):
    """Peers' bug: an endless loop."""
    with pytest.raises(ValueError, match="NaN"):
        fd.Histogram(bins).fit([[0.0], [np.nan]])
    model = fd.Histogram().fit(column())
    with pytest.raises(ValueError, match="NaN"):
        model.score_samples([[np.nan]])
    with pytest.raises(ValueError, match="q must lie between 0 and 1, got nan"):
        model.ppf(np.nan)


def test_methods_for_one_feature_say_so():
    model = fd.Histogram(3).fit(plane())
    with pytest.raises(ValueError, match="cdf needs a model of one feature, got 3; take marginal"):
        model.cdf(plane())
    with pytest.raises(ValueError, match="ppf needs a model of one feature, got 3"):
        model.ppf(0.5)


def test_inputs_are_not_changed_and_a_failed_fit_keeps_the_old_state():
    X, edges = column(), np.array([0.0, 1.0, 50.0])
    before = X.copy()
    model = fd.Histogram(edges).fit(X)
    np.testing.assert_array_equal(X, before)
    assert model.bins is edges
    assert model.edges_[0] is not edges
    mass = model.mass_
    with pytest.raises(ValueError, match="at least one row"):
        model.fit(X + 1e6)
    assert model.mass_ is mass


def test_rules_do_not_warn_on_ordinary_data():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for bins in RULES:
            fd.Histogram(bins).fit(column())
            fd.Histogram(bins).fit(plane()[:, :2])

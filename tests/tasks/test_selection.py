"""The comparison itself, on small models made here, so that every expected number can be worked out by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from fastdens.models.contract import Density
from fastdens.models.drawing import draw
from fastdens.tasks.scaling import ScaledDensity
from fastdens.tasks.selection import select_density


class Normal(Density):
    """Independent normal columns."""

    def __init__(self, scale=None):
        self.scale = scale

    def fit(self, X, y=None, sample_weight=None):
        data, weights, columns = self._fit_data(X, sample_weight)
        self.mean_ = np.average(data, axis=0, weights=weights)
        self.scale_ = np.sqrt(np.average((data - self.mean_) ** 2, axis=0, weights=weights))
        if self.scale is not None:
            self.scale_ = np.full(data.shape[1], float(self.scale))
        self._remember_data(columns)
        return self

    def score_samples(self, X):
        return stats.norm.logpdf(self._new_data(X), self.mean_, self.scale_).sum(axis=1)

    def sample(self, n_samples=1, random_state=None):
        rng = np.random.default_rng(random_state)
        return rng.normal(self.mean_, self.scale_, (n_samples, len(self.mean_))), np.zeros(n_samples)


class Box(Density):
    """Uniform on the range of the training data: density zero outside."""

    def __init__(self):
        pass

    def fit(self, X, y=None, sample_weight=None):
        data, _, columns = self._fit_data(X, sample_weight)
        self.low_, self.high_ = data.min(axis=0), data.max(axis=0)
        self._remember_data(columns)
        return self

    def score_samples(self, X):
        inside = ((self._new_data(X) >= self.low_) & (self.high_ >= X)).all(axis=1)
        return np.where(inside, -np.log(self.high_ - self.low_).sum(), -np.inf)


class Constant(Density):
    """The same log-density everywhere."""

    def __init__(self, value=0.0):
        self.value = value

    def fit(self, X, y=None, sample_weight=None):
        self._remember_data(self._fit_data(X, sample_weight)[2])
        return self

    def score_samples(self, X):
        return np.full(len(self._new_data(X)), float(self.value))


class Breaks(Constant):
    def fit(self, X, y=None, sample_weight=None):
        raise ValueError("needs\nmore rows")


class NoWeights(Constant):
    def fit(self, X, y=None):
        return super().fit(X)


@pytest.fixture
def data():
    return np.random.default_rng(1).normal(3, 2, (101, 2))


def test_score_is_the_mean_held_out_log_density(data):
    selection = select_density({"normal": Normal()}, data, n_folds=7)
    found = selection["normal"]
    expected = np.empty(101)
    for fold in range(7):
        train, test = data[selection.folds != fold], selection.folds == fold
        expected[test] = stats.norm.logpdf(data[test], train.mean(axis=0), train.std(axis=0)).sum(axis=1)
    np.testing.assert_allclose(found.log_density, expected, rtol=1e-13)
    assert found.score == pytest.approx(expected.mean(), rel=1e-13)
    assert found.standard_error == pytest.approx(expected.std(ddof=1) / np.sqrt(101), rel=1e-12)
    assert (found.zero_fraction, found.infinite_fraction, found.error) == (0, 0, "")
    assert found.score_elsewhere == found.score


def test_folds_are_balanced_seeded_and_the_same_for_all_models(data):
    first = select_density([Normal()], data, refit=False)
    again = select_density([Normal(), Normal(2.0)], data, refit=False)
    other = select_density([Normal()], data, random_state=1, refit=False)
    np.testing.assert_array_equal(first.folds, again.folds)
    assert sorted(np.bincount(first.folds)) == [20, 20, 20, 20, 21]
    assert (first.folds != other.folds).any()


def test_models_come_best_first_with_paired_differences(data):
    selection = select_density({"wide": Normal(5.0), "right": Normal(), "narrow": Normal(0.7)}, data)
    assert [c.name for c in selection.candidates] == ["right", "wide", "narrow"]
    assert selection.best_name == "right"
    wide = selection["wide"]
    pairs = selection["right"].log_density - wide.log_density
    assert wide.difference == pytest.approx(pairs.mean(), rel=1e-12)
    assert wide.difference_error == pytest.approx(pairs.std(ddof=1) / np.sqrt(101), rel=1e-12)
    assert selection.candidates[0].difference == 0
    np.testing.assert_allclose(selection.best_model.mean_, data.mean(axis=0))
    assert len(str(selection).splitlines()) == 3
    assert {row["name"] for row in selection.table()} == {"right", "wide", "narrow"}


def test_zero_density_at_one_held_out_point_is_minus_infinity_and_is_counted(data):
    """Peers' bug: the comparison becomes NaN once a compact kernel or an empty bin meets a held-out point."""
    selection = select_density({"box": Box(), "far": Normal(500.0), "none": Constant(-np.inf)}, data)
    box = selection["box"]
    outside = np.isneginf(box.log_density)
    assert 0 < outside.sum() < 20
    assert box.score == -math.inf
    assert math.isnan(box.standard_error)
    assert box.zero_fraction == pytest.approx(outside.mean())
    assert box.score_elsewhere == pytest.approx(box.log_density[~outside].mean())
    assert box.score_elsewhere > selection["far"].score  # and all the same it is not the best
    assert [c.name for c in selection.candidates] == ["far", "box", "none"]
    assert box.difference == math.inf
    assert f"density 0 at {outside.mean():.2%}" in str(selection)
    assert math.isnan(selection["none"].score_elsewhere)


def test_infinite_density_is_not_a_victory(data):
    selection = select_density({"infinite": Constant(np.inf), "normal": Normal(), "box": Box()}, data)
    assert [c.name for c in selection.candidates] == ["normal", "box", "infinite"]
    assert selection["infinite"].score == math.inf
    assert selection["infinite"].infinite_fraction == 1
    assert "infinite density at 100.00%" in selection["infinite"].explain_score()


def test_weights_enter_fits_and_scores_and_their_scale_does_not_matter(data):
    weights = np.random.default_rng(2).integers(0, 4, 101).astype(float)
    one = select_density({"n": Normal()}, data, sample_weight=weights)
    two = select_density({"n": Normal()}, data, sample_weight=8 * weights)
    absent = select_density({"n": Normal()}, data[weights > 0], sample_weight=weights[weights > 0])
    held = one["n"].log_density
    assert (one.folds[weights == 0] == -1).all()
    assert np.isnan(held[weights == 0]).all()
    used = weights > 0
    share = weights[used] / weights[used].sum()
    assert one["n"].score == pytest.approx(share @ held[used], rel=1e-13)
    spread = np.sum((share * (held[used] - one["n"].score)) ** 2) * used.sum() / (used.sum() - 1)
    assert one["n"].standard_error == pytest.approx(np.sqrt(spread), rel=1e-12)
    assert two["n"].score == pytest.approx(one["n"].score, rel=1e-13)
    assert two["n"].standard_error == pytest.approx(one["n"].standard_error, rel=1e-12)
    assert absent["n"].score == one["n"].score
    np.testing.assert_array_equal(one.folds[used], absent.folds)
    fold = one.folds == 0
    train = (one.folds > 0) & used
    expected = stats.norm.logpdf(
        data[fold],
        np.average(data[train], axis=0, weights=weights[train]),
        np.sqrt(
            np.average(
                (data[train] - np.average(data[train], axis=0, weights=weights[train])) ** 2,
                axis=0,
                weights=weights[train],
            )
        ),
    ).sum(axis=1)
    np.testing.assert_allclose(held[fold], expected, rtol=1e-12)


def test_equal_weights_change_nothing(data):
    plain = select_density({"n": Normal()}, data)["n"]
    equal = select_density({"n": Normal()}, data, sample_weight=np.full(101, 0.3))["n"]
    assert equal.score == pytest.approx(plain.score, rel=1e-12)
    assert equal.standard_error == pytest.approx(plain.standard_error, rel=1e-12)


def test_leave_one_out_and_two_rows(data):
    assert np.unique(select_density([Normal()], data[:9], n_folds=9).folds).size == 9
    selection = select_density([Normal(1.0)], [[0.0], [1.0]], n_folds=2)
    assert selection.candidates[0].score == pytest.approx(stats.norm.logpdf(1.0))


def test_a_failing_model_raises_or_is_recorded(data):
    with pytest.raises(ValueError, match="needs\nmore rows") as caught:
        select_density({"good": Normal(), "bad": Breaks()}, data)
    assert "raised by bad in select_density, fold 0" in caught.value.__notes__
    selection = select_density({"bad": Breaks(), "good": Normal(), "nan": Constant(np.nan)}, data, on_error="record")
    assert [c.name for c in selection.candidates] == ["good", "bad", "nan"]
    assert selection["bad"].explain_score() == "failed: needs more rows"
    assert math.isnan(selection["bad"].score)
    assert "NaN" in selection["nan"].error
    with pytest.raises(ValueError, match="none could be fitted and scored; bad: needs more rows"):
        select_density({"bad": Breaks()}, data, on_error="record")


def test_models_are_copied_not_fitted(data):
    model = Normal(2.0)
    selection = select_density([model], data)
    assert not hasattr(model, "mean_")
    assert selection.candidates[0].model is model
    assert selection.best_model is not model
    assert selection.best_model.scale == 2.0
    assert select_density([model], data, refit=False).best_model is None


def test_names_of_a_list_are_representations_made_unique(data):
    selection = select_density([Normal(), Normal(), Constant(-50.0)], data)
    assert sorted(c.name for c in selection.candidates) == ["Constant(value=-50.0)", "Normal()", "Normal() (2)"]
    with pytest.raises(KeyError):
        selection["nothing"]


def test_column_names_reach_the_best_model(data):
    import pandas as pd

    selection = select_density([Normal()], pd.DataFrame(data, columns=["a", "b"]))
    assert list(selection.best_model.feature_names_in_) == ["a", "b"]


def test_callback_counts_every_fit(data):
    seen = []
    select_density([Normal(), Box()], data, n_folds=3, callback=lambda done, total: seen.append((done, total)))
    assert seen == [(i, 6) for i in range(1, 7)]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"models": Normal()},
            TypeError,
            "models must be a mapping of names to models or a list of models, got Normal",
        ),
        ({"models": 3}, TypeError, "models must be a mapping .* got 3"),
        ({"models": []}, ValueError, "models must hold at least one model, got none"),
        ({"models": [Normal]}, TypeError, "models must be objects with fit and score_samples, got <class"),
        ({"models": {"x": 3}}, TypeError, "models must be objects with fit and score_samples, got 3 for 'x'"),
        ({"X": [1.0, 2.0]}, ValueError, "Expected 2D array, got 1D array instead for X"),
        ({"X": [[1.0]]}, ValueError, "Found array with 1 sample.* minimum of 2"),
        ({"X": [[1.0], [np.nan]]}, ValueError, "Input X contains NaN"),
        ({"n_folds": 1}, ValueError, "n_folds must be an integer of at least 2, got 1"),
        ({"n_folds": 2.0}, TypeError, "n_folds must be an integer of at least 2, got 2.0"),
        ({"n_folds": 5}, ValueError, r"n_folds must be at most the number of rows that carry weight \(4\), got 5"),
        ({"sample_weight": [1, 1, 1, 0], "n_folds": 4}, ValueError, r"carry weight \(3\), got 4"),
        ({"sample_weight": [1, 1, 1, -1]}, ValueError, "sample_weight must not be negative, got -1.0 at index 3"),
        ({"on_error": "ignore"}, ValueError, "on_error must be one of 'raise', 'record', got 'ignore'"),
        (
            {"models": [NoWeights()], "sample_weight": [1, 1, 1, 1]},
            TypeError,
            "sample_weight was passed, but NoWeights",
        ),
    ],
)
def test_errors_name_argument_rule_and_value(arguments, error, message):
    complete = {"models": [Normal()], "X": [[0.0], [1.0], [2.0], [4.0]], "n_folds": 2, **arguments}
    with pytest.raises(error, match=message):
        select_density(**complete)


def test_scaled_density_is_the_density_in_the_units_of_the_data(data):
    units = np.array([1e-6, 1e5])
    model = ScaledDensity(Normal()).fit(data * units)
    expected = Normal().fit(data * units).score_samples(data * units)
    np.testing.assert_allclose(model.score_samples(data * units), expected, rtol=1e-10)
    drawn = model.sample(20000, random_state=0)
    np.testing.assert_allclose(drawn.mean(axis=0), (data * units).mean(axis=0), rtol=0.05)
    np.testing.assert_allclose(drawn.std(axis=0), (data * units).std(axis=0), rtol=0.05)
    assert draw(model, 3, 0).shape == (3, 2)


def test_scaled_density_with_weights_and_a_constant_column(data):
    rows = np.column_stack([data[:, 0], np.full(101, 0.1)])
    weights = np.arange(101.0)
    model = ScaledDensity(Normal(1.0)).fit(rows, sample_weight=weights)
    assert model.scale_[1] == 1
    assert model.location_[0] == pytest.approx(np.average(data[:, 0], weights=weights))
    assert np.isfinite(model.score_samples(rows)).all()
    assert model.get_params()["density__scale"] == 1.0

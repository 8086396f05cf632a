"""The contract of every model: parameters, inputs, fitted state and scores; its distributions are in
test_contract_distributions.py."""

import inspect
import warnings

import numpy as np
import pytest
from hostile_arrays import DEGENERATE
from models_under_test import MASS_TOLERANCE, MODELS, draw, fitted_state, training_data

import fastdens as fd

pytestmark = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS.keys())


def fitted(make):
    return make().fit(training_data())


def assert_same_state(a, b):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_equal(a[name], b[name], err_msg=name)


# --- parameters -------------------------------------------------------------------------------------------------------


def test_constructor_stores_its_arguments_untouched(make):
    cls = type(make())
    junk = {name: object() for name in inspect.signature(cls).parameters}
    model = cls(**junk)
    assert all(getattr(model, name) is value for name, value in junk.items())
    assert set(vars(model)) == set(junk)


def test_parameters_round_trip(make):
    model = make()
    params = model.get_params()
    other = type(model)().set_params(**params)
    assert other.get_params() == params
    with pytest.raises(ValueError, match=r"(?s)Invalid parameter 'no_such' for estimator .*Valid parameters are"):
        model.set_params(no_such=1)


def test_repr_shows_what_differs_from_the_default(make):
    model = make()
    assert repr(type(model)()) == f"{type(model).__name__}()"
    assert eval(repr(model), {**vars(fd), "array": np.array, type(model).__name__: type(model)}).get_params().keys()


def test_fit_returns_self_and_changes_no_parameter(make):
    model = make()
    before = model.get_params()
    assert model.fit(training_data()) is model
    assert all(model.get_params()[name] is value for name, value in before.items())
    assert model.n_features_in_ == 2


def test_fit_ignores_y(make):
    X = training_data()
    np.testing.assert_array_equal(make().fit(X, np.arange(len(X))).score_samples(X), fitted(make).score_samples(X))


@pytest.mark.parametrize("method", ["score_samples", "score", "sample"])
def test_an_unfitted_model_says_so(make, method):
    arguments = (3,) if method == "sample" else (training_data(),)
    with pytest.raises(ValueError, match=r"instance is not fitted yet. Call 'fit' with appropriate arguments"):
        getattr(make(), method)(*arguments)
    with pytest.raises(AttributeError):
        getattr(make(), method)(*arguments)


# --- inputs and state -------------------------------------------------------------------------------------------------


def test_inputs_stay_as_they_were(make):
    X, weights = training_data(), np.arange(61)
    X_before, weights_before = X.copy(), weights.copy()
    model = make().fit(X, sample_weight=weights)
    model.score_samples(X)
    model.score(X, sample_weight=weights)
    np.testing.assert_array_equal(X, X_before)
    np.testing.assert_array_equal(weights, weights_before)


def test_a_model_does_not_change_when_its_data_do(make):
    X, queries = training_data(), training_data(31)
    model = make().fit(X)
    before = model.score_samples(queries)
    X[...] = 1e3
    np.testing.assert_array_equal(model.score_samples(queries), before)


@pytest.mark.parametrize("bad", [np.full((5, 2), np.nan), np.zeros((0, 2)), np.zeros(4), "text", None])
def test_a_failed_fit_leaves_the_old_state_whole(make, bad):
    model = fitted(make)
    before, scores = fitted_state(model), model.score_samples(training_data())
    with pytest.raises((ValueError, TypeError)):
        model.fit(bad)
    with pytest.raises(ValueError, match="sample_weight"):
        model.fit(training_data(11, 3), sample_weight=-np.ones(11))
    assert_same_state(fitted_state(model), before)
    np.testing.assert_array_equal(model.score_samples(training_data()), scores)


def test_a_fit_that_fails_on_a_parameter_leaves_the_old_state_whole(make):
    model = fitted(make)
    before = fitted_state(model)
    broken = 0
    for name, value in model.get_params().items():
        model.set_params(**{name: object()})
        try:
            model.fit(training_data(31))
        except (ValueError, TypeError):
            broken += 1
            assert_same_state(fitted_state(model), before)
        else:
            model.set_params(**{name: value}).fit(training_data())
        model.set_params(**{name: value})
    assert broken >= 1


def test_a_second_fit_forgets_the_first(make):
    pd = pytest.importorskip("pandas")
    X = training_data(31)
    model = make().fit(pd.DataFrame(training_data(), columns=["a", "b"]))
    np.testing.assert_array_equal(model.fit(X).score_samples(X), make().fit(X).score_samples(X))
    assert not hasattr(model, "feature_names_in_")


def test_feature_names(make):
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(training_data(), columns=["a", "b"])
    model = make().fit(X)
    assert list(model.feature_names_in_) == ["a", "b"]
    assert model.feature_names_in_.dtype == object
    model.score_samples(X)
    with pytest.warns(UserWarning, match="X does not have valid feature names, but .* was fitted with feature names"):
        model.score_samples(X.to_numpy())
    with pytest.warns(UserWarning, match="X has feature names, but .* was fitted without feature names"):
        fitted(make).score_samples(X)
    with pytest.raises(ValueError, match="must be in the same order as they were in fit"):
        model.score_samples(X[["b", "a"]])
    with pytest.raises(ValueError, match=r"unseen at fit time:\n- c\n"):
        model.score_samples(X.rename(columns={"b": "c"}))


# --- scores -----------------------------------------------------------------------------------------------------------


def test_scores_are_one_number_per_row_and_no_nan(make):
    scores = fitted(make).score_samples(np.r_[training_data(), [[1e3, -1e3], [1e150, 0.0]]])
    assert scores.shape == (63,)
    assert scores.dtype == np.float64
    assert not np.isnan(scores).any()
    assert np.isfinite(scores[:61]).all()
    assert (scores < np.inf).all()


def test_score_is_the_weighted_mean_or_in_kernel_density_the_total(make):
    model, X = fitted(make), training_data(31)
    weights = np.arange(31.0)
    scores = model.score_samples(X)
    total = isinstance(model, fd.KernelDensity)
    np.testing.assert_allclose(model.score(X), scores.sum() if total else scores.mean(), rtol=1e-12)
    assert isinstance(model.score(X), float)
    if "sample_weight" in inspect.signature(model.score).parameters:
        expected = (scores * weights).sum() / (1 if total else weights.sum())
        np.testing.assert_allclose(model.score(X, sample_weight=weights), expected, rtol=1e-12)
        far = np.concatenate([X, np.full((1, X.shape[1]), 1e4)])  # no density there, and no weight
        np.testing.assert_allclose(model.score(far, sample_weight=np.append(weights, 0.0)), expected, rtol=1e-12)


def test_a_row_scores_the_same_alone_and_in_any_company(make):
    model, X = fitted(make), training_data(37)
    together = model.score_samples(X)
    alone = np.concatenate([model.score_samples(X[i : i + 1]) for i in range(len(X))])
    np.testing.assert_allclose(alone, together, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(model.score_samples(X[::-1])[::-1], together, rtol=1e-12, atol=1e-12)


def test_the_order_of_the_data_does_not_matter(make, random):
    X, queries = training_data(), training_data(31)
    shuffled = X[random.permutation(len(X))]
    np.testing.assert_allclose(
        make().fit(shuffled).score_samples(queries), make().fit(X).score_samples(queries), rtol=1e-7, atol=1e-9
    )


def test_the_density_integrates_to_one(make, request):
    model = fitted(make)
    side, step = np.linspace(-16, 20, 601, retstep=True)
    grid = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
    tolerance = MASS_TOLERANCE.get(request.node.callspec.id, 1e-6)
    assert np.exp(model.score_samples(grid)).sum() * step**2 == pytest.approx(1, abs=tolerance)


@pytest.mark.parametrize("case", DEGENERATE)
def test_degenerate_data_give_numbers_or_one_clear_error(make, case):
    X = DEGENERATE[case]
    model = make()
    if "means_init" in model.get_params() and X.shape[1] != 2:
        model.set_params(means_init=None)
    refusal = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a model may say that it has not converged, or add a floor
        try:
            scores = model.fit(X).score_samples(X)
            points = draw(model, 5, 0)
        except ValueError as error:
            refusal = error
    if refusal is not None:
        assert type(refusal) is ValueError  # and no LinAlgError
        assert len(str(refusal)) > 20
        return
    assert not np.isnan(scores).any()
    assert (scores > -np.inf).all()
    assert np.isfinite(points).all()
    for name, value in fitted_state(model).items():
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            assert not np.isnan(value).any(), name


def test_float32_data(make):
    X = training_data().astype(np.float32)
    model = make().fit(X)
    scores = model.score_samples(X)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, make().fit(X.astype(float)).score_samples(X.astype(float)), rtol=1e-4, atol=1e-4)

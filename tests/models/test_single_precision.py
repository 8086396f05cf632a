"""Single precision: float32 results from float32 data and arguments, float64 otherwise, close to those in double."""

import itertools

import numpy as np
import pytest
from models_under_test import MODELS, draw, training_data

import fastdens as fd

# What has the length of the arguments: name of the method, and the arguments that it takes of rows, uniform numbers,
# and probabilities.
METHODS = {
    "score_samples": lambda m, X, U, q: m.score_samples(X),
    "score_gradient": lambda m, X, U, q: m.score_gradient(X),
    "predict_proba": lambda m, X, U, q: m.predict_proba(X),
    "to_uniform": lambda m, X, U, q: m.to_uniform(X),
    "from_uniform": lambda m, X, U, q: m.from_uniform(U),
    "cdf": lambda m, X, U, q: m.cdf(X),
    "sf": lambda m, X, U, q: m.sf(X),
    "ppf": lambda m, X, U, q: m.ppf(q),
    "level": lambda m, X, U, q: m.level(q),
    "box_probability": lambda m, X, U, q: m.box_probability(X - 1, X + 1),
    "confidence_band": lambda m, X, U, q: m.confidence_band(X)[1],
    "evaluate_grid": lambda m, X, U, q: m.evaluate_grid(list(X.T[:, :7]))[1],
    "return_bounds": lambda m, X, U, q: m.score_samples(X, return_bounds=True)[1],
    "marginal": lambda m, X, U, q: m.marginal(0).score_samples(X[:, :1]),
    "condition": lambda m, X, U, q: m.condition(0, 0.5).score_samples(X[:, 1:]),
    "conditions": lambda m, X, U, q: m.condition(0, X[:, 0, None]).score_samples(X[:, 1:]),
    "compress": lambda m, X, U, q: m.compress(0.01).score_samples(X),
}
# What is made of the data alone.
OF_DATA = {
    "sample": lambda m: draw(m, 5, 0),
    "loo_score_samples": lambda m: m.loo_score_samples(),
    "evaluate_grid": lambda m: m.evaluate_grid(n_points=5)[1],
    "axes": lambda m: m.evaluate_grid(n_points=5)[0][0],
    "marginal": lambda m: draw(m.marginal(0), 5, 0),
    "condition": lambda m: m.condition(0, 0.5).sample(5, random_state=0),
    "conditions": lambda m: m.condition(0, [[0.5], [1.0]]).sample(random_state=0),
    "merge": lambda m: m.merge(m).sample(5, random_state=0),
}
DTYPES = (np.float32, np.float64)


def arguments(d, dtype):
    random = np.random.default_rng(1)
    X, U = training_data(37, d), random.random((37, d))
    return X.astype(dtype), U.astype(dtype), random.random(11).astype(dtype)


def answers(model, methods, *rest):
    """What a model answers, by name; what it does not is left out."""
    found = {}
    for name, method in methods.items():
        try:
            found[name] = method(model, *rest)
        except (AttributeError, ValueError, TypeError):
            continue
    return found


def fitted(name, d, dtype):
    model = MODELS[name]()
    if d == 1 and "bounds" in model.get_params() and model.bounds is not None:
        model.set_params(bounds=(-9, 20))
    if d == 1 and "means_init" in model.get_params():
        model.set_params(means_init=model.means_init[:, :1])
    return model.fit(training_data(d=d).astype(dtype))


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("name", MODELS)
def test_float32_in_float32_out(name, d):
    for of_data, of_arguments in itertools.product(DTYPES, DTYPES):
        model = fitted(name, d, of_data)
        expected = np.float32 if of_data == of_arguments == np.float32 else np.float64
        found = answers(model, METHODS, *arguments(d, of_arguments))
        assert "score_samples" in found
        assert {key: value.dtype for key, value in found.items()} == dict.fromkeys(found, np.dtype(expected))
        found = answers(model, OF_DATA)
        assert "sample" in found
        assert {key: value.dtype for key, value in found.items()} == dict.fromkeys(found, np.dtype(of_data))


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("name", MODELS)
def test_single_precision_is_close_to_double(name, d):
    narrow, wide = fitted(name, d, np.float32), fitted(name, d, np.float64)
    few, many = (answers(m, METHODS, *arguments(d, t)) for m, t in ((narrow, np.float32), (wide, np.float64)))
    assert few.keys() == many.keys()
    for key in few.keys() - {"compress"}:
        np.testing.assert_allclose(few[key], many[key], rtol=2e-3, atol=2e-4, err_msg=key)
    few, many = answers(narrow, OF_DATA), answers(wide, OF_DATA)
    assert few.keys() == many.keys()
    for key in few:
        np.testing.assert_allclose(few[key], many[key], rtol=2e-3, atol=2e-4, err_msg=key)


@pytest.mark.parametrize("name", MODELS)
def test_the_precision_survives_copies_and_files(name, tmp_path):
    import pickle

    model = fitted(name, 2, np.float32)
    fd.save(model, tmp_path / "model")
    X, _, _ = arguments(2, np.float32)
    for copy in (pickle.loads(pickle.dumps(model)), fd.load(tmp_path / "model")):
        assert copy.score_samples(X).dtype == draw(copy, 3, 0).dtype == np.float32


@pytest.mark.parametrize("name", MODELS)
def test_densities_beyond_single_precision_are_infinite_without_a_warning(name):
    model = fitted(name, 2, np.float32)
    far = np.float32([[3e38, -3e38], [1e30, 0.0]])
    scores = model.score_samples(far)
    assert scores.dtype == np.float32
    assert not np.isnan(scores).any()


def test_draws_of_a_histogram_stay_in_their_bins_when_they_are_rounded():
    """Bins of a few representable numbers, every other one of them empty."""
    X = (1000 + np.float32(2**-10) * np.arange(0, 64, 8, dtype=np.float32))[:, None]
    edges = 1000 + 2**-10 * np.arange(0, 62, 2) - 2**-13
    model = fd.Histogram(bins=edges).fit(X)
    draws = model.sample(20_000, random_state=0)
    assert draws.dtype == np.float32
    assert (model.score_samples(draws) > -np.inf).all()
    last = fd.Histogram(bins=[0.0, 0.5, 1.0]).fit(np.float32([[1.0], [1.0], [0.75]])).sample(20_000, random_state=0)
    assert (last >= 0.5).all()
    assert (last <= 1.0).all()


def test_a_mixture_with_parameters_set_by_hand_follows_its_rows():
    model = fd.GaussianMixture(1)
    model.weights_, model.means_, model.precisions_cholesky_ = np.ones(1), np.zeros((1, 1)), np.ones((1, 1, 1))
    assert model.score_samples(np.float32([[0.0]])).dtype == np.float32
    assert model.score_samples([[0.0]]).dtype == model.sample(2)[0].dtype == np.float64


def test_fits_by_a_divergence_follow_their_target():
    X = training_data().astype(np.float32)
    for target in (X, fd.Gaussian().fit(X)):
        fit = fd.fit_divergence(fd.Gaussian(), target, "kl", random_state=0)
        assert fit.score_samples(X).dtype == np.float32

"""The distributions of every model: weights, draws, threads and instruction sets, copies, memory."""

import copy
import pickle

import numpy as np
import pytest
from hostile_arrays import BAD_WEIGHTS
from models_under_test import COUNTS_ROWS, MODELS, draw, training_data
from subprocesses import run_python

import fastdens as fd
from fastdens.core import _instruction_sets as instruction_sets

pytestmark = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS.keys())


def fitted(make):
    return make().fit(training_data())


# --- weights ----------------------------------------------------------------------------------------------------------


def compare_fits(make, X, weights, X_other, weights_other=None):
    queries = training_data(31)
    model, other = make().fit(X, sample_weight=weights), make().fit(X_other, sample_weight=weights_other)
    np.testing.assert_allclose(model.score_samples(queries), other.score_samples(queries), rtol=1e-6, atol=1e-8)


def test_an_integer_weight_is_a_repeated_row(make, random, request):
    if request.node.callspec.id in COUNTS_ROWS:
        pytest.skip("its bandwidth depends on the number of rows, and weights have no scale: both cannot hold")
    X = training_data()
    weights = random.integers(1, 5, size=len(X))
    compare_fits(make, X, weights, np.repeat(X, weights, axis=0))


def test_a_weight_of_zero_is_no_row(make):
    X = training_data()
    weights = np.ones(len(X))
    weights[::3] = 0
    X_with_outliers = X.copy()
    X_with_outliers[::3] = 100.0
    compare_fits(make, X_with_outliers, weights, X[weights > 0])


@pytest.mark.parametrize("factor", [1 / 3, 1e-200, 1e200])
def test_weights_have_no_scale(make, random, factor):
    X = training_data()
    weights = random.uniform(0.5, 2, size=len(X))
    compare_fits(make, X, factor * weights, X, weights)


def test_equal_weights_are_no_weights(make):
    X = training_data()
    compare_fits(make, X, np.full(len(X), 0.3), X)


@pytest.mark.parametrize("case", BAD_WEIGHTS)
def test_bad_weights_are_refused(make, case):
    bad, error, text = BAD_WEIGHTS[case]
    with pytest.raises(error, match=text) as caught:
        make().fit(training_data(), sample_weight=bad(61))
    assert "sample_weight" in str(caught.value)


# --- draws ------------------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_draws(make):
    model = fitted(make)
    np.testing.assert_array_equal(draw(model, 17, 5), draw(model, 17, 5))
    np.testing.assert_array_equal(draw(model, 17, np.random.default_rng(5)), draw(model, 17, np.random.default_rng(5)))
    assert draw(model, 17, 5).shape == (17, 2)
    assert not np.array_equal(draw(model, 17, 5), draw(model, 17, 6))


def test_a_generator_is_advanced(make):
    model, generator = fitted(make), np.random.default_rng(5)
    assert not np.array_equal(draw(model, 17, generator), draw(model, 17, generator))
    legacy = np.random.RandomState(5)
    assert not np.array_equal(draw(model, 17, legacy), draw(model, 17, legacy))


def test_the_global_random_state_is_left_alone(make):
    """Peers' bug: a sampler that uses the global NumPy generator (kalepy)."""
    before = np.random.get_state(legacy=False)  # noqa: NPY002
    model = fitted(make)
    model.score_samples(training_data())
    draw(model, 9, None)
    draw(model, 9, 3)
    np.testing.assert_equal(np.random.get_state(legacy=False), before)  # noqa: NPY002


@pytest.mark.parametrize(("bad", "error"), [(-1, ValueError), (1.5, TypeError), ("3", TypeError), (None, TypeError)])
def test_bad_sample_sizes_are_refused(make, bad, error):
    with pytest.raises(error, match=r"n_samples"):
        fitted(make).sample(bad)


# --- threads, instruction sets ----------------------------------------------------------------------------------------


def test_results_do_not_depend_on_the_number_of_threads(make):
    X, queries = training_data(4099), training_data(2003)
    results = []
    for n in (1, 2, 7):
        with fd.threads(n):
            model = make().fit(X)
            results.append((model.score_samples(queries), draw(model, 101, 0)))
    for scores, points in results[1:]:
        np.testing.assert_array_equal(scores, results[0][0])
        np.testing.assert_array_equal(points, results[0][1])


def test_results_are_close_on_every_instruction_set(make, instruction_set):
    X = training_data()
    scores = make().fit(X).score_samples(X)
    instruction_sets.use("base")
    np.testing.assert_allclose(scores, make().fit(X).score_samples(X), rtol=1e-9, atol=1e-11)


# --- copies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["pickle", "deepcopy", "pickle5", "save"])
def test_a_copy_is_the_same_model(make, how, tmp_path):
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(training_data(), columns=["a", "b"])
    model = make().fit(X, sample_weight=np.arange(1, 62))
    if how == "deepcopy":
        of_reference = copy.deepcopy(model)
    elif how == "save":
        fd.save(model, tmp_path / "model")
        of_reference = fd.load(tmp_path / "model")
    elif how == "pickle5":
        buffers = []
        frozen = pickle.dumps(model, protocol=5, buffer_callback=buffers.append)
        # Read-only memory, as joblib and shared memory give it.
        of_reference = pickle.loads(frozen, buffers=[bytes(buffer) for buffer in buffers])
    else:
        of_reference = pickle.loads(pickle.dumps(model))
    assert type(of_reference) is type(model)
    assert of_reference.get_params().keys() == model.get_params().keys()
    np.testing.assert_array_equal(of_reference.score_samples(X), model.score_samples(X))
    np.testing.assert_array_equal(draw(of_reference, 9, 3), draw(model, 9, 3))
    assert list(of_reference.feature_names_in_) == ["a", "b"]


# --- memory -----------------------------------------------------------------------------------------------------------


def test_memory_does_not_grow_with_points_times_queries(make, request):
    """n x m numbers would be 3.2 GB here, n x K (where there are components) 16 MB more than is allowed."""
    run_python(
        f"""
import resource, sys
sys.path.insert(0, {str(request.path.parents[2] / "support")!r})
import numpy as np
from models_under_test import MODELS, draw, training_data
import fastdens as fd
X, queries = training_data(20_011), training_data(20_011)
model = MODELS[{request.node.callspec.id!r}]()
if "n_components" in model.get_params():
    model.set_params(n_components=100, means_init=X[:100], max_iter=3, tol=1e30)
warm = training_data(201)
MODELS[{request.node.callspec.id!r}]().fit(warm).score_samples(warm)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with fd.threads(2):
    model.fit(X)
    model.score_samples(queries)
    draw(model, 20_011, 0)
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
assert grown < 16 * 1024 + 40 * X.nbytes // 1024, f"{{grown / 1024:.0f}} MB"
"""
    )

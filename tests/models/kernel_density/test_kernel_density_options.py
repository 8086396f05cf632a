"""Every option of KernelDensity with every kernel: it works, or a clear error names what does not go together."""

import inspect
import itertools

import numpy as np
import pytest

import fastdens as fd
from fastdens.kernel_sums.kernels.registry import KERNELS

OPTIONS = set(inspect.signature(fd.KernelDensity).parameters)
ALGORITHMS = [
    name for name in ("auto", "direct", "sorted", "fast_gauss", "tree", "kd_tree", "ball_tree")
    if name != "tree" or "tree" in fd.KernelDensity.__doc__
]  # fmt: skip
BANDWIDTHS = {
    "number": lambda d: 0.6,
    "vector": lambda d: np.linspace(0.4, 0.8, d),
    "matrix": lambda d: 0.3 * np.eye(d) + 0.05,
    "scott": lambda d: "scott",
    "silverman": lambda d: "silverman",
    "isj": lambda d: "isj",
    "sheather-jones": lambda d: "sheather-jones",
    "lscv": lambda d: "lscv",
    "likelihood": lambda d: "likelihood",
}
METRICS = ("euclidean", "manhattan", "chebyshev", "haversine")
SUPPORTS = {
    "open": lambda d: {},
    "bounds": lambda d: {"bounds": [(-1.5, 1.5)] * d},
    "half bounds": lambda d: {"bounds": [(-1.5, None)] + [(None, None)] * (d - 1)},
    "period": lambda d: {"period": [3.0] + [None] * (d - 1)},
}
WEIGHTS = (None, "weights")


def data(d, dtype=float):
    """40 rows within (-1.4, 1.4) per axis: a latitude as well as a number within bounds."""
    X = np.random.default_rng(d).normal(size=(40, d))
    return np.clip(X, -1.4, 1.4).astype(dtype)


def require_clear(error, names):
    """The message names an option."""
    assert any(name in str(error) for name in names), str(error)


def works_or_says_why(options, d, weights, dtype=float):
    """The answer of a fit and of all that can be asked of it is sound; or a ValueError names an option."""
    X = data(d, dtype)
    sample_weight = None if weights is None else np.linspace(0.5, 1.5, len(X))
    model = fd.KernelDensity(**options)
    try:
        model.fit(X, sample_weight=sample_weight)
        logs = model.score_samples(X[:9])
    except ValueError as error:
        require_clear(error, [*options, "sample_weight", "feature"])
        return False
    assert logs.shape == (9,)
    assert logs.dtype == dtype
    assert np.isfinite(logs).all()  # each row has at least its own kernel
    answers = {
        "loo_score_samples": lambda: model.loo_score_samples(),
        "sample": lambda: model.sample(5, random_state=0),
        "score": lambda: model.score(X),
        "return_bounds": lambda: model.score_samples(X[:9], return_bounds=True),
        "plan": lambda: model.plan(X[:9]).explain(),
    }
    for name, ask in answers.items():
        try:
            answer = ask()
        except ValueError as error:
            require_clear(error, options)
            continue
        if name == "loo_score_samples":
            assert answer.shape == (40,)
            assert not np.isnan(answer).any()
        elif name == "sample":
            assert answer.shape == (5, d)
            assert np.isfinite(model.score_samples(answer)).all()
        elif name == "score":
            assert np.isfinite(answer)
        elif name == "return_bounds":
            assert ((answer[1] <= answer[0]) & (answer[0] <= answer[2])).all()
    return True


@pytest.mark.parametrize("kernel", list(KERNELS))
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_algorithms_bandwidths_weights(kernel, algorithm):
    for form, d, weights in itertools.product(BANDWIDTHS, (1, 3), WEIGHTS):
        options = {"kernel": kernel, "algorithm": algorithm, "bandwidth": BANDWIDTHS[form](d)}
        if isinstance(options["bandwidth"], str) and algorithm != "auto":
            continue  # the rules do not depend on the route
        worked = works_or_says_why(options, d, weights)
        if algorithm in ("auto", "direct", "kd_tree", "ball_tree"):
            assert worked or (d > 1 and form in ("isj", "sheather-jones")), (form, d)


@pytest.mark.parametrize("kernel", list(KERNELS))
def test_tolerances_and_single_precision(kernel):
    for algorithm, d, rtol, dtype in itertools.product(ALGORITHMS, (1, 3), (0, 1e-3), (np.float32, np.float64)):
        options = {"kernel": kernel, "algorithm": algorithm, "bandwidth": 0.7, "rtol": rtol, "atol": rtol / 10}
        works_or_says_why(options, d, None, dtype)


@pytest.mark.skipif("bounds" not in OPTIONS, reason="KernelDensity has no bounds")
@pytest.mark.parametrize("kernel", list(KERNELS))
@pytest.mark.parametrize("support", SUPPORTS)
def test_metrics_and_supports(kernel, support):
    for metric, algorithm, form, d in itertools.product(METRICS, ALGORITHMS, ("number", "vector", "matrix"), (1, 2)):
        options = {
            "kernel": kernel,
            "algorithm": algorithm,
            "metric": metric,
            "bandwidth": BANDWIDTHS[form](d),
            **SUPPORTS[support](d),
        }
        worked = works_or_says_why(options, d, "weights")
        plain = metric == "euclidean" and algorithm in ("auto", "direct") and form != "matrix"
        assert worked or not plain, (metric, algorithm, form, d)


@pytest.mark.parametrize("boundary", ["reflection", "linear", "transform"])
@pytest.mark.parametrize("kernel", list(KERNELS))
@pytest.mark.skipif("boundary" not in OPTIONS, reason="KernelDensity has no choice of boundary")
def test_boundaries(kernel, boundary):
    for support, form, d in itertools.product(("bounds", "half bounds", "period"), ("number", "vector"), (1, 2)):
        options = {
            "kernel": kernel,
            "boundary": boundary,
            "bandwidth": BANDWIDTHS[form](d),
            **SUPPORTS[support](d),
        }
        worked = works_or_says_why(options, d, "weights")
        one_axis = d == 1 or support == "period"  # a period leaves nothing to correct
        is_able = one_axis and KERNELS[kernel].has_tail
        assert worked or boundary == "transform" or (boundary == "linear" and not is_able)


def test_the_other_arguments_change_nothing():
    X = data(2)
    plain = fd.KernelDensity(bandwidth=0.5).fit(X).score_samples(X)
    for options in ({"breadth_first": False}, {"leaf_size": 3}, {"metric_params": {}}, {"n_threads": 2}):
        np.testing.assert_array_equal(fd.KernelDensity(bandwidth=0.5, **options).fit(X).score_samples(X), plain)

"""scikit-learn takes every model for one of its own, and its own scripts run with the import line changed."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from models_under_test import MODELS, training_data

import fastdens as fd

sklearn = pytest.importorskip("sklearn")

from sklearn import base, model_selection, pipeline, preprocessing  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402

DEFAULTS = {type(make()).__name__: type(make()) for make in MODELS.values()}
MODELS_CHECKED = {
    **DEFAULTS,
    "GaussianMixture of two": lambda: fd.GaussianMixture(n_components=2),
    "KNeighborsDensity raw": lambda: fd.KNeighborsDensity(1, normalized=False),
}


@pytest.mark.parametrize("model", MODELS_CHECKED.values(), ids=MODELS_CHECKED.keys())
def test_check_estimator_is_clean(model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # among them: that the model does not inherit from BaseEstimator
        results = check_estimator(model(), on_skip=None, on_fail=None)
    failed = {result["check_name"]: result["exception"] for result in results if result["status"] == "failed"}
    assert failed == {}
    assert sum(result["status"] == "passed" for result in results) >= 40


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS.keys())
def test_clone(make):
    model = make().fit(training_data())
    copy = base.clone(model)
    assert not hasattr(copy, "n_features_in_")
    assert repr(copy) == repr(make())
    np.testing.assert_array_equal(
        copy.fit(training_data()).score_samples(training_data(7)), model.score_samples(training_data(7))
    )


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS.keys())
def test_in_a_pipeline_with_cross_validation(make):
    X = training_data()
    model = make()
    if "means_init" in model.get_params():
        model.set_params(means_init=None)
    steps = pipeline.make_pipeline(preprocessing.StandardScaler(), model)
    scores = model_selection.cross_val_score(steps, X, cv=3)
    assert scores.shape == (3,)
    assert not np.isnan(scores).any()
    assert "Pipeline" in steps.fit(X)._repr_html_()


def test_grid_search_finds_the_bandwidth_of_scikit_learns_own():
    from sklearn.neighbors import KernelDensity

    X = training_data(101)
    grid = {"bandwidth": np.geomspace(0.1, 3, 12)}
    found = [
        model_selection.GridSearchCV(model, grid, cv=5).fit(X).best_params_
        for model in (fd.KernelDensity(), KernelDensity())
    ]
    assert found[0] == found[1]


def test_grid_search_over_components_in_two_processes():
    X = training_data(101)
    grid = {"n_components": [1, 2, 3], "covariance_type": ["full", "diag"]}
    search = model_selection.GridSearchCV(fd.GaussianMixture(random_state=0), grid, cv=3, n_jobs=2)
    assert search.fit(X).best_params_["n_components"] == 2


def test_routed_sample_weights_arrive():
    X, weights = training_data(), np.arange(61.0)
    with sklearn.config_context(enable_metadata_routing=True):
        model = fd.Gaussian().set_fit_request(sample_weight=True)
        steps = pipeline.make_pipeline(model)
        steps.fit(X, sample_weight=weights)
    np.testing.assert_array_equal(steps.score_samples(X), fd.Gaussian().fit(X, sample_weight=weights).score_samples(X))


def test_not_fitted_error_is_scikit_learns_own_where_that_is_loaded():
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    with pytest.raises(NotFittedError):
        fd.Gaussian().score_samples(training_data())
    with pytest.raises(NotFittedError):
        check_is_fitted(fd.Gaussian())
    check_is_fitted(fd.Gaussian().fit(training_data()))


@pytest.mark.parametrize(("name", "home"), [("KernelDensity", "neighbors"), ("GaussianMixture", "mixture")])
def test_constructor_arguments_and_defaults_are_scikit_learns(name, home):
    import importlib

    theirs = getattr(importlib.import_module(f"sklearn.{home}"), name)()
    ours = getattr(fd, name)()
    for argument, value in theirs.get_params().items():
        assert ours.get_params()[argument] == value, argument


DROP_IN = """
import numpy as np
X = np.random.default_rng(0).normal(size=(200, 2)); X[:100] += 4
kde = KernelDensity(kernel="tophat", bandwidth=0.9, rtol=1e-8).fit(X)
mixture = GaussianMixture(n_components=2, random_state=0, n_init=2, tol=1e-9, max_iter=500).fit(X)
order = np.argsort(mixture.means_[:, 0])
results = [
    kde.score_samples(X[:5]), kde.score(X), kde.n_features_in_, kde.sample(3, random_state=0).shape,
    mixture.score_samples(X), mixture.score(X), mixture.bic(X), mixture.aic(X), mixture.predict(X) == order[1],
    mixture.predict_proba(X)[:, order], mixture.weights_[order], mixture.means_[order], mixture.covariances_[order],
    mixture.precisions_[order], mixture.precisions_cholesky_[order], mixture.converged_, mixture.lower_bound_,
    mixture.sample(4)[0].shape, mixture.sample(4)[1].shape,
]
"""


def test_a_script_runs_with_the_import_line_changed():
    results = []
    for lines in (
        "from fastdens import KernelDensity, GaussianMixture",
        "from sklearn.neighbors import KernelDensity\nfrom sklearn.mixture import GaussianMixture",
    ):
        names: dict = {}
        exec(lines + DROP_IN, names)
        results.append(names["results"])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)

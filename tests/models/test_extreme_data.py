"""Data at the ends of the floating-point numbers: an answer or a clear error, no NaN and no warning of NumPy's."""

import numpy as np
import pytest

import fastdens as fd


def tables(d):
    random = np.random.default_rng(0)
    Z = random.normal(size=(40, d))
    return {
        "large": Z * 1e300,
        "largest": Z * 1e307,
        "small": Z * 1e-300,
        "squares underflow": Z * 1e-160,
        "any size": np.sign(Z) * 10.0 ** random.uniform(-300, 300, Z.shape),
        "columns": Z * np.array([1e200, 1e-200])[:d],
        "outlier": np.r_[Z, np.full((1, d), 1e300)],
        "single precision": (Z * 1e37).astype(np.float32),
        "small single precision": (Z * 1e-40).astype(np.float32),
    }


MODELS = {
    "Gaussian": lambda: fd.Gaussian(),
    "spherical": lambda: fd.Gaussian("spherical"),
    "Histogram": lambda: fd.Histogram(),
    "blocks": lambda: fd.Histogram("blocks"),
    "risk": lambda: fd.Histogram("risk"),
    "KernelDensity": lambda: fd.KernelDensity(),
    "scott": lambda: fd.KernelDensity(bandwidth="scott"),
    "likelihood": lambda: fd.KernelDensity(bandwidth="likelihood"),
    "exponential": lambda: fd.KernelDensity(bandwidth="scott", kernel="exponential"),
    "epanechnikov": lambda: fd.KernelDensity(bandwidth="silverman", kernel="epanechnikov"),
    "abramson": lambda: fd.AdaptiveKernelDensity(),
    "neighbors": lambda: fd.AdaptiveKernelDensity("neighbors"),
    "balloon": lambda: fd.AdaptiveKernelDensity("balloon"),
    "mixture": lambda: fd.AdaptiveKernelDensity("mixture"),
    "KNeighborsDensity": lambda: fd.KNeighborsDensity(),
    "GaussianMixture": lambda: fd.GaussianMixture(2, random_state=0),
}
METHODS = {
    "score_samples": lambda m, Q: m.score_samples(Q),
    "return_bounds": lambda m, Q: m.score_samples(Q, return_bounds=True),
    "sample": lambda m, Q: m.sample(50, random_state=0),
    "loo_score_samples": lambda m, Q: m.loo_score_samples(),
    "score_gradient": lambda m, Q: m.score_gradient(Q),
    "cdf": lambda m, Q: m.cdf(Q),
    "sf": lambda m, Q: m.sf(Q),
    "ppf": lambda m, Q: m.ppf(np.array([0, 1e-300, 0.3, 0.999999, 1])),
    "level": lambda m, Q: m.level(np.array([0.0, 0.5, 1.0])),
    "to_uniform": lambda m, Q: m.to_uniform(Q),
    "from_uniform": lambda m, Q: m.from_uniform(np.full(Q.shape, 0.3)),
    "condition": lambda m, Q: m.condition(0, 1.0).sample(3),
    "conditions": lambda m, Q: m.condition(0, Q[:, :1]).score_samples(Q[:, 1:]),
    "marginal": lambda m, Q: m.marginal(0).score_samples(Q[:, :1]),
    "box_probability": lambda m, Q: m.box_probability(-np.abs(Q), np.abs(Q)),
    "evaluate_grid": lambda m, Q: m.evaluate_grid(n_points=8)[1],
    "confidence_band": lambda m, Q: m.confidence_band(Q),
    "compress": lambda m, Q: m.compress(0.01).score_samples(Q),
}


def answer(function):
    """None where the model has no such answer, or refuses in words."""
    try:
        return function()
    except (AttributeError, TypeError, ValueError):
        return None


@pytest.mark.filterwarnings("ignore::UserWarning")  # words about singular covariances and the like; NumPy's are errors
@pytest.mark.parametrize("table", tables(1))
@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("name", MODELS)
def test_no_warning_of_numpys_and_no_nan(name, d, table):
    X = tables(d)[table]
    far = 1e300 if X.dtype == np.float64 else 1e38
    Q = np.r_[X[:5], np.zeros((1, d)), np.full((1, d), far), np.full((1, d), -1e-300)].astype(X.dtype)
    model = answer(lambda: MODELS[name]().fit(X))
    if model is None:
        return
    for what, method in METHODS.items():
        if (what, table) == ("score_gradient", "any size"):
            continue  # the slopes of kernels over 600 orders of magnitude are no floating-point numbers
        found = answer(lambda method=method: method(model, Q))
        for array in found if isinstance(found, tuple) else (found,):
            assert array is None or not np.isnan(array).any(), what

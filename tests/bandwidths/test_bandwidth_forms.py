"""Bandwidths by form (one number, one per feature, a matrix), their criterion curves, and values of R."""

import itertools
import math

import numpy as np
import pytest
from classical_data import GALAXIES

import fastdens as fd
from fastdens.bandwidths import RULES, plug_in_matrix
from fastdens.bandwidths.matrix_search import Factor, least_squares_shape
from fastdens.bandwidths.result import BandwidthResult, Record

MANY_FEATURES = ["scott", "silverman", "likelihood", "lscv", "plug-in"]
SHEARED = np.array([[1.0, 0.0], [0.9, 0.3]])


def two_features(n=300, seed=1):
    return np.random.default_rng(seed).normal(size=(n, 2)) @ SHEARED.T


def test_galaxies_have_the_values_of_r():
    """The example of `?galaxies` in MASS: c(width.SJ(gal, method = "dpi"), width.SJ(gal)) is 3.256151 2.566423.

    A width is four bandwidths. R bins the data to 1000 cells, divides by n - 1 in the standard deviation, interpolates
    quartiles, and its root finder stops at 1 % of the upper end: hence 3 %.
    """
    velocities = GALAXIES[:, None] / 1000
    assert len(velocities) == 82
    assert 4 * fd.bandwidth(velocities, "plug-in") == pytest.approx(3.256151, rel=0.03)
    assert 4 * fd.bandwidth(velocities, "sheather-jones") == pytest.approx(2.566423, rel=0.03)


def test_scott_and_silverman_in_every_form_by_their_formulas():
    X = two_features()
    covariance, factor = np.cov(X.T, bias=True), len(X) ** (-1 / 6)
    np.testing.assert_allclose(fd.bandwidth(X, "scott", form="matrix"), factor**2 * covariance, rtol=1e-10)
    np.testing.assert_allclose(fd.bandwidth(X, "scott", form="axes"), fd.bandwidth(X, "scott"), rtol=1e-12)
    np.testing.assert_allclose(fd.bandwidth(X, "silverman", form="axes"), fd.bandwidth(X, "silverman"), rtol=1e-12)
    inverse = np.linalg.inv(covariance)
    curvature = 2 * np.trace(inverse @ inverse) + np.trace(inverse) ** 2
    spread = (8 * math.sqrt(np.linalg.det(covariance)) / curvature) ** (1 / 6)
    assert fd.bandwidth(X, "scott", form="scalar") == pytest.approx(factor * spread, rel=1e-10)


def all_pairs_criterion(X, H):
    n = len(X)
    apart = (X[:, None] - X).reshape(-1, X.shape[1])
    squares = (apart * np.linalg.solve(H, apart.T).T).sum(axis=1).reshape(n, n)
    volume = math.sqrt(np.linalg.det(H)) * (2 * math.pi) ** (X.shape[1] / 2)
    others = np.exp(-squares / 2).sum() - n
    return np.exp(-squares / 4).mean() / volume / 2 ** (X.shape[1] / 2) - 2 * others / (n * (n - 1)) / volume


@pytest.mark.parametrize("form", ["axes", "matrix"])
def test_least_squares_form_is_the_minimum_over_all_pairs(form):
    X = two_features(150)
    H = fd.bandwidth(X, "lscv", form=form)
    H = H if form == "matrix" else np.diag(H**2)
    lowest = all_pairs_criterion(X, H)
    root = np.linalg.cholesky(H)
    changes = [np.diag([1.05, 1.0]), np.diag([0.95, 1.0]), np.diag([1.0, 1.05]), np.diag([1.0, 0.95])]
    if form == "matrix":
        changes += [np.array([[1.0, 0.0], [s, 1.0]]) for s in (-0.05, 0.05)]
    for change in changes:
        moved = root @ change
        assert all_pairs_criterion(X, moved @ moved.T) > lowest


def test_gradients_of_the_searches(monkeypatch):
    X = two_features(60)
    functions = []
    monkeypatch.setattr(Factor, "minimum", lambda self, f: (functions.append(f), (np.eye(2), True))[1])
    least_squares_shape(X * 3, np.random.default_rng(0).uniform(1, 2, 60), "matrix", Record())
    plug_in_matrix.plug_in_shape(X, None, np.array([[1.0, 0.0], [0.2, 0.7]]), "matrix", Record())
    numbers = np.array([0.1, -0.2, 0.3])
    for f in functions:
        step = 1e-5 * np.eye(3)
        slopes = [(f(numbers + e)[0] - f(numbers - e)[0]) / 2e-5 for e in step]
        np.testing.assert_allclose(f(numbers)[1], slopes, rtol=1e-3, atol=1e-5)


def test_plug_in_functionals_by_their_definition():
    """Derivatives of the normal density by NumPy's Hermite polynomials, over all pairs, across blocks."""
    z = two_features(100)
    w = np.random.default_rng(2).uniform(size=100)
    w /= w.sum()
    found = plug_in_matrix._functionals(z, w, 4, 0.5)
    u = (z[:, None] - z) / 0.5
    for alpha in [(4, 0), (3, 1), (2, 2), (0, 4)]:
        parts = [np.polynomial.hermite_e.hermeval(u[..., a], np.eye(5)[alpha[a]]) for a in range(2)]
        derivative = parts[0] * parts[1] * np.exp(-0.5 * (u * u).sum(axis=2)) / (2 * math.pi) / 0.5**6
        assert found[alpha] == pytest.approx(w @ derivative @ w, rel=1e-10)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_plug_in_is_near_the_optimum_for_normal_data(d):
    X = np.random.default_rng(3).normal(size=(500, d)) * 7
    H = fd.bandwidth(X, "plug-in", form="matrix")
    best = 49 * (4 / (d + 2) / 500) ** (2 / (d + 4))
    np.testing.assert_allclose(np.linalg.eigvalsh(H), best, rtol=0.3)


def test_matrices_resolve_what_spreads_do_not():
    """Two thin parallel clusters along the diagonal: the best matrix is narrow across them."""
    rng = np.random.default_rng(4)
    along, across = rng.normal(size=400), rng.normal(size=400) * 0.05 + rng.choice([-0.5, 0.5], 400)
    X = np.column_stack([along + across, along - across])
    for rule in ("lscv", "plug-in"):
        widths = np.sqrt(np.linalg.eigvalsh(fd.bandwidth(X, rule, form="matrix")))
        assert widths[0] < widths[1] / 3


@pytest.mark.parametrize(("rule", "form"), list(itertools.product(MANY_FEATURES, ["scalar", "axes", "matrix"])))
def test_forms_follow_scale_and_shift_and_serve_a_model(rule, form):
    X = two_features(80)
    h = fd.bandwidth(X, rule, form=form)
    power = 2 if form == "matrix" else 1
    for scale in (1e-12, 1e12):
        np.testing.assert_allclose(fd.bandwidth(X * scale, rule, form=form), h * scale**power, rtol=1e-2)
    np.testing.assert_allclose(fd.bandwidth(X + 1e4, rule, form=form), h, rtol=1e-2)
    assert np.shape(h) == {"scalar": (), "axes": (2,), "matrix": (2, 2)}[form]
    assert np.isfinite(fd.KernelDensity(bandwidth=h).fit(X).score_samples(X)).all()
    equal = fd.bandwidth(X, rule, form=form, sample_weight=np.full(80, 3.0))
    np.testing.assert_allclose(equal, h, rtol=1e-3)


@pytest.mark.parametrize("rule", [*RULES, "plug-in"])
def test_forms_of_one_feature(rule, random):
    x = random.normal(size=(100, 1))
    h = fd.bandwidth(x, rule)
    np.testing.assert_array_equal(fd.bandwidth(x, rule, form="axes"), [h])
    np.testing.assert_array_equal(fd.bandwidth(x, rule, form="matrix"), [[h * h]])
    assert fd.bandwidth(x, rule, form="scalar") == h


HARD = {
    "one row": [[1.0, 2.0]],
    "two rows": [[1.0, 2.0], [3.0, 5.0]],
    "equal": [[1.0, 2.0]] * 5,
    "line": [[float(i), 2.0 * i] for i in range(20)],
    "constant column": [[float(i * i), 3.0] for i in range(20)],
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("rule", "form"), list(itertools.product(MANY_FEATURES, ["scalar", "axes", "matrix"])))
@pytest.mark.parametrize("name", HARD)
def test_degenerate_data_give_positive_bandwidths(rule, form, name):
    result = fd.bandwidth(HARD[name], rule, form=form, full_output=True)
    h = np.asarray(result)
    assert np.isfinite(h).all()
    assert (np.linalg.eigvalsh(h) > 0).all() if form == "matrix" else (h > 0).all()
    if form == "matrix" and name != "constant column":
        assert "the covariance of X is singular" in result.fallback or "do not vary" in result.fallback


def test_a_singular_covariance_is_a_warning():
    X = np.array(HARD["line"])
    with pytest.warns(UserWarning, match=r"singular \(20 row\(s\), 2 features\): the per-feature form of 'scott'"):
        H = fd.bandwidth(X, "scott", form="matrix")
    np.testing.assert_allclose(H, np.diag(fd.bandwidth(X, "scott") ** 2), rtol=1e-12)


@pytest.mark.parametrize("rule", ["likelihood", "lscv", "isj", "sheather-jones"])
def test_full_output_shows_the_curve(rule, random):
    x = random.normal(size=(300, 1)) * 5
    result = fd.bandwidth(x, rule, full_output=True)
    assert isinstance(result, BandwidthResult)
    assert result.bandwidth == float(result) == np.asarray(result) == fd.bandwidth(x, rule)
    assert result.fallback is None
    assert result.n_evaluations == len(result.tried) == len(result.values) > 5
    assert (np.diff(result.tried) >= 0).all()
    if rule in ("likelihood", "lscv"):
        assert result.tried[np.argmin(result.values)] == pytest.approx(float(result), rel=0.01)
        assert np.abs(result.minima / float(result) - 1).min() < 0.05
    else:
        place = np.argmin(np.abs(result.values))
        assert result.tried[place] == pytest.approx(float(result), rel=1e-5)


def test_full_output_names_the_fallback():
    with pytest.warns(UserWarning, match="Silverman's bandwidth is taken"):
        result = fd.bandwidth([[0.0], [0.0], [1.0]], "isj", full_output=True)
    assert "Silverman's bandwidth is taken" in result.fallback


def test_the_likelihood_of_rounded_data_is_that_of_exact_ones(random):
    """Left out together, equal rows would widen the bandwidth; left out one by one they drive it to zero."""
    x = random.normal(size=(20000, 1))
    exact = fd.bandwidth(x, "likelihood")
    assert fd.bandwidth(np.round(x, 2), "likelihood") == pytest.approx(exact, rel=0.15)
    assert fd.bandwidth(np.round(x, 1), "likelihood") == pytest.approx(exact, rel=0.3)
    again = x[random.integers(0, 800, 800)]
    assert fd.bandwidth(again, "likelihood") > fd.bandwidth(x[:800], "silverman") / 3


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"form": "full"}, "form must be one of 'scalar', 'axes', 'matrix', got 'full'"),
        ({"rule": "isj", "form": "matrix"}, "rule='isj' needs X with one feature, got 5"),
        ({"rule": "plug-in"}, "rule='plug-in' needs X with at most 4 features, got 5"),
    ],
)
def test_errors(arguments, text, random):
    with pytest.raises(ValueError, match=text):
        fd.bandwidth(random.normal(size=(20, 5)), **arguments)
    with pytest.raises(TypeError, match="full_output must be True or False, got 1"):
        fd.bandwidth([[1.0], [2.0]], full_output=1)

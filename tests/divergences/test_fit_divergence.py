"""Fits by a divergence: against closed forms, maximum likelihood, other optimisers and finite differences."""

from __future__ import annotations

import functools
import math
import warnings

import numpy as np
import pytest

import fastdens as fd
from fastdens.divergences.fits.coordinates import Coordinates
from fastdens.divergences.fits.nodes import Box, Noise, cell_nodes, log_density_of
from fastdens.divergences.fits.objectives import Nodes, Objective, SmoothTotalVariation, integrand_of
from fastdens.divergences.fits.pathwise import PathwiseReverseKL
from fastdens.divergences.fits.targets import target_of
from fastdens.divergences.kinds import check_kind
from fastdens.em.covariances import factor_precisions, precisions_of_factors
from fastdens.em.moments import Mixture
from fastdens.models.contract import convergence_warning

KINDS = [
    ("kl", None),
    ("reverse_kl", None),
    ("jeffreys", None),
    ("js", None),
    ("js_distance", None),
    ("tv", None),
    ("hellinger", None),
    ("squared_hellinger", None),
    ("chi2", None),
    ("neyman_chi2", None),
    ("alpha", 0.3),
    ("alpha", -1.0),
    ("renyi", 2.0),
]
NAMES = [kind if alpha is None else f"{kind}={alpha:g}" for kind, alpha in KINDS]
COVARIANCE_TYPES = ["full", "tied", "diag", "spherical"]


def mixture(weights, means, covariances, covariance_type="full"):
    """A mixture with these parameters, fitted to nothing."""
    model = fd.GaussianMixture(len(weights), covariance_type=covariance_type)
    model.weights_, model.means_ = np.array(weights), np.array(means, dtype=float)
    model.covariances_ = np.array(covariances, dtype=float)
    model.precisions_cholesky_ = factor_precisions(model.covariances_, covariance_type)[1]
    model.precisions_ = precisions_of_factors(model.precisions_cholesky_, covariance_type)
    return model


def blobs():
    """Three groups in the plane, of unequal weight, that hardly overlap."""
    return mixture(
        [0.45, 0.35, 0.2],
        [[0.0, 0.0], [6.0, 1.0], [2.0, 7.0]],
        [np.eye(2), [[1.0, 0.5], [0.5, 0.8]], [[0.6, -0.2], [-0.2, 1.2]]],
    )


def total_moments(model):
    mean = model.weights_ @ model.means_
    centred = model.means_ - mean
    return mean, np.tensordot(model.weights_, model.covariances_, axes=1) + (centred.T * model.weights_) @ centred


def two_groups(n=600, d=2, seed=3):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * np.linspace(0.7, 1.3, d)
    X[: n // 3] += 5.0
    return X


# --- forward KL is maximum likelihood ---------------------------------------------------------------------------------


@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
def test_forward_kl_of_a_sample_is_maximum_likelihood_of_a_gaussian(covariance_type):
    X = two_groups()
    fitted = fd.fit_divergence(fd.Gaussian(covariance_type), X, "kl")
    covariance = (X - X.mean(axis=0)).T @ (X - X.mean(axis=0)) / len(X)
    expected = {"full": covariance, "diag": np.diag(covariance), "spherical": np.diag(covariance).mean()}
    np.testing.assert_allclose(fitted.mean_, X.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(fitted.covariance_, expected[covariance_type], rtol=1e-12)
    assert fitted.converged_
    assert fitted.divergence_.standard_error > 0


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_forward_kl_of_a_sample_is_em_of_a_mixture(covariance_type):
    X = two_groups()
    weight = np.random.default_rng(0).integers(0, 3, len(X))
    model = fd.GaussianMixture(2, covariance_type=covariance_type, random_state=5)
    fitted, alone = fd.fit_divergence(model, X, sample_weight=weight), model.fit(X, sample_weight=weight)
    for name in ("weights_", "means_", "covariances_", "precisions_cholesky_", "lower_bounds_", "n_iter_"):
        np.testing.assert_array_equal(getattr(fitted, name), getattr(alone, name))
    assert fitted is not model
    assert fitted.get_params() == model.get_params()


def test_options_reach_em():
    X = two_groups()
    model = fd.GaussianMixture(3, random_state=0)
    with pytest.warns(convergence_warning()):
        fitted = fd.fit_divergence(model, X, max_iter=2, tol=1e-12)
    assert fitted.n_iter_ == 2
    assert fitted.get_params() == model.get_params()


def test_the_value_for_a_sample_is_that_of_its_distribution():
    distribution = mixture([1.0], [[1.0, 2.0]], [[[2.0, 0.5], [0.5, 1.0]]])
    X = distribution.sample(4000, random_state=0)[0]
    fitted = fd.fit_divergence(fd.Gaussian(), X)
    # The fit is right, and a density estimate from 4000 points worse: nothing is lost.
    assert fitted.divergence_.value < 0.01
    apart = fd.fit_divergence(fd.Gaussian(), blobs().sample(4000, random_state=0)[0])
    exact = fd.fit_divergence(fd.Gaussian(), blobs())
    assert abs(apart.divergence_.value - exact.divergence_.value) < 0.08  # smoothing costs some hundredths


def test_forward_kl_of_a_density_has_its_moments():
    distribution = blobs()
    mean, covariance = total_moments(distribution)
    fitted = fd.fit_divergence(fd.Gaussian(), distribution)
    np.testing.assert_allclose(fitted.mean_, mean, rtol=1e-13)
    np.testing.assert_allclose(fitted.covariance_, covariance, rtol=1e-13)
    diagonal = fd.fit_divergence(fd.Gaussian("diag"), distribution)
    np.testing.assert_allclose(diagonal.covariance_, np.diag(covariance), rtol=1e-13)
    # Without a closed form, by quadrature: a function of the same values.
    by_nodes = fd.fit_divergence(
        fd.Gaussian(),
        distribution.score_samples,
        sampler=lambda n, rng: distribution.sample(n, random_state=rng)[0],
        random_state=0,
    )
    np.testing.assert_allclose(by_nodes.mean_, mean, atol=1e-8)
    np.testing.assert_allclose(by_nodes.covariance_, covariance, atol=1e-7)


@pytest.mark.parametrize(
    "bandwidth", [0.7, [0.5, 0.9], [[0.5, 0.2], [0.2, 0.4]]], ids=["number", "per_feature", "matrix"]
)
def test_moments_of_a_kernel_density_estimate(bandwidth):
    X = two_groups(100)
    h = np.asarray(bandwidth)
    within = h if h.ndim == 2 else np.diag(np.broadcast_to(h, 2) ** 2)
    fitted = fd.fit_divergence(fd.Gaussian(), fd.KernelDensity(bandwidth=bandwidth).fit(X))
    np.testing.assert_allclose(fitted.covariance_, np.cov(X.T, bias=True) + within, rtol=1e-12)


# --- gradients --------------------------------------------------------------------------------------------------------


def some_objective(integrand, covariance_type, n_components=2, d=2, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(60, d)) * 2
    log_p = -0.5 * (np.abs(x - 0.3) ** 1.5).sum(axis=1)
    shapes = {"full": n_components, "tied": 1, "diag": n_components, "spherical": n_components}
    factors = np.triu(rng.normal(size=(shapes[covariance_type], d, d)) * 0.3) + np.eye(d) * 0.8
    factors = {
        "full": factors,
        "tied": factors[0],
        "diag": np.abs(np.diagonal(factors, axis1=1, axis2=2)),
        "spherical": np.abs(factors[:, 0, 0]),
    }[covariance_type]
    weights = rng.dirichlet(np.full(n_components, 5.0))
    start = Mixture(weights, rng.normal(size=(n_components, d)), factors, covariance_type)
    return Objective(Nodes(x, rng.normal(size=len(x)) * 0.1 - 2, log_p), start, integrand), rng


def check_gradient(objective, rng):
    theta = objective.coordinates.start + 0.3 * rng.normal(size=objective.coordinates.size)
    _, gradient = objective(theta)
    step = 1e-5
    for i, direction in enumerate(np.eye(len(theta))):
        # Central differences, with the leading error taken out
        near = (objective(theta + step * direction)[0] - objective(theta - step * direction)[0]) / (2 * step)
        far = (objective(theta + 2 * step * direction)[0] - objective(theta - 2 * step * direction)[0]) / (4 * step)
        assert gradient[i] == pytest.approx((4 * near - far) / 3, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize(("kind", "alpha"), KINDS, ids=NAMES)
def test_gradients_are_those_of_finite_differences(kind, alpha, covariance_type):
    integrand = integrand_of(check_kind(kind, alpha))
    check_gradient(*some_objective(integrand, covariance_type))
    check_gradient(*some_objective(integrand, covariance_type, n_components=1, d=3))


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize("known", ["mixture", "kernel", "function"])
def test_gradients_along_the_paths_of_draws(covariance_type, known):
    distribution = mixture([0.4, 0.6], [[0.0, 0.0, 0.0], [1.0, 2.0, 0.0]], [[1.0, 2.0, 0.5], [2.0, 1.0, 1.0]], "diag")
    if known == "kernel":
        distribution = fd.KernelDensity(bandwidth=0.9).fit(distribution.sample(40, random_state=0)[0])
    target = distribution if known != "function" else distribution.score_samples
    target = target_of(target, (lambda n, rng: rng.normal(size=(n, 3))) if known == "function" else None, None, None)
    single, rng = some_objective(None, covariance_type, n_components=1, d=3)
    start = single.coordinates.mixture(single.coordinates.start)
    check_gradient(PathwiseReverseKL(target, start, 40, rng), rng)


def test_gradient_of_the_smoothed_total_variation():
    check_gradient(*some_objective(SmoothTotalVariation(0.01), "full"))
    p, q = np.log([0.2, 0.5, 0.3]), np.log([0.4, 0.1, 0.3])
    assert SmoothTotalVariation(1e-6).terms(p, q).sum() == pytest.approx(0.3, abs=1e-6)
    assert SmoothTotalVariation(0.1).terms(p, p).sum() == 0


@pytest.mark.parametrize(("kind", "alpha"), KINDS, ids=NAMES)
def test_rates_are_derivatives_of_the_terms_over_many_magnitudes(kind, alpha):
    integrand = integrand_of(check_kind(kind, alpha))
    log_p = np.array([-2.0, -2.0, -2.0, -3.0, -60.0, -1.0, -2.0])
    log_q = np.array([-2.5, -2.1, -1.9, -20.0, -4.0, -3.0, -2.0 + 1e-3])
    step = 1e-4
    ends = [integrand.terms(log_p, log_q + h) for h in (step, -step, 2 * step, -2 * step)]
    slopes = (8 * (ends[0] - ends[1]) - (ends[2] - ends[3])) / (12 * step)
    np.testing.assert_allclose(integrand.rates(log_p, log_q), slopes, rtol=1e-7, atol=1e-12)


def test_coordinates_know_their_start():
    for covariance_type in COVARIANCE_TYPES:
        objective, _ = some_objective(integrand_of(check_kind("js")), covariance_type)
        x = np.random.default_rng(1).normal(size=(9, 2))
        theta = objective.coordinates.start + 0.2
        there = objective.coordinates.mixture(theta)
        parts = Coordinates(there, x)
        log_q = np.logaddexp(*parts.log_parts(parts.start).T)
        np.testing.assert_allclose(log_q, log_density_of(there, 1)(x), rtol=1e-12)
        again = objective.coordinates.mixture(objective.coordinates.start)
        np.testing.assert_allclose(Coordinates(again, x).log_parts(parts.start * 0).shape, (9, 2))


# --- a target of the model's own family is found ----------------------------------------------------------------------


@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
@pytest.mark.parametrize(("kind", "alpha"), KINDS, ids=NAMES)
def test_a_gaussian_is_found(kind, alpha, covariance_type):
    X = np.random.default_rng(0).normal(size=(50, 2)) @ np.array([[2.0, 0.4], [0.0, 0.3]]) + [10.0, -3.0]
    target = fd.Gaussian(covariance_type).fit(X)
    fitted = fd.fit_divergence(fd.Gaussian(covariance_type), target, kind, alpha=alpha, n_starts=2, random_state=0)
    np.testing.assert_allclose(fitted.mean_, target.mean_, atol=1e-6)
    np.testing.assert_allclose(fitted.covariance_, target.covariance_, atol=1e-6)
    assert fitted.divergence_.value < 1e-6
    assert fitted.divergence_.interval[0] == 0
    assert fitted.converged_


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize(
    ("kind", "d"), [("kl", 2), ("reverse_kl", 2), ("js", 1), ("js", 4), ("tv", 1), ("hellinger", 3), ("chi2", 2)]
)
def test_a_mixture_is_found(kind, d, covariance_type):
    rng = np.random.default_rng(7)
    A = rng.normal(size=(2, d, d)) * 0.2 + np.eye(d)
    full = A @ np.swapaxes(A, 1, 2)
    variances = np.diagonal(full, axis1=1, axis2=2)
    covariances = {"full": full, "tied": full[0], "diag": variances, "spherical": variances[:, 0]}[covariance_type]
    target = mixture([0.6, 0.4], np.stack([np.zeros(d), np.full(d, 2.5)]), covariances, covariance_type)
    model = fd.GaussianMixture(2, covariance_type=covariance_type)
    fitted = fd.fit_divergence(model, target, kind, n_starts=2, n_draws=2048, random_state=0)
    order = np.argsort(-fitted.weights_)
    np.testing.assert_allclose(fitted.weights_[order], target.weights_, atol=3e-5)
    np.testing.assert_allclose(fitted.means_[order], target.means_, atol=3e-5)
    found = fitted.covariances_ if covariance_type == "tied" else fitted.covariances_[order]
    np.testing.assert_allclose(found, target.covariances_, atol=3e-5)
    np.testing.assert_allclose(fitted.precisions_, precisions_of_factors(fitted.precisions_cholesky_, covariance_type))


# --- too simple a model -----------------------------------------------------------------------------------------------


def test_forward_covers_and_reverse_chooses_one_mode():
    distribution = blobs()
    forward = fd.fit_divergence(fd.Gaussian(), distribution, "kl")
    reverse = fd.fit_divergence(fd.Gaussian(), distribution, "reverse_kl", random_state=0)
    np.testing.assert_allclose(forward.covariance_, total_moments(distribution)[1], rtol=1e-12)
    # The heaviest mode, and nearly -ln of its weight: the divergence from a distribution that is p given the mode
    np.testing.assert_allclose(reverse.mean_, distribution.means_[0], atol=0.05)
    np.testing.assert_allclose(reverse.covariance_, distribution.covariances_[0], atol=0.08)
    assert reverse.divergence_.value == pytest.approx(-math.log(0.45), abs=0.01)
    assert reverse.divergence_.value < -math.log(0.45)


def test_reverse_kl_of_a_sample_through_its_estimated_density():
    X = blobs().sample(1500, random_state=2)[0]
    kde = fd.KernelDensity(bandwidth="likelihood").fit(X)
    fitted = fd.fit_divergence(fd.Gaussian(), X, "reverse_kl", random_state=0)
    assert np.abs(fitted.mean_).max() < 0.15
    assert np.abs(fitted.covariance_ - np.eye(2) - np.diag(np.asarray(kde.bandwidth_) ** 2)).max() < 0.25
    same = fd.fit_divergence(fd.Gaussian(), kde, "reverse_kl", random_state=0)
    np.testing.assert_allclose(fitted.covariance_, same.covariance_, atol=1e-4)
    assert fitted.divergence_.value == pytest.approx(-math.log(0.45), abs=0.1)


def by_simplex(distribution, kind):
    """Least divergence of one-dimensional normal distributions, by SciPy's simplex and its own quadrature on a fixed
    grid."""
    from scipy.integrate import simpson
    from scipy.optimize import minimize

    x = np.linspace(-40, 50, 9001)
    log_p = distribution.score_samples(x[:, None])
    generator = check_kind(kind).generator

    def value(theta):
        log_q = -0.5 * ((x - theta[0]) / np.exp(theta[1])) ** 2 - theta[1] - 0.5 * math.log(2 * math.pi)
        with np.errstate(over="ignore"):
            return min(simpson(np.minimum(generator.terms_of_logs(log_p, log_q), 1e9), x=x), 1e9)

    starts = [(0.0, 0.0), (2.0, 1.5), (6.0, 0.0), (7.0, 0.7)]
    options = {"xatol": 1e-9, "fatol": 1e-13, "maxiter": 2000, "maxfev": 2000}
    return min((minimize(value, s, method="Nelder-Mead", options=options) for s in starts), key=lambda r: r.fun)


@pytest.mark.parametrize("kind", ["reverse_kl", "js", "squared_hellinger", "jeffreys", "chi2", "tv"])
def test_minima_are_those_of_another_optimiser(kind):
    distribution = mixture([0.6, 0.4], [[0.0], [6.0]], [[[1.0]], [[2.0]]])
    best = by_simplex(distribution, kind)
    fitted = fd.fit_divergence(fd.Gaussian(), distribution, kind, random_state=0)
    digits = 2e-5 if kind == "tv" else 1e-8
    assert fitted.divergence_.value == pytest.approx(best.fun, abs=digits)
    assert fitted.divergence_.interval[0] - digits <= best.fun
    if kind != "tv":  # flat at its kinks
        assert fitted.mean_[0] == pytest.approx(best.x[0], abs=2e-5)
        assert math.sqrt(fitted.covariance_[0, 0]) == pytest.approx(math.exp(best.x[1]), abs=2e-5)


def divergence_of(fitted, distribution, kind):
    """By a plain sum over a fine grid."""
    axis = np.linspace(-12, 18, 601)
    x = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    chosen = check_kind(kind)
    terms = chosen.generator.terms_of_logs(distribution.score_samples(x), fitted.score_samples(x))
    return float(chosen.transform(terms.sum() * (axis[1] - axis[0]) ** 2))


@functools.cache
def fit_to_blobs(kind):
    """Once for all tests."""
    return fd.fit_divergence(fd.Gaussian(), blobs(), kind, random_state=0)


@pytest.mark.parametrize("kind", ["js", "tv", "hellinger"])
def test_each_divergence_is_least_for_its_own_fit(kind):
    distribution = blobs()
    fits = {k: fit_to_blobs(k) for k in ("kl", "reverse_kl", kind)}
    own = divergence_of(fits[kind], distribution, kind)
    assert own == pytest.approx(fits[kind].divergence_.value, abs=1e-4)
    assert own < divergence_of(fits["kl"], distribution, kind) - 0.01
    assert own < divergence_of(fits["reverse_kl"], distribution, kind) - 0.001
    trace = fits[kind].divergence_trace_
    assert len(trace) == fits[kind].n_iter_
    if kind != "tv":  # its first entry is that of a smooth search on coarse nodes, which has ended
        assert trace[0] > trace[-1]


def test_draws_and_quadrature_agree():
    distribution = blobs()
    for kind in ("reverse_kl", "js"):
        exact = fit_to_blobs(kind)
        drawn = fd.fit_divergence(fd.Gaussian(), distribution, kind, method="monte_carlo", random_state=0)
        np.testing.assert_allclose(drawn.mean_, exact.mean_, atol=0.1)
        error = drawn.divergence_.standard_error
        assert 0 < error < 0.02
        assert abs(drawn.divergence_.value - exact.divergence_.value) < 5 * error
        assert drawn.divergence_.method != exact.divergence_.method == "quadrature"


# --- targets that are functions ---------------------------------------------------------------------------------------


def unnormalised(x):
    """exp of this is a normal distribution in the first feature, a Student distribution in the second, times 100."""
    return math.log(100) - 0.5 * (x[:, 0] - 1) ** 2 - 3 * np.log1p(x[:, 1] ** 2 / 5)


# Functions that a divergence of the registry is that of, times a factor.
OWN_FUNCTIONS = {
    "kl": (lambda t: t * np.log(t), 1.0),
    "reverse_kl": (lambda t: -np.log(t), 1.0),
    "squared_hellinger": (lambda t: (np.sqrt(t) - 1) ** 2, 2.0),
    "js": (lambda t: t * np.log(t) - (t + 1) * np.log((t + 1) / 2) + 3 * (t - 1), 2.0),
    "chi2": (lambda t: (t - 1) ** 2, 1.0),
}


@pytest.mark.parametrize("kind", OWN_FUNCTIONS)
def test_a_function_of_the_users_has_the_gradient_of_the_registry(kind):
    f, factor = OWN_FUNCTIONS[kind]
    ours, own = integrand_of(check_kind("f", None, f)), integrand_of(check_kind(kind))
    log_p, log_q = np.array([(a, b) for a in (-300.0, -20.0, -3.0, -0.1) for b in (-250.0, -9.0, -1.0, 0.0)]).T
    np.testing.assert_allclose(ours.terms(log_p, log_q), factor * own.terms(log_p, log_q), rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(ours.rates(log_p, log_q), factor * own.rates(log_p, log_q), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("kind", OWN_FUNCTIONS)
@pytest.mark.parametrize("model", [fd.Gaussian(), fd.GaussianMixture(2, covariance_type="diag")], ids=["one", "two"])
def test_a_function_of_the_users_finds_the_fit_of_the_registry(kind, model):
    f, factor = OWN_FUNCTIONS[kind]
    distribution = mixture([0.5, 0.3, 0.2], [[0.0], [3.0], [5.0]], [[[1.0]], [[0.5]], [[1.5]]])
    expected = fd.fit_divergence(model, distribution, kind, n_starts=2, random_state=0)
    found = fd.fit_divergence(model, distribution, "f", f=f, n_starts=2, random_state=0)
    assert found.converged_
    assert found.divergence_.value == pytest.approx(factor * expected.divergence_.value, rel=1e-5, abs=1e-8)
    points = np.linspace(-3, 8, 23)[:, None]
    np.testing.assert_allclose(found.score_samples(points), expected.score_samples(points), atol=1e-4)


def test_a_function_of_the_users_fits_samples_and_draws():
    X = blobs().sample(300, random_state=0)[0]
    f, _ = OWN_FUNCTIONS["squared_hellinger"]
    for target, options in ((X, {"n_starts": 1}), (blobs(), {"method": "monte_carlo", "n_starts": 1, "n_draws": 1024})):
        expected = fd.fit_divergence(fd.Gaussian(), target, "squared_hellinger", random_state=0, **options)
        found = fd.fit_divergence(fd.Gaussian(), target, "f", f=f, random_state=0, **options)
        np.testing.assert_allclose(found.mean_, expected.mean_, atol=1e-4)
        np.testing.assert_allclose(found.covariance_, expected.covariance_, atol=1e-4)


def test_a_function_with_a_kink_comes_near_its_minimum():
    """Four times the total variation, about as small as the registry's own search makes it."""
    distribution = mixture([0.6, 0.4], [[0.0], [5.0]], [[[1.0]], [[0.5]]])
    expected = fd.fit_divergence(fd.Gaussian(), distribution, "tv", n_starts=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", convergence_warning())
        found = fd.fit_divergence(
            fd.Gaussian(), distribution, "f", f=lambda t: 2 * np.abs(t - 1), n_starts=2, random_state=0
        )
    assert found.divergence_.value / 4 == pytest.approx(expected.divergence_.value, abs=1e-3)


@pytest.mark.parametrize("kind", ["kl", "reverse_kl", "js"])
def test_a_function_needs_no_constant(kind):
    def sampler(n, rng):
        return np.column_stack([1 + rng.normal(size=n), rng.standard_t(5, n)])

    by_bounds = fd.fit_divergence(fd.Gaussian("diag"), unnormalised, kind, bounds=[(-9, 11), (-400, 400)])
    by_draws = fd.fit_divergence(fd.Gaussian("diag"), unnormalised, kind, sampler=sampler, random_state=0)
    np.testing.assert_allclose(by_bounds.mean_, [1, 0], atol=1e-3)
    np.testing.assert_allclose(by_bounds.covariance_, by_draws.covariance_, rtol=0.01)
    assert by_bounds.covariance_[0] == pytest.approx(1, rel=1e-3)
    assert by_bounds.divergence_.value == pytest.approx(by_draws.divergence_.value, abs=1e-3)
    if kind == "kl":
        assert by_bounds.covariance_[1] == pytest.approx(5 / 3, rel=1e-3)


@pytest.mark.parametrize("more", ["sampler", "bounds"])
def test_a_function_of_three_features(more):
    def log_density(x):
        return 5 - 0.5 * ((x - [0.0, 1.0, 2.0]) ** 2 / [1.0, 4.0, 0.25]).sum(axis=1)

    given = {
        "sampler": lambda n, rng: rng.normal([0.0, 1.0, 2.0], [1.0, 2.0, 0.5], (n, 3)),
        "bounds": [(-6, 6), (-11, 13), (-1, 5)],
    }
    fitted = fd.fit_divergence(fd.Gaussian("diag"), log_density, "js", random_state=0, **{more: given[more]})
    np.testing.assert_allclose(fitted.mean_, [0, 1, 2], atol=1e-5)
    np.testing.assert_allclose(fitted.covariance_, [1, 4, 0.25], atol=1e-5)


def test_a_narrow_peak_is_not_overlooked():
    # A thousandth of the width of the box, and between the first nodes
    distribution = mixture([0.5, 0.5], [[0.0, 0.0], [3.3, 2.1]], [np.eye(2), np.eye(2) * 1e-5])
    box = Box(target_of(distribution, None, None, None), distribution.sample(4000, random_state=0)[0])
    nodes = cell_nodes(box, distribution.score_samples, [distribution.score_samples], 1e-6, 1 << 16)
    mass = np.exp(nodes.log_weights + nodes.log_p).sum()
    assert mass == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("kind", ["js", "reverse_kl"])
def test_an_outlier_far_away_changes_little(kind):
    X = two_groups(150)
    with_outlier = np.concatenate([X, [[1e4, 1e4]]])
    kde = fd.KernelDensity(bandwidth=0.5)
    alone = fd.fit_divergence(fd.Gaussian(), kde.fit(X), kind, random_state=0)
    for seed in range(4):
        found = fd.fit_divergence(fd.Gaussian(), kde.fit(with_outlier), kind, random_state=seed)
        np.testing.assert_allclose(found.mean_, alone.mean_, atol=0.01)
        np.testing.assert_allclose(found.covariance_, alone.covariance_, atol=0.02)
        assert found.divergence_.value == pytest.approx(alone.divergence_.value, abs=0.01)


def test_draws_of_components_follow_their_distribution():
    parameters = Mixture(np.array([0.3, 0.7]), np.array([[0.0], [5.0]]), np.array([1.0, 2.0]), "spherical")
    x = Noise(4000, 1, np.random.default_rng(0)).draws(parameters)[:, 0]
    assert np.count_nonzero(x > 2.5) == pytest.approx(0.7 * 4000, abs=40)
    assert x[x > 2.5].std() == pytest.approx(0.5, abs=0.02)


# --- laws of the house ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["reverse_kl", "js", "hellinger"])
def test_fits_follow_affine_maps(kind):
    distribution, A, b = blobs(), np.array([[2e3, 0.0], [1e3, 50.0]]), np.array([1e4, -3.0])
    moved = mixture(distribution.weights_, distribution.means_ @ A.T + b, A @ distribution.covariances_ @ A.T)
    before = fd.fit_divergence(fd.Gaussian(), distribution, kind, random_state=0)
    after = fd.fit_divergence(fd.Gaussian(), moved, kind, random_state=1)
    back = np.linalg.inv(A)
    np.testing.assert_allclose((after.mean_ - b) @ back.T, before.mean_, atol=1e-5)
    np.testing.assert_allclose(back @ after.covariance_ @ back.T, before.covariance_, atol=1e-4)
    assert after.divergence_.value == pytest.approx(before.divergence_.value, abs=1e-6)


@pytest.mark.parametrize(("kind", "d"), [("js", 2), ("reverse_kl", 3), ("kl", 2)])
def test_the_seed_decides_and_threads_do_not(kind, d):
    X = two_groups(120, d)
    model = fd.GaussianMixture(2, covariance_type="diag", random_state=4)
    states = [
        vars(fd.fit_divergence(model, X, kind, n_starts=2, n_draws=512, n_threads=n_threads)) for n_threads in (1, 2)
    ]
    assert states[0].keys() == states[1].keys()
    for name, value in states[0].items():
        np.testing.assert_equal(value, states[1][name])
    other = fd.fit_divergence(model, X, kind, n_starts=2, n_draws=512, random_state=np.random.default_rng(4))
    np.testing.assert_array_equal(other.means_, states[0]["means_"])


def test_the_fit_is_a_model_like_any_other(tmp_path):
    distribution = blobs()
    X = distribution.sample(50, random_state=0)[0]
    for model in (fd.Gaussian("diag"), fd.GaussianMixture(2, random_state=3)):
        before = dict(vars(model))
        fitted = fd.fit_divergence(model, distribution, "js", n_starts=2)
        assert vars(model) == before
        assert type(fitted) is type(model)
        assert fitted.get_params() == model.get_params()
        assert np.isfinite(fitted.score_samples(X)).all()
        fd.save(fitted, tmp_path / "fit")
        loaded = fd.load(tmp_path / "fit")
        np.testing.assert_array_equal(loaded.score_samples(X), fitted.score_samples(X))
        assert loaded.divergence_ == fitted.divergence_
    assert fitted.sample(7, random_state=0)[0].shape == (7, 2)
    assert fitted.bic(X) > 0
    assert fitted.lower_bound_ == pytest.approx(fitted.score(distribution.sample(20000, random_state=0)[0]), abs=0.05)


def test_starts_may_be_given():
    distribution = mixture([0.5, 0.5], [[-4.0], [4.0]], [[[1.0]], [[1.0]]])
    for side in (-4.0, 4.0):
        model = fd.GaussianMixture(1, weights_init=[1.0], means_init=[[side]], precisions_init=[[[1.0]]])
        fitted = fd.fit_divergence(model, distribution, "reverse_kl", n_starts=1, random_state=0)
        assert fitted.means_[0, 0] == pytest.approx(side, abs=0.01)


def test_names_are_kept():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(two_groups(80), columns=["width", "height"])
    for target in (frame, fd.KernelDensity(bandwidth=0.5).fit(frame)):
        for kind in ("kl", "js"):
            fitted = fd.fit_divergence(fd.Gaussian(), target, kind, n_starts=1, random_state=0)
            assert list(fitted.feature_names_in_) == ["width", "height"]


# --- errors -----------------------------------------------------------------------------------------------------------

GAUSSIAN = fd.Gaussian().fit([[0.0, 1.0], [1.0, 0.0], [2.0, 3.0]])
SAMPLE = np.random.default_rng(0).normal(size=(30, 2))


def flat(x):
    return np.zeros(len(x))


@pytest.mark.parametrize(
    ("model", "target", "kind", "options", "error", "words"),
    [
        (fd.Gaussian(), GAUSSIAN, "kll", {}, ValueError, "kind must be one of"),
        (fd.Gaussian(), GAUSSIAN, "f", {}, ValueError, "f must be given with kind='f'"),
        (fd.Gaussian(), GAUSSIAN, "kl", {"f": np.log}, ValueError, "f must be given with kind='f' and with no other"),
        (fd.Gaussian(), GAUSSIAN, "f", {"f": lambda t: 1 - t**2}, ValueError, "f must be convex"),
        (fd.Gaussian(), GAUSSIAN, "f", {"f": lambda t: t * t}, ValueError, "f must be 0 at 1, got .* 1.0"),
        (fd.Gaussian(), fd.Histogram(bins=3).fit([[0.0], [1.0], [3.0]]), "f", {"f": lambda t: -np.log(t)}, ValueError,
         "finite where target has no density"),
        (fd.Gaussian(), GAUSSIAN, "alpha", {}, ValueError, "alpha must be a number"),
        (fd.Gaussian(), GAUSSIAN, "kl", {"alpha": 2.0}, ValueError, "alpha must be None"),
        (fd.KernelDensity(), GAUSSIAN, "kl", {}, TypeError, "model must be a Gaussian or a GaussianMixture"),
        (fd.Gaussian("tied"), GAUSSIAN, "kl", {}, ValueError, "covariance_type must be one of"),
        (fd.GaussianMixture(0), GAUSSIAN, "js", {}, ValueError, "n_components must be an integer of at least 1"),
        (fd.GaussianMixture(40), SAMPLE, "kl", {}, ValueError, "n_components must be at most"),
        (fd.Gaussian(), fd.Gaussian(), "kl", {}, ValueError, "not fitted"),
        (fd.Gaussian(), SAMPLE[:1], "js", {}, ValueError, "minimum of 2 is required for target"),
        (fd.Gaussian(), SAMPLE[:, 0], "js", {}, ValueError, "Expected 2D array"),
        (fd.Gaussian(), np.array([[0.0], [np.nan]]), "kl", {}, ValueError, "target contains NaN"),
        (fd.Gaussian(), np.array([[0.0, 1], [0, 2]]), "js", {}, ValueError, "column 0 constant"),
        (fd.Gaussian(), flat, "js", {}, ValueError, "sampler or bounds must be given"),
        (fd.Gaussian(), flat, "js", {"bounds": [(1, 0)]}, ValueError, "low < high"),
        (fd.Gaussian(), flat, "js", {"sampler": 3}, TypeError, "sampler must be a function"),
        (fd.Gaussian(), SAMPLE, "js", {"bounds": [(0, 1)] * 2}, ValueError, "bounds must be None unless target"),
        (fd.Gaussian(), GAUSSIAN, "js", {"sample_weight": [1.0]}, ValueError, "sample_weight must be None unless"),
        (fd.Gaussian(), SAMPLE, "js", {"sample_weight": [1.0]}, ValueError, "sample_weight.shape"),
        (fd.Gaussian(), lambda x: x, "js", {"bounds": [(0, 1)] * 2}, ValueError, "one log-density per row"),
        (fd.Gaussian(), lambda x: x[:, 0] * np.nan, "js", {"bounds": [(0, 1)]}, ValueError, "below infinity"),
        (fd.Gaussian(), lambda x: x[:, 0] - np.inf, "js", {"bounds": [(0, 1)]}, ValueError, "greater than 0"),
        (fd.Gaussian(), flat, "js", {"bounds": [(0, 1)], "sampler": lambda n, rng: rng.random((n, 2))}, ValueError,
         "sampler must return draws of shape"),
        (fd.Gaussian(), GAUSSIAN, "js", {"method": "grid"}, ValueError, "method must be one of"),
        (fd.Gaussian(), flat, "js", {"method": "quadrature", "bounds": [(0, 1)] * 3}, ValueError, "two features"),
        (fd.Gaussian(), GAUSSIAN, "js", {"n_starts": 0}, ValueError, "n_starts must be"),
        (fd.Gaussian(), GAUSSIAN, "js", {"n_draws": 2}, ValueError, "n_draws must be"),
        (fd.Gaussian(), GAUSSIAN, "js", {"max_iter": 0}, ValueError, "max_iter must be"),
        (fd.Gaussian(), GAUSSIAN, "js", {"tol": 0.0}, ValueError, "tol must be"),
        (fd.Gaussian(), GAUSSIAN, "js", {"n_threads": 0}, ValueError, "n_threads must be"),
        (fd.Gaussian(), GAUSSIAN, "js", {"random_state": "x"}, TypeError, "random_state must be"),
        (fd.GaussianMixture(2, means_init=[[0.0], [1.0]]), GAUSSIAN, "js", {}, ValueError, "means_init must have"),
        (fd.Gaussian(), fd.Histogram(bins=3).fit(SAMPLE), "reverse_kl", {}, ValueError, "finite where target has no"),
        (fd.Gaussian(), fd.KNeighborsDensity(3, normalized=False).fit(SAMPLE), "js", {}, ValueError, "normalized="),
        (fd.Gaussian(), 3.0, "js", {}, ValueError, "Expected 2D array"),
    ],
)  # fmt: skip
def test_errors_name_what_is_wrong(model, target, kind, options, error, words):
    with pytest.raises(error, match=words):
        fd.fit_divergence(model, target, kind, **{"random_state": 0, **options})


def test_an_infinite_divergence_is_an_error():
    # The square of any normal distribution over a density that falls like exp(-x^4) has no integral but for narrow
    # ones.
    def log_density(x):
        return -((0.05 * x[:, 0]) ** 16)

    with pytest.raises(ValueError, match="infinite, or too large"):
        fd.fit_divergence(fd.Gaussian(), log_density, "alpha", alpha=-30.0, bounds=[(-90, 90)])


def test_a_search_that_is_cut_short_says_so():
    with pytest.warns(convergence_warning(), match="did not converge in max_iter=1"):
        fitted = fd.fit_divergence(fd.Gaussian(), blobs(), "jeffreys", max_iter=1, n_starts=1, random_state=0)
    assert not fitted.converged_


def test_a_histogram_can_be_a_target():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = fd.fit_divergence(fd.Gaussian(), fd.Histogram(bins=5).fit(two_groups()), "js", random_state=0)
    assert 0 < fitted.divergence_.value < math.log(2)

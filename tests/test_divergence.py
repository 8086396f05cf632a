"""`divergence` between laws with densities and discrete laws: oracles, routes, hard cases and errors."""

import importlib.util
import math
import sys
import warnings
from pathlib import Path

import mpmath
import numpy as np
import pytest
import scipy.stats
from scipy import integrate

import fastdens as fd
from fastdens.divergences import closed_forms, line_integrals, plane_integrals
from fastdens.divergences.generators import GENERATORS, check_kind
from fastdens.divergences.sides import Components, side_of

PATH = Path(__file__).resolve().parents[1] / "benchmarks" / "studies" / "divergence_accuracy.py"
spec = importlib.util.spec_from_file_location("divergence_accuracy", PATH)
study = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = study  # its dataclass looks itself up
spec.loader.exec_module(study)

norm = scipy.stats.norm
PLAIN_KINDS = sorted(GENERATORS)


def gaussian(d, seed, covariance_type="full", shift=1.0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(30, d)) @ (np.eye(d) + 0.3 * rng.normal(size=(d, d))) + shift * rng.normal(size=d) / d
    return fd.Gaussian(covariance_type).fit(X)


def mixture_1d(weights, means, deviations):
    return study.mixture(np.array(weights), np.array(means, float), np.array(deviations, float) ** 2)


A = mixture_1d([0.3, 0.7], [-1, 2], [0.5, 1])
B = mixture_1d([0.5, 0.5], [0, 2.5], [1, 0.7])


# --- rules ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rules", "degree"), [(line_integrals, 31), (plane_integrals, 22)])
def test_rules_integrate_polynomials(rules, degree):
    for power in range(0, degree + 1, 2):
        assert rules.KRONROD @ rules.PLACES**power == pytest.approx(2 / (power + 1), abs=2e-15)
    for power in range(0, 2 * np.count_nonzero(rules.GAUSS), 2):
        assert rules.GAUSS @ rules.PLACES**power == pytest.approx(2 / (power + 1), abs=2e-15)


def test_several_integrals_at_once_against_their_values():
    found = line_integrals.integrate(
        lambda u: np.stack([np.exp(u), np.abs(u - 1 / 3), 1 / np.sqrt(np.abs(u) + 1e-300)]),
        np.array([-1.0, 0.0, 1.0]), lambda totals: np.full(3, 1e-9), 10**6,
    )  # fmt: skip
    expected = [math.e - 1 / math.e, (16 + 4) / 18, 4.0]
    assert found.values == pytest.approx(expected, abs=1e-9)
    assert (np.abs(found.values - expected) <= found.errors).all()


def test_an_integral_over_the_plane_against_its_value():
    found = plane_integrals.integrate_plane(
        lambda X: np.stack([np.exp(X[:, 0] * X[:, 1]), np.abs(X[:, 0] - X[:, 1])]),
        (np.linspace(0, 1, 3), np.linspace(0, 1, 2)), lambda totals: np.full(2, 1e-6), 10**6,
    )  # fmt: skip
    expected = [1.3179021514544038, 1 / 3]
    assert found.values == pytest.approx(expected, abs=1e-6)
    assert (np.abs(found.values - expected) <= found.errors).all()


def test_a_budget_ends_an_integral_and_its_error_says_so():
    found = fd.divergence(fd.KNeighborsDensity(3).fit(np.random.default_rng(0).normal(size=(40, 1))), A, "js",
                          max_evaluations=100)  # fmt: skip
    exact = fd.divergence(fd.KNeighborsDensity(3).fit(np.random.default_rng(0).normal(size=(40, 1))), A, "js")
    assert found.n_evaluations < exact.n_evaluations
    assert found.interval[0] <= exact.value <= found.interval[1]


# --- one dimension, 50 digits -----------------------------------------------------------------------------------------

# The cheapest pairs of the study; the others take 50 digits too long.
SLICE = (0, 1, 3, 4, 5, 6, 7, 9, 15, 20, 21, 23)


@pytest.mark.parametrize("number", SLICE)
def test_quadrature_on_the_line_against_50_digits(number):
    p, q = study.pairs(max(SLICE) + 1)[number]
    truth = study.exact(p, q)
    for kind, true in truth.items():
        found = fd.divergence(p.side, q.side, kind)
        if mpmath.isinf(true):
            assert found.value == math.inf
        else:
            assert found.value == pytest.approx(float(true), rel=1e-12, abs=1e-13)
            assert found.interval[0] - 1e-15 <= float(true) <= found.interval[1] + 1e-15


@pytest.mark.parametrize("kind", [*PLAIN_KINDS, "hellinger"])
@pytest.mark.parametrize("q", [norm(0.7, 1.2), norm(0.5, 1.0), norm(0, 1 + 1e-9), norm(-3, 0.9)])
def test_formulas_for_gaussians_against_quadrature(kind, q):
    formula = fd.divergence(norm(), q, kind)
    found = fd.divergence(norm(), q, kind, method="quadrature")
    if kind == "neyman_chi2" or not math.isinf(formula.value):
        assert found.value == pytest.approx(formula.value, rel=2e-11, abs=1e-13)


@pytest.mark.parametrize("kind", ["alpha", "renyi"])
@pytest.mark.parametrize("alpha", [0.3, 0.999, 1.0, 1.7, 3.0])
def test_orders_for_gaussians_against_quadrature(kind, alpha):
    options = {"alpha": alpha}
    formula = fd.divergence(norm(), norm(1, 1.3), kind, **options)
    found = fd.divergence(norm(), norm(1, 1.3), kind, method="quadrature", **options)
    assert found.value == pytest.approx(formula.value, rel=1e-10)


def test_formula_for_distant_laws_in_renyi_of_which_the_integral_is_zero():
    found = fd.divergence(norm(), norm(200, 1), "renyi", alpha=0.5)
    assert found.value == pytest.approx(0.5 * 200**2 / 2, rel=1e-12)


def test_total_variation_of_gaussians_of_nearly_equal_variance():
    # To first order in s the distance is s sqrt(2 / (pi e)).
    for s in (1e-6, 1e-9):
        found = fd.divergence(norm(0, 1), norm(0, 1 + s))
        assert found.value == pytest.approx(s * math.sqrt(2 / (math.pi * math.e)), abs=max(s * s, 2e-16))


@pytest.mark.parametrize("d", [1, 2, 5])
@pytest.mark.parametrize("types", [("full", "full"), ("diag", "spherical"), ("full", "spherical")])
def test_formulas_in_many_dimensions_against_the_textbook(d, types):
    p, q = gaussian(d, 1, types[0]), gaussian(d, 2, types[1])
    S, T = (np.diag(np.broadcast_to(g.covariance_, d)) if np.ndim(g.covariance_) < 2 else g.covariance_ for g in (p, q))
    gap, inverse = p.mean_ - q.mean_, np.linalg.inv(T)
    log_ratio = np.linalg.slogdet(T)[1] - np.linalg.slogdet(S)[1]
    kl = 0.5 * (np.trace(inverse @ S) + gap @ inverse @ gap - d + log_ratio)
    middle = (S + T) / 2
    affinity = np.exp(0.25 * np.linalg.slogdet(S)[1] + 0.25 * np.linalg.slogdet(T)[1]
                      - 0.5 * np.linalg.slogdet(middle)[1] - gap @ np.linalg.inv(middle) @ gap / 8)  # fmt: skip
    assert fd.divergence(p, q, "kl").value == pytest.approx(kl, rel=1e-10)
    assert fd.divergence(q, p, "reverse_kl").value == pytest.approx(kl, rel=1e-10)
    assert fd.divergence(p, q, "squared_hellinger").value == pytest.approx(1 - affinity, rel=1e-10)


def test_infinite_orders_of_gaussians():
    assert fd.divergence(norm(0, 2), norm(), "chi2").value == math.inf
    assert fd.divergence(norm(0, 2), norm(), "alpha", alpha=3.0).value == math.inf
    assert fd.divergence(norm(0, 2), norm(), "chi2", method="quadrature").value == math.inf
    wide, narrow = mixture_1d([0.5, 0.5], [0, 1], [2, 1]), mixture_1d([0.5, 0.5], [0, 1], [1, 1])
    assert fd.divergence(wide, narrow, "chi2").value == math.inf
    assert fd.divergence(narrow, wide, "chi2").value < 2


def test_equal_covariances_are_integrated_in_one_dimension():
    p, q = gaussian(6, 3), gaussian(6, 3)
    q._set_law(p.mean_ + np.array([0.5, 0, 0, 1, 0, 0]), p.covariance_)
    gap = q.mean_ - p.mean_
    distance = math.sqrt(gap @ np.linalg.solve(p.covariance_, gap))
    found = fd.divergence(p, q, "js")
    assert found.method == "quadrature"
    assert found.value == pytest.approx(fd.divergence(norm(), norm(distance), "js").value, rel=1e-9)
    assert fd.divergence(p, q).value == pytest.approx(2 * norm.cdf(distance / 2) - 1, rel=1e-12)


# --- hard cases on the line -------------------------------------------------------------------------------------------


def test_tails_decide_between_finite_and_infinite():
    assert fd.divergence(scipy.stats.cauchy(), norm(), "kl").value == math.inf
    assert fd.divergence(scipy.stats.t(2), norm(), "kl").value == math.inf
    assert fd.divergence(norm(), scipy.stats.cauchy(), "kl").value == pytest.approx(0.25924453248886, abs=1e-11)
    # E x^2 / 2 of Student's law with 3 degrees is 1.5, and its entropy is known.
    kl = 1.5 + 0.5 * math.log(2 * math.pi) - scipy.stats.t(3).entropy()
    assert fd.divergence(scipy.stats.t(3), norm(), "kl").value == pytest.approx(kl, rel=1e-10)


def test_cauchy_laws_against_the_formula():
    # Chyzak and Nielsen (2019)
    found = fd.divergence(scipy.stats.cauchy(0, 1), scipy.stats.cauchy(1, 2), "kl")
    assert found.value == pytest.approx(math.log(((1 + 2) ** 2 + 1) / (4 * 1 * 2)), rel=1e-11)


def test_supports_decide_between_finite_and_infinite():
    uniform = scipy.stats.uniform
    assert fd.divergence(uniform(0, 1), uniform(0.5, 1), "kl").value == math.inf
    assert fd.divergence(uniform(0.5, 0.5), uniform(0, 1), "kl").value == pytest.approx(math.log(2), rel=1e-13)
    assert fd.divergence(uniform(0.5, 0.5), uniform(0, 1), "reverse_kl").value == math.inf
    for kind in PLAIN_KINDS:
        assert fd.divergence(uniform(0, 1), uniform(1, 1), kind).value == check_kind(kind).largest
    assert fd.divergence(uniform(0, 1), uniform(3, 1), "js_distance").value == math.sqrt(math.log(2))


def test_very_different_scales():
    for kind in ("tv", "kl", "js", "hellinger"):
        found = fd.divergence(norm(0, 1e-6), norm(3, 1e6), kind, method="quadrature")
        if kind == "tv":
            assert found.value == pytest.approx(fd.divergence(norm(0, 1e-6), norm(3, 1e6)).value, abs=1e-12)
        elif kind != "js":
            assert found.value == pytest.approx(fd.divergence(norm(0, 1e-6), norm(3, 1e6), kind).value, rel=1e-11)


def test_far_from_the_origin():
    found = fd.divergence(norm(1e9, 1), norm(1e9 + 1, 1), "kl", method="quadrature")
    assert found.value == pytest.approx(0.5, rel=1e-6)


def test_nearly_equal_laws_keep_their_digits():
    shift = 1e-5
    p, q = mixture_1d([0.5, 0.5], [0, 3], [1, 1]), mixture_1d([0.5, 0.5], [shift, 3 + shift], [1, 1])
    slope = mixture_1d([0.5, 0.5], [0, 3], [1, 1])
    x = np.linspace(-12, 15, 20001)
    log_p = slope.score_samples(x[:, None])
    score = np.gradient(log_p, x)
    fisher = integrate.trapezoid(score**2 * np.exp(log_p), x)
    assert fd.divergence(p, q, "kl").value == pytest.approx(fisher * shift**2 / 2, rel=1e-4)
    assert fd.divergence(p, q, "squared_hellinger").value == pytest.approx(fisher * shift**2 / 8, rel=1e-4)


KERNELS = ["gaussian", "tophat", "epanechnikov", "exponential", "linear", "cosine", "biweight", "triweight"]
OPTIONS = [{}, {"bounds": (-0.5, None)}, {"bounds": (-0.5, None), "boundary": "linear"}, {"period": 2.0},
           {"bounds": (-1.0, 6.0), "boundary": "transform"}]  # fmt: skip


def reference(p, q, low, high, n=400_001):
    """Total variation and JS by the midpoint rule."""
    x = low + (np.arange(n) + 0.5) * (high - low) / n
    a, b = (np.exp(m.score_samples(x[:, None])) for m in (p, q))
    m = (a + b) / 2
    js = (scipy.special.xlogy(a, a / m) + scipy.special.xlogy(b, b / m)) / 2
    return np.abs(a - b).sum() / 2 * (high - low) / n, js.sum() * (high - low) / n


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(map(str, o)) or "open")
@pytest.mark.parametrize("kernel", KERNELS)
def test_kernel_densities_against_a_fine_grid(kernel, options):
    X = np.abs(np.random.default_rng(1).normal(1, 1, (25, 1))) - 0.4
    p = fd.KernelDensity(bandwidth=0.3, kernel=kernel, **options).fit(X)
    low, high = (0.0, 2.0) if "period" in options else (options.get("bounds", (-12.5, None))[0], 16.0)
    high = 6.0 if options.get("boundary") == "transform" else high
    q = fd.KernelDensity(bandwidth=0.4, **({} if "boundary" in options else options)).fit(X + 0.5)
    if options.get("boundary"):
        q = fd.KernelDensity(bandwidth=0.4, bounds=options["bounds"]).fit(X + 0.5)
    tv, js = reference(p, q, low, high, 100_001)
    assert fd.divergence(p, q).value == pytest.approx(tv, abs=3e-5)
    assert fd.divergence(p, q, "js").value == pytest.approx(js, abs=3e-5)


@pytest.mark.parametrize("model", [
    fd.Histogram(7), fd.KNeighborsDensity(4), fd.AdaptiveKernelDensity(), fd.AdaptiveKernelDensity("mixture"),
    fd.AdaptiveKernelDensity(kernel="tophat"), fd.AdaptiveKernelDensity("neighbors", n_neighbors=5, bandwidth=0.3),
], ids=repr)  # fmt: skip
def test_other_models_against_a_fine_grid(model):
    X = np.random.default_rng(2).normal(0, 1, (41, 1))
    p = model.fit(X)
    tails_are_powers = isinstance(model, fd.KNeighborsDensity)
    tv, js = reference(p, B, *(-40, 40) if tails_are_powers else (-7, 8))
    missed = 1e-3 if tails_are_powers else 3e-5
    assert fd.divergence(p, B).value == pytest.approx(tv, abs=missed)
    assert fd.divergence(p, B, "js").value == pytest.approx(js, abs=missed)
    drawn = fd.divergence(p, B, method="monte_carlo", random_state=0)
    assert drawn.value == pytest.approx(fd.divergence(p, B).value, abs=5 * drawn.standard_error)


def test_many_points_of_a_kernel_density():
    X = np.random.default_rng(3).normal(size=(20_000, 1))
    p, q = fd.KernelDensity(bandwidth=0.05).fit(X), fd.Gaussian().fit(X)
    tv, js = reference(p, q, -8, 8, 200_001)
    assert fd.divergence(p, q).value == pytest.approx(tv, abs=1e-8)
    assert fd.divergence(p, q, "js").value == pytest.approx(js, abs=1e-8)


# --- histograms -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("kind", ["tv", "kl", "js", "squared_hellinger", "chi2"])
def test_histograms_on_different_edges_against_their_cells(d, kind):
    rng = np.random.default_rng(d)
    p = fd.Histogram(bins=[np.linspace(0, 1, 5)] * d).fit(rng.uniform(size=(60, d)))
    q = fd.Histogram(bins=[np.array([0.0, 0.3, 0.8, 1.0])] * d).fit(rng.uniform(size=(200, d)))
    edges = np.unique([0, 0.25, 0.5, 0.75, 1, 0.3, 0.8])
    middles, widths = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    points = np.stack(np.meshgrid(*[middles] * d, indexing="ij"), -1).reshape(-1, d)
    volumes = np.prod(np.stack(np.meshgrid(*[widths] * d, indexing="ij"), -1).reshape(-1, d), axis=1)
    with np.errstate(divide="ignore"):
        masses = [np.exp(m.score_samples(points)) * volumes for m in (p, q)]
    expected = GENERATORS[kind].terms(*masses).sum()
    found = fd.divergence(p, q, kind)
    assert found.method == "closed_form"
    assert found.value == pytest.approx(expected, rel=1e-12)
    if d == 1 and math.isfinite(expected):
        assert fd.divergence(p, q, kind, method="quadrature").value == pytest.approx(expected, rel=1e-11)


def test_histograms_on_disjoint_bins():
    p = fd.Histogram(bins=[0, 1, 2]).fit([[0.5], [1.5]])
    q = fd.Histogram(bins=[2, 3, 4]).fit([[2.5], [3.5]])
    assert fd.divergence(p, q).value == 1.0
    assert fd.divergence(p, q, "kl").value == math.inf


# --- the plane and beyond ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["kl", "squared_hellinger", "chi2"])
def test_quadrature_in_the_plane_against_formulas(kind):
    p, q = gaussian(2, 4), gaussian(2, 5)
    formula = fd.divergence(p, q, kind)
    found = fd.divergence(p, q, kind, method="quadrature")
    if math.isinf(formula.value):
        assert found.value == math.inf
    else:
        assert found.value == pytest.approx(formula.value, rel=1e-8)


def test_total_variation_in_the_plane_against_polar_coordinates():
    # Of two round laws about one centre: p > q within a circle.
    p, q = gaussian(2, 4, "spherical"), gaussian(2, 4, "spherical")
    p._set_law(np.zeros(2), 1.0)
    q._set_law(np.zeros(2), 4.0)
    square = 2 * 4 / 3 * math.log(4)
    expected = (1 - math.exp(-square / 2)) - (1 - math.exp(-square / 8))
    found = fd.divergence(p, q)
    assert found.method == "quadrature"
    assert found.value == pytest.approx(expected, abs=1e-6)
    assert found.interval[0] <= expected <= found.interval[1]


def test_independent_pairs_in_the_plane():
    def joined(one, other):
        weights = np.outer(one.weights_, other.weights_).ravel()
        means = np.array([[a, b] for a in one.means_[:, 0] for b in other.means_[:, 0]])
        variances = [[a, b] for a in one.covariances_.ravel() for b in other.covariances_.ravel()]
        return study_mixture(weights, means, np.array([np.diag(v) for v in variances]))

    p, q = joined(A, B), joined(B, B)
    assert fd.divergence(p, q, "kl").value == pytest.approx(fd.divergence(A, B, "kl").value, rel=1e-8)
    p, q = joined(A, B), joined(B, A)
    both = fd.divergence(A, B, "kl").value + fd.divergence(B, A, "kl").value
    assert fd.divergence(p, q, "kl").value == pytest.approx(both, rel=1e-8)


def study_mixture(weights, means, covariances):
    model = fd.GaussianMixture(len(weights))
    model.weights_, model.means_, model.covariances_ = weights, means, covariances
    model.precisions_cholesky_ = np.linalg.inv(np.linalg.cholesky(covariances)).transpose(0, 2, 1)
    return model


PLANE = np.random.default_rng(5).normal(size=(80, 2))


@pytest.mark.parametrize("model", [
    fd.Histogram(5), fd.KernelDensity(bandwidth="scott"), fd.AdaptiveKernelDensity(),
    fd.KernelDensity(bandwidth=0.5, bounds=[(-5, None), None]), fd.KNeighborsDensity(6),
], ids=repr)  # fmt: skip
def test_models_in_the_plane_two_ways(model):
    p, q = model.fit(PLANE), gaussian(2, 6)
    drawn = fd.divergence(p, q, "js", method="monte_carlo", random_state=1)
    assert fd.divergence(p, q, "js", random_state=2).value == pytest.approx(drawn.value, abs=6 * drawn.standard_error)


def test_infinite_in_the_plane():
    wide, narrow = study.random_mixture(2, 1), study.random_mixture(2, 1)
    wide.covariances_ = wide.covariances_ * 4
    wide.precisions_cholesky_ = wide.precisions_cholesky_ / 2
    assert fd.divergence(wide, narrow, "chi2").value == math.inf
    assert math.isfinite(fd.divergence(narrow, wide, "chi2").value)


@pytest.mark.parametrize("d", [2, 4, 10])
@pytest.mark.parametrize("kind", ["kl", "hellinger"])
def test_monte_carlo_against_formulas(d, kind):
    p, q = gaussian(d, 7), gaussian(d, 8)
    formula = fd.divergence(p, q, kind).value
    found = fd.divergence(p, q, kind, method="monte_carlo", random_state=1, max_evaluations=100_000)
    assert 0 < found.standard_error < 0.05 * formula
    assert found.value == pytest.approx(formula, abs=4 * found.standard_error)


def test_monte_carlo_stops_at_the_error_asked_for_and_repeats_itself():
    p, q = study.random_mixture(4, 1), study.random_mixture(4, 2)
    options = {"method": "monte_carlo", "standard_error": 1e-3, "random_state": 3}
    found = fd.divergence(p, q, "js", **options)
    assert found.standard_error <= 1e-3
    assert found == fd.divergence(p, q, "js", **options, n_threads=1)
    assert found != fd.divergence(p, q, "js", method="monte_carlo", standard_error=1e-3, random_state=4)
    with pytest.warns(UserWarning, match=r"standard_error=1e-07 was not reached in 5000"):
        fd.divergence(p, q, "js", method="monte_carlo", standard_error=1e-7, max_evaluations=5000, random_state=0)


def test_the_control_variate_takes_away_variance():
    # Laws nearly equal: the term of KL is nearly linear in (p - q) / m, up to its square.
    found = fd.divergence(norm(), norm(0.01), "jeffreys", method="monte_carlo", random_state=0, max_evaluations=2**15)
    assert found.value == pytest.approx(1e-4, rel=0.05)
    assert found.standard_error < 2e-6


def test_intervals_cover():
    p, q = study.random_mixture(2, 20), study.random_mixture(2, 21)
    for kind in ("tv", "kl"):
        truth = fd.divergence(p, q, kind).value
        held = 0
        for seed in range(200):
            low, high = fd.divergence(p, q, kind, method="monte_carlo", max_evaluations=8192,
                                      random_state=seed).interval  # fmt: skip
            held += low <= truth <= high
        assert 180 <= held <= 199  # 190 expected, standard deviation 3.1


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_bounds_hold_what_quadrature_finds(d, seed):
    p, q = study.random_mixture(d, seed), study.random_mixture(d, seed + 10, k=2)
    for kind in ("tv", "kl", "reverse_kl", "jeffreys", "js", "js_distance", "hellinger", "squared_hellinger", "chi2",
                 "neyman_chi2", "renyi"):  # fmt: skip
        options = {"alpha": 0.5} if kind == "renyi" else {}
        found = fd.divergence(p, q, kind, method="bounds", **options)
        exact = fd.divergence(p, q, kind, **options)
        slack = exact.interval[1] - exact.value if math.isfinite(exact.value) else 0.0
        assert found.interval[0] - slack <= exact.value <= found.interval[1] + slack
        assert found.interval[0] <= found.value <= found.interval[1]
        assert found.standard_error == 0


def test_bounds_are_tight_where_components_are_far_apart_or_alike():
    p = study_mixture(np.array([0.5, 0.5]), np.array([[0.0, 0], [50, 0]]), np.array([np.eye(2)] * 2))
    q = study_mixture(np.array([0.5, 0.5]), np.array([[0.0, 1], [50, 1]]), np.array([np.eye(2)] * 2))
    low, high = fd.divergence(p, q, "kl", method="bounds").interval
    assert low == pytest.approx(0.5, abs=1e-6)
    assert high == pytest.approx(0.5, abs=1e-6)
    low, high = fd.divergence(p, q, "tv", method="bounds").interval
    assert high == pytest.approx(2 * norm.cdf(0.5) - 1, abs=1e-9)
    same = fd.divergence(p, p, "kl", method="bounds")
    assert same.interval[0] == 0
    assert same.interval[1] < 1e-10


# --- other sides ------------------------------------------------------------------------------------------------------


def test_log_densities():
    def standard(X):
        return -0.5 * (X**2).sum(axis=1) - 0.5 * X.shape[1] * math.log(2 * math.pi)

    assert fd.divergence(standard, norm(1), "kl").value == pytest.approx(0.5, rel=1e-12)
    assert fd.divergence(norm(1), standard, "kl").value == pytest.approx(0.5, rel=1e-12)
    assert fd.divergence(standard, lambda X: standard(X - 1), "kl", support=(-np.inf, np.inf)).value == pytest.approx(
        0.5, rel=1e-12
    )
    q = gaussian(2, 4)
    assert fd.divergence(standard, q, "kl").value == pytest.approx(
        fd.divergence(scipy.stats.multivariate_normal([0, 0], np.eye(2)), q, "kl").value, rel=1e-7
    )
    q = gaussian(3, 4)
    drawn = fd.divergence(standard, q, "kl", samplers=(lambda n, rng: rng.normal(size=(n, 3)), None), random_state=0)
    exact = fd.divergence(scipy.stats.multivariate_normal(np.zeros(3), np.eye(3)), q, "kl").value
    assert drawn.value == pytest.approx(exact, abs=4 * drawn.standard_error)


def test_a_log_density_is_not_called_outside_its_support():
    def halfway(X):
        assert (X >= 0).all()
        assert (X <= 2).all()
        return np.log(X[:, 0] / 2)

    expected = 1.25 - 1  # of x / 2 on (0, 2) from 1 / 2 on the same: half the integral of |x - 1| / 2
    assert fd.divergence(halfway, scipy.stats.uniform(0, 2), support=(0, 2)).value == pytest.approx(expected, rel=1e-12)
    assert fd.divergence(norm(), halfway, "kl", support=(0, 2)).value == math.inf


def test_laws_of_scipy():
    assert fd.divergence(scipy.stats.expon(), scipy.stats.expon(scale=2), "kl").value == pytest.approx(
        math.log(2) + 0.5 - 1, rel=1e-12
    )
    gamma, weibull = scipy.stats.gamma(2.5), scipy.stats.weibull_min(1.3)
    expected = integrate.quad(lambda x: abs(gamma.pdf(x) - weibull.pdf(x)) / 2, 0, 60, limit=500, epsabs=1e-11,
                              points=[0.3, 1.2, 3])[0]  # fmt: skip
    assert fd.divergence(gamma, weibull).value == pytest.approx(expected, abs=1e-9)
    rough = scipy.stats.beta(0.5, 0.5)  # unbounded at both ends
    found, expected = fd.divergence(rough, scipy.stats.uniform(), "squared_hellinger"), 1 - float(
        mpmath.beta(0.75, 0.75)) / math.sqrt(math.pi)  # fmt: skip
    assert found.value == pytest.approx(expected, abs=1e-7)  # next to 1 numbers are 1e-16 apart, and hold 1e-8
    assert found.interval[0] <= expected <= found.interval[1]
    X = np.random.default_rng(0).normal(size=(50, 1))
    kde = scipy.stats.gaussian_kde(X[:, 0])
    own = fd.KernelDensity(bandwidth=math.sqrt(kde.covariance.item())).fit(X)
    assert fd.divergence(kde, own).value == pytest.approx(0, abs=1e-12)


def test_models_of_scikit_learn():
    from sklearn.mixture import GaussianMixture
    from sklearn.neighbors import KernelDensity

    X = np.random.default_rng(0).normal(size=(60, 1))
    theirs, ours = KernelDensity(bandwidth=0.5).fit(X), fd.KernelDensity(bandwidth=0.5).fit(X)
    assert fd.divergence(theirs, ours).value == pytest.approx(0, abs=1e-9)
    mixture = GaussianMixture(2, random_state=0).fit(X)
    assert fd.divergence(mixture, ours, "kl", random_state=0).value > 0
    assert fd.divergence(mixture, norm(), "kl", method="monte_carlo", random_state=0) == fd.divergence(
        mixture, norm(), "kl", method="monte_carlo", random_state=0
    )


def test_any_object_with_scores_and_draws():
    class Law:
        n_features_in_ = 1

        def score_samples(self, X):
            return norm.logpdf(X[:, 0])

        def sample(self, n):
            return np.random.default_rng(0).normal(size=(n, 1))

    assert fd.divergence(Law(), norm(1), "kl").value == pytest.approx(0.5, rel=1e-12)


def test_densities_on_the_sphere():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(0, 0.3, (30, 2)), rng.normal(0.2, 0.3, (30, 2))
    p, q = (fd.KernelDensity(bandwidth=0.3, metric="haversine").fit(Z) for Z in (X, Y))
    found = fd.divergence(p, q, random_state=0, standard_error=0.01)
    assert found.method == "monte_carlo"
    assert 0.1 < found.value < 0.9
    with pytest.raises(ValueError, match="sphere"):
        fd.divergence(p, gaussian(2, 1))
    with pytest.raises(ValueError, match="on the sphere; use 'monte_carlo'"):
        fd.divergence(p, q, method="quadrature")


def test_a_discrete_law_and_one_with_a_density_have_nothing_in_common():
    for n in (1, 10, 1000):
        k = np.arange(n + 1)
        walk = fd.DiscreteLaw((2 * k - n) / math.sqrt(n), scipy.stats.binom.pmf(k, n, 0.5))
        found = fd.divergence(walk, norm())
        assert (found.value, found.standard_error, found.interval) == (1.0, 0.0, (1.0, 1.0))
        assert fd.divergence(norm(), walk, "js").value == math.log(2)
        assert fd.divergence(norm(), walk, "kl").value == math.inf
        assert fd.divergence(walk, A, "hellinger").value == 1.0
    with pytest.raises(ValueError, match="same dimension, got 1 of the DiscreteLaw and 2 of Q"):
        fd.divergence(walk, gaussian(2, 1))


def test_discrete_laws_match_outcomes():
    p = fd.DiscreteLaw([0.0, 1.0, 2.0, 2.0], [0.25, 0.25, 0.25, 0.25])
    q = fd.DiscreteLaw([2.0, 3.0, -0.0], [0.5, 0.25, 0.25])
    assert fd.divergence(p, q).value == 0.25
    assert fd.divergence(p, q, "kl").value == math.inf
    assert fd.divergence(p, p, "js_distance").value == 0.0
    assert repr(fd.DiscreteLaw([[1, 2]], [1.0])) == "DiscreteLaw(1 points in 2 dimensions)"


def test_identical_laws_are_at_zero():
    for law in (A, norm(), fd.KernelDensity().fit(PLANE), study.random_mixture(4, 1), fd.Histogram(3).fit(PLANE)):
        for kind in ("tv", "kl", "js_distance"):
            assert fd.divergence(law, law, kind, random_state=0).value == 0.0


# --- user functions and errors ----------------------------------------------------------------------------------------


def test_a_function_of_ones_own():
    found = fd.divergence(A, B, "f", f=lambda t: t * np.log(t))
    assert found.value == pytest.approx(fd.divergence(A, B, "kl").value, rel=1e-9)
    found = fd.divergence(A, B, "f", f=lambda t: np.maximum(t - 2, 0))  # hockey stick
    expected = integrate.quad(lambda x: max(math.exp(A.score_samples([[x]])[0])
                                            - 2 * math.exp(B.score_samples([[x]])[0]), 0), -8, 10, limit=500)[0]  # fmt: skip
    assert found.value == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize(("arguments", "options", "message"), [
    ((A, B, "tvd"), {}, "kind must be one of"),
    ((A, B), {"method": "exact"}, "method must be one of"),
    ((A, B, "alpha"), {}, "alpha must be a number"),
    ((A, gaussian(2, 1)), {}, "same dimension, got 1 and 2"),
    ((A, B), {"method": "closed_form"}, "no formula for kind='tv'.*use 'quadrature' or 'monte_carlo'"),
    ((study.random_mixture(3, 1), study.random_mixture(3, 2)), {"method": "quadrature"}, "one or two dimensions.*3"),
    ((fd.Histogram(3).fit(PLANE), gaussian(2, 1)), {"method": "bounds"}, "P a Histogram"),
    ((A, B, "f"), {"f": lambda t: (t - 1) ** 2, "method": "bounds"}, "no bounds for kind='f'"),
    ((A, B), {"method": "classifier"}, "where no side is a sample, got 'classifier'"),
    ((A, B), {"n_neighbors": 3}, "n_neighbors must be None where no side is a sample, got 3"),
    ((A, PLANE[:, :1]), {"method": "quadrature"}, "where a side is a sample, got 'quadrature'"),
    ((A, PLANE[:, :1]), {"tolerance": 0.1}, "tolerance must be None where a side is a sample"),
    ((A, B), {"method": "bounds", "tolerance": 0.1}, "tolerance must be None with method='bounds'"),
    ((A, B), {"method": "quadrature", "standard_error": 0.1}, "standard_error must be None with method='quadrature'"),
    ((A, B), {"tolerance": 0.0}, "tolerance must be a finite number greater than 0"),
    ((A, B), {"max_evaluations": 0}, "max_evaluations must be an integer of at least 1"),
    ((A, B), {"support": (0, 1)}, "support must be None where neither side is a log-density"),
    ((A, B), {"samplers": (abs, None)}, "samplers must be None for P, which is no log-density"),
    ((abs, abs), {}, "support must be given where both sides are log-densities"),
    ((lambda X: np.full(len(X), np.nan), A), {}, "P must have a log-density that is a number below infinity.*nan"),
    ((A, lambda X: np.full(len(X), np.inf)), {}, "Q must have a log-density that is a number below infinity.*inf"),
    ((A, lambda X: X), {}, "Q must return one log-density per row"),
    ((A, lambda X: norm.logpdf(X[:, 0]) + 0.1), {}, r"Q must integrate to 1, got 1\.10517"),
    ((lambda X: norm.pdf(X[:, 0]), A), {"support": (-9, 9)}, "P must integrate to 1"),
    ((study.random_mixture(3, 1), lambda X: -(X**2).sum(axis=1)), {}, "Q must have a sampler for Monte Carlo in 3"),
    ((A, abs), {"support": (1, 0)}, "support must be a pair"),
    ((fd.KNeighborsDensity(3, normalized=False).fit(PLANE), gaussian(2, 1)), {}, "P must integrate to 1.*normalized"),
    ((fd.AdaptiveKernelDensity("balloon").fit(PLANE), gaussian(2, 1)), {}, "P must integrate to 1.*balloon"),
    ((fd.DiscreteLaw([0.0], [1.0]), PLANE[:, :1]), {}, "Q must be a law where the other side is a DiscreteLaw"),
    ((fd.DiscreteLaw([0.0], [1.0]), A), {"method": "quadrature"}, "where a side is a DiscreteLaw, got 'quadrature'"),
    ((fd.DiscreteLaw([0.0], [1.0]), A), {"tolerance": 1.0}, "tolerance must be None where a side is a DiscreteLaw"),
    ((fd.Gaussian(), A), {}, "not fitted"),
])  # fmt: skip
def test_errors_name_argument_rule_and_value(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        fd.divergence(*arguments, **options)


@pytest.mark.parametrize(("arguments", "options", "message"), [
    ((A, B, 3), {}, "kind must be one of"),
    ((scipy.stats.binom(3, 0.5), A), {}, "P is a discrete law of SciPy.*DiscreteLaw"),
    ((A, abs), {"samplers": 3}, "samplers must be a pair"),
    ((A, abs), {"samplers": (None, 3)}, "samplers must hold functions"),
    ((A, abs), {"support": 3}, "support must be a pair"),
    ((A, B), {"random_state": "x"}, "random_state must be"),
])  # fmt: skip
def test_wrong_types(arguments, options, message):
    with pytest.raises(TypeError, match=message):
        fd.divergence(*arguments, **options)


def test_discrete_laws_are_checked():
    with pytest.raises(ValueError, match="probabilities must sum to 1"):
        fd.DiscreteLaw([0.0, 1.0], [0.5, 0.6])
    with pytest.raises(ValueError, match="one entry per point"):
        fd.DiscreteLaw([0.0, 1.0, 2.0], [0.5, 0.5])


def test_inputs_are_left_alone_and_nothing_is_said():
    X = PLANE.copy()
    p, q = fd.KernelDensity().fit(X), gaussian(2, 9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fd.divergence(p, q, "js")
    assert (X == PLANE).all()


def test_whitening_keeps_the_difference_of_nearly_equal_covariances():
    S = np.array([[2.0, 0.3], [0.3, 1.0]])
    p, q = (Components(np.ones(1), np.zeros((1, 2)), M[None]) for M in (S * (1 + 1e-10), S))
    pair = closed_forms.gaussian_pair(p, q)
    assert pair.excess == pytest.approx([1e-10, 1e-10], rel=1e-5)


def test_marks_of_a_side_are_within_its_reach():
    side = side_of(fd.KernelDensity(kernel="tophat", bandwidth=0.5, bounds=(0, None)).fit([[0.2], [3.0]]), "P", None,
                   None)  # fmt: skip
    assert side.low == 0
    assert side.high == 3.5
    assert set(np.round([0.7, 2.5, 3.5], 9)) <= set(np.round(side.marks[0], 9))

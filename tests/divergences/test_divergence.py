"""`divergence` on the line: rules, formulas, 50 digits, hard cases, histograms."""

import math

import mpmath
import numpy as np
import pytest
import scipy.stats
from divergence_distributions import A, B, accuracy, gaussian, mixture_1d
from scipy import integrate

import fastdens as fd
from fastdens.divergences.densities import line_integrals, plane_integrals
from fastdens.divergences.generators import GENERATORS
from fastdens.divergences.kinds import check_kind

norm = scipy.stats.norm
PLAIN_KINDS = sorted(GENERATORS)


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


def test_sign_changes_are_found_to_the_last_digit():
    found = line_integrals.sign_changes(np.cos, np.linspace(-7, 7, 4))
    assert found == pytest.approx(np.pi * np.array([-1.5, -0.5, 0.5, 1.5]), rel=1e-15)
    # Next to the end of a panel, and two between nodes
    found = line_integrals.sign_changes(lambda u: (u - 1e-6) * ((u - 0.4) ** 2 - 1e-6), np.array([0.0, 1.0]))
    assert found == pytest.approx([1e-6, 0.399, 0.401], rel=1e-12)
    # Between them the total variation is smooth, and takes a fraction of the points that bisecting its kinks does.
    assert fd.divergence(A, B).n_evaluations < 6000


def test_a_budget_ends_an_integral_and_its_error_says_so():
    found = fd.divergence(fd.KNeighborsDensity(3).fit(np.random.default_rng(0).normal(size=(40, 1))), A, "js",
                          max_evaluations=100)  # fmt: skip
    exact = fd.divergence(fd.KNeighborsDensity(3).fit(np.random.default_rng(0).normal(size=(40, 1))), A, "js")
    assert found.n_evaluations < exact.n_evaluations
    assert found.interval[0] <= exact.value <= found.interval[1]


# --- one dimension, 50 digits -----------------------------------------------------------------------------------------

# Exact values are stored beside the study that finds them. In number 55 p - q changes its sign next to a panel's end.
TRUTHS = accuracy.stored()


@pytest.fixture(scope="module")
def pairs():
    return accuracy.pairs(max(TRUTHS) + 1)


@pytest.mark.parametrize("number", TRUTHS)
def test_quadrature_on_the_line_against_50_digits(number, pairs):
    p, q = pairs[number]
    for kind, true in TRUTHS[number].items():
        found = fd.divergence(p.side, q.side, kind)
        if mpmath.isinf(true):
            assert found.value == math.inf
        else:
            assert found.value == pytest.approx(float(true), rel=1e-12, abs=1e-13)
            assert found.interval[0] - 1e-15 <= float(true) <= found.interval[1] + 1e-15


def test_stored_values_are_those_of_the_study(pairs):
    for number in (0, 6):
        for kind, true in accuracy.exact(*pairs[number]).items():
            assert mpmath.isinf(true) or abs(TRUTHS[number][kind] - true) < 1e-15
            assert mpmath.isinf(true) == mpmath.isinf(TRUTHS[number][kind])


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


def test_formula_for_distant_distributions_in_renyi_of_which_the_integral_is_zero():
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
    q._set_distribution(p.mean_ + np.array([0.5, 0, 0, 1, 0, 0]), p.covariance_)
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
    # E x^2 / 2 of Student's distribution with 3 degrees is 1.5, and its entropy is known.
    kl = 1.5 + 0.5 * math.log(2 * math.pi) - scipy.stats.t(3).entropy()
    assert fd.divergence(scipy.stats.t(3), norm(), "kl").value == pytest.approx(kl, rel=1e-10)


def test_cauchy_distributions_against_the_formula():
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


def test_nearly_equal_distributions_keep_their_digits():
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
    tv, js = reference(p, B, *(-40, 40) if tails_are_powers else (-16, 17))
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

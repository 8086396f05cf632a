"""`divergence` in the plane and beyond: cubature, Monte Carlo, bounds."""

import math

import numpy as np
import pytest
import scipy.stats
from divergence_distributions import PLANE, A, B, draws, gaussian, mixture

import fastdens as fd
from fastdens.divergences.generators import GENERATORS

norm = scipy.stats.norm
PLAIN_KINDS = sorted(GENERATORS)


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
    # Of two round distributions about one centre: p > q within a circle.
    p, q = gaussian(2, 4, "spherical"), gaussian(2, 4, "spherical")
    p._set_distribution(np.zeros(2), 1.0)
    q._set_distribution(np.zeros(2), 4.0)
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
        return mixture(weights, means, np.array([np.diag(v) for v in variances]))

    p, q = joined(A, B), joined(B, B)
    assert fd.divergence(p, q, "kl").value == pytest.approx(fd.divergence(A, B, "kl").value, rel=1e-8)
    p, q = joined(A, B), joined(B, A)
    both = fd.divergence(A, B, "kl").value + fd.divergence(B, A, "kl").value
    assert fd.divergence(p, q, "kl").value == pytest.approx(both, rel=1e-8)


@pytest.mark.parametrize("model", [
    fd.Histogram(5), fd.KernelDensity(bandwidth="scott"), fd.AdaptiveKernelDensity(),
    fd.KernelDensity(bandwidth=0.5, bounds=[(-5, None), None]), fd.KNeighborsDensity(6),
], ids=repr)  # fmt: skip
def test_models_in_the_plane_two_ways(model):
    p, q = model.fit(PLANE), gaussian(2, 6)
    drawn = fd.divergence(p, q, "js", method="monte_carlo", random_state=1)
    assert fd.divergence(p, q, "js", random_state=2).value == pytest.approx(drawn.value, abs=6 * drawn.standard_error)


def test_infinite_in_the_plane():
    wide, narrow = draws.random_mixture(2, 1), draws.random_mixture(2, 1)
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
    p, q = draws.random_mixture(4, 1), draws.random_mixture(4, 2)
    options = {"method": "monte_carlo", "standard_error": 1e-3, "random_state": 3}
    found = fd.divergence(p, q, "js", **options)
    assert found.standard_error <= 1e-3
    assert found == fd.divergence(p, q, "js", **options, n_threads=1)
    assert found != fd.divergence(p, q, "js", method="monte_carlo", standard_error=1e-3, random_state=4)
    with pytest.warns(UserWarning, match=r"standard_error=1e-07 was not reached in 5000"):
        fd.divergence(p, q, "js", method="monte_carlo", standard_error=1e-7, max_evaluations=5000, random_state=0)


def test_roots_of_a_divergence_near_zero_have_errors_of_their_size():
    p, q = distribution_in_four_dimensions(), distribution_in_four_dimensions()
    found = fd.divergence(p, q, "js_distance", random_state=0, max_evaluations=20_000)
    assert found.value == 0.0
    assert found.standard_error < 0.02
    assert found.interval[0] == 0.0 < found.interval[1] < 0.02


def distribution_in_four_dimensions():
    return draws.random_mixture(4, 1)


def test_a_draw_where_the_other_distribution_has_no_mass_makes_it_infinite():
    box = fd.Histogram(bins=2).fit(np.random.default_rng(0).uniform(-1, 1, (50, 3)))
    assert fd.divergence(gaussian(3, 1), box, "kl", random_state=0).value == math.inf
    assert math.isfinite(fd.divergence(box, gaussian(3, 1), "kl", random_state=0).value)
    assert fd.divergence(gaussian(3, 1), box, "js", random_state=0).value < math.log(2)


def test_the_error_knows_of_draws_that_are_rare():
    # Most of Q is a narrow part that one draw of P in 4000 meets.
    p = mixture(np.ones(1), np.zeros((1, 2)), np.eye(2)[None])
    q = mixture(np.array([0.3, 0.7]), np.array([[9.0, 0], [0, 0]]), np.array([np.eye(2), 1e-4 * np.eye(2)]))
    truth = fd.divergence(p, q).value
    assert 0.998 < truth < 0.99999
    scores = []
    for seed in range(40):
        found = fd.divergence(p, q, method="monte_carlo", random_state=seed)
        scores.append((found.value - truth) / found.standard_error)
    assert np.abs(scores).max() < 3.5


def test_the_control_variate_takes_away_variance():
    # Distributions nearly equal: the term of KL is nearly linear in (p - q) / m, up to its square.
    found = fd.divergence(norm(), norm(0.01), "jeffreys", method="monte_carlo", random_state=0, max_evaluations=2**15)
    assert found.value == pytest.approx(1e-4, rel=0.05)
    assert found.standard_error < 2e-6


def test_intervals_cover():
    p, q = draws.random_mixture(2, 20), draws.random_mixture(2, 21)
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
    p, q = draws.random_mixture(d, seed), draws.random_mixture(d, seed + 10, k=2)
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
    p = mixture(np.array([0.5, 0.5]), np.array([[0.0, 0], [50, 0]]), np.array([np.eye(2)] * 2))
    q = mixture(np.array([0.5, 0.5]), np.array([[0.0, 1], [50, 1]]), np.array([np.eye(2)] * 2))
    low, high = fd.divergence(p, q, "kl", method="bounds").interval
    assert low == pytest.approx(0.5, abs=1e-6)
    assert high == pytest.approx(0.5, abs=1e-6)
    low, high = fd.divergence(p, q, "tv", method="bounds").interval
    assert high == pytest.approx(2 * norm.cdf(0.5) - 1, abs=1e-9)
    same = fd.divergence(p, mixture(p.weights_, p.means_, p.covariances_), "kl", method="bounds")
    assert same.interval[0] == 0
    assert same.interval[1] < 1e-10

"""Divergences from samples: terms against their definitions and by quadrature, estimates against closed forms."""

import math
from functools import partial

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.spatial.distance import cdist

import fastdens as fd
from fastdens.divergences.generators import GENERATORS
from fastdens.divergences.kinds import check_kind, unclipped
from fastdens.divergences.result import estimated
from fastdens.divergences.samples.classifier_sets import binomial_bounds, set_difference
from fastdens.divergences.samples.estimates import estimate_from_samples
from fastdens.divergences.samples.first_order import slopes, terms
from fastdens.divergences.samples.neighbor_space import whitened, whitening
from fastdens.divergences.samples.neighbor_terms import corrected_term, smallest_count
from fastdens.divergences.samples.neighborhoods import neighborhoods_by_rank, neighborhoods_with_indices
from fastdens.neighbors.packed_tree.rank_distances import arrange

SMOOTH = ("kl", "reverse_kl", "jeffreys", "js", "squared_hellinger")
KINDS = [check_kind(name) for name in (*GENERATORS, "hellinger", "js_distance")] + [
    check_kind("alpha", 0.3),
    check_kind("renyi", 0.7),
    check_kind("alpha", 1.6),
    check_kind("alpha", -0.4),
]


def normal_pair(n, d, shift=1.0, seed=0, m=None):
    random = np.random.default_rng([seed, n, d])
    X, Y = random.standard_normal((n, d)), random.standard_normal((m or n, d))
    Y[:, 0] += shift
    return X, Y


def truth_of_shift(kind, shift):
    def integrand(x):
        return float(kind.generator.terms(stats.norm.pdf(np.array([x])), stats.norm.pdf(np.array([x - shift])))[0])

    middle = shift / 2
    total = sum(integrate.quad(integrand, *ends, epsabs=1e-12)[0] for ends in ((-12, middle), (middle, 13)))
    return float(kind.transform(total))


# --- terms ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_terms_are_the_derivative_and_minus_the_conjugate_there(kind):
    generator, t = kind.generator, np.array([1e-4, 0.2, 0.9, 1.3, 7.0, 300.0])
    A, B = terms(generator, np.log(t))
    derivative = generator.derivative(t)
    np.testing.assert_allclose(A, derivative, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(B, -generator.conjugate(derivative), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", SMOOTH)
def test_slopes_are_differences(name):
    generator, u, step = GENERATORS[name], np.linspace(-3, 3, 7), 1e-6
    for slope, above, below in zip(slopes(generator, u), terms(generator, u + step), terms(generator, u - step)):
        np.testing.assert_allclose(slope, (above - below) / (2 * step), rtol=1e-6)


def expectation(function, u, k, l):
    """E of function(u + ln G_l - ln G_k) for Gamma variables of these shapes: G_k / (G_k + G_l) is a Beta variable."""
    distribution = stats.beta(k, l)

    def integrand(b):
        return function(np.array([u + math.log((1 - b) / b)]))[0] * distribution.pdf(b)

    kink = 1 / (1 + math.exp(-u))  # where the argument is zero
    return sum(integrate.quad(integrand, *ends, epsabs=1e-12, epsrel=1e-10, limit=200)[0]
               for ends in ((0, kink), (kink, 1)))  # fmt: skip


@pytest.mark.parametrize("kind", [k for k in KINDS if k.name != "tv"], ids=lambda kind: kind.name)
@pytest.mark.parametrize("log_ratio", [-2.0, 0.3, 1.5])
def test_noise_of_neighbours_leaves_no_bias(kind, log_ratio):
    generator = kind.generator
    fewest = smallest_count(generator) + 1
    for k, l in [(fewest, fewest), (5, 5), *([(5, 7)] if generator.name != "js" else [])]:
        expected = terms(generator, np.array([log_ratio]))
        for which in (0, 1):
            found = expectation(lambda u: corrected_term(generator, u, k, l, which), log_ratio, k, l)  # noqa: B023
            assert found == pytest.approx(expected[which][0], rel=1e-6, abs=1e-8)


def test_noise_on_one_side_only():
    for name in ("kl", "squared_hellinger"):
        generator, k, u = GENERATORS[name], 4, 0.6
        distribution = stats.gamma(k)
        for which in (0, 1):

            def term(g):
                return corrected_term(generator, np.array([u - math.log(g)]), k, None, which)[0]  # noqa: B023

            found = integrate.quad(lambda g: term(g) * distribution.pdf(g), 0, np.inf, epsabs=1e-11)[0]  # noqa: B023
            assert found == pytest.approx(terms(generator, np.array([u]))[which][0], rel=1e-7)


# --- neighbours -------------------------------------------------------------------------------------------------------


def kl_by_brute_force(X, Y, k):
    """The plain estimate of Wang, Kulkarni and Verdú, and the first-order term 1 - mean of r over Y."""
    n, d, m = len(X), X.shape[1], len(Y)
    covariance = (np.cov(X, rowvar=False) + np.cov(Y, rowvar=False)) / 2
    L = np.linalg.inv(np.linalg.cholesky(np.atleast_2d(covariance)))
    X, Y = X @ L.T, Y @ L.T
    own_x, own_y = cdist(X, X) + np.diag(np.full(n, np.inf)), cdist(Y, Y) + np.diag(np.full(m, np.inf))
    between = cdist(X, Y)
    at = partial(np.partition, kth=k - 1)
    log_ratios = d * np.log(at(between, axis=1)[:, k - 1] / at(own_x, axis=1)[:, k - 1]) + math.log(m / (n - 1))
    ratios = ((at(own_y, axis=1)[:, k - 1] / at(between, axis=0)[k - 1]) ** d) * (m - 1) / n * (k - 1) / k
    return log_ratios.mean() + 1 - ratios.mean()


@pytest.mark.parametrize("d", [1, 2, 4])
@pytest.mark.parametrize("k", [2, 4, 9])
def test_kl_by_brute_force(d, k):
    X, Y = normal_pair(120, d, m=90)
    found = estimate_from_samples(X, Y, check_kind("kl"), n_neighbors=k)
    assert found.value == pytest.approx(max(kl_by_brute_force(X, Y, k), 0.0), rel=1e-9)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("name", [*SMOOTH, "hellinger", "js_distance"])
def test_normal_distributions_within_three_standard_errors(d, name):
    kind = check_kind(name)
    for shift in (0.5, 1.0):
        found = estimate_from_samples(*normal_pair(2000, d, shift, seed=3), kind)
        expected = truth_of_shift(kind, shift)
        assert abs(found.value - expected) < 3 * found.standard_error
        assert found.standard_error < 0.2 * max(expected, 1.0)
        if d < 3 and name in ("js", "js_distance"):
            assert found.interval[0] <= found.value <= found.interval[1]


@pytest.mark.parametrize("d", [1, 2, 3, 4, 5])
def test_the_number_of_neighbours_does_not_move_the_estimate(d):
    X, Y = normal_pair(3000, d, 0.5, seed=5)
    values = [estimate_from_samples(X, Y, check_kind("kl"), n_neighbors=k).value for k in range(2, 11)]
    np.testing.assert_allclose(values[1:], 0.125, atol=0.06)
    assert abs(values[0] - 0.125) < 0.2  # the fourth moment of the noise is infinite there


class Uniform:
    """A known density without draws."""

    def __init__(self, side):
        self.side = side

    def score_samples(self, X):
        return np.where(
            (np.abs(X - self.side / 2) <= self.side / 2).all(axis=1), -len(X[0]) * math.log(self.side), -np.inf
        )


@pytest.mark.parametrize("d", [1, 2, 3])
def test_entropy_from_one_to_ten_neighbours(d):
    # KL from the uniform distribution is ln(volume) less the entropy; a factor of two in the radius would show as d ln
    # 2.
    X = np.random.default_rng(d).normal(10, 1, (4000, d))
    expected = d * math.log(20) - d / 2 * math.log(2 * math.pi * math.e)
    for k in range(1, 11):
        found = estimate_from_samples(X, Uniform(20.0), check_kind("kl"), n_neighbors=k)
        assert found.value == pytest.approx(expected, abs=0.07 * d)
    heavy = np.random.default_rng(1).standard_cauchy((4000, 1))
    wide = Uniform(1e6)
    found = estimate_from_samples(heavy + 5e5, wide, check_kind("kl"))
    assert found.value == pytest.approx(math.log(1e6) - math.log(4 * math.pi), abs=0.12)


@pytest.mark.parametrize("name", ["kl", "js", "tv", "squared_hellinger"])
def test_affine_maps_change_nothing(name):
    X, Y = normal_pair(300, 3)
    M = np.array([[1e3, 2.0, 0.0], [0.0, 1.0, -4.0], [1.0, 0.0, 1e-2]])
    kind = check_kind(name)
    found = [
        estimate_from_samples(*pair, kind) for pair in ((X, Y), (X @ M + 7.0, Y @ M + 7.0), (1e200 * X, 1e200 * Y))
    ]
    assert found[1].value == pytest.approx(found[0].value, rel=1e-7)
    assert found[2].value == pytest.approx(found[0].value, rel=1e-7)


def test_symmetry_and_duality():
    X, Y = normal_pair(200, 2, m=150)
    for name in ("js", "squared_hellinger", "hellinger", "jeffreys", "tv"):
        there, back = (estimate_from_samples(*pair, check_kind(name)) for pair in ((X, Y), (Y, X)))
        assert there.value == pytest.approx(back.value, rel=1e-10)
    for name, dual in (("kl", "reverse_kl"), ("chi2", "neyman_chi2")):
        there, back = estimate_from_samples(X, Y, check_kind(name)), estimate_from_samples(Y, X, check_kind(dual))
        assert there.value == pytest.approx(back.value, rel=1e-10)


def test_threads_and_inputs_are_left_alone():
    X, Y = normal_pair(3000, 2)
    copies = X.copy(), Y.copy()
    one, two = (estimate_from_samples(X, Y, check_kind("js"), n_threads=n) for n in (1, 2))
    assert one == two
    assert np.array_equal(X, copies[0])
    assert np.array_equal(Y, copies[1])


# --- ties -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_one_place_only(kind):
    X = np.full((40, 2), 3.0)
    assert estimate_from_samples(X, X[:30], kind).value == pytest.approx(0.0, abs=1e-15)


def test_atoms_are_compared_by_their_counts():
    X, Y = np.repeat([0.0, 1.0, 5.0], [300, 500, 200])[:, None], np.repeat([0.0, 1.0, 5.0], [500, 300, 400])[:, None]
    p, q = np.array([0.3, 0.5, 0.2]), np.array([500, 300, 400]) / 1200
    for name in ("kl", "js", "tv", "squared_hellinger", "chi2"):
        kind = check_kind(name)
        expected = kind.generator.terms(p, q).sum()
        assert estimate_from_samples(X, Y, kind).value == pytest.approx(expected, rel=1e-12)


def test_thirty_percent_of_duplicates():
    X, Y = normal_pair(700, 2, seed=8)
    X, Y = np.concatenate([X, X[:300]]), np.concatenate([Y, Y[:300]])
    for name, expected in (("kl", 0.5), ("js", 0.1114)):
        found = estimate_from_samples(X, Y, check_kind(name))
        assert found.value == pytest.approx(expected, rel=0.35)
        assert math.isnan(found.interval[0])
        assert math.isnan(found.interval[1])
    rounded = [np.round(sample, 1) for sample in normal_pair(1000, 1, seed=9)]
    assert estimate_from_samples(*rounded, check_kind("js")).value == pytest.approx(0.1114, rel=0.2)


def test_an_atom_of_one_distribution_alone_is_singular():
    X, Y = np.zeros((400, 1)), np.random.default_rng(0).normal(size=(400, 1))
    assert estimate_from_samples(X, Y, check_kind("tv")).value > 0.95
    found = estimate_from_samples(X, Y, check_kind("kl"))
    assert math.isfinite(found.value)
    assert found.value > 3
    assert estimate_from_samples(X, Uniform(5.0), check_kind("kl")).value == math.inf


def test_a_sample_cut_in_two():
    Z = np.random.default_rng(4).normal(size=(3000, 2))
    for name in ("js", "kl", "squared_hellinger"):
        found = estimate_from_samples(Z[::2], Z[1::2], check_kind(name))
        assert found.value <= 3 * found.standard_error
        assert found.interval[0] == 0 or name != "js"
    assert estimate_from_samples(Z, Z.copy(), check_kind("js")).value >= 0


def test_constant_features_do_not_count():
    X, Y = normal_pair(200, 1)
    wide = [np.hstack([np.full((len(sample), 1), 4.0), sample, 2 * sample]) for sample in (X, Y)]
    found = estimate_from_samples(*wide, check_kind("kl")).value
    assert found == pytest.approx(estimate_from_samples(X, Y, check_kind("kl")).value, rel=1e-9)


def test_whitening():
    X, Y = normal_pair(500, 3, 5.0)
    X[:, 1] *= 1e-6
    Y[:, 1] *= 1e-6
    into = whitening(X, Y)
    mean = (np.cov(into(X), rowvar=False) + np.cov(into(Y), rowvar=False)) / 2
    np.testing.assert_allclose(mean, np.eye(3), atol=1e-9)
    volume = abs(np.linalg.det(np.diff(into(np.vstack([np.zeros(3), np.eye(3)])), axis=0).cumsum(axis=0)))
    assert into.log_determinant == pytest.approx(math.log(volume), rel=1e-9)
    rows = np.vstack([X, X])
    assert np.array_equal(into(rows)[:500], into(rows)[500:])


@pytest.mark.parametrize("d", [2, 3, 9])
def test_whitening_in_blocks_of_rows(d):
    X, Y = (sample @ np.tri(d) + 100.0 for sample in normal_pair(20_000, d, 5.0))
    X[::7] = X[3]
    X[::2, 0] = 0.0
    into, (white, other) = whitened(X, Y)
    np.testing.assert_allclose((np.cov(white.T) + np.cov(other.T)) / 2, np.eye(d), atol=1e-9)
    assert (white[::14] == white[0]).all()
    assert into(X).tobytes() == white.tobytes() == into(np.where(X == 0, -0.0, X)).tobytes()
    centred = np.vstack([X, -X]) * [0.0, *np.ones(d - 1)]
    centred[:, 0] = np.resize([1.0, -1.0, 0.0, -0.0], len(centred))
    zeros = np.vstack([0 * X, -0.0 * np.abs(X)])
    assert not np.signbit(whitening(centred)(zeros)).any()


# --- where intervals are offered --------------------------------------------------------------------------------------


def test_no_interval_where_none_is_supported():
    X, Y = normal_pair(300, 2)
    for kind in (
        check_kind("tv"),
        check_kind("chi2"),
        check_kind("alpha", 1.5),
        check_kind("f", f=lambda t: t * np.log(t)),
    ):
        found = estimate_from_samples(X, Y, kind)
        assert math.isnan(found.standard_error)
        assert all(map(math.isnan, found.interval))
        assert found.value > 0
    unbounded = [estimate_from_samples(X, Y, check_kind(name)) for name in ("kl", "jeffreys", "squared_hellinger")]
    assert all(math.isnan(found.interval[0]) and found.standard_error > 0 for found in unbounded)
    assert estimate_from_samples(X, Y, check_kind("js")).interval[0] > 0
    assert math.isnan(estimate_from_samples(X, Y, check_kind("js"), n_neighbors=20).interval[0])
    for d in (3, 5):
        wide = estimate_from_samples(*normal_pair(300, d), check_kind("js"))
        assert wide.standard_error > 0
        assert all(map(math.isnan, wide.interval))


def test_function_of_the_users_own():
    X, Y = normal_pair(3000, 2, seed=1)
    found = estimate_from_samples(X, Y, check_kind("f", f=lambda t: t * np.log(t)))
    assert found.value == pytest.approx(0.5, abs=0.08)


# --- models, bounds ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model", [fd.Gaussian(), fd.GaussianMixture(2, random_state=0), fd.KernelDensity(bandwidth=0.4)], ids=repr
)
def test_plug_in(model):
    X, Y = normal_pair(1500, 1, seed=2)
    state = model.get_params()
    for name in ("kl", "js", "tv", "hellinger"):
        kind = check_kind(name)
        found = estimate_from_samples(X, Y, kind, model=model, random_state=0)
        assert abs(found.value - truth_of_shift(kind, 1.0)) < 4 * found.standard_error
        assert math.isnan(found.interval[0]) != isinstance(model, fd.Gaussian)  # of two parameters; two components: 5
    assert model.get_params() == state
    assert not hasattr(model, "n_features_in_")


def test_plug_in_takes_weights():
    random = np.random.default_rng(0)
    X, Y = random.uniform(-5, 5, (4000, 1)), random.normal(1, 1, (2000, 1))
    weights = stats.norm.pdf(X[:, 0])
    found = estimate_from_samples(X, Y, check_kind("kl"), weights=(weights, None), model=fd.Gaussian(), random_state=1)
    assert abs(found.value - 0.5) < 3 * found.standard_error
    doubled = estimate_from_samples(X, Y, check_kind("kl"), weights=(2 * weights, None), model=fd.Gaussian(),
                                    random_state=1)  # fmt: skip
    assert doubled.value == pytest.approx(found.value, rel=1e-9)
    assert doubled.standard_error == pytest.approx(found.standard_error, rel=1e-9)


def test_plug_in_of_models_that_leave_places_empty():
    X, Y = normal_pair(500, 1, 3.0)
    found = estimate_from_samples(X, Y, check_kind("js"), model=fd.Histogram(bins=20), random_state=0)
    assert found.value == pytest.approx(truth_of_shift(check_kind("js"), 3.0), abs=0.1)


@pytest.mark.parametrize("method", ["nearest_neighbors", "plug_in", "variational"])
def test_against_a_known_density(method):
    X, Y = normal_pair(1500 if method != "variational" else 300, 2, seed=6)
    P, Q = fd.Gaussian().fit(X), fd.Gaussian().fit(Y)
    expected = truth_of_shift(check_kind("js"), 1.0)
    model = fd.Gaussian() if method == "plug_in" else None
    options = {"method": method, "random_state": 0, "model": model}
    for pair in ((X, Q), (P, Y)):
        found = estimate_from_samples(*pair, check_kind("js"), **options)
        assert abs(found.value - expected) < 5 * found.standard_error
    assert estimate_from_samples(*pair, check_kind("js"), **options) == found
    kl = estimate_from_samples(X, Q, check_kind("kl"), **options)
    assert abs(kl.value - 0.5) < 4 * kl.standard_error


@pytest.mark.parametrize("method", ["nearest_neighbors", "plug_in", "variational"])
def test_estimates_below_zero_are_kept_where_asked(method):
    """Of equal distributions: some raw estimates are negative, clipped ones are those or 0, and intervals are the
    same."""
    raw, clipped = [], []
    for seed in range(12 if method == "nearest_neighbors" else 4):
        X, Y = normal_pair(60, 1, 0.0, seed)
        options = {"method": method, "random_state": 0}
        raw.append(fd.divergence(X, Y, "kl", clip=False, **options))
        clipped.append(fd.divergence(X, Y, "kl", **options))
    values = np.array([result.value for result in raw])
    assert values.min() < 0
    assert [max(value, 0.0) for value in values] == [result.value for result in clipped]
    assert [np.isfinite(r.standard_error) and r.standard_error > 0 for r in raw] == [True] * len(raw)
    np.testing.assert_array_equal([r.interval for r in raw], [r.interval for r in clipped])
    if method == "nearest_neighbors":  # the mean is that of an unbiased estimate, the clipped one's is not
        assert abs(values.mean()) < 2 * values.std() / math.sqrt(12)
        assert np.mean([r.value for r in clipped]) > values.mean()


def test_what_is_not_clipped_is_the_same_function_of_the_divergence():
    X, Y = normal_pair(80, 1, 0.0, 1)
    of_alpha, of_renyi = (fd.divergence(X, Y, kind, alpha=0.5, clip=False).value for kind in ("alpha", "renyi"))
    assert of_alpha < 0
    assert of_renyi == pytest.approx(math.log1p(-0.25 * of_alpha) / -0.5)
    # A certain value is what it is.
    distributions = fd.Gaussian().fit(X), fd.Gaussian().fit(Y)
    assert fd.divergence(*distributions, "kl", clip=False) == fd.divergence(*distributions, "kl")


def test_above_the_largest_value():
    kind, most = check_kind("js"), math.log(2)
    clipped, raw = (estimated(k, 0.8, 0.1, "some") for k in (kind, unclipped(kind)))
    assert (clipped.value, raw.value) == (most, 0.8)
    assert raw.interval == clipped.interval == (pytest.approx(0.604, abs=1e-4), most)
    assert raw.standard_error == 0.1


def test_binomial_bounds():
    for successes, n in ((0, 7), (7, 7), (3, 20), (450, 1000)):
        low, high = stats.binomtest(successes, n).proportion_ci(0.95, method="exact")
        assert binomial_bounds(successes, n, 0.95) == pytest.approx((low, high), rel=1e-9, abs=1e-12)


def test_sets_are_judged_by_other_rows():
    # Rows that a set was learnt from would make the difference positive where the distributions agree.
    found = [set_difference(*normal_pair(100, 2, 0.0, seed=seed), np.random.default_rng(seed)) for seed in range(60)]
    differences, errors, _ = np.array(found).T
    assert abs(differences.mean()) < 3 * errors.mean() / math.sqrt(60)


def test_a_place_is_an_atom_for_rows_of_both_samples():
    spread = np.arange(1.0, 9.0)[:, None]
    for copies, expected in ((2, False), (3, True), (4, True)):
        samples = np.vstack([np.zeros((copies, 1)), spread]), np.vstack([np.zeros((1, 1)), spread + 0.5])
        arranged = tuple(arrange(list(samples)))
        for own, sample in enumerate(samples):
            about = neighborhoods_with_indices(samples, own, 3, 1)
            assert np.array_equal(about.at_atoms(), expected & (sample[:, 0] == 0))
            by_rank = neighborhoods_by_rank(arranged, own, [3], 1)
            assert np.array_equal(by_rank.at_atoms(), expected & (by_rank.points[:, 0] == 0))


@pytest.mark.parametrize("model", [None, fd.Gaussian()], ids=repr)
def test_set_on_other_rows_bounds_the_total_variation(model):
    kind = check_kind("tv")
    misses = 0
    for seed in range(25):
        found = estimate_from_samples(
            *normal_pair(200, 2, 1.0, seed=seed), kind, method="classifier", model=model, random_state=seed
        )
        misses += found.interval[0] > truth_of_shift(kind, 1.0)
        assert found.interval[1] == 1.0
        assert found.interval[0] <= found.value
    assert misses <= 2
    near = estimate_from_samples(*normal_pair(4000, 1), kind, method="classifier", model=model, random_state=0)
    assert near.interval[0] > 0.28
    atoms = np.repeat([[0.0], [1.0]], [600, 300], axis=0), np.repeat([[0.0], [1.0]], [300, 600], axis=0)
    if model is None:
        found = estimate_from_samples(*atoms, kind, method="classifier", random_state=0)
        assert found.value == pytest.approx(1 / 3, abs=0.1)


@pytest.mark.parametrize("kind", [check_kind(name) for name in ("kl", "js", "hellinger", "tv", "chi2", "neyman_chi2")],
                         ids=lambda kind: kind.name)  # fmt: skip
def test_variational_bound(kind):
    found = estimate_from_samples(*normal_pair(600, 2, seed=7), kind, method="variational", random_state=0)
    expected = truth_of_shift(kind, 1.0)
    assert found.interval[0] < expected
    assert found.interval[1] == kind.largest
    assert 0.9 * expected - 3 * found.standard_error < found.value < expected + 3 * found.standard_error


def test_variational_bound_with_weights_and_many_features():
    random = np.random.default_rng(1)
    X, Y = random.normal(size=(200, 12)), random.normal(size=(150, 12)) + 0.3
    found = estimate_from_samples(X, Y, check_kind("js"), method="variational", random_state=0)
    weighted = estimate_from_samples(X, Y, check_kind("js"), method="variational", random_state=0,
                                     weights=(np.full(200, 3.0), np.full(150, 0.5)))  # fmt: skip
    assert weighted.value == pytest.approx(found.value, abs=1e-4)


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"X": np.ones((1, 2))}, ValueError, "minimum of 2"),
        ({"X": np.ones((5, 3))}, ValueError, "same number of features, got 3 and 2"),
        ({"X": np.full((5, 2), np.nan)}, ValueError, "NaN"),
        ({"X": np.ones(5)}, ValueError, "2D array"),
        ({"n_neighbors": 50}, ValueError, "n_neighbors must be at most .* 49, got 50"),
        ({"n_neighbors": 1}, ValueError, "at least 2"),
        ({"n_neighbors": 2.5}, TypeError, "n_neighbors"),
        ({"method": "nearest"}, ValueError, "method must be one of"),
        ({"method": "classifier"}, ValueError, "kind='tv' only"),
        ({"method": "nearest_neighbors", "weights": (np.ones(60), None)}, ValueError, "weights must not be given"),
        ({"method": "nearest_neighbors", "model": fd.Gaussian()}, ValueError, "model must not be given"),
        ({"method": "plug_in", "n_neighbors": 3}, ValueError, "n_neighbors must not be given"),
        ({"method": "nearest_neighbors", "n_folds": 3}, ValueError, "n_folds must not be given"),
        ({"method": "plug_in", "n_folds": 1}, ValueError, "n_folds"),
        ({"method": "plug_in", "n_folds": 51}, ValueError, "n_folds must be at most"),
        ({"method": "plug_in", "model": "gaussian"}, TypeError, "fit and score_samples"),
        ({"method": "plug_in", "weights": (np.ones(4), None)}, ValueError, "weights"),
        ({"X": fd.Gaussian(), "Y": fd.Gaussian()}, ValueError, "two densities"),
        ({"random_state": "x"}, TypeError, "random_state"),
        ({"Y": Uniform(3.0), "kind": "js"}, ValueError, "method `sample`"),
        ({"X": np.ones((2, 2)), "Y": np.zeros((2, 2)), "kind": "chi2"}, ValueError, "more than 3 rows"),
    ],
)  # fmt: skip
def test_refusals(changes, error, message):
    X, Y = normal_pair(60, 2, m=50)
    given = {"X": X, "Y": Y, "kind": "kl", **changes}
    X, Y, kind = given.pop("X"), given.pop("Y"), check_kind(given.pop("kind"))
    with pytest.raises(error, match=message):
        estimate_from_samples(X, Y, kind, **given)

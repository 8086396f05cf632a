"""Distributions that divergences between any distributions with densities obey."""

import math

import numpy as np
import pytest
import scipy.stats
from scipy import integrate

import fastdens as fd
from fastdens.divergences.kinds import check_kind

KINDS = (
    "tv",
    "kl",
    "reverse_kl",
    "jeffreys",
    "js",
    "js_distance",
    "squared_hellinger",
    "hellinger",
    "chi2",
    "neyman_chi2",
)
SYMMETRIC = ("tv", "jeffreys", "js", "js_distance", "squared_hellinger", "hellinger")
MIRRORED = {"kl": "reverse_kl", "chi2": "neyman_chi2"}
METRICS = ("tv", "js_distance", "hellinger")
SLACK = 1e-11


def mixture(weights, means, covariances):
    model = fd.GaussianMixture(len(weights))
    model.weights_, model.means_ = np.asarray(weights, float), np.asarray(means, float)
    model.covariances_ = np.asarray(covariances, float)
    model.precisions_cholesky_ = np.linalg.inv(np.linalg.cholesky(model.covariances_)).transpose(0, 2, 1)
    return model


def random_distribution(rng):
    """A distribution on the line of one of five sorts, all with mass everywhere about 0."""
    sort, x = rng.integers(5), rng.normal(rng.normal(), rng.uniform(0.5, 1.5), (15, 1))
    if sort == 0:
        return fd.Gaussian().fit(x)
    if sort == 1:
        return mixture(rng.dirichlet([2, 2]), rng.normal(0, 1.5, (2, 1)), rng.uniform(0.3, 1.5, (2, 1, 1)))
    if sort == 2:
        return fd.KernelDensity(bandwidth=0.5, kernel=("gaussian", "epanechnikov", "linear")[rng.integers(3)]).fit(x)
    if sort == 3:
        return fd.Histogram(bins=np.linspace(-4, 4, 7)).fit(np.clip(x, -4, 4))
    return scipy.stats.logistic(rng.normal(), rng.uniform(0.3, 1))


@pytest.mark.parametrize("seed", range(12))
def test_symmetry_duality_bounds_and_inequalities(seed):
    rng = np.random.default_rng(seed)
    p, q = random_distribution(rng), random_distribution(rng)
    there = {kind: fd.divergence(p, q, kind).value for kind in KINDS}
    back = {kind: fd.divergence(q, p, kind).value for kind in KINDS}
    for kind in KINDS:
        assert 0 <= there[kind] <= check_kind(kind).largest
    for kind in SYMMETRIC:
        assert there[kind] == pytest.approx(back[kind], rel=1e-10, abs=1e-12)
    for kind, mirrored in MIRRORED.items():
        assert there[kind] == pytest.approx(back[mirrored], rel=1e-10)
    tv, js, h2, kl = there["tv"], there["js"], there["squared_hellinger"], there["kl"]
    h = math.sqrt(h2)
    assert h2 <= tv + SLACK
    assert tv <= h * math.sqrt(2 - h2) + SLACK
    assert tv**2 / 2 <= js + SLACK
    assert js <= tv * math.log(2) + SLACK
    assert h2 * math.log(2) <= js + SLACK
    assert js <= h2 + SLACK
    assert tv <= math.sqrt(kl / 2) + SLACK  # Pinsker
    assert tv <= math.sqrt(-math.expm1(-kl)) + SLACK  # Bretagnolle and Huber
    assert -2 * math.log1p(-h2) <= kl + SLACK
    assert math.log1p(there["chi2"]) >= kl - SLACK
    assert there["jeffreys"] == pytest.approx(there["kl"] + there["reverse_kl"], rel=1e-10)
    assert there["hellinger"] == pytest.approx(h, rel=1e-12)
    assert there["js_distance"] == pytest.approx(math.sqrt(js), rel=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_triangle_inequality_of_the_metrics(seed):
    rng = np.random.default_rng(100 + seed)
    distributions = [random_distribution(rng) for _ in range(3)]
    for kind in METRICS:
        a, b, c = (fd.divergence(distributions[i], distributions[j], kind).value for i, j in ((0, 1), (1, 2), (0, 2)))
        assert a <= b + c + SLACK
        assert b <= a + c + SLACK
        assert c <= a + b + SLACK


@pytest.mark.parametrize("kind", ["tv", "kl", "js", "hellinger", "chi2"])
def test_affine_maps_change_nothing_on_the_line(kind):
    p = mixture([0.4, 0.6], [[0.0], [2.0]], [[[0.5]], [[1.0]]])
    q = mixture([0.7, 0.3], [[0.5], [3.0]], [[[1.0]], [[0.8]]])
    before = fd.divergence(p, q, kind).value
    for slope, shift in ((-3.0, 7.0), (1e-8, 0.0), (1e8, -1e9)):
        moved = [mixture(m.weights_, slope * m.means_ + shift, slope**2 * m.covariances_) for m in (p, q)]
        assert fd.divergence(*moved, kind).value == pytest.approx(before, rel=1e-8)


@pytest.mark.parametrize("kind", ["kl", "hellinger", "js", "tv"])
@pytest.mark.parametrize("d", [2, 5])
def test_affine_maps_change_nothing_in_space(kind, d):
    rng = np.random.default_rng(d)
    p, q = (fd.Gaussian().fit(rng.normal(size=(20, d)) + rng.normal(size=d)) for _ in range(2))
    q._set_distribution(q.mean_, p.covariance_)
    A, shift = rng.normal(size=(d, d)) + 2 * np.eye(d), rng.normal(size=d)
    moved = [fd.Gaussian().fit(rng.normal(size=(20, d))) for _ in range(2)]
    for new, old in zip(moved, (p, q)):
        new._set_distribution(A @ old.mean_ + shift, A @ old.covariance_ @ A.T)
    assert fd.divergence(*moved, kind).value == pytest.approx(fd.divergence(p, q, kind).value, rel=1e-8)


def test_a_change_of_variable_that_is_not_affine():
    # exp takes normal distributions to lognormal ones.
    for kind in ("tv", "kl", "js"):
        a, b = scipy.stats.lognorm(1.0), scipy.stats.lognorm(0.7, scale=math.exp(0.5))
        plain = fd.divergence(scipy.stats.norm(0, 1), scipy.stats.norm(0.5, 0.7), kind).value
        assert fd.divergence(a, b, kind).value == pytest.approx(plain, rel=1e-10)


@pytest.mark.parametrize("kind", ["kl", "reverse_kl", "jeffreys"])
def test_independent_coordinates_add_up(kind):
    p, q = fd.Gaussian("diag").fit(np.random.default_rng(0).normal(size=(20, 6))), fd.Gaussian("diag").fit(
        np.random.default_rng(1).normal(0.3, 1.4, (20, 6)))  # fmt: skip
    parts = sum(fd.divergence(p.marginal(j), q.marginal(j), kind).value for j in range(6))
    assert fd.divergence(p, q, kind).value == pytest.approx(parts, rel=1e-12)


def test_independent_coordinates_multiply_affinities():
    p, q = fd.Gaussian("diag").fit(np.random.default_rng(0).normal(size=(20, 6))), fd.Gaussian("diag").fit(
        np.random.default_rng(1).normal(0.3, 1.4, (20, 6)))  # fmt: skip
    parts = math.prod(1 - fd.divergence(p.marginal(j), q.marginal(j), "squared_hellinger").value for j in range(6))
    assert 1 - fd.divergence(p, q, "squared_hellinger").value == pytest.approx(parts, rel=1e-12)


@pytest.mark.parametrize("kind", ["tv", "kl", "js", "hellinger", "chi2"])
def test_marginals_and_bins_are_never_further_apart(kind):
    rng = np.random.default_rng(4)
    p = mixture([0.5, 0.5], rng.normal(size=(2, 2)), [np.eye(2), 0.5 * np.eye(2)])
    q = mixture([0.3, 0.7], rng.normal(size=(2, 2)), [1.3 * np.eye(2), np.eye(2)])
    whole = fd.divergence(p, q, kind).interval[1]
    for axis in range(2):
        marginals = [mixture(m.weights_, m.means_[:, [axis]], m.covariances_[:, [axis], [axis]][:, :, None])
                     for m in (p, q)]  # fmt: skip
        one = fd.divergence(*marginals, kind).value
        assert one <= whole
        edges = np.linspace(-3, 3, 6)
        cells = []
        for m in marginals:
            distributions = [(w, scipy.stats.norm(c, s)) for w, c, s in
                    zip(m.weights_, m.means_[:, 0], np.sqrt(m.covariances_.ravel()))]  # fmt: skip
            cdf = sum(w * distribution.cdf([-np.inf, *edges, np.inf]) for w, distribution in distributions)
            cells.append(fd.DiscreteLaw(np.arange(7.0), np.diff(cdf)))
        assert fd.divergence(*cells, kind).value <= one


def test_kl_is_cross_entropy_less_entropy():
    # With H(p, q) = -E_p ln q; a lecture's slide has the sign of the difference the other way round.
    p, q = mixture([0.4, 0.6], [[0.0], [2.0]], [[[0.5]], [[1.0]]]), scipy.stats.norm(1, 2)

    def mean_of_p(log_density):
        return integrate.quad(lambda x: math.exp(p.score_samples([[x]])[0]) * log_density(x), -10, 12, epsabs=1e-12,
                              limit=200)[0]  # fmt: skip

    cross = -mean_of_p(q.logpdf)
    entropy = -mean_of_p(lambda x: p.score_samples([[x]])[0])
    assert fd.divergence(p, q, "kl").value == pytest.approx(cross - entropy, abs=1e-10)
    assert cross >= entropy


def test_total_variation_is_the_largest_difference_over_sets():
    p, q = mixture([0.4, 0.6], [[0.0], [2.0]], [[[0.5]], [[1.0]]]), mixture([1.0], [[1.0]], [[[2.0]]])
    x = np.linspace(-8, 10, 200_001)[:, None]
    ahead = p.score_samples(x) > q.score_samples(x)
    at = x[1:, 0][ahead[1:] != ahead[:-1]]

    def distribution(model, x):
        return sum(w * scipy.stats.norm.cdf(x, m, s) for w, m, s in
                   zip(model.weights_, model.means_[:, 0], np.sqrt(model.covariances_.ravel())))  # fmt: skip

    steps = np.diff([0, *(distribution(p, at) - distribution(q, at)), 0])
    assert fd.divergence(p, q).value == pytest.approx(np.maximum(steps, 0).sum(), abs=1e-8)


@pytest.mark.parametrize("alpha", [-1.0, 0.25, 0.5, 2.0])
def test_orders_and_their_mirror_images(alpha):
    p, q = mixture([0.4, 0.6], [[0.0], [2.0]], [[[0.5]], [[1.0]]]), mixture([1.0], [[1.0]], [[[0.9]]])
    there = fd.divergence(p, q, "alpha", alpha=alpha).value
    assert there == pytest.approx(fd.divergence(q, p, "alpha", alpha=1 - alpha).value, rel=1e-9)
    if alpha == 2:
        assert 2 * there == pytest.approx(fd.divergence(p, q, "chi2").value, rel=1e-10)
    if alpha == 0.5:
        assert there / 4 == pytest.approx(fd.divergence(p, q, "squared_hellinger").value, rel=1e-10)


def test_renyi_rises_with_its_order():
    p, q = mixture([0.4, 0.6], [[0.0], [2.0]], [[[0.5]], [[1.0]]]), mixture([1.0], [[1.0]], [[[2.0]]])
    values = [fd.divergence(p, q, "renyi", alpha=alpha).value for alpha in (0.1, 0.5, 0.9, 1.0, 1.1, 1.5)]
    assert values == sorted(values)
    assert values[3] == pytest.approx(fd.divergence(p, q, "kl").value, rel=1e-12)

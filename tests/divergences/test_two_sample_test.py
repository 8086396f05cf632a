"""The permutation test: its p-values under the null, its statistic by hand, its power."""

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist

import fastdens as fd
from fastdens.divergences.kinds import check_kind


def pair(n, m, shift, seed, d=2):
    random = np.random.default_rng(seed)
    X, Y = random.normal(size=(n, d)), random.normal(size=(m, d))
    Y[:, 0] += shift
    return X, Y


@pytest.mark.parametrize("kind", ["js", "tv", "kl"])
def test_p_values_are_uniform_where_the_distributions_agree(kind):
    found = np.array(
        [fd.two_sample_test(*pair(40, 30, 0.0, seed), kind=kind, n_permutations=49, random_state=seed).p_value
         for seed in range(200)]
    )  # fmt: skip
    for level in (0.02, 0.1, 0.3):
        # Never too often, but for the spread of 200 repetitions.
        assert (found <= level).sum() <= stats.binom.ppf(0.999, 200, level)
    assert 0.4 < found.mean() < 0.6
    assert found.min() >= 1 / 50


def test_p_values_of_tied_data():
    found = []
    for seed in range(200):
        random = np.random.default_rng(seed)
        X, Y = random.integers(0, 3, (40, 1)) * 1.0, random.integers(0, 3, (25, 1)) * 1.0
        found.append(fd.two_sample_test(X, Y, n_permutations=49, random_state=seed).p_value)
    assert (np.array(found) <= 0.1).sum() <= stats.binom.ppf(0.999, 200, 0.1)


@pytest.mark.parametrize("kind", ["js", "kl", "tv", "chi2"])
def test_statistic_by_hand(kind):
    X, Y = pair(30, 20, 0.5, 3)
    k = 4
    pooled = np.vstack([X, Y])
    L = np.linalg.inv(np.linalg.cholesky(np.cov(pooled, rowvar=False)))
    distances = cdist(pooled @ L.T, pooled @ L.T) + np.diag(np.full(50, np.inf))
    of_x = (np.argsort(distances, axis=1)[:, :k] < 30).sum(axis=1)
    p, q = (of_x + 0.5) / 5 * 50 / 30, (k - of_x + 0.5) / 5 * 50 / 20
    expected = check_kind(kind).generator.terms(p, q).mean()
    found = fd.two_sample_test(X, Y, kind=kind, n_neighbors=k, n_permutations=9, random_state=0)
    assert found.statistic == pytest.approx(expected, rel=1e-9)
    assert found.n_permutations == 9


def test_different_distributions_are_told_apart():
    found = fd.two_sample_test(*pair(200, 200, 1.0, 0), random_state=0, n_permutations=99)
    assert found.p_value == 0.01
    assert found.statistic > found.null_mean + 5 * found.null_standard_deviation
    for kind, options in (("alpha", {"alpha": 0.5}), ("f", {"f": lambda t: (t - 1) ** 2}), ("renyi", {"alpha": 2.0})):
        assert fd.two_sample_test(*pair(100, 100, 2.0, 0), kind=kind, n_permutations=99, **options).p_value == 0.01


def test_repeatable_and_independent_of_threads():
    X, Y = pair(2000, 1500, 0.0, 1)
    one, two = (fd.two_sample_test(X, Y, n_permutations=19, random_state=5, n_threads=n) for n in (1, 2))
    assert one == two
    assert one == fd.two_sample_test(X * 1e-3 + 4, Y * 1e-3 + 4, n_permutations=19, random_state=5) or (
        abs(one.statistic - fd.two_sample_test(X * 1e-3 + 4, Y * 1e-3 + 4, n_permutations=19).statistic) < 1e-6
    )


def test_power():
    P, Q = fd.Gaussian().fit(pair(500, 500, 0.0, 0)[0]), fd.Gaussian().fit(pair(500, 500, 1.2, 0)[1])
    none = fd.two_sample_power(P, P, (40, 30), n_repetitions=60, n_permutations=39, random_state=0)
    much = fd.two_sample_power(P, Q, (40, 30), n_repetitions=60, n_permutations=39, random_state=0)
    assert none.value < 0.2
    assert much.value > 0.6
    assert much.n_repetitions == 60
    assert much.interval[0] < much.value < much.interval[1]
    X, Y = pair(300, 300, 1.2, 2)
    rows = fd.two_sample_power(X, Y, (40, 30), n_repetitions=60, n_permutations=39, random_state=0)
    assert rows.value > 0.6


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda X, Y: fd.two_sample_test(X, Y[:, :1]), ValueError, "same number of features"),
        (lambda X, Y: fd.two_sample_test(X[:1], Y), ValueError, "minimum of 2"),
        (lambda X, Y: fd.two_sample_test(X, Y, n_permutations=0), ValueError, "n_permutations"),
        (lambda X, Y: fd.two_sample_test(X, Y, n_neighbors=60), ValueError, "n_neighbors must be at most .* 59"),
        (lambda X, Y: fd.two_sample_test(X, Y, kind="distance"), ValueError, "kind"),
        (lambda X, Y: fd.two_sample_test(X * np.inf, Y), ValueError, "infinity"),
        (lambda X, Y: fd.two_sample_power(X, Y, 30), TypeError, "pair of integers"),
        (lambda X, Y: fd.two_sample_power(X, Y, (40, 30)), ValueError, "minimum of 40"),
        (lambda X, Y: fd.two_sample_power(X, Y, (20, 20), level=1.0), ValueError, "level"),
    ],
)
def test_refusals(call, error, message):
    X, Y = pair(30, 30, 0.0, 0)
    with pytest.raises(error, match=message):
        call(X, Y)

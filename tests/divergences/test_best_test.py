"""The test of Neyman and Pearson: exact errors of discrete distributions, simulated ones of models, and optimality."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import norm

import fastdens as fd


def distributions(seed, n=6):
    """Multiples of 2^-20, some zero, some equal: every sum below is exact."""
    random = np.random.default_rng(seed)
    return [np.diff([0, *np.sort(random.integers(0, 2**20, n - 1) >> 16 << 16), 2**20]) / 2**20 for _ in range(2)]


@pytest.mark.parametrize("seed", range(20))
def test_sum_of_errors_is_one_minus_the_total_variation_exactly(seed):
    p, q = distributions(seed)
    test = fd.best_test(p, q)
    assert Fraction(test.error_of_first_kind) + Fraction(test.error_of_second_kind) == 1 - Fraction(
        fd.total_variation(p, q)
    )
    witness = fd.total_variation_subsets(p, q)
    assert set(witness.subset) <= set(test.accepts_p) <= set(witness.maximal_subset)
    for size in range(7):  # no other set of outcomes has a smaller sum
        for says_p in itertools.combinations(range(6), size):
            chosen = list(says_p)
            assert 1 - p[chosen].sum() + q[chosen].sum() >= test.error_of_first_kind + test.error_of_second_kind


@pytest.mark.parametrize("size", [0.0, 0.03, 0.25, 0.5, 1.0])
def test_power_at_a_size_is_the_largest_there_is(size):
    """Over all randomised tests: a linear programme."""
    from scipy.optimize import linprog

    for seed in range(10):
        p, q = distributions(seed)
        test = fd.best_test(p, q, size)
        best = linprog(-q, A_ub=p[None, :], b_ub=[size], bounds=(0, 1))
        assert test.power == pytest.approx(-best.fun, abs=1e-9)
        assert test.size <= size + 1e-15
        if test.power < 1 - 1e-12:
            assert test.size == pytest.approx(size, abs=1e-15)


def test_equal_and_disjoint_distributions():
    same = fd.best_test([0.5, 0.5], [0.5, 0.5])
    assert (same.error_of_first_kind, same.error_of_second_kind, same.accepts_p.tolist()) == (0, 1, [0, 1])
    apart = fd.best_test([1, 0, 0], [0, 0.5, 0.5])
    assert (apart.error_of_first_kind, apart.error_of_second_kind) == (0, 0)


def normal(mean):
    return fd.Gaussian().fit(np.array([[mean - 1.0], [mean + 1.0]]))


def test_models_by_simulation():
    P, Q = normal(0), normal(1.5)
    test = fd.best_test(P, Q, n_draws=40_000, random_state=0)
    exact = norm.cdf(-0.75)
    for error, spread in zip((test.error_of_first_kind, test.error_of_second_kind), test.standard_errors):
        assert abs(error - exact) < 4 * spread < 0.01
    again = fd.best_test(P, Q, n_draws=40_000, random_state=0)
    assert again.error_of_first_kind == test.error_of_first_kind
    sized = fd.best_test(P, Q, 0.05, n_draws=80_000, random_state=1)
    assert abs(sized.size - 0.05) < 5 * sized.standard_errors[0]
    assert abs(sized.power - norm.cdf(1.5 - norm.ppf(0.95))) < 0.02
    assert sized.log_threshold == pytest.approx(1.5 * norm.ppf(0.95) - 1.5**2 / 2, abs=0.05)


def test_many_observations():
    P, Q = normal(0), normal(0.5)
    test = fd.best_test(P, Q, n_observations=16, n_draws=20_000, random_state=2)
    assert abs(test.error_of_first_kind - norm.cdf(-1)) < 4 * test.standard_errors[0]
    p, q = np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.7, 0.05])
    test = fd.best_test(p, q, n_observations=3, n_draws=20_000, random_state=3)
    joint = [
        np.multiply.outer(np.multiply.outer(distribution, distribution), distribution).ravel()
        for distribution in (p, q)
    ]
    total = test.error_of_first_kind + test.error_of_second_kind
    assert abs(total - (1 - fd.total_variation(*joint))) < 4 * math.hypot(*test.standard_errors)


def test_errors():
    with pytest.raises(TypeError, match="P and Q must be two discrete distributions or two models, got list, Gaussian"):
        fd.best_test([0.5, 0.5], normal(0))
    with pytest.raises(ValueError, match="size must lie between 0 and 1, got 2"):
        fd.best_test([0.5, 0.5], [0.5, 0.5], 2)
    with pytest.raises(ValueError, match="n_observations must be an integer of at least 1, got 0"):
        fd.best_test([0.5, 0.5], [0.5, 0.5], n_observations=0)
    with pytest.raises(ValueError, match="p and q must have the same number of outcomes"):
        fd.best_test([0.5, 0.5], [1.0])

"""Total variation of discrete distributions as half the L1 distance, correctly rounded."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastdens as fd


def exact_half_l1(p, q):
    total = sum(abs(Fraction(float(a)) - Fraction(float(b))) for a, b in zip(p, q)) / 2
    return total.numerator / total.denominator


@given(st.integers(1, 200), st.integers(0, 2**32 - 1), st.sampled_from([0.1, 1.0, 30.0]))
@settings(max_examples=50, deadline=None)
def test_correctly_rounded(n, seed, spread):
    p, q = np.random.default_rng(seed).lognormal(sigma=spread, size=(2, n))
    p, q = p / p.sum(), q / q.sum()
    assert fd.total_variation(p, q) == exact_half_l1(p, q)


@pytest.mark.parametrize(
    ("p", "q", "expected"),
    [
        ([1.0], [1.0], 0.0),
        ([1, 0], [0, 1], 1.0),
        ([0.5, 0.25, 0.25, 0.0], [0.0, 0.25, 0.25, 0.5], 0.5),
        ([1.0, 0.0], [1.0, 5e-324], 0.0),
    ],
)
def test_known_values(p, q, expected):
    assert fd.total_variation(p, q) == expected == fd.total_variation(q, p)


def test_a_million_outcomes():
    n = 10**6
    p, q = np.full(n, 1 / n), np.zeros(n)
    q[: n // 2] = 2 / n
    assert fd.total_variation(p, q) == pytest.approx(0.5, rel=1e-15)


def test_result_is_a_python_float():
    assert type(fd.total_variation(np.array([1.0], np.float32), [1.0])) is float

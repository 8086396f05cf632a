"""Divergences of discrete distributions: against fifty digits, SciPy, exact conventions at zero, and bugs that others
had."""

from __future__ import annotations

import inspect
import itertools
import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import scipy.spatial.distance
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

import fastdens as fd
from fastdens.core.exact_sums import rounded_sums, two_sum

mpmath.mp.dps = 50

PAIRED = (
    "total_variation", "cross_entropy", "kl_divergence", "js_divergence", "js_distance", "hellinger_distance",
    "chi2_divergence", "jeffreys_divergence",
)  # fmt: skip
CALLS = {
    **{name: getattr(fd, name) for name in PAIRED},
    "chi2 neyman": lambda p, q, **kw: fd.chi2_divergence(p, q, variant="neyman", **kw),
    "alpha 0.3": lambda p, q, **kw: fd.alpha_divergence(p, q, 0.3, **kw),
    "alpha -1": lambda p, q, **kw: fd.alpha_divergence(p, q, -1, **kw),
    "renyi 0": lambda p, q, **kw: fd.renyi_divergence(p, q, 0, **kw),
    "renyi 0.5": lambda p, q, **kw: fd.renyi_divergence(p, q, 0.5, **kw),
    "renyi 3": lambda p, q, **kw: fd.renyi_divergence(p, q, 3, **kw),
    "renyi inf": lambda p, q, **kw: fd.renyi_divergence(p, q, math.inf, **kw),
    "f": lambda p, q, **kw: fd.f_divergence(p, q, lambda t: 1 - np.sqrt(t), **kw),
}


def by_definition(name, p, q):
    """In fifty digits, of distributions that are normalised exactly."""
    p, q = [[mpmath.mpf(float(x)) for x in distribution] for distribution in (p, q)]
    p, q = [x / sum(p) for x in p], [x / sum(q) for x in q]
    log = mpmath.log

    def kl(p, q):
        return sum(a * log(a / b) for a, b in zip(p, q) if a > 0)

    m = [(a + b) / 2 for a, b in zip(p, q)]
    js = (kl(p, m) + kl(q, m)) / 2

    def power(a):
        return sum(x ** mpmath.mpf(a) * y ** (1 - mpmath.mpf(a)) for x, y in zip(p, q))

    return {
        "total_variation": lambda: sum(abs(a - b) for a, b in zip(p, q)) / 2,
        "cross_entropy": lambda: -sum(a * log(b) for a, b in zip(p, q) if a > 0),
        "kl_divergence": lambda: kl(p, q),
        "js_divergence": lambda: js,
        "js_distance": lambda: mpmath.sqrt(js),
        "hellinger_distance": lambda: mpmath.sqrt(1 - power(0.5)),
        "chi2_divergence": lambda: sum((a - b) ** 2 / b for a, b in zip(p, q)),
        "chi2 neyman": lambda: sum((a - b) ** 2 / a for a, b in zip(p, q)),
        "jeffreys_divergence": lambda: kl(p, q) + kl(q, p),
        "alpha 0.3": lambda: (power(0.3) - 1) / (mpmath.mpf(0.3) * (mpmath.mpf(0.3) - 1)),
        "alpha -1": lambda: (power(-1) - 1) / 2,
        "renyi 0": lambda: mpmath.mpf(0),
        "renyi 0.5": lambda: -2 * log(power(0.5)),
        "renyi 3": lambda: log(power(3)) / 2,
        "renyi inf": lambda: max(log(a / b) for a, b in zip(p, q)),
        "f": lambda: 1 - power(0.5),
    }[name]()


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("spread", [0.01, 1.0, 8.0])
def test_against_fifty_digits(name, spread):
    random = np.random.default_rng(5)
    for n in (2, 7, 60):
        p, q = np.exp(random.normal(size=(2, n)) * spread)
        p, q = p / p.sum(), q / q.sum()
        exact = by_definition(name, p, q)
        # The sums of the given numbers miss 1 by their rounding.
        assert abs(CALLS[name](p, q) - exact) <= 1e-13 * abs(exact) + 3e-16, n


def test_against_scipy():
    random = np.random.default_rng(6)
    p, q = random.dirichlet(np.full(40, 0.2), size=(2, 9))
    np.testing.assert_allclose(fd.kl_divergence(p, q), scipy.stats.entropy(p, q, axis=1), rtol=1e-12)
    np.testing.assert_allclose(fd.entropy(p, base=2), scipy.stats.entropy(p, base=2, axis=1), rtol=1e-12)
    ours, theirs = fd.js_distance(p, q, base=2), scipy.spatial.distance.jensenshannon(p, q, base=2, axis=1)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    np.testing.assert_allclose(fd.cross_entropy(p, q), fd.entropy(p) + fd.kl_divergence(p, q), rtol=1e-12)


@pytest.mark.parametrize("name", CALLS)
def test_stacks_of_distributions_along_any_axis(name):
    random = np.random.default_rng(7)
    p, q = random.dirichlet(np.ones(5), size=(3, 4)), random.dirichlet(np.ones(5))
    got = CALLS[name](p, q)
    assert got.shape == (3, 4)
    for i, j in np.ndindex(3, 4):
        assert got[i, j] == pytest.approx(CALLS[name](p[i, j], q), rel=1e-13)
    moved = CALLS[name](np.moveaxis(p, -1, 0), np.broadcast_to(q[:, None, None], (5, 1, 4)), axis=0)
    np.testing.assert_allclose(moved, got, rtol=1e-13)
    assert type(CALLS[name](p[0, 0], q)) is float


# D6.1, D6.2: what is exact at zero
@pytest.mark.parametrize(
    ("name", "p", "q", "expected"),
    [
        ("kl_divergence", [1, 0], [0.5, 0.5], math.log(2)),
        ("kl_divergence", [0.5, 0.5], [1, 0], math.inf),
        ("kl_divergence", [0.5, 0.5, 0], [0.5, 0.5, 0], 0.0),
        ("cross_entropy", [0.5, 0.5], [1, 0], math.inf),
        ("cross_entropy", [1, 0], [1, 0], 0.0),
        ("js_divergence", [1, 0], [0, 1], math.log(2)),
        ("js_divergence", [0, 1], [5e-324, 1], 0.0),
        ("hellinger_distance", [1, 0], [0, 1], 1.0),
        ("total_variation", [1, 0, 0], [0, 0.5, 0.5], 1.0),
        ("chi2_divergence", [1, 0], [0.5, 0.5], 1.0),
        ("chi2_divergence", [0.5, 0.5], [1, 0], math.inf),
        ("chi2 neyman", [1, 0], [0.5, 0.5], math.inf),
        ("jeffreys_divergence", [1, 0], [0.5, 0.5], math.inf),
        ("alpha -1", [1, 0], [0.5, 0.5], math.inf),
        ("renyi 0", [1, 0], [0.25, 0.75], math.log(4)),
        ("renyi 0", [1, 0], [0, 1], math.inf),
        ("renyi 0.5", [1, 0], [0, 1], math.inf),
        ("renyi 3", [0.5, 0.5], [1, 0], math.inf),
        ("renyi inf", [1, 0], [0.25, 0.75], math.log(4)),
        ("f", [1, 0], [0, 1], 1.0),
    ],
)
def test_zeros(name, p, q, expected):
    assert CALLS[name](p, q) == pytest.approx(expected, rel=1e-15, abs=1e-300)


def test_why_it_is_infinite():
    found = fd.kl_divergence([0.5, 0.125, 0.25, 0.125], [0.5, 0, 0.5, 0], full_output=True)
    assert (found.value, found.infinite_outcomes.tolist(), found.infinite_mass) == (math.inf, [1, 3], 0.25)
    fine = fd.kl_divergence([0.5, 0.5], [0.25, 0.75], full_output=True, base=2)
    assert (fine.infinite_outcomes.size, fine.infinite_mass) == (0, 0.0)
    assert fine.value == fd.kl_divergence([0.5, 0.5], [0.25, 0.75], base=2)
    with pytest.raises(ValueError, match=r"full_output must be False for more than one pair .* shape \(2, 2\)"):
        fd.kl_divergence(np.full((2, 2), 0.5), [0.5, 0.5], full_output=True)


# D6.3: roots of negative rounding errors
def test_nearly_equal_distributions():
    random = np.random.default_rng(8)
    for dtype in (np.float32, np.float64):
        for _ in range(50):
            p = random.dirichlet(np.ones(20)).astype(dtype)
            q = p.copy()
            q[:2] = p[1], p[0]
            q[2] = np.nextafter(q[2], dtype(1))
            for name in CALLS:
                value = CALLS[name](p, q)
                assert value >= 0, name
    third = np.full(3, 1 / 3)
    assert fd.js_distance(third, np.nextafter(third, 1)) < 1e-15


def test_identical_distributions_are_at_distance_zero():
    p = np.random.default_rng(9).dirichlet(np.ones(1000))
    for name in CALLS:
        if name != "cross_entropy":
            assert CALLS[name](p, p.copy()) == 0, name
    assert fd.cross_entropy(p, p) == fd.entropy(p)


# D6.5, D6.6
def test_half_a_coin_and_four_million_outcomes():
    assert fd.js_divergence([1, 0], [0.5, 0.5], base=2) == pytest.approx(0.31127812445913283, rel=1e-15)
    n = 4_000_000
    p = np.zeros(n)
    p[: n // 2] = 2 / n
    q = np.full(n, 1 / n)
    assert fd.kl_divergence(p, q) == pytest.approx(math.log(2), rel=1e-12)
    assert fd.total_variation(p, q) == 0.5
    assert 0 <= fd.kl_divergence(q, q * (1 + 1e-12 * np.cos(np.arange(n)))) < 1e-20


def test_unnormalised_input():
    with pytest.raises(ValueError, match=r"q must sum to 1 \(within 1e-09\), got a sum of 3.0; normalize=True"):
        fd.kl_divergence([0.5, 0.5], [1, 2])
    for name in CALLS:
        got = CALLS[name]([3, 5], [1e-320, 3e-320], normalize=True)
        assert got == pytest.approx(CALLS[name]([0.375, 0.625], np.divide([2024, 6072], 8096)), rel=1e-12), name
        assert CALLS[name]([1e308, 1e308], [1e308, 1e308], normalize=True) == (
            pytest.approx(math.log(2)) if name == "cross_entropy" else 0
        )
    with pytest.raises(ValueError, match="p must have a positive sum to be normalized, got all zero"):
        fd.entropy([0, 0], normalize=True)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    ("p", "q", "keywords", "message"),
    [
        ([0.5, np.nan], [0.5, 0.5], {}, "p must be finite, got nan at index 1"),
        ([0.5, 0.5], [np.inf, 0.5], {}, "q must be finite, got inf at index 0"),
        ([[0.5, 0.5], [1.5, -0.5]], [0.5, 0.5], {}, r"p must not be negative, got -0.5 at index \(1, 1\)"),
        ([0.5, 0.5], [0.5, 0.25, 0.25], {}, "same number of outcomes, got 2 and 3"),
        (np.full((2, 2), 0.5), np.full((3, 2), 0.5), {}, r"shapes that broadcast, got \(2, 2\) and \(3, 2\)"),
        ([0.5, 0.5], [0.5, 0.5], {"axis": 1}, "axis must be from -1 to 0 for p, got 1"),
        (0.5, [0.5, 0.5], {}, "p must be a 1D array of probabilities, got 0D"),
    ],
)
def test_errors(name, p, q, keywords, message):
    with pytest.raises(ValueError, match=message):
        CALLS[name](p, q, **keywords)


def test_errors_of_options():
    p = [0.5, 0.5]
    with pytest.raises(ValueError, match="base must be a finite number greater than 1, got 1"):
        fd.entropy(p, base=1)
    with pytest.raises(ValueError, match="alpha must be a finite number of at least 0, got -1"):
        fd.renyi_divergence(p, p, -1)
    with pytest.raises(ValueError, match="variant must be one of 'pearson', 'neyman', got 'yates'"):
        fd.chi2_divergence(p, p, variant="yates")
    with pytest.raises(ValueError, match="f must be one of .*, got 'kll'"):
        fd.f_divergence(p, p, "kll")


def test_inputs_are_not_changed():
    p, q = np.array([3.0, 1.0]), np.array([1.0, 1.0])
    for name in CALLS:
        CALLS[name](p, q, normalize=True)
    assert p.tolist() == [3, 1]
    assert q.tolist() == [1, 1]
    assert "normalize" in inspect.signature(fd.entropy).parameters


LAWS = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).dirichlet(np.full(8, 0.4), size=3))


@given(LAWS)
@settings(max_examples=60, deadline=None)
def test_inequalities_between_distances(distributions):
    p, q, r = distributions
    tv, h, js, kl = (
        getattr(fd, name)(p, q) for name in PAIRED[:1] + ("hellinger_distance", "js_divergence", "kl_divergence")
    )
    slack = 1e-12
    assert h**2 <= tv + slack
    assert tv <= h * math.sqrt(2 - h**2) + slack
    assert tv**2 / 2 - slack <= js <= tv * math.log(2) + slack
    assert tv <= math.sqrt(kl / 2) + slack  # Pinsker
    assert tv <= math.sqrt(1 - math.exp(-kl)) + slack  # Bretagnolle and Huber
    assert kl <= math.log1p(fd.chi2_divergence(p, q)) + slack
    for metric in (fd.js_distance, fd.hellinger_distance, fd.total_variation):
        assert metric(p, r) <= metric(p, q) + metric(q, r) + slack
        assert metric(p, q) == metric(q, p)
    orders = [fd.renyi_divergence(p, q, a) for a in (0, 0.3, 0.999, 1, 1.001, 4, math.inf)]
    assert all(a <= b + 1e-9 for a, b in itertools.pairwise(orders))


@given(LAWS, st.sampled_from(["tv", "kl", "js", "squared_hellinger", "chi2", "jeffreys"]))
@settings(max_examples=60, deadline=None)
def test_merging_outcomes_loses_and_products_add(distributions, word):
    p, q, r = distributions
    merged = fd.f_divergence(p.reshape(4, 2).sum(axis=1), q.reshape(4, 2).sum(axis=1), word)
    assert merged <= fd.f_divergence(p, q, word) + 1e-12
    joint = fd.kl_divergence(np.outer(p, r).ravel(), np.outer(q, p).ravel())
    apart = fd.kl_divergence(p, q) + fd.kl_divergence(r, p)
    if math.isfinite(apart):
        assert joint == pytest.approx(apart, rel=1e-9)


@given(st.integers(1, 300), st.integers(0, 2**32 - 1), st.sampled_from([0.1, 5.0, 60.0]))
@settings(max_examples=60, deadline=None)
def test_sums_are_rounded_once(n, seed, spread):
    random = np.random.default_rng(seed)
    a, b = random.normal(size=(2, 3, n)) * np.exp(random.normal(size=(2, 3, n)) * spread)
    a[2] = -a[1]  # sums that cancel
    got = rounded_sums(*two_sum(a, b))
    for row, (x, y) in enumerate(zip(a, b)):
        exact = sum((Fraction(float(v)) for v in [*x, *y]), Fraction(0))
        assert got[row] == exact.numerator / exact.denominator

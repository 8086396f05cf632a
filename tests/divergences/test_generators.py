"""The registry of f-divergences: every row against its definition in fifty digits, and against convex duality."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

from fastdens.divergences.generators import GENERATORS, alpha_generator
from fastdens.divergences.kinds import KINDS, check_kind
from fastdens.divergences.user_generators import user_generator

mpmath.mp.dps = 60
DEFINITIONS = {
    "tv": lambda t: abs(t - 1) / 2,
    "kl": lambda t: t * mpmath.log(t) - t + 1,
    "reverse_kl": lambda t: -mpmath.log(t) + t - 1,
    "jeffreys": lambda t: (t - 1) * mpmath.log(t),
    "js": lambda t: (t * mpmath.log(t) - (t + 1) * mpmath.log((t + 1) / 2)) / 2,
    "squared_hellinger": lambda t: (mpmath.sqrt(t) - 1) ** 2 / 2,
    "chi2": lambda t: (t - 1) ** 2,
    "neyman_chi2": lambda t: (t - 1) ** 2 / t,
    **{
        f"alpha={a!r}": lambda t, a=a: (
            (t ** mpmath.mpf(a) - a * t + a - mpmath.mpf(1)) / (mpmath.mpf(a) * (mpmath.mpf(a) - 1))
        )
        for a in (-2.0, 0.3, 0.5, 0.9999999, 1.0000001, 2.5, 7.0)
    },
}
ROWS = {**GENERATORS, **{name: alpha_generator(float(name[6:])) for name in DEFINITIONS if name.startswith("alpha")}}


def test_every_generator_has_a_definition_here():
    assert set(GENERATORS) <= set(DEFINITIONS)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_terms_to_full_precision_at_any_ratio(name):
    random = np.random.default_rng(0)
    ratios = np.concatenate([np.exp(random.normal(size=40) * s) for s in (1e-12, 1e-6, 1e-2, 0.3, 1.0, 10.0)])
    q = random.uniform(0.1, 1, len(ratios))
    p = ratios * q
    got = ROWS[name].terms(p, q)
    for a, b, value in zip(p, q, got):
        exact = mpmath.mpf(float(b)) * DEFINITIONS[name](mpmath.mpf(float(a)) / mpmath.mpf(float(b)))
        assert value >= 0
        assert abs(value - exact) <= 3e-14 * abs(exact), (a, b)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_terms_of_logarithms_agree(name):
    random = np.random.default_rng(1)
    p, q = np.exp(random.normal(size=(2, 50)) * 5)
    got = ROWS[name].terms_of_logs(np.log(p), np.log(q), 2.0)
    np.testing.assert_allclose(got, ROWS[name].terms(p, q) * np.exp(-2.0), rtol=1e-12)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_ends(name):
    row = ROWS[name]
    assert row.terms(np.array([0.0]), np.array([0.0]))[0] == 0
    assert row.terms(np.array([0.0]), np.array([0.5]))[0] == 0.5 * row.at_zero
    assert row.terms(np.array([0.25]), np.array([0.0]))[0] == 0.25 * row.slope_at_infinity
    assert row.terms_of_logs(np.array([-np.inf]), np.array([-np.inf]))[0] == 0
    assert row.terms_of_logs(np.array([-np.inf]), np.array([0.0]))[0] == row.at_zero
    assert not np.isnan(row.terms_of_logs(np.array([-1e300, 1e5, -5000.0]), np.array([-5.0, 3.0, -4000.0]), 1e5)).any()
    near_zero, far = DEFINITIONS[name](mpmath.mpf(10) ** -4000), DEFINITIONS[name](mpmath.mpf(10) ** 4000)
    for limit, value in ((row.at_zero, near_zero), (row.slope_at_infinity, far / mpmath.mpf(10) ** 4000)):
        if math.isinf(limit):
            assert value > 1000
        elif "99999" not in name and "00000" not in name:  # these settle beyond any such ratio
            assert abs(value - limit) < 1e-9


@pytest.mark.parametrize("name", DEFINITIONS)
def test_derivative_and_conjugate_by_duality(name):
    """At s = f'(t) the supremum of s t - f(t) is reached at t (Fenchel and Young)."""
    row = ROWS[name]
    t = np.exp(np.random.default_rng(2).normal(size=60))
    slope = row.derivative(t)
    exact = np.array([float(mpmath.diff(DEFINITIONS[name], mpmath.mpf(float(x)))) for x in t])
    np.testing.assert_allclose(slope, exact, rtol=1e-12, atol=1e-13)
    f = row.terms(t, np.ones_like(t))
    np.testing.assert_allclose(row.conjugate(slope), slope * t - f, rtol=1e-9, atol=1e-12)
    assert (row.conjugate(slope + 1e-3) >= (slope + 1e-3) * t - f - 1e-12).all()


def test_a_function_of_the_users_own_gives_what_the_registry_has():
    random = np.random.default_rng(3)
    p, q = random.dirichlet(np.ones(30), size=2)
    for name, f in {
        "kl": lambda t: t * np.log(t),
        "squared_hellinger": lambda t: 1 - np.sqrt(t),
        "tv": lambda t: np.abs(t - 1) / 2,
        "chi2": lambda t: t**2 - 1,
        "js": lambda t: 0.5 * (t * np.log(t) - (t + 1) * np.log((t + 1) / 2)),
    }.items():
        ours, row = user_generator(f), GENERATORS[name]
        assert ours.terms(p, q).sum() == pytest.approx(row.terms(p, q).sum(), rel=1e-10), name
        if math.isfinite(row.largest):  # outcomes of one distribution alone, where the limits of f count
            present = np.arange(30) % 5 > 0
            with_zeros = [
                np.where(present, p, 0) / p[present].sum(),
                np.roll(np.where(present, q, 0), 2) / q[present].sum(),
            ]
            assert ours.terms(*with_zeros).sum() == pytest.approx(row.terms(*with_zeros).sum(), rel=2e-6), name
        assert ours.at_zero == pytest.approx(row.at_zero, abs=1e-5), name
        assert ours.slope_at_infinity == pytest.approx(row.slope_at_infinity, abs=1e-5), name
        s = row.derivative(np.array([0.4, 0.8, 1.7]))
        if name != "tv":
            np.testing.assert_allclose(ours.derivative(np.array([0.4, 0.8, 1.7])), s, atol=1e-6)
        np.testing.assert_allclose(ours.conjugate(s), row.conjugate(s), atol=1e-9)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda t: -np.abs(t - 1), "convex"),
        (lambda t: np.sin(t) - np.sin(1), "convex"),
        (lambda t: t**2, r"f\(1\) = 1"),
        (lambda t: 0.0, "shape"),
        (lambda t: np.where(t > 2, np.inf, np.abs(t - 1)), "finite"),
    ],
)
def test_functions_that_generate_no_divergence(f, message):
    with pytest.raises(ValueError, match=message):
        user_generator(f)


def test_kinds():
    assert check_kind("hellinger").transform(0.25) == 0.5
    assert check_kind("js_distance").transform(0.09) == pytest.approx(0.3)
    p, q = np.array([0.2, 0.8]), np.array([0.5, 0.5])
    for alpha in (0.5, 0.999999, 2.0):
        kind = check_kind("renyi", alpha=alpha)
        exact = math.log((p**alpha * q ** (1 - alpha)).sum()) / (alpha - 1)
        assert kind.transform(kind.generator.terms(p, q).sum()) == pytest.approx(exact, rel=1e-9)
    with pytest.raises(ValueError, match="kind must be one of .* got 'klx'"):
        check_kind("klx")
    with pytest.raises(ValueError, match="alpha must be None"):
        check_kind("kl", alpha=2)
    with pytest.raises(ValueError, match="alpha must be a number"):
        check_kind("alpha")
    assert set(KINDS) > set(GENERATORS)

"""Bandwidths chosen from the data."""

import math

import numpy as np
import pytest

import fastdens as fd
from fastdens.bandwidths import RULES
from fastdens.kernel_sums.kernels.registry import KERNELS

EVERY_RULE = sorted(RULES)


def test_scott_and_silverman_by_their_formulas(random):
    X = random.normal(size=(500, 3)) * [1.0, 10.0, 0.1]
    sd = X.std(axis=0)
    np.testing.assert_allclose(fd.bandwidth(X, "scott"), sd * 500 ** (-1 / 7), rtol=1e-12)
    robust = fd.bandwidth(X, "silverman") / ((4 / 5) ** (1 / 7) * 500 ** (-1 / 7))
    assert (robust <= sd * (1 + 1e-12)).all()
    np.testing.assert_allclose(robust, sd, rtol=0.15)


def test_silverman_in_one_dimension_on_old_faithful_like_numbers():
    """By hand: 0.9 min(sd, IQR / 1.349) n^(-1/5) with the quartiles 2.5 and 7.5 of 1 ... 10."""
    x = np.arange(1.0, 11.0)[:, None]
    quartiles = 8.0 - 3.0
    expected = 0.9 * min(x.std(), quartiles / 1.3489795) * 10 ** (-1 / 5)
    assert fd.bandwidth(x, "silverman") == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("scale", [1e-150, 1e-12, 1e12, 1e150])
@pytest.mark.parametrize("rule", EVERY_RULE)
def test_scale_equivariance(rule, scale, random):
    """Peers: rules that ignore the spread of the data, or pad by an absolute amount."""
    x = random.normal(size=(200, 1))
    expected = fd.bandwidth(x, rule) * scale
    rtol = {"likelihood": 2e-3, "lscv": 1e-5, "isj": 1e-6, "sheather-jones": 1e-6}.get(rule, 1e-9)
    assert fd.bandwidth(x * scale, rule) == pytest.approx(expected, rel=rtol)


@pytest.mark.parametrize("rule", EVERY_RULE)
def test_shift_equivariance(rule, random):
    x = random.normal(size=(200, 1 if rule in ("isj", "sheather-jones") else 2))
    np.testing.assert_allclose(fd.bandwidth(x + 1e6, rule), fd.bandwidth(x, rule), rtol=1e-5)


@pytest.mark.parametrize("rule", EVERY_RULE)
def test_equal_weights_are_no_weights(rule, random):
    x = random.normal(size=(200, 1))
    plain = fd.bandwidth(x, rule)
    assert fd.bandwidth(x, rule, sample_weight=np.full(200, 7.0)) == pytest.approx(plain, rel=1e-6)
    padded = fd.bandwidth(np.concatenate([x, [[1e9]]]), rule, sample_weight=np.append(np.ones(200), 0.0))
    assert padded == pytest.approx(plain, rel=1e-6 if rule == "lscv" else 1e-12)


def test_weights_are_repetition_for_spreads_and_ties():
    """At the same effective size: doubled rows against doubled weights, in the criterion that sees ties as one."""
    random = np.random.default_rng(5)
    x, w = random.normal(size=(60, 1)), random.integers(1, 4, 60)
    weighted = fd.bandwidth(x, "likelihood", sample_weight=w)
    repeated = fd.bandwidth(np.repeat(x, w, axis=0), "likelihood")
    assert weighted == pytest.approx(repeated, rel=0.02)


def test_likelihood_is_near_the_best_for_normal_data():
    """For normal data the optimum is about 1.06 sigma n^(-1/5)."""
    ratios = []
    for seed in range(20):
        x = np.random.default_rng(seed).normal(size=(400, 1))
        ratios.append(fd.bandwidth(x, "likelihood") / (1.06 * 400 ** (-1 / 5)))
    assert 0.7 < np.median(ratios) < 1.3


def test_likelihood_resolves_modes_that_scott_smears(random):
    x = np.concatenate([random.normal(-10, 0.3, 300), random.normal(10, 0.3, 300)])[:, None]
    assert fd.bandwidth(x, "likelihood") < fd.bandwidth(x, "scott") / 5


@pytest.mark.parametrize("kernel", sorted(KERNELS))
def test_every_kernel_has_a_finite_likelihood_bandwidth(kernel, random):
    """Peers: a zero leave-one-out density of a compact kernel makes the score NaN."""
    x = np.append(random.standard_t(2, size=100), [80.0])[:, None]
    assert 0 < fd.bandwidth(x, "likelihood", kernel=kernel) < 100


def test_other_kernels_are_wider_by_the_known_factor(random):
    x = random.normal(size=(100, 2))
    factor = KERNELS["epanechnikov"].efficiency_factor(2)
    np.testing.assert_allclose(
        fd.bandwidth(x, "scott", kernel="epanechnikov"), factor * fd.bandwidth(x, "scott"), rtol=1e-12
    )


def test_many_rows_are_thinned(random):
    x = random.normal(size=(6000, 1))
    assert 0.5 < fd.bandwidth(x, "likelihood") / (1.06 * 6000 ** (-1 / 5)) < 1.6


def test_a_constant_feature_among_others_is_a_warning(random):
    X = np.column_stack([random.normal(size=50), np.full(50, 3.3)])
    with pytest.warns(UserWarning, match=r"feature\(s\) \[1\] of X do not vary.*the smallest of the others"):
        h = fd.bandwidth(X, "scott")
    assert h[0] == pytest.approx(h[1])
    assert math.isfinite(h[1])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            {"rule": "best"},
            "rule must be one of 'scott', 'silverman', 'likelihood', 'lscv', 'isj', 'sheather-jones', 'plug-in', got",
        ),
        ({"rule": "scott", "kernel": "box"}, "kernel must be one of"),
        ({"rule": "scott", "sample_weight": [1.0]}, r"sample_weight.shape == \(1,\), expected \(2,\)!"),
    ],
)
def test_errors(arguments, text):
    with pytest.raises(ValueError, match=text):
        fd.bandwidth([[1.0], [2.0]], **arguments)


@pytest.mark.parametrize("rule", ["silverman", "isj", "lscv", "sheather-jones", "plug-in"])
@pytest.mark.parametrize("far", [1e13, 1e100, -1e300])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_one_row_far_out_leaves_the_others_their_bandwidth(rule, far, random):
    """Silverman's at worst, which takes the place of a rule whose criterion has no minimum."""
    X = random.standard_t(5, size=(400, 1))
    alone = fd.bandwidth(X, rule)
    assert 0.6 * alone < fd.bandwidth(np.append(X, [[far]], axis=0), rule) < 1.1 * alone


@pytest.mark.parametrize("scales", [[1e60, 1e-60], [1e200, 1e-200]])
def test_scales_too_far_apart_for_the_plug_in_rule(scales, random):
    X = random.normal(size=(200, 2)) * scales
    with pytest.warns(UserWarning, match="scales are too far apart for 'plug-in'"):
        h = fd.bandwidth(X, "plug-in", form="scalar")
    # What is taken instead is Silverman's factor, of the same unit.
    np.testing.assert_allclose(h, fd.bandwidth(X, "silverman", form="scalar"), rtol=0.1)

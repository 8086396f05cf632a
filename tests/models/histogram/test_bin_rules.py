"""Rules for the bins of a histogram: known formulas, properties, and data that made peers allocate terabytes."""

import itertools
import math
import warnings

import numpy as np
import pytest
from scipy.special import gammaln

import fastdens as fd
from fastdens.models.histogram.rules import COUNT_RULES, FEWEST_ALLOWED, MOST_BINS, RULES, prepare

rng = np.random.default_rng(0)
SAMPLES = {
    "normal": rng.normal(size=300),
    "exponential": rng.exponential(size=1000) + 5,
    "two groups": np.concatenate([rng.normal(size=400), rng.normal(20, 0.3, size=100)]),
    "rounded": np.round(rng.normal(size=500), 1),
    "few": np.array([0.0, 1.0, 5.0]),
}
EPSILON = 1 + 1e-15
HUGE = {  # peers asked for up to 1e16 bins here
    "two decimals and their rounding": [6.3, 6.3] + [7.399999999999999] * 4 + [7.4] * 13
    + [7.407142857142857] * 2 + [7.4125] * 2,
    "rounding around zero": [-4.24264069, -5.55111512e-17, 38.1837662, 1.77635684e-15, -5.65685425, 3.55271368e-15,
                             -19.7989899, 0.0, -12.7279221, 4.24264069, 14.1421356, -18.3847763]
    + [-5.55111512e-17] * 17
    + [0.353553391, 9.54594155, -0.353553391, -9.19238816, 0.353553391, -0.353553391, 2.82842712, -7.21644966e-16,
       -3.18198052, -5.55111512e-17, -5.55111512e-17],
    "one outlier": np.append(np.random.default_rng(1).random(6544), 1e15),
    "two units in the last place": [2, 2, 2 - 1e-15, 2 - 1e-15, 1],
    "reference peaks": [0, 1, 1, 1, 1, 1, EPSILON, EPSILON, EPSILON, EPSILON, EPSILON, EPSILON, 2],
    "nearly all zero": np.concatenate([[-0.00283, 0.00209], 1e-18 * np.random.default_rng(2).normal(size=5000)]),
    "subnormal": [0.0, 5e-324, 1e-310, 1.0],
}  # fmt: skip


def counts(edges, x):
    return np.histogram(x, edges)[0]


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("rule", ["sturges", "scott", "fd"])
def test_same_edges_as_numpy_where_the_formulas_agree(name, rule):
    x = SAMPLES[name]
    np.testing.assert_array_equal(fd.bin_edges(x, rule), np.histogram_bin_edges(x, rule))


def test_interquartile_range_is_numpys():
    for n in range(2, 30):
        x = np.random.default_rng(n).normal(size=n)
        expected = np.subtract(*np.percentile(x, [75, 25]))
        assert prepare(x, None, None, 1).interquartile_range() == pytest.approx(expected, rel=1e-12)


def test_auto_is_the_finer_of_two():
    for x in SAMPLES.values():
        assert len(fd.bin_edges(x)) == max(len(fd.bin_edges(x, "fd")), len(fd.bin_edges(x, "sturges")))


def brute_force(x, cost, most):
    values = [cost(np.histogram(x, np.linspace(x.min(), x.max(), bins + 1))[0], bins) for bins in range(1, most + 1)]
    return 1 + int(np.argmin(values))


SMALL = {f"small {seed}": np.random.default_rng(seed).normal(size=5 + seed) for seed in range(20)}


@pytest.mark.parametrize("name", ["normal", "exponential", "two groups", *SMALL])
def test_risk_is_the_minimum_of_the_leave_one_out_error(name):
    x = (SAMPLES | SMALL)[name]
    n, width = len(x), np.ptp(x)

    def error(count, bins):  # integral of the squared density, less twice the mean leave-one-out density
        h = width / bins
        return ((count / (n * h)) ** 2).sum() * h - 2 / n * (count * (count - 1) / ((n - 1) * h)).sum()

    assert len(fd.bin_edges(x, "risk")) - 1 == brute_force(x, error, min(n, math.ceil(8 * math.sqrt(n))))


@pytest.mark.parametrize("name", ["normal", "exponential"])
def test_knuth_is_the_most_probable_number(name):
    x = SAMPLES[name]
    n = len(x)

    def cost(count, bins):
        return -(
            n * math.log(bins) + gammaln(bins / 2) - bins * gammaln(0.5) - gammaln(n + bins / 2)
            + gammaln(count + 0.5).sum()
        )  # fmt: skip

    assert len(fd.bin_edges(x, "knuth")) - 1 == brute_force(x, cost, 200)


def test_risk_of_a_million_values_is_fine_enough():
    x = np.random.default_rng(0).normal(size=200_000)
    width = np.diff(fd.bin_edges(x, "risk")[:2])[0]
    assert width == pytest.approx(3.49 * len(x) ** (-1 / 3), rel=0.25)  # optimal for a normal distribution


def test_bayesian_blocks_against_all_partitions():
    for seed in range(5):
        x = np.sort(np.random.default_rng(seed).exponential(size=9))
        x[:3] = x[0]
        values, weight = np.unique(x, return_counts=True)
        edges = np.concatenate([values[:1], (values[1:] + values[:-1]) / 2, values[-1:]])
        penalty = 4 - math.log(73.53 * 0.05 * len(x) ** -0.478)
        best = None
        for r in range(len(values)):
            for inner in itertools.combinations(range(1, len(values)), r):
                chosen = [0, *inner, len(values)]
                fitness = sum(
                    weight[a:b].sum() * math.log(weight[a:b].sum() / (edges[b] - edges[a])) - penalty
                    for a, b in itertools.pairwise(chosen)
                )
                if best is None or fitness > best[0]:
                    best = fitness, edges[chosen]
        np.testing.assert_array_equal(fd.bin_edges(x, "blocks"), best[1])


def test_bayesian_blocks_find_the_steps_of_a_rate():
    generator = np.random.default_rng(0)
    x = np.concatenate([generator.uniform(0, 10, 300), generator.uniform(4, 5, 600)])
    edges = fd.bin_edges(x, "blocks")
    assert len(edges) == 4
    np.testing.assert_allclose(edges[1:3], [4, 5], atol=0.05)


def test_bayesian_blocks_of_many_values():
    x = np.random.default_rng(0).normal(size=50_000)
    edges = fd.bin_edges(x, "blocks")
    assert 10 < len(edges) < 60
    assert edges[0] == x.min()
    assert edges[-1] == x.max()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", SAMPLES)
def test_scale_and_shift_equivariance(rule, name):
    x = np.round(SAMPLES[name] * 2**20) / 2**20  # exact under the shift and the scales below
    edges = fd.bin_edges(x, rule)
    for scale in (2.0**-40, -1.0, 2.0**40):
        moved = np.sort(fd.bin_edges(scale * x, rule) / scale)
        if scale > 0:
            np.testing.assert_allclose(moved, edges, rtol=1e-12)
        else:
            assert abs(len(moved) - len(edges)) <= 2  # half-open bins are not symmetric
    np.testing.assert_allclose(fd.bin_edges(x + 64, rule) - 64, edges, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", SAMPLES)
def test_whole_weights_are_repetitions_zero_is_absent(rule, name):
    x = SAMPLES[name]
    weights = np.random.default_rng(3).integers(0, 4, size=len(x))
    weights[0] = 1
    weighted = fd.bin_edges(x, rule, sample_weight=weights)
    np.testing.assert_allclose(weighted, fd.bin_edges(np.repeat(x, weights), rule), rtol=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_relative_weights_are_scale_free_and_equal_ones_are_none(rule):
    x, weights = SAMPLES["normal"], np.random.default_rng(4).random(300)
    edges = fd.bin_edges(x, rule, sample_weight=weights)
    np.testing.assert_allclose(fd.bin_edges(x, rule, sample_weight=weights * 1e-3), edges, rtol=1e-12)
    np.testing.assert_allclose(fd.bin_edges(x, rule, np.full(300, 0.3)), fd.bin_edges(x, rule), rtol=1e-12)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", HUGE)
def test_no_giant_allocation(rule, name):
    """Peers' bug: automatic bin widths near zero asked for up to 12.7 PiB."""
    x = np.asarray(HUGE[name], dtype=float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        edges = fd.bin_edges(x, rule)
    assert len(edges) - 1 <= min(MOST_BINS, max(FEWEST_ALLOWED, 4 * len(x)))
    assert (np.diff(edges) > 0).all()
    assert edges[0] == x.min()
    assert edges[-1] == x.max()


@pytest.mark.parametrize("name", ["one outlier", "two decimals and their rounding", "two units in the last place"])
def test_a_capped_rule_says_so(name):
    with pytest.warns(UserWarning, match="the rule 'fd' asks for .* bins for .* values; .* are used"):
        fd.bin_edges(HUGE[name], "fd")


@pytest.mark.parametrize("rule", RULES)
def test_range_far_wider_than_the_data_does_not_hang(rule):
    """Peers' bug: a rule ran for ever and filled the memory."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        edges = fd.bin_edges([0.0, 0.0, 1.0], rule, range=(0.0, 1056964608.0))
    assert len(edges) - 1 <= FEWEST_ALLOWED
    assert edges[[0, -1]].tolist() == [0.0, 1056964608.0]


@pytest.mark.parametrize("rule", ["auto", "fd", "scott", "sturges", "risk", "knuth", "blocks"])
def test_two_values_make_at_least_two_bins(rule):
    """Peers' bug: an interquartile range of 0 gave one bin."""
    assert len(fd.bin_edges([0.0] * 900 + [10.0] * 100, rule)) >= 3


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("x", [[3.0], [0.0, 0.0], [1e300] * 5, [-5e-324]])
def test_a_single_value_has_one_bin_around_it(rule, x):
    edges = fd.bin_edges(x, rule)
    inner = (edges <= x[0]) & (np.append(edges[1:], np.inf) > x[0])
    assert inner.any()
    if abs(x[0]) < 1e6:
        assert edges[0] == x[0] - 0.5
        assert edges[-1] == x[0] + 0.5
    if rule not in ("auto", "sturges"):
        assert len(edges) == 2


@pytest.mark.parametrize("rule", RULES)
def test_neighbouring_numbers_keep_edges_apart(rule):
    x = [1.0, np.nextafter(1, 2), np.nextafter(1, 2), np.nextafter(1, 0)]
    edges = fd.bin_edges(x, rule)
    assert (np.diff(edges) > 0).all()


def test_values_outside_the_range_are_left_out():
    x = np.append(SAMPLES["normal"], [1e9, -1e9])
    expected = fd.bin_edges(SAMPLES["normal"], "fd", range=(-2, 2))
    np.testing.assert_array_equal(fd.bin_edges(x, "fd", range=(-2, 2)), expected)
    assert expected[[0, -1]].tolist() == [-2.0, 2.0]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([[1.0]],), ValueError, "x must be a 1D array, got 2D"),
        (([],), ValueError, "0 sample"),
        (([1.0, np.nan],), ValueError, "x contains NaN"),
        (([1.0], "rice"), ValueError, "rule must be one of 'auto', 'risk', .*, got 'rice'"),
        (([1.0], 0), ValueError, "rule .* must be an integer of at least 1 .*, got 0"),
        (([1.0], 2.5), TypeError, "rule .* must be an integer"),
        (([1.0], "fd", [-1.0]), ValueError, "sample_weight must not be negative"),
        (([1.0], "fd", [0.0]), ValueError, "sample_weight"),
        (([1.0, 2.0], "fd", [1.0]), ValueError, "sample_weight"),
        (([-1.7e308, 1.7e308], "fd"), ValueError, "finite in float64"),
    ],
)
def test_errors(arguments, error, message):
    with pytest.raises(error, match=message):
        fd.bin_edges(*arguments)


@pytest.mark.parametrize("limits", [(1, 0), (0, 0), (0, np.inf), (0,), 3, (np.nan, 1)])
def test_wrong_range(limits):
    with pytest.raises(ValueError, match="range must be two finite numbers"):
        fd.bin_edges([0.5], "fd", range=limits)


def test_range_without_values():
    with pytest.raises(ValueError, match="range must hold at least one value"):
        fd.bin_edges([0.5], "fd", range=(2, 3))


def test_every_rule_is_documented():
    for rule in RULES:
        assert f'"{rule}"' in fd.bin_edges.__doc__
    assert set(COUNT_RULES) < set(RULES)

"""Standard errors and intervals of divergences estimated by neighbours."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize, stats

from fastdens.divergences.generators import GENERATORS
from fastdens.divergences.kinds import check_kind
from fastdens.divergences.samples.estimates import estimate_from_samples
from fastdens.divergences.samples.neighbor_ratios import two_sample_estimate
from fastdens.divergences.samples.neighbor_variance import unseen_change, variance_inflation, variances
from fastdens.divergences.samples.neighborhoods import neighborhoods_with_indices
from fastdens.divergences.samples.unified_interval import unified_interval


def estimates(name, d, n, shift, repetitions):
    random = np.random.default_rng([d, n])
    found = []
    for _ in range(repetitions):
        X, Y = random.standard_normal((n, d)), random.standard_normal((n, d))
        Y[:, 0] += shift
        found.append(two_sample_estimate(X, Y, GENERATORS[name], n_threads=1))
    return found


@pytest.mark.parametrize(("d", "shift"), [(1, 0.0), (2, 0.0), (1, 1.0), (2, 1.4)])
@pytest.mark.parametrize("name", ["js", "squared_hellinger"])
def test_squared_standard_errors_are_the_variance(name, d, shift):
    found = estimates(name, d, 200, shift, 300)
    variance = np.var([estimate.value for estimate in found])
    assert np.mean([estimate.standard_error**2 for estimate in found]) == pytest.approx(variance, rel=0.25)


def test_the_jackknife_is_what_deleting_rows_gives():
    random = np.random.default_rng(3)
    samples = random.normal(size=(30, 2)), random.normal(size=(25, 2))
    generator, k = GENERATORS["js"], 4

    def terms(X, Y):
        return [neighborhoods_with_indices((X, Y), own, k, 1).terms(generator, k, own) for own in (0, 1)]

    def with_sizes(each, sizes):
        about = (replace(part, n=size - (i == each.own)) for i, (part, size) in enumerate(zip(each.about, sizes)))
        return replace(each, about=tuple(about))

    def value(X, Y, sizes):
        # Sizes stand in the ratio as they were: the jackknife is of the neighbours.
        about = [neighborhoods_with_indices((X, Y), own, k, 1) for own in (0, 1)]
        return sum(with_sizes(each, sizes).terms(generator, k, own).mean() for own, each in enumerate(about))

    about = tuple(neighborhoods_with_indices(samples, own, k, 1) for own in (0, 1))
    both = terms(*samples)
    independent, jackknife, separate = variances(about, generator, k, both)
    expected = 0.0
    for which, sample in enumerate(samples):
        n = len(sample)
        without = [
            value(*(np.delete(s, i, axis=0) if j == which else s for j, s in enumerate(samples)), (30, 25))
            for i in range(n)
        ]
        expected += np.var(without) * (n - 1)
    assert independent == pytest.approx(sum(part.var(ddof=1) / len(part) for part in both), rel=1e-12)
    assert jackknife == pytest.approx(expected, rel=0.1)  # a term that is left out changes with no other's
    assert 0 < separate < jackknife


def test_some_of_the_rows_show_how_much_terms_depend_on_each_other():
    generator, found, expected = GENERATORS["squared_hellinger"], [], []
    for seed in range(12):
        random = np.random.default_rng(seed)
        samples = random.normal(size=(2500, 2)), random.normal(size=(2500, 2)) * 1.5
        found.append(variance_inflation(samples, generator, 5, 1))
        about = tuple(neighborhoods_with_indices(samples, own, 5, 1) for own in (0, 1))
        both = tuple(about[own].terms(generator, 5, own) for own in (0, 1))
        independent, jackknife, separate = variances(about, generator, 5, both)
        expected.append(1 + max(0, jackknife - independent - separate) / independent)
    assert np.mean(found) == pytest.approx(np.mean(expected), rel=0.1)


def test_unified_interval_holds_every_value_in_95_percent():
    for value in (0.1, 0.4, 1.0, 1.9, 2.5):
        first = optimize.brentq(lambda x: unified_interval(x, 1.0)[1] - value, -20, 60)  # noqa: B023
        last = optimize.brentq(lambda x: unified_interval(x, 1.0)[0] - value, -5, 60)  # noqa: B023
        assert stats.norm.cdf(last - value) - stats.norm.cdf(first - value) == pytest.approx(0.95, abs=2e-6)
        if first < 0:  # both ends are as likely, beside the best value that is allowed
            assert (last - value) ** 2 == pytest.approx((first - value) ** 2 - first**2, abs=1e-4)
    assert unified_interval(5.0, 0.5) == pytest.approx((5 - 0.98, 5 + 0.98), abs=1e-3)
    assert unified_interval(-0.3, 0.0) == (0.0, 0.0)
    low, high = unified_interval(-4.0, 2.0)
    assert low == 0
    assert 0 < high < 2 * 1.96


def test_points_beyond_the_other_sample():
    random = np.random.default_rng(0)
    narrow, wide = random.normal(size=(500, 1)), 2 * random.normal(size=(500, 1))
    equal = random.normal(size=(500, 1))

    def change(X, Y, name):
        about = tuple(neighborhoods_with_indices((X, Y), own, 4, 1) for own in (0, 1))
        return unseen_change(about, GENERATORS[name], 4)

    outside = np.mean((wide < narrow.min()) | (wide > narrow.max()))
    assert change(wide, narrow, "kl") == pytest.approx(1.0 * (outside - 2 / 500), rel=1e-9)
    assert change(wide, narrow, "js") < 0.2 * change(wide, narrow, "kl")
    assert change(narrow, equal, "kl") < 0.02
    found = estimate_from_samples(wide, narrow, check_kind("js"))
    # The interval allows for the points beyond.
    assert found.interval[1] - found.interval[0] > 1.005 * 2 * 1.96 * found.standard_error


def test_an_estimate_below_zero_has_an_interval_of_some_width():
    for seed in range(50):
        X, Y = np.random.default_rng(seed).normal(size=(2, 300, 1))
        found = estimate_from_samples(X, Y, check_kind("js"))
        assert found.interval[1] > found.interval[0]
        assert found.standard_error > 0
        if found.value == 0:
            assert found.interval[0] == 0
            return
    raise AssertionError("no estimate below zero")

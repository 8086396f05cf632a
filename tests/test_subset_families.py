"""Subsets of limited size, listed one by one, and set functions that are not additive."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

import fastdens as fd
from fastdens.compiled import instruction_sets
from fastdens.reference import subsets as twin

SLIDE = ([0.5, 0.25, 0.25, 0.0], [0.0, 0.25, 0.25, 0.5])


@pytest.fixture(params=instruction_sets.available())
def instruction_set(request):
    before = instruction_sets.in_use()
    instruction_sets.use(request.param)
    yield request.param
    instruction_sets.use(before)


def random_laws(random, n):
    """Small whole numbers over their sum: many ties, many equal probabilities."""
    counts = random.integers(0, 9, size=(2, n))
    counts[:, 0] += 1
    return counts / counts.sum(axis=1, keepdims=True)


def test_limited_size_against_all_combinations(instruction_set):
    random = np.random.default_rng(0)
    for n in (1, 2, 5, 9, 12, 13):
        p, q = random_laws(random, n)
        exact = [Fraction(a) - Fraction(b) for a, b in zip(p.tolist(), q.tolist())]
        for most in {1, 2, n // 2 or 1, max(1, n - 1), n, n + 3}:
            found = fd.total_variation_subsets(p, q, max_size=most)
            sums = [abs(sum(c)) for size in range(min(most, n) + 1) for c in itertools.combinations(exact, size)]
            largest = max(sums)
            assert found.distance == largest.numerator / largest.denominator
            assert abs(sum(exact[i] for i in found.subset)) == largest
            assert abs(sum(exact[i] for i in found.maximal_subset)) == largest
            assert set(found.subset) <= set(found.maximal_subset)
            assert len(found.maximal_subset) <= most
            assert found.n_subsets == len(sums)
            expected = twin.total_variation_subsets(p, q, max_size=most)
            assert expected.distance == pytest.approx(found.distance, abs=1e-14)
            assert expected.n_subsets == found.n_subsets


def test_limited_size_is_the_same_on_any_number_of_threads():
    p, q = np.random.default_rng(1).dirichlet(np.ones(25), size=2)
    results = [fd.total_variation_subsets(p, q, n_threads, max_size=9) for n_threads in (1, 2, 7)]
    assert len({(r.distance, *r.subset) for r in results}) == 1
    differences = np.sort(p - q)
    assert results[0].distance == pytest.approx(max(differences[-9:].clip(0).sum(), -differences[:9].clip(max=0).sum()))


def test_the_slides_example_lists_all_sixteen_subsets_in_its_order():
    table = fd.list_subsets(*SLIDE)
    names = [table.name(row) for row in range(len(table))]
    of_the_slide = [
        "{1}", "{2}", "{3}", "{4}", "{1;2}", "{1;3}", "{1;4}", "{2;3}", "{2;4}", "{3;4}",
        "{1;2;3}", "{1;2;4}", "{1;3;4}", "{1;2;3;4}",
    ]  # fmt: skip
    assert [name for name in names if name not in ("{}", "{2;3;4}")] == of_the_slide
    assert len(names) == 16
    assert names.index("{2;3;4}") == names.index("{1;3;4}") + 1
    assert table.distance == 0.5 == fd.total_variation(*SLIDE) == fd.total_variation_subsets(*SLIDE).distance
    assert str(table).splitlines()[2] == "{1}        0.5   0     0.5  *"
    assert str(table).splitlines()[-1] == "largest (*): 0.5"


def test_the_listing_agrees_with_the_array_of_discrepancies():
    p, q = random_laws(np.random.default_rng(2), 7)
    table, discrepancies = fd.list_subsets(p, q, labels="abcdefg"), fd.subset_discrepancies(p, q)
    assert len(set(table.subsets)) == 128
    for row, subset in enumerate(table.subsets):
        assert table.discrepancies[row] == pytest.approx(discrepancies[sum(1 << i for i in subset)], abs=1e-16)
        assert table.p[row] == math.fsum(p[list(subset)])
    assert table.name(1) == "{a}"
    with pytest.raises(ValueError, match="read-only"):
        table.p[0] = 1


def test_additive_set_functions_have_the_maximum_of_the_total_variation():
    random = np.random.default_rng(3)
    for n in (1, 4, 15):
        p, q = random.dirichlet(np.ones(n), size=2)
        values = fd.subset_discrepancies(p, q)
        for most in (None, 1, 3):
            expected = fd.total_variation_subsets(p, q, max_size=most)
            found = fd.maximum_over_subsets(values, max_size=most)
            called = fd.maximum_over_subsets(lambda members: members @ (p - q), n, max_size=most)  # noqa: B023
            for result in (found, called):
                assert result.distance == pytest.approx(expected.distance, abs=1e-15)
                assert result.n_subsets == expected.n_subsets


def test_a_capacity_that_is_not_additive():
    """Possibility against probability: the largest differs from half the L1 distance of any two laws."""
    p = np.array([0.5, 0.25, 0.125, 0.125])
    found = fd.maximum_over_subsets(lambda members: np.where(members, p, 0).max(axis=1) / 0.5 - members @ p, 4)
    assert found.distance == 0.5
    assert found.subset.tolist() == [0]
    ties = fd.maximum_over_subsets([0.0, 1.0, -1.0, 1.0])
    assert (ties.subset.tolist(), ties.maximal_subset.tolist(), ties.distance) == ([0], [0, 1], 1.0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: fd.total_variation_subsets(*SLIDE, max_size=0), ValueError, "max_size must be .* of at least 1"),
        (lambda: fd.total_variation_subsets(*SLIDE, max_size=1.0), TypeError, "max_size must be an integer"),
        (lambda: fd.list_subsets(np.full(17, 1 / 17), np.full(17, 1 / 17)), ValueError, "at most 16 .* got 17"),
        (lambda: fd.list_subsets(*SLIDE, labels="ab"), ValueError, r"labels must have one .* \(4\), got 2"),
        (lambda: fd.maximum_over_subsets(np.ones(6)), ValueError, "a power of two of values, at least 2, got 6"),
        (lambda: fd.maximum_over_subsets(np.ones(4), 3), ValueError, r"2\^3 values, at least 2, got 4"),
        (lambda: fd.maximum_over_subsets(len), TypeError, "n_outcomes must be given"),
        (lambda: fd.maximum_over_subsets(len, 41), ValueError, "n_outcomes must be .* at most 40, got 41"),
        (lambda: fd.maximum_over_subsets(lambda m: m, 2), ValueError, r"shape \(4,\), got \(4, 2\)"),
        (lambda: fd.maximum_over_subsets([0, np.nan]), ValueError, "set_function contains NaN"),
        (lambda: fd.maximum_over_subsets(lambda m: m[:, 0] / 0.0, 2), ValueError, "finite values, got nan"),
    ],
)  # fmt: skip
def test_errors(call, error, message):
    with pytest.raises(error, match=message), np.errstate(all="ignore"):
        call()


def test_enumeration_equals_the_closed_form_to_the_last_bit():
    """A slice of benchmarks/studies/subset_enumeration.py."""
    random = np.random.default_rng(4)
    for _ in range(400):
        n = int(random.integers(1, 13))
        # Whole multiples of 2^-30 with sums of exactly one: nothing is rounded, and many differences are equal.
        p, q = (np.diff([0, *np.sort(random.integers(0, 2 ** int(random.integers(1, 31)), n - 1)), 2**30]) / 2**30
                for _ in range(2))  # fmt: skip
        assert fd.total_variation_subsets(p, q).distance == fd.total_variation(p, q)

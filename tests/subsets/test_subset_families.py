"""Subsets of limited size, listed one by one, and set functions that are not additive."""

from __future__ import annotations

import inspect
import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

import fastdens as fd
from fastdens.core import _instruction_sets as instruction_sets
from fastdens.reference import set_functions as set_function_reference
from fastdens.reference import subsets as of_reference

SLIDE = ([0.5, 0.25, 0.25, 0.0], [0.0, 0.25, 0.25, 0.5])


@pytest.fixture(params=instruction_sets.available())
def instruction_set(request):
    before = instruction_sets.in_use()
    instruction_sets.use(request.param)
    yield request.param
    instruction_sets.use(before)


def random_distributions(random, n):
    """Small whole numbers over their sum: many ties, many equal probabilities."""
    counts = random.integers(0, 9, size=(2, n))
    counts[:, 0] += 1
    return counts / counts.sum(axis=1, keepdims=True)


def test_limited_size_against_all_combinations(instruction_set):
    random = np.random.default_rng(0)
    for n in (1, 2, 5, 9, 12, 13):
        p, q = random_distributions(random, n)
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
            expected = of_reference.total_variation_subsets(p, q, max_size=most)
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
    p, q = random_distributions(np.random.default_rng(2), 7)
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
    """Possibility against probability: the largest differs from half the L1 distance of any two distributions."""
    p = np.array([0.5, 0.25, 0.125, 0.125])
    found = fd.maximum_over_subsets(lambda members: np.where(members, p, 0).max(axis=1) / 0.5 - members @ p, 4)
    assert found.distance == 0.5
    assert found.subset.tolist() == [0]
    ties = fd.maximum_over_subsets([0.0, 1.0, -1.0, 1.0])
    assert (ties.subset.tolist(), ties.maximal_subset.tolist(), ties.distance) == ([0], [0, 1], 1.0)


def by_definition(values, n, most):
    """The maximum of values by index, with the first of the smallest and of the largest subsets, by itertools."""
    subsets = [c for size in range(min(most, n) + 1) for c in itertools.combinations(range(n), size)]
    found = [(abs(values[sum(1 << i for i in c)]), c) for c in subsets]
    largest = max(value for value, _ in found)
    having = [(len(c), sum(1 << i for i in c), c) for value, c in found if value == largest]
    smallest = min(having)
    widest = min((-size, index, c) for size, index, c in having)
    return largest, list(smallest[2]), list(widest[2]), len(subsets)


def check_maximum(found, expected):
    assert (found.distance, found.subset.tolist(), found.maximal_subset.tolist(), found.n_subsets) == expected


@pytest.mark.parametrize("n", [1, 2, 5, 6, 7, 11, 12, 16])
def test_maximum_against_the_definition(n, instruction_set):
    """All forms, sizes and ties: integers, so that many subsets have the largest value, and doubles."""
    random = np.random.default_rng(n)
    p, q = random_distributions(random, n)
    for values in (random.integers(-4, 5, 2**n).astype(float), random.normal(size=2**n), np.zeros(2**n)):
        for most in {None, 1, 2, n // 2 or 1, n}:
            expected = by_definition(values, n, n if most is None else most)
            index_of = lambda members: values[members @ (1 << np.arange(n))]  # noqa: B023, E731
            numbered = lambda of: values[of[0].astype(int)]  # noqa: B023, E731
            check_maximum(fd.maximum_over_subsets(values, max_size=most, n_threads=2), expected)
            check_maximum(fd.maximum_over_subsets(index_of, n, max_size=most), expected)
            bits = [2.0 ** np.arange(n), np.ones(n)]
            check_maximum(fd.maximum_over_subsets(numbered, measures=bits, max_size=most), expected)
    for most in (None, 3):
        function = lambda of: np.sqrt(of[0]) - of[1] ** 2  # noqa: E731
        found = fd.maximum_over_subsets(function, measures=[p, q], max_size=most)
        expected = set_function_reference.maximum_over_subsets(function, measures=[p, q], max_size=most)
        assert found.distance == pytest.approx(expected.distance, rel=1e-14)
        assert found.n_subsets == expected.n_subsets


def test_the_reference_agrees_and_has_the_same_signature():
    ours, theirs = (
        [(p.name, p.kind, p.default) for p in inspect.signature(module.maximum_over_subsets).parameters.values()]
        for module in (fd, set_function_reference)
    )
    assert ours == theirs
    random = np.random.default_rng(3)
    values = random.integers(-3, 4, 2**9).astype(float)
    for most in (None, 1, 4):
        expected = set_function_reference.maximum_over_subsets(values, max_size=most)
        check_maximum(
            fd.maximum_over_subsets(values, max_size=most),
            (expected.distance, expected.subset.tolist(), expected.maximal_subset.tolist(), expected.n_subsets),
        )


def test_measures_are_summed_in_doubled_precision():
    """What a function gets for every subset, limited in size or not, is the exact sum, rounded once."""
    random = np.random.default_rng(5)
    n = 18
    measures = random.normal(size=(3, n)) * np.exp(random.normal(size=(3, n)) * 8)
    for most in (n, 5):
        seen: list[np.ndarray] = []

        def first(of, seen=seen):
            seen.append(of.copy())
            return of[0]

        fd.maximum_over_subsets(first, measures=measures, max_size=most, n_threads=1)
        sums = np.concatenate(seen, axis=1)
        numbers = [i for i in range(2**n) if i.bit_count() <= most]
        assert sums.shape == (3, len(numbers))
        for place in random.integers(0, len(numbers), 500):
            members = [i for i in range(n) if numbers[place] >> i & 1]
            for row in range(3):
                exact = sum((Fraction(measures[row, i]) for i in members), Fraction(0))
                allowed = 4 * (n + 2) * 2.0**-106 * np.abs(measures[row]).sum() + math.ulp(sums[row, place]) / 2
                assert abs(Fraction(sums[row, place]) - exact) <= Fraction(allowed)


def test_measures_of_many_outcomes_use_all_three_tables():
    """23 outcomes: the first are in the low table, the next in the middle one, the last two in the top one."""
    measure = 2.0 ** np.arange(23)
    for most in (None, 22):
        found = fd.maximum_over_subsets(lambda of: of[0], measures=[measure], max_size=most, n_threads=2)
        expected = (2.0**23 - 1 if most is None else 2.0**23 - 2, list(range(23)) if most is None else [*range(1, 23)])
        assert (found.distance, found.subset.tolist()) == expected
    sparse = fd.maximum_over_subsets(lambda of: of[0], measures=[2.0 ** np.arange(40)], max_size=3)
    assert (sparse.subset.tolist(), sparse.n_subsets) == ([37, 38, 39], sum(math.comb(40, k) for k in range(4)))


def test_set_functions_do_not_depend_on_threads():
    random = np.random.default_rng(6)
    values = random.integers(-50, 50, 2**18).astype(float)
    for most in (None, 8):
        results = [
            fd.maximum_over_subsets(form, n, max_size=most, n_threads=n_threads)
            for n_threads in (1, 2, 7)
            for form, n in ((values, None), (lambda members: values[members @ (1 << np.arange(18))], 18))
        ]
        assert len({(r.distance, *r.subset, -1, *r.maximal_subset) for r in results}) == 1


def test_a_thread_handles_floating_point_errors_as_the_caller_does():
    with np.errstate(divide="ignore"):
        found = fd.maximum_over_subsets(lambda of: np.minimum(1.0 / of[0], 9.0), measures=[np.ones(18)], n_threads=4)
    assert found.distance == 9.0


def test_an_error_of_the_function_ends_the_call():
    def fails(of):
        if of[0].max() > 2**17:
            raise KeyError("mine")
        return of[0]

    for n_threads in (1, 3):
        with pytest.raises(KeyError, match="mine"):
            fd.maximum_over_subsets(fails, measures=[2.0 ** np.arange(20)], n_threads=n_threads)


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
        (lambda: fd.maximum_over_subsets(np.ones(4), measures=[[1.0, 2.0]]), ValueError, "measures must be None"),
        (lambda: fd.maximum_over_subsets(len, measures=[1.0, 2.0]), ValueError, r"shape \(n_measures.* got 1D"),
        (lambda: fd.maximum_over_subsets(len, measures=np.ones((2, 41))), ValueError, "at most 40 columns.* got 41"),
        (lambda: fd.maximum_over_subsets(len, 3, measures=np.ones((2, 4))), ValueError, "n_outcomes=3 columns.* got 4"),
        (lambda: fd.maximum_over_subsets(len, measures=[[1.0, np.inf]]), ValueError, "measures contains NaN or inf"),
        (lambda: fd.maximum_over_subsets(len, measures=[[1, 1], [1e308, 1e308]]), ValueError, "got row 1 whose sum"),
        (lambda: fd.maximum_over_subsets(lambda m: m, measures=[[1.0, 2.0]]), ValueError, r"\(4,\), got \(1, 4\)"),
        (lambda: fd.maximum_over_subsets(lambda m: m[0] / 0.0, measures=[[1.0, 2.0]]), ValueError, "values, got nan"),
        (lambda: fd.maximum_over_subsets(np.ones(4), n_threads=0), ValueError, "n_threads must be"),
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

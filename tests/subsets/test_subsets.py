"""Enumeration of all subsets: exact maximum, witnesses, the array of discrepancies, threads, Ctrl-C, errors."""

import functools
import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastdens as fd
from fastdens.core import _instruction_sets as instruction_sets
from fastdens.core.threads import WORTH_A_THREAD_NS
from fastdens.reference import subsets as reference_of
from fastdens.subsets import subsets as engine
from fastdens.subsets._subsets import LOW_MULTIPLE


@pytest.fixture(params=instruction_sets.available())
def instruction_set(request):
    before = instruction_sets.in_use()
    instruction_sets.use(request.param)
    yield request.param
    instruction_sets.use(before)


def random_distributions(n, seed, zeros=0, ties=0):
    rng = np.random.default_rng(seed)
    p, q = rng.exponential(size=(2, n))
    p[:zeros] = 0
    q[zeros : 2 * zeros] = 0
    p /= p.sum()
    q /= q.sum()
    if ties:
        q[-ties:] = p[-ties:]
        q[:-ties] *= (1 - q[-ties:].sum()) / q[:-ties].sum()
    return p, q


def exact_discrepancies(p, q):
    """All 2^n discrepancies as fractions, index bit i <=> outcome i."""
    differences = [Fraction(float(a)) - Fraction(float(b)) for a, b in zip(p, q)]
    sums = [Fraction(0)]
    for difference in differences:
        sums += [total + difference for total in sums]
    return sums


def check_against_all_subsets(p, q):
    sums = exact_discrepancies(p, q)
    most = max(abs(total) for total in sums)
    side = 1 if max(sums) == most else -1
    best = [index for index, total in enumerate(sums) if side * total == most]
    members = [{i for i in range(len(p)) if index >> i & 1} for index in best]
    result = fd.total_variation_subsets(p, q)
    assert result.distance == most.numerator / most.denominator
    assert set(result.subset) == set.intersection(*members)
    assert set(result.maximal_subset) == set.union(*members)
    assert result.n_subsets == 2 ** len(p)


def test_slide_example_both_ways():
    p, q = [0.5, 0.25, 0.25, 0.0], [0.0, 0.25, 0.25, 0.5]
    result = fd.total_variation_subsets(p, q)
    assert result.distance == 0.5 == fd.total_variation(p, q)
    assert result.n_subsets == 16
    assert list(result.subset) == [0]
    assert list(result.maximal_subset) == [0, 1, 2]


@pytest.mark.parametrize("n", range(1, 15))
def test_exact_maximum_and_witnesses_against_fractions(n, instruction_set):
    for seed in range(4):
        check_against_all_subsets(
            *random_distributions(n, 100 * n + seed, zeros=n // 4, ties=n // 3 if seed % 2 else 0)
        )


distributions = st.integers(1, 9).flatmap(
    lambda n: st.tuples(*[st.lists(st.integers(0, 20), min_size=n, max_size=n).filter(any) for _ in range(2)])
)


@given(distributions, st.integers(0, 2**20))
@settings(max_examples=60, deadline=None)
def test_exact_with_ties_and_differences_of_one_unit_in_the_last_place(counts, nudges):
    p, q = (np.array(c) / sum(c) for c in counts)
    for i in range(len(p)):
        if nudges >> (2 * i) & 1:
            q[i] = np.nextafter(p[i], 1 if nudges >> (2 * i + 1) & 1 else 0)
    if abs(q.sum() - 1) < 1e-10:
        check_against_all_subsets(p, q)


def test_differences_far_below_the_rounding_of_the_sums_are_placed_exactly():
    # Outcomes 2, 3, 4 differ by less than the last place of the large sums; only exact arithmetic sees them.
    p = np.array([0.75, 0.25, 1e-20, 3e-300, 0.0, 1e-25])
    q = np.array([0.25, 0.75, 2e-20, 0.0, 5e-324, 1e-25])
    result = fd.total_variation_subsets(p, q)
    assert list(result.subset) == [0, 3] or list(result.subset) == [1, 2, 4]
    check_against_all_subsets(p, q)


def test_larger_side_wins_where_the_sums_differ_by_rounding():
    p = np.array([0.3, 0.3, 0.4])
    q = np.array([0.4, 0.3, np.nextafter(0.3, 1)])
    assert Fraction(p[0]) + Fraction(p[2]) != Fraction(q[0]) + Fraction(q[2])
    check_against_all_subsets(p, q)
    check_against_all_subsets(q, p)


@pytest.mark.parametrize("n", [1, 3, 6, 11, 12, 22])
def test_equal_distributions_have_distance_zero_and_every_subset_as_witness(n, instruction_set):
    p = np.full(n, 1 / n)
    result = fd.total_variation_subsets(p, p)
    assert result.distance == 0.0
    assert result.subset.size == 0
    assert list(result.maximal_subset) == list(range(n))
    assert result.n_subsets == 2**n


def test_many_ties_do_not_explode():
    p = np.zeros(24)
    q = np.zeros(24)
    p[3] = q[20] = 1
    result = fd.total_variation_subsets(p, q)
    assert result.distance == 1.0
    assert list(result.subset) == [3]
    assert list(result.maximal_subset) == [i for i in range(24) if i != 20]


@functools.cache
def reference_of_random_distributions(n):
    """Once for all instruction sets."""
    return reference_of.total_variation_subsets(*random_distributions(n, n))


@pytest.mark.parametrize("n", [10, 11, 12, 20, 21, 22, 23])
def test_matches_reference_and_scheffe(n, instruction_set):
    p, q = random_distributions(n, n)
    result, of_reference = fd.total_variation_subsets(p, q), reference_of_random_distributions(n)
    assert result.distance == pytest.approx(of_reference.distance, rel=1e-14)
    assert result.distance == pytest.approx(fd.total_variation(p, q), abs=1e-15)
    if sum(map(Fraction, p.tolist())) >= sum(map(Fraction, q.tolist())):
        smallest, largest = of_reference.subset, of_reference.maximal_subset
    else:  # the other side is larger, by the rounding of the sums, which the reference does not look at
        smallest, largest = np.flatnonzero(p < q), np.flatnonzero(p <= q)
    np.testing.assert_array_equal(result.subset, smallest)
    np.testing.assert_array_equal(result.maximal_subset, largest)
    assert result.n_subsets == of_reference.n_subsets


def test_enumeration_itself_finds_the_maximum_over_every_block(instruction_set):
    # The rounded enumeration, before the exact correction: the maximum of all 2^23 rounded sums and its first index.
    p, q = random_distributions(23, 5)
    differences = p - q
    low, middle = engine._subset_sums(differences[:11]), engine._subset_sums(differences[11:21])
    expected = 0.0
    for block, top in enumerate([0.0, differences[21], differences[22], differences[21] + differences[22]]):
        sums = np.abs((top + middle)[:, None] + low[None, :])
        if sums.max() > expected:
            expected, where = sums.max(), int(np.argmax(sums)) + (block << 21)
    members, value = engine._largest_in_floats(differences, 1)
    assert abs(value) == expected
    assert sum(1 << i for i in np.flatnonzero(members)) == where


def test_enumeration_sees_a_maximum_in_any_place(instruction_set):
    # One large entry anywhere in the tables decides; a skipped lane, row or tail would miss it.
    from fastdens.core._blocks import BlockQueue
    from fastdens.subsets import _subsets as subsets

    rng = np.random.default_rng(0)
    for n_low, n_high in itertools.product([64, 128], [1, 2, 3, 4, 5, 7, 8, 9]):
        for _ in range(20):
            low, high, out = rng.random(n_low), rng.random(n_high), np.empty(1)
            sign = rng.choice([-1, 1])
            low[rng.integers(n_low)] = 7 * sign
            high[rng.integers(n_high)] = 5 * sign
            subsets.largest_sums(low, high, np.empty(0), out, BlockQueue(1))
            assert out[0] == 12


@pytest.mark.parametrize("n", range(1, 15))
def test_discrepancies_within_the_stated_error_of_the_exact_sums(n, instruction_set):
    p, q = random_distributions(n, n, ties=n // 3)
    found, exact = fd.subset_discrepancies(p, q), exact_discrepancies(p, q)
    assert found.shape == (2**n,)
    assert found.dtype == np.float64
    allowance = Fraction(4 * n, 2**106) * sum(abs(Fraction(a) - Fraction(b)) for a, b in zip(p, q))
    for value, truth in zip(found.tolist(), exact):
        assert abs(Fraction(value) - truth) <= Fraction(math.ulp(value)) / 2 + allowance
    np.testing.assert_allclose(found, reference_of.subset_discrepancies(p, q), atol=1e-15)


def test_discrepancies_index_bit_i_means_outcome_i():
    p, q = [0.5, 0.25, 0.125, 0.125], [0.125, 0.125, 0.25, 0.5]
    found = fd.subset_discrepancies(p, q)
    assert found[0b0001] == 0.375
    assert found[0b0101] == 0.25
    assert found[0b1000] == -0.375
    assert found[0b1111] == 0
    assert np.abs(found).max() == fd.total_variation_subsets(p, q).distance


def test_bit_identical_for_any_number_of_threads(tuned):
    tuned(WORTH_A_THREAD_NS, 0.0)
    p, q = random_distributions(25, 1)
    results = [fd.total_variation_subsets(p, q, n_threads=n) for n in (1, 2, 7)]
    assert len({r.distance for r in results}) == 1
    assert len({r.subset.tobytes() for r in results}) == 1
    p, q = random_distributions(17, 1)
    assert len({fd.subset_discrepancies(p, q, n_threads=n).tobytes() for n in (1, 2, 7)}) == 1


def test_accepts_lists_integers_float32_and_strided_and_leaves_inputs_alone():
    p, q = np.array([0.5, 0, 0.25, 0, 0.25, 0])[::2], np.array([0, 0, 1])
    before = p.copy()
    assert fd.total_variation_subsets(p, q).distance == 0.75
    np.testing.assert_array_equal(p, before)
    p32 = np.array([0.1, 0.2, 0.7], dtype=np.float32)
    expected = max(abs(total) for total in exact_discrepancies(p32, [0.5, 0.25, 0.25]))
    assert fd.total_variation_subsets(p32, [0.5, 0.25, 0.25]).distance == float(expected)
    assert fd.total_variation_subsets([1], [1]).distance == 0


def test_sum_may_miss_one_by_rounding_but_values_are_taken_as_given():
    p, q = np.array([0.5 + 4e-10, 0.5]), np.array([0.25, 0.75])
    assert fd.total_variation_subsets(p, q).distance == p[0] - 0.25


@pytest.mark.parametrize("function", [fd.total_variation_subsets, fd.subset_discrepancies, fd.total_variation])
@pytest.mark.parametrize(
    ("p", "q", "message"),
    [
        ([0.5, 0.6], [0.5, 0.5], r"p must sum to 1 \(within 1e-09\), got a sum of 1\.1"),
        ([0.5, 0.5], [0.5, 0.4], r"q must sum to 1 \(within 1e-09\), got a sum of 0\.9"),
        ([1.5, -0.5], [0.5, 0.5], r"p must not be negative, got -0\.5 at index 1"),
        ([0.5, 0.5], [np.nan, 0.5], r"q must be finite, got nan at index 0"),
        ([np.inf, 0.5], [0.5, 0.5], r"p must be finite, got inf at index 0"),
        ([1e308, 1e308], [0.5, 0.5], r"p must sum to 1 .*, got a sum of inf"),
        ([0.5, 0.5], [0.5, 0.25, 0.25], r"same number of outcomes, got 2 and 3"),
        (1.0, [1.0], r"p must be a 1D array of probabilities, got 0D"),
        ([], [], r"p must hold at least one probability"),
        (["a"], [1.0], r"p must hold real numbers"),
    ],
)
def test_errors_name_argument_rule_and_value(function, p, q, message):
    with pytest.raises(ValueError, match=message):
        function(p, q)


def test_more_than_forty_outcomes_is_an_error():
    p = np.full(41, 1 / 41)
    with pytest.raises(ValueError, match="at most 40 outcomes .* enumerated, got 41; total_variation takes any"):
        fd.total_variation_subsets(p, p)


def test_array_larger_than_free_memory_is_an_error():
    p = np.full(40, 1 / 40)
    with pytest.raises(MemoryError, match=r"subsets of 40 outcomes take 8.19e\+03 GiB .* GiB of memory are free"):
        fd.subset_discrepancies(p, p)


@pytest.mark.parametrize("n_threads", [0, -1])
def test_wrong_number_of_threads_is_an_error(n_threads):
    with pytest.raises(ValueError, match="n_threads must be None or an integer of at least 1"):
        fd.total_variation_subsets([1.0], [1.0], n_threads=n_threads)


def test_result_cannot_be_changed():
    result = fd.total_variation_subsets([1.0, 0.0], [0.5, 0.5])
    with pytest.raises(AttributeError):
        result.distance = 0.0
    with pytest.raises(ValueError, match="read-only"):
        result.subset[0] = 1


def test_low_tables_fill_whole_vectors():
    assert LOW_MULTIPLE % 16 == 0  # two of the widest vectors of doubles

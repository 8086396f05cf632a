"""Up-sets of a finite order: against all of them in fractions, linear programming, chains and antichains."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse

import fastdens as fd
from fastdens.reference.up_sets import largest_up_set as of_reference
from fastdens.subsets.up_sets import largest_up_set


def random_pairs(random, n):
    """Some pairs, cycles, repeated pairs and i <= i among them."""
    return random.integers(0, n, (int(random.integers(0, 2 * n + 1)), 2))


def up_sets(n, pairs):
    masks = range(2**n)
    return [{i for i in range(n) if m >> i & 1} for m in masks if all(not m >> i & 1 or m >> j & 1 for i, j in pairs)]


def test_distributions_against_all_up_sets_in_fractions(random):
    for n in (1, 2, 3, 5, 8, 10):
        for _ in range(6):
            pairs = random_pairs(random, n)
            for p, q in (random.dirichlet(np.ones(n), 2), random.multinomial(8, np.full(n, 1 / n), size=2) / 8):
                found = fd.set_discrepancy(p, q, "up-sets", order=pairs)
                differences = [Fraction(a) - Fraction(b) for a, b in zip(p.tolist(), q.tolist())]
                sums = [(abs(sum((differences[i] for i in s), Fraction(0))), s) for s in up_sets(n, pairs)]
                most = max(value for value, _ in sums)
                chosen = set(found.indices.tolist())
                assert chosen in [s for _, s in sums]
                of_chosen = sum((differences[i] for i in chosen), Fraction(0))
                assert found.difference == float(of_chosen)
                assert abs(of_chosen) <= most <= abs(of_chosen) + Fraction(found.error)
                assert found.exact or (p * 2**57 % 1).any() or (q * 2**57 % 1).any()
                assert not found.exact or found.value == float(most)
                assert found.witness is None


def test_searches_match_their_reference(random):
    """The smallest of the best up-sets, bit by bit; many ties."""
    for _ in range(400):
        n = int(random.integers(1, 11))
        pairs, values = random_pairs(random, n), random.integers(-4, 5, n)
        np.testing.assert_array_equal(largest_up_set(values, pairs), of_reference(values, pairs))


@pytest.mark.parametrize("n", [50, 400])
def test_against_linear_programming(n, random):
    """The constraints x_i <= x_j are totally unimodular, so that the best point of the polytope is a set."""
    points = random.normal(size=(n, 3))
    pairs = np.argwhere((points[:, None] <= points).all(axis=2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    p, q = random.dirichlet(np.ones(n), 2)
    places, ones = np.arange(len(pairs)), np.ones(len(pairs))
    lower, upper = (scipy.sparse.coo_array((ones, (places, side)), shape=(len(pairs), n)) for side in pairs.T)
    best = [
        -scipy.optimize.linprog(-sign * (p - q), A_ub=lower - upper, b_ub=np.zeros(len(pairs)), bounds=(0, 1)).fun
        for sign in (1, -1)
    ]
    found = fd.set_discrepancy(p, q, "up-sets", order=pairs)
    assert found.value == pytest.approx(max(best), abs=1e-9)
    assert found.error < 1e-14


def test_chains_are_half_lines_and_antichains_all_sets(random):
    for n in (2, 7, 300):
        p, q = random.dirichlet(np.ones(n), 2)
        places = random.permutation(n)  # the outcome at each place of the chain
        half_lines = fd.set_discrepancy(p[places], q[places], "half-lines")
        chain = np.column_stack([places[:-1], places[1:]])
        whole = np.zeros((n, n), dtype=bool)
        whole[np.ix_(places, places)] = np.triu(np.ones((n, n), dtype=bool))
        for order in (chain, whole, chain[::-1].tolist()):
            found = fd.set_discrepancy(p, q, "up-sets", order=order)
            assert found.value == pytest.approx(half_lines.value, abs=4e-16)
            # An up-set of a chain is what lies above a place.
            assert set(found.indices) == set(places[n - len(found.indices) :])
        for order in ([], np.eye(n, dtype=bool), np.empty((0, 2), dtype=int)):
            found = fd.set_discrepancy(p, q, "up-sets", order=order)
            assert found.value == pytest.approx(fd.total_variation(p, q), abs=4e-16)


def test_a_cycle_makes_outcomes_equal(random):
    p, q = random.multinomial(64, np.full(6, 1 / 6), size=2) / 64
    cycles = [(0, 1), (1, 2), (2, 0), (4, 5), (5, 4)]
    found = fd.set_discrepancy(p, q, "up-sets", order=cycles)
    assert found.value == fd.set_discrepancy(p, q, "partition", cells=[0, 0, 0, 1, 2, 2]).value
    everything = fd.set_discrepancy(p, q, "up-sets", order=np.ones((6, 6), dtype=bool))
    assert everything.value == 0.0


def test_distributions_that_are_stochastically_ordered():
    """Mass that moves up only: no up-set loses any (Strassen 1965)."""
    p, q = [0.5, 0.25, 0.25, 0.0], [0.25, 0.25, 0.25, 0.25]
    order = [(0, 1), (0, 2), (1, 3), (2, 3)]
    found = fd.set_discrepancy(p, q, "up-sets", order=order)
    assert (found.difference, found.exact, found.indices.tolist()) == (-0.25, True, [3])
    assert not largest_up_set(np.array([2, 0, 0, -2]), np.array(order)).any()


def test_large_orders(random):
    """A lattice of 90 000 outcomes, certified by the flow; no worse than the best of all rows from one on."""
    at = np.arange(90_000).reshape(300, 300)
    sides = [np.column_stack([a.ravel(), b.ravel()]) for a, b in ((at[:-1], at[1:]), (at[:, :-1], at[:, 1:]))]
    p, q = random.dirichlet(np.ones(at.size), 2)
    found = fd.set_discrepancy(p, q, "up-sets", order=np.concatenate(sides))
    inside = np.isin(at, found.indices)
    assert not (inside[:-1] & ~inside[1:]).any()
    assert not (inside[:, :-1] & ~inside[:, 1:]).any()
    assert found.value > np.abs(np.cumsum((p - q).reshape(300, 300).sum(axis=1))).max()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, ValueError, "order must be given with family='up-sets' and with no other, got None"),
        ({"family": "all", "order": []}, ValueError, r"and with no other, got \[\] with family='all'"),
        ({"order": [(0, 3)]}, ValueError, r"from 0 to 2, got \[0, 3\]"),
        ({"order": [(0, 1), (-1, 1)]}, ValueError, r"from 0 to 2, got \[-1, 1\]"),
        ({"order": [(0.0, 1.0)]}, TypeError, "whole numbers, or a boolean matrix, got dtype float64"),
        ({"order": [0, 1]}, ValueError, r"\(n_pairs, 2\), or a boolean matrix, got shape \(2,\)"),
        ({"order": np.eye(2, dtype=bool)}, ValueError, r"shape \(3, 3\) where it is a boolean matrix, got \(2, 2\)"),
        ({"order": [], "points": [1.0, 2.0, 3.0]}, ValueError, "points must be None where family is 'up-sets'"),
        ({"order": [], "k": 2}, ValueError, "k must be None"),
    ],
)
def test_errors(options, error, message):
    with pytest.raises(error, match=message):
        fd.set_discrepancy([0.5, 0.5, 0.0], [0.25, 0.25, 0.5], **{"family": "up-sets", **options})


def test_samples_have_no_order_of_their_own():
    with pytest.raises(ValueError, match="family must be one of"):
        fd.sample_discrepancy([0.0], [1.0], "up-sets")

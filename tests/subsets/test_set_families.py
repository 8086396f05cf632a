"""Largest discrepancies over families of sets: every family by brute force with fractions, distributions, witnesses,
errors."""

import importlib.util
import itertools
import math
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import scipy.special
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

import fastdens as fd
from fastdens.core.threads import WORTH_A_THREAD_NS
from fastdens.divergences.families.family_arguments import FAMILIES
from fastdens.divergences.families.set_witnesses import HalfPlane, IntervalUnion
from fastdens.reference import set_families as of_reference
from fastdens.subsets import set_families as engine

ON_THE_LINE = ("half-lines", "intervals", "interval-unions")
IN_THE_PLANE = ("boxes", "half-planes")


def options_of(family, k=2):
    return {"k": k} if family in ("interval-unions", "size") else {}


def random_distributions(random, n, zeros=0):
    p, q = random.exponential(size=(2, n))
    p[:zeros] = 0
    return p / p.sum(), q / q.sum()


# --- brute force: all sets of a family, as sets of distinct points ----------------------------------------------------


def stretches(n):
    return [range(a, b) for a in range(n) for b in range(a + 1, n + 1)]


def turns(a, b, c):
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def sets_of(family, points, k=2, exactly=False):
    """Every set of the family among distinct points, which are tuples of fractions in ascending order."""
    n = len(points)
    if family == "half-lines":
        return {frozenset(range(b)) for b in range(n + 1)}
    if family == "intervals":
        return {frozenset(), *map(frozenset, stretches(n))}
    if family == "interval-unions":
        chosen = itertools.chain.from_iterable(itertools.combinations(stretches(n), j) for j in range(k + 1))
        return {frozenset(itertools.chain(*parts)) for parts in chosen}
    if family == "boxes":
        sides = [itertools.combinations_with_replacement(sorted({p[axis] for p in points}), 2) for axis in (0, 1)]
        return {frozenset()} | {
            frozenset(i for i, p in enumerate(points) if x[0] <= p[0] <= x[1] and y[0] <= p[1] <= y[1])
            for x, y in itertools.product(*map(list, sides))
        }
    if family == "half-planes":
        # A line through two points, all on its left, and of the points on it those before or after a place.
        found = {frozenset(), frozenset(range(n))}
        for a, b in itertools.permutations(points, 2):
            side = [turns(a, b, p) for p in points]
            along = [(b[0] - a[0]) * p[0] + (b[1] - a[1]) * p[1] for p in points]
            left = {i for i in range(n) if side[i] > 0}
            on = [i for i in range(n) if side[i] == 0]
            for place in on:
                found.add(frozenset(left | {i for i in on if along[i] <= along[place]}))
                found.add(frozenset(left | {i for i in on if along[i] >= along[place]}))
        return found
    sizes = [k] if exactly else range(min(k, n) + 1 if family == "size" else n + 1)
    return {frozenset(s) for j in sizes for s in itertools.combinations(range(n), j)}


def by_brute_force(differences, points, family, k=2, exactly=False):
    """The largest |sum| and the sets of rows that have it, from fractions at points that may repeat."""
    rows = {}
    for row, point in enumerate(map(tuple, points)):
        rows.setdefault(point, []).append(row)
    distinct = sorted(rows)
    sums = [sum((differences[row] for row in rows[point]), Fraction(0)) for point in distinct]
    sets = sets_of(family, distinct, k, exactly)
    most = max(abs(sum((sums[i] for i in s), Fraction(0))) for s in sets)
    best = [s for s in sets if abs(sum((sums[i] for i in s), Fraction(0))) == most]
    return most, [{row for i in s for row in rows[distinct[i]]} for s in best], sets


def beyond_rounding(points):
    """Whether some points turn by so little that no vector of doubles tells their sides."""
    area = math.prod(map(Fraction, np.ptp(points, axis=0)))
    corners = itertools.combinations([tuple(map(Fraction, row)) for row in points.tolist()], 3)
    return any(0 < abs(turns(*corner)) < area / 10**12 for corner in corners)


def check_witness(result, X, Y=None):
    """The set described and the rows listed are the same."""
    for points, indices in ((X, result.indices), (Y, result.indices_Y)):
        if points is not None and result.witness is not None:
            points = np.asarray(points, dtype=float)
            if points.ndim == 2 and points.shape[1] == 1:
                points = points[:, 0]
            if isinstance(result.witness, HalfPlane) and beyond_rounding(points):
                continue
            if isinstance(result.witness, IntervalUnion) and points.ndim == 2:
                assert len(indices) == 0  # the empty set
                continue
            np.testing.assert_array_equal(np.flatnonzero(result.witness.contains(points)), indices)


def check_distribution(p, q, points, family, k=2, exactly=False):
    options = options_of(family, k) | ({"exactly": True} if exactly else {})
    given_points = {} if family in ("size", "partition") else {"points": points}
    result = fd.set_discrepancy(p, q, family, **given_points, **options)
    differences = [Fraction(a) - Fraction(b) for a, b in zip(p.tolist(), q.tolist())]
    places = [(Fraction(i),) for i in range(len(p))] if family == "size" else points_as_fractions(points)
    most, best, _ = by_brute_force(differences, places, family, k, exactly)
    of_set = sum((differences[i] for i in result.indices), Fraction(0))
    assert result.difference == float(of_set)
    assert result.difference == math.fsum([*p[result.indices].tolist(), *(-q[result.indices]).tolist()])
    assert result.value == abs(result.difference)
    assert abs(of_set) <= most <= abs(of_set) + Fraction(result.error) + Fraction(math.ulp(result.value))
    if result.exact:
        assert result.value == float(most)
    if family in ("size", "all"):
        assert result.exact
    check_witness(result, None if family == "size" else points)
    return result, best


def points_as_fractions(points):
    points = np.asarray(points, dtype=float)
    return [tuple(map(Fraction, row)) for row in points.reshape(len(points), -1).tolist()]


def layouts(random, n, family):
    """Points scattered, on a small lattice (ties, collinear points), repeated; in one or two dimensions."""
    d = 2 if family in IN_THE_PLANE else 1
    x = random.normal(size=n)
    yield random.normal(size=(n, d))
    yield random.integers(0, 3, (n, d)).astype(float)
    yield random.normal(size=(2, d))[random.integers(0, 2, n)]
    if d == 2:
        yield np.column_stack([x, 3 * x + 0.1])  # on a line, but for rounding
        yield np.column_stack([x, np.ones(n)])
        yield random.integers(0, 4, (n, d)) * 0.1 + 1e5


@pytest.mark.parametrize("family", [f for f in FAMILIES if f not in ("partition", "up-sets")])
def test_distributions_against_all_sets_in_fractions(family, random):
    for n in (1, 2, 3, 5, 7):
        for points in layouts(random, n, family):
            check_distribution(*random_distributions(random, n, zeros=n // 4), points, family)
            p, q = random.multinomial(8, np.full(n, 1 / n), size=2) / 8  # ties in sums
            result, best = check_distribution(p, q, points, family)
            assert result.exact
            if family not in ("size", "all"):
                assert set(result.indices) - set(np.flatnonzero(p == q)) <= set.union(*best)
            if family != "size":
                assert set(result.indices) in best


@pytest.mark.parametrize("exactly", [False, True])
@pytest.mark.parametrize("k", [1, 2, 3, 6])
def test_sets_of_a_size(k, exactly, random):
    for _ in range(20):
        check_distribution(*random_distributions(random, 6), None, "size", k, exactly)
    p = np.array([0.25, np.nextafter(0.25, 1), 0.25, 0.25 - 2**-54])
    q = np.array([1e-25, 2e-25, 0.5, 0.5])  # differences that rounding makes equal
    check_distribution(p, q, None, "size", min(k, 4), exactly)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_unions_of_at_most_k_intervals(k, random):
    for _ in range(15):
        check_distribution(*random_distributions(random, 7), random.normal(size=(7, 1)), "interval-unions", k)


def test_partition_takes_the_cells_where_one_distribution_has_more(random):
    for labels in (list("abcabca"), [3, 3, 3, 3, 3, 3, 3], range(7), [0, 1, 0, 1, 0, 1, 2]):
        p, q = random_distributions(random, 7)
        result = fd.set_discrepancy(p, q, "partition", cells=labels)
        sums = {}
        for label, a, b in zip(labels, p, q):
            sums[label] = sums.get(label, 0) + Fraction(a) - Fraction(b)
        sides = [sum(s for s in sums.values() if sign * s > 0) for sign in (1, -1)]
        assert result.value == float(max(map(abs, sides)))
        assert result.exact
        assert {list(labels)[i] for i in result.indices} in (
            {label for label, s in sums.items() if s > 0},
            {label for label, s in sums.items() if s < 0},
        )


def test_partition_finds_the_sign_of_sums_far_below_the_unit():
    p = np.array([0.5, 1e-20, 1e-30, 0.5, 1e-25])
    q = np.array([0.5, 1e-30, 1e-20, 0.5, 3e-25])
    found = fd.set_discrepancy(p, q, "partition", cells=[0, 1, 2, 3, 1])
    assert set(found.indices) in ({1, 4}, {2})
    assert found.value == pytest.approx(1e-20, rel=1e-4)
    assert list(fd.set_discrepancy(p, q, "all").indices) in ([1], [2, 4])


@pytest.mark.parametrize("family", [*ON_THE_LINE, *IN_THE_PLANE, "all"])
@pytest.mark.parametrize("weighted", [False, True])
def test_samples_against_all_sets_in_fractions(family, weighted, random):
    for n, m in ((1, 1), (2, 3), (4, 3), (3, 1)):
        for points in layouts(random, n + m, family):
            w, v = (random.integers(1, 4, size) if weighted else np.ones(size, int) for size in (n, m))
            options = {"weight_X": w, "weight_Y": v} if weighted else {}
            X, Y = points[:n], points[n:]
            result = fd.sample_discrepancy(X, Y, family, **options, **options_of(family))
            differences = [Fraction(int(a), int(w.sum())) for a in w] + [-Fraction(int(b), int(v.sum())) for b in v]
            most, best, _ = by_brute_force(differences, points_as_fractions(points), family)
            assert result.exact
            assert result.value == float(most)
            assert set(result.indices) | {n + j for j in result.indices_Y} in best
            check_witness(result, X, Y)


# --- a continuous distribution ----------------------------------------------------------------------------------------


def line_by_brute_force(x, weights, distribution, family, k):
    """All stretches of gaps and points, in fractions; weights sum to 1."""
    points = sorted(set(x))
    mass = [sum((w for a, w in zip(x, weights) if a == point), Fraction(0)) for point in points]
    values = [Fraction(0), *map(Fraction, distribution(np.array(points)).tolist()), Fraction(1)]
    pieces = []
    for j in range(len(points)):
        pieces += [values[j] - values[j + 1], mass[j]]
    pieces.append(values[-2] - values[-1])
    sets = sets_of(family, [(Fraction(i),) for i in range(len(pieces))], k)
    return max(abs(sum((pieces[i] for i in s), Fraction(0))) for s in sets)


@pytest.mark.parametrize("family", ON_THE_LINE)
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_sample_against_a_continuous_distribution(family, n, random):
    distribution = scipy.stats.norm(0.2, 1.3)
    for x in (random.normal(size=n), random.integers(0, 3, n).astype(float)):
        result = fd.sample_discrepancy(x, distribution, family, **options_of(family))
        most = line_by_brute_force(x.tolist(), [Fraction(1, n)] * n, distribution.cdf, family, 2)
        assert result.value == pytest.approx(float(most), abs=result.error or 0.0)
        if family != "interval-unions":
            assert result.exact
        check_witness(result, x)
        swapped = fd.sample_discrepancy(distribution, x, family, **options_of(family))
        assert (swapped.value, swapped.difference) == (result.value, -result.difference)
        np.testing.assert_array_equal(swapped.indices_Y, result.indices)


def test_distribution_against_a_continuous_distribution_and_what_its_witness_holds(random):
    p = random.dirichlet(np.ones(5))
    points = random.normal(size=5)
    for family in ON_THE_LINE:
        result = fd.set_discrepancy(p, scipy.special.ndtr, family, points, **options_of(family))
        most = line_by_brute_force(points.tolist(), list(map(Fraction, p)), scipy.special.ndtr, family, 2)
        assert float(most) - 1e-16 <= result.value + result.error <= float(most) + 2 * result.error + 1e-16
        intervals = [result.witness] if family != "interval-unions" else result.witness.intervals
        under = sum(scipy.special.ndtr(i.high) - scipy.special.ndtr(i.low) for i in intervals)
        assert result.difference == pytest.approx(p[result.indices].sum() - under, abs=1e-15)


def test_kolmogorov_sees_both_one_sided_limits():
    half = fd.sample_discrepancy([0.0], scipy.special.ndtr)
    assert half.value == 0.5
    above = fd.sample_discrepancy([1.0], scipy.special.ndtr)
    assert above.value == scipy.special.ndtr(1.0)
    assert str(above.witness) == "(-inf, 1)"
    below = fd.sample_discrepancy([-1.0], scipy.special.ndtr)
    assert str(below.witness) == "(-inf, -1]"
    assert below.value == 1 - scipy.special.ndtr(-1.0)


def test_models_and_their_distribution_functions(random):
    X = random.normal(size=(200, 1))
    new = random.normal(size=300)
    for model in (
        fd.Gaussian(),
        fd.Histogram(),
        fd.KernelDensity(bandwidth=0.3),
        fd.GaussianMixture(2, random_state=0),
    ):
        model.fit(X)
        if hasattr(model, "cdf"):
            expected = scipy.stats.kstest(new, lambda x, model=model: model.cdf(x.reshape(-1, 1))).statistic
            assert fd.kolmogorov_distance(new, model) == pytest.approx(expected, abs=1e-15)
            assert fd.kolmogorov_distance(model, new.reshape(-1, 1)) == pytest.approx(expected, abs=1e-15)


# --- other people's statistics ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "m"), [(1, 5), (40, 30), (1000, 3000), (20_000, 30_000)])
def test_kolmogorov_smirnov_as_scipy(n, m, random):
    for x, y in (
        (random.normal(size=n), random.normal(0.1, size=m)),
        (random.integers(0, 9, n), random.integers(1, 10, m)),
    ):
        expected = scipy.stats.ks_2samp(x, y, method="asymp").statistic
        assert fd.kolmogorov_distance(x, y) == pytest.approx(expected, abs=1e-13)
        distribution = scipy.stats.norm(4, 2)
        assert fd.kolmogorov_distance(x, distribution) == pytest.approx(
            scipy.stats.kstest(x, distribution.cdf).statistic, abs=1e-15
        )


def test_kuiper_is_the_sum_of_the_one_sided_statistics(random):
    x, y = random.normal(size=200), random.normal(size=300)
    one_sided = [scipy.stats.ks_2samp(x, y, alternative=side, method="asymp").statistic for side in ("less", "greater")]
    assert fd.sample_discrepancy(x, y, "intervals").value == pytest.approx(sum(one_sided), abs=1e-15)


# --- distributions of the families ------------------------------------------------------------------------------------

small = st.integers(-3, 3), st.integers(-3, 3), st.integers(0, 4), st.integers(0, 4)
rationals = st.lists(st.tuples(*small), min_size=1, max_size=9).filter(
    lambda rows: any(row[2] for row in rows) and any(row[3] for row in rows)
)


def split(rows):
    """Two weighted samples in the plane."""
    table = np.array(rows)
    p, q = table[:, 2] > 0, table[:, 3] > 0
    return table[p, :2], table[q, :2], {"weight_X": table[p, 2], "weight_Y": table[q, 3]}


@given(rationals)
def test_larger_families_have_larger_discrepancies(rows):
    X, Y, weights = split(rows)
    chain = [fd.sample_discrepancy(X[:, 0], Y[:, 0], family, **weights).value for family in ("half-lines", "intervals")]
    chain += [fd.sample_discrepancy(X[:, 0], Y[:, 0], "interval-unions", k=k, **weights).value for k in (1, 2, 3, 9)]
    chain.append(fd.sample_discrepancy(X[:, 0], Y[:, 0], "all", **weights).value)
    assert chain == sorted(chain)
    assert chain[1] == chain[2]
    assert chain[-2] == chain[-1] <= 1
    plane = fd.sample_discrepancy(X, Y, "all", **weights).value
    assert plane >= chain[-1]
    for family in IN_THE_PLANE:
        found = fd.sample_discrepancy(X, Y, family, **weights).value
        assert chain[0] <= found <= plane
    assert fd.sample_discrepancy(X, Y, "boxes", **weights).value >= chain[1]


@given(rationals)
def test_invariances(rows):
    X, Y, weights = split(rows)

    def values(X, Y, family):
        d = slice(None) if family in IN_THE_PLANE else 0
        return fd.sample_discrepancy(X[:, d], Y[:, d], family, **weights, **options_of(family)).value

    for family in (*ON_THE_LINE, *IN_THE_PLANE, "all"):
        before = values(X, Y, family)
        assert values(X + 0.5, Y + 0.5, family) == before
        if family != "half-planes":  # any increasing map of an axis
            assert values(np.exp(X / 2), np.exp(Y / 2), family) == before
        else:  # any affine map that can be undone
            A = np.array([[2.0, 1.0], [-1.0, 3.0]])
            assert values(X @ A, Y @ A, family) == before
        if family != "half-lines":
            assert values(-X, -Y, family) == before
    copied = {name: np.repeat(w, 2) for name, w in weights.items()}
    for family in IN_THE_PLANE:  # rows twice, which weights of half as much would undo
        twice = fd.sample_discrepancy(np.repeat(X, 2, axis=0), np.repeat(Y, 2, axis=0), family, **copied).value
        assert twice == values(X, Y, family)


def test_exchanging_the_distributions_changes_the_sign_only(random):
    p, q = random_distributions(random, 12)
    points = random.normal(size=(12, 2))
    for family in FAMILIES:
        options = options_of(family) | ({"cells": np.arange(12) % 4} if family == "partition" else {})
        if family == "up-sets":
            options["order"] = (points[:, None] <= points).all(axis=2)
        elif family not in ("size", "partition"):
            options["points"] = points if family in IN_THE_PLANE else points[:, 0]
        one, other = fd.set_discrepancy(p, q, family, **options), fd.set_discrepancy(q, p, family, **options)
        assert one.value == pytest.approx(other.value, abs=2e-16)
        same = fd.set_discrepancy(p, p, family, **options)
        assert same.value == 0.0


def test_all_sets_are_the_total_variation(random):
    p, q = random_distributions(random, 1000)
    assert fd.set_discrepancy(p, q, "all").value == pytest.approx(fd.total_variation(p, q), abs=1e-15)
    assert fd.set_discrepancy(p, q, "interval-unions", k=1000).value == fd.set_discrepancy(p, q, "all").value
    assert fd.set_discrepancy(p, q, "size", k=1000).value == fd.set_discrepancy(p, q, "all").value


def test_float_weights_are_relative_and_their_rounding_is_stated(random):
    X, Y, w = random.normal(size=(20, 2)), random.normal(size=(30, 2)), random.uniform(0.1, 1, 20)
    for family in IN_THE_PLANE:
        found = fd.sample_discrepancy(X, Y, family, weight_X=w)
        scaled = fd.sample_discrepancy(X, Y, family, weight_X=w * 1e-200)
        assert found.value == pytest.approx(scaled.value, abs=1e-15)
        assert 0 < found.error < 1e-14
        exact = sum(map(Fraction, w[found.indices])) / sum(map(Fraction, w)) - Fraction(len(found.indices_Y), 30)
        assert abs(Fraction(found.value) - abs(exact)) < found.error


# --- the compiled searches and their references -----------------------------------------------------------------------


def ranks(x):
    return np.unique(x, return_inverse=True)[1].astype(np.intp)


@pytest.mark.parametrize("n", [1, 2, 10, 60, 150])
def test_searches_match_their_references(n, random, tuned):
    values = random.integers(-5, 6, n)
    for points in (random.normal(size=(n, 2)), random.permutation(n * n)[:n, None] // [1, n] % n * 1.0):
        points = np.unique(points, axis=0)
        weights = values[: len(points)]
        columns, rows = ranks(points[:, 0]), ranks(points[:, 1])
        value, box = engine.largest_box(columns, rows, weights)
        expected, _ = of_reference.largest_box(columns, rows, weights)
        assert abs(value) == abs(expected)
        if value:
            inside = (columns >= box[0]) & (columns <= box[1]) & (rows >= box[2]) & (rows <= box[3])
            assert weights[inside].sum() == value
        value, inside, normal, _ = engine.largest_half_plane(points, weights)
        expected, reference_inside, _, _ = of_reference.largest_half_plane(points, weights)
        assert abs(value) == abs(expected) == abs(weights[reference_inside].sum())
        assert weights[inside].sum() == value
        if inside.any() and not inside.all():
            assert (points @ normal)[inside].min() > (points @ normal)[~inside].max()
    for k, few in itertools.product((1, 2, 5, 40), (0, 100)):
        tuned(engine.FEW_INTERVALS, few)
        chosen, expected = engine.largest_union(values, k), of_reference.largest_union(values, k)
        assert values[chosen].sum() == values[expected].sum()
        assert np.count_nonzero(np.diff(np.append(False, chosen)) & chosen) <= k
    for x in (np.sort(random.normal(size=n)), np.sort(random.integers(0, 9, n)) / 8.0):
        for y in (x[::2].copy(), np.sort(random.normal(size=2 * n)), np.array([0.5])):
            assert engine.extreme_half_lines(x, y) == of_reference.extreme_half_lines(x, y)


@pytest.mark.parametrize("side", [2, 3, 5, 40])
def test_boxes_are_found_without_a_first_guess(side, random, monkeypatch):
    # A good first guess hides what the search itself would miss.
    monkeypatch.setattr(engine, "_by_turns", lambda columns, rows, values: (0, np.empty(0, dtype=np.intp)))
    for n in (1, 2, 4, 7, 12, 20, 40) * 6:
        columns, rows = (ranks(random.integers(0, side, n)) for _ in range(2))
        values = random.integers(-5, 6, n)
        value, box = engine.largest_box(columns, rows, values)
        assert abs(value) == abs(of_reference.largest_box(columns, rows, values)[0])
        if value:
            inside = (columns >= box[0]) & (columns <= box[1]) & (rows >= box[2]) & (rows <= box[3])
            assert values[inside].sum() == value


def test_many_runs_are_merged_as_the_reference_chooses(random):
    values = random.integers(-100, 101, 3000)
    for k in (1, 3, 17, 25, 100):
        assert values[engine.largest_union(values, k)].sum() == values[of_reference.largest_union(values, k)].sum()


def test_collinear_to_the_last_bit_and_one_bit_off(random):
    # Points on a line of the lattice; one moved by the last bit is on one side of it, which exact signs alone see.
    x = np.arange(1.0, 12.0)
    points = np.column_stack([x, 3 * x])
    points[5, 1] = np.nextafter(points[5, 1], np.inf)
    values = np.full(11, -1)
    values[5] = 10
    value, inside, _, _ = engine.largest_half_plane(points, values)
    assert (value, np.flatnonzero(inside).tolist()) == (10, [5])
    points[5, 1] = 3 * x[5]
    value, inside, _, _ = engine.largest_half_plane(points, values)
    assert abs(value) == 5  # with all of one side of the line's points


def test_the_whole_plane_is_a_half_plane():
    # q has less mass than p by what distributions may miss: the largest sum is over everything.
    points = np.array([[0.0, 1.0], [0.0, -1.0], [0.5, -7.0]])
    p, q = np.array([0.25, 0.25, 0.5]), np.array([0.25, 0.25, 0.5]) - 1e-10
    found = fd.set_discrepancy(p, q, "half-planes", points)
    assert found.difference == math.fsum([*p, *-q])
    check_witness(found, points)
    assert list(found.indices) == [0, 1, 2]


def test_nearly_collinear_points_take_no_longer_than_others(random):
    # Their directions differ by rounding: an insertion sort by exact comparisons would take minutes.
    x = random.normal(size=800)
    values = np.where(np.arange(800) % 2, 1, -1)
    value, inside, _, _ = engine.largest_half_plane(np.column_stack([x, 3 * x + 0.1]), values)
    assert values[inside].sum() == value


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_coordinates_of_any_size_and_any_ratio_of_axes(scale, random):
    X, Y = random.normal(size=(30, 2)), random.normal(size=(20, 2))
    for family in IN_THE_PLANE:
        expected = fd.sample_discrepancy(X, Y, family)
        for factors in ([scale, scale], [scale, 1.0], [1 / scale, scale]):
            found = fd.sample_discrepancy(X * factors, Y * factors, family)
            assert found.value == expected.value
            if factors[0] == factors[1]:
                check_witness(found, X * factors, Y * factors)


@pytest.mark.parametrize("family", IN_THE_PLANE)
def test_bit_identical_for_any_number_of_threads(family, random, tuned):
    tuned(WORTH_A_THREAD_NS, 0.0)
    X, Y = random.integers(0, 25, (300, 2)), random.integers(0, 25, (300, 2))
    results = [fd.sample_discrepancy(X, Y, family, n_threads=n) for n in (1, 2, 7)]
    assert len({(r.difference, str(r.witness), r.indices.tobytes(), r.indices_Y.tobytes()) for r in results}) == 1


# --- total variation and Kolmogorov distance in the central limit theorem ---------------------------------------------


@pytest.fixture(scope="module")
def example():
    path = Path(__file__).resolve().parents[2] / "examples" / "central_limit_two_distances.py"
    specification = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize("n", [1, 2, 5, 100, 1001, 10_000, 1_000_000])
def test_sums_of_steps_are_at_distance_1_in_total_variation_and_converge_in_kolmogorov(n, example):
    points, probabilities = example.scaled_sum(n)
    binomial = scipy.stats.binom(n, 0.5)
    np.testing.assert_allclose(
        probabilities, binomial.pmf(np.rint((points * np.sqrt(n) + n) / 2)), rtol=1e-9, atol=1e-300
    )
    total_variation, kolmogorov = example.distances(n)
    assert total_variation == 1.0
    heads = np.arange(max(0, n // 2 - 3000), min(n, n // 2 + 3000) + 1)
    normal = scipy.special.ndtr((2 * heads - n) / np.sqrt(n))
    expected = max(np.abs(binomial.cdf(heads) - normal).max(), np.abs(binomial.cdf(heads - 1) - normal).max())
    assert kolmogorov == pytest.approx(expected, abs=1e-11)
    assert kolmogorov * math.sqrt(n) == pytest.approx(1 / math.sqrt(2 * math.pi), abs=0.15 / n)


def test_example_draws_its_picture(example, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["example", str(tmp_path / "picture.png")])
    example.main()
    assert (tmp_path / "picture.png").stat().st_size > 10_000
    assert "0.398942" in capsys.readouterr().out


# --- results and errors -----------------------------------------------------------------------------------------------


def test_result_cannot_be_changed_and_inputs_are_left_alone(random):
    X, Y = random.normal(size=(5, 2)), random.normal(size=(6, 2))
    before = X.copy(), Y.copy()
    result = fd.sample_discrepancy(X, Y, "boxes")
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(Y, before[1])
    with pytest.raises(AttributeError):
        result.value = 0.0
    with pytest.raises(ValueError, match="read-only"):
        result.indices[0] = 1


def test_accepts_lists_float32_strided_and_frames(random):
    pandas = pytest.importorskip("pandas")
    X, Y = random.normal(size=(20, 2)).astype(np.float32), random.normal(size=(14, 4))[:, ::2]
    expected = fd.sample_discrepancy(X, Y, "half-planes").value
    assert fd.sample_discrepancy(X.tolist(), np.asfortranarray(Y), "half-planes").value == expected
    assert fd.sample_discrepancy(pandas.DataFrame(X), pandas.DataFrame(Y), "half-planes").value == expected
    assert fd.set_discrepancy(np.float32([0.1, 0.9]), [1, 0]).value == 1 - float(np.float32(0.1))


of_distributions, of_samples = fd.set_discrepancy, fd.sample_discrepancy
HALVES = [0.5, 0.5]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: of_distributions(HALVES, HALVES, "discs"), ValueError, "family must be one of .*, got 'discs'"),
        (lambda: of_distributions(HALVES, [0.5, 0.6]), ValueError, "q must sum to 1"),
        (lambda: of_distributions(HALVES, [1.0]), ValueError, "same number of outcomes, got 2 and 1"),
        (lambda: of_distributions(HALVES, HALVES, points=[1.0]), ValueError, r"points must have one entry per outcome"),
        (lambda: of_distributions(HALVES, HALVES, points=[1.0, np.nan]), ValueError, "points contains NaN"),
        (lambda: of_distributions(HALVES, HALVES, "boxes"), ValueError, "points must be given where family is 'boxes'"),
        (lambda: of_distributions(HALVES, HALVES, "boxes", [1, 2]), ValueError, "Expected 2D array, got 1D"),
        (lambda: of_distributions(HALVES, HALVES, "boxes", [[1], [2]]), ValueError, "points must have 2 features"),
        (lambda: of_distributions(HALVES, HALVES, "intervals", [[1, 2]] * 2), ValueError, "points must have 1 feature"),
        (lambda: of_distributions(HALVES, HALVES, "size"), ValueError, "k must be an integer of at least 1 where"),
        (lambda: of_distributions(HALVES, HALVES, "size", k=0), ValueError, "k must be an integer of at least 1"),
        (lambda: of_distributions(HALVES, HALVES, "size", k=1.5), TypeError, "k must be an integer of at least 1"),
        (lambda: of_distributions(HALVES, HALVES, "size", k=3, exactly=True), ValueError, "at most 2, got 3"),
        (lambda: of_distributions(HALVES, HALVES, k=2), ValueError, "k must be None unless family is"),
        (lambda: of_distributions(HALVES, HALVES, exactly=True), ValueError, "exactly must be False unless"),
        (lambda: of_distributions(HALVES, HALVES, "size", k=1, exactly="yes"), TypeError, "exactly must be True or"),
        (lambda: of_distributions(HALVES, HALVES, "partition"), ValueError, "cells must be given with"),
        (lambda: of_distributions(HALVES, HALVES, cells=[1, 2]), ValueError, "cells must be given with"),
        (lambda: of_distributions(HALVES, HALVES, "partition", cells=[1]), ValueError, r"cells must have shape \(2,\)"),
        (lambda: of_distributions(HALVES, HALVES, "size", [1, 2], k=1), ValueError, "points must be None where"),
        (lambda: of_distributions(HALVES, HALVES, n_threads=0), ValueError, "n_threads must be"),
        (lambda: of_distributions(HALVES, scipy.special.ndtr, "size", k=1), ValueError, "family must be one of the"),
        (lambda: of_distributions(HALVES, lambda x: x - 5), ValueError, "distribution function must lie between"),
        (lambda: of_distributions(HALVES, lambda x: 0.5 - x / 4), ValueError, "function must not decrease"),
        (lambda: of_distributions(HALVES, lambda x: 0.5), ValueError, r"one value per point \(2\), got shape \(\)"),
        (lambda: of_samples([1.0], [2.0], "size", k=1), ValueError, "family must be one of"),
        (lambda: of_samples([[1.0, 2.0]], [2.0], "all"), ValueError, "Y must have 2 features like X, got 1"),
        (lambda: of_samples([], [2.0]), ValueError, r"0 sample\(s\).*required for X"),
        (lambda: of_samples([1.0], [np.inf]), ValueError, "Input Y contains NaN or infinity"),
        (lambda: of_samples([1.0], [2.0], weight_X=[-1]), ValueError, "weight_X must not be negative"),
        (lambda: of_samples([1.0], [2.0], weight_Y=[0]), ValueError, "weight_Y: .*got all zero"),
        (lambda: of_samples([1.0], np.cbrt, weight_Y=[1]), ValueError, "weight_Y must be None where Y is"),
        (lambda: of_samples(np.cbrt, [1.0], weight_X=[1]), ValueError, "weight_X must be None where X is"),
        (lambda: of_samples(np.cbrt, np.cbrt), ValueError, "X and Y must not both be continuous distributions"),
        (lambda: fd.kolmogorov_distance(HALVES, HALVES, [0, 1], weight_P=[1, 1]), ValueError, "weight_P and weight_Q"),
        (
            lambda: of_samples([[0, 0], [1e-200, 1]], [[1, 1]], "half-planes"),
            ValueError,
            "at least 2.-400 times as large as their range.*got 1e-200 and a range of 1 on the first axis",
        ),
    ],
)  # fmt: skip
def test_errors_name_argument_rule_and_value(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_model_without_distribution_function_is_refused():
    model = fd.KNeighborsDensity(n_neighbors=1).fit([[0.0], [1.0]])
    if not hasattr(model, "cdf"):
        with pytest.raises(TypeError, match="a model must have a distribution function"):
            fd.sample_discrepancy([0.0], model)

"""Distances of neighbours by rank: the bits of the reference, on every instruction set, for hard arrangements of
points."""

import numpy as np
import pytest

import fastdens as fd
from fastdens.core import _instruction_sets as instruction_sets
from fastdens.neighbors.packed_tree import _packed_tree as packed_tree
from fastdens.neighbors.packed_tree import rank_distances
from fastdens.neighbors.packed_tree.rank_distances import arrange, distances_of_ranks
from fastdens.reference import rank_distances as of_reference


@pytest.fixture(params=instruction_sets.available())
def instruction_set(request):
    before = instruction_sets.in_use()
    instruction_sets.use(request.param)
    yield request.param
    instruction_sets.use(before)


def points(kind, n, d, seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d))
    if kind == "ties":
        return np.round(2 * X) / 2
    if kind == "equal":
        return np.broadcast_to(X[0], X.shape).copy()
    if kind == "one axis":
        X[:, 1:] = X[0, 1:]
    if kind == "heavy tails":
        return np.sign(X) * np.exp(3 * X**2)
    if kind == "outlier":
        X[n // 2] = 1e80
    if kind == "tiny":
        return np.round(X) * 5e-324 + (np.arange(n) == 0)[:, None]
    if kind == "signed zeros":
        return np.where(random.integers(0, 2, X.shape) == 0, 0.0, -0.0)
    if kind == "collinear":
        return X[:, :1] * np.arange(1.0, d + 1)
    if kind == "far clusters":
        return X * 1e-9 + random.integers(0, 5, (n, 1)) * 1e6
    return X


def check(X, Y, ranks, n_threads=1):
    arranged = arrange([X, Y], n_threads)
    for sample, given in zip(arranged, (X, Y)):
        order = [np.lexsort(rows.T[::-1]) for rows in (sample.points, given)]
        assert np.array_equal(sample.points[order[0]], given[order[1]])
    for queries in arranged:
        for sample in arranged:
            own = queries is sample
            here = [rank for rank in ranks if rank <= len(sample) - own]
            if not here:
                continue
            for n_coincident in (1, here[-1], here[-1] + 1):
                found = distances_of_ranks(queries, sample, here, n_coincident, n_threads)
                expected = of_reference.distances_of_ranks(queries.points, sample.points, here, n_coincident, own)
                assert all(map(np.array_equal, found, expected))


KINDS = ["normal", "ties", "equal", "one axis", "heavy tails", "far clusters", "outlier", "collinear"]


@pytest.mark.parametrize("kind", [*KINDS, "signed zeros", "tiny"])
@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_distances_are_those_of_the_reference(instruction_set, d, kind):
    if kind == "tiny" and d == 1:
        return  # squares vanish, which the line does not form
    for n, m, ranks in ((700, 1100, [1, 4, 5]), (70, 64, [7, 8, 9]), (65, 513, [11, 12, 13, 16])):
        check(points(kind, n, d), points(kind, m, d, 1), ranks)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 15, 16, 17, 63, 64, 65, 511, 512, 513])
def test_every_size_of_the_last_leaves(n, d):
    check(points("normal", n, d), points("ties", 40, d, 1), [1, 2, 3, 16])


def test_distributions_that_are_apart():
    X, Y = points("normal", 500, 3), points("normal", 900, 3, 1) * 0.01 + 30
    check(X, Y, [1, 6, 7])


@pytest.mark.parametrize("d", range(2, packed_tree.MOST_FEATURES + 1))
def test_more_features(d, tuned, instruction_set):
    tuned(rank_distances.MOST_FEATURES, packed_tree.MOST_FEATURES)
    check(points("normal", 600, d), points("ties", 300, d, 1), [3, 5])


def test_all_that_is_not_for_the_tree_is_answered_too():
    check(points("normal", 60, 6), points("normal", 50, 6, 1), [1, 3])
    check(points("normal", 60, 2), points("normal", 50, 2, 1), [5, packed_tree.HIGHEST_RANK + 4])
    check(points("ties", 90, 1), points("normal", 80, 1, 1), [5, rank_distances.MARGIN + 4])
    huge = points("normal", 60, 2) * 1e200
    queries = arrange([huge])[0]
    assert queries.tree is None
    expected = fd.kneighbors(queries.points, k=3, exclude_self=True)[0][:, 1:].T
    assert np.array_equal(distances_of_ranks(queries, queries, [2, 3]).distances, expected)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_any_number_of_threads_gives_the_same(d):
    X = points("normal", 40_000, d)
    found = []
    for n_threads in (1, 2, 5):
        sample = arrange([X], n_threads)[0]
        found.append((sample.points, distances_of_ranks(sample, sample, [4, 5], 1, n_threads)))
    for other in found[1:]:
        assert np.array_equal(found[0][0], other[0])
        assert all(map(np.array_equal, found[0][1], other[1]))
    expected = fd.kneighbors(found[0][0], k=5, exclude_self=True)[0][:, 3:].T
    assert np.array_equal(found[0][1].distances, expected)


# --- the order of the points ------------------------------------------------------------------------------------------


def by_exact_medians(X):
    """Leaf after leaf, split at the median of the coordinate that spreads most."""
    if len(X) <= packed_tree.PACK:
        return X
    X = np.random.default_rng(0).permutation(X)  # ties are cut anywhere
    X = X[np.argsort(X[:, np.argmax(np.ptp(X, axis=0))])]
    n_left = packed_tree.left_size(len(X))
    return np.vstack([by_exact_medians(X[:n_left]), by_exact_medians(X[n_left:])])


def sides(X, size):
    """The longest side of the box about each so many points."""
    return np.array([np.ptp(X[i : i + size], axis=0).max() for i in range(0, len(X), size)])


@pytest.mark.parametrize("d", [2, 3, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_leaves_are_as_small_as_by_exact_medians(kind, d):
    X = points(kind, 20_000, d)
    order, expected = arrange([X], 1)[0].points, by_exact_medians(X)
    for size in (packed_tree.PACK, packed_tree.PACK**2):
        found, exact = (np.sort(np.log(sides(each, size) + 1e-300)) for each in (order, expected))
        assert np.median(found - exact) < 0.05
        assert np.quantile(found - exact, 0.9) < 0.3


@pytest.mark.parametrize("kind", [*KINDS, "signed zeros", "tiny"])
def test_every_instruction_set_gives_the_same_order(instruction_set, kind):
    for d in (2, 3, 4):
        X = points(kind, 5000, d)
        found = arrange([X], 1)[0].points
        instruction_sets.use("base")
        expected = arrange([X], 1)[0].points
        instruction_sets.use(instruction_set)
        assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("d", range(2, packed_tree.MOST_FEATURES + 1))
def test_every_small_size_has_each_point_once(d, tuned, instruction_set):
    tuned(rank_distances.MOST_FEATURES, packed_tree.MOST_FEATURES)
    for n in (*range(1, 150), 1000, 1003):
        X = points("ties", n, d)
        order = arrange([X, X + 1], 1)
        for found, given in zip(order, (X, X + 1)):
            assert np.array_equal(found.points[np.lexsort(found.points.T)], given[np.lexsort(given.T)])


def test_points_in_any_order_of_memory():
    X = points("normal", 300, 3)
    records = np.zeros(300, dtype=[("x", "f8", 3), ("name", "S3")])
    records["x"] = X
    expected = arrange([X])[0].points
    for same in (np.asfortranarray(X), X[::-1][::-1], records["x"], np.repeat(X, 2, axis=1)[:, ::2]):
        assert np.array_equal(arrange([same])[0].points, expected)


def test_a_long_sample_is_split_in_many_steps(tuned):
    X = points("normal", 5000, 2)
    expected = arrange([X], 1)[0].points
    tuned(rank_distances.LONGEST_RANGE, 100)
    assert np.array_equal(arrange([X], 1)[0].points, expected)

"""Nearest and fixed-radius neighbours against SciPy, against the reference, and on data that broke other trees."""

import pickle
import threading

import numpy as np
import pytest
from hostile_arrays import GUISES
from scipy.spatial import cKDTree
from subprocesses import HANGS

import fastdens as fd
from fastdens.core import _instruction_sets as instruction_sets
from fastdens.neighbors.search import Searcher, fastest_searcher
from fastdens.reference import neighbors as reference


def by_brute_force(X, Q, k, exclude_self=False):
    searcher = Searcher.brute(X)
    prepared = searcher.prepare_own(X) if Q is X else searcher.prepare(Q, 1)
    return searcher.nearest(Q, prepared, k, 1, exclude_self)


def by_tree(X, Q, k, leaf_size=16):
    return fd.KDTree(X, leaf_size).query(Q, k)


def assert_same(found, expected):
    np.testing.assert_array_equal(found[1], expected[1])
    np.testing.assert_array_equal(found[0], expected[0])


def assert_same_rows(found, expected):
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        np.testing.assert_array_equal(a, b)


def small_case(random):
    n, d = int(random.integers(1, 70)), int(random.choice([1, 2, 3, 4, 5, 9]))
    X = [
        lambda: random.normal(size=(n, d)),
        lambda: random.integers(0, 3, size=(n, d)).astype(float),
        lambda: np.repeat(random.normal(size=(1, d)), n, axis=0),
        lambda: np.round(random.normal(size=(n, d)), 1),
    ][random.integers(4)]()
    return X, np.round(random.normal(size=(int(random.integers(0, 6)), d)), 1)


# --- against brute force in NumPy -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
def test_ten_thousand_small_cases_equal_brute_force(seed):
    """Peers' bug: repeated or missed neighbours, an index one past the end."""
    random = np.random.default_rng(seed)
    for _ in range(1000):
        X, Q = small_case(random)
        k = int(random.integers(1, len(X) + 1))
        distances, indices = by_tree(X, Q, k)
        squared = np.zeros((len(Q), len(X)))
        for axis in range(X.shape[1]):
            squared += (X[:, axis] - Q[:, axis, None]) ** 2
        order = np.argsort(squared, axis=1, kind="stable")[:, :k]
        np.testing.assert_array_equal(indices, order)
        np.testing.assert_array_equal(distances, np.sqrt(np.take_along_axis(squared, order, axis=1)))


def test_every_function_equals_its_reference_bit_for_bit(random, instruction_set):
    for _ in range(150):
        X, Q = small_case(random)
        k = int(random.integers(1, len(X) + 1))
        tree, of_reference = fd.KDTree(X, 16), reference.KDTree(X)
        assert_same(tree.query(Q, k), of_reference.query(Q, k))
        assert_same(fd.kneighbors(X, Q, k), reference.kneighbors(X, Q, k))
        assert_same(by_brute_force(X, Q, k), reference.kneighbors(X, Q, k))
        assert_same(fd.kneighbors(X, k=k), reference.kneighbors(X, k=k))
        for r in (0.0, 0.3, 1, np.inf, random.choice([0, 0.1, 1, 1.5], size=len(Q))):
            np.testing.assert_array_equal(tree.count_radius(Q, r), of_reference.count_radius(Q, r))
            for sort_results in (False, True):
                found, distances = tree.query_radius(Q, r, return_distance=True, sort_results=sort_results)
                expected, expected_distances = of_reference.query_radius(Q, r, True, sort_results)
                assert_same_rows(found, expected)
                assert_same_rows(distances, expected_distances)
                assert_same_rows(tree.query_radius(Q, r, sort_results=sort_results), expected)


def test_a_row_is_left_out_by_its_index_and_not_by_its_place(random):
    X = np.round(random.normal(size=(80, 2)), 1)
    X[40:] = X[:40]
    expected = reference.kneighbors(X, k=7, exclude_self=True)
    assert_same(fd.kneighbors(X, k=7, exclude_self=True), expected)
    tree = Searcher.tree(X, 16, 1)
    assert_same(tree.nearest(X, tree.prepare_own(X), 7, 1, exclude_self=True), expected)
    assert (expected[0][:, 0] == 0).all()
    assert (expected[1] != np.arange(80)[:, None]).all()


@pytest.mark.parametrize("d", [1, 2, 3, 5, 8, 16, 127, 128, 129, 300])
def test_any_number_of_features_agrees_with_scipy(random, instruction_set, d):
    """Peers' bug: crash beyond 127 features."""
    X, Q = random.normal(size=(701, d)), random.normal(size=(53, d))
    distances, indices = cKDTree(X).query(Q, 12)
    for found in (by_tree(X, Q, 12), by_brute_force(X, Q, 12), fd.kneighbors(X, Q, 12)):
        np.testing.assert_array_equal(found[1], indices)
        np.testing.assert_allclose(found[0], distances, rtol=1e-13)
    r = np.median(distances) * random.uniform(0.5, 1.5, size=53)
    found = fd.KDTree(X).query_radius(Q, r)
    assert_same_rows(found, [np.sort(row) for row in cKDTree(X).query_ball_point(Q, r)])
    np.testing.assert_array_equal(fd.KDTree(X).count_radius(Q, r), [len(row) for row in found])


@pytest.mark.parametrize("k", [1, 2, 48, 49, 50, 400, 701])
def test_any_number_of_neighbours(random, k):
    X = np.round(random.normal(size=(701, 3)), 1)
    for found in (by_tree(X, X, k), by_brute_force(X, X, k), fd.kneighbors(X, k=k)):
        assert_same(found, reference.kneighbors(X, X, k))


@pytest.mark.parametrize("leaf_size", [1, 16, 17, 64, 1000, 10**9])
def test_the_leaf_size_changes_no_result(random, leaf_size):
    X = random.normal(size=(997, 3))
    assert_same(by_tree(X, X, 9, leaf_size), by_tree(X, X, 9, 32))


# --- same bits --------------------------------------------------------------------------------------------------------


def test_threads_and_instruction_sets_give_the_same_bits(random):
    """Peers' bug: the index of equally distant neighbours changed between runs."""
    X = np.round(random.normal(size=(10_007, 3)), 2)
    Q = np.round(random.normal(size=(4_999, 3)), 2)
    before = instruction_sets.in_use()
    results = []
    try:
        for name in instruction_sets.available():
            instruction_sets.use(name)
            for n_threads in (1, 2, 7, 8):
                tree = fd.KDTree(X, n_threads=n_threads)
                results.append(
                    (
                        tree.indices,
                        *tree.query(Q, 10, n_threads=n_threads),
                        *fd.kneighbors(X, k=10, n_threads=n_threads),
                        tree.count_radius(Q, 0.3, n_threads=n_threads),
                        *(np.concatenate(rows) for rows in tree.query_radius(Q, 0.3, True, n_threads=n_threads)),
                    )
                )
    finally:
        instruction_sets.use(before)
    for result in results[1:]:
        for a, b in zip(result, results[0]):
            np.testing.assert_array_equal(a, b)


def test_both_routes_are_taken_and_agree(random):
    few, many, high = random.normal(size=(50, 2)), random.normal(size=(20_000, 2)), random.normal(size=(3_000, 40))
    assert not fastest_searcher(few, few, 5, 1).is_tree
    assert fastest_searcher(many, many, 5, 1).is_tree
    assert not fastest_searcher(high, high, 5, 1).is_tree
    assert not fastest_searcher(many, many[:1], 5, 1).is_tree
    assert_same(fd.kneighbors(high, high[:40], 5), by_tree(high, high[:40], 5))
    line = high[:, :1] * np.ones(40)  # in many features, but along one line
    assert fastest_searcher(line, line, 5, 1).is_tree


# --- data that broke other trees --------------------------------------------------------------------------------------


def in_a_thread_with_a_small_stack(work):
    results = []
    before = threading.stack_size(64 * 1024)
    try:
        thread = threading.Thread(target=lambda: results.append(work()))
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join(HANGS)
    assert results, "the work failed or did not end"
    return results[0]


DUPLICATES = {
    "rounded": lambda random: np.round(random.normal(size=(294_392, 2)), 4),
    "all equal": lambda random: np.full((200_000, 2), 0.1),
    "two groups": lambda random: np.repeat([[0.0, 0.0], [1.0, 1.0]], 100_000, axis=0),
    "sorted": lambda random: np.arange(200_000.0)[:, None] * [1.0, 0.5],
    "reversed": lambda random: np.arange(200_000.0)[::-1, None] * [1.0, 0.0],
    "grid": lambda random: np.stack(np.meshgrid(np.arange(450.0), np.arange(450.0)), -1).reshape(-1, 2),
    "binary": lambda random: random.integers(0, 2, size=(200_000, 10)).astype(float),
}


@pytest.mark.parametrize("case", DUPLICATES)
def test_duplicates_and_order_cost_neither_stack_nor_time(random, case):
    """Peers' bugs: stack overflow and quadratic time on equal, sorted or gridded points."""
    X = DUPLICATES[case](random)
    queries = X[:: len(X) // 50]
    tree = in_a_thread_with_a_small_stack(lambda: fd.KDTree(X))
    distances, indices = in_a_thread_with_a_small_stack(lambda: tree.query(queries, 5))
    assert_same((distances, indices), reference.kneighbors(X, queries, 5))
    np.testing.assert_array_equal(np.sort(tree.indices), np.arange(len(X)))
    counts = tree.count_radius(queries, 1.0)
    np.testing.assert_array_equal(counts, reference.KDTree(X).count_radius(queries, 1.0))
    everything, itself = fd.kneighbors(X, k=1)
    assert (everything == 0).all()
    assert (itself.ravel() <= np.arange(len(X))).all()


def test_all_neighbours_of_binary_data(random):
    """Peers' bug: crash with k = n on data with few distinct values."""
    X = random.integers(0, 2, size=(3_000, 10)).astype(float)
    assert_same(fd.KDTree(X).query(X[:5], 3_000), reference.kneighbors(X, X[:5], 3_000))


@pytest.mark.parametrize("magnitude", [1e308, 1e300, 1e155, 1e-155, 1e-300, 1e-310])
@pytest.mark.parametrize("find", [by_tree, by_brute_force, fd.kneighbors])
def test_extreme_magnitudes(random, magnitude, find):
    """Peers' bug: endless splitting and overflow at 1e308."""
    unit = random.normal(size=(300, 2)) / 8
    X = unit * magnitude
    distances, indices = find(X, X[:20], 5)
    exact = np.sqrt(((X[:20, None].astype(np.longdouble) - X) ** 2).sum(axis=2))
    expected = np.argsort(exact, axis=1)[:, :5]
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_allclose(distances, np.take_along_axis(exact, expected, 1).astype(float), rtol=1e-13, atol=5e-324)


def test_queries_far_from_the_data_are_equally_far_from_all_of_it(random):
    X = random.normal(size=(100, 2))
    tree = fd.KDTree(X)
    far = np.array([[1e300, -1e300], [0.0, 1e160], [1e308, 1e308], [0.5, 0.5]])
    distances, indices = tree.query(far, 3)
    np.testing.assert_array_equal(indices[:3], [[0, 1, 2]] * 3)
    np.testing.assert_allclose(distances[:3], np.hypot(far[:3, 0], far[:3, 1])[:, None] * np.ones(3), rtol=1e-15)
    assert_same((distances[3:], indices[3:]), tree.query(far[3:], 3))
    np.testing.assert_array_equal(tree.count_radius(far, [1.5e300, 0.9e160, np.inf, 0.1]), [100, 0, 100, (
        np.hypot(*(X - 0.5).T) <= 0.1).sum()])  # fmt: skip
    found, distances = tree.query_radius(far[:2], 1.5e300, return_distance=True)
    np.testing.assert_array_equal(found[0], np.arange(100))
    np.testing.assert_allclose(distances[1], 1e160)


def test_a_distance_beyond_float64_is_infinite():
    distances, indices = fd.KDTree([[1.7e308], [-1.7e308], [0.0]]).query([[1.7e308]], 3)
    np.testing.assert_array_equal(indices, [[0, 2, 1]])
    np.testing.assert_array_equal(distances, [[0.0, 1.7e308, np.inf]])


def test_the_radius_is_inclusive_to_the_last_bit(random):
    X, Q = random.normal(size=(500, 3)), random.normal(size=(40, 3))
    tree = fd.KDTree(X)
    distances, _ = tree.query(Q, 20)
    for rank in (0, 7, 19):
        np.testing.assert_array_equal(tree.count_radius(Q, distances[:, rank]), rank + 1)
        np.testing.assert_array_equal(tree.count_radius(Q, np.nextafter(distances[:, rank], 0)), rank)
    np.testing.assert_array_equal(tree.count_radius(X, 0), 1)
    np.testing.assert_array_equal(tree.count_radius(X * 2, 0), 0)


# --- arguments --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("guise", GUISES)
def test_arrays_in_any_guise(random, guise):
    """Peers' bugs: bare assertions on non-contiguous input, errors on read-only arrays."""
    a, b = np.round(random.normal(size=(60, 2)), 2), np.round(random.normal(size=(9, 2)), 2)
    X, Q = GUISES[guise](a), GUISES[guise](b)
    expected = reference.kneighbors(np.asarray(X, float), np.asarray(Q, float), 5)
    assert_same(fd.KDTree(X).query(Q, 5), expected)
    assert_same(fd.kneighbors(X, Q, 5), expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused_with_their_row(bad):
    """Peers' bugs: crash on NaN in the data, wrong neighbours on NaN in a query."""
    X = np.zeros((9, 2))
    X[7, 1] = bad
    with pytest.raises(ValueError, match=r"X contains NaN or infinity.*row 7, column 1"):
        fd.KDTree(X)
    with pytest.raises(ValueError, match=r"X contains NaN or infinity.*row 7, column 1"):
        fd.kneighbors(X)
    tree = fd.KDTree(np.zeros((9, 2)))
    for call in (lambda: tree.query(X), lambda: tree.count_radius(X, 1), lambda: tree.query_radius(X, 1)):
        with pytest.raises(ValueError, match=r"Q contains NaN or infinity.*row 7, column 1"):
            call()


@pytest.mark.parametrize("n_threads", [None, 1, 2, 8])
def test_no_queries_and_no_data(n_threads):
    """Peers' bugs: crash on empty data and on an empty batch of queries."""
    tree = fd.KDTree(np.zeros((3, 2)), n_threads=n_threads)
    none = np.empty((0, 2))
    distances, indices = tree.query(none, 2, n_threads=n_threads)
    assert distances.shape == indices.shape == (0, 2)
    assert fd.kneighbors(np.zeros((3, 2)), none, 2, n_threads=n_threads)[0].shape == (0, 2)
    assert tree.count_radius(none, 1.0, n_threads=n_threads).shape == (0,)
    assert tree.query_radius(none, 1.0, n_threads=n_threads).shape == (0,)
    assert tree.query_radius(none, [], n_threads=n_threads).shape == (0,)
    for build in (fd.KDTree, fd.kneighbors):
        with pytest.raises(ValueError, match=r"0 sample\(s\)"):
            build(none)


def test_one_point():
    assert_same(fd.KDTree([[2.0]]).query([[5.0]], 1), (np.array([[3.0]]), np.array([[0]])))
    assert_same(fd.kneighbors([[2.0]], k=1), (np.array([[0.0]]), np.array([[0]])))


def test_errors_name_the_argument_the_rule_and_the_value():
    X = np.arange(8.0).reshape(4, 2)
    tree = fd.KDTree(X)
    for call in (lambda: tree.query(X, 5), lambda: fd.kneighbors(X, X, 5)):
        with pytest.raises(ValueError, match="k must be at most the number of points to choose from, 4, got 5"):
            call()
    with pytest.raises(ValueError, match=r"k must be at most .* 3, got 4"):
        fd.kneighbors(X, k=4, exclude_self=True)
    with pytest.raises(ValueError, match="exclude_self must be False where Q is given"):
        fd.kneighbors(X, X, 1, exclude_self=True)
    for k, error in ((0, ValueError), (-1, ValueError), (1.5, TypeError), (True, TypeError), ("two", TypeError)):
        with pytest.raises(error, match=f"k must be an integer of at least 1, got {k!r}"):
            tree.query(X, k)
    with pytest.raises(ValueError, match="leaf_size must be an integer of at least 1, got 0"):
        fd.KDTree(X, 0)
    with pytest.raises(ValueError, match="Q must have 2 features like the data, got 3"):
        tree.query(np.zeros((1, 3)))
    with pytest.raises(ValueError, match=r"reshape\(-1, 1\)"):
        fd.KDTree(np.zeros(4))
    with pytest.raises(ValueError, match=r"r must be at least 0, got -1.0 at index 2"):
        tree.count_radius(X, [0, 1, -1, 2])
    with pytest.raises(ValueError, match=r"r must be at least 0, got nan"):
        tree.query_radius(X, np.nan)
    with pytest.raises(ValueError, match=r"r must have one entry per query \(4\), got 3"):
        tree.query_radius(X, [1, 2, 3])
    with pytest.raises(ValueError, match="r must be a number or a 1D array"):
        tree.query_radius(X, [[1.0]])
    with pytest.raises(TypeError, match="r must be a number"):
        tree.query_radius(X, "far")


# --- the tree as an object --------------------------------------------------------------------------------------------


def test_a_tree_cannot_be_changed(random):
    """Peers' bugs: mutable views of internal arrays; data changed under the tree."""
    X = random.normal(size=(100, 2))
    tree = fd.KDTree(X)
    before = tree.query(X[:5].copy(), 3)
    queries = X[:5].copy()
    X[...] = 0
    assert_same(tree.query(queries, 3), before)
    assert not tree.indices.flags.writeable
    assert all(not array.flags.writeable for array in tree._searcher.arrays.values())
    for name in ("leaf_size", "indices", "new"):
        with pytest.raises(AttributeError):
            setattr(tree, name, 1)
    with pytest.raises(AttributeError):
        del tree._searcher


def test_a_pickled_tree_is_the_same_tree(random):
    X = np.vstack([random.normal(size=(500, 3)), np.zeros((100, 3))]) * 1e200
    tree = fd.KDTree(X, 16)
    copy = pickle.loads(pickle.dumps(tree))
    assert_same(copy.query(X, 7), tree.query(X, 7))
    assert (copy.n_samples, copy.n_features, copy.leaf_size) == (600, 3, 16)
    assert not copy.indices.flags.writeable
    assert repr(copy) == "KDTree(n_samples=600, n_features=3, leaf_size=16)"


def test_many_threads_may_use_one_new_tree_at_once(random):
    """Peers' bug: an attribute made at first use by two threads."""
    X = random.normal(size=(5_000, 3))
    tree, expected = fd.KDTree(X), reference.kneighbors(X, X[:200], 5)
    barrier, failures = threading.Barrier(16), []

    def use():
        barrier.wait()
        try:
            assert tree.indices.shape == (5_000,)
            assert_same(tree.query(X[:200], 5), expected)
            assert tree.count_radius(X[:1], np.inf)[0] == 5_000
        except BaseException as error:
            failures.append(error)

    workers = [threading.Thread(target=use) for _ in range(16)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not failures

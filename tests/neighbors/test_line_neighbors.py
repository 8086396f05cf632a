"""Neighbours on a line by sorting: as the reference and the tree find them, ties and copies included."""

from __future__ import annotations

import numpy as np
import pytest

import fastdens as fd
from fastdens.neighbors import line_neighbors
from fastdens.reference import neighbors as of_reference

RANDOM = np.random.default_rng(0)
POINTS = {
    "normal": RANDOM.normal(size=300),
    "lattice": RANDOM.integers(0, 20, 300).astype(float),
    "minutes": RANDOM.integers(0, 300, 300) * 0.25,
    "equal": np.full(200, 3.0),
    "two places": np.where(RANDOM.random(257) < 0.3, -1.0, 1.0),
    "heavy tails": RANDOM.standard_cauchy(300) * 1e6,
    "denormal": RANDOM.integers(0, 50, 130) * 5e-324,
    "shifted": 1e9 + RANDOM.normal(size=300) * 1e-6,
    "zeros of both signs": np.tile([0.0, -0.0, 1.0], 60),
    "far as a whole": np.append(RANDOM.normal(size=199), 1e18),
}


@pytest.mark.parametrize("name", POINTS)
@pytest.mark.parametrize("k", [1, 2, 7, 64, 129])
def test_against_the_reference(name, k):
    X = POINTS[name][:, None]
    assert line_neighbors.applies(X, X)
    for exclude_self in (False, True):
        found = fd.kneighbors(X, k=k, exclude_self=exclude_self)
        distances = np.abs(X - X.T)
        indices = np.tile(np.arange(len(X)), (len(X), 1))
        if exclude_self:
            np.fill_diagonal(distances, np.inf)
        order = np.lexsort((indices, distances))[:, :k]
        np.testing.assert_array_equal(found[1], order)
        np.testing.assert_array_equal(found[0], np.take_along_axis(distances, order, axis=1))


@pytest.mark.parametrize("name", ["normal", "lattice", "heavy tails", "two places"])
def test_other_queries_than_the_points(name):
    x = POINTS[name]
    Q = np.concatenate([x[:40], (x[:40] + x[40:80]) / 2, [x.min() - 5, x.max() + 5]])[:, None]
    found, expected = fd.kneighbors(x[:, None], Q, k=9), of_reference.kneighbors(x[:, None], Q, k=9)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-15)
    by_tree = fd.KDTree(x[:, None]).query(Q, 9)
    np.testing.assert_array_equal(found[0], by_tree[0])
    np.testing.assert_array_equal(found[1], by_tree[1])


def test_many_points_are_the_same_as_through_the_tree_on_any_number_of_threads():
    x = np.round(RANDOM.normal(size=(40_000, 1)), 3)
    results = [fd.kneighbors(x, k=10, exclude_self=True, n_threads=n) for n in (1, 2, 7)]
    for distances, indices in results[1:]:
        np.testing.assert_array_equal(distances, results[0][0])
        np.testing.assert_array_equal(indices, results[0][1])
    by_tree = fd.KDTree(x).query(x[:500], 11)
    with_self = fd.kneighbors(x, x[:500], k=11)
    np.testing.assert_array_equal(with_self[0], by_tree[0])
    np.testing.assert_array_equal(with_self[1], by_tree[1])


def test_what_sorting_is_not_for():
    few, huge = np.arange(10.0)[:, None], np.full((100, 1), 1e308)
    assert not line_neighbors.applies(few, few)
    assert not line_neighbors.applies(huge, huge)
    assert not line_neighbors.applies(np.ones((100, 2)), np.ones((100, 2)))
    assert (fd.kneighbors(huge, k=3)[0] == 0).all()

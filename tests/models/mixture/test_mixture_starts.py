"""Where EM starts: a function of the seed and of the rows as a set, with their weights."""

import numpy as np
import pytest

import fastdens as fd
from fastdens.models.mixture import row_order
from fastdens.models.mixture.kmeans_start import LARGEST_SUBSAMPLE
from fastdens.models.mixture.parameters import STARTS


def groups(random, n, rounded=None):
    X = random.standard_t(3, size=(n, 3)) + 4 * random.integers(0, 3, size=(n, 1)) * [1, 0, -1]
    return X if rounded is None else np.round(X / rounded) * rounded


def start(init, K=3, seed=1):
    return fd.GaussianMixture(K, init_params=init, max_iter=0, random_state=seed)


def assert_same_start(a, b, rtol=1e-12):
    for name in ("weights_", "means_", "precisions_cholesky_"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=rtol, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("rounded", [None, 1.0])
@pytest.mark.parametrize("n", [300, LARGEST_SUBSAMPLE + 3000])
@pytest.mark.parametrize("init", STARTS)
def test_the_order_of_rows_does_not_matter(init, n, rounded, random):
    X, weights = groups(random, n, rounded), random.integers(1, 4, n)
    order = random.permutation(n)
    for w in (None, weights):
        a = start(init).fit(X, sample_weight=w)
        b = start(init).fit(X[order], sample_weight=None if w is None else w[order])
        assert_same_start(a, b)
    other = start(init, seed=2).fit(X)
    assert not np.allclose(other.means_, start(init).fit(X).means_)


@pytest.mark.parametrize("init", STARTS)
def test_a_weight_is_as_many_rows(init, random):
    X, weights = groups(random, 200), random.integers(0, 4, 200)
    a = start(init).fit(X, sample_weight=weights)
    assert_same_start(a, start(init).fit(random.permutation(np.repeat(X, weights, axis=0))))


def test_negative_zeros_are_zeros(random):
    X = groups(random, 100, 2.0)
    assert (X == 0).any()
    assert_same_start(start("kmeans").fit(X), start("kmeans").fit(np.where(X == 0, -0.0, X)))


@pytest.mark.parametrize("weighted", [False, True])
def test_drawn_rows_are_a_sample_by_weight(weighted, random):
    """Ten values, one of which has nearly all the rows."""
    shares = np.r_[0.9, np.full(9, 0.1 / 9)]
    values = random.choice(10, 30_000, p=shares)
    weights = np.where(values == 0, 0.25, 2.0) if weighted else None
    rows = row_order.draw_rows(values[:, None].astype(np.float64), weights, 5000, np.random.default_rng(0))
    assert len(rows) == 5000
    if not weighted:
        assert len(np.unique(rows)) == 5000
    mass = np.bincount(values, weights, 10)
    expected = 5000 * mass / mass.sum()
    assert (np.abs(np.bincount(values[rows], minlength=10) - expected) < 5 * np.sqrt(expected)).all()


def test_few_rows_of_many_are_drawn_evenly(random):
    X = random.normal(size=(50_000, 2))
    rows = row_order.draw_rows(X, None, 10_000, np.random.default_rng(0))
    assert len(np.unique(rows)) == 10_000
    quarter = np.bincount(rows // 12_500, minlength=4)
    assert (np.abs(quarter - 2500) < 5 * np.sqrt(2500)).all()
    assert (np.abs(X[rows].mean(axis=0) - X.mean(axis=0)) < 0.05).all()
    order = random.permutation(len(X))
    again = row_order.draw_rows(X[order], None, 10_000, np.random.default_rng(0))
    np.testing.assert_array_equal(np.sort(order[again]), np.sort(rows))

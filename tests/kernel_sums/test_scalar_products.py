"""Gaussian sums in many dimensions by scalar products: certified where taken, differences where not."""

import numpy as np
import pytest

import fastdens as fd
from fastdens.kernel_sums.bandwidth import Bandwidth
from fastdens.kernel_sums.direct import scalar_products
from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.kernel_sums.prepared_sums import KernelSum
from fastdens.reference import kernel_sums as reference


def forms(d, random):
    axes = np.sqrt(d) * (0.4 + 0.1 * random.random(d))
    tilt = random.normal(size=(d, d)) / (8 * d)
    return [0.45 * np.sqrt(d), axes, np.diag(axes**2) + tilt @ tilt.T]


@pytest.mark.parametrize("d", [3, 4, 10, 50])
@pytest.mark.parametrize("n", [1, 63, 64, 200, 700])
def test_agrees_with_differences_in_extended_precision(d, n, instruction_set, random):
    X, Q = random.normal(size=(n, d)) + 1e6, random.normal(size=(70, d)) + 1e6
    w = random.random(n) + 0.1
    for h in forms(d, random)[:2]:
        z = (Q[:, None].astype(np.longdouble) - X) / h
        terms = np.exp(-(z**2).sum(axis=2) / 2)
        found = fd.kernel_sum(X, Q, bandwidth=h, algorithm="direct")
        np.testing.assert_allclose(found, terms.sum(axis=1).astype(float), rtol=1e-12)
        found = fd.kernel_sum(X, Q, bandwidth=h, weights=w, algorithm="direct")
        np.testing.assert_allclose(found, (terms @ w).astype(float), rtol=1e-12)


def test_every_form_of_bandwidth_and_values(instruction_set, random):
    X, Q, v = random.normal(size=(300, 6)), random.normal(size=(70, 6)), random.normal(size=(300, 2))
    for h in forms(6, random):
        for options in ({}, {"values": v}, {"log": True}):
            found = fd.kernel_sum(X, Q, bandwidth=h, **options)
            expected = reference.kernel_sum(X, Q, bandwidth=h, **options)
            np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


def test_far_queries_and_far_points_take_differences(instruction_set, random):
    X, Q = random.normal(size=(200, 5)), random.normal(size=(80, 5))
    Q[7], Q[8], Q[50] = 40.0, 1e200, 300.0
    found = fd.kernel_sum(X, Q, bandwidth=1.0, log=True)
    rows = np.delete(np.arange(80), 8)
    np.testing.assert_allclose(found[rows], reference.kernel_sum(X, Q[rows], bandwidth=1.0, log=True), rtol=1e-12)
    X[3] = 1e8  # the points' radius exceeds what keeps its digits
    products = scalar_products.ScalarProducts(X, Bandwidth.of(1.0, X.shape[1]))
    assert not products.keeps_digits
    found = fd.kernel_sum(X, Q[:7].repeat(10, axis=0), bandwidth=1.0)
    np.testing.assert_allclose(found, reference.kernel_sum(X, Q[:7], bandwidth=1.0).repeat(10), rtol=1e-12)


def test_bounds_hold_at_the_edge_of_what_is_taken(instruction_set, random):
    d = 20
    X = random.normal(size=(500, d))
    for h in (0.35, 0.5, 0.8):
        z = (X[:90, None].astype(np.longdouble) - X) / h
        expected = np.exp(-(z**2).sum(axis=2) / 2).sum(axis=1).astype(float)
        np.testing.assert_allclose(fd.kernel_sum(X, X[:90], bandwidth=h), expected, rtol=1e-12)


def test_leaves_one_out(instruction_set, random):
    X = random.normal(size=(150, 4))
    prepared = KernelSum(X, KERNELS["gaussian"], 1.0)
    found = prepared.evaluate(X, own=np.arange(150))
    np.testing.assert_allclose(found, reference.kernel_sum(X, bandwidth=1.0) - 1, rtol=1e-11)
    np.testing.assert_array_equal(found, prepared.evaluate(X, own=np.arange(150), n_threads=2))


def test_a_fitted_model_keeps_its_own_points(random):
    X = random.normal(size=(100, 5))
    before, queries = X.copy(), random.normal(size=(70, 5))
    model = fd.KernelDensity(bandwidth=1.0).fit(X)
    X[:] = 9.0
    np.testing.assert_array_equal(
        model.score_samples(queries), fd.KernelDensity(bandwidth=1.0).fit(before).score_samples(queries)
    )

"""Guarantees of kernel sums: tolerances, bounds, plans; a slice of the study of random problems in 80 bits."""

import sys
from pathlib import Path

import numpy as np
import pytest

import fastdens as fd
from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.kernel_sums.prepared_sums import KernelSum
from fastdens.reference import kernel_sums as reference

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks" / "studies"))
import certificates

extended = pytest.mark.skipif(
    np.finfo(np.longdouble).nmant < 63, reason="long doubles are no wider than doubles on this platform"
)


@extended
@pytest.mark.parametrize("first", range(0, 600, 100))
def test_no_guarantee_is_broken(first):
    broken = [line for seed in range(first, first + 50) for line in certificates.broken_guarantees(seed)[0]]
    with certificates.small_problems_as_large_ones():
        broken += [line for seed in range(first + 50, first + 100) for line in certificates.broken_guarantees(seed)[0]]
    broken += [line for seed in range(first, first + 50) for line in certificates.broken_boundary(seed)]
    assert not broken


def test_a_point_at_the_edge_of_reach_keeps_its_digits():
    """1 - u^2 of a distance one part in 1e12 below the bandwidth, against fractions."""
    from fractions import Fraction

    x, q, h = 0.1, 0.1 + 0.7 * (1 - 1e-12), 0.7
    exact = 1 - (Fraction(q) - Fraction(x)) ** 2 / Fraction(h) ** 2
    assert 0 < exact < 1e-11
    for X in ([[x]], [[x], [x], [5.0]]):
        found = fd.kernel_sum(X, [[q]], bandwidth=h, kernel="epanechnikov")
        np.testing.assert_allclose(found, float(exact) * (len(X) if len(X) == 1 else 2), rtol=1e-13)
        found = fd.kernel_sum(X, [[q]], bandwidth=h, kernel="triweight", log=True)
        np.testing.assert_allclose(found, np.log(float(exact) ** 3 * (len(X) if len(X) == 1 else 2)), rtol=1e-14)


@pytest.mark.parametrize("kernel", list(KERNELS))
def test_bounds_enclose_and_are_narrow(random, kernel):
    X, Q, weights = random.normal(size=(500, 2)), random.normal(size=(50, 2)), random.random(500)
    found, lower, upper = fd.kernel_sum(X, Q, bandwidth=0.8, kernel=kernel, weights=weights, return_bounds=True)
    np.testing.assert_array_equal(found, fd.kernel_sum(X, Q, bandwidth=0.8, kernel=kernel, weights=weights))
    assert ((lower <= found) & (found <= upper)).all()
    assert (upper - lower <= 1e-12 * found).all()


def test_bounds_of_signed_sums_of_float32_and_of_logarithms(random):
    X, Q, values = random.normal(size=(300, 1)), random.normal(size=(20, 1)), random.normal(size=(300, 2))
    found, lower, upper = fd.kernel_sum(X, Q, bandwidth=0.3, values=values, return_bounds=True)
    of_reference = reference.kernel_sum(X, Q, bandwidth=0.3, values=values)
    assert found.shape == (20, 2)
    assert ((lower <= of_reference) & (of_reference <= upper)).all()
    assert (upper - lower < 1e-9).all()
    one_column = fd.kernel_sum(X, Q, bandwidth=0.3, values=values[:, 0], return_bounds=True)
    assert [array.shape for array in one_column] == [(20,)] * 3
    X32, Q32 = X.astype(np.float32), Q.astype(np.float32)
    of_float = fd.kernel_sum(X32, Q32, bandwidth=0.3, return_bounds=True)
    exact = fd.kernel_sum(X32.astype(float), Q32.astype(float), bandwidth=0.3)
    assert all(array.dtype == np.float32 for array in of_float)
    assert ((of_float[1] <= exact) & (exact <= of_float[2])).all()
    logs, lower, upper = fd.kernel_sum(X, Q + 1e6, bandwidth=0.3, log=True, return_bounds=True)
    assert (np.isfinite(logs) & (lower < logs) & (logs < upper)).all()
    assert (upper - lower < 1e-14 * np.abs(logs)).all()


def test_bounds_of_log_densities(random):
    X = random.normal(size=(200, 1))
    model = fd.KernelDensity(bandwidth=0.4, kernel="cosine").fit(X)
    found, lower, upper = model.score_samples(X[:7], return_bounds=True)
    np.testing.assert_array_equal(found, model.score_samples(X[:7]))
    assert ((lower < found) & (found < upper) & (upper - lower < 1e-11)).all()
    single = fd.KernelDensity(bandwidth=0.4).fit(X.astype(np.float32))
    assert all(
        array.dtype == np.float32 for array in single.score_samples(X[:7].astype(np.float32), return_bounds=True)
    )


def test_leaving_out_by_boxes(random):
    X = np.append(random.normal(size=(2000, 1)), [[50.0], [50.0], [99.0]], axis=0)
    weights = random.random(2003)
    own = np.arange(2003)
    own[::7] = -1
    for log in (False, True):
        prepared = KernelSum(X, KERNELS["gaussian"], 0.3, weights)
        direct, grid = (prepared.evaluate(X, own=own, log=log, algorithm=a) for a in ("direct", "fast_gauss"))
        np.testing.assert_allclose(grid, direct, rtol=1e-11, atol=1e-300)


def test_sums_far_from_all_points_through_a_tree(random):
    X = np.repeat(random.normal(size=(300, 2)), 2, axis=0)
    X[:10] += 40.0
    weights = 10.0 ** random.uniform(-6, 6, 600)
    weights[::5] = 0.0
    own = np.arange(600)
    own[::3] = -1
    prepared = KernelSum(X, KERNELS["gaussian"], np.array([0.05, 0.02]), weights)
    with certificates.small_problems_as_large_ones():
        found = prepared.evaluate(X, own=own, log=True, algorithm="fast_gauss")
        far = prepared.evaluate(1e3 + X, log=True, algorithm="fast_gauss")
        alone = KernelSum(X[:1], KERNELS["gaussian"], 1.0).evaluate(
            X[:1], own=np.zeros(1, dtype=np.intp), log=True, algorithm="fast_gauss"
        )
    np.testing.assert_allclose(found, prepared.evaluate(X, own=own, log=True, algorithm="direct"), rtol=1e-11)
    np.testing.assert_allclose(far, prepared.evaluate(1e3 + X, log=True, algorithm="direct"), rtol=1e-13)
    assert alone == -np.inf


def test_plans_tell_the_route_and_why_not_the_others(random):
    X = random.normal(size=(100_000, 1))
    plan = fd.plan(X, bandwidth=0.1)
    assert plan.route == "fast_gauss"
    assert set(plan.others) >= {"direct", "sorted"}
    assert isinstance(plan.others["sorted"], str)
    text = plan.explain()
    assert text.startswith("route: fast_gauss")
    assert "not direct: expected to take" in text
    assert fd.plan(X[:10], bandwidth=0.1).route == "direct"
    assert fd.plan(X, bandwidth=0.1, kernel="cosine").route == "sorted"
    assert fd.plan(X, bandwidth=0.1, algorithm="direct").route == "direct"
    model = fd.KernelDensity(bandwidth=0.1, rtol=1e-3).fit(X)
    assert model.plan(X).rtol == 1e-3
    with pytest.raises(ValueError, match="X"):
        fd.plan([[np.nan]], bandwidth=1.0)
    with pytest.raises(ValueError, match="algorithm='sorted' cannot be used here"):
        fd.plan(X, bandwidth=0.1, algorithm="sorted")

"""Gaussian sums on a line by blocks of unsorted points: the route of many points in few boxes."""

import numpy as np
import pytest

import fastdens as fd
from fastdens.kernel_sums.fast_gauss import _box_lines as compiled
from fastdens.kernel_sums.fast_gauss import box_sums
from fastdens.kernel_sums.fast_gauss.box_sums import BoxTransform
from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.kernel_sums.prepared_sums import KernelSum

SEVERAL_BLOCKS = 2 * compiled.POINTS_PER_BLOCK + 77


@pytest.fixture
def blocks_used(monkeypatch):
    """Counts how often the route is taken."""
    calls = []
    before = BoxTransform._evaluate_in_blocks

    def counted(self, *arguments):
        calls.append(1)
        return before(self, *arguments)

    monkeypatch.setattr(BoxTransform, "_evaluate_in_blocks", counted)
    return calls


def direct(X, Q, h, weights=None, log=False):
    return fd.kernel_sum(X, Q, bandwidth=h, weights=weights, algorithm="direct", log=log)


@pytest.mark.parametrize("weighted", [False, True])
def test_every_instruction_set(weighted, instruction_set, blocks_used, random):
    X, Q = random.normal(size=(3001, 1)), random.normal(size=(999, 1))
    weights = 10.0 ** random.uniform(-6, 6, len(X)) if weighted else None
    for h, rtol in ((0.3, 0), (0.3, 1e-6), (5.0, 0)):
        found = fd.kernel_sum(X, Q, bandwidth=h, weights=weights, rtol=rtol, algorithm="fast_gauss")
        np.testing.assert_allclose(found, direct(X, Q, h, weights), rtol=max(rtol, 1e-12))
    assert len(blocks_used) == 3


@pytest.mark.parametrize("weighted", [False, True])
def test_bits_do_not_depend_on_the_number_of_threads(weighted, blocks_used, random):
    X, Q = random.normal(size=(SEVERAL_BLOCKS, 1)), 2 * random.normal(size=(SEVERAL_BLOCKS - 9, 1))
    weights = random.random(len(X)) if weighted else None
    results = [
        fd.kernel_sum(X, Q, bandwidth=0.2, weights=weights, algorithm="fast_gauss", log=True, n_threads=t)
        for t in (1, 2, 7)
    ]
    assert results[0].tobytes() == results[1].tobytes() == results[2].tobytes()
    assert len(blocks_used) == 3
    some = slice(None, None, 997)
    np.testing.assert_allclose(results[0][some], direct(X, Q[some], 0.2, weights, log=True), rtol=1e-12, atol=1e-12)


def test_the_same_as_with_sorted_boxes(blocks_used, tuned, random):
    """Bounds too: those of the same boxes, but for rounding."""
    X, Q = random.standard_t(3, size=(20_000, 1)), random.standard_t(3, size=(5_000, 1))
    transform = BoxTransform(X, np.array([0.7]), None, 1.0, 16, 1e-20, None)
    assert transform.covers(Q)
    found, bounds = transform.evaluate(Q, 1e-12, 0.0)
    tuned(box_sums.MOST_BOXES_OF_BLOCKS, 0)
    wanted, wanted_bounds = transform.evaluate(Q, 1e-12, 0.0)
    assert len(blocks_used) == 1
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    # Another bound only where a sum within rounding of the tolerance fell to the other side.
    assert (np.abs(bounds - wanted_bounds) > 1e-6 * wanted_bounds).mean() < 1e-3


def test_queries_in_tails_are_summed_over_the_points_near_them(blocks_used, random):
    X = np.concatenate([random.normal(size=30_000), 9 + 0.1 * random.normal(size=3)])[:, None]
    Q = np.concatenate([random.normal(size=2000), np.linspace(3, 12, 200), [40.0, -40.0]])[:, None]
    weights = 10.0 ** random.uniform(-3, 3, len(X))
    for w in (None, weights):
        found = fd.kernel_sum(X, Q, bandwidth=0.4, weights=w, algorithm="fast_gauss", log=True)
        np.testing.assert_allclose(found, direct(X, Q, 0.4, w, log=True), rtol=1e-12, atol=1e-12)
    assert len(blocks_used) == 2


def test_where_every_query_fails(blocks_used, random):
    X = random.normal(size=(4000, 1))
    transform = BoxTransform(X, np.array([0.5]), None, 2.0, 8, 1e-20, None)
    sums, bounds = transform.evaluate(X, 1e-12, 0.0)
    assert blocks_used
    np.testing.assert_allclose(sums[bounds >= 0], direct(X, X, 0.5)[bounds >= 0], rtol=1e-12)
    assert (bounds >= 0).mean() > 0.9


def test_ties_and_edges_of_boxes(blocks_used, random):
    X = random.integers(-6, 7, size=(9000, 1)) * 0.25
    for Q in (X, np.nextafter(X, 9), np.nextafter(X, -9)):
        found = fd.kernel_sum(X, Q[:1500], bandwidth=0.25, algorithm="fast_gauss")
        np.testing.assert_allclose(found, direct(X, Q[:1500], 0.25), rtol=1e-12)
    same = np.full((5000, 1), 3.0)
    np.testing.assert_allclose(fd.kernel_sum(same, bandwidth=0.1, algorithm="fast_gauss"), 5000.0, rtol=1e-13)
    assert len(blocks_used) == 4


def test_leave_one_out(blocks_used, random):
    X = random.normal(size=(5000, 1))
    own = np.arange(len(X))
    for weights in (None, random.random(len(X))):
        sums = KernelSum(X, KERNELS["gaussian"], 0.3, weights)
        grid, by_pairs = (sums.evaluate(X, own=own, log=True, algorithm=route) for route in ("fast_gauss", "direct"))
        np.testing.assert_allclose(grid, by_pairs, rtol=1e-12, atol=1e-12)
    assert len(blocks_used) == 2


def test_data_shifted_far_and_single_precision(blocks_used, random):
    X = np.round(random.normal(size=(6000, 1)) * 2**18) / 2**18
    near = fd.kernel_sum(X, bandwidth=0.25, algorithm="fast_gauss")
    np.testing.assert_allclose(fd.kernel_sum(X + 2**33, bandwidth=0.25, algorithm="fast_gauss"), near, rtol=1e-12)
    single = fd.kernel_sum(X.astype(np.float32), bandwidth=0.25, algorithm="fast_gauss")
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, near, rtol=1e-6)
    assert len(blocks_used) == 3


def test_outliers_far_off_go_another_way(blocks_used, random):
    X = np.append(random.normal(size=20_000), [1e15, -1e15])[:, None]
    found = fd.kernel_sum(X, X[-500:], bandwidth=0.2, algorithm="fast_gauss")
    np.testing.assert_allclose(found, direct(X, X[-500:], 0.2), rtol=1e-12)
    assert not blocks_used


def test_bounds_hold(blocks_used, random):
    X, Q = random.normal(size=(3000, 1)), 3 * random.normal(size=(300, 1))
    exact = np.exp(-0.5 * ((Q - X.T).astype(np.longdouble) / np.longdouble(0.3)) ** 2).sum(axis=1)
    for rtol in (0, 1e-3):
        value, low, high = fd.kernel_sum(X, Q, bandwidth=0.3, rtol=rtol, algorithm="fast_gauss", return_bounds=True)
        assert (low <= exact).all()
        assert (exact <= high).all()
        assert (low <= value).all()
        assert (high - low <= 4 * max(rtol, 1e-12) * exact + 1e-290).all()
    assert blocks_used

"""Boxes in bounded memory: tiles and windows give what one tile gives, and a call takes little beside its data."""

import tracemalloc

import numpy as np
import pytest
from subprocesses import run_python

import fastdens as fd
from fastdens.kernel_sums.fast_gauss import box_passes, box_sums
from fastdens.kernel_sums.fast_gauss import boxes as boxes_module
from fastdens.kernel_sums.fast_gauss.box_sums import BoxTransform
from fastdens.kernel_sums.fast_gauss.boxes import Boxes

MEGABYTE = 1e6


def shapes(n, d):
    """Points and queries: a cloud, flat along each axis, far apart, clusters far apart, heavy tails."""
    random = np.random.default_rng(7)
    yield "cloud", *random.normal(size=(2, n, d)) * 6
    for axis in range(d):
        lengths = np.full(d, 120.0)
        lengths[axis] = 1.0
        yield f"flat {axis}", *random.uniform(0, lengths, (2, n, d))
    yield "far apart", *random.uniform(0, 1e5, (2, n, d))
    centres = random.uniform(0, 1e6, (40, d))
    yield "clusters", *(centres[random.integers(0, 40, (2, n))] + 2 * random.normal(size=(2, n, d)))
    yield "heavy tails", *random.standard_t(1, (2, n, d)) * 3


@pytest.mark.parametrize("d", [1, 2, 3])
def test_every_shape_agrees_with_direct_sums(d):
    for name, X, Q in shapes(4000, d):
        queries = Q[:300]
        found = fd.kernel_sum(X, queries, bandwidth=1.0, rtol=1e-9, algorithm="fast_gauss", log=True)
        direct = fd.kernel_sum(X, queries, bandwidth=1.0, algorithm="direct", log=True)
        np.testing.assert_allclose(found, direct, rtol=0, atol=2e-9, err_msg=name)


@pytest.fixture
def only_boxes(tuned):
    """No box is summed point by point because that is cheaper."""
    tuned(box_sums.GATHER_NS, 1e12)


@pytest.mark.parametrize("d", [2, 3])
def test_tiles_give_the_same_bits_as_one(d, only_boxes, tuned):
    """However small the ring: cut along every axis, down to single columns of boxes."""
    for name, X, Q in shapes(700 if d == 2 else 250, d):
        widths = np.ones(d)
        results = []
        for most_numbers, most_targets, at_once in (
            (1 << 24, 1 << 20, 3),
            (1 << 17, 1 << 20, 3),
            (1, 50, 1),
            (1, 1, 3),
        ):
            tuned(box_passes.MOST_NUMBERS, most_numbers)
            tuned(box_passes.FEWEST_NUMBERS, 1)
            tuned(box_passes.NUMBERS_PER_COORDINATE, 0.0 if most_numbers < 1 << 24 else 1.25)
            tuned(box_passes.MOST_TARGETS, most_targets)
            tuned(box_passes.SLABS_AT_ONCE, at_once)
            transform = BoxTransform(X, widths, None, 1.5, 12, 1e-14, None)
            results.append(transform.evaluate(Q, 1e-6, 0.0))
        for sums, bounds in results[1:]:
            np.testing.assert_array_equal(sums, results[0][0], err_msg=name)
            np.testing.assert_array_equal(bounds, results[0][1], err_msg=name)


@pytest.mark.parametrize("d", [2, 3])
def test_boxes_and_points_agree(d, tuned, random):
    X, Q, w = random.normal(size=(3000, d)), 1.5 * random.normal(size=(500, d)), random.random(3000)
    results = []
    for cost in (0.0, 1e12):
        tuned(box_sums.GATHER_NS, cost)
        tuned(box_sums.NEAR_LINE_NS, cost)
        results.append(fd.kernel_sum(X, Q, bandwidth=0.5, weights=w, rtol=1e-10, algorithm="fast_gauss"))
    np.testing.assert_allclose(results[0], results[1], rtol=2e-10)
    direct = fd.kernel_sum(X, Q, bandwidth=0.5, weights=w, algorithm="direct")
    for found in results:
        np.testing.assert_allclose(found, direct, rtol=1e-10)


def test_neighbours_in_parts(tuned, random):
    boxes = Boxes(np.zeros(2), (30, 30), table=False)
    keys, offsets = np.unique(random.integers(0, 900, 200)), np.arange(-3, 4)
    together = boxes.dilated(keys, 1, offsets)
    tuned(boxes_module.KEYS_AT_ONCE, 7)
    np.testing.assert_array_equal(boxes.dilated(keys, 1, offsets), together)
    expected = {x + 30 * (y + o) for x, y in zip(keys % 30, keys // 30) for o in offsets if 0 <= y + o < 30}
    assert set(together) == expected
    assert boxes.dilated(keys[:0], 1, offsets).size == 0


@pytest.mark.parametrize("d", [1, 2, 3])
def test_a_call_takes_little_beside_its_data(d):
    """All expansions at once took hundreds of megabytes: 18 KB a box in three dimensions, whatever it holds."""
    for name, X, Q in shapes(10_000, d):
        tracemalloc.start()
        fd.kernel_sum(X, Q, bandwidth=1.0, rtol=1e-5, algorithm="fast_gauss", log=True)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 3 * (X.nbytes + Q.nbytes) + 72 * MEGABYTE, f"{name}: {peak / MEGABYTE:.0f} MB"


def test_the_process_grows_by_little_beside_the_data():
    """Compiled buffers are not traced: what the operating system counts."""
    pytest.importorskip("resource")
    run_python(
        """
import resource, sys
import numpy as np
import fastdens as fd
if sys.platform == "darwin":
    raise SystemExit  # peaks are in other units
random = np.random.default_rng(0)
X, Q = random.normal(size=(2, 200_000, 3))
fd.kernel_sum(X[:2000], Q[:2000], bandwidth=1.0, rtol=1e-5, algorithm="fast_gauss")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with fd.threads(2):
    fd.kernel_sum(X, Q, bandwidth=0.175, rtol=1e-5, algorithm="fast_gauss", log=True)
grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
assert grown < 3 * (X.nbytes + Q.nbytes) + 64e6, f"{grown / 1e6:.0f} MB"
print(grown)
"""
    )

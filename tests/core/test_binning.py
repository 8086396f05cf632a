"""Cells of a grid: a search in the edges, np.histogram and np.histogramdd are the oracles, to the last row."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastdens as fd
from fastdens.core import _binning as compiled
from fastdens.core import binning
from fastdens.core.threads import WORTH_A_THREAD_NS
from fastdens.reference import binning as of_reference

LARGEST, SMALLEST = np.finfo(float).max, 5e-324


def around(edges: np.ndarray, n: int = 300) -> np.ndarray:
    """Values on the edges, one step below and above, both zeros, the ends of all numbers, and some in between."""
    with np.errstate(over="ignore"):
        steps = [edges, *(np.nextafter(edges, to) for to in (-np.inf, np.inf)), [0.0, -0.0, SMALLEST, -SMALLEST]]
    some = np.random.default_rng(0).uniform(0, 1, n)
    inside = edges[0] * (1 - some) + edges[-1] * some
    x = np.concatenate([*steps, [LARGEST, -LARGEST], inside])
    return x[np.isfinite(x)]


def check(X: np.ndarray, edges: list[np.ndarray]) -> None:
    """Cells against the reference, with the coarse and the fine guide table, and without one."""
    expected = of_reference.find_cells(X, edges)
    np.testing.assert_array_equal(binning.find_cells(X, edges), expected)
    np.testing.assert_array_equal(binning.find_cells(X[:3].copy(), edges), expected[:3])
    many = max(1, 9 * max(map(len, edges)) // len(X) + 1)  # rows enough for the finest guide table
    np.testing.assert_array_equal(binning.find_cells(np.tile(X, (many, 1)), edges), np.tile(expected, many))


GRIDS = {
    "one bin": [0.0, 1.0],
    "equal": np.linspace(-0.3, 4.1, 47),
    "tenths": np.arange(101) / 10,
    "far from zero": np.unique(1e15 + np.linspace(-0.3, 4.1, 40)),
    "whole numbers": np.arange(-5.0, 12),
    "thirds of small numbers": np.linspace(-1e-300, 1e-300, 50) / 3,
    "subnormal": np.arange(9) * SMALLEST,
    "one subnormal bin": [0.0, SMALLEST],
    "subnormal about zero": np.arange(-4, 5) * SMALLEST,
    "neighbouring numbers": [1.0, np.nextafter(1, 2), 1 + 4e-16, 2.0],
    "huge": np.linspace(-8e307, 8e307, 33),
    "all numbers above zero": [0.0, 1.0, LARGEST],
    "all numbers below zero": [-LARGEST, -1.0, 0.0],
    "one bin as wide as can be": [-LARGEST / 2, LARGEST / 2.0000001],
    "one bin, wider by half a step than numbers are": [-(2.0**970), np.nextafter(LARGEST, 0)],
    "many bins, as wide": [-(2.0**970), *np.linspace(0, 1e308, 20), np.nextafter(LARGEST, 0)],
    "geometric": np.geomspace(1e-300, 1e300, 200),
    "geometric with ends": [-1e300, *np.geomspace(1e-320, 1e-3, 100), 7.0],
    "an outlier": [*np.linspace(0, 1, 60), 1e16],
    "a dense pack in the middle": [-1e6, *(np.arange(300) * 1e-9), 1e6],
    "zero inside": [-1.0, -0.0, 1.0],
    "one bin, negative": [-3.0, -2.0],
}


@pytest.mark.parametrize("grid", GRIDS)
def test_cells_are_those_of_a_search_in_the_edges(grid):
    edges = np.array(GRIDS[grid], dtype=float)
    check(around(edges)[:, None], [edges])


@pytest.mark.parametrize("n_bins", [1, 2, 3, 7, 255, 256, 257, 1000, 65535, 65536])
@pytest.mark.parametrize("scale", [1.0, 0.1, 1e-310, 1e290, 3.3e7])
def test_equal_bins_of_any_number_and_width(n_bins, scale):
    edges = np.unique(np.linspace(-0.7 * scale, 1.1 * scale, n_bins + 1))
    check(around(edges, 10)[:, None], [edges])


def test_a_million_bins():
    edges = np.linspace(-3, 5, 10**6 + 1)
    x = around(edges, 10**6)
    cells = binning.find_cells(x[:, None], [edges])
    np.testing.assert_array_equal(cells, of_reference.find_cells(x[:, None], [edges]))
    np.testing.assert_array_equal(binning.sum_cells(cells, 10**6), of_reference.sum_cells(cells, 10**6))


finite = st.floats(allow_nan=False, allow_infinity=False)
ordinary = st.floats(-10, 10).map(lambda value: round(value, 1))
near_one = st.integers(0, 40).map(lambda steps: 1 + steps * 2.0**-52)


@given(
    st.lists(st.one_of(finite, ordinary, near_one, st.integers(-9, 9).map(float)), min_size=2, max_size=40),
    st.lists(st.one_of(finite, ordinary, near_one), max_size=40),
)
def test_any_edges_and_values(edges, values):
    e = np.unique(np.array(edges))
    e = e[(e >= -LARGEST / 4) & (e <= LARGEST / 4)]
    if len(e) >= 2:
        check(np.append(around(e, 20), values)[:, None], [e])


@given(st.floats(-1e9, 1e9), st.floats(1e-9, 1e9), st.integers(1, 500), st.integers(0, 2**32 - 1))
def test_equal_bins_anywhere(start, width, n_bins, seed):
    edges = np.unique(np.linspace(start, start + width, n_bins + 1))
    if len(edges) >= 2:
        x = np.append(around(edges), np.random.default_rng(seed).normal(start, width, 500))
        check(x[:, None], [edges])


@pytest.mark.parametrize("d", [1, 2, 3, 5])
@pytest.mark.parametrize("weighted", [False, True])
def test_sums_are_those_of_histogramdd(d, weighted, random):
    X = random.normal(size=(70_001, d))
    edges = [np.linspace(-2, 2, 6), [-3, -1, 0, 0.1, 2], np.geomspace(0.1, 4, 4), np.arange(-2, 3), [-1, 1]]
    edges = [np.array(e, dtype=float) for e in edges]
    w = random.exponential(size=len(X)) if weighted else None
    expected, _ = np.histogramdd(X, edges[:d], weights=w)
    cells = binning.find_cells(X, edges[:d])
    found = binning.sum_cells(cells, expected.size, w)
    (np.testing.assert_allclose if weighted else np.testing.assert_array_equal)(found[:-1], expected.ravel())
    assert found[-1] == pytest.approx((len(X) if w is None else w.sum()) - expected.sum())
    values = random.normal(size=expected.size + 1)
    np.testing.assert_array_equal(binning.take_values(values, cells), of_reference.take_values(values, cells))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.int8])
@pytest.mark.parametrize("bins", [5, [-7.0, -2, 0, 1, 3, 9]])
def test_numpys_histogram_of_every_type(dtype, bins, random):
    x = np.clip(np.round(random.normal(scale=3, size=5000)), -7, 9).astype(dtype)
    counts, edges = np.histogram(x.astype(float), bins)
    model = fd.Histogram(bins).fit(x[:, None])
    np.testing.assert_array_equal(model.edges_[0], edges)
    np.testing.assert_array_equal(model.mass_, counts / counts.sum())
    log_density = np.log(model.density_)[np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(counts) - 1)]
    scores = model.score_samples(x[:, None])
    assert scores.dtype == (np.float32 if dtype == np.float32 else np.float64)
    np.testing.assert_allclose(scores, log_density, rtol=max(1e-13, np.finfo(scores.dtype).eps / 2))
    np.testing.assert_array_equal(model.score_samples(x[:3, None]), model.score_samples(x[:, None])[:3])


@pytest.mark.parametrize("n_bins", [3, 2000])
def test_the_same_for_any_number_of_threads(n_bins, random, tuned):
    tuned(WORTH_A_THREAD_NS, 0.0)
    tuned(binning.ROWS_PER_SUM, 1)
    X = random.normal(size=(300_007, 2))
    edges, w = [np.linspace(-2, 2, n_bins + 1), np.array([-1.0, 0, 3])], random.exponential(size=len(X))
    results = []
    for n_threads in (1, 2, 7):
        cells = binning.find_cells(X, edges, n_threads)
        sums = [binning.sum_cells(cells, 2 * n_bins, weights, n_threads) for weights in (None, w)]
        results.append([cells, *sums, binning.take_values(sums[1], cells, n_threads)])
    for result in results[1:]:
        for ours, first in zip(result, results[0]):
            np.testing.assert_array_equal(ours, first)
    np.testing.assert_array_equal(results[0][1], of_reference.sum_cells(results[0][0], 2 * n_bins))


def test_one_block_longer_than_the_way_between_two_looks_for_ctrl_c():
    cells = np.tile(np.arange(7, dtype=np.uint8), 700_000)
    sums = np.zeros((1, 1, 8), dtype=np.int64)
    binning.run_blocks(compiled.sum_cells, 1, 1, 0.0, (cells, None, len(cells), sums))
    np.testing.assert_array_equal(sums.ravel(), [700_000] * 7 + [0])


# --- leave-one-out scores are made when asked for ---------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_copies_hold_the_leave_one_out_scores(weighted, random, tmp_path):
    X, w = random.normal(size=(500, 1)), random.exponential(size=500) if weighted else None
    with pytest.warns(UserWarning, match="lie outside the bins"):
        model = fd.Histogram([-1.0, 0, 0.2, 3]).fit(X, sample_weight=w)
    expected = model.loo_score_samples()
    fd.save(model, tmp_path / "model")
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), fd.load(tmp_path / "model")):
        np.testing.assert_array_equal(other.loo_score_samples(), expected)
        other.loo_score_samples()[:] = 0
        np.testing.assert_array_equal(other.loo_score_samples(), expected)
        with pytest.warns(UserWarning, match="lie outside the bins"):
            other.fit(X[:100])
        assert other.loo_score_samples().shape == (100,)


def test_leave_one_out_scores_do_not_follow_changes_of_the_data(random):
    X, w = random.normal(size=(500, 1)), random.exponential(size=500)
    model = fd.Histogram(9).fit(X, sample_weight=w)
    expected = model.loo_score_samples()
    X[:], w[:] = 0.0, 1.0
    np.testing.assert_array_equal(model.loo_score_samples(), expected)

"""Passes over large arrays are made in pieces: Ctrl-C is answered between any two, and no temporary is as large."""

import os
import signal
import tracemalloc
import zlib

import numpy as np
import pytest

import fastdens as fd
from fastdens.core import sorting
from fastdens.core._checks import find_non_finite, find_non_finite_float
from fastdens.core.exact_sums import AT_ONCE
from fastdens.core.threads import NUMBERS_IN_PIECE, pieces
from fastdens.tasks import persistence

LARGE = 4 * NUMBERS_IN_PIECE + 17


def most_memory(job):
    tracemalloc.start()
    try:
        job()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_pieces_cover_everything_once():
    for n in (0, 1, NUMBERS_IN_PIECE, LARGE):
        parts = list(pieces(n))
        assert sum(part.stop - part.start for part in parts) == n
        assert all(0 < part.stop - part.start <= NUMBERS_IN_PIECE for part in parts)
        assert [part.start for part in parts[1:]] == [part.stop for part in parts[:-1]]


def test_total_variation_adds_terms_by_pieces(random):
    p, q = (a / a.sum() for a in random.random((2, LARGE)))
    assert most_memory(lambda: fd.total_variation(p, q)) < 8 * LARGE / 4
    heads = np.abs(p - q)
    assert fd.total_variation(p, q) == pytest.approx(0.5 * heads.sum(), rel=1e-12)


def test_sums_over_many_pieces_are_rounded_once(random):
    import math

    from fastdens.core.exact_sums import rounded_sums

    for n in (AT_ONCE, AT_ONCE + 1, 3 * AT_ONCE + 5):
        numbers = random.normal(size=n) * 2.0 ** random.integers(-40, 40, n)
        assert float(rounded_sums(numbers, np.zeros(n))) == math.fsum(numbers.tolist())
    # 1 + 2^-53 is halfway between two doubles: only the numbers themselves, one by one, say which is right.
    halfway = np.zeros(2 * AT_ONCE + 3)
    halfway[[0, AT_ONCE, -1]] = 1.0, 2.0**-53, 2.0**-150
    assert float(rounded_sums(halfway, np.zeros(len(halfway)))) == 1.0 + 2.0**-52


@pytest.mark.parametrize("kind", ["normal", "rounded", "equal", "wide", "negative zeros"])
def test_order_statistics_of_many_numbers(kind, random, tuned):
    x = random.normal(size=60_000)
    if kind == "rounded":
        x = x.round(1)
    elif kind == "equal":
        x[:] = -3.0
    elif kind == "wide":
        x = np.sign(x) * 10.0 ** random.uniform(-320, 308, len(x))
    elif kind == "negative zeros":
        x = np.where(x > 0, 0.0, -0.0)
    tuned(sorting.MOST_SELECTED_BY_NUMPY, 10)
    places = [0, 1, 100, 29_999, 30_000, 59_999, 100]
    np.testing.assert_array_equal(sorting.order_statistics(x, places), np.sort(x)[places])


def test_order_statistics_of_many_numbers_take_little_memory(random):
    x = random.normal(size=sorting.MOST_SELECTED_BY_NUMPY.value * 2)
    places = [len(x) // 4, len(x) // 4 + 1]
    assert most_memory(lambda: sorting.order_statistics(x, places)) < x.nbytes
    np.testing.assert_array_equal(sorting.order_statistics(x, places), np.partition(x, places)[places])


def test_bins_of_many_rows_take_little_memory(random):
    X = random.normal(size=(sorting.MOST_SELECTED_BY_NUMPY.value * 2, 1))
    assert most_memory(lambda: fd.bin_edges(X[:, 0], "auto")) < X.nbytes


class Interruption(Exception):
    pass


@pytest.fixture
def interrupted_at(monkeypatch):
    """Sends a signal at the k-th call of a function; the handler raises."""
    before = signal.signal(signal.SIGINT, lambda *_: (_ for _ in ()).throw(Interruption()))
    calls = []

    def install(module, name, k):
        function = getattr(module, name)

        def counted(*arguments, **named):
            calls.append(name)
            if len(calls) == k:
                os.kill(os.getpid(), signal.SIGINT)
            return function(*arguments, **named)

        monkeypatch.setattr(module, name, counted)
        return calls

    yield install
    signal.signal(signal.SIGINT, before)


def test_an_interrupted_sum_ends_within_a_piece(interrupted_at, random):
    from fastdens.core import exact_sums

    p, q = (a / a.sum() for a in random.random((2, 40 * AT_ONCE)))
    calls = interrupted_at(exact_sums, "_sum_in_pairs", 3)
    with pytest.raises(Interruption):
        fd.total_variation(p, q)
    assert len(calls) <= 4


def test_an_interrupted_fit_ends_within_a_run_of_rows(interrupted_at, random):
    from fastdens.models.gaussian import moments

    X = random.normal(size=(50 * moments.NUMBERS_IN_RUN, 1))
    calls = interrupted_at(moments, "_weighted_sum", 5)
    with pytest.raises(Interruption):
        fd.Gaussian().fit(X)
    assert len(calls) <= 6


def test_files_are_written_and_checked_by_pieces(tmp_path, monkeypatch, random, tuned):
    tuned(persistence.BYTES_AT_ONCE, 1 << 12)
    sizes = []

    def crc32(data, value=0):
        sizes.append(memoryview(data).nbytes)
        return zlib.crc32(data, value)

    class Zlib:
        pass

    Zlib.crc32 = staticmethod(crc32)
    monkeypatch.setattr(persistence, "zlib", Zlib)
    model = fd.KernelDensity().fit(random.normal(size=(5000, 2)))
    fd.save(model, tmp_path / "model")
    loaded = fd.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.points_, model.points_)
    assert len(sizes) > 20
    assert max(sizes) <= 1 << 12


def test_an_interrupted_save_leaves_the_old_file(tmp_path, tuned, interrupted_at, random):
    tuned(persistence.BYTES_AT_ONCE, 1 << 12)
    path = tmp_path / "model"
    fd.save(fd.Gaussian().fit([[0.0], [2.0]]), path)
    calls = interrupted_at(persistence, "_write_through", 4)
    with pytest.raises(Interruption):
        fd.save(fd.KernelDensity().fit(random.normal(size=(20_000, 2))), path)
    assert len(calls) <= 5
    assert fd.load(path).mean_ == [1.0]
    assert [file.name for file in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize(("find", "dtype"), [(find_non_finite, np.float64), (find_non_finite_float, np.float32)])
def test_numbers_that_are_not_finite_are_found_in_any_piece(find, dtype):
    X = np.zeros((1, (1 << 24) * 2 + 3), dtype)
    assert find(X) == -1
    for place in (X.size - 1, (1 << 24) + 5, 1 << 24, (1 << 24) - 1, 0):
        X[0, place] = np.nan
        assert find(X) == place


@pytest.mark.parametrize("n", [5, 40_000])
def test_cells_are_numbered_as_by_numpys_unique(n, random):
    from fastdens.kernel_sums.compression import distinct

    for scale in (10.0, 1e12):
        keys = np.floor(random.normal(size=(n, 2)) * scale)
        expected = np.unique(keys[:, :1], return_inverse=True)[1].reshape(-1)
        np.testing.assert_array_equal(distinct(keys[:, :1]), expected)
        packed = np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)
        np.testing.assert_array_equal(distinct(keys), packed)

"""Sorting of numbers together with their places, on several threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastdens.core import _sorting as compiled
from fastdens.core.threads import pieces, run_blocks
from fastdens.core.tuning import Tunable

# Buckets small enough to be sorted in the cache, and not so many that the passes over them miss it.
NUMBERS_PER_BUCKET, MOST_BUCKETS = Tunable(1024), 2048
# Numbers of the sample per splitter: buckets are then rarely twice their mean size.
SAMPLED_PER_SPLITTER = 16
# Up to here numpy's sort is as fast.
FEW_NUMBERS = Tunable(1 << 14)
# Numpy's sort of numbers alone is two to three times as fast on one core as ours on two, but deaf to Ctrl-C: up to
# here it takes less than 0.2 s.
MOST_BY_NUMPY = Tunable(1 << 24)
# The same of its selection of a few.
MOST_SELECTED_BY_NUMPY = Tunable(1 << 22)
# Nanoseconds per number of each pass on one core, to decide whether threads are worth waking.
PASS_NS, SORT_NS = 5.0, 40.0


# Numbers are selected by this many bits of them at a time, the leading ones first.
BITS = 16


def order_statistics(x: np.ndarray, places: Sequence[int] | np.ndarray) -> np.ndarray:
    """The numbers at these places, from 0 on, of `x` in ascending order.

    For so many numbers that NumPy would take long: passes in pieces that count numbers by their leading bits, and go
    on with those that share theirs with a number looked for.
    """
    return _selected(x, np.asarray(places, dtype=np.intp), 64 - BITS)


def _selected(x: np.ndarray, places: np.ndarray, shift: int) -> np.ndarray:
    if len(x) <= MOST_SELECTED_BY_NUMPY.value or shift < 0:  # below the last bits all are equal
        return np.partition(x, places)[places]
    counts = np.zeros(1 << BITS, dtype=np.int64)
    for part in pieces(len(x)):
        counts += np.bincount(_bits(x[part], shift), minlength=len(counts))
    ends = np.cumsum(counts)
    theirs = np.searchsorted(ends, places, "right")
    results = np.empty(len(places))
    for bucket in np.unique(theirs):
        here = theirs == bucket
        shared = x
        if counts[bucket] < len(x):
            shared = np.concatenate([x[part][_bits(x[part], shift) == bucket] for part in pieces(len(x))])
        results[here] = _selected(shared, places[here] - (ends[bucket] - counts[bucket]), shift - BITS)
    return results


def _bits(x: np.ndarray, shift: int) -> np.ndarray:
    """Some of the bits of integers that are ordered as the numbers are."""
    bits = (x + 0.0).view(np.int64)  # no negative zeros
    ordered = np.where(bits < 0, ~bits, bits | np.int64(-(2**63))).view(np.uint64)
    return ((ordered >> np.uint64(shift)) & np.uint64((1 << BITS) - 1)).astype(np.intp)


class _Buckets:
    """Numbers distributed to buckets between sampled splitters, block by block in their order."""

    def __init__(self, x: np.ndarray, n_threads: int | None, order: np.ndarray | None) -> None:
        n = len(x)
        self.x, self.n_threads = x, n_threads
        self.n_buckets = min(MOST_BUCKETS, 1 << (n // NUMBERS_PER_BUCKET.value).bit_length())
        # Multiples of the golden section of n: a sample without regard to any period of the data.
        places = (np.arange(self.n_buckets * SAMPLED_PER_SPLITTER) * 0.6180339887498949) % 1.0 * n
        sample = np.sort(x[places.astype(np.intp)])
        splitters = np.full(self.n_buckets - 1, np.inf)
        distinct = np.unique(sample[SAMPLED_PER_SPLITTER::SAMPLED_PER_SPLITTER])
        splitters[: len(distinct)] = distinct
        self.n_blocks = -(-n // compiled.NUMBERS_PER_BLOCK)
        self.buckets = np.empty(n, dtype=np.int32)
        counts = np.empty((self.n_blocks, self.n_buckets), dtype=np.intp)

        def classify(queue: Any) -> None:
            compiled.classify(x, splitters, self.buckets, counts, queue)

        run_blocks(classify, self.n_blocks, n_threads, PASS_NS * n)
        by_bucket = np.cumsum(counts.T.ravel())
        self.starts = np.ascontiguousarray((by_bucket - counts.T.ravel()).reshape(self.n_buckets, self.n_blocks).T)
        self.values, starts = np.empty(n), self.starts.copy()

        def distribute(queue: Any) -> None:
            compiled.distribute(x, self.buckets, starts, self.values, order, queue)

        run_blocks(distribute, self.n_blocks, n_threads, PASS_NS * n)

    def sort(self, order: np.ndarray, from_here: bool) -> None:
        """Sort the numbers of each bucket, and `order` with them; it is to be the places in buckets if `from_here`."""
        bucket_starts = np.append(self.starts[0], len(self.x))

        def sort_buckets(queue: Any) -> None:
            compiled.sort_buckets(bucket_starts, self.values, order, from_here, queue)

        run_blocks(sort_buckets, self.n_buckets, self.n_threads, SORT_NS * len(self.x))

    def collect(self, values: np.ndarray) -> np.ndarray:
        out, starts = np.empty(len(values)), self.starts.copy()

        def work(queue: Any) -> None:
            compiled.collect(values, self.buckets, starts, out, queue)

        run_blocks(work, self.n_blocks, self.n_threads, PASS_NS * len(values))
        return out


def sort_with_places(x: np.ndarray, n_threads: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """`x` in ascending order and the place of each of its numbers in `x`; equal for any number of threads.

    `x` is one-dimensional float64, finite, with any strides.
    """
    if len(x) <= FEW_NUMBERS.value:
        order = np.argsort(x, kind="stable")
        return x[order], order
    order = np.empty(len(x), dtype=np.intp)
    buckets = _Buckets(np.ascontiguousarray(x), n_threads, order)
    buckets.sort(order, from_here=False)
    return buckets.values, order


class SortedNearby:
    """Numbers in ascending order, for work whose results go back without reaching across all of memory.

    Attributes
    ----------
    ascending : ndarray
    places : ndarray
        Where the result for each ascending number is to be written: near those of its neighbours.
    """

    def __init__(self, x: np.ndarray, n_threads: int | None = None) -> None:
        self._buckets: _Buckets | None = None
        if len(x) <= FEW_NUMBERS.value:
            self.ascending, self.places = sort_with_places(x)
            return
        self._buckets = _Buckets(np.ascontiguousarray(x), n_threads, None)
        self.places = np.empty(len(x), dtype=np.intp)
        self._buckets.sort(self.places, from_here=True)
        self.ascending = self._buckets.values

    def given_places(self) -> np.ndarray:
        """The place of each ascending number among those given."""
        if self._buckets is None:
            return self.places
        where = self._buckets.collect(np.arange(len(self.places), dtype=np.float64)).astype(np.intp)
        of_bucket = np.empty_like(where)
        of_bucket[where] = np.arange(len(where))
        return of_bucket[self.places]

    def restore(self, results: np.ndarray) -> np.ndarray:
        """Results written at `places`, in the order of the numbers given."""
        return results if self._buckets is None else self._buckets.collect(results)


def sort_in_place(x: np.ndarray, n_threads: int | None = None) -> None:
    """Sort contiguous numbers; equal for any number of threads."""
    if len(x) <= MOST_BY_NUMPY.value:
        x.sort()
    else:
        x[:] = SortedNearby(x, n_threads).ascending

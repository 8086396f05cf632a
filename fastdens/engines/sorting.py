"""Sorting of numbers together with their places, on several threads."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastdens.compiled import sorting as compiled
from fastdens.threads import run_blocks

# Buckets small enough to be sorted in the cache, and not so many that the passes over them miss it.
NUMBERS_PER_BUCKET, MOST_BUCKETS = 1024, 2048
# Numbers of the sample per splitter: buckets are then rarely twice their mean size.
SAMPLED_PER_SPLITTER = 16
# Up to here numpy's sort is as fast.
FEW_NUMBERS = 1 << 14
# Nanoseconds per number of each pass on one core, to decide whether threads are worth waking.
PASS_NS, SORT_NS = 5.0, 40.0


def sort_with_places(x: np.ndarray, n_threads: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """`x` in ascending order and the place of each of its numbers in `x`; equal for any number of threads.

    `x` is one-dimensional float64, finite, with any strides.
    """
    n = len(x)
    if n <= FEW_NUMBERS:
        order = np.argsort(x, kind="stable")
        return x[order], order
    x = np.ascontiguousarray(x)
    n_buckets = min(MOST_BUCKETS, 1 << (n // NUMBERS_PER_BUCKET).bit_length())
    # Multiples of the golden section of n: a sample without regard to any period of the data.
    places = (np.arange(n_buckets * SAMPLED_PER_SPLITTER) * 0.6180339887498949) % 1.0 * n
    sample = np.sort(x[places.astype(np.intp)])
    splitters = np.full(n_buckets - 1, np.inf)
    distinct = np.unique(sample[SAMPLED_PER_SPLITTER::SAMPLED_PER_SPLITTER])
    splitters[: len(distinct)] = distinct
    n_blocks = -(-n // compiled.NUMBERS_PER_BLOCK)
    buckets, counts = np.empty(n, dtype=np.int32), np.empty((n_blocks, n_buckets), dtype=np.intp)

    def classify(queue: Any) -> None:
        compiled.classify(x, splitters, buckets, counts, queue)

    run_blocks(classify, n_blocks, n_threads, PASS_NS * n)
    by_bucket = np.cumsum(counts.T.ravel())
    starts = np.ascontiguousarray((by_bucket - counts.T.ravel()).reshape(n_buckets, n_blocks).T)
    ordered, order = np.empty(n), np.empty(n, dtype=np.intp)

    def distribute(queue: Any) -> None:
        compiled.distribute(x, buckets, starts, ordered, order, queue)

    bucket_starts = np.append(starts[0], n)
    run_blocks(distribute, n_blocks, n_threads, PASS_NS * n)

    def sort_buckets(queue: Any) -> None:
        compiled.sort_buckets(bucket_starts, ordered, order, queue)

    run_blocks(sort_buckets, n_buckets, n_threads, SORT_NS * n)
    return ordered, order

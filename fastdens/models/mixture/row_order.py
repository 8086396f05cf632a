"""Rows in an order of their own, so that what is drawn from them does not depend on the order they were given in."""

from __future__ import annotations

import numpy as np

ROWS_AT_ONCE = 1 << 19
BUCKET_BITS = 18
# Odd multipliers of a 64-bit mixing function (Stafford's variant 13 of the finaliser of MurmurHash3).
_MIX = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def merged(X: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct rows in lexicographic order, and their weights together: a row of weight 2 is the row twice."""
    X = X + 0.0  # no negative zeros
    order = np.lexsort((weights, *X.T[::-1]))
    X, weights = X[order], weights[order]
    first = np.flatnonzero(np.append(True, (X[1:] != X[:-1]).any(axis=1)))
    return X[first], np.add.reduceat(weights, first)


def draw_rows(X: np.ndarray, weights: np.ndarray | None, size: int, rng: np.random.Generator) -> np.ndarray:
    """Row numbers drawn without replacement, or by weight with it, from the rows in the order of their hashes.

    Rows are counted by the leading bits of their hashes, and only those of the buckets that are drawn from are sorted.
    """
    n = len(X)
    starts = range(0, n, ROWS_AT_ONCE)
    shift = np.uint64(64 - BUCKET_BITS)
    sums = np.zeros(1 << BUCKET_BITS)
    for start in starts:
        part = slice(start, start + ROWS_AT_ONCE)
        its_weights = None if weights is None else weights[part]
        buckets = (_hashes(X[part], its_weights) >> shift).astype(np.intp)
        sums += np.bincount(buckets, its_weights, len(sums))
    ends = np.cumsum(sums)
    if weights is None:
        places = np.sort(rng.choice(n, size, replace=False)).astype(float)
    else:
        places = np.sort(rng.random(size)) * ends[-1]
    drawn = np.minimum(np.searchsorted(ends, places, "right"), np.flatnonzero(sums)[-1])
    wanted = np.zeros(len(sums), dtype=bool)
    wanted[drawn] = True
    hashes, rows = [], []
    for start in starts:
        part = slice(start, start + ROWS_AT_ONCE)
        found = _hashes(X[part], None if weights is None else weights[part])
        kept = np.flatnonzero(wanted[(found >> shift).astype(np.intp)])
        hashes.append(found[kept])
        rows.append(kept + start)
    few, numbers = np.concatenate(hashes), np.concatenate(rows)
    order = np.argsort(few, kind="stable")
    few, numbers = few[order], numbers[order]
    its_bucket = (few >> shift).astype(np.intp)
    begins, stops = np.searchsorted(its_bucket, drawn), np.searchsorted(its_bucket, drawn, "right") - 1
    before = np.concatenate([[0.0], np.cumsum(np.ones(len(few)) if weights is None else weights[numbers])])
    within = np.maximum(places - (ends[drawn] - sums[drawn]), 0.0) + before[begins]
    return numbers[np.clip(np.searchsorted(before, within, "right") - 1, begins, stops)]


def _hashes(X: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """64 bits of each row and its weight."""
    columns = [*X.T] if weights is None else [*X.T, weights]
    hashes = np.zeros(len(X), dtype=np.uint64)
    for column in columns:
        hashes += (column.astype(np.float64) + 0.0).view(np.uint64)
        for multiplier, bits in zip(_MIX, (30, 27)):
            hashes ^= hashes >> np.uint64(bits)
            hashes *= multiplier
        hashes ^= hashes >> np.uint64(31)
    return hashes

"""Correctly rounded sums of many numbers: in pairs of doubles and, where these leave a doubt, by `math.fsum`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from fastdens.core.threads import pieces

UNIT_ROUNDOFF = 2.0**-53
AT_ONCE = 1 << 16  # numbers that are added in pairs by one NumPy call


def two_sum(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """a + b as a rounded sum and its exact error (Knuth, The Art of Computer Programming 2, 4.2.2)."""
    total = a + b
    b_part = total - a
    return total, (a - (total - b_part)) + (b - b_part)


def rounded_sums(heads: np.ndarray, tails: np.ndarray) -> np.ndarray:
    """Sums along the last axis of the exact numbers heads + tails, each rounded once.

    `heads` and `tails` do not overflow when summed, and |tails| is at most a roundoff of |heads|.
    """
    return rounded_sums_of(lambda part: (heads[..., part], tails[..., part]), heads.shape[-1])


def rounded_sums_of(terms: Callable[[slice], tuple[np.ndarray, np.ndarray]], n: int) -> np.ndarray:
    """The same of n numbers that `terms` gives by slices, so that there are never many at once."""
    totals, rests, magnitudes = zip(*(_sum_in_pairs(*terms(part)) for part in pieces(n, AT_ONCE)))
    total, rest, _ = _sum_in_pairs(np.stack(totals, axis=-1), np.stack(rests, axis=-1))
    magnitude = np.sum(magnitudes, axis=0) * (1 + 1e-9)
    # Every one of about log2 n levels loses at most a few roundoffs of the tails, themselves roundoffs of the heads.
    doubt = (8 * math.log2(n) + 16) * UNIT_ROUNDOFF**2 * magnitude if n > 1 else np.zeros_like(magnitude)
    result = np.asarray(total + rest)
    doubtful = (total + (rest - doubt) != result) | (total + (rest + doubt) != result)
    for place in zip(*np.nonzero(np.atleast_1d(doubtful))):
        at = place if result.ndim else ()
        result[at] = math.fsum(_one_by_one(terms, n, at))
    return result


def _sum_in_pairs(heads: np.ndarray, tails: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The sum along the last axis as a rounded number and what it lacks, nearly, and the sum of absolute values."""
    magnitude = np.abs(heads).sum(axis=-1)
    total, rest = heads, tails
    while total.shape[-1] > 1:
        half = total.shape[-1] // 2
        head, error = two_sum(total[..., :half], total[..., half : 2 * half])
        tail = error + (rest[..., :half] + rest[..., half : 2 * half])
        head, tail = two_sum(head, tail)
        if total.shape[-1] % 2:
            head = np.concatenate([head, total[..., -1:]], axis=-1)
            tail = np.concatenate([tail, rest[..., -1:]], axis=-1)
        total, rest = head, tail
    return total[..., 0], rest[..., 0], magnitude


def _one_by_one(
    terms: Callable[[slice], tuple[np.ndarray, np.ndarray]], n: int, at: tuple[int, ...]
) -> Iterator[float]:
    """The numbers themselves: a generator, between whose steps the interpreter looks for Ctrl-C."""
    for part in pieces(n, AT_ONCE):
        for numbers in terms(part):
            yield from numbers[at].tolist()

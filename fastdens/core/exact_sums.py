"""Correctly rounded sums of many numbers: in pairs of doubles and, where these leave a doubt, by `math.fsum`."""

from __future__ import annotations

import math

import numpy as np

UNIT_ROUNDOFF = 2.0**-53


def two_sum(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """a + b as a rounded sum and its exact error (Knuth, The Art of Computer Programming 2, 4.2.2)."""
    total = a + b
    b_part = total - a
    return total, (a - (total - b_part)) + (b - b_part)


def rounded_sums(heads: np.ndarray, tails: np.ndarray) -> np.ndarray:
    """Sums along the last axis of the exact numbers heads + tails, each rounded once.

    `heads` and `tails` do not overflow when summed, and |tails| is at most a roundoff of |heads|.
    """
    n = heads.shape[-1]
    magnitude = np.abs(heads).sum(axis=-1) * (1 + 1e-9)
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
    total, rest = total[..., 0], rest[..., 0]
    # Every one of about log2 n levels loses at most a few roundoffs of the tails, themselves roundoffs of the heads.
    doubt = (8 * math.log2(n) + 8) * UNIT_ROUNDOFF**2 * magnitude if n > 1 else np.zeros_like(magnitude)
    result = np.asarray(total + rest)
    doubtful = (total + (rest - doubt) != result) | (total + (rest + doubt) != result)
    for place in zip(*np.nonzero(np.atleast_1d(doubtful))):
        at = place if result.ndim else ()
        result[at] = math.fsum([*heads[at].tolist(), *tails[at].tolist()])
    return result

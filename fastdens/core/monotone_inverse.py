"""Quantiles: the inverse of a distribution function that is given with its upper tail and its density."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Function = Callable[[np.ndarray], np.ndarray]

# A value so near its target counts as equal: what a sum of positive terms may lose.
SLACK = 4 * np.finfo(float).eps
# Newton's method alone for so many sweeps, then every other sweep halves the bracket; that ends before MOST_SWEEPS.
FREE_SWEEPS, MOST_SWEEPS = 12, 400


def invert(
    lower: Function,
    upper: Function,
    density: Function,
    q: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    start: np.ndarray,
    scale: float,
) -> np.ndarray:
    """The smallest x with lower(x) >= q for each q in (0, 1), which lies between `low` and `high`.

    Newton's method on the logarithm of the smaller tail (so that both are inverted to full precision), kept inside a
    shrinking bracket, for all q at once; `scale` is the width over which the density changes.
    """
    low, high, x = low.copy(), high.copy(), np.clip(start, low, high)
    is_lower = q <= 0.5
    target = np.where(is_lower, q, 1 - q)
    open_ones = np.arange(len(q))
    for sweep in range(MOST_SWEEPS):
        i = open_ones
        at, below = x[i], is_lower[i]
        tail = np.empty(len(i))
        tail[below], tail[~below] = lower(at[below]), upper(at[~below])
        reached = np.where(below, tail >= target[i] * (1 - SLACK), tail <= target[i] * (1 + SLACK))
        high[i], low[i] = np.where(reached, at, high[i]), np.where(reached, low[i], at)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            step = np.log(tail / target[i]) * tail / density(at) * np.where(below, -1.0, 1.0)
            proposed = at + step
        tolerance = np.maximum(2 * np.spacing(np.abs(at)), 1e-16 * scale)
        found = np.isfinite(step) & (np.abs(step) <= tolerance)
        closed = high[i] / 2 - low[i] / 2 <= tolerance / 2
        with np.errstate(invalid="ignore"):
            outside = ~((proposed > low[i]) & (proposed < high[i]))
        if sweep >= FREE_SWEEPS and sweep % 2 == 0:
            outside[:] = True
        x[i] = np.where(found, at, np.where(closed, high[i], np.where(outside, low[i] / 2 + high[i] / 2, proposed)))
        open_ones = i[~(found | closed)]
        if len(open_ones) == 0:
            break
    return x

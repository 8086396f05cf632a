"""The largest sums of whole numbers at points over families of sets: unions of intervals, boxes, half-planes.

Values are int64 with a sum of absolute values of at most `LARGEST_SUM`; sums are exact, and so is every result.
"""

from __future__ import annotations

import math

import numpy as np

from fastdens.core.threads import run_blocks
from fastdens.core.tuning import Tunable
from fastdens.subsets import _half_planes as half_planes
from fastdens.subsets import _set_families as set_families

LARGEST_SUM = 1 << 58

# Nanoseconds on one core, to decide whether threads are worth waking (Intel Xeon, November 2026): per pair of points in
# the search for a box, on average over 5000 points of two distributions, and per direction that a turning line passes.
NS_PER_PAIR, NS_PER_DIRECTION = 2.0, 20.0
# Up to so many intervals are found one by one, each in a pass; more by merging.
FEW_INTERVALS = Tunable(24)
# Columns are cut into this many groups; a block is a pair of them.
COLUMN_GROUPS = 24


def largest_union(values: np.ndarray, k: int) -> np.ndarray:
    """Which of the values are in the union of at most k stretches of neighbours with the largest sum, as bool."""
    present = np.flatnonzero(values)
    if len(present) == 0:
        return np.zeros(len(values), dtype=bool)
    positive = values[present] > 0
    # Zeros belong to the run before them; those before the first run go with it.
    starts = present[np.flatnonzero(np.append(True, positive[1:] != positive[:-1]))]
    starts[0] = 0
    sums = np.add.reduceat(values, starts)
    inside = np.empty(len(starts), dtype=np.uint8)
    if k <= FEW_INTERVALS.value:
        run_blocks(lambda queue: set_families.flip_stretches(sums, k, inside, queue), 1)
    else:
        weights, buffer = np.abs(sums), np.empty((6, len(starts)), dtype=np.intp)
        run_blocks(lambda queue: set_families.merge_runs(weights, bool(positive[0]), k, buffer, inside, queue), 1)
    return np.repeat(inside.astype(bool), np.diff(np.append(starts, len(values))))


def extreme_half_lines(x: np.ndarray, y: np.ndarray) -> tuple[int, int, int, int, int, int]:
    """The largest and the least sum over half-lines of two sorted samples of n and m rows, +m for each row of the first
    and -n for each of the second: each sum, and how many rows of the first and of the second its half-line holds.
    """
    return set_families.extreme_sums(x, y, len(y), len(x))


def largest_box(
    columns: np.ndarray, rows: np.ndarray, values: np.ndarray, n_threads: int | None = None
) -> tuple[int, np.ndarray]:
    """The largest |sum| over the points in a range of columns and a range of rows: the signed sum, and first and last
    column and first and last row, or no bounds at all (an empty array) where all sums are 0.

    `columns` and `rows` are the ranks of coordinates: 0, 1, ... without gaps, equal for equal coordinates.
    """
    order = np.lexsort((columns, rows))
    columns, rows, values = columns[order], rows[order], values[order]
    best, best_sign, bounds = 0, 1, np.empty(0, dtype=np.intp)
    for sign in (1, -1):
        value, box = _by_turns(columns, rows, sign * values)
        if value > best:
            best, best_sign, bounds = value, sign, box
    for sign in (1, -1):
        value, pair = _search(columns, rows, sign * values, best, n_threads)
        if value > best:
            best, best_sign = value, sign
            inside = (columns >= pair[0]) & (columns <= pair[1])
            low, high, _ = _largest_stretch(_sums_by(rows, np.where(inside, sign * values, 0)))
            bounds = np.array([*pair, low, high])
    return best_sign * best, bounds


def largest_half_plane(
    points: np.ndarray, values: np.ndarray, n_threads: int | None = None
) -> tuple[int, np.ndarray, np.ndarray, int]:
    """The largest |sum| over half-planes: the signed sum, which points are in as bool, a vector that points inward and
    the one point on the border, which may be in or out; -1 where all points are in, or none.

    `points` are distinct, of shape (n, 2).
    """
    n = len(points)
    total = int(values.sum())
    best = total, np.full(n, total != 0), np.array([1.0, 0.0]), -1
    # A half-plane of the largest sum can be moved so that its border passes a point of either sign of one's choice.
    pivots = min(np.flatnonzero(values > 0), np.flatnonzero(values < 0), key=len)
    if n == 1 or len(pivots) == 0:
        return best
    x, y, scales = _scaled(points)
    n_blocks = -(-len(pivots) // half_planes.PIVOTS_PER_BLOCK)
    sums, found = np.empty(n_blocks, dtype=np.int64), np.empty((n_blocks, 4), dtype=np.intp)
    run_blocks(
        lambda queue: half_planes.largest_half_planes(x, y, values, pivots, sums, found, queue),
        n_blocks,
        n_threads,
        NS_PER_DIRECTION * len(pivots) * n,
    )
    block = int(np.argmax(np.abs(sums)))
    if abs(int(sums[block])) <= abs(best[0]):
        return best
    inside, normal = _side_of_line(x, y, *found[block].tolist())
    normal *= scales
    return int(sums[block]), inside, normal / np.abs(normal).max(), int(found[block, 0])


# --- boxes ------------------------------------------------------------------------------------------------------------


def _search(
    columns: np.ndarray, rows: np.ndarray, values: np.ndarray, least: int, n_threads: int | None
) -> tuple[int, np.ndarray]:
    """The largest sum over boxes, if it is above `least`, and the box's first and last column."""
    counts = np.bincount(columns)
    starts = np.append(0, np.cumsum(counts))
    n_groups = min(COLUMN_GROUPS, len(counts))
    edges = np.unique(np.searchsorted(starts, np.arange(n_groups + 1) * len(columns) // n_groups))
    pairs = np.column_stack(np.triu_indices(len(edges) - 1))
    begins_row = np.append(np.append(True, rows[1:] != rows[:-1]), True).astype(np.uint8)
    found, found_columns = np.empty(len(pairs), dtype=np.int64), np.empty((len(pairs), 2), dtype=np.intp)
    arguments = (np.append(values, 0), np.append(columns, -1), begins_row, starts, edges, pairs, least)
    run_blocks(
        lambda queue: set_families.largest_boxes(*arguments, found, found_columns, queue),
        len(pairs),
        n_threads,
        NS_PER_PAIR * len(columns) ** 2,
    )
    block = int(np.argmax(found))
    return int(found[block]), found_columns[block]


def _sums_by(ranks: np.ndarray, values: np.ndarray) -> np.ndarray:
    sums = np.zeros(int(ranks.max()) + 1, dtype=np.int64)
    np.add.at(sums, ranks, values)
    return sums


def _largest_stretch(values: np.ndarray) -> tuple[int, int, int]:
    """First and last place, both included, of the stretch of neighbours with the largest sum, and the sum."""
    sums = np.append(0, np.cumsum(values))
    lowest = np.minimum.accumulate(sums[:-1])
    last = int(np.argmax(sums[1:] - lowest))
    first = int(np.argmax(sums[: last + 1] == lowest[last]))
    return first, last, int(sums[last + 1] - lowest[last])


def _by_turns(columns: np.ndarray, rows: np.ndarray, values: np.ndarray) -> tuple[int, np.ndarray]:
    """A box of a large sum: ranges of rows and of columns improved by turns from a few starts, until none gains."""
    best, bounds = 0, np.empty(0, dtype=np.intp)
    n_columns = int(columns.max()) + 1
    for parts in (1, 2, 4):
        for part in range(parts):
            low, high = part * n_columns // parts, (part + 1) * n_columns // parts - 1
            value = -1
            while True:
                inside = (columns >= low) & (columns <= high)
                bottom, top, _ = _largest_stretch(_sums_by(rows, np.where(inside, values, 0)))
                inside = (rows >= bottom) & (rows <= top)
                low, high, larger = _largest_stretch(_sums_by(columns, np.where(inside, values, 0)))
                if larger <= value:
                    break
                value = larger
            if value > best:
                best, bounds = value, np.array([low, high, bottom, top])
    return best, bounds


# --- half-planes ------------------------------------------------------------------------------------------------------


def _scaled(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both axes scaled by powers of two, exactly, so that their spans are about 1, and the two scales as a ratio.

    Half-planes stay half-planes, and no product of coordinates overflows or loses a digit.
    """
    axes, exponents = [], []
    for x, name in zip(points.T, ("first", "second")):
        span = float(x.max()) / 2 - float(x.min()) / 2
        exponent = math.frexp(span)[1]
        smallest = np.abs(x[x != 0]).min(initial=np.inf)
        if span > 0 and smallest < math.ldexp(1.0, max(exponent - 400, -1074)):
            raise ValueError(
                "points must have coordinates that are 0 or at least 2^-400 times as large as their range, for "
                f"half-planes to be exact; got {smallest:g} and a range of {2 * span:g} on the {name} axis"
            )
        axes.append(np.ldexp(x, -exponent) if span > 0 else np.zeros(len(x)))
        exponents.append(exponent)
    return axes[0], axes[1], np.ldexp(1.0, min(exponents) - np.array(exponents))


def _side_of_line(
    x: np.ndarray, y: np.ndarray, pivot: int, passed: int, right: int, with_pivot: int
) -> tuple[np.ndarray, np.ndarray]:
    """Which points are in the half-plane that the search has found, and a vector that points inward."""
    order, ahead = np.empty(len(x) - 1, dtype=np.intp), np.empty(len(x), dtype=np.uint8)
    half_planes.directions_about(x, y, pivot, order, ahead)
    inside = ahead.astype(bool)
    inside[order[:passed]] ^= True
    if right:
        inside = ~inside
    inside[pivot] = bool(with_pivot)

    # The line's direction lies between those of the last point that it has passed and of the next one.
    def along(place: int) -> np.ndarray:
        point = order[place]
        step = np.array([x[point] - x[pivot], y[point] - y[pivot]])
        return (step if ahead[point] else -step) / np.abs(step).max()

    around = (
        along(passed - 1) if passed else -along(-1),
        along(passed) if passed < len(order) else -along(0),
    )
    before, after = (vector / math.hypot(*vector) for vector in around)
    # Halfway between the two, from their sum or, where they are far apart, from their difference.
    direction = before + after if before @ after > 0 else np.array([after[1] - before[1], before[0] - after[0]])
    normal = np.array([-direction[1], direction[0]])
    return inside, -normal if right else normal

"""The univariate box transform where boxes are few beside the points: passes over blocks that stay in the cache.

Sorting all points into boxes would take several times longer than the sums themselves, the longer the more points
there are. Here each block of points leaves a table of moments, and the tables are added in the order of blocks.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastdens.core.threads import run_blocks
from fastdens.kernel_sums.fast_gauss import _box_lines as compiled
from fastdens.kernel_sums.fast_gauss._box_sums import row_length

# Nanoseconds per number of each pass on one core, to decide whether threads are worth waking.
MOMENTS_NS, EVALUATE_NS, SELECT_NS = 6.0, 8.0, 2.0


def moments(
    x: np.ndarray,
    weights: np.ndarray | None,
    width: float,
    lowest: float,
    n_boxes: int,
    terms: int,
    n_threads: int | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Chebyshev moments of all boxes, (n_boxes, row_length(terms)), and the weights of the points in each."""
    n_blocks = -(-len(x) // compiled.POINTS_PER_BLOCK)
    tables, box_weights = np.empty((n_blocks, n_boxes, row_length(terms))), np.empty((n_blocks, n_boxes))
    boxes = compiled.LineBoxes(width, lowest, n_boxes, terms)

    def work(queue: Any) -> None:
        compiled.moments(x, weights, boxes, tables, box_weights, queue)

    run_blocks(work, n_blocks, n_threads, MOMENTS_NS * len(x))
    return tables.sum(axis=0), box_weights.sum(axis=0)


def evaluate(
    q: np.ndarray,
    width: float,
    lowest: float,
    terms: int,
    expansions: np.ndarray,
    bounds: np.ndarray,
    rtol: float,
    atol: float,
    n_threads: int | None,
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Sums, bounds of their errors (-1 where one misses the tolerance), and whether any does."""
    n_blocks = -(-len(q) // compiled.POINTS_PER_BLOCK)
    sums, query_bounds = np.empty(len(q)), np.empty(len(q))
    failures = np.empty(n_blocks, dtype=np.intp)
    boxes = compiled.LineBoxes(width, lowest, len(bounds), terms)

    def work(queue: Any) -> None:
        compiled.evaluate(q, boxes, expansions, bounds, rtol, atol, sums, query_bounds, failures, queue)

    run_blocks(work, n_blocks, n_threads, EVALUATE_NS * len(q))
    return sums, query_bounds, bool(failures.any())


def select(x: np.ndarray, width: float, lowest: float, wanted: np.ndarray, n_threads: int | None) -> np.ndarray:
    """Rows of the numbers in the boxes that are wanted, ascending."""
    rows_per_block = compiled.POINTS_PER_BLOCK
    n_blocks = -(-len(x) // rows_per_block)
    rows, counts = np.empty(len(x), dtype=np.intp), np.empty(n_blocks, dtype=np.intp)

    def work(queue: Any) -> None:
        compiled.select(x, width, lowest, wanted, rows, counts, queue)

    run_blocks(work, n_blocks, n_threads, SELECT_NS * len(x))
    return np.concatenate([rows[k * rows_per_block :][:count] for k, count in enumerate(counts)])

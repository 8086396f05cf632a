"""Rows in the cells of a grid of bins: which cell each lies in, how many or how much weight, and values back to rows.

A bin holds its lower edge and not its upper one, but the last of an axis holds both. Results are those of a search in
the edges, to the last row. Cells have flat numbers, the last axis running fastest, and one more stands for no cell.
"""

from __future__ import annotations

import math

import numpy as np

from fastdens.core import _binning as compiled
from fastdens.core.threads import run_blocks
from fastdens.core.tuning import Tunable

# Intervals of a guide table for each bin: one where edges are about equally spaced, with the edges in the middle of
# intervals, so that one comparison settles each row; more where they are not.
FINENESS = (1, 8)
# Types of cell numbers, and their largest.
CELL_NUMBERS = ((np.uint8, 2**8 - 1), (np.uint16, 2**16 - 1), (np.uint32, 2**32 - 1), (np.int64, 2**63 - 1))
# A guide holds 32-bit numbers.
MOST_INTERVALS = 2**30
LARGEST = float(np.finfo(float).max)
# No scale of an axis is larger, however narrow its bins: it is finite then.
LARGEST_SCALE = 1e300
# Up to so many cells a block adds up in four lanes; it has this many rows for each sum that it makes.
MOST_IN_LANES, ROWS_PER_SUM = 1024, Tunable(4)
# Nanoseconds per row and axis, comparison, and row to sum or to take (AMD EPYC, Zen 3, November 2026), to decide
# whether threads are worth waking.
AXIS_NS, COMPARISON_NS, ROW_NS = 1.5, 1.0, 0.6


def find_cells(X: np.ndarray, edges: list[np.ndarray], n_threads: int | None = None) -> np.ndarray:
    """The flat number of every row's cell, in as few bytes as hold it; the number of cells for a row in none.

    `X` is finite and C-contiguous, float64; edges of each axis ascend strictly and span a finite range.
    """
    n_cells = math.prod(len(e) - 1 for e in edges)
    cells = np.empty(len(X), dtype=next(kind for kind, largest in CELL_NUMBERS if n_cells <= largest))
    axes = [_Axis(e, len(X)) for e in edges]
    sizes, first_edge, first_interval = [], 0, 0
    for axis in axes:
        sizes.append((len(axis.edges) - 1, axis.n_searched, first_edge, first_interval))
        first_edge, first_interval = first_edge + len(axis.edges), first_interval + len(axis.guide)
    arguments = (
        X,
        _joined([axis.edges for axis in axes]),
        np.array(sizes, dtype=np.intp),
        np.array([axis.scales for axis in axes]),
        _joined([axis.guide for axis in axes]),
        n_cells,
        cells,
    )
    work = sum(AXIS_NS + COMPARISON_NS * math.log2(axis.n_searched) for axis in axes)
    run_blocks(compiled.find_cells, -(-len(X) // compiled.ROWS_PER_BLOCK), n_threads, work * len(X), arguments)
    return cells


def _joined(arrays: list[np.ndarray]) -> np.ndarray:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


class _Axis:
    """The edges of an axis and the guide table for `n_rows` searches in them, as the compiled code takes them."""

    def __init__(self, edges: np.ndarray, n_rows: int):
        bins, start, end = len(edges) - 1, float(edges[0]), float(edges[-1])
        self.edges = edges.copy()
        self.edges[-1] = math.nextafter(end, math.inf)
        high = min(float(self.edges[-1]), LARGEST)
        # One interval for all: a search among all edges.
        self.scales = np.array([start, high, 0.0, 0.0])
        self.guide, self.n_searched = np.zeros(1, dtype=np.int32), bins + 1
        for fineness in FINENESS:
            if self.n_searched == 1 or not bins * fineness < min(n_rows, MOST_INTERVALS):
                break
            per_unit = min(bins * fineness / (end - start), LARGEST_SCALE)
            origin = start - 0.5 / per_unit
            if not math.isfinite(high - origin):
                origin = start
            if not math.isfinite(high - origin):
                break
            scales = np.array([start, high, origin, per_unit])
            guide = np.empty(int((high - origin) * per_unit) + 1, dtype=np.int32)
            n_searched = compiled.fill_guide(self.edges, scales, guide)
            if n_searched < self.n_searched:
                self.scales, self.guide, self.n_searched = scales, guide, n_searched


def sum_cells(
    cells: np.ndarray, n_cells: int, weights: np.ndarray | None = None, n_threads: int | None = None
) -> np.ndarray:
    """Number of rows in each cell, or the sum of their weights, as float64; last that of the rows in none."""
    n, n_lanes = len(cells), 4 if n_cells <= MOST_IN_LANES else 1
    rows_per_block = max(compiled.ROWS_PER_BLOCK, ROWS_PER_SUM.value * n_lanes * (n_cells + 1))
    n_blocks = -(-n // rows_per_block)
    sums = np.zeros((n_blocks, n_lanes, n_cells + 1), dtype=np.int64 if weights is None else np.float64)
    arguments = (cells, weights, rows_per_block, sums)
    run_blocks(compiled.sum_cells, n_blocks, n_threads, ROW_NS * n, arguments)
    return sums.sum(axis=(0, 1), dtype=np.float64)


def take_values(values: np.ndarray, cells: np.ndarray, n_threads: int | None = None) -> np.ndarray:
    """The value of every row's cell, from as many values as there are cells and one for rows in none."""
    out = np.empty(len(cells))
    n_blocks = -(-len(cells) // compiled.ROWS_PER_BLOCK)
    run_blocks(compiled.take_values, n_blocks, n_threads, ROW_NS * len(cells), (values, cells, out))
    return out

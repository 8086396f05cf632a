"""Draws in blocks, each from a stream of its own: the same draws for any number of threads."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from fastdens.core import _random_numbers as random_numbers
from fastdens.core.threads import run_blocks

# Rows of a block; up to so many come from the caller's generator itself.
ROWS_PER_BLOCK = 1 << 15


def draw_in_blocks(
    rng: np.random.Generator,
    n_rows: int,
    draw: Callable[[np.random.Generator, int, int], Any],
    ns_per_row: float,
    n_threads: int | None = None,
) -> None:
    """Call ``draw(generator, first, end)`` for runs of rows that together are 0 ... n_rows - 1.

    One run uses `rng` itself. Several use one generator each, seeded from `rng` and the run's number; `draw` then runs
    on several threads, and fills rows first ... end - 1 of arrays that the caller has made.
    """
    n_blocks = -(-n_rows // ROWS_PER_BLOCK)
    if n_blocks <= 1:
        draw(rng, 0, n_rows)
        return
    seed = [int(word) for word in rng.integers(0, 2**32, size=8)]
    numbers = itertools.count()
    stopped = False

    def work(_: Any) -> None:
        nonlocal stopped
        try:
            for block in numbers:  # one number for one thread each
                if block >= n_blocks or stopped:
                    return
                stream = np.random.SFC64(np.random.SeedSequence(seed, spawn_key=(block,)))
                first = block * ROWS_PER_BLOCK
                draw(np.random.Generator(stream), first, min(first + ROWS_PER_BLOCK, n_rows))
        except BaseException:
            stopped = True
            raise

    run_blocks(work, n_blocks, n_threads, ns_per_row * n_rows)


class Lanes:
    """A source of normal and uniform numbers, eight generators side by side, seeded by a NumPy generator.

    Parameters
    ----------
    stream : numpy.random.Generator
        Gives the 32 words of the state; it is advanced by them.
    """

    def __init__(self, stream: np.random.Generator) -> None:
        self._state = stream.integers(0, 2**64 - 1, (4, random_numbers.LANES), dtype=np.uint64, endpoint=True)

    def uniforms(self, n: int) -> np.ndarray:
        """Numbers strictly between 0 and 1, odd multiples of 2^-53."""
        numbers = np.empty(n)
        random_numbers.uniforms(self._state, numbers)
        return numbers

    def integers(self, end: int, n: int) -> np.ndarray:
        """Whole numbers 0 ... end - 1."""
        picks = np.empty(n, dtype=np.intp)
        random_numbers.integers(self._state, end, picks)
        return picks

    def categories(self, categories: Categories, n: int) -> np.ndarray:
        """Independent categories, intp of shape (n,)."""
        picks = np.empty(n, dtype=np.intp)
        random_numbers.categories(self._state, categories.kept, categories.alias, picks)
        return picks

    def fill_normals(self, numbers_out: np.ndarray) -> None:
        """Standard normal numbers into a contiguous array."""
        random_numbers.normals(self._state, numbers_out.reshape(-1))

    def fill_normals_around(
        self, centres: np.ndarray, scales: np.ndarray, picks: np.ndarray, rows_out: np.ndarray
    ) -> None:
        """Row i: the centre of pick i plus normal numbers times its scales, or the one row of scales."""
        random_numbers.normals_around(self._state, centres, scales, picks, rows_out)

    def fill_normals_by_matrix(
        self, means: np.ndarray, matrices: PaddedMatrices, picks: np.ndarray, rows_out: np.ndarray
    ) -> None:
        """Row i: the mean of pick i plus normal numbers times its matrix, or the one matrix."""
        random_numbers.normals_by_matrix(self._state, means, matrices.padded, picks, rows_out)

    def fill_points_in_cells(self, categories: Categories, sides: np.ndarray, rows_out: np.ndarray) -> None:
        """Row i: uniform in the cell of a category, of which `sides` (K, d, 2) has the lower and upper edges."""
        random_numbers.points_in_cells(self._state, categories.kept, categories.alias, sides, rows_out)


class PaddedMatrices:
    """Upper triangular matrices with which normal rows are multiplied where they are made.

    Parameters
    ----------
    matrices : list of ndarray of shape (d, d)
        One for each pick, or one.
    """

    # So many numbers are at hand in a processor's cache; beyond, rows are multiplied by BLAS, sorted by matrix.
    MOST_NUMBERS = 1 << 15

    def __init__(self, matrices: list[np.ndarray]) -> None:
        d, multiple = len(matrices[0]), random_numbers.PADDING
        self.padded = np.zeros((len(matrices), d, -(-d // multiple) * multiple))
        self.padded[:, :, :d] = matrices

    @classmethod
    def hold(cls, count: int, d: int) -> bool:
        """Whether so many matrices are few and small enough."""
        return count * d * d <= cls.MOST_NUMBERS and d <= random_numbers.MOST_IN_ROW


class Categories:
    """Numbers 0 ... K - 1 with given probabilities, in constant time per draw by a table of aliases (Walker 1977).

    Parameters
    ----------
    masses : ndarray of shape (K,)
        Not negative, not all zero.
    """

    def __init__(self, masses: np.ndarray) -> None:
        K = len(masses)
        self.kept, self.alias = masses / masses.sum() * K, np.empty(K, dtype=np.intp)
        random_numbers.fill_aliases(self.kept, np.empty(K, dtype=np.intp), self.alias)
        # Rounding may leave places short of their whole share with nobody to take the rest.
        unpaired = (self.alias == np.arange(K)) & (self.kept < 1.0)
        self.kept[unpaired & (masses > 0)] = 1.0
        # A category without mass must never be drawn.
        self.alias[unpaired & (masses == 0)] = int(np.argmax(masses))

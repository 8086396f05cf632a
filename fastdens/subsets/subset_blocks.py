"""Subsets block by block, for functions that are called with many of them at once: members, and sums of measures."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from fastdens.subsets import _subsets as compiled
from fastdens.subsets.subsets import LOW_OUTCOMES, MIDDLE_OUTCOMES, doubled_sums, padded

# A block's sums of one measure fill 256 KiB, so that those of a few stay in the second-level cache. In half of that one
# thread is a sixth faster, and two, which hand Python's lock to each other for every step, are slower than one. Members
# take eight times as much where a function makes numbers of them.
MEASURED_OUTCOMES, MEMBER_OUTCOMES = 15, 13


class SubsetBlocks:
    """The subsets of at most `most` of n outcomes in the order of their numbers, cut into blocks."""

    def __init__(self, n: int, most: int, most_per_block: int) -> None:
        self.n, self.most, self.per_block = n, most, most_per_block
        self.is_limited = most < n
        # How many subsets of the first i outcomes have at most s.
        self._counts = [[sum(math.comb(i, j) for j in range(s + 1)) for s in range(most + 1)] for i in range(n + 1)]
        self.n_subsets = self._counts[n][most]
        self.n_blocks = -(-self.n_subsets // self.per_block)

    def __getitem__(self, block: int) -> np.ndarray:
        """The numbers of a block's subsets: bit i says whether outcome i belongs."""
        first = block * self.per_block
        end = min(first + self.per_block, self.n_subsets)
        if not self.is_limited:
            return np.arange(first, end, dtype=np.int64)
        numbers = np.empty(end - first, dtype=np.int64)
        compiled.list_of_size(self._subset_at(first), self.most, numbers)
        return numbers

    def _subset_at(self, place: int) -> int:
        """The number of the subset that so many others come before."""
        subset, remaining = 0, self.most
        for outcome in reversed(range(self.n)):
            without = self._counts[outcome][remaining]
            if place >= without:
                place -= without
                remaining -= 1
                subset |= 1 << outcome
        return subset


def members_of(numbers: np.ndarray, n: int) -> np.ndarray:
    """The subsets as a boolean matrix of shape (n_subsets, n)."""
    octets = numbers.astype("<i8").view(np.uint8).reshape(-1, 8)
    return np.unpackbits(octets, axis=1, count=n, bitorder="little").view(np.bool_)


class MeasureTables:
    """Sums of measures over subsets, put together from tables over the low, the middle and the other outcomes."""

    def __init__(self, measures: np.ndarray) -> None:
        n = measures.shape[1]
        self._n = n
        self._n_low = min(n, LOW_OUTCOMES)
        self._n_middle = min(n - self._n_low, MIDDLE_OUTCOMES)
        ends = (0, self._n_low, self._n_low + self._n_middle, n)
        self._tables = [_tables(measures[:, first:end]) for first, end in pairwise(ends)]
        low = self._tables[0]
        self._padded = np.array([[padded(part) for part in of_measure] for of_measure in low])

    def of_block(self, block: int) -> np.ndarray:
        """Sums over the subsets of a block of all subsets, of shape (n_measures, n_subsets)."""
        width = max(1 << min(self._n, MEASURED_OUTCOMES), self._padded.shape[2])
        sums = np.empty((len(self._padded), width))
        compiled.measure_block(self._padded, self._tables[1], self._tables[2], block, sums)
        return sums if width <= 1 << self._n else sums[:, : 1 << self._n].copy()

    def of(self, numbers: np.ndarray) -> np.ndarray:
        """Sums over the subsets of these numbers."""
        sums = np.empty((len(self._padded), len(numbers)))
        low, middle, top = self._tables
        compiled.measure_listed(low, middle, top, self._n_low, self._n_middle, numbers, sums)
        return sums


def _tables(measures: np.ndarray) -> np.ndarray:
    """Heads and tails of the sums over all subsets, of shape (n_measures, 2, n_subsets)."""
    return np.array([doubled_sums(values, np.zeros(len(values))) for values in measures])

"""All subsets of a few outcomes, one by one, as a table to be read."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastdens.core import validation

MOST_LISTED = 16  # 65 536 lines


@dataclass(frozen=True, eq=False)
class SubsetTable:
    """Every subset of the outcomes, by size and within a size in lexicographic order; printed, one per line.

    Attributes
    ----------
    subsets : tuple of tuples of int
        Outcomes of each subset, counted from 0; the first is the empty set.
    labels : tuple of str
        What each outcome is called when the table is printed.
    p, q : ndarray of shape (2**n_outcomes,)
        P(A) and Q(A) of each subset A, correctly rounded.
    discrepancies : ndarray of shape (2**n_outcomes,)
        P(A) - Q(A), correctly rounded.
    """

    subsets: tuple[tuple[int, ...], ...]
    labels: tuple[str, ...]
    p: np.ndarray
    q: np.ndarray
    discrepancies: np.ndarray

    @property
    def distance(self) -> float:
        """The largest |P(A) - Q(A)|: the total variation distance."""
        return float(np.abs(self.discrepancies).max())

    def __len__(self) -> int:
        return len(self.subsets)

    def name(self, row: int) -> str:
        """A subset by the labels of its outcomes, as {1;2}."""
        return "{" + ";".join(self.labels[outcome] for outcome in self.subsets[row]) + "}"

    def __str__(self) -> str:
        rows = [["A", "P(A)", "Q(A)", "|P(A) - Q(A)|"]]
        for row in range(len(self)):
            numbers = (self.p[row], self.q[row], abs(self.discrepancies[row]))
            rows.append([self.name(row), *(f"{value:.6g}" for value in numbers)])
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        most = self.distance
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(rows[0], widths)).rstrip()]
        for row, cells in enumerate(rows[1:]):
            mark = "  *" if abs(self.discrepancies[row]) == most else ""
            lines.append(("  ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip()) + mark)
        return "\n".join([*lines, f"largest (*): {most:.6g}"])


def list_subsets(p: Any, q: Any, *, labels: Sequence[Any] | None = None) -> SubsetTable:
    r"""All subsets of the outcomes of two discrete distributions with their probabilities, in order of size.

    .. math:: D(p, q) = \max_A |P(A) - Q(A)|

    spelt out: printing the result shows each subset A on a line, the largest discrepancies marked.

    Parameters
    ----------
    p, q : array-like of shape (n_outcomes,)
        Probabilities: finite, not negative, summing to 1 within 1e-9 (float32: 1e-5); at most 16 outcomes.
    labels : sequence, optional
        What to call the outcomes when the table is printed; by default 1, 2, 3, and so on.

    Returns
    -------
    SubsetTable
        ``subsets``, ``p``, ``q``, ``discrepancies`` and ``distance``.

    Raises
    ------
    ValueError
        If p or q is not a discrete distribution, their lengths differ or exceed 16, or there are not as many labels.

    See Also
    --------
    total_variation_subsets : The largest discrepancy alone, of up to 40 outcomes.
    subset_discrepancies : The discrepancies as an array, subsets by the bits of an index.

    References
    ----------
    Gibbs and Su (2002), On choosing and bounding probability metrics, International Statistical Review 70, 419-435.

    Examples
    --------
    >>> import fastdens as fd
    >>> print(fd.list_subsets([0.75, 0.25], [0.5, 0.5]))
    A      P(A)  Q(A)  |P(A) - Q(A)|
    {}     0     0     0
    {1}    0.75  0.5   0.25  *
    {2}    0.25  0.5   0.25  *
    {1;2}  1     1     0
    largest (*): 0.25
    """
    p, q = validation.check_pair_of_probabilities(p, q)
    n = len(p)
    if n > MOST_LISTED:
        raise ValueError(
            f"p must have at most {MOST_LISTED} outcomes where all subsets are listed, got {n}; "
            "total_variation_subsets takes 40, total_variation any number"
        )
    names = tuple(str(label) for label in (range(1, n + 1) if labels is None else labels))
    validation.check_length(len(names), "labels", n, "outcome")
    subsets = tuple(itertools.chain.from_iterable(itertools.combinations(range(n), size) for size in range(n + 1)))
    of_p, of_q, minus_q = p.tolist(), q.tolist(), (-q).tolist()
    parts = [([of_p[i] for i in subset], [of_q[i] for i in subset], [minus_q[i] for i in subset]) for subset in subsets]
    columns = [[math.fsum(a), math.fsum(b), math.fsum([*a, *c])] for a, b, c in parts]
    table = np.array(columns).T.copy()
    table.flags.writeable = False
    return SubsetTable(subsets, names, *table)

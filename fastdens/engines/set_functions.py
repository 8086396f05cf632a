"""The largest value of a set function over all subsets, whether it is additive or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastdens import validation
from fastdens.engines.limited_subsets import number_of_subsets
from fastdens.engines.subsets import MOST_OUTCOMES, SubsetMaximum

# Subsets of a block: their members take a megabyte or so, and Ctrl-C is answered between two blocks.
SUBSETS_PER_BLOCK = 1 << 14


def maximum_over_subsets(
    set_function: Any, n_outcomes: int | None = None, *, max_size: int | None = None
) -> SubsetMaximum:
    r"""Largest absolute value of a set function over all subsets, such as the difference of two capacities.

    .. math:: \max_A |v(A)|, \qquad A \subseteq \{0, \dots, n - 1\}

    Nothing is assumed of v, so all its values are looked at. Where v is additive, `total_variation_subsets` is faster.

    Parameters
    ----------
    set_function : array-like of shape (2**n_outcomes,) or callable
        The values: bit i of an index says whether outcome i belongs to the subset. A callable takes members, a
        boolean array of shape (n_subsets, n_outcomes), and returns n_subsets values.
    n_outcomes : int, optional
        Number of outcomes, from 1 to 40; needed with a callable.
    max_size : int, optional
        Most outcomes of a subset, at least 1; by default any number.

    Returns
    -------
    SubsetMaximum
        ``distance`` is the largest |v(A)|. ``subset`` is the smallest subset that has it (of these, the first by its
        index), ``maximal_subset`` the largest; ``n_subsets`` is how many were allowed.

    Raises
    ------
    ValueError
        If an array's length is no power of two or is not 2^n_outcomes, or a value is not finite.
    TypeError
        If `n_outcomes` is missing with a callable.

    References
    ----------
    Choquet (1954), Theory of capacities, Annales de l'Institut Fourier 5, 131-295.

    Examples
    --------
    A capacity that counts the square of the share of outcomes, against the share:

    >>> import fastdens as fd
    >>> share = lambda members: members.mean(axis=1)
    >>> found = fd.maximum_over_subsets(lambda members: share(members) - share(members) ** 2, 4)
    >>> found.distance, found.subset
    (0.25, array([0, 1]))
    """
    values: np.ndarray | None = None
    if not callable(set_function):
        values = validation.check_data(np.reshape(set_function, (1, -1)), "set_function")[0]
        n = len(values).bit_length() - 1
        if len(values) != 2**n or n < 1 or (n_outcomes is not None and n_outcomes != n):
            raise ValueError(
                f"set_function must have {'a power of two of' if n_outcomes is None else f'2^{n_outcomes}'} values, "
                f"at least 2, got {len(values)}"
            )
    elif n_outcomes is None:
        raise TypeError("n_outcomes must be given where set_function is a callable, got None")
    else:
        n = validation.check_integer(n_outcomes, "n_outcomes", 1, MOST_OUTCOMES)
    most = n if max_size is None else min(n, validation.check_integer(max_size, "max_size", 1))
    best = [-1.0, 0, 0, 0, 0]  # value; fewest outcomes and where; most outcomes and where
    for first in range(0, 2**n, SUBSETS_PER_BLOCK):
        indices = np.arange(first, min(first + SUBSETS_PER_BLOCK, 2**n), dtype=np.int64)
        members = (indices[:, None] >> np.arange(n)) & 1 == 1
        sizes = members.sum(axis=1)
        allowed = sizes <= most
        if not allowed.any():
            continue
        if values is None:
            block = _checked_values(set_function, members[allowed])
        else:
            block = values[first : first + len(indices)][allowed]
        _update(best, np.abs(block), sizes[allowed], indices[allowed])
    return SubsetMaximum(best[0], _outcomes(int(best[2]), n), _outcomes(int(best[4]), n), number_of_subsets(n, most))


def _checked_values(set_function: Callable[[np.ndarray], Any], members: np.ndarray) -> np.ndarray:
    values = np.asarray(set_function(members), dtype=np.float64)
    if values.shape != (len(members),):
        raise ValueError(f"set_function must return one value per subset, shape {(len(members),)}, got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"set_function must return finite values, got {values[~np.isfinite(values)][0]}")
    return values


def _update(best: list[Any], values: np.ndarray, sizes: np.ndarray, indices: np.ndarray) -> None:
    largest = float(values.max())
    if largest < best[0]:
        return
    reaching = np.flatnonzero(values == largest)
    smallest, biggest = reaching[np.argmin(sizes[reaching])], reaching[np.argmax(sizes[reaching])]
    if largest > best[0]:
        best[:] = [largest, MOST_OUTCOMES + 1, 0, -1, 0]
    if sizes[smallest] < best[1]:
        best[1], best[2] = int(sizes[smallest]), int(indices[smallest])
    if sizes[biggest] > best[3]:
        best[3], best[4] = int(sizes[biggest]), int(indices[biggest])


def _outcomes(index: int, n: int) -> np.ndarray:
    outcomes = np.flatnonzero([index >> i & 1 for i in range(n)])
    outcomes.flags.writeable = False
    return outcomes

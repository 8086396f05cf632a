"""The largest value of a set function over all subsets, whether it is additive or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.core._checks import find_non_finite
from fastdens.core.threads import check_n_threads, run_blocks
from fastdens.subsets import _subsets as compiled
from fastdens.subsets.limited_subsets import number_of_subsets
from fastdens.subsets.subset_blocks import MEASURED_OUTCOMES, MEMBER_OUTCOMES, MeasureTables, SubsetBlocks, members_of
from fastdens.subsets.subsets import LOW_OUTCOMES, MOST_OUTCOMES, SubsetMaximum, padded

# On one core (Intel Sapphire Rapids, AVX-512, November 2026): a value that is read, and the least that a function of
# the user's takes.
NS_PER_VALUE, NS_PER_CALLED = 0.3, 3.0
VALUES_PER_BLOCK = 1 << 14


def maximum_over_subsets(
    set_function: Any,
    n_outcomes: int | None = None,
    *,
    measures: Any = None,
    max_size: int | None = None,
    n_threads: int | None = None,
) -> SubsetMaximum:
    r"""Largest absolute value of a set function over all subsets, such as the difference of two capacities.

    .. math:: \max_A |v(A)|, \qquad A \subseteq \{0, \dots, n - 1\}, \qquad
        \text{for example } v(A) = g(P(A)) - h(Q(A))

    Nothing is assumed of v, so all its values are looked at. Where v is additive, `total_variation_subsets` is faster.

    Parameters
    ----------
    set_function : array-like of shape (2**n_outcomes,) or callable
        The values: bit i of an index says whether outcome i belongs to the subset. Or a vectorised function that
        returns n_subsets values, called with thousands of subsets at a time: of the values of `measures` on them, an
        array of shape (n_measures, n_subsets), or without measures of their members, a boolean array of shape
        (n_subsets, n_outcomes). It may be called from several threads at once; with ``n_threads=1`` it never is.
    n_outcomes : int, optional
        Number of outcomes, from 1 to 40; needed with a callable without `measures`.
    measures : array-like of shape (n_measures, n_outcomes), optional
        With a callable: measures, signed ones too, one in a row, whose values on subsets it takes, such as
        ``[p, q]``. Enumerating these takes far less time than arrays of members.
    max_size : int, optional
        Most outcomes of a subset, at least 1; by default any number.
    n_threads : int, optional
        Number of threads; by default what `fastdens.threads` says. It does not change a bit of the result.

    Returns
    -------
    SubsetMaximum
        ``distance`` is the largest |v(A)|. ``subset`` is the smallest subset that has it (of these, the first by its
        index), ``maximal_subset`` the largest (likewise); ``n_subsets`` is how many were allowed.

    Raises
    ------
    ValueError
        If an array's length is no power of two or is not 2^n_outcomes, a value is not finite, or `measures` are given
        without a callable or do not fit.
    TypeError
        If `n_outcomes` is missing with a callable without `measures`.

    See Also
    --------
    total_variation_subsets : The same of P - Q, with an exact answer.

    Notes
    -----
    The maximum is that of the values as they are given or returned: none is rounded again, and subsets tie where
    their values are equal doubles. What the function gets for a measure m misses the exact sum of the given numbers by
    at most half a unit in its last place plus :math:`4 (n + 2) 2^{-106} \sum_i |m_i|`.

    References
    ----------
    Choquet (1954), Theory of capacities, Annales de l'Institut Fourier 5, 131-295. Wang and Klir (2009), Generalized
    measure theory, chapter 4 (distorted probabilities).

    Examples
    --------
    A distorted probability against another:

    >>> import fastdens as fd
    >>> p, q = [0.5, 0.25, 0.25, 0.0], [0.0, 0.25, 0.25, 0.5]
    >>> found = fd.maximum_over_subsets(lambda of: of[0] ** 2 - of[1], measures=[p, q])
    >>> found.distance, found.subset, found.n_subsets
    (0.75, array([1, 2, 3]), 16)

    A capacity that counts the square of the share of outcomes, against the share:

    >>> share = lambda members: members.mean(axis=1)
    >>> found = fd.maximum_over_subsets(lambda members: share(members) - share(members) ** 2, 4)
    >>> found.distance, found.subset
    (0.25, array([0, 1]))
    """
    n_threads = check_n_threads(n_threads)
    tables: MeasureTables | None = None
    if not callable(set_function):
        if measures is not None:
            raise ValueError("measures must be None where set_function is an array of values, which takes none")
        values = _check_values(set_function, n_outcomes)
        n = len(values).bit_length() - 1
    elif measures is not None:
        of_outcomes = _check_measures(measures, n_outcomes)
        n, tables = of_outcomes.shape[1], MeasureTables(of_outcomes)
    elif n_outcomes is None:
        raise TypeError("n_outcomes must be given where set_function is a callable without measures, got None")
    else:
        n = validation.check_integer(n_outcomes, "n_outcomes", 1, MOST_OUTCOMES)
    most = n if max_size is None else min(n, validation.check_integer(max_size, "max_size", 1))
    if callable(set_function):
        blocks = SubsetBlocks(n, most, 1 << (MEMBER_OUTCOMES if tables is None else MEASURED_OUTCOMES))
        found = _of_function(set_function, blocks, tables, n_threads)
    else:
        found = _of_values(values, n, most, n_threads)
    largest, subset, maximal = found
    return SubsetMaximum(largest, _outcomes(subset, n), _outcomes(maximal, n), number_of_subsets(n, most))


class _Best:
    """The largest value met and its subsets of fewest and of most outcomes, of every thread by itself.

    Of equal ones the subset of the least number counts, so that it does not matter which thread met which.
    """

    def __init__(self) -> None:
        self._found: list[tuple[np.ndarray, np.ndarray]] = []

    def of_thread(self) -> tuple[np.ndarray, np.ndarray]:
        """What compiled code keeps for a thread: the value; fewest outcomes and the subset, most and the subset."""
        found = np.full(1, -1.0), np.zeros(4, dtype=np.int64)
        self._found.append(found)
        return found

    def of_all(self) -> tuple[float, int, int]:
        """The value and its two subsets."""
        largest = max(float(value[0]) for value, _ in self._found)
        having = [places.tolist() for value, places in self._found if value[0] == largest]
        fewest = min((fewest, subset) for fewest, subset, _, _ in having)
        most = min((-most, subset) for _, _, most, subset in having)
        return largest, fewest[1], most[1]


def _of_values(values: np.ndarray, n: int, most: int, n_threads: int) -> tuple[float, int, int]:
    n_low = min(n, LOW_OUTCOMES)
    sizes = np.zeros(1)
    for _ in range(n_low):
        sizes = np.concatenate([sizes, sizes + 1])
    values = padded(values)
    masks = np.array([padded((sizes <= size).astype(np.float64)) for size in range(n_low + 1)])
    rows_per_block = max(1, VALUES_PER_BLOCK // masks.shape[1])
    best = _Best()
    run_blocks(
        lambda queue: compiled.scan_values(values, masks, 2**n, most, rows_per_block, *best.of_thread(), queue),
        -(-len(values) // (rows_per_block * masks.shape[1])),
        n_threads,
        NS_PER_VALUE * 2.0**n,
    )
    return best.of_all()


def _of_function(
    set_function: Callable[[np.ndarray], Any], blocks: SubsetBlocks, tables: MeasureTables | None, n_threads: int
) -> tuple[float, int, int]:
    best, handling, nothing = _Best(), np.geterr(), np.empty(0, dtype=np.int64)

    def work(queue: Any) -> None:
        largest, places = best.of_thread()
        try:
            with np.errstate(**handling):  # a thread has its own
                while (block := queue.take()) >= 0:
                    first, listed = block * blocks.per_block, nothing
                    if blocks.is_limited:
                        listed = blocks[block]
                        argument = members_of(listed, blocks.n) if tables is None else tables.of(listed)
                    else:
                        argument = members_of(blocks[block], blocks.n) if tables is None else tables.of_block(block)
                    values = _called(set_function, argument, min(blocks.per_block, blocks.n_subsets - first))
                    compiled.scan_block(values, first, listed, largest, places)
        except BaseException:
            queue.stop()
            raise

    run_blocks(work, blocks.n_blocks, n_threads, NS_PER_CALLED * blocks.n_subsets)
    return best.of_all()


def _called(set_function: Callable[[np.ndarray], Any], argument: np.ndarray, n_subsets: int) -> np.ndarray:
    values = np.ascontiguousarray(set_function(argument), dtype=np.float64)
    if values.shape != (n_subsets,):
        raise ValueError(f"set_function must return one value per subset, shape {(n_subsets,)}, got {values.shape}")
    bad = find_non_finite(values[None])
    if bad >= 0:
        raise ValueError(f"set_function must return finite values, got {values[bad]}")
    return values


def _check_values(values: Any, n_outcomes: int | None) -> np.ndarray:
    checked = validation.check_data(np.reshape(values, (1, -1)), "set_function")[0]
    n = len(checked).bit_length() - 1
    if len(checked) != 2**n or n < 1 or (n_outcomes is not None and n_outcomes != n):
        raise ValueError(
            f"set_function must have {'a power of two of' if n_outcomes is None else f'2^{n_outcomes}'} values, "
            f"at least 2, got {len(checked)}"
        )
    return checked


def _check_measures(measures: Any, n_outcomes: int | None) -> np.ndarray:
    if np.ndim(measures) != 2:
        raise ValueError(f"measures must have shape (n_measures, n_outcomes), got {np.ndim(measures)}D")
    checked = validation.check_data(measures, "measures")
    n = checked.shape[1]
    if n > MOST_OUTCOMES or (n_outcomes is not None and n_outcomes != n):
        allowed = f"at most {MOST_OUTCOMES}" if n_outcomes is None else f"n_outcomes={n_outcomes}"
        raise ValueError(f"measures must have {allowed} columns, one per outcome, got {n}")
    with np.errstate(over="ignore"):
        total = np.abs(checked).sum(axis=1)
    if not np.isfinite(total).all():
        raise ValueError(f"measures must have finite sums, got row {int(np.argmax(total))} whose sum overflows")
    return checked


def _outcomes(index: int, n: int) -> np.ndarray:
    outcomes = np.flatnonzero([index >> i & 1 for i in range(n)])
    outcomes.flags.writeable = False
    return outcomes

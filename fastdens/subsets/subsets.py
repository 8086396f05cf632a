"""Total variation by enumeration of all subsets, with an exact answer.

The enumeration runs in rounded doubles and is certified afterwards. Write d_i for p_i - q_i and D(A) for P(A) - Q(A).
Every enumerated sum of D misses its exact value by at most E = (n + 2) u sum |d_i|, so the subset A that came out
largest is within 2 E of the true maximum of |D|. Then every outcome with |d_i| > 2 E lies on its right side already
(moving it would gain more than is left to gain), and the few others are put there one by one in integer arithmetic.
That replaces a re-evaluation of all subsets within 2 E of the maximum, of which ties make up to 2^n.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.core.exact_sums import two_sum
from fastdens.core.threads import check_n_threads, run_blocks
from fastdens.subsets import _subsets as subsets
from fastdens.subsets.limited_subsets import largest_of_size, number_of_subsets

MOST_OUTCOMES = 40  # 2^40 subsets take about a minute and a half on one core
UNIT_ROUNDOFF = 2.0**-53

# A low table of 2^11 sums fills half of a first-level cache of 32 KiB; 2^21 subsets are 0.15 ms of work with AVX2 and
# 1.2 ms without. All splits from 2^9 to 2^12 ran within 1 % of each other (AMD EPYC Zen 4, November 2026, asv suite).
LOW_OUTCOMES = 11
MIDDLE_OUTCOMES = 10
NS_PER_SUBSET = 0.1
NS_PER_DISCREPANCY = 1.0


@dataclass(frozen=True, eq=False)
class SubsetMaximum:
    """The largest discrepancy over all subsets, and where it is reached.

    Attributes
    ----------
    distance : float
        max |P(A) - Q(A)| over all subsets A, the exact value for the given numbers, correctly rounded.
    subset : ndarray of intp
        Outcomes of the smallest subset that reaches it, ascending: all with p > q, or, where only those subsets reach
        it, all with p < q.
    maximal_subset : ndarray of intp
        The largest such subset on the same side: `subset` and every outcome with p = q, as far as they are allowed.
    n_subsets : int
        How many subsets were evaluated: 2^n, or those of an allowed size.
    """

    distance: float
    subset: np.ndarray
    maximal_subset: np.ndarray
    n_subsets: int


def total_variation_subsets(
    p: Any, q: Any, n_threads: int | None = None, *, max_size: int | None = None
) -> SubsetMaximum:
    r"""Total variation distance of two discrete distributions by its definition: the largest discrepancy over all
    subsets.

    .. math:: D(p, q) = \max_{A} \left| \sum_{i \in A} p_i - \sum_{i \in A} q_i \right|

    All 2^n subsets are evaluated, none is left out by symmetry; the result is exact (see `SubsetMaximum`).
    With `max_size` the maximum is over the subsets of at most so many outcomes.

    Parameters
    ----------
    p, q : array-like of shape (n_outcomes,)
        Probabilities: finite, not negative, summing to 1 within 1e-9 (float32: 1e-5); at most 40 outcomes.
    n_threads : int, optional
        Number of threads; by default what `fastdens.threads` says. It does not change a bit of the result.
    max_size : int, optional
        Most outcomes of a subset, at least 1; by default any number.

    Returns
    -------
    SubsetMaximum
        ``distance``, ``subset``, ``maximal_subset`` and ``n_subsets``.

    Raises
    ------
    ValueError
        If p or q is not a discrete distribution, their lengths differ or exceed 40.

    See Also
    --------
    total_variation : The same distance as half the L1 distance, for any number of outcomes.
    subset_discrepancies : P(A) - Q(A) of every subset.
    list_subsets : All subsets one by one, in order of their size.
    maximum_over_subsets : The same search for set functions that are not additive.

    Notes
    -----
    The numbers are taken as given, not rescaled. Where the two sums differ by their rounding, the two sides
    {p > q} and {p < q} differ as much, the larger one counts, and half the L1 distance lies between the two.
    The subsets with p > q are preferred where both sides reach the maximum.

    That the maximum is half the L1 distance is due to Scheffé (1947), A useful convergence theorem for probability
    distributions, Annals of Mathematical Statistics 18, 434-438.

    Examples
    --------
    >>> import fastdens as fd
    >>> result = fd.total_variation_subsets([0.5, 0.25, 0.25, 0.0], [0.0, 0.25, 0.25, 0.5])
    >>> result.distance, result.n_subsets
    (0.5, 16)
    >>> result.subset, result.maximal_subset
    (array([0]), array([0, 1, 2]))
    """
    p, q = _check_distributions(p, q)
    n_threads = check_n_threads(n_threads)
    differences = p - q
    if max_size is not None and validation.check_integer(max_size, "max_size", 1) < len(p):
        return _of_limited_size(p, q, differences, max_size, n_threads)
    members, value = _largest_in_floats(differences, n_threads)
    error = (len(p) + 2) * UNIT_ROUNDOFF * float(np.abs(differences).sum())
    if value < 0:
        members = ~members  # as near to the maximum of D as the other one is to its minimum

    exact = _exact_differences(p, q)
    gains = np.array([difference > 0 for difference in exact])
    if np.any((members != gains) & (np.abs(differences) > 2 * error)):
        raise AssertionError("the enumeration of subsets is off by more than its error bound; please report this")
    neutral = np.array([difference == 0 for difference in exact])
    above = sum(difference for difference in exact if difference > 0)
    below = -sum(difference for difference in exact if difference < 0)
    smallest = gains if above >= below else ~(gains | neutral)
    distance = max(above, below) / _SCALE  # a quotient of integers is correctly rounded
    if abs(distance - abs(value)) > 2 * error:
        raise AssertionError("the enumeration of subsets is off by more than its error bound; please report this")
    return SubsetMaximum(distance, _indices(smallest), _indices(smallest | neutral), 2 ** len(p))


def subset_discrepancies(p: Any, q: Any, n_threads: int | None = None) -> np.ndarray:
    """P(A) - Q(A) for all 2^n subsets A of the outcomes.

    Parameters
    ----------
    p, q : array-like of shape (n_outcomes,)
        Probabilities: finite, not negative, summing to 1 within 1e-9 (float32: 1e-5); at most 40 outcomes.
    n_threads : int, optional
        Number of threads; by default what `fastdens.threads` says. It does not change a bit of the result.

    Returns
    -------
    ndarray of shape (2**n_outcomes,), float64
        Bit i of an index says whether outcome i belongs to A: index 0 is the empty set, 5 is {0, 2}.

    Raises
    ------
    ValueError
        If p or q is not a discrete distribution, their lengths differ or exceed 40.
    MemoryError
        If the array is larger than the memory that is free.

    Notes
    -----
    Differences and sums are carried in doubled precision, so that an entry misses the exact discrepancy of the given
    numbers by at most half a unit in its last place plus 4 n 2^-106 sum |p_i - q_i|.

    Examples
    --------
    >>> import fastdens as fd
    >>> fd.subset_discrepancies([0.5, 0.5], [0.25, 0.75])
    array([ 0.  ,  0.25, -0.25,  0.  ])
    """
    p, q = _check_distributions(p, q)
    n_threads = check_n_threads(n_threads)
    n = len(p)
    needed, available = 8 * 2**n, _available_bytes()
    if needed > available:
        raise MemoryError(
            f"the discrepancies of all subsets of {n} outcomes take {needed / 2**30:.3g} GiB (8 bytes for each of "
            f"2^{n}), and {available / 2**30:.3g} GiB of memory are free; total_variation_subsets needs no such array"
        )
    heads, tails = two_sum(p, -q)
    split = min(n, LOW_OUTCOMES)
    low, low_tail = map(padded, doubled_sums(heads[:split], tails[:split]))
    high, high_tail = doubled_sums(heads[split:], tails[split:])
    sums = np.empty((len(high), len(low)))
    run_blocks(
        lambda queue: subsets.all_sums(low, low_tail, high, high_tail, sums, queue),
        len(sums),
        n_threads,
        NS_PER_DISCREPANCY * 2.0**n,
    )
    return sums.reshape(-1) if sums.size == 2**n else sums[0, : 2**n].copy()


def _of_limited_size(
    p: np.ndarray, q: np.ndarray, differences: np.ndarray, max_size: int, n_threads: int
) -> SubsetMaximum:
    """The enumeration, and the same exactly: of one sign, the largest differences are the best that fit."""
    largest = largest_of_size(differences, max_size, LOW_OUTCOMES, MIDDLE_OUTCOMES, n_threads, NS_PER_SUBSET)
    exact = _exact_differences(p, q)
    sides = []
    for sign in (1, -1):
        gains = sorted((-sign * exact[i], i) for i in range(len(exact)) if sign * exact[i] > 0)[:max_size]
        sides.append((-sum(loss for loss, _ in gains), [i for _, i in gains]))
    total, chosen = max(sides, key=lambda side: side[0])
    distance = total / _SCALE
    if abs(distance - largest) > 2 * (len(p) + 2) * UNIT_ROUNDOFF * float(np.abs(differences).sum()):
        raise AssertionError("the enumeration of subsets is off by more than its error bound; please report this")
    neutral = [i for i in range(len(exact)) if exact[i] == 0]
    smallest = np.isin(np.arange(len(exact)), chosen)
    widest = smallest | np.isin(np.arange(len(exact)), neutral[: max_size - len(chosen)])
    return SubsetMaximum(distance, _indices(smallest), _indices(widest), number_of_subsets(len(exact), max_size))


# Every finite double is a whole number of these.
_SCALE = 2**1074


def _check_distributions(p: Any, q: Any) -> tuple[np.ndarray, np.ndarray]:
    p, q = validation.check_pair_of_probabilities(p, q)
    if len(p) > MOST_OUTCOMES:
        raise ValueError(
            f"p must have at most {MOST_OUTCOMES} outcomes where all subsets are enumerated, got {len(p)}; "
            "total_variation takes any number"
        )
    return p, q


def _largest_in_floats(differences: np.ndarray, n_threads: int) -> tuple[np.ndarray, float]:
    """Membership and rounded sum of the first subset whose sum is largest in absolute value, in block order."""
    n_low = min(len(differences), LOW_OUTCOMES)
    n_below_top = min(len(differences), n_low + MIDDLE_OUTCOMES)
    low = padded(_subset_sums(differences[:n_low]))
    middle = _subset_sums(differences[n_low:n_below_top])
    top = np.ascontiguousarray(differences[n_below_top:])
    largest = np.empty(2 ** len(top))
    run_blocks(
        lambda queue: subsets.largest_sums(low, middle, top, largest, queue),
        len(largest),
        n_threads,
        NS_PER_SUBSET * 2.0 ** len(differences),
    )
    block = int(np.argmax(largest))
    middle_index, low_index = subsets.find_largest(low, middle, top, block, largest[block])
    if middle_index < 0:
        raise AssertionError("no subset has the largest sum that was enumerated; please report this")
    low_index %= 2**n_low  # padding repeats the empty set
    index = low_index | middle_index << n_low | block << n_below_top
    members = np.array([bool(index >> i & 1) for i in range(len(differences))])
    return members, math.copysign(largest[block], math.fsum(differences[members]))


def _subset_sums(values: np.ndarray) -> np.ndarray:
    """The sum over every subset, by doubling: bit i of an index says whether values[i] is in it."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums, sums + value])
    return sums


def padded(low: np.ndarray) -> np.ndarray:
    """A low table as long as the tiles ask for: filled up with the sum of the empty set, 0."""
    missing = -len(low) % subsets.LOW_MULTIPLE
    return np.concatenate([low, np.zeros(missing)]) if missing else low


def doubled_sums(heads: np.ndarray, tails: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As `_subset_sums`, of values heads + tails, with the sums too as heads and tails."""
    sums, errors = np.zeros(1), np.zeros(1)
    for head, tail in zip(heads, tails):
        total, error = two_sum(sums, head)
        total, error = two_sum(total, error + (errors + tail))
        sums, errors = np.concatenate([sums, total]), np.concatenate([errors, error])
    return sums, errors


def _exact_differences(p: np.ndarray, q: np.ndarray) -> list[int]:
    """p_i - q_i as integers, in units of 1 / _SCALE."""

    def whole(value: float) -> int:
        numerator, denominator = value.as_integer_ratio()
        return numerator * (_SCALE // denominator)

    return [whole(a) - whole(b) for a, b in zip(p.tolist(), q.tolist())]


def _indices(members: np.ndarray) -> np.ndarray:
    indices = np.flatnonzero(members)
    indices.flags.writeable = False
    return indices


def _available_bytes() -> float:
    """Memory that can still be had: of the machine and of the control group; infinite where that is unknown."""
    available = math.inf
    try:
        with open("/proc/meminfo") as lines:
            available = next(1024.0 * float(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
            available = float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    try:
        with open("/sys/fs/cgroup/memory.max") as most, open("/sys/fs/cgroup/memory.current") as current:
            available = min(available, float(most.read()) - float(current.read()))
    except (OSError, ValueError):  # no control group, or its limit is the word "max"
        pass
    return available

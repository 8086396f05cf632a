"""The difference of two distributions, P - Q, as whole numbers at outcomes: sums over sets are exact up to a stated
slack."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.core.exact_sums import rounded_sums, two_sum

# Whole numbers of int64 in units of 2^-57: sums of absolute differences are at most 2^58.
_EXPONENT = 57
_ULP = 2.0**-53


@dataclass(frozen=True, eq=False)
class SignedWeights:
    """P - Q at n outcomes.

    Attributes
    ----------
    whole : ndarray of int64
        (P - Q) * scale, to the nearest whole number.
    scale : int
        The unit is 1 / scale.
    slack : float
        Bound on the sum over outcomes of |(P - Q) * scale - whole|; 0 where the whole numbers are exact.
    p, q : ndarray of float64
        The distributions, where there is slack.
    """

    whole: np.ndarray
    scale: int
    slack: float
    p: np.ndarray
    q: np.ndarray

    def sum_over(self, members: Any, extras: Sequence[float] = ()) -> float:
        """P(A) - Q(A) plus some numbers, correctly rounded, of the outcomes A that a mask, a slice or indices name."""
        if self.slack == 0:
            exact = Fraction(int(self.whole[members].sum()), self.scale) + sum(map(Fraction, extras))
            return float(exact)
        heads, tails = two_sum(self.p[members], -self.q[members])
        added = np.array([*extras, 0.0])
        return float(rounded_sums(np.append(heads, added), np.append(tails, np.zeros(len(added)))))

    def differences(self) -> tuple[np.ndarray, np.ndarray]:
        """P - Q at each outcome: rounded, and what rounding has taken away; of whole numbers, these."""
        if self.slack == 0:
            return self.whole, np.zeros(len(self.whole), dtype=np.int64)
        return two_sum(self.p, -self.q)

    def fractions(self) -> np.ndarray:
        """(P - Q) * scale - whole at each outcome, to double precision."""
        grains = np.ldexp(self.p, _EXPONENT), np.ldexp(self.q, _EXPONENT)
        return (grains[0] - np.rint(grains[0])) - (grains[1] - np.rint(grains[1]))

    def slacks(self) -> np.ndarray:
        """Of each outcome, a bound on |(P - Q) * scale - whole|."""
        grains = np.ldexp(self.p, _EXPONENT), np.ldexp(self.q, _EXPONENT)
        return sum(np.abs(grain - np.rint(grain)) for grain in grains)

    @property
    def error(self) -> float:
        """By how much the largest sum of whole numbers may miss the largest sum over sets."""
        return 2 * self.slack / self.scale


def of_distributions(p: np.ndarray, q: np.ndarray) -> SignedWeights:
    """The difference of two distributions on the same outcomes."""
    grains = np.ldexp(p, _EXPONENT), np.ldexp(q, _EXPONENT)
    nearest = np.rint(grains[0]), np.rint(grains[1])
    slack = sum(float(np.abs(grain - near).sum()) for grain, near in zip(grains, nearest))
    whole = nearest[0].astype(np.int64) - nearest[1].astype(np.int64)
    return SignedWeights(whole, 1 << _EXPONENT, slack * (1 + len(p) * _ULP), p, q)


def of_samples(n: int, m: int, weight_X: np.ndarray | None, weight_Y: np.ndarray | None) -> tuple[SignedWeights, float]:
    """The difference of two empirical distributions, the outcomes of the first before those of the second; with m = 0
    the first.

    Whole-number weights make exact differences. Others are divided by their sum, which misses the distribution that
    they state; the second result bounds what that does to the probability of any set.
    """
    counts = [_counts(size, weights) for size, weights in ((n, weight_X), (m, weight_Y))]
    first, second = counts
    if first is not None and second is not None:
        totals = int(first.sum()), int(second.sum()) if m else 1
        if totals[0] * totals[1] <= 1 << _EXPONENT:
            whole = np.append(first.astype(np.int64) * totals[1], -second.astype(np.int64) * totals[0])
            return SignedWeights(whole, totals[0] * totals[1], 0.0, whole[:0], whole[:0]), 0.0
    distributions = []
    for size, weights in ((n, weight_X), (m, weight_Y)):
        weights = np.ones(size) if weights is None else weights
        scaled = np.ldexp(weights, -math.frexp(weights.max(initial=0))[1])  # no sum overflows
        distributions.append(scaled / math.fsum(scaled.tolist()) if size else scaled)
    return of_distributions(
        np.append(distributions[0], np.zeros(m)), np.append(np.zeros(n), distributions[1])
    ), 8 * _ULP


def _counts(size: int, weights: np.ndarray | None) -> np.ndarray | None:
    """Weights that are whole numbers, with a sum that is exact; None where they are not."""
    if weights is None:
        return np.ones(size)
    if weights.max(initial=0) < 2.0**53 and np.array_equal(weights, np.floor(weights)) and weights.sum() < 2.0**53:
        return weights
    return None


def check_distributions(p: Any, q: Any) -> SignedWeights:
    """The difference of two discrete distributions that a user passes in."""
    return of_distributions(*validation.check_pair_of_probabilities(p, q))

"""The best test between two distributions, from the set that the total variation has as its witness."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.models.drawing import draw

# Draws held at a time, each of all observations.
_ROWS_AT_A_TIME = 1 << 18


@dataclass(frozen=True, eq=False)
class BestTest:
    """A likelihood-ratio test of P against Q: it says Q where ln(q / p) is above a threshold.

    Attributes
    ----------
    log_threshold : float
        ln(q / p), summed over the observations, above which the test says Q.
    share_at_threshold : float
        With what probability it says Q where the ratio is the threshold itself; 0 unless a size was asked for.
    error_of_first_kind, error_of_second_kind : float
        Probability that it says Q under P, and P under Q.
    standard_errors : tuple of two floats
        Standard errors of the two; 0 where they are exact.
    accepts_p : ndarray of intp, or None
        Of discrete distributions: the outcomes, counted from 0, on which it says P.
    """

    log_threshold: float
    share_at_threshold: float
    error_of_first_kind: float
    error_of_second_kind: float
    standard_errors: tuple[float, float]
    accepts_p: np.ndarray | None

    @property
    def size(self) -> float:
        """The probability of saying Q under P."""
        return self.error_of_first_kind

    @property
    def power(self) -> float:
        """The probability of saying Q under Q."""
        return 1.0 - self.error_of_second_kind


def best_test(
    P: Any,
    Q: Any,
    size: float | None = None,
    *,
    n_observations: int = 1,
    n_draws: int = 100_000,
    random_state: Any = None,
) -> BestTest:
    r"""Best test between two distributions: the likelihood-ratio test of Neyman and Pearson.

    Without a size it makes the sum of its two error probabilities smallest, which is then

    .. math:: P(q > p) + Q(q \le p) = 1 - D(P, Q)

    with the total variation distance D; it says P on the witness set {q <= p} of D. With a size it has the largest
    power of all tests whose error of the first kind is no larger.

    Parameters
    ----------
    P, Q : array-like of shape (n_outcomes,), or fitted model
        Two discrete distributions, or two models (anything with `score_samples` and `sample`).
    size : float, optional
        The error of the first kind, between 0 and 1.
    n_observations : int, default=1
        How many independent observations the test sees.
    n_draws : int, default=100000
        How often each distribution is drawn from where the errors are found by simulation: for models, and for more
        than one observation. With a size half of the draws find the threshold and the others judge it.
    random_state : int, Generator, RandomState or None, default=None
        Source of the draws.

    Returns
    -------
    BestTest
        Threshold and error probabilities; of discrete distributions and one observation exact ones.

    Raises
    ------
    ValueError
        If a distribution is not discrete or of other length, the size is not between 0 and 1, or a number is too small.
    TypeError
        If one distribution is discrete and the other a model.

    References
    ----------
    Neyman and Pearson (1933), On the problem of the most efficient tests of statistical hypotheses, Philosophical
    Transactions of the Royal Society A 231, 289-337.

    Examples
    --------
    >>> import fastdens as fd
    >>> p, q = [0.5, 0.25, 0.25, 0.0], [0.0, 0.25, 0.25, 0.5]
    >>> test = fd.best_test(p, q)
    >>> test.error_of_first_kind + test.error_of_second_kind == 1 - fd.total_variation(p, q)
    True
    >>> test.accepts_p
    array([0, 1, 2])
    """
    models = [hasattr(distribution, "score_samples") and hasattr(distribution, "sample") for distribution in (P, Q)]
    if models[0] != models[1]:
        raise TypeError(
            f"P and Q must be two discrete distributions or two models, got {type(P).__name__}, {type(Q).__name__}"
        )
    if size is not None:
        size = float(validation.check_between_0_and_1(size, "size"))
    n_observations = validation.check_integer(n_observations, "n_observations", 1)
    n_draws = validation.check_integer(n_draws, "n_draws", 2)
    random = validation.check_random_state(random_state)
    if models[0]:
        of_p, of_q = (_ratios_of_models(distribution, P, Q, n_observations, n_draws, random) for distribution in (P, Q))
        return _simulated(of_p, of_q, size)
    p, q = validation.check_pair_of_probabilities(P, Q)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_ratio = np.where((p == 0) & (q == 0), -np.inf, np.log(q) - np.log(p))
    # The sign of a difference of logarithms may be lost to rounding, that of q - p is not.
    log_ratio = np.where(q > p, np.maximum(log_ratio, 5e-324), log_ratio)
    log_ratio = np.where(q < p, np.minimum(log_ratio, -5e-324), log_ratio)
    log_ratio[(p == q) & (p > 0)] = 0.0
    if n_observations == 1:
        return _of_outcomes(p, q, log_ratio, size)
    of_p, of_q = (
        _ratios_of_outcomes(distribution, log_ratio, n_observations, n_draws, random) for distribution in (p, q)
    )
    return _simulated(of_p, of_q, size)


def _of_outcomes(p: np.ndarray, q: np.ndarray, log_ratio: np.ndarray, size: float | None) -> BestTest:
    """Exact: sums of the probabilities on either side."""
    threshold, share = 0.0, 0.0
    if size is not None:
        levels, level = np.unique(log_ratio, return_inverse=True)
        of_level = np.bincount(level, p, len(levels))
        above = np.append(np.cumsum(of_level[::-1])[::-1][1:], 0.0)  # P(ratio > level)
        k = int(np.argmax(above <= size))
        threshold = float(levels[k])
        share = float(min(1.0, (size - above[k]) / of_level[k])) if of_level[k] > 0 else 1.0
    says_q, at = log_ratio > threshold, log_ratio == threshold
    first = math.fsum([*p[says_q].tolist(), *(share * p[at]).tolist()])
    second = math.fsum([*q[~says_q & ~at].tolist(), *((1.0 - share) * q[at]).tolist()])
    return BestTest(threshold, share, first, second, (0.0, 0.0), np.flatnonzero(~says_q))


def _simulated(under_p: np.ndarray, under_q: np.ndarray, size: float | None) -> BestTest:
    threshold, share = 0.0, 0.0
    if size is not None:
        half = len(under_p) // 2
        ordered, under_p = np.sort(under_p[:half])[::-1], under_p[half:]
        # The smallest threshold that no more than a share `size` of the draws exceeds.
        place = math.floor(size * half)
        threshold = float(ordered[place]) if place < half else -math.inf
        at = ordered == threshold
        share = (size * half - float((ordered > threshold).sum())) / at.sum() if at.any() else 0.0
        share = float(min(max(share, 0.0), 1.0))
    says_q = [np.where(r > threshold, 1.0, np.where(r == threshold, share, 0.0)) for r in (under_p, under_q)]
    first, second = float(says_q[0].mean()), float(1.0 - says_q[1].mean())
    errors = tuple(float(values.std() / math.sqrt(len(values))) for values in says_q)
    return BestTest(threshold, share, first, second, (errors[0], errors[1]), None)


def _ratios_of_models(
    distribution: Any, P: Any, Q: Any, n_observations: int, n_draws: int, random: np.random.Generator
) -> np.ndarray:
    """ln(q / p) of draws from a distribution, summed over the observations."""
    ratios = np.empty(n_draws)
    step = max(1, _ROWS_AT_A_TIME // n_observations)
    for first in range(0, n_draws, step):
        count = min(step, n_draws - first)
        rows = draw(distribution, count * n_observations, int(random.integers(2**31)))
        with np.errstate(invalid="ignore"):
            values = np.asarray(Q.score_samples(rows), dtype=float) - np.asarray(P.score_samples(rows), dtype=float)
        ratios[first : first + count] = values.reshape(count, n_observations).sum(axis=1)
    return ratios


def _ratios_of_outcomes(
    distribution: np.ndarray, log_ratio: np.ndarray, n_observations: int, n_draws: int, random: np.random.Generator
) -> np.ndarray:
    counts = random.multinomial(n_observations, distribution / distribution.sum(), size=n_draws)
    with np.errstate(invalid="ignore"):
        infinite = np.where(counts > 0, np.where(np.isinf(log_ratio), log_ratio, 0.0), 0.0).sum(axis=1)
    finite = counts @ np.where(np.isinf(log_ratio), 0.0, log_ratio)
    return np.where(infinite == 0, finite, infinite)

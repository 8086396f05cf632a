"""Are two samples of one distribution? A test by permutations, whose statistic is an f-divergence, and its power.

The statistic is formed from the labels among the nearest neighbours in the pooled sample (Henze 1988; Noshad et al.
2017): the neighbours are searched for once, and a permutation of the labels is a sum over them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.divergences.generators import Generator
from fastdens.divergences.kinds import check_kind
from fastdens.divergences.samples.classifier_sets import CONFIDENCE, binomial_bounds
from fastdens.divergences.samples.neighbor_space import whitening
from fastdens.models.drawing import draw
from fastdens.neighbors.neighbors import check_k, kneighbors

SMALLEST_POOLED_COUNT, LARGEST_POOLED_COUNT = 5, 50


@dataclass(frozen=True)
class TwoSampleTest:
    """The outcome of a permutation test.

    Attributes
    ----------
    statistic : float
        A divergence of the samples from the labels of neighbours; it has an upward bias, which the permutations
        share.
    p_value : float
        (1 + permutations with a statistic at least as large) / (1 + permutations).
    null_mean, null_standard_deviation : float
        Of the statistic under the permutations.
    n_permutations : int
    """

    statistic: float
    p_value: float
    null_mean: float
    null_standard_deviation: float
    n_permutations: int


@dataclass(frozen=True)
class TestPower:
    """The power of a test, estimated by repetitions.

    Attributes
    ----------
    value : float
        Share of the repetitions in which the test rejects.
    interval : tuple of two floats
        Exact 95 % confidence interval (Clopper and Pearson 1934).
    n_repetitions : int
    """

    __test__ = False  # no test of ours, though its name begins so

    value: float
    interval: tuple[float, float]
    n_repetitions: int


def two_sample_test(
    X: Any,
    Y: Any,
    *,
    kind: str = "js",
    alpha: float | None = None,
    f: Callable[[np.ndarray], np.ndarray] | None = None,
    n_permutations: int = 999,
    n_neighbors: int | None = None,
    random_state: Any = None,
    n_threads: int | None = None,
) -> TwoSampleTest:
    r"""Test whether two samples are of one distribution, by permutations of which row is of which sample.

    The statistic is

    .. math:: \frac1N \sum_{i=1}^N q_i f(p_i / q_i), \qquad
              p_i = \frac{a_i + 1/2}{k + 1} \frac Nn, \quad q_i = \frac{k - a_i + 1/2}{k + 1} \frac Nm,

    where a is how many of the k nearest neighbours of a row among all N = n + m rows are of X: p and q are densities
    relative to that of the pooled sample.

    Parameters
    ----------
    X, Y : array-like of shape (n_samples, n_features)
        The samples; at least 2 rows each.
    kind : str, default="js"
        A divergence: "tv", "kl", "reverse_kl", "jeffreys", "js", "squared_hellinger", "chi2", "neyman_chi2", "alpha",
        "f", or what grows with one of these: "hellinger", "js_distance", "renyi".
    alpha : float, optional
        The order with kind="alpha" and kind="renyi".
    f : callable, optional
        The convex function with kind="f".
    n_permutations : int, default=999
        Permutations; the smallest p-value there can be is 1 / (n_permutations + 1).
    n_neighbors : int, optional
        Neighbours in the pooled sample; by default the root of its size, from 5 to 50.
    random_state : int, Generator or RandomState, optional
        Source of the permutations.
    n_threads : int, optional
        Threads for the search; by default what `fastdens.threads` allows.

    Returns
    -------
    TwoSampleTest
        With `statistic`, `p_value`, `null_mean`, `null_standard_deviation`, `n_permutations`.

    Raises
    ------
    ValueError
        If the samples are too small, differ in features, or hold NaN or infinity; if there are fewer than n_neighbors
        other rows.

    Notes
    -----
    If both samples are independent draws of one distribution, P(p_value <= a) <= a for every a, at any sample size,
    whatever the distribution: the neighbours do not depend on the labels, equally distant ones are chosen in random
    order of the rows, and the observed labelling counts as one of the permutations. The features are brought to unit
    covariance of the pooled sample first, so that units do not matter.

    References
    ----------
    N. Henze, "A multivariate two-sample test based on the number of nearest neighbor type coincidences", Annals of
    Statistics 16 (1988). M. Noshad, K. Moon, S. Sekeh and A. Hero, "Direct estimation of information divergence using
    nearest neighbor ratios", ISIT (2017). B. Phipson and G. Smyth, "Permutation p-values should never be zero",
    Statistical Applications in Genetics and Molecular Biology 9 (2010).

    Examples
    --------
    >>> import numpy as np
    >>> import fastdens as fd
    >>> random = np.random.default_rng(0)
    >>> X, Y = random.normal(size=(200, 2)), random.normal(size=(200, 2)) + [0.7, 0.0]
    >>> fd.two_sample_test(X, Y, n_permutations=199, random_state=0).p_value
    0.005
    """
    generator = check_kind(kind, alpha, f).generator
    X, Y = _checked_pair(X, Y)
    n_permutations = validation.check_integer(n_permutations, "n_permutations", 1)
    k = _pooled_count(n_neighbors, len(X) + len(Y))
    random = validation.check_random_state(random_state)
    return _test(X, Y, generator, k, n_permutations, random, n_threads)


def two_sample_power(
    P: Any,
    Q: Any,
    n_samples: tuple[int, int],
    *,
    kind: str = "js",
    alpha: float | None = None,
    f: Callable[[np.ndarray], np.ndarray] | None = None,
    level: float = 0.05,
    n_repetitions: int = 200,
    n_permutations: int = 199,
    n_neighbors: int | None = None,
    random_state: Any = None,
    n_threads: int | None = None,
) -> TestPower:
    """How often `two_sample_test` tells two distributions apart from samples of given sizes.

    Parameters
    ----------
    P, Q : density with `sample`, or array-like of shape (n_samples, n_features)
        The distributions: models to draw from, or large samples, of which rows are drawn without repeats.
    n_samples : tuple of two ints
        Sizes of the samples that the test would have.
    kind : str, default="js"
        The statistic's divergence, as in `two_sample_test`.
    alpha : float, optional
        The order with kind="alpha" and kind="renyi".
    f : callable, optional
        The convex function with kind="f".
    level : float, default=0.05
        The test rejects where the p-value is at most this.
    n_repetitions : int, default=200
        Pairs of samples that are drawn and tested.
    n_permutations : int, default=199
        Permutations of each test.
    n_neighbors : int, optional
        As in `two_sample_test`.
    random_state : int, Generator or RandomState, optional
        Source of the samples and permutations.
    n_threads : int, optional
        Threads for the search; by default what `fastdens.threads` allows.

    Returns
    -------
    TestPower
        With `value`, its exact 95 % `interval`, and `n_repetitions`.

    Raises
    ------
    ValueError
        If a sample has fewer rows than are to be drawn, the level is not between 0 and 1, or `two_sample_test` refuses
        the data.

    Notes
    -----
    Rows are drawn without repeats, as repeated rows would be each other's neighbours and feign power. Pairs of samples
    cut from one finite sample overlap, so the interval holds for the given rows, not for new ones.

    Examples
    --------
    >>> import numpy as np
    >>> import fastdens as fd
    >>> P = fd.Gaussian().fit(np.random.default_rng(0).normal(size=(500, 1)))
    >>> fd.two_sample_power(P, P, (50, 50), n_repetitions=40, random_state=0).value < 0.2
    True
    """
    generator = check_kind(kind, alpha, f).generator
    sizes = _checked_sizes(n_samples)
    level = validation.check_number(level, "level", above=0.0)
    if level >= 1:
        raise ValueError(f"level must be less than 1, got {level!r}")
    n_repetitions = validation.check_integer(n_repetitions, "n_repetitions", 1)
    n_permutations = validation.check_integer(n_permutations, "n_permutations", 1)
    k = _pooled_count(n_neighbors, sum(sizes))
    random = validation.check_random_state(random_state)
    draw = [_source(distribution, size, name) for distribution, size, name in zip((P, Q), sizes, "PQ")]
    n_rejected = 0
    for _ in range(n_repetitions):
        X, Y = _checked_pair(draw[0](random), draw[1](random))
        n_rejected += _test(X, Y, generator, k, n_permutations, random, n_threads).p_value <= level
    return TestPower(n_rejected / n_repetitions, binomial_bounds(n_rejected, n_repetitions, CONFIDENCE), n_repetitions)


def _checked_pair(X: Any, Y: Any) -> tuple[np.ndarray, np.ndarray]:
    X, Y = validation.check_data(X, "X", min_samples=2), validation.check_data(Y, "Y", min_samples=2)
    if X.shape[1] != Y.shape[1]:
        raise ValueError(f"X and Y must have the same number of features, got {X.shape[1]} and {Y.shape[1]}")
    return X, Y


def _checked_sizes(n_samples: Any) -> tuple[int, int]:
    if not isinstance(n_samples, tuple | list) or len(n_samples) != 2:
        raise TypeError(f"n_samples must be a pair of integers, got {n_samples!r}")
    first, second = (validation.check_integer(n, "n_samples", 2) for n in n_samples)
    return first, second


def _source(distribution: Any, size: int, name: str) -> Callable[[np.random.Generator], np.ndarray]:
    if hasattr(distribution, "sample"):

        def drawn(random: np.random.Generator) -> np.ndarray:
            return draw(distribution, size, random)

        return drawn
    rows = validation.check_data(distribution, name, min_samples=size)
    return lambda random: rows[random.choice(len(rows), size, replace=False)]


def _pooled_count(n_neighbors: Any, n: int) -> int:
    if n_neighbors is None:
        return min(max(SMALLEST_POOLED_COUNT, round(math.sqrt(n))), LARGEST_POOLED_COUNT, n - 1)
    return check_k(n_neighbors, n - 1, "n_neighbors")


def _test(
    X: np.ndarray,
    Y: np.ndarray,
    generator: Generator,
    k: int,
    n_permutations: int,
    random: np.random.Generator,
    n_threads: int | None,
) -> TwoSampleTest:
    n, m = len(X), len(Y)
    # Of equally distant neighbours the search takes the first rows: in random order that has nothing to do with labels.
    order = random.permutation(n + m)
    pooled = np.concatenate([X, Y])[order]
    of_x = order < n
    _, neighbors = kneighbors(whitening(pooled)(pooled), k=k, exclude_self=True, n_threads=n_threads)
    # What a row adds depends on how many of its k neighbours are of X, a number from 0 to k.
    n_of_x = np.arange(k + 1)
    by_count = generator.terms((n_of_x + 0.5) / (k + 1) * ((n + m) / n), (k - n_of_x + 0.5) / (k + 1) * ((n + m) / m))

    def statistic(labels: np.ndarray) -> float:
        counts = np.take(labels.astype(np.int64), neighbors).sum(axis=1)
        # By the numbers of rows with each count, so that equal statistics are equal to the last bit.
        return float(np.bincount(counts, minlength=k + 1) @ by_count) / (n + m)

    observed = statistic(of_x)
    null = np.array([statistic(random.permutation(of_x)) for _ in range(n_permutations)])
    p_value = (1 + int((null >= observed).sum())) / (1 + n_permutations)
    return TwoSampleTest(observed, p_value, float(null.mean()), float(null.std()), n_permutations)

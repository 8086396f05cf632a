"""The largest discrepancy of two distributions over a family of sets: total variation, restricted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.core.threads import check_n_threads
from fastdens.divergences.families import line_families, plane_families
from fastdens.divergences.families.family_arguments import (
    FAMILIES,
    IN_THE_PLANE,
    ON_THE_LINE,
    WITHOUT_PLACES,
    check_k,
    check_order,
    check_points,
    distribution_of,
    ranks_of,
)
from fastdens.divergences.families.set_witnesses import Witness
from fastdens.divergences.families.signed_weights import (
    SignedWeights,
    check_distributions,
    of_distributions,
    of_samples,
)


@dataclass(frozen=True, eq=False)
class SetDiscrepancy:
    """The largest discrepancy over a family of sets, and a set that has it.

    Attributes
    ----------
    value : float
        |P(A) - Q(A)| of the set A found, for the given numbers; correctly rounded.
    difference : float
        P(A) - Q(A): the value with its sign.
    witness : Interval, IntervalUnion, Box, HalfPlane or None
        The set A, with a method ``contains``: half-lines and intervals are an Interval, with `low`, `high` and which
        ends are included; unions and the empty set an IntervalUnion; None where a set is a list of outcomes only.
    indices : ndarray of intp
        What lies in A: outcomes of discrete distributions, rows of the sample X; ascending. Empty for a continuous
        distribution.
    indices_Y : ndarray of intp
        Rows of the sample Y in A; empty where there is none.
    error : float
        No set of the family has a discrepancy above ``value + error``, but for the rounding of the value.
    exact : bool
        Whether the error is 0.
    """

    value: float
    difference: float
    witness: Witness
    indices: np.ndarray
    indices_Y: np.ndarray
    error: float

    @property
    def exact(self) -> bool:
        return self.error == 0


def set_discrepancy(
    p: Any,
    q: Any,
    family: str = "half-lines",
    points: Any = None,
    *,
    k: int | None = None,
    exactly: bool = False,
    cells: Any = None,
    order: Any = None,
    n_threads: int | None = None,
) -> SetDiscrepancy:
    r"""The largest discrepancy of two discrete distributions over a family of sets.

    .. math:: D_{\mathcal A}(P, Q) = \sup_{A \in \mathcal A} |P(A) - Q(A)|

    Parameters
    ----------
    p, q : array-like of shape (n_outcomes,)
        Probabilities: finite, not negative, summing to 1 within 1e-9 (float32: 1e-5). On the line q may be a continuous
        distribution instead: a model with ``cdf``, an object of `scipy.stats`, or a vectorised distribution function.
    family : str, default="half-lines"
        The sets A:

        ==================  ============================================================================
        "half-lines"        x <= c (Kolmogorov-Smirnov); O(n log n)
        "intervals"         with or without their ends (Kuiper); O(n log n)
        "interval-unions"   unions of at most k intervals; O(n log n)
        "boxes"             rectangles with sides along the axes, in the plane; O(n^2)
        "half-planes"       in the plane; O(n^2 log n)
        "size"              at most, or `exactly`, k outcomes; O(n)
        "partition"         unions of given cells; O(n)
        "up-sets"           with an outcome all above it in an `order` (stochastic order); a maximum flow
        "all"               all sets: the total variation distance, 1 from a continuous distribution; O(n log n)
        ==================  ============================================================================
    points : array-like of shape (n_outcomes,) or (n_outcomes, 2), optional
        Where the outcomes lie. Points may repeat: no set tells equal ones apart. By default, in one dimension, the
        numbers 0, 1, ..., n_outcomes - 1. Not for "size", "partition" and "up-sets".
    k : int, optional
        Number of intervals, or of outcomes; for "interval-unions" and "size" only, which need it.
    exactly : bool, default=False
        Whether sets of a size have exactly k outcomes.
    cells : array-like of shape (n_outcomes,), optional
        Label of each outcome's cell; for "partition" only, which needs it.
    order : array-like of shape (n_pairs, 2) or (n_outcomes, n_outcomes), optional
        For "up-sets" only, which needs it: pairs of outcomes (i, j) with i <= j, as whole numbers; or a boolean matrix
        whose entry (i, j) says whether i <= j. What follows by transitivity may be left out. Outcomes on a cycle are
        equal: in a set together or not at all.
    n_threads : int, optional
        Number of threads; by default what `fastdens.threads` says. It does not change a bit of the result.

    Returns
    -------
    SetDiscrepancy
        ``value``, ``difference``, ``witness``, ``indices``, ``error`` and ``exact``.

    Raises
    ------
    ValueError
        If p or q is no distribution, points do not fit the family, or an option is missing or has no meaning for it.

    See Also
    --------
    sample_discrepancy : The same for samples.
    total_variation_subsets : All sets, by enumeration.

    Notes
    -----
    Sums are of whole numbers, in units of 2^-57. Where the distributions are no multiples of that, sets in one
    dimension that come within rounding of the best are compared exactly; of the other families ``error`` says what
    rounding may have hidden, about 2^-57 per outcome. A half-plane's ``indices`` are exact, also where points lie
    nearer to its border than rounding lets ``contains`` see.

    References
    ----------
    Kuiper (1960), Tests concerning random points on a circle, Indagationes Mathematicae 22, 38-47.
    Dobkin, Gunopulos and Maass (1996), Computing the maximum bichromatic discrepancy, Journal of Computer and System
    Sciences 52, 453-470.
    Picard (1976), Maximal closure of a graph and applications to combinatorial problems, Management Science 22,
    1268-1272. Strassen (1965), The existence of probability measures with given marginals, Annals of Mathematical
    Statistics 36, 423-439 (P is below Q where no up-set has P(U) > Q(U)).
    Barbay, Chan, Navarro and Pérez-Lantero (2014), Maximum-weight planar boxes in O(n^2) time (and better),
    Information Processing Letters 114, 437-445.

    Examples
    --------
    >>> import fastdens as fd
    >>> p, q = [0.5, 0.25, 0.25, 0.0], [0.0, 0.25, 0.25, 0.5]
    >>> result = fd.set_discrepancy(p, q, "intervals", points=[1.0, 2.0, 3.0, 4.0])
    >>> result.value, str(result.witness), result.exact
    (0.5, '[1, 1]', True)
    >>> fd.set_discrepancy(p, q, "size", k=2).indices
    array([0])
    >>> fd.set_discrepancy(p, q, "up-sets", order=[(1, 0), (0, 2), (3, 2)]).indices
    array([0, 2])
    """
    family = validation.check_option(family, "family", FAMILIES)
    n_threads = check_n_threads(n_threads)
    k = check_k(k, family)
    distribution = distribution_of(q)
    if distribution is None:
        weights = check_distributions(p, q)
    else:
        masses = validation.check_probabilities(p, "p")
        weights = of_distributions(masses, np.zeros(len(masses)))
    n = len(weights.whole)
    if exactly not in (True, False):
        raise TypeError(f"exactly must be True or False, got {exactly!r}")
    if exactly and family != "size":
        raise ValueError(f"exactly must be False unless family is 'size', got True with family={family!r}")
    if (cells is None) == (family == "partition"):
        raise ValueError(
            f"cells must be given with family='partition' and with no other, got {cells!r} with family={family!r}"
        )
    if (order is None) == (family == "up-sets"):
        raise ValueError(f"order must be given with family='up-sets' and with no other, got {order!r} with {family=}")
    if points is not None and family in WITHOUT_PLACES:
        raise ValueError(f"points must be None where family is {family!r}, which knows no places")
    if family == "size" and distribution is None:
        size = validation.check_integer(k, "k", 1, n if exactly else None)
        return _result(plane_families.over_sizes(weights, min(size, n), bool(exactly)), n)
    if family == "partition" and distribution is None:
        labels = np.asarray(cells)
        if labels.shape != (n,):
            raise ValueError(f"cells must have shape ({n},): one label per outcome, got shape {labels.shape}")
        return _result(plane_families.over_cells(ranks_of(labels), weights), n)
    if family == "up-sets" and distribution is None:
        return _result(plane_families.over_up_sets(check_order(order, n), weights), n)
    if points is None:
        if family in IN_THE_PLANE:
            raise ValueError(f"points must be given where family is {family!r}, got None")
        points = np.arange(float(n))
    places = check_points(points, family, "points")
    validation.check_length(len(places), "points", n, "outcome")
    return _result(_over(family, places, weights, distribution, k, n_threads), n)


def sample_discrepancy(
    X: Any,
    Y: Any,
    family: str = "half-lines",
    *,
    k: int | None = None,
    weight_X: Any = None,
    weight_Y: Any = None,
    n_threads: int | None = None,
) -> SetDiscrepancy:
    r"""The largest discrepancy of two samples, or of a sample and a continuous distribution, over a family of sets.

    .. math:: D_{\mathcal A}(X, Y) = \sup_{A \in \mathcal A} \left| \frac{\sum_i w_i 1_A(x_i)}{\sum_i w_i}
        - \frac{\sum_j v_j 1_A(y_j)}{\sum_j v_j} \right|

    Parameters
    ----------
    X, Y : array-like of shape (n_samples,) or (n_samples, n_features)
        The samples: of one feature, of two with families of the plane, of any number for "all". Of one feature either,
        but not both, may be a continuous distribution instead: a model with ``cdf``, an object of `scipy.stats`, or a
        vectorised distribution function.
    family : str, default="half-lines"
        "half-lines", "intervals", "interval-unions", "boxes", "half-planes" or "all"; see `set_discrepancy`.
    k : int, optional
        Largest number of intervals; for "interval-unions" only, which needs it.
    weight_X, weight_Y : array-like of shape (n_samples,), optional
        Weights of the rows: not negative, on any scale; by default all equal.
    n_threads : int, optional
        Number of threads; by default what `fastdens.threads` says. It does not change a bit of the result.

    Returns
    -------
    SetDiscrepancy
        ``value``, ``difference``, ``witness``, ``indices``, ``indices_Y``, ``error`` and ``exact``. Equal points are in
        the set together or out together. Exact where weights are whole numbers whose sums have a product below 2^57;
        against a continuous distribution, for the distribution function as it was returned.

    Raises
    ------
    ValueError
        If the samples do not fit the family, weights are bad, or both X and Y are continuous distributions.

    See Also
    --------
    set_discrepancy : The same for discrete distributions, and the families.
    kolmogorov_distance : The value for half-lines.

    References
    ----------
    Smirnov (1948), Table for estimating the goodness of fit of empirical distributions, Annals of Mathematical
    Statistics 19, 279-281; and as `set_discrepancy`.

    Examples
    --------
    >>> import fastdens as fd
    >>> result = fd.sample_discrepancy([1, 2, 2, 3], [2, 3, 3, 4])
    >>> result.value, str(result.witness), result.indices, result.indices_Y
    (0.5, '(-inf, 2]', array([0, 1, 2]), array([0]))
    >>> import scipy.stats
    >>> fd.sample_discrepancy([0.0], scipy.stats.norm(), "all").value
    1.0
    """
    family = validation.check_option(family, "family", tuple(f for f in FAMILIES if f not in WITHOUT_PLACES))
    n_threads = check_n_threads(n_threads)
    k = check_k(k, family)
    distributions = [distribution_of(X), distribution_of(Y)]
    swapped = distributions[0] is not None
    if swapped and distributions[1] is not None:
        raise ValueError("X and Y must not both be continuous distributions: at least one must be a sample")
    if swapped:
        X, Y, weight_X, weight_Y = Y, X, weight_Y, weight_X
    distribution = distributions[0] if swapped else distributions[1]
    names = ("Y", "X") if swapped else ("X", "Y")
    points = check_points(X, family, names[0])
    n, m = len(points), 0
    w, v = validation.check_sample_weight(weight_X, n, f"weight_{names[0]}"), None
    if distribution is None:
        others = check_points(Y, family, "Y")
        if others.shape[1:] != points.shape[1:]:
            raise ValueError(f"Y must have {points.shape[1]} features like X, got {others.shape[1]}")
        points, m = np.concatenate([points, others]), len(others)
        v = validation.check_sample_weight(weight_Y, m, "weight_Y")
    elif weight_Y is not None:
        raise ValueError(f"weight_{names[1]} must be None where {names[1]} is a continuous distribution")
    if family in ("half-lines", "intervals") and distribution is None and w is None and v is None and n * m < 2**62:
        return _result(line_families.of_two_samples(points[:n, 0], points[n:, 0], family), n)
    weights, error = of_samples(n, m, w, v)
    found = _result(_over(family, points, weights, distribution, k, n_threads), n, error)
    if not swapped:
        return found
    return SetDiscrepancy(found.value, -found.difference, found.witness, found.indices_Y, found.indices, found.error)


def kolmogorov_distance(P: Any, Q: Any, points: Any = None, *, weight_P: Any = None, weight_Q: Any = None) -> float:
    r"""Kolmogorov distance of two univariate distributions: the largest difference of their distribution functions.

    .. math:: D(P, Q) = \sup_c |P(x \le c) - Q(x \le c)|

    Parameters
    ----------
    P, Q : array-like of shape (n_samples,) or (n_samples, 1)
        Samples; or probabilities of outcomes at `points`. One of them may be a continuous distribution (with `points`,
        Q): a model with ``cdf``, an object of `scipy.stats`, or a vectorised distribution function.
    points : array-like of shape (n_outcomes,), optional
        Where outcomes lie; then P and Q are discrete distributions on them.
    weight_P, weight_Q : array-like of shape (n_samples,), optional
        Weights of the rows of samples.

    Returns
    -------
    float
        The distance, between 0 and 1: the exact value for the given numbers, correctly rounded.

    Raises
    ------
    ValueError
        If P or Q is neither of these, or weights are given for discrete distributions.

    See Also
    --------
    sample_discrepancy, set_discrepancy : The same with the half-line where it is reached, and other families of sets.

    References
    ----------
    Kolmogorov (1933), Sulla determinazione empirica di una legge di distribuzione, Giornale dell'Istituto Italiano
    degli Attuari 4, 83-91.

    Examples
    --------
    >>> import fastdens as fd
    >>> fd.kolmogorov_distance([1, 2, 2, 3], [2, 3, 3, 4])
    0.5
    >>> fd.kolmogorov_distance([0.5, 0.5], [0.25, 0.75], points=[-1.0, 1.0])
    0.25
    """
    if points is None:
        return sample_discrepancy(P, Q, weight_X=weight_P, weight_Y=weight_Q).value
    if weight_P is not None or weight_Q is not None:
        raise ValueError("weight_P and weight_Q must be None where points are given: P and Q are the weights")
    return set_discrepancy(P, Q, points=points).value


def _over(
    family: str,
    points: np.ndarray,
    weights: SignedWeights,
    distribution: Callable[[np.ndarray], Any] | None,
    k: int | None,
    n_threads: int,
) -> line_families.Found:
    if family in ON_THE_LINE:
        pieces = line_families.cut_line(points.reshape(-1), weights, distribution, n_threads)
        return line_families.OVER[family](pieces, k)
    if family == "all":
        if distribution is None:
            return plane_families.over_cells(ranks_of(points), weights)
        # A continuous distribution gives nothing to the set of all points, which P has all its mass in.
        return 1.0, None, np.flatnonzero(weights.p if weights.slack else weights.whole), 0.0
    if distribution is not None:
        raise ValueError(
            f"family must be one of the line's, or 'all', where a distribution is continuous, got {family!r}"
        )
    return IN_THE_PLANE[family](points, weights, n_threads)


def _result(found: line_families.Found, n: int, error: float = 0.0) -> SetDiscrepancy:
    difference, witness, rows, slack = found
    rows = np.sort(rows)
    split = int(np.searchsorted(rows, n))
    indices, indices_Y = rows[:split].copy(), rows[split:] - n
    for array in (indices, indices_Y):
        array.flags.writeable = False
    return SetDiscrepancy(abs(difference), difference, witness, indices, indices_Y, slack + error)

"""Entropies of discrete distributions and the divergences that are differences of entropies, in any base."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.divergences.discrete.distances import as_answer, bounded_sums, f_divergence
from fastdens.divergences.generators import GENERATORS, alpha_generator


def entropy(p: Any, *, base: float | None = None, axis: int = -1, normalize: bool = False) -> Any:
    r"""Shannon entropy of a discrete distribution.

    .. math:: H(p) = -\sum_i p_i \ln p_i, \qquad 0 \ln 0 = 0

    Parameters
    ----------
    p : array-like of shape (..., n_outcomes)
        Probabilities: finite, not negative, summing to 1 within 1e-9 (float32: 1e-5).
    base : float, optional
        Base of the logarithm, greater than 1; by default e (nats). 2 gives bits.
    axis : int, default=-1
        The axis of the outcomes.
    normalize : bool, default=False
        Whether to divide by the sums first; otherwise a sum that is not 1 is an error.

    Returns
    -------
    float or ndarray
        Between 0 and the logarithm of the number of outcomes.

    Raises
    ------
    ValueError
        If p is not a discrete distribution, or base is not greater than 1.

    References
    ----------
    Shannon (1948), A mathematical theory of communication, section 6.

    Examples
    --------
    >>> import fastdens as fd
    >>> fd.entropy([0.5, 0.25, 0.25], base=2)
    1.5
    """
    unit = _unit(base)
    p = validation.check_probabilities(p, "p", axis=axis, normalize=normalize)
    return as_answer(np.maximum(_minus_p_log_q(p, p).sum(axis=-1), 0.0) / unit)


def cross_entropy(p: Any, q: Any, *, base: float | None = None, axis: int = -1, normalize: bool = False) -> Any:
    r"""Cross-entropy of two discrete distributions: the mean surprise under q of what p draws.

    .. math:: H(p, q) = -\sum_i p_i \ln q_i = H(p) + \mathrm{KL}(p \,\|\, q)

    Parameters
    ----------
    p, q : array-like of shape (..., n_outcomes)
        Probabilities: finite, not negative, summing to 1 within 1e-9 (float32: 1e-5). Arrays of distributions
        broadcast.
    base : float, optional
        Base of the logarithm, greater than 1; by default e (nats). 2 gives bits.
    axis : int, default=-1
        The axis of the outcomes, in both arrays.
    normalize : bool, default=False
        Whether to divide by the sums first; otherwise a sum that is not 1 is an error.

    Returns
    -------
    float or ndarray
        inf where p has mass on an outcome to which q gives none.

    Raises
    ------
    ValueError
        If p or q is not a discrete distribution, their lengths differ, or base is not greater than 1.

    References
    ----------
    Cover and Thomas (2006), Elements of Information Theory, section 5.4.

    Examples
    --------
    >>> import fastdens as fd
    >>> fd.cross_entropy([0.5, 0.5], [0.25, 0.75], base=2) == fd.entropy([0.5, 0.5], base=2) + fd.kl_divergence(
    ...     [0.5, 0.5], [0.25, 0.75], base=2
    ... )
    True
    """
    unit = _unit(base)
    p, q = validation.check_pair_of_probabilities(p, q, axis=axis, normalize=normalize)
    return as_answer(np.maximum(_minus_p_log_q(p, q).sum(axis=-1), 0.0) / unit)


@dataclass(frozen=True, eq=False)
class DivergenceOfDistributions:
    """A divergence of two discrete distributions and, where it is infinite, what makes it so.

    Attributes
    ----------
    value : float
        The divergence.
    infinite_outcomes : ndarray of intp
        Outcomes whose term is infinite, ascending: for KL those with p > 0 = q. Empty where the value is finite.
    infinite_mass : float
        The probability of these outcomes under the distribution that has them.
    """

    value: float
    infinite_outcomes: np.ndarray
    infinite_mass: float


def kl_divergence(
    p: Any,
    q: Any,
    *,
    base: float | None = None,
    axis: int = -1,
    normalize: bool = False,
    full_output: bool = False,
) -> Any:
    r"""Kullback–Leibler divergence (relative entropy) of two discrete distributions.

    .. math:: \mathrm{KL}(p \,\|\, q) = \sum_i p_i \ln \frac{p_i}{q_i}

    The reverse divergence is ``kl_divergence(q, p)``.

    Parameters
    ----------
    p, q : array-like of shape (..., n_outcomes)
        Probabilities: finite, not negative, summing to 1 within 1e-9 (float32: 1e-5). Arrays of distributions
        broadcast.
    base : float, optional
        Base of the logarithm, greater than 1; by default e (nats). 2 gives bits.
    axis : int, default=-1
        The axis of the outcomes, in both arrays.
    normalize : bool, default=False
        Whether to divide by the sums first; otherwise a sum that is not 1 is an error.
    full_output : bool, default=False
        Whether to say which outcomes make the divergence infinite; for one pair of distributions.

    Returns
    -------
    float or ndarray, or DivergenceOfDistributions
        Not negative, and 0 for equal distributions only. inf where p has mass on an outcome to which q gives none; an
        outcome without mass under p costs nothing. With `full_output` an object with `value`, `infinite_outcomes` and
        `infinite_mass`.

    Raises
    ------
    ValueError
        If p or q is not a discrete distribution, their lengths differ, base is not greater than 1, or `full_output` is
        asked for with more than one pair of distributions.

    Notes
    -----
    No number is added to zeros. Terms are p ln(p / q) - p + q, none of which is negative; for distributions the added
    parts cancel.

    References
    ----------
    Kullback and Leibler (1951), On information and sufficiency, Annals of Mathematical Statistics 22, 79-86.

    Examples
    --------
    >>> import fastdens as fd
    >>> round(fd.kl_divergence([0.5, 0.5], [0.25, 0.75], base=2), 12)
    0.207518749639
    >>> found = fd.kl_divergence([0.5, 0.25, 0.25], [0.75, 0.25, 0.0], full_output=True)
    >>> found.value, found.infinite_outcomes, found.infinite_mass
    (inf, array([2]), 0.25)
    """
    unit = _unit(base)
    p, q = validation.check_pair_of_probabilities(p, q, axis=axis, normalize=normalize)
    values = bounded_sums(GENERATORS["kl"], p, q) / unit
    if not full_output:
        return as_answer(values)
    if values.ndim > 0:
        shape = np.broadcast_shapes(p.shape, q.shape)
        raise ValueError(
            f"full_output must be False for more than one pair of distributions, got arrays of shape {shape}"
        )
    outcomes = np.flatnonzero((p > 0) & (q == 0))
    return DivergenceOfDistributions(float(values), outcomes, float(p[outcomes].sum()))


def js_divergence(p: Any, q: Any, *, base: float | None = None, axis: int = -1, normalize: bool = False) -> Any:
    r"""Jensen–Shannon divergence of two discrete distributions: the mean KL divergence from their midpoint.

    .. math:: \mathrm{JS}(p, q) = \tfrac12 \mathrm{KL}(p \,\|\, m) + \tfrac12 \mathrm{KL}(q \,\|\, m), \qquad
        m = \tfrac12 (p + q)

    This is the divergence; its root, `js_distance`, is the metric.

    Parameters
    ----------
    p, q : array-like of shape (..., n_outcomes)
        Probabilities: finite, not negative, summing to 1 within 1e-9 (float32: 1e-5). Arrays of distributions
        broadcast.
    base : float, optional
        Base of the logarithm, greater than 1; by default e (nats). 2 gives bits.
    axis : int, default=-1
        The axis of the outcomes, in both arrays.
    normalize : bool, default=False
        Whether to divide by the sums first; otherwise a sum that is not 1 is an error.

    Returns
    -------
    float or ndarray
        Between 0 and ln 2 (in bits: 1), always finite.

    Raises
    ------
    ValueError
        If p or q is not a discrete distribution, their lengths differ, or base is not greater than 1.

    References
    ----------
    Lin (1991), Divergence measures based on the Shannon entropy, IEEE Transactions on Information Theory 37, 145-151.

    Examples
    --------
    >>> import fastdens as fd
    >>> round(fd.js_divergence([1.0, 0.0], [0.5, 0.5], base=2), 7)
    0.3112781
    """
    unit = _unit(base)
    p, q = validation.check_pair_of_probabilities(p, q, axis=axis, normalize=normalize)
    return as_answer(bounded_sums(GENERATORS["js"], p, q) / unit)


def js_distance(p: Any, q: Any, *, base: float | None = None, axis: int = -1, normalize: bool = False) -> Any:
    r"""Jensen–Shannon distance of two discrete distributions: the square root of the divergence, a metric.

    .. math:: d(p, q) = \sqrt{\mathrm{JS}(p, q)}

    Parameters
    ----------
    p, q : array-like of shape (..., n_outcomes)
        Probabilities: finite, not negative, summing to 1 within 1e-9 (float32: 1e-5). Arrays of distributions
        broadcast.
    base : float, optional
        Base of the logarithm, greater than 1; by default e (nats). 2 gives bits.
    axis : int, default=-1
        The axis of the outcomes, in both arrays.
    normalize : bool, default=False
        Whether to divide by the sums first; otherwise a sum that is not 1 is an error.

    Returns
    -------
    float or ndarray
        Between 0 and the root of ln 2 (in bits: 1); never nan, however close the distributions.

    Raises
    ------
    ValueError
        If p or q is not a discrete distribution, their lengths differ, or base is not greater than 1.

    References
    ----------
    Endres and Schindelin (2003), A new metric for probability distributions, IEEE Transactions on Information Theory
    49, 1858-1860.

    Examples
    --------
    >>> import fastdens as fd
    >>> fd.js_distance([1.0, 0.0], [0.0, 1.0], base=2)
    1.0
    """
    return as_answer(np.sqrt(js_divergence(p, q, base=base, axis=axis, normalize=normalize)))


def jeffreys_divergence(p: Any, q: Any, *, base: float | None = None, axis: int = -1, normalize: bool = False) -> Any:
    r"""Jeffreys' divergence of two discrete distributions: KL in both directions, added up.

    .. math:: J(p, q) = \mathrm{KL}(p \,\|\, q) + \mathrm{KL}(q \,\|\, p) = \sum_i (p_i - q_i) \ln \frac{p_i}{q_i}

    Parameters
    ----------
    p, q : array-like of shape (..., n_outcomes)
        Probabilities: finite, not negative, summing to 1 within 1e-9 (float32: 1e-5). Arrays of distributions
        broadcast.
    base : float, optional
        Base of the logarithm, greater than 1; by default e (nats). 2 gives bits.
    axis : int, default=-1
        The axis of the outcomes, in both arrays.
    normalize : bool, default=False
        Whether to divide by the sums first; otherwise a sum that is not 1 is an error.

    Returns
    -------
    float or ndarray
        Not negative; inf where one of the distributions alone has mass.

    Raises
    ------
    ValueError
        If p or q is not a discrete distribution, their lengths differ, or base is not greater than 1.

    References
    ----------
    Jeffreys (1946), An invariant form for the prior probability in estimation problems.

    Examples
    --------
    >>> import fastdens as fd
    >>> round(fd.jeffreys_divergence([0.5, 0.5], [0.25, 0.75]), 12)
    0.274653072167
    """
    unit = _unit(base)
    return as_answer(f_divergence(p, q, "jeffreys", axis=axis, normalize=normalize) / unit)


def renyi_divergence(
    p: Any, q: Any, alpha: float, *, base: float | None = None, axis: int = -1, normalize: bool = False
) -> Any:
    r"""Rényi divergence of two discrete distributions.

    .. math:: R_\alpha(p \,\|\, q) = \frac{1}{\alpha - 1} \ln \sum_i p_i^\alpha q_i^{1 - \alpha}

    with its limits at 0, -ln Q(p > 0); at 1, KL(p || q); and at infinity, the largest ln(p / q).

    Parameters
    ----------
    p, q : array-like of shape (..., n_outcomes)
        Probabilities: finite, not negative, summing to 1 within 1e-9 (float32: 1e-5). Arrays of distributions
        broadcast.
    alpha : float
        The order, from 0 to inf.
    base : float, optional
        Base of the logarithm, greater than 1; by default e (nats). 2 gives bits.
    axis : int, default=-1
        The axis of the outcomes, in both arrays.
    normalize : bool, default=False
        Whether to divide by the sums first; otherwise a sum that is not 1 is an error.

    Returns
    -------
    float or ndarray
        Not negative, and not smaller for a larger order.

    Raises
    ------
    ValueError
        If p or q is not a discrete distribution, their lengths differ, alpha is negative or base is not greater than 1.

    References
    ----------
    van Erven and Harremoës (2014), Rényi divergence and Kullback-Leibler divergence, IEEE Transactions on Information
    Theory 60, 3797-3820.

    Examples
    --------
    >>> import fastdens as fd
    >>> round(fd.renyi_divergence([0.5, 0.5], [0.25, 0.75], 2, base=2), 12)
    0.415037499279
    """
    unit = _unit(base)
    order = math.inf if alpha == math.inf else validation.check_number(alpha, "alpha", at_least=0)
    p, q = validation.check_pair_of_probabilities(p, q, axis=axis, normalize=normalize)
    if order == 1:
        return as_answer(bounded_sums(GENERATORS["kl"], p, q) / unit)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if order == 0:
            shared, missing = (np.where(there, q, 0.0).sum(axis=-1) for there in (p > 0, p == 0))
            values = np.where(missing < 0.5, -np.log1p(-missing), -np.log(shared))
        elif order == math.inf:
            values = np.where(p > 0, np.log(p) - np.log(q), -np.inf).max(axis=-1)
        else:
            # Where the sum is near 1 the logarithm is taken of its distance from 1, which loses no digits.
            factor = order * (order - 1)
            values = np.log1p(np.maximum(factor * bounded_sums(alpha_generator(order), p, q), -1.0)) / (order - 1)
    return as_answer(np.maximum(values, 0.0) / unit)


def _minus_p_log_q(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(p > 0, -p * np.log(q), 0.0)


def _unit(base: Any) -> float:
    """What one unit of the result is in nats."""
    return 1.0 if base is None else math.log(validation.check_number(base, "base", above=1.0))

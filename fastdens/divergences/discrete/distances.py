"""Distances and f-divergences of discrete distributions: the definitions, on one pair of distributions or on arrays of
them."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.core.exact_sums import rounded_sums_of, two_sum
from fastdens.divergences.generators import GENERATORS, Generator, alpha_generator
from fastdens.divergences.user_generators import user_generator

# Outcomes in a block: a dozen arrays of so many numbers fit a second-level cache.
BLOCK = 1 << 13


def total_variation(p: Any, q: Any, *, axis: int = -1, normalize: bool = False) -> Any:
    r"""Total variation distance of two discrete distributions: half the L1 distance.

    .. math:: D(p, q) = \tfrac12 \sum_i |p_i - q_i|

    Parameters
    ----------
    p, q : array-like of shape (..., n_outcomes)
        Probabilities: finite, not negative, summing to 1 within 1e-9 (float32: 1e-5). Arrays of distributions
        broadcast.
    axis : int, default=-1
        The axis of the outcomes, in both arrays.
    normalize : bool, default=False
        Whether to divide by the sums first; otherwise a sum that is not 1 is an error.

    Returns
    -------
    float or ndarray
        The distance, between 0 and 1: the exact value for the given numbers, which are not rescaled unless `normalize`
        says so, correctly rounded. A number for one pair of distributions, an array for several.

    Raises
    ------
    ValueError
        If p or q is not a discrete distribution, or their lengths differ.

    See Also
    --------
    total_variation_subsets : The same distance by its definition, the largest |P(A) - Q(A)| over all subsets A.

    References
    ----------
    Tsybakov (2009), Introduction to Nonparametric Estimation, section 2.4.

    Examples
    --------
    >>> import fastdens as fd
    >>> fd.total_variation([0.5, 0.25, 0.25, 0.0], [0.0, 0.25, 0.25, 0.5])
    0.5
    """
    p, q = validation.check_pair_of_probabilities(p, q, axis=axis, normalize=normalize)

    def terms(outcomes: slice) -> tuple[np.ndarray, np.ndarray]:
        """|p - q| as a rounded number and an exact error; the sign of the former is the sign of both."""
        heads, tails = two_sum(p[..., outcomes], -q[..., outcomes])
        return np.abs(heads), np.copysign(1.0, heads) * tails

    return as_answer(0.5 * rounded_sums_of(terms, p.shape[-1]))


def hellinger_distance(p: Any, q: Any, *, axis: int = -1, normalize: bool = False) -> Any:
    r"""Hellinger distance of two discrete distributions.

    .. math:: H(p, q) = \Bigl( \tfrac12 \sum_i (\sqrt{p_i} - \sqrt{q_i})^2 \Bigr)^{1/2}
        = \Bigl( 1 - \sum_i \sqrt{p_i q_i} \Bigr)^{1/2}

    Parameters
    ----------
    p, q : array-like of shape (..., n_outcomes)
        Probabilities: finite, not negative, summing to 1 within 1e-9 (float32: 1e-5). Arrays of distributions
        broadcast.
    axis : int, default=-1
        The axis of the outcomes, in both arrays.
    normalize : bool, default=False
        Whether to divide by the sums first; otherwise a sum that is not 1 is an error.

    Returns
    -------
    float or ndarray
        Between 0 and 1; with the total variation D, H^2 <= D <= H sqrt(2 - H^2).

    Raises
    ------
    ValueError
        If p or q is not a discrete distribution, or their lengths differ.

    References
    ----------
    Tsybakov (2009), Introduction to Nonparametric Estimation, section 2.4.

    Examples
    --------
    >>> import fastdens as fd
    >>> fd.hellinger_distance([1.0, 0.0], [0.0, 1.0])
    1.0
    """
    p, q = validation.check_pair_of_probabilities(p, q, axis=axis, normalize=normalize)
    return as_answer(np.sqrt(bounded_sums(GENERATORS["squared_hellinger"], p, q)))


def chi2_divergence(p: Any, q: Any, *, variant: str = "pearson", axis: int = -1, normalize: bool = False) -> Any:
    r"""Chi-squared divergence of two discrete distributions.

    .. math:: \chi^2(p \,\|\, q) = \sum_i \frac{(p_i - q_i)^2}{q_i}

    Parameters
    ----------
    p, q : array-like of shape (..., n_outcomes)
        Probabilities: finite, not negative, summing to 1 within 1e-9 (float32: 1e-5). Arrays of distributions
        broadcast.
    variant : {"pearson", "neyman"}, default="pearson"
        "neyman" divides by p in place of q.
    axis : int, default=-1
        The axis of the outcomes, in both arrays.
    normalize : bool, default=False
        Whether to divide by the sums first; otherwise a sum that is not 1 is an error.

    Returns
    -------
    float or ndarray
        Not negative; inf where only the numerator's distribution has mass.

    Raises
    ------
    ValueError
        If p or q is not a discrete distribution, their lengths differ, or the variant is unknown.

    References
    ----------
    Pearson (1900), On the criterion that a given system of deviations ..., Philosophical Magazine 50, 157-175.

    Examples
    --------
    >>> import fastdens as fd
    >>> fd.chi2_divergence([0.75, 0.25], [0.5, 0.5])
    0.25
    """
    row = {"pearson": "chi2", "neyman": "neyman_chi2"}[
        validation.check_option(variant, "variant", ("pearson", "neyman"))
    ]
    return f_divergence(p, q, row, axis=axis, normalize=normalize)


def alpha_divergence(p: Any, q: Any, alpha: float, *, axis: int = -1, normalize: bool = False) -> Any:
    r"""Alpha divergence (power divergence) of two discrete distributions.

    .. math:: D_\alpha(p \,\|\, q) = \frac{1}{\alpha (\alpha - 1)} \Bigl( \sum_i p_i^\alpha q_i^{1 - \alpha} - 1 \Bigr)

    with its limits KL(p || q) at 1 and KL(q || p) at 0; half of Pearson's chi-squared divergence at 2, and four times
    the squared Hellinger distance at 1/2.

    Parameters
    ----------
    p, q : array-like of shape (..., n_outcomes)
        Probabilities: finite, not negative, summing to 1 within 1e-9 (float32: 1e-5). Arrays of distributions
        broadcast.
    alpha : float
        The order, any finite number.
    axis : int, default=-1
        The axis of the outcomes, in both arrays.
    normalize : bool, default=False
        Whether to divide by the sums first; otherwise a sum that is not 1 is an error.

    Returns
    -------
    float or ndarray
        Not negative.

    Raises
    ------
    ValueError
        If p or q is not a discrete distribution, their lengths differ, or alpha is not finite.

    References
    ----------
    Cressie and Read (1984), Multinomial goodness-of-fit tests, Journal of the Royal Statistical Society B 46, 440-464.

    Examples
    --------
    >>> import fastdens as fd
    >>> p, q = [0.5, 0.5], [0.25, 0.75]
    >>> round(fd.alpha_divergence(p, q, 2), 12), round(fd.chi2_divergence(p, q) / 2, 12)
    (0.166666666667, 0.166666666667)
    """
    order = validation.check_number(alpha, "alpha")
    p, q = validation.check_pair_of_probabilities(p, q, axis=axis, normalize=normalize)
    return as_answer(bounded_sums(alpha_generator(order), p, q))


def f_divergence(p: Any, q: Any, f: Any, *, axis: int = -1, normalize: bool = False) -> Any:
    r"""f-divergence of two discrete distributions for any convex f with f(1) = 0.

    .. math:: D_f(p, q) = \sum_{q_i > 0} q_i f(p_i / q_i) + \lim_{t \to \infty} \frac{f(t)}{t} \sum_{q_i = 0} p_i

    Parameters
    ----------
    p, q : array-like of shape (..., n_outcomes)
        Probabilities: finite, not negative, summing to 1 within 1e-9 (float32: 1e-5). Arrays of distributions
        broadcast.
    f : str or callable
        A word ("tv", "kl", "reverse_kl", "jeffreys", "js", "squared_hellinger", "chi2", "neyman_chi2"), or a function
        that takes an array of ratios t > 0 and returns f(t).
    axis : int, default=-1
        The axis of the outcomes, in both arrays.
    normalize : bool, default=False
        Whether to divide by the sums first; otherwise a sum that is not 1 is an error.

    Returns
    -------
    float or ndarray
        Not negative.

    Raises
    ------
    ValueError
        If p or q is not a discrete distribution, their lengths differ, the word is unknown, or the function is not
        convex or not 0 at 1.

    Notes
    -----
    Convexity is looked at between t = 1e-8 and 1e8, and the limits of f at 0 and of f(t) / t at infinity are found
    from its values.

    References
    ----------
    Csiszár (1963), Eine informationstheoretische Ungleichung und ihre Anwendung auf den Beweis der Ergodizität von
    Markoffschen Ketten.

    Examples
    --------
    >>> import numpy as np, fastdens as fd
    >>> p, q = [0.5, 0.5], [0.25, 0.75]
    >>> bool(np.isclose(fd.f_divergence(p, q, lambda t: t * np.log(t)), fd.kl_divergence(p, q)))
    True
    """
    generator = user_generator(f) if callable(f) else GENERATORS[validation.check_option(f, "f", GENERATORS)]
    p, q = validation.check_pair_of_probabilities(p, q, axis=axis, normalize=normalize)
    return as_answer(bounded_sums(generator, p, q))


def bounded_sums(generator: Generator, p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """The f-divergence, which rounding takes below 0 or above its bound nowhere."""
    return np.clip(sum_of_terms(generator, p, q), 0.0, generator.largest)


def sum_of_terms(generator: Generator, p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Sums of the terms over the outcomes, in blocks whose temporary arrays stay in the cache."""
    starts = range(0, p.shape[-1], BLOCK)
    blocks = [generator.terms(p[..., i : i + BLOCK], q[..., i : i + BLOCK]).sum(axis=-1) for i in starts]
    return np.sum(blocks, axis=0)


def as_answer(values: Any) -> Any:
    """A number for one pair of distributions, an array for several."""
    return float(values) if np.ndim(values) == 0 else values

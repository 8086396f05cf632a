"""Bandwidths chosen from the data: rules of thumb, plug-in rules and cross-validation, one entry point."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastdens import validation
from fastdens.bandwidths.botev import isj
from fastdens.bandwidths.cross_validation import likelihood
from fastdens.bandwidths.least_squares import lscv
from fastdens.bandwidths.plug_in import sheather_jones
from fastdens.bandwidths.rules import scott, silverman
from fastdens.smoothing_kernels import KERNELS

RULES = {
    "scott": scott,
    "silverman": silverman,
    "likelihood": likelihood,
    "lscv": lscv,
    "isj": isj,
    "sheather-jones": sheather_jones,
}


def bandwidth(
    X: Any, rule: str = "scott", *, kernel: str = "gaussian", sample_weight: Any = None
) -> float | np.ndarray:
    r"""A bandwidth for a kernel density estimate, chosen from the data.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Data.
    rule : {"scott", "silverman", "likelihood", "lscv", "isj", "sheather-jones"}, default="scott"
        - "scott": :math:`\sigma_a n^{-1/(d+4)}` per feature (Scott 1992, 6.42), with the standard deviation.
        - "silverman": the same with the factor :math:`(4 / (d + 2))^{1/(d+4)}` and the robust spread
          :math:`\min(\sigma_a, \mathrm{IQR}_a / 1.349)` (Silverman 1986, 4.14); in one dimension the factor is 0.9
          (Silverman 1986, 3.31).
        - "likelihood": the multiple of Scott's bandwidths with the largest leave-one-out likelihood
          (Habbema, Hermans and van den Broek 1974).
        - "lscv": the smallest least-squares cross-validation criterion, which estimates the integrated squared error
          without bias (Rudemo 1982, Bowman 1984); for more than one feature, a multiple of Scott's bandwidths.
          Among several local minima a smaller bandwidth needs to be better by a standard error, and ties do not
          drive it to zero.
        - "isj": the improved Sheather-Jones rule of Botev, Grotowski and Kroese (2010), without a normal reference,
          for data with several modes; one feature.
        - "sheather-jones": the solve-the-equation plug-in rule of Sheather and Jones (1991); one feature.
          Its pilot estimates assume one scale: of clusters far apart it smears the structure inside.
    kernel : str, default="gaussian"
        Smoothing kernel for which the bandwidth is meant; rules of thumb and plug-in rules are carried over from
        the Gaussian kernel by the ratio of the kernels' optimal bandwidths.
    sample_weight : array-like of shape (n_samples,), optional
        Weight of each row. The sample size of the rules is then :math:`(\sum w)^2 / \sum w^2`.

    Returns
    -------
    float or ndarray of shape (n_features,)
        In the units of the data; a number where there is one feature.

    Raises
    ------
    TypeError, ValueError
        For data, a rule or a kernel outside of what is allowed, or a rule for one feature given more.

    Warns
    -----
    UserWarning
        Where a feature does not vary, so that its spread is a guess; where "lscv", "isj" or "sheather-jones" find no
        minimum or root (as for constant data or two values), so that Silverman's bandwidth is taken instead.

    Notes
    -----
    With one feature every rule takes time proportional to the number of rows: of a million, a few tenths of a second
    at most. With more features "lscv" and "likelihood" look at some thousands of rows.

    Examples
    --------
    >>> import numpy as np, fastdens as fd
    >>> x = np.random.default_rng(0).normal(size=(1000, 1))
    >>> round(float(fd.bandwidth(x, "scott")), 2)
    0.25
    """
    data = validation.check_data(X)
    weights = validation.check_sample_weight(sample_weight, len(data))
    validation.check_option(rule, "rule", RULES)
    validation.check_option(kernel, "kernel", KERNELS)
    return from_data(*validation.drop_zero_weights(data, weights), rule, kernel)


def from_data(data: np.ndarray, weights: np.ndarray | None, rule: str, kernel: str) -> float | np.ndarray:
    """`bandwidth` on checked arrays."""
    chosen = RULES[rule](data.astype(np.float64, copy=False), weights, KERNELS[kernel])
    return float(chosen[0]) if len(chosen) == 1 else chosen

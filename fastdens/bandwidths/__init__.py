"""Bandwidths chosen from the data: rules of thumb, plug-in rules and cross-validation, one entry point."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastdens.bandwidths.botev import isj
from fastdens.bandwidths.cross_validation import likelihood
from fastdens.bandwidths.forms import FORMS, in_form
from fastdens.bandwidths.least_squares import lscv
from fastdens.bandwidths.plug_in import direct_plug_in, sheather_jones
from fastdens.bandwidths.result import BandwidthResult, Record, result_of
from fastdens.bandwidths.rules import scott, silverman
from fastdens.core import validation
from fastdens.kernel_sums.kernels.registry import KERNELS, SmoothingKernel

Rule = Callable[[np.ndarray, np.ndarray | None, SmoothingKernel, Record], np.ndarray]
RULES: dict[str, Rule] = {
    "scott": scott,
    "silverman": silverman,
    "likelihood": likelihood,
    "lscv": lscv,
    "isj": isj,
    "sheather-jones": sheather_jones,
}
# With the rule that models have no word for: its answer depends on the form asked for.
ALL_RULES: dict[str, Rule] = {**RULES, "plug-in": direct_plug_in}


def bandwidth(
    X: Any,
    rule: str = "scott",
    *,
    kernel: str = "gaussian",
    sample_weight: Any = None,
    form: str | None = None,
    full_output: bool = False,
) -> float | np.ndarray | BandwidthResult:
    r"""A bandwidth for a kernel density estimate, chosen from the data.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Data.
    rule : {"scott", "silverman", "likelihood", "lscv", "isj", "sheather-jones", "plug-in"}, default="scott"
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
        - "plug-in": the direct plug-in rule in two stages: of Sheather and Jones (1991) for one feature, of Wand and
          Jones (1994) with the pilots of Duong and Hazelton (2003) for two to four.
    kernel : str, default="gaussian"
        Smoothing kernel for which the bandwidth is meant; rules of thumb and plug-in rules are carried over from
        the Gaussian kernel by the ratio of the kernels' optimal bandwidths.
    sample_weight : array-like of shape (n_samples,), optional
        Weight of each row. Only ratios count: the sample size of the rules is :math:`(\sum w)^2 / \sum w^2`
        (Kish 1965).
    form : {"scalar", "axes", "matrix"}, optional
        "scalar": one number for all features, which then need a common unit. "axes": one per feature. "matrix": a
        full matrix H in squared units. "lscv" and "plug-in" look for the best of all of the form (for "lscv": Duong
        and Hazelton 2005); the others take the best multiple of the standard deviations or of the covariance. By
        default a number for one feature, else one per feature, from "lscv" as a multiple of Scott's.
    full_output : bool, default=False
        Return the criterion at the bandwidths tried, and the fallback taken, too.

    Returns
    -------
    float, ndarray of shape (n_features,) or (n_features, n_features), or BandwidthResult
        In the units of the data, by `form`: usable as `bandwidth` of `KernelDensity` and `kernel_sum`. With
        `full_output` an object with attributes `bandwidth`, `rule`, `kernel`, `tried`, `values`, `fallback`,
        `minima` and `n_evaluations`, see `fastdens.bandwidths.BandwidthResult`.

    Raises
    ------
    TypeError, ValueError
        For data, a rule or a kernel outside of what is allowed, or a rule for one feature given more.

    Warns
    -----
    UserWarning
        Where a feature does not vary, so that its spread is a guess; where "lscv", "isj" or "sheather-jones" find no
        minimum or root (as for constant data or two values), so that Silverman's bandwidth is taken instead; where
        the covariance is singular, so that a matrix is made of the bandwidths per feature; where the search for
        several numbers finds no minimum. `BandwidthResult.fallback` holds the same words.

    Notes
    -----
    With one feature every rule takes time proportional to the number of rows: of a million, a few tenths of a second
    at most. With more features "lscv", "likelihood" and "plug-in" look at some thousands of rows chosen by chance
    (always the same), "plug-in" at one thousand for its pilot estimates. Bandwidths from fewer rows are carried over
    by the ratio of the sizes to the power -1 / (d + 4).

    Weights are relative: an integer weight stands for repeated rows in all sums, but a thousand rows of weight two
    are a thousand observations, not two thousand, and get the bandwidth of a thousand. Rows that are repeated
    observations should be given as rows.

    For kernels other than the Gaussian, "lscv" and "likelihood" use the kernel's own criterion, except that
    "lscv" with form "axes" or "matrix" carries the Gaussian's bandwidth over as the rules of thumb do.

    Examples
    --------
    >>> import numpy as np, fastdens as fd
    >>> x = np.random.default_rng(0).normal(size=(1000, 1))
    >>> round(float(fd.bandwidth(x, "scott")), 2)
    0.25
    """
    data = validation.check_data(X)
    weights = validation.check_sample_weight(sample_weight, len(data))
    validation.check_option(rule, "rule", ALL_RULES)
    validation.check_option(kernel, "kernel", KERNELS)
    if form is not None:
        validation.check_option(form, "form", FORMS)
    if not isinstance(full_output, bool | np.bool_):
        raise TypeError(f"full_output must be True or False, got {full_output!r}")
    record = Record()
    chosen = from_data(*validation.drop_zero_weights(data, weights), rule, kernel, form, record)
    return result_of(chosen, rule, kernel, record) if full_output else chosen


def from_data(
    data: np.ndarray,
    weights: np.ndarray | None,
    rule: str,
    kernel: str,
    form: str | None = None,
    record: Record | None = None,
) -> float | np.ndarray:
    """`bandwidth` on checked arrays."""
    data = data.astype(np.float64, copy=False)
    record = Record() if record is None else record
    d = data.shape[1]
    if d == 1 or rule in ("isj", "sheather-jones"):
        chosen = ALL_RULES[rule](data, weights, KERNELS[kernel], record)
        if form == "matrix":
            return chosen[:, None] ** 2
        return chosen if form == "axes" else float(chosen[0])
    if form is None and rule != "plug-in":
        return ALL_RULES[rule](data, weights, KERNELS[kernel], record)
    return in_form(data, weights, KERNELS[kernel], rule, form or "axes", record)

"""What a rule tried on its way to a bandwidth."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Record:
    """Filled by a rule while it works: bandwidths and values of its criterion, and the fallback if one was taken."""

    tried: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    fallbacks: list[str] = field(default_factory=list)

    def add(self, bandwidth: float, value: float) -> None:
        self.tried.append(float(bandwidth))
        self.values.append(float(value))


@dataclass(frozen=True)
class BandwidthResult:
    """A bandwidth and how it was found, as `fastdens.bandwidth` returns it with ``full_output=True``.

    It can be used as a number (``float(result)``) or array (``numpy.asarray(result)``) itself.

    Attributes
    ----------
    bandwidth : float or ndarray
        As `fastdens.bandwidth` returns it.
    rule, kernel : str
        As asked for.
    tried : ndarray of shape (n_evaluations,)
        The bandwidths looked at, ascending: with more features, the geometric mean over the directions,
        :math:`|H|^{1/2d}`. Of a bandwidth matrix or per-axis bandwidths, those with one ratio between the axes.
    values : ndarray of shape (n_evaluations,)
        The criterion there. "lscv": the estimate of the integrated squared error less a constant, and "likelihood":
        minus the mean leave-one-out log-density; smallest is best. "isj" and "sheather-jones": the logarithm of the
        left over the right side of their equation, whose root is wanted. The rules of thumb and "plug-in" try nothing.
    fallback : str or None
        What was done instead of the rule, and why; None where the rule did its work.

    Examples
    --------
    >>> import numpy as np, fastdens as fd
    >>> x = np.random.default_rng(0).normal(size=(500, 1))
    >>> result = fd.bandwidth(x, "lscv", full_output=True)
    >>> result.fallback is None, float(result) == fd.bandwidth(x, "lscv")
    (True, True)
    """

    bandwidth: float | np.ndarray
    rule: str
    kernel: str
    tried: np.ndarray
    values: np.ndarray
    fallback: str | None

    @property
    def n_evaluations(self) -> int:
        """Number of bandwidths looked at."""
        return len(self.tried)

    @property
    def minima(self) -> np.ndarray:
        """The bandwidths tried whose value is below both neighbours': the local minima of the curve."""
        inner = self.values[1:-1]
        return self.tried[1:-1][(inner < self.values[:-2]) & (inner <= self.values[2:])]

    def __float__(self) -> float:
        return float(self.bandwidth)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.bandwidth, dtype=dtype)


def result_of(bandwidth: float | np.ndarray, rule: str, kernel: str, record: Record) -> BandwidthResult:
    """The result from a record, its curve in ascending order."""
    tried, values = np.array(record.tried), np.array(record.values)
    order = np.argsort(tried, kind="stable")
    fallback = "; ".join(record.fallbacks) or None
    return BandwidthResult(bandwidth, rule, kernel, tried[order], values[order], fallback)

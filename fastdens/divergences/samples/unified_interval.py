r"""The 95 % interval from a normal estimate of what cannot be negative (Feldman and Cousins 1998, "unified approach").

The usual interval cut at zero holds a true value of zero in 97.5 %, and of one that is below zero nothing is left but
zero. Here every value down to zero is held in 95 %: a value mu takes those estimates x whose likelihood comes closest
to that of the best value allowed, max(x, 0). In units of the standard deviation they reach from mu - s to mu + h, with

.. math:: \Phi(s) + \Phi(h) - 1 = 0.95, \qquad s = h \ \text{where } \mu \ge h, \qquad
    s = \tfrac12 (\mu + h^2 / \mu) \ \text{where } \mu < h \ \text{(the lowest estimate is negative)}.

So mu is a function of h, from 0 at the one-sided quantile to h at the two-sided one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

LEVEL = 0.95
NORMAL = NormalDist()
TWO_SIDED, ONE_SIDED = NORMAL.inv_cdf(0.5 + LEVEL / 2), NORMAL.inv_cdf(LEVEL)


def unified_interval(value: float, standard_error: float) -> tuple[float, float]:
    """Lower and upper limit of a quantity that is not negative, estimated with this standard error."""
    if not standard_error > 0:
        return max(value, 0.0), max(value, 0.0)
    x = value / standard_error
    low, high = max(x - TWO_SIDED, 0.0), x + TWO_SIDED
    if x < 2 * TWO_SIDED:
        low = 0.0 if x <= ONE_SIDED else x - _root(lambda h: _value(h, _below(h)) + h - x, ONE_SIDED, TWO_SIDED)
    if x < 0:
        high = x + _root(lambda s: _distance(_above(s), s) + x, TWO_SIDED, TWO_SIDED - x)
    return standard_error * low, standard_error * high


def _below(h: float) -> float:
    """s."""
    tail = NORMAL.cdf(h) - LEVEL
    return -NORMAL.inv_cdf(tail) if tail > 0 else math.inf


def _above(s: float) -> float:
    """h."""
    return NORMAL.inv_cdf(LEVEL + NORMAL.cdf(-s))


def _value(h: float, s: float) -> float:
    """mu, the smaller root of mu^2 - 2 s mu + h^2, without cancellation."""
    return h * h / (s + _distance(h, s))


def _distance(h: float, s: float) -> float:
    return math.sqrt(max((s - h) * (s + h), 0.0))


def _root(increasing: Callable[[float], float], low: float, high: float) -> float:
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if increasing(middle) < 0 else (low, middle)
    return (low + high) / 2

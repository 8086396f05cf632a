"""Generators of f-divergences from functions of the user's own: checked, and completed by what sums ask for."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from fastdens.divergences.generators import Formula, Generator

# Where convexity is looked at: ratios over 8 powers of ten to either side, denser about 1.
_PROBES = np.unique(np.concatenate([np.logspace(-8, 8, 129), np.linspace(0.05, 4.0, 80), [1.0]]))


def user_generator(f: Callable[[np.ndarray], np.ndarray]) -> Generator:
    """A generator from a vectorised function of t > 0: convexity and f(1) = 0 are checked, limits and the rest found.

    What users write may differ from the registry's form by a multiple of t - 1, which no divergence of two
    distributions feels; the multiple is chosen here so that f'(1) = 0.
    """
    if not callable(f):
        raise TypeError(f"f must be a function of an array of ratios t > 0, got {f!r}")

    def values(t: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            found = np.asarray(f(t), dtype=np.float64)
        if found.shape != np.shape(t):
            raise ValueError(f"f must return an array of the shape of its argument, {np.shape(t)}, got {found.shape}")
        return found

    at_one = float(values(np.ones(1))[0])
    if not abs(at_one) <= 1e-12:
        raise ValueError(f"f must be 0 at 1, got f(1) = {at_one!r}")
    tilt = float((values(np.array([1.0 + 1e-6])) - values(np.array([1.0 - 1e-6])))[0] / 2e-6)
    probed = values(_PROBES)
    if not np.isfinite(probed).all():
        raise ValueError(f"f must be finite at t > 0, got f({_PROBES[~np.isfinite(probed)][0]:g}) = "
                         f"{probed[~np.isfinite(probed)][0]}")  # fmt: skip
    slopes = np.diff(probed) / np.diff(_PROBES)
    parts = np.abs(probed) + _PROBES * (1.0 + np.abs(np.log(_PROBES)))  # what f may have been put together from
    rounding = 4 * np.finfo(float).eps * (parts[1:] + parts[:-1]) / np.diff(_PROBES)
    falls = slopes[1:] - slopes[:-1] < -(rounding[1:] + rounding[:-1])
    if falls.any():
        where = _PROBES[1:-1][falls][0]
        raise ValueError(f"f must be convex, got slopes that fall about t = {where:g}")

    def straightened(t: np.ndarray) -> np.ndarray:
        return values(t) - tilt * (t - 1.0)

    def scaled(u: np.ndarray) -> np.ndarray:
        above, ratio = np.maximum(u, 0.0), np.exp(np.clip(u, -700.0, 700.0))
        return values(ratio) * np.exp(-above) - tilt * (np.exp(np.clip(u - above, -700.0, 0.0)) - np.exp(-above))

    return Generator(
        "f", getattr(f, "__name__", "f"), scaled, _slope_of(straightened), _conjugate_of(straightened),
        _limit(values, np.logspace(-20, -300, 15), divide=False) + tilt,
        _limit(values, np.logspace(20, 300, 15), divide=True) - tilt,
        is_smooth=False,
    )  # fmt: skip


def _limit(values: Formula, ratios: np.ndarray, *, divide: bool) -> float:
    """The limit of f(t), or of f(t) / t, along ratios that run to an end; infinite where it keeps growing."""
    found = values(ratios)
    if divide:
        found = found / ratios
    if not np.isfinite(found[-1]):
        return math.inf
    last = found[-3:]
    settled = np.ptp(last) <= 1e-3 * max(1e-300, abs(float(last[-1]))) or np.ptp(last) <= 1e-6
    return float(last[-1]) if settled else math.inf


def _slope_of(f: Formula) -> Formula:
    def slope(t: np.ndarray) -> np.ndarray:
        t = np.asarray(t, dtype=np.float64)
        step = 6e-6 * t
        return (f(t + step) - f(t - step)) / (2 * step)

    return slope


def _conjugate_of(f: Formula) -> Formula:
    """sup over t of s t - f(t), by a search over ln t, which is unimodal."""

    def conjugate(s: np.ndarray) -> np.ndarray:
        s = np.asarray(s, dtype=np.float64)
        low, high = np.full(s.shape, -60.0), np.full(s.shape, 60.0)
        golden = (math.sqrt(5.0) - 1.0) / 2.0

        def value(log_t: np.ndarray) -> np.ndarray:
            t = np.exp(log_t)
            return s * t - f(t)

        for _ in range(90):
            left, right = high - golden * (high - low), low + golden * (high - low)
            better_left = value(left) > value(right)
            high, low = np.where(better_left, right, high), np.where(better_left, low, left)
        return value((low + high) / 2)

    return conjugate

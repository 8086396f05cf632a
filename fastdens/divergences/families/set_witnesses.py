"""Sets of points that witness a discrepancy: intervals and their unions, boxes, half-planes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Interval:
    """An interval of the line with or without its ends, which may be infinite."""

    low: float
    high: float
    low_included: bool = True
    high_included: bool = True

    def contains(self, x: Any) -> np.ndarray:
        """Whether each number is in the interval, in the shape of x."""
        x = np.asarray(x, dtype=np.float64)
        above = x >= self.low if self.low_included else x > self.low
        return above & (x <= self.high if self.high_included else x < self.high)

    def __str__(self) -> str:
        ends = "[" if self.low_included else "(", "]" if self.high_included else ")"
        return f"{ends[0]}{self.low:g}, {self.high:g}{ends[1]}"


def half_line(high: float) -> Interval:
    """All numbers up to `high`, which is included."""
    return Interval(-np.inf, high, False, True)


@dataclass(frozen=True)
class IntervalUnion:
    """A union of intervals without common points, ascending; the empty set where there are none."""

    intervals: tuple[Interval, ...]

    def contains(self, x: Any) -> np.ndarray:
        """Whether each number is in one of the intervals, in the shape of x."""
        inside = np.zeros(np.shape(x), dtype=bool)
        for interval in self.intervals:
            inside |= interval.contains(x)
        return inside

    def __str__(self) -> str:
        return " u ".join(map(str, self.intervals)) or "empty"


@dataclass(frozen=True)
class Box:
    """A rectangle with sides along the axes, borders included."""

    first: Interval
    second: Interval

    def contains(self, X: Any) -> np.ndarray:
        """Whether each row of X, of shape (n, 2), is in the box: bool of shape (n,)."""
        X = np.asarray(X, dtype=np.float64)
        return self.first.contains(X[:, 0]) & self.second.contains(X[:, 1])

    def __str__(self) -> str:
        return f"{self.first} x {self.second}"


@dataclass(frozen=True)
class HalfPlane:
    """The points x of the plane with normal . (x - point) > 0, and the point itself where it is included."""

    normal: tuple[float, float]
    point: tuple[float, float]
    point_included: bool

    def contains(self, X: Any) -> np.ndarray:
        """Whether each row of X, of shape (n, 2), is in the half-plane: bool of shape (n,)."""
        steps = np.asarray(X, dtype=np.float64) - self.point
        inside = self.normal[0] * steps[:, 0] + self.normal[1] * steps[:, 1] > 0
        return inside | (~steps.any(axis=1) & self.point_included)

    def __str__(self) -> str:
        (a, b), (x, y) = self.normal, self.point
        return f"{a:g} (x - {x:g}) + {b:g} (y - {y:g}) > 0{' or = the point' if self.point_included else ''}"


Witness = Interval | IntervalUnion | Box | HalfPlane | None
EMPTY = IntervalUnion(())

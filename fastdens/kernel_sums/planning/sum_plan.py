"""A plan: which route a kernel sum takes, why, and at what expected cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fastdens.kernel_sums.problem import FULL_PRECISION


@dataclass(frozen=True)
class SumPlan:
    """A route, why, and what it is expected to cost.

    Attributes
    ----------
    route : str
        "direct", "sorted", "fast_gauss" or "tree".
    expected_ns : float
        Expected time on one core, in nanoseconds.
    reason : str
        How the route works, in a few words.
    rtol : float
        Largest relative error: the tolerance asked for, or working precision. It holds at every query; "fast_gauss"
        and "tree" sum a query again where its certified bound is larger.
    options : mapping
        Constants of the route; for "fast_gauss" `beta` (width of a box in bandwidths), `terms` (Chebyshev terms per
        axis) and `smallest` (where the kernel is cut off).
    others : mapping
        The other routes: expected nanoseconds, or why they cannot be used.
    """

    route: str
    expected_ns: float
    reason: str
    rtol: float = FULL_PRECISION
    options: Mapping[str, float] = field(default_factory=dict)
    others: Mapping[str, float | str] = field(default_factory=dict)

    def explain(self) -> str:
        """The plan in words: the route, its expected time and error, and the routes not taken.

        Returns
        -------
        str
            A few lines of text.
        """
        lines = [
            f"route: {self.route} ({self.reason})",
            f"expected time on one core: {_in_words(self.expected_ns)}",
            f"relative error at every query: at most {self.rtol:.0e}",
        ]
        for route, cost in self.others.items():
            told = cost if isinstance(cost, str) else f"expected to take {_in_words(cost)}"
            lines.append(f"not {route}: {told}")
        return "\n".join(lines)


def _in_words(ns: float) -> str:
    for unit, size in (("h", 3.6e12), ("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns:.3g} ns"

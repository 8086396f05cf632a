"""The distances that users name: f-divergences and increasing functions of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.divergences.generators import GENERATORS, Generator, alpha_generator
from fastdens.divergences.user_generators import user_generator


@dataclass(frozen=True)
class Kind:
    """A distance that users name: an increasing function of the f-divergence of `generator`.

    `of` and its `slope` take the f-divergence to the distance and say how errors go along; both accept arrays.
    `clips` says whether estimates that no distance can have are moved to the nearest one that it can.
    """

    name: str
    generator: Generator
    of: Callable[[Any], Any] = lambda value: value
    slope: Callable[[Any], Any] = np.ones_like
    clips: bool = True

    @property
    def largest(self) -> float:
        """Least upper bound of the distance."""
        return float(self.of(self.generator.largest))


def _root(value: Any) -> Any:
    return np.sqrt(np.maximum(value, 0.0))


def _root_slope(value: Any) -> Any:
    return 0.5 / np.sqrt(np.maximum(value, 1e-300))


def _renyi(alpha: float) -> Kind:
    factor = alpha * (alpha - 1.0)  # the integral of p^a q^(1 - a) is 1 + factor * value

    def of(value: Any) -> Any:
        with np.errstate(divide="ignore"):
            return np.log1p(np.maximum(factor * np.asarray(value), -1.0)) / (alpha - 1.0)

    return Kind(
        f"renyi={alpha:g}", alpha_generator(alpha), of, lambda value: alpha / (1.0 + factor * np.asarray(value))
    )


ROOTS = ("hellinger", "js_distance")


def unclipped(kind: Kind) -> Kind:
    """The same distance, whose estimates stay as they come out."""
    if kind.name in ROOTS:
        raise ValueError(
            f"clip must be True with kind={kind.name!r}, a root that a negative estimate has not, got False; "
            f"{kind.generator.name!r}, its square, takes both"
        )
    return replace(kind, clips=False)


KINDS = (*GENERATORS, *ROOTS, "alpha", "renyi")


def check_kind(kind: Any, alpha: Any = None, f: Any = None) -> Kind:
    """The kind that a user names: a word of `KINDS`, with `alpha` for those that have one, or "f" with a function f."""
    if f is not None or kind == "f":
        if kind != "f" or f is None:
            raise ValueError(f"f must be given with kind='f' and with no other, got kind={kind!r} and f={f!r}")
        return Kind("f", user_generator(f))
    kind = validation.check_option(kind, "kind", (*KINDS, "f"))
    if kind in ("alpha", "renyi"):
        if alpha is None:
            raise ValueError(f"alpha must be a number with kind={kind!r}, got None")
        order = validation.check_number(alpha, "alpha", above=0.0 if kind == "renyi" else None)
        if kind == "alpha":
            return Kind(f"alpha={order:g}", alpha_generator(order))
        return Kind("renyi=1", GENERATORS["kl"]) if order == 1 else _renyi(order)
    if alpha is not None:
        raise ValueError(
            f"alpha must be None unless kind is 'alpha' or 'renyi', got alpha={alpha!r} with kind={kind!r}"
        )
    if kind == "hellinger":
        return Kind(kind, GENERATORS["squared_hellinger"], _root, _root_slope)
    if kind == "js_distance":
        return Kind(kind, GENERATORS["js"], _root, _root_slope)
    return Kind(kind, GENERATORS[kind])

"""The distances that users name: f-divergences and increasing functions of them."""

from __future__ import annotations

import math
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

    Attributes
    ----------
    name : str
        The word, with the order where there is one.
    generator : Generator
        Of the f-divergence.
    transform, derivative : callable
        The function from the f-divergence to the distance, and its derivative, which says how errors go along; both
        accept arrays.
    clips : bool
        Whether estimates that no distance can have are moved to the nearest one that it can.
    is_root : bool
        Whether `transform` is a root, which a negative estimate has not, and whose derivative at 0 is infinite.
    log_integral : tuple of (float, callable), optional
        An order a, and the function that takes the logarithm of the integral of p^a q^(1 - a) to the distance, where
        that is better than by way of the integral, which is 0 or infinite soon.
    """

    name: str
    generator: Generator
    transform: Callable[[Any], Any] = lambda value: value
    derivative: Callable[[Any], Any] = np.ones_like
    clips: bool = True
    is_root: bool = False
    log_integral: tuple[float, Callable[[float], float]] | None = None

    @property
    def largest(self) -> float:
        """Least upper bound of the distance."""
        return float(self.transform(self.generator.largest))

    @property
    def divergence(self) -> Kind:
        """The f-divergence itself as a kind."""
        return Kind(self.generator.name, self.generator)


def _root_of(name: str, generator: Generator) -> Kind:
    return Kind(
        name,
        generator,
        lambda value: np.sqrt(np.maximum(value, 0.0)),
        lambda value: 0.5 / np.sqrt(np.maximum(value, 1e-300)),
        is_root=True,
    )


def _alpha(alpha: float) -> Kind:
    return Kind(f"alpha={alpha:g}", alpha_generator(alpha))


def _renyi(alpha: float) -> Kind:
    if alpha == 1:
        return Kind("renyi=1", GENERATORS["kl"])
    factor = alpha * (alpha - 1.0)  # the integral of p^a q^(1 - a) is 1 + factor * value

    def transform(value: Any) -> Any:
        with np.errstate(divide="ignore"):
            return np.log1p(np.maximum(factor * np.asarray(value), -1.0)) / (alpha - 1.0)

    return Kind(
        f"renyi={alpha:g}",
        alpha_generator(alpha),
        transform,
        lambda value: alpha / (1.0 + factor * np.asarray(value)),
        log_integral=(alpha, lambda log: max(log / (alpha - 1.0), 0.0) if math.isfinite(log) else math.inf),
    )


# Kinds without an order, and what makes those with one, with the least order that it takes.
_OF_WORDS = {
    **{name: Kind(name, generator) for name, generator in GENERATORS.items()},
    "hellinger": _root_of("hellinger", GENERATORS["squared_hellinger"]),
    "js_distance": _root_of("js_distance", GENERATORS["js"]),
}
_OF_ORDERS: dict[str, tuple[Callable[[float], Kind], float | None]] = {"alpha": (_alpha, None), "renyi": (_renyi, 0.0)}
KINDS = (*_OF_WORDS, *_OF_ORDERS)


def unclipped(kind: Kind) -> Kind:
    """The same distance, whose estimates stay as they come out."""
    if kind.is_root:
        raise ValueError(
            f"clip must be True with kind={kind.name!r}, a root that a negative estimate has not, got False; "
            f"{kind.generator.name!r}, its square, takes both"
        )
    return replace(kind, clips=False)


def check_kind(kind: Any, alpha: Any = None, f: Any = None) -> Kind:
    """The kind that a user names: a word of `KINDS`, with `alpha` for those that have one, or "f" with a function f."""
    if f is not None or kind == "f":
        if kind != "f" or f is None:
            raise ValueError(f"f must be given with kind='f' and with no other, got kind={kind!r} and f={f!r}")
        return Kind("f", user_generator(f))
    kind = validation.check_option(kind, "kind", (*KINDS, "f"))
    if kind in _OF_ORDERS:
        if alpha is None:
            raise ValueError(f"alpha must be a number with kind={kind!r}, got None")
        make, least = _OF_ORDERS[kind]
        return make(validation.check_number(alpha, "alpha", above=least))
    if alpha is not None:
        raise ValueError(
            f"alpha must be None unless kind is {' or '.join(map(repr, _OF_ORDERS))}, got alpha={alpha!r} with "
            f"kind={kind!r}"
        )
    return _OF_WORDS[kind]

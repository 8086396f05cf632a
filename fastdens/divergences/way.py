"""What passes between `divergence` and the ways to it: what is asked for, and what a way is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastdens.divergences.kinds import Kind
from fastdens.divergences.result import Divergence


@dataclass(frozen=True)
class Request:
    """What is asked for beside the two sides; None where an argument was not given."""

    kind: Kind
    method: str
    random: np.random.Generator
    support: Any = None
    samplers: Any = None
    tolerance: float | None = None
    standard_error: float | None = None
    max_evaluations: int | None = None
    weights: Any = None
    n_neighbors: Any = None
    model: Any = None
    n_folds: Any = None
    n_threads: int | None = None

    @property
    def is_automatic(self) -> bool:
        """Whether the method is left to the package."""
        return self.method == "auto"

    def sampler_pair(self) -> tuple[Any, Any]:
        """The samplers of P and of Q, None for a side that was given none."""
        if self.samplers is None:
            return (None, None)
        if not isinstance(self.samplers, tuple | list) or len(self.samplers) != 2:
            raise TypeError(f"samplers must be a pair, one for P and one for Q, got {self.samplers!r}")
        return (self.samplers[0], self.samplers[1])

    def check_method(self, methods: tuple[str, ...], where: str) -> None:
        """That the method is "auto" or one of these."""
        if not self.is_automatic and self.method not in methods:
            words = "'auto' or " + ("one of " if len(methods) > 1 else "") + ", ".join(map(repr, methods))
            raise ValueError(f"method must be {words} {where}, got {self.method!r}")

    def refuse(self, arguments: tuple[str, ...], where: str) -> None:
        """That none of these arguments was given."""
        for name in arguments:
            if getattr(self, name) is not None:
                raise ValueError(f"{name} must be None {where}, got {getattr(self, name)!r}")


class Way:
    """The divergences of one sort of sides: two densities, a side that is a sample, a side on points."""

    methods: tuple[str, ...]

    def takes(self, P: Any, Q: Any) -> bool:
        """Whether the sides are of this sort."""
        raise NotImplementedError

    def divergence(self, P: Any, Q: Any, request: Request) -> Divergence:
        """The divergence of P from Q; arguments that have no meaning here are refused."""
        raise NotImplementedError

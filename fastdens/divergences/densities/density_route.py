"""What a route between two densities is, and what it is given."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from fastdens.divergences.densities import closed_forms
from fastdens.divergences.densities.sides import Side, mixture_of, side_of
from fastdens.divergences.result import Divergence
from fastdens.divergences.way import Request
from fastdens.models.description import Components


@dataclass(frozen=True)
class Pair:
    """Two densities of the same dimension."""

    p: Side
    q: Side

    @property
    def n_features(self) -> int:
        """Dimension of both."""
        return self.p.n_features

    @property
    def can_integrate(self) -> bool:
        """Whether there are rules of quadrature for where they live: the line and the plane."""
        return self.n_features <= 2 and not self.p.on_sphere

    @property
    def can_draw(self) -> bool:
        """Whether both can be drawn from."""
        return self.p.draw is not None and self.q.draw is not None

    @property
    def are_mixtures(self) -> bool:
        """Whether both are made of Gaussians."""
        return self.p.components is not None and self.q.components is not None

    @property
    def gaussians(self) -> tuple[Components, Components] | None:
        """Both as single Gaussians, if they are."""
        p, q = self.p.components, self.q.components
        return (p, q) if p is not None and q is not None and len(p.weights) == len(q.weights) == 1 else None

    @cached_property
    def reduced(self) -> Pair:
        """Two Gaussians in as few dimensions as their covariances differ in; other pairs as they are."""
        if self.gaussians is None or self.n_features == 1:
            return self
        in_few = closed_forms.reduced(closed_forms.gaussian_pair(*self.gaussians)).components()
        return Pair(*(side_of(mixture_of(gaussian), side.name, None, None)
                      for gaussian, side in zip(in_few, (self.p, self.q))))  # fmt: skip

    @property
    def way_out(self) -> str:
        """The methods that such a pair has, for messages."""
        words = ["'quadrature'"] if self.can_integrate else []
        words += ["'monte_carlo'"] if self.can_draw else []
        return " or ".join(words) or "a smaller number of features"


class DensityRoute:
    """One method between two densities.

    Attributes
    ----------
    name : str
        The method's name.
    options : tuple of str
        Which of tolerance, standard_error and max_evaluations it heeds.
    """

    name: str
    options: tuple[str, ...] = ()

    def divergence(self, pair: Pair, request: Request) -> Divergence | None:
        """The divergence, or None where this route has none."""
        raise NotImplementedError

    def refusal(self, pair: Pair, request: Request) -> str:
        """Why it has none, and what to do, for a message."""
        raise NotImplementedError

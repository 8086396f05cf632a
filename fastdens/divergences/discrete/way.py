"""Divergences where a side is a distribution on points."""

from __future__ import annotations

from typing import Any

from fastdens.divergences.densities import closed_forms
from fastdens.divergences.densities.sides import is_sample, side_of
from fastdens.divergences.result import Divergence
from fastdens.divergences.way import Request, Way
from fastdens.models.description import atoms_of

HERE = "where a side is a DiscreteLaw"
WITHOUT_MEANING = (
    "tolerance", "standard_error", "max_evaluations", "weights", "n_neighbors", "model", "n_folds", "samplers",
)  # fmt: skip


class OnPoints(Way):
    """Sums over the points; a density gives them no mass, so that it is as far away as can be."""

    methods = ("closed_form",)

    def takes(self, P: Any, Q: Any) -> bool:
        return atoms_of(P) is not None or atoms_of(Q) is not None

    def divergence(self, P: Any, Q: Any, request: Request) -> Divergence:
        request.check_method(self.methods, HERE)
        request.refuse(WITHOUT_MEANING, HERE)
        of_p, of_q = atoms_of(P), atoms_of(Q)
        if of_p is not None and of_q is not None:
            request.refuse(("support",), "where neither side is a log-density")
            return closed_forms.atoms_divergence(of_p, of_q, request.kind)
        atoms, other, name = (of_q, P, "P") if of_p is None else (of_p, Q, "Q")
        assert atoms is not None
        if is_sample(other):
            raise ValueError(
                f"{name} must be a distribution where the other side is a DiscreteLaw, got a sample: make a "
                "DiscreteLaw of its distinct rows and their frequencies"
            )
        side = side_of(other, name, request.support, None)
        if not side.is_function:
            request.refuse(("support",), "where neither side is a log-density")
        if side.n_features not in (0, atoms.points.shape[1]):
            raise ValueError(f"P and Q must have the same dimension, got {atoms.points.shape[1]} of the DiscreteLaw "
                             f"and {side.n_features} of {name}")  # fmt: skip
        return closed_forms.singular_divergence(request.kind)

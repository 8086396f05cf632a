"""Divergences where a side is a sample: rows and distributions in the form that the estimators take."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.divergences.densities.sides import in_dimension, is_sample, side_of
from fastdens.divergences.result import Divergence
from fastdens.divergences.samples.estimates import METHODS, estimate_from_samples
from fastdens.divergences.way import Request, Way

HERE = "where a side is a sample"


class FromSamples(Way):
    """Estimates from rows, of which one side may be a distribution instead."""

    methods = METHODS[1:]

    def takes(self, P: Any, Q: Any) -> bool:
        return is_sample(P) or is_sample(Q)

    def divergence(self, P: Any, Q: Any, request: Request) -> Divergence:
        request.check_method(self.methods, HERE)
        request.refuse(("tolerance", "standard_error", "max_evaluations"), HERE)
        rows = [validation.check_data(side, name) if is_sample(side) else None for side, name in ((P, "P"), (Q, "Q"))]
        n_features = next(sample.shape[1] for sample in rows if sample is not None)
        p = _rows_or_density(P, "P", rows[0], n_features, request)
        q = _rows_or_density(Q, "Q", rows[1], n_features, request)
        if not any(side.is_function for side, sample in zip((p, q), rows) if sample is None):
            request.refuse(("support",), "where neither side is a log-density")
        return estimate_from_samples(
            p, q, request.kind, method=request.method,
            weights=(None, None) if request.weights is None else request.weights,
            n_neighbors=request.n_neighbors, model=request.model, n_folds=request.n_folds,
            random_state=request.random, n_threads=request.n_threads,
        )  # fmt: skip


def _rows_or_density(value: Any, name: str, rows: np.ndarray | None, n_features: int, request: Request) -> Any:
    sampler = request.sampler_pair()["PQ".index(name)]
    if rows is not None:
        if sampler is not None:
            raise ValueError(f"samplers must be None for {name}, which is a sample, got {sampler!r}")
        return rows
    side = in_dimension(side_of(value, name, request.support, sampler), n_features)
    if side.n_features != n_features:
        raise ValueError(f"P and Q must have the same dimension, got {n_features} of the sample and "
                         f"{side.n_features} of {name}")  # fmt: skip
    return side

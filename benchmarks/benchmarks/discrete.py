"""Divergences of discrete distributions: many outcomes, and batches of small distributions, beside NumPy and SciPy."""

from __future__ import annotations

import numpy as np

import fastdens as fd

from . import peers
from .common import Comparison, size


def distributions(case):
    """Rows of two batches: one pair of long distributions, or many short ones; a third of the outcomes of p is
    missing."""
    shape = (1, size(4_000_000, 4_000)) if case.startswith("long") else (size(100_000, 100), 10)
    random = np.random.default_rng(0)
    p, q = random.exponential(size=(2, *shape))
    p[:, ::3] = 0
    return p / p.sum(axis=-1, keepdims=True), q / q.sum(axis=-1, keepdims=True)


def numpy_kl(p, q):
    return np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0) / q), 0.0).sum(axis=-1)


def numpy_js(p, q):
    middle = (p + q) / 2
    return (numpy_kl(p, middle) + numpy_kl(q, middle)) / 2


class Discrete(Comparison):
    """The divergence of each pair of rows; the reference is the formula in NumPy."""

    cases = tuple(
        f"{shape} {kind}"
        for shape in ("long", "batch")
        for kind in ("total_variation", "kl_divergence", "js_divergence", "hellinger_distance")
    )
    implementations = ("fastdens", "reference", "scipy")
    tolerance = 1e-12
    peers_tolerance = 1e-12
    formulas = {  # noqa: RUF012
        "total_variation": lambda p, q: np.abs(p - q).sum(axis=-1) / 2,
        "kl_divergence": numpy_kl,
        "js_divergence": numpy_js,
        "hellinger_distance": lambda p, q: np.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum(axis=-1) / 2),
    }

    def prepare(self, case, implementation):
        kind = case.split()[1]
        p, q = distributions(case)
        if implementation == "fastdens":
            return lambda: getattr(fd, kind)(p, q)
        if implementation == "reference":
            return lambda: type(self).formulas[kind](p, q)
        if kind == "kl_divergence":
            rel_entr = peers.module("scipy", "special").rel_entr
            return lambda: rel_entr(p, q).sum(axis=-1)
        if kind == "js_divergence":
            jensenshannon = peers.module("scipy", "spatial.distance").jensenshannon
            return lambda: jensenshannon(p, q, axis=-1) ** 2
        raise NotImplementedError(f"SciPy has no {kind} of discrete distributions")

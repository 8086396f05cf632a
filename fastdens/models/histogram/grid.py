"""The grid of bins of a histogram: edges on every axis."""

from __future__ import annotations

import math
import numbers
import warnings
from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.models.histogram import rules as bin_rules

MOST_CELLS = 2**24  # 128 MiB for each of masses and densities
FEWEST_CELLS_ALLOWED = 2**12  # rules for several features may make this many cells however few rows there are,
MOST_CELLS_PER_ROW = 64  # and this many per row


def choose_edges(bins: Any, limits: Any, X: np.ndarray, weights: np.ndarray | None) -> list[np.ndarray]:
    """Edges for each feature from the arguments of Histogram; `weights` positive, as the user gave them."""
    d = X.shape[1]
    wanted, ranges = _per_feature(bins, d), _ranges_per_feature(limits, d)
    for j, (item, span) in enumerate(zip(wanted, ranges)):
        if isinstance(item, np.ndarray) and span is not None:
            raise ValueError(f"range must not be given where bins are edges, got both for feature {j}")
    if any(span is not None for span in ranges):
        X, weights = _rows_within(ranges, limits, X, weights)
    columns = [
        None if isinstance(item, np.ndarray) else bin_rules.prepare(np.ascontiguousarray(x), weights, span, d)
        for x, item, span in zip(X.T, wanted, ranges)
    ]
    by_rule = {j for j, item in enumerate(wanted) if isinstance(item, str)}
    if isinstance(bins, str) and bins == "risk" and d > 1:
        counts = _joint_risk_counts(X, weights, columns)  # type: ignore[arg-type]
        wanted = [max(1, min(math.ceil(c), bin_rules.MOST_BINS)) for c in counts]
    edges = []
    for item, column in zip(wanted, columns):
        if column is None:
            edges.append(item)
        elif isinstance(item, str):
            edges.append(bin_rules.edges_by_rule(column, item))
        else:
            edges.append(bin_rules.equal_bins(column.low, column.high, item))
    return _within_memory(edges, by_rule, len(X))


def _rows_within(
    ranges: list[tuple[float, float] | None], limits: Any, X: np.ndarray, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray | None]:
    inside = np.ones(len(X), dtype=bool)
    for x, span in zip(X.T, ranges):
        if span is not None:
            inside &= (x >= span[0]) & (x <= span[1])
    if not inside.any():
        raise ValueError(f"range must hold at least one row of X, got {limits!r}")
    if inside.all():
        return X, weights
    return X[inside], None if weights is None else weights[inside]


def _within_memory(edges: list[np.ndarray], by_rule: set[int], n_rows: int) -> list[np.ndarray]:
    """The edges, with fewer on the axes whose number of bins a rule chose where there are too many cells altogether."""
    shape = [len(e) - 1 for e in edges]
    if len(edges) == 1:
        return edges
    most = min(MOST_CELLS, max(FEWEST_CELLS_ALLOWED, MOST_CELLS_PER_ROW * n_rows))
    fixed = math.prod(bins for j, bins in enumerate(shape) if j not in by_rule)
    if fixed > MOST_CELLS:
        raise ValueError(f"bins must make at most 2^24 cells altogether, got {math.prod(shape)} in shape {(*shape,)}")
    if not by_rule or math.prod(shape) <= max(most, fixed):
        return edges
    low, high = 0.0, 1.0
    for _ in range(60):
        factor = (low + high) / 2
        cells = fixed * math.prod(max(1, int(shape[j] * factor)) for j in by_rule)
        low, high = (factor, high) if cells <= max(most, fixed) else (low, factor)
    fewer = [max(1, int(bins * low)) if j in by_rule else bins for j, bins in enumerate(shape)]
    shown = f"{tuple(shape)} bins" if len(shape) <= 6 else f"bins on {len(shape)} features"
    warnings.warn(
        f"the rule asks for {shown}, too many cells for {n_rows} rows; {math.prod(fewer)} are used. "
        "A histogram of so many features says little: consider another model.",
        stacklevel=4,
    )
    return [
        e if j not in by_rule else e[np.unique(np.linspace(0, len(e) - 1, bins + 1).round().astype(np.intp))]
        for j, (e, bins) in enumerate(zip(edges, fewer))
    ]


def _joint_risk_counts(X: np.ndarray, weights: np.ndarray | None, columns: list[bin_rules.Column]) -> list[float]:
    """Numbers of bins of least cross-validated integrated squared error, among multiples of Scott's for all axes."""
    n = validation.effective_sample_size(weights, len(X))
    scotts = [bin_rules.scott(column) for column in columns]
    best = (math.inf, [1.0] * len(columns))
    if n < 2:
        return best[1]
    for factor in np.exp2(np.linspace(-3, 3, 25)):
        counts = [float(max(1, min(math.ceil(s * factor), bin_rules.MOST_PER_ROW * n))) for s in scotts]
        if math.prod(counts) > 2**62:
            break
        cells = np.zeros(len(X), dtype=np.int64)
        for x, column, bins in zip(X.T, columns, counts):
            at = ((x - column.low) / column.width * bins).astype(np.int64)
            cells = cells * int(bins) + np.clip(at, 0, int(bins) - 1)
        _, cells = np.unique(cells, return_inverse=True)
        shares = np.bincount(cells.reshape(-1), weights=weights)
        shares = shares / shares.sum()
        error = math.prod(counts) * (2 - (n + 1) * float(shares @ shares)) / (n - 1)
        best = min(best, (error, counts))
    return best[1]


def _per_feature(bins: Any, d: int) -> list[Any]:
    """For each feature a rule, a number of bins, or an array of edges."""
    if isinstance(bins, str | numbers.Integral):
        return [_one_feature(bins, "bins")] * d
    if not hasattr(bins, "__len__"):
        raise TypeError(f"bins must be an integer, a rule, edges, or a list of these for each feature, got {bins!r}")
    if d == 1 and isinstance(bins, np.ndarray) and bins.ndim == 1 and bins.dtype == np.float64 and len(bins) > 1:
        return [bin_rules.check_edges(bins, "bins")]  # as below, but no number is looked at by itself
    items = list(bins)
    scalars = all(isinstance(item, numbers.Real) for item in items)
    if d == 1 and scalars and not (len(items) == 1 and isinstance(items[0], numbers.Integral)):
        return [bin_rules.check_edges(bins, "bins")]
    if len(items) != d:
        raise ValueError(f"bins must have one entry per feature ({d}), got {len(items)}")
    return [_one_feature(item, f"bins[{j}]") for j, item in enumerate(items)]


def _one_feature(item: Any, name: str) -> Any:
    if isinstance(item, str):
        return validation.check_option(item, name, bin_rules.RULES)
    if isinstance(item, numbers.Real):
        return validation.check_integer(item, name, 1, MOST_CELLS)
    return bin_rules.check_edges(item, name)


def _ranges_per_feature(limits: Any, d: int) -> list[tuple[float, float] | None]:
    if limits is None:
        return [None] * d
    if not hasattr(limits, "__len__"):
        raise TypeError(f"range must be two numbers, or a pair or None for each feature, got {limits!r}")
    items = list(limits)
    if all(isinstance(item, numbers.Real) for item in items):
        return [bin_rules.check_range(limits)] * d
    if len(items) != d:
        raise ValueError(f"range must have one entry per feature ({d}), got {len(items)}")
    return [None if item is None else bin_rules.check_range(item, f"range[{j}]") for j, item in enumerate(items)]

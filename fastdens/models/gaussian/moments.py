"""Mean and covariance without loss of digits, and what is done where a covariance is singular."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from fastdens.core.exact_sums import two_sum
from fastdens.core.threads import pieces
from fastdens.models.contract import in_double

COVARIANCE_TYPES = ("full", "diag", "spherical")
NUMBERS_IN_RUN = 1 << 15  # of rows that are handled at once, where that is not less than a fraction of a square
ROWS_IN_PRODUCT = 128  # whose products are added one after the other
RIDGE = 1e-6  # share of each variance that is added where the covariance is singular
SINGULAR = 1e-12  # a correlation matrix with an eigenvalue below this (times n_features / 64, if more) is singular


def moments(X: np.ndarray, weights: np.ndarray | None, covariance_type: str) -> tuple[np.ndarray, Any]:
    """Weighted mean and covariance; a column that is constant but for rounding has covariance exactly 0.

    In passes over a few rows at a time, with no temporary of the size of X: for the range of the columns, for the mean,
    and for the moments about it, corrected by what its rounding left (Chan, Golub & LeVeque 1983). Sums over these
    runs of rows are added with their errors.
    """
    # Deviations from a row of the data are as exact as the data; powers of two scale them without rounding.
    origin = in_double(X[0 if weights is None else int(np.argmax(weights))])
    low, high = _ranges(X)
    with np.errstate(over="ignore"):
        farthest = np.maximum(high - origin, origin - low)
    _check_range(np.isfinite(farthest), low, high, "overflows")
    scale = np.ldexp(1.0, np.frexp(farthest)[1] - 1)
    total = float(len(X)) if weights is None else float(weights.sum())

    def runs(centre: np.ndarray | float) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        for part in row_pieces(X):
            yield (in_double(X[part]) - origin) / scale - centre, None if weights is None else weights[part]

    mean = _sum_of_runs(_weighted_sum(rows, w) for rows, w in runs(0.0)) / total
    d, full = X.shape[1], covariance_type == "full" and X.shape[1] > 1
    # One array for each run: what is left of the mean, and below it squares or products.
    sums = _sum_of_runs(np.vstack([_weighted_sum(rows, w), _products(rows, w, full)]) for rows, w in runs(mean)) / total
    step, products = sums[0], sums[1:]
    mean += step
    products -= np.multiply.outer(step, step) if full else step**2
    variances = np.maximum(np.diag(products) if full else products[0], 0.0)
    largest = np.maximum(np.abs(low), np.abs(high)) / scale
    constant = variances <= (np.finfo(float).eps * largest) ** 2
    variances[constant] = 0
    with np.errstate(over="ignore", under="ignore"):
        true_variances = variances * scale * scale
    _check_range(np.isfinite(true_variances), low, high, "overflows")
    _check_range((true_variances >= np.finfo(float).tiny) | constant, low, high, "underflows")
    mean = origin + mean * scale
    if covariance_type != "full":
        return mean, true_variances if covariance_type == "diag" else float(true_variances.mean())
    if d == 1:
        return mean, true_variances[:, None]
    products[constant], products[:, constant] = 0, 0
    return mean, (products + products.T) * 0.5 * scale[:, None] * scale


def row_pieces(X: np.ndarray) -> Iterator[slice]:
    """Runs of rows whose numbers fit a processor's cache, and are worth a matrix of their products."""
    return pieces(len(X), max(1, NUMBERS_IN_RUN // X.shape[1], X.shape[1] // 4))


def _ranges(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least and the largest value of each column, in double precision."""
    low, high = (in_double(X[0]).copy() for _ in range(2))
    for part in row_pieces(X):
        np.minimum(low, X[part].min(axis=0), out=low)
        np.maximum(high, X[part].max(axis=0), out=high)
    return low, high


def _weighted_sum(rows: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    # Along contiguous columns NumPy adds in pairs, which is more exact than one after the other.
    columns = np.ascontiguousarray(rows.T)
    return columns.sum(axis=1) if weights is None else (columns * weights).sum(axis=1)


def _products(rows: np.ndarray, weights: np.ndarray | None, full: bool) -> np.ndarray:
    """The weighted sums of products of columns, or of squares."""
    if not full:
        return _weighted_sum(rows * rows, weights)[None, :]
    weighted, d = rows if weights is None else rows * weights[:, None], rows.shape[1]
    n_whole = len(rows) // ROWS_IN_PRODUCT * ROWS_IN_PRODUCT
    few, its_weighted = (a[:n_whole].reshape(-1, ROWS_IN_PRODUCT, d) for a in (rows, weighted))
    parts = np.matmul(its_weighted.transpose(0, 2, 1), few).reshape(-1, d * d)
    return np.ascontiguousarray(parts.T).sum(axis=1).reshape(d, d) + weighted[n_whole:].T @ rows[n_whole:]


def _sum_of_runs(sums: Iterable[np.ndarray]) -> np.ndarray:
    """The sum of arrays, with what rounding loses added in the end (Neumaier 1974)."""
    total = rest = np.zeros(())
    for each in sums:
        total, lost = two_sum(total, each)
        rest = rest + lost
    return total + rest


def pooled(
    a: tuple[np.ndarray, Any], b: tuple[np.ndarray, Any], share: float, covariance_type: str
) -> tuple[np.ndarray, Any]:
    """Mean and covariance of two samples together, from those of each; `share` is b's part of the weight.

    Chan, Golub & LeVeque (1983), Algorithms for computing the sample variance, The American Statistician 37, 242-247.
    """
    (mean_a, covariance_a), (mean_b, covariance_b) = a, b
    shift = mean_b - mean_a
    if covariance_type == "full":
        between = np.multiply.outer(shift, shift)
    else:
        between = shift * shift if covariance_type == "diag" else float(np.mean(shift * shift))
    covariance = (1 - share) * covariance_a + share * covariance_b + (1 - share) * share * between
    return mean_a + share * shift, covariance


def leave_one_out_change(
    white: np.ndarray, weights: np.ndarray | None, total: float, covariance_type: str
) -> np.ndarray:
    """Log-density of every row under the model of the others, less the log-density of the model of all at its mean.

    Without row i, of weight w of the `total` W, the mean moves so that x_i is a r away from it, and the covariance is
    a (S - c r r^T), where r = x_i - mean, a = W / (W - w), c = w / (W - w); its determinant and inverse follow from
    r^T S^-1 r, the squared length of the whitened row (per feature, or pooled over them, for the other types).
    """
    d = white.shape[1]
    w = np.ones(len(white)) if weights is None else weights
    others = total - w
    squares = white**2
    if covariance_type != "diag":
        squares = squares.sum(axis=1, keepdims=True)
    times = d if covariance_type == "spherical" else 1
    with np.errstate(divide="ignore", invalid="ignore"):
        a, c = 1 + w / others, (w / others)[:, None]
        remaining = 1 - c * squares / times
        log_determinant = times * np.log(remaining).sum(axis=1) + d * np.log(a)
        change = -0.5 * (log_determinant + a * (squares / remaining).sum(axis=1))
    return np.where((remaining > 1e-12).all(axis=1), change, -np.inf)


def _check_range(right: np.ndarray, low: np.ndarray, high: np.ndarray, what: str) -> None:
    if not right.all():
        column = int(np.argmin(right))
        raise ValueError(
            f"the variance of column {column} of X, from {low[column]:g} to {high[column]:g}, {what} float64: "
            "rescale it"
        )


def regularised(covariance: Any, n_rows: int) -> tuple[Any, str]:
    """A covariance of full rank, and why it is not the given one (empty where it is)."""
    if np.ndim(covariance) == 0:
        if covariance == 0:
            raise _no_scale(n_rows)
        return covariance, ""
    variances = np.diag(covariance) if np.ndim(covariance) == 2 else covariance
    varies = variances > 0
    if not varies.any():
        raise _no_scale(n_rows)
    full = np.ndim(covariance) == 2
    if not varies.all():
        columns = np.flatnonzero(~varies)
        shown = ", ".join(map(str, columns[:5])) + (", ..." if len(columns) > 5 else "")
        reason = f"column {shown} is constant" if len(columns) == 1 else f"columns {shown} are constant"
    elif not full:
        return covariance, ""
    elif n_rows <= len(variances):
        reason = f"{n_rows} rows determine no covariance of {len(variances)} features"
    elif _is_singular(covariance):
        reason = "its columns are linearly dependent"
    else:
        return covariance, ""
    added = RIDGE * np.where(varies, variances, variances[varies].mean())
    return covariance + (np.diag(added) if full else np.where(varies, 0.0, added)), reason


def _is_singular(covariance: np.ndarray) -> bool:
    scale = np.sqrt(np.diag(covariance))
    correlation = covariance / scale[:, None] / scale
    correlation[np.diag_indices_from(correlation)] -= SINGULAR * max(1.0, len(scale) / 64)
    try:
        np.linalg.cholesky(correlation)
    except np.linalg.LinAlgError:
        return True
    return False


def _no_scale(n_rows: int) -> ValueError:
    return ValueError(f"X must have at least two rows that differ, got {n_rows} equal rows: they determine no variance")

"""Mean and covariance without loss of digits, and what is done where a covariance is singular."""

from __future__ import annotations

from typing import Any

import numpy as np

COVARIANCE_TYPES = ("full", "diag", "spherical")
RIDGE = 1e-6  # share of each variance that is added where the covariance is singular
SINGULAR = 1e-12  # a correlation matrix with an eigenvalue below this (times n_features / 64, if more) is singular


def moments(X: np.ndarray, weights: np.ndarray | None, covariance_type: str) -> tuple[np.ndarray, Any]:
    """Weighted mean and covariance; a column that is constant but for rounding has covariance exactly 0."""
    # Deviations from a row of the data are as exact as the data; powers of two scale them without rounding.
    origin = X[0 if weights is None else int(np.argmax(weights))]
    with np.errstate(over="ignore"):
        centred = X - origin
    reach = np.abs(centred).max(axis=0)
    _check_range(np.isfinite(reach), X, "overflows")
    scale = np.ldexp(1.0, np.frexp(reach)[1] - 1)
    centred /= scale
    mean = np.zeros_like(origin)
    for _ in range(2):  # the second time round, the mean of what rounding left
        step = _average(centred, weights)
        centred -= step
        mean += step
    largest = np.abs(X).max(axis=0) / scale
    if weights is not None:
        centred *= np.sqrt(weights / weights.sum())[:, None]
    else:
        centred /= np.sqrt(len(X))
    variances = np.einsum("ij,ij->j", centred, centred)
    constant = variances <= (np.finfo(float).eps * largest) ** 2
    centred[:, constant] = 0
    variances[constant] = 0
    with np.errstate(over="ignore", under="ignore"):
        true_variances = variances * scale * scale
    _check_range(np.isfinite(true_variances), X, "overflows")
    _check_range((true_variances >= np.finfo(float).tiny) | constant, X, "underflows")
    mean = origin + mean * scale
    if covariance_type == "full":
        covariance = centred.T @ centred
        return mean, (covariance + covariance.T) * 0.5 * scale[:, None] * scale
    return mean, true_variances if covariance_type == "diag" else float(true_variances.mean())


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


def leave_one_out_change(white: np.ndarray, weights: np.ndarray | None, covariance_type: str) -> np.ndarray:
    """Log-density of every row under the model of the others, less the log-density of the model of all at its mean.

    Without row i, of weight w of W, the mean moves so that x_i is a r away from it, and the covariance is
    a (S - c r r^T), where r = x_i - mean, a = W / (W - w), c = w / (W - w); its determinant and inverse follow from
    r^T S^-1 r, the squared length of the whitened row (per feature, or pooled over them, for the other types).
    """
    d = white.shape[1]
    w = np.ones(len(white)) if weights is None else weights
    others = w.sum() - w
    squares = white**2
    if covariance_type != "diag":
        squares = squares.sum(axis=1, keepdims=True)
    times = d if covariance_type == "spherical" else 1
    with np.errstate(divide="ignore", invalid="ignore"):
        a, c = 1 + w / others, (w / others)[:, None]
        left = 1 - c * squares / times
        log_determinant = times * np.log(left).sum(axis=1) + d * np.log(a)
        change = -0.5 * (log_determinant + a * (squares / left).sum(axis=1))
    return np.where((left > 1e-12).all(axis=1), change, -np.inf)


def _average(X: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    return X.mean(axis=0) if weights is None else weights @ X / weights.sum()


def _check_range(right: np.ndarray, X: np.ndarray, what: str) -> None:
    if not right.all():
        column = int(np.argmin(right))
        low, high = X[:, column].min(), X[:, column].max()
        raise ValueError(f"the variance of column {column} of X, from {low:g} to {high:g}, {what} float64: rescale it")


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

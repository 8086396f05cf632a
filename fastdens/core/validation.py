"""Every check of what a user passes in: each message names the argument, the rule and the value received.

The checks return clean arrays: C-contiguous, float64 (float32 kept where asked for), finite. Inputs are never changed.
The wording of the data checks is the one that scikit-learn's estimator checks look for.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from fastdens.core._checks import find_non_finite, find_non_finite_float

_FLOAT64 = np.dtype(np.float64)
_FLOAT32 = np.dtype(np.float32)


def _to_float_array(X: Any, name: str) -> np.ndarray:
    """`X` as a native float64 or float32 array of any shape."""
    if type(X).__module__.startswith("scipy.sparse"):
        raise TypeError(f"Sparse data was passed for {name}, but dense data is required. Use '{name}.toarray()'.")
    if type(X).__module__.startswith("dask"):
        raise TypeError(f"{name} is a dask collection; compute it first, or map the model over its blocks.")
    try:
        array = np.asarray(X)
    except ValueError as error:
        raise ValueError(f"{name} must be a rectangular array of numbers, got ragged rows ({error})") from None
    if array.dtype == _FLOAT64 or array.dtype == _FLOAT32:
        return array
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} has dtype {array.dtype}")
    if array.dtype.kind in "mM":
        raise ValueError(f"{name} must hold real numbers, got dtype {array.dtype}")
    if array.dtype.kind in "SU":
        raise ValueError(f"{name} must hold real numbers, got strings (dtype {array.dtype})")
    target = _FLOAT32 if array.dtype.kind == "f" and array.dtype.itemsize == 4 else _FLOAT64
    try:
        return array.astype(target)
    except ValueError as error:
        raise ValueError(f"{name} must hold real numbers: {error}") from None


def _contiguous(array: np.ndarray) -> np.ndarray:
    """`array` itself where compiled code can read it as it lies in memory, else a copy."""
    return np.ascontiguousarray(array) if array.flags.aligned else np.array(array, order="C")


def is_plain(X: Any) -> bool:
    """Whether X is a matrix that compiled code takes as it is (its values may still not be finite)."""
    return type(X) is np.ndarray and X.dtype == _FLOAT64 and X.ndim == 2 and X.flags.carray and X.size > 0


def check_data(X: Any, name: str = "X", *, keep_float32: bool = False, min_samples: int = 1) -> np.ndarray:
    """A matrix of samples as a C-contiguous, finite float array of shape (n_samples, n_features)."""
    if is_plain(X) and len(X) >= min_samples and find_non_finite(X) < 0:
        return X
    array = X if type(X) is np.ndarray and X.dtype == _FLOAT64 else _to_float_array(X, name)
    if array.ndim != 2:
        raise ValueError(
            f"Expected 2D array, got {'scalar' if array.ndim == 0 else f'{array.ndim}D'} array instead for {name}. "
            f"Reshape your data using {name}.reshape(-1, 1) if it has a single feature or {name}.reshape(1, -1) "
            "if it is a single sample."
        )
    n_samples, n_features = array.shape
    if n_features == 0:
        raise ValueError(
            f"Found array with 0 feature(s) (shape={array.shape}) while a minimum of 1 is required for {name}."
        )
    if n_samples < min_samples:
        raise ValueError(
            f"Found array with {n_samples} sample(s) (shape={array.shape}) while a minimum of {min_samples} is "
            f"required for {name}."
        )
    if array.dtype == _FLOAT32 and not keep_float32:
        array = array.astype(_FLOAT64)
    array = _contiguous(array)
    bad = find_non_finite(array) if array.dtype == _FLOAT64 else find_non_finite_float(array)
    if bad >= 0:
        row, column = divmod(bad, n_features)
        raise ValueError(
            f"Input {name} contains NaN or infinity: every value must be finite, got {array[row, column]} "
            f"in row {row}, column {column}."
        )
    return array


def check_queries(Q: Any, n_features: int, name: str = "Q", *, keep_float32: bool = False) -> np.ndarray:
    """Query points as `check_data`, with the given number of features; no rows at all are allowed."""
    array = check_data(Q, name, keep_float32=keep_float32, min_samples=0)
    if array.shape[1] != n_features:
        raise ValueError(f"{name} must have {n_features} features like the data, got {array.shape[1]}")
    return array


def check_sample_weight(weights: Any, n_samples: int, name: str = "sample_weight") -> np.ndarray | None:
    """Weights as float64 of shape (n_samples,): finite, not negative, not all zero; None stays None (all equal)."""
    if weights is None:
        return None
    array = _to_float_array(weights, name).astype(_FLOAT64, copy=False)
    if array.ndim != 1:
        raise ValueError(f"{name} must be a 1D array or None, got {array.ndim}D of shape {array.shape}")
    if array.shape[0] != n_samples:
        raise ValueError(f"{name}.shape == {array.shape}, expected {(n_samples,)}!")
    array = _contiguous(array)
    bad = find_non_finite(array[None, :])
    if bad >= 0:
        raise ValueError(f"{name} must be finite, got {array[bad]} at index {bad}")
    if array.size and array.min() < 0:
        bad = int(np.argmin(array))
        raise ValueError(f"{name} must not be negative, got {array[bad]} at index {bad}")
    if not array.any():
        raise ValueError(f"{name}: sample weights must contain at least one non-zero number, got all zero")
    return array


def drop_zero_weights(X: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    """The rows that carry weight, with weights rescaled by a power of two so that none of their sums overflows.

    A row of weight zero is the same as no row; a power of two changes no digit.
    """
    if weights is None:
        return X, None
    present = weights > 0
    if not present.all():
        X, weights = X[present], weights[present]
    return X, np.ldexp(weights, -math.frexp(float(weights.max()))[1])


def check_probabilities(p: Any, name: str, *, axis: int | None = None, normalize: bool = False) -> np.ndarray:
    """Discrete distributions as float64: finite, not negative, each summing to 1, or to anything but 0 with
    `normalize`.

    One distribution, of shape (n_outcomes,), or with `axis`, which becomes the last, any number of them.
    A sum may miss 1 by 1e-9 (1e-5 for float32 values); the values are returned as given, or scaled with `normalize`.
    """
    array = _to_float_array(p, name)
    tolerance = 1e-5 if array.dtype == _FLOAT32 else 1e-9
    if array.ndim != 1 and (axis is None or array.ndim == 0):
        raise ValueError(f"{name} must be a 1D array of probabilities, got {array.ndim}D of shape {array.shape}")
    if axis is not None:
        if not -array.ndim <= check_integer(axis, "axis", -array.ndim) < array.ndim:
            raise ValueError(f"axis must be from {-array.ndim} to {array.ndim - 1} for {name}, got {axis}")
        array = np.moveaxis(array, axis, -1)
    if array.size == 0:
        raise ValueError(f"{name} must hold at least one probability, got an empty array")
    array = np.ascontiguousarray(array, dtype=_FLOAT64)
    bad = find_non_finite(array.reshape(1, -1))
    if bad >= 0:
        raise ValueError(f"{name} must be finite, got {array.flat[bad]} at index {_place(bad, array)}")
    if array.min() < 0:
        bad = int(np.argmin(array))
        raise ValueError(f"{name} must not be negative, got {array.flat[bad]} at index {_place(bad, array)}")
    if normalize:
        largest = array.max(axis=-1, keepdims=True)
        if not largest.all():
            raise ValueError(f"{name} must have a positive sum to be normalized, got all zero")
        # A power of two first: then no sum overflows, and none of subnormal numbers loses digits.
        array = np.ldexp(array, -np.frexp(largest)[1])
        return array / array.sum(axis=-1, keepdims=True)
    with np.errstate(over="ignore"):
        totals = np.atleast_1d(array.sum(axis=-1))
    if (np.abs(totals - 1) > tolerance).any():
        total = float(totals.flat[np.argmax(np.abs(totals - 1))])
        raise ValueError(
            f"{name} must sum to 1 (within {tolerance:g}), got a sum of {total!r}"
            + ("" if axis is None else "; normalize=True rescales")
        )
    return array


def _place(flat: int, array: np.ndarray) -> Any:
    return flat if array.ndim == 1 else tuple(map(int, np.unravel_index(flat, array.shape)))


def check_pair_of_probabilities(
    p: Any, q: Any, *, axis: int | None = None, normalize: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Discrete distributions p and q on the same outcomes; with `axis`, two stacks of them that broadcast."""
    p = check_probabilities(p, "p", axis=axis, normalize=normalize)
    q = check_probabilities(q, "q", axis=axis, normalize=normalize)
    if p.shape[-1] != q.shape[-1]:
        raise ValueError(f"p and q must have the same number of outcomes, got {p.shape[-1]} and {q.shape[-1]}")
    try:
        np.broadcast_shapes(p.shape, q.shape)
    except ValueError:
        raise ValueError(f"p and q must have shapes that broadcast, got {p.shape} and {q.shape}") from None
    return p, q


def positive_weights(sample_weight: Any) -> np.ndarray | None:
    """Weights that `check_sample_weight` has passed, as they were given, without the zeros."""
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight, dtype=_FLOAT64)
    return weights[weights > 0]


def effective_sample_size(weights: np.ndarray | None, n_samples: int) -> float:
    """How many rows weighted ones are worth, for whatever depends on the size of a sample.

    Whole-number weights count repeated rows, and their sum is the size. Others are relative, and the size is
    (sum w)^2 / sum w^2 (Kish 1965, Survey Sampling), which does not depend on their scale.
    """
    if weights is None:
        return float(n_samples)
    if weights.max() < 2.0**53 and np.array_equal(weights, np.floor(weights)):
        return float(weights.sum())
    relative = weights / weights.max()
    return float(relative.sum() ** 2 / (relative**2).sum())


def check_option(value: Any, name: str, allowed: Iterable[str]) -> str:
    """One word of a list of options."""
    options = list(allowed)
    if not isinstance(value, str):
        raise TypeError(f"{name} must be one of {', '.join(map(repr, options))}, got {value!r}")
    if value not in options:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, options))}, got {value!r}")
    return value


def check_integer(value: Any, name: str, minimum: int, maximum: int | None = None) -> int:
    """A whole number within bounds (both included)."""
    rule = f"{name} must be an integer of at least {minimum}" + ("" if maximum is None else f" and at most {maximum}")
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{rule}, got {value!r}")
    integer = int(value)
    if integer < minimum or (maximum is not None and integer > maximum):
        raise ValueError(f"{rule}, got {value!r}")
    return integer


def check_number(value: Any, name: str, *, above: float | None = None, at_least: float | None = None) -> float:
    """A finite real number, greater than `above` or not less than `at_least`."""
    bound = (
        f" greater than {above:g}"
        if above is not None
        else f" of at least {at_least:g}"
        if at_least is not None
        else ""
    )
    rule = f"{name} must be a finite number{bound}"
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        raise TypeError(f"{rule}, got {value!r}")
    number = float(value)
    if (
        not math.isfinite(number)
        or (above is not None and number <= above)
        or (at_least is not None and number < at_least)
    ):
        raise ValueError(f"{rule}, got {value!r}")
    return number


def check_length(length: int, name: str, expected: int, of: str) -> None:
    """That an argument has one entry per `of`."""
    if length != expected:
        raise ValueError(f"{name} must have one entry per {of} ({expected}), got {length}")


def check_axes(axes: Any, n_features: int, name: str = "axes") -> np.ndarray:
    """Distinct feature numbers, one or several, negative ones counted from the end; at least one."""
    chosen = np.asarray(axes)
    rule = f"{name} must be distinct feature numbers from {-n_features} to {n_features - 1}"
    if chosen.dtype.kind not in "iu" or chosen.ndim > 1 or chosen.size == 0:
        raise (ValueError if chosen.size == 0 else TypeError)(f"{rule}, got {axes!r}")
    chosen = np.atleast_1d(chosen).astype(np.intp)
    if chosen.min() < -n_features or chosen.max() >= n_features:
        raise ValueError(f"{rule}, got {axes!r}")
    chosen = chosen % n_features
    if len(np.unique(chosen)) < len(chosen):
        raise ValueError(f"{rule}, got {axes!r}")
    return chosen


def check_between_0_and_1(values: Any, name: str, *, inside: bool = False) -> np.ndarray:
    """Numbers in [0, 1], or with `inside` in (0, 1), of any shape, as float64."""
    array = _to_float_array(values, name).astype(_FLOAT64, copy=False)
    right = (array > 0) & (array < 1) if inside else (array >= 0) & (array <= 1)
    if not right.all():
        raise ValueError(f"{name} must lie {'strictly ' if inside else ''}between 0 and 1, got {array[~right].flat[0]}")
    return array


def check_random_state(random_state: Any) -> np.random.Generator:
    """A source of random numbers from an int, a Generator, a RandomState or None (fresh entropy).

    The global NumPy generator is never used, so no call changes it.
    """
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.Generator(random_state._bit_generator)  # shares, and advances, the caller's stream
    if random_state is None:
        return np.random.default_rng()
    if isinstance(random_state, numbers.Integral) and not isinstance(random_state, bool | np.bool_):
        if int(random_state) < 0:
            raise ValueError(f"random_state must be an integer of at least 0, got {random_state!r}")
        return np.random.default_rng(int(random_state))
    raise TypeError(f"random_state must be None, an integer, a Generator or a RandomState, got {random_state!r}")


def feature_names(X: Any) -> np.ndarray | None:
    """Column names of a data frame (pandas, polars, ...) as an object array; None where there are none."""
    if type(X) is np.ndarray:
        return None
    columns = getattr(X, "columns", None)
    if columns is None or isinstance(X, np.ndarray) or not isinstance(columns, Collection | np.ndarray):
        return None
    names = np.asarray(list(columns), dtype=object)
    n_strings = sum(isinstance(name, str) for name in names.ravel())
    if names.ndim != 1 or names.size == 0 or n_strings == 0:
        return None
    if n_strings != names.size:
        raise TypeError(
            "Feature names are only supported if all input features have string names, "
            f"got {sorted({type(name).__name__ for name in names})} in X.columns"
        )
    return names

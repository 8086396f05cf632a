"""Arrays that break software: the same values in other guises, values that must be refused, and degenerate data.

`GUISES` maps a name to a function that dresses a float64 matrix as something else which holds the same values (or the
values that `float32` or `int` can hold: compare with ``numpy.asarray(guise, dtype=float)``). `REFUSED` maps a name to a
matrix and the error it must raise. `DEGENERATE` maps a name to a valid matrix on which density code tends to fail.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np


def _strided(a: np.ndarray) -> np.ndarray:
    wide = np.full((2 * a.shape[0], 3 * a.shape[1]), np.nan)
    wide[::2, ::3] = a
    return wide[::2, ::3]


def _reversed(a: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(a[::-1, ::-1])[::-1, ::-1]


def _read_only(a: np.ndarray) -> np.ndarray:
    b = a.copy()
    b.flags.writeable = False
    return b


def _memory_map(a: np.ndarray) -> np.ndarray:
    with tempfile.NamedTemporaryFile() as file:
        file.write(np.ascontiguousarray(a).tobytes())
        file.flush()
        return np.memmap(file.name, dtype=a.dtype, mode="r", shape=a.shape)


def _misaligned(a: np.ndarray) -> np.ndarray:
    raw = np.empty(a.nbytes + 1, dtype=np.uint8)
    b = raw[1:].view(a.dtype).reshape(a.shape)
    b[...] = a
    return b


def _zero_stride(a: np.ndarray) -> np.ndarray:
    """Every column the same memory: the first one."""
    return np.broadcast_to(a[:, :1], a.shape)


def _array_protocol(a: np.ndarray) -> Any:
    class Wrapped:
        def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
            return a.astype(dtype or a.dtype)

    return Wrapped()


def _pandas(a: np.ndarray) -> Any:
    import pandas as pd

    return pd.DataFrame(a)


def _pandas_nullable(a: np.ndarray) -> Any:
    import pandas as pd

    return pd.DataFrame(a).astype("Float64")


def _polars(a: np.ndarray) -> Any:
    import polars as pl

    return pl.DataFrame({f"c{j}": column for j, column in enumerate(a.T)})


GUISES: dict[str, Callable[[np.ndarray], Any]] = {
    "contiguous": np.ascontiguousarray,
    "strided": _strided,
    "fortran": np.asfortranarray,
    "reversed": _reversed,
    "zero_stride": _zero_stride,
    "read_only": _read_only,
    "memory_map": _memory_map,
    "misaligned": _misaligned,
    "big_endian": lambda a: a.astype(">f8"),
    "longdouble": lambda a: a.astype(np.longdouble),
    "float16": lambda a: a.astype(np.float16),
    "float32": lambda a: a.astype(np.float32),
    "float32_big_endian": lambda a: a.astype(">f4"),
    "int64": lambda a: np.rint(4 * a).astype(np.int64),
    "uint8": lambda a: np.rint(np.abs(4 * a)).clip(0, 255).astype(np.uint8),
    "bool": lambda a: a > 0.1,
    "object": lambda a: a.astype(object),
    "list": lambda a: a.tolist(),
    "tuple_of_rows": lambda a: tuple(a),
    "matrix_subclass": lambda a: a.view(type("Sub", (np.ndarray,), {})),
    "array_protocol": _array_protocol,
    "pandas": _pandas,
    "pandas_nullable": _pandas_nullable,
    "polars": _polars,
}

# Guises that are data frames with names of strings: models remember those and compare them.
NAMED_GUISES = {"polars"}

# What float32 storage may do to results, by guise: these are computed in float32 where a function keeps float32.
FLOAT32_GUISES = {"float32", "float32_big_endian"}


def _with(value: float, row: int = 3, column: int = 1) -> np.ndarray:
    a = np.random.default_rng(0).normal(size=(7, 2))
    a[row, column] = value
    return a


REFUSED: dict[str, tuple[Any, type[Exception], str]] = {
    "nan": (_with(np.nan), ValueError, r"contains NaN or infinity.*got nan in row 3, column 1"),
    "inf": (_with(np.inf), ValueError, r"contains NaN or infinity.*got inf in row 3, column 1"),
    "minus_inf": (_with(-np.inf, 6, 0), ValueError, r"contains NaN or infinity.*got -inf in row 6, column 0"),
    "float32_nan": (_with(np.nan).astype(np.float32), ValueError, r"contains NaN or infinity.*row 3, column 1"),
    "one_dimensional": (np.arange(5.0), ValueError, r"Expected 2D array, got 1D array instead.*reshape\(-1, 1\)"),
    "scalar": (3.0, ValueError, r"Expected 2D array, got scalar array instead"),
    "three_dimensional": (np.zeros((2, 2, 2)), ValueError, r"Expected 2D array, got 3D array instead"),
    "no_rows": (np.zeros((0, 2)), ValueError, r"0 sample\(s\) \(shape=\(0, 2\)\).*minimum of 1 is required"),
    "no_columns": (np.zeros((3, 0)), ValueError, r"0 feature\(s\) \(shape=\(3, 0\)\).*minimum of 1 is required"),
    "complex": (np.zeros((3, 2), dtype=complex), ValueError, r"Complex data not supported"),
    "strings": (np.array([["a", "b"], ["c", "d"]]), ValueError, r"must hold real numbers, got strings"),
    "dates": (np.zeros((3, 2), dtype="datetime64[s]"), ValueError, r"must hold real numbers, got dtype datetime64"),
    "ragged": ([[1.0, 2.0], [3.0]], ValueError, r"must be a rectangular array of numbers, got ragged rows"),
    "object_of_words": (np.array([["a", 1.0], [2.0, 3.0]], dtype=object), ValueError, r"must hold real numbers"),
}


def _degenerate() -> dict[str, np.ndarray]:
    random = np.random.default_rng(20)
    normal = random.normal(size=(40, 2))
    return {
        "one_row": np.array([[0.5, -2.0]]),
        "two_rows": np.array([[0.5, -2.0], [1.5, 3.0]]),
        "all_equal": np.full((12, 2), 0.1),
        "two_values": np.repeat([[0.0, 1.0], [1.0, 0.0]], 6, axis=0),
        "ties": np.rint(normal),
        "each_row_twice": np.repeat(normal, 2, axis=0),
        "constant_column": np.column_stack([normal[:, 0], np.full(40, 7.0)]),
        "collinear": np.column_stack([normal[:, 0], 2 * normal[:, 0] + 1]),
        "one_hot": np.eye(3)[random.integers(3, size=30)],
        "more_columns_than_rows": random.normal(size=(3, 8)),
        "tiny_scale": 1e-150 * normal,
        "huge_scale": 1e150 * normal,
        "uneven_scales": normal * [1e-8, 1e8],
        "far_from_zero": 1e8 + normal,
        "subnormal": 1e-310 * normal,
        "negative_zero": np.where(normal > 0, 0.0, -0.0),
        "heavy_tails": np.sign(normal) * np.exp(20 * np.abs(normal)),
        "sorted": np.sort(normal, axis=0),
        "grid": np.stack(np.meshgrid(np.arange(6.0), np.arange(6.0)), axis=-1).reshape(-1, 2),
    }


DEGENERATE = _degenerate()

BAD_WEIGHTS: dict[str, tuple[Callable[[int], Any], type[Exception], str]] = {
    "negative": (lambda n: np.r_[np.ones(n - 1), -1.0], ValueError, r"must not be negative, got -1.0 at index"),
    "nan": (lambda n: np.r_[np.nan, np.ones(n - 1)], ValueError, r"must be finite, got nan at index 0"),
    "inf": (lambda n: np.r_[np.inf, np.ones(n - 1)], ValueError, r"must be finite, got inf at index 0"),
    "all_zero": (np.zeros, ValueError, r"must contain at least one non-zero number"),
    "too_short": (lambda n: np.ones(n - 1), ValueError, r"\.shape == \(\d+,\), expected \(\d+,\)"),
    "two_dimensional": (lambda n: np.ones((n, 1)), ValueError, r"must be a 1D array or None, got 2D"),
    "complex": (lambda n: np.ones(n, dtype=complex), ValueError, r"Complex data not supported"),
    "strings": (lambda n: np.full(n, "a"), ValueError, r"must hold real numbers, got strings"),
}

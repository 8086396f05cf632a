"""Tables of numbers from files, read strictly: every fault is one line that says what is wrong and where.

CSV is split by the standard library and holds nothing but numbers in the columns that are used: a missing value, a
word or a row of another length is an error, never a guess. A first line that names the columns is recognised.
"""

from __future__ import annotations

import csv
import io
import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TextIO

import numpy as np

_MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", ".", "-"))
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_PARQUET = (".parquet", ".pq")


class TableError(ValueError):
    """A table cannot be read; the message is one line that names the file, the line and the column."""


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of numbers with their names.

    Attributes
    ----------
    data : ndarray of shape (n_samples, n_features)
        The chosen columns, float64, all finite.
    names : tuple of str
        Name of each column: from the header, or ``column 1``, ``column 2``, ... by position in the file.
    weights : ndarray of shape (n_samples,) or None
        The weights column, where one was asked for.
    has_header : bool
        Whether the file names its columns.
    notes : tuple of str
        What was done that the user did not ask for, one sentence each.
    """

    data: np.ndarray
    names: tuple[str, ...]
    weights: np.ndarray | None
    has_header: bool
    notes: tuple[str, ...] = ()


def read_table(
    path: str | Path, columns: Sequence[str] | None = None, weights: str | None = None, separator: str = ","
) -> Table:
    """Read a CSV or Parquet file of numbers.

    Parameters
    ----------
    path : str or Path
        File to read; ``.parquet`` and ``.pq`` are read through pandas, where it is installed, anything else as CSV.
    columns : sequence of str, optional
        Columns to read, by name or, counted from 1, by position; by default all but the weights.
    weights : str, optional
        Column that holds the weight of each row, by name or position.
    separator : str, default=","
        What separates the cells of a line.

    Returns
    -------
    Table

    Raises
    ------
    TableError
        If the file is missing, is no text, has no numbers, or a cell of a chosen column is not a finite number.
    """
    path = Path(path)
    if path.is_dir():
        raise TableError(f"{path}: is a directory, not a file")
    try:
        if path.suffix.lower() in _PARQUET:
            return _read_parquet(path, columns, weights)
        return _CsvReader(path, _read_text(path), separator).read(columns, weights)
    except FileNotFoundError:
        raise TableError(f"{path}: no such file") from None
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error.strerror or error})") from None


def write_csv(target: str | Path | TextIO, names: Sequence[str] | None, rows: Iterable[Iterable[object]]) -> None:
    """Write rows as CSV, numbers with 10 significant digits; `names` is the header, None for none."""
    if isinstance(target, str | Path):
        with open(target, "w", encoding="utf-8", newline="") as file:
            write_csv(file, names, rows)
        return
    writer = csv.writer(target, lineterminator="\n")
    if names is not None:
        writer.writerow(names)
    writer.writerows([f"{cell:.10g}" if isinstance(cell, float) else cell for cell in row] for row in rows)


def _read_text(path: Path) -> str:
    raw = path.read_bytes()
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise TableError(f"{path}: is UTF-16 text; save it as UTF-8")
    if b"\0" in raw:
        raise TableError(f"{path}: line {_line_of(raw, raw.index(0))}: is binary, not a CSV file")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = _line_of(raw, error.start)
        raise TableError(f"{path}: line {line}: byte 0x{raw[error.start]:02x} is not UTF-8 text") from None


def _line_of(raw: bytes, position: int) -> int:
    return raw.count(b"\n", 0, position) + 1


def _to_number(cell: str) -> float | None:
    """The number in a cell; None for anything else (also for Python's own spellings such as 1_000)."""
    if "_" in cell:
        return None
    try:
        return float(cell)
    except ValueError:
        return None


def _is_number(cell: str) -> bool:
    value = _to_number(cell)
    return value is not None and not math.isnan(value)


def _shown(cell: str) -> str:
    return repr(cell if len(cell) <= 40 else cell[:37] + "...")


def _find_column(path: Path, names: Sequence[str], wanted: str) -> int:
    if wanted in names:
        return names.index(wanted)
    if wanted.isdecimal() and 1 <= int(wanted) <= len(names):
        return int(wanted) - 1
    listed = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    raise TableError(f"{path}: has no column {wanted!r}; it has {listed}")


def _choose(
    path: Path, names: Sequence[str], columns: Sequence[str] | None, weights: str | None
) -> tuple[list[int], int | None]:
    """Positions of the columns to read, and of the weights."""
    weight_at = None if weights is None else _find_column(path, names, weights)
    if columns is None:
        chosen = [j for j in range(len(names)) if j != weight_at]
    else:
        chosen = [_find_column(path, names, column) for column in columns]
        for j in chosen:
            if chosen.count(j) > 1:
                raise TableError(f"{path}: column {names[j]!r} was asked for twice")
            if j == weight_at:
                raise TableError(f"{path}: column {names[j]!r} cannot be data and weights at once")
    if not chosen:
        raise TableError(f"{path}: has no column left beside the weights")
    return chosen, weight_at


class _CsvReader:
    """One CSV file: finds the header, picks columns, and knows where each number came from."""

    def __init__(self, path: Path, text: str, separator: str) -> None:
        self.path, self.text, self.separator = path, text, separator
        self.rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)

    def fail(self, what: str, line: int | None = None, column: str | None = None) -> NoReturn:
        where = "" if line is None else f"line {line}: "
        if column is not None:
            where += f"{column}: " if column.startswith("column ") else f"column {column!r}: "
        raise TableError(f"{self.path}: {where}{what}")

    def next_row(self) -> list[str] | None:
        """The next row that is not blank; None at the end."""
        try:
            for row in self.rows:
                if len(row) > 1 or (row and row[0].strip()):
                    return row
        except csv.Error as error:
            self.fail(f"is not CSV ({error})", self.rows.line_num)
        return None

    def read(self, columns: Sequence[str] | None, weights: str | None) -> Table:
        first = self.next_row()
        if first is None:
            self.fail("is empty")
        first_line = self.rows.line_num
        second = self.next_row()
        second_line = self.rows.line_num
        names, has_header = self.header(first, second, first_line)
        body = [(second, second_line)] if has_header else [(first, first_line), (second, second_line)]
        start = [(row, line) for row, line in body if row is not None]
        if not start:
            self.fail("has a header but no rows", first_line)
        self.check_some_numbers(first, *start[0], names)
        notes: list[str] = []
        chosen, weight_at = _choose(self.path, names, columns, weights)
        positions = chosen + ([weight_at] if weight_at is not None else [])
        data, lines = self.numbers(start, names, positions)
        row_weights = None
        if weight_at is not None:
            data, row_weights = np.ascontiguousarray(data[:, :-1]), data[:, -1].copy()
            if (row_weights < 0).any():
                bad = int(np.argmax(row_weights < 0))
                self.fail(f"a weight must not be negative, got {row_weights[bad]:g}", lines[bad], names[weight_at])
            if not row_weights.any():
                self.fail("every weight is zero", None, names[weight_at])
        if columns is None and has_header and data.shape[1] > 1 and chosen[0] == 0 and not first[0].strip():
            counts = np.arange(len(data), dtype=np.float64)
            if np.array_equal(data[:, 0] - data[0, 0], counts) and data[0, 0] in (0, 1):
                # The row numbers that R and pandas write in front are no measurement.
                data, chosen = np.ascontiguousarray(data[:, 1:]), chosen[1:]
                notes.append("The first column has no name and counts the rows: left out.")
        return Table(data, tuple(names[j] for j in chosen), row_weights, has_header, tuple(notes))

    def header(self, first: list[str], second: list[str] | None, line: int) -> tuple[list[str], bool]:
        """Names of the columns, and whether the first row holds them.

        It does if it has words and no number at all, or if a column is a word there and a number in the row below.
        """
        no_words = all(_is_number(cell) or cell.strip().lower() in _MISSING for cell in first)
        has_header = (not no_words and not any(map(_is_number, first))) or (
            second is not None
            and any(
                not _is_number(above) and above.strip().lower() not in _MISSING and _is_number(below)
                for above, below in zip(first, second)
            )
        )
        names = [cell.strip() if has_header else "" for cell in first]
        if has_header:
            for j, name in enumerate(names):
                if name and name in names[:j]:
                    self.fail(f"two columns have the name {name!r} ({names.index(name) + 1} and {j + 1})", line)
        return [name or f"column {j}" for j, name in enumerate(names, start=1)], has_header

    def check_some_numbers(self, first: list[str], row: list[str], line: int, names: list[str]) -> None:
        """A whole line in one cell, or none with a number, is likely to be another kind of file."""
        if len(first) == 1:
            for other in _SEPARATORS.keys() - {self.separator}:
                if other in first[0] and any(other in cell for cell in row):
                    self.fail(self.other_separator(other), line)
            if len(row) == 1 and not _is_number(row[0]):
                self.fail(self.complaint(row[0]), line, names[0])
        elif all(not _is_number(cell) and cell.strip().lower() not in _MISSING for cell in row):
            self.fail(f"has no column of numbers (got {_shown(self.separator.join(row))})", line)

    def other_separator(self, other: str) -> str:
        option = {"\t": "'\\t'"}.get(other, repr(other))
        return (
            f"cells seem to be separated by {_SEPARATORS[other]}, not by "
            f"{_SEPARATORS.get(self.separator, repr(self.separator))} (--separator {option})"
        )

    def numbers(
        self, start: list[tuple[list[str], int]], names: list[str], positions: list[int]
    ) -> tuple[np.ndarray, array]:
        """The cells at `positions` as a matrix, and the line that each row ends on."""
        values, lines, width = array("d"), array("q"), len(names)
        everything = positions == list(range(width))
        has_underscores = "_" in self.text
        row: list[str] | None
        for row, line in start:
            self.append(row, line, names, positions, values)
            lines.append(line)
        while (row := self.next_row()) is not None:
            lines.append(self.rows.line_num)
            try:
                if len(row) != width or has_underscores:
                    raise ValueError
                values.extend(map(float, row) if everything else [float(row[j]) for j in positions])
            except ValueError:
                del values[(len(lines) - 1) * len(positions) :]  # what was read of this row before its fault
                self.append(row, lines[-1], names, positions, values)
        data = np.frombuffer(values, dtype=np.float64).reshape(-1, len(positions)).copy()
        if not np.isfinite(data).all():
            bad, j = divmod(int(np.argmin(np.isfinite(data))), len(positions))
            what = "a value is missing" if np.isnan(data[bad, j]) else "a value is infinite"
            self.fail(f"{what} (got {data[bad, j]})", lines[bad], names[positions[j]])
        return data, lines

    def append(self, row: list[str], line: int, names: list[str], positions: list[int], values: array) -> None:
        """Add one row, or say what is wrong with it."""
        if len(row) != len(names):
            self.fail(f"expected {len(names)} cells as in the first line, got {len(row)}", line)
        for j in positions:
            number = _to_number(row[j])
            if number is None:
                self.fail(self.complaint(row[j]), line, names[j])
            values.append(number)

    def complaint(self, cell: str) -> str:
        if cell.strip().lower() in _MISSING:
            return "a value is missing" + (f" (got {_shown(cell)})" if cell.strip() else "")
        for other in _SEPARATORS.keys() - {self.separator}:
            if other in cell and any(map(_is_number, cell.split(other))):
                return f"{_shown(cell)} is not a number; {self.other_separator(other)}"
        return f"{_shown(cell)} is not a number (--columns chooses columns)"


def _read_parquet(path: Path, columns: Sequence[str] | None, weights: str | None) -> Table:
    if not path.exists():
        raise FileNotFoundError(path)
    try:
        import pandas as pd
    except ImportError:
        raise TableError(f"{path}: reading Parquet needs pandas and pyarrow: pip install pandas pyarrow") from None
    try:
        frame = pd.read_parquet(path)
    except ImportError:
        raise TableError(f"{path}: reading Parquet needs pandas and pyarrow: pip install pandas pyarrow") from None
    except Exception as error:  # pyarrow's own errors have no common class that is there without pyarrow
        raise TableError(f"{path}: is not a Parquet file ({' '.join(str(error).split())})") from None
    names = [str(name) for name in frame.columns]
    if not names or not len(frame):
        raise TableError(f"{path}: is empty")
    chosen, weight_at = _choose(path, names, columns, weights)
    parts = []
    for j in chosen + ([weight_at] if weight_at is not None else []):
        column = frame.iloc[:, j]
        if column.dtype.kind not in "iufb":
            raise TableError(f"{path}: column {names[j]!r}: does not hold numbers ({column.dtype}; --columns chooses)")
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        if not np.isfinite(values).all():
            bad = int(np.argmin(np.isfinite(values)))
            raise TableError(f"{path}: row {bad + 1}: column {names[j]!r}: a value is missing or infinite")
        if j == weight_at and (values.min() < 0 or not values.any()):
            raise TableError(f"{path}: column {names[j]!r}: weights must not be negative, nor all zero")
        parts.append(values)
    data = np.column_stack(parts[: len(chosen)])
    return Table(data, tuple(names[j] for j in chosen), parts[-1] if weight_at is not None else None, True)

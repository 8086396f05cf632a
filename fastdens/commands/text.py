"""Numbers and tables as text for a terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

WIDTH = 118


def columns(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Rows of cells under one another, the first row underlined; `right` columns are aligned right."""
    widths = [max(len(row[j]) for row in rows) for j in range(len(rows[0]))]

    def line(row: Sequence[str]) -> str:
        cells = (
            cell.rjust(width) if j in right else cell.ljust(width) for j, (cell, width) in enumerate(zip(row, widths))
        )
        return "  ".join(cells).rstrip()

    return "\n".join([line(rows[0]), "  ".join("-" * width for width in widths), *map(line, rows[1:])])


def wrapped(sentence: str) -> str:
    """A long line cut at words."""
    return _filled(sentence, "")


def paragraph(note: str) -> str:
    """A note as an item of a list, wrapped."""
    return _filled(note, "- ")


def _filled(text: str, start: str) -> str:
    whole_numbers = re.sub(r"(?<=\d) (?=\d{3}\b)", "\N{NO-BREAK SPACE}", text)
    lines = textwrap.fill(
        whole_numbers, width=WIDTH, initial_indent=start, subsequent_indent="  ", break_on_hyphens=False
    )
    return lines.replace("\N{NO-BREAK SPACE}", " ")


def duration(seconds: float) -> str:
    """A time with two digits and a fitting unit."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 1:
            return f"{number(seconds * factor)} {unit}"
    return f"{number(seconds * 1e9)} ns"


def number(value: float) -> str:
    """A positive number with two significant digits, without an exponent up to a million."""
    if value == 0:
        return "0"
    if 10 <= value < 1e6:
        return f"{value:.0f}"
    return f"{value:.2g}"


def count(value: int) -> str:
    """A whole number with spaces between thousands."""
    return f"{value:,}".replace(",", " ")


def magnitude(value: float) -> str:
    """A parameter with three significant digits."""
    return f"{value:.3g}"

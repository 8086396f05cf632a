"""The sources of compiled modules: loops over a block queue have one form, and what belongs together is one object."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import fastdens

PACKAGE = Path(fastdens.__file__).parent
SOURCES = sorted(PACKAGE.rglob("_*.pyx"))
if not SOURCES:
    pytest.skip("an installed package has no Cython sources", allow_module_level=True)


def loops_by_hand(source: str) -> list[str]:
    """Uses of a block queue that are not the condition of a statement: `while queue.next(&block):`."""
    lines = [line.strip() for line in source.splitlines() if re.search(r"\bqueue\.(next|next_rows)\(", line)]
    return [line for line in lines if not re.fullmatch(r"(while|if) queue\.(next\(&\w+\)|next_rows\(.+\)):", line)]


def test_loops_over_a_queue_have_one_form():
    found = {path.name: lines for path in SOURCES if (lines := loops_by_hand(path.read_text(encoding="utf-8")))}
    assert not found


def test_a_loop_by_hand_is_found():
    assert loops_by_hand("while True:\n    block = queue.next()\n    if block < 0:\n        break\n")
    assert not loops_by_hand("while queue.next_rows(ROWS, x.shape[0], &start, &stop):\n    pass\n")


def long_signatures(source: str, most: int = 10) -> dict[str, int]:
    """How many arguments the functions that Python calls take, self aside, where these are more than `most`."""
    found = {}
    for name, signature in re.findall(r"^ *def (\w+)\(([^)]*)\)", source, re.MULTILINE):
        arguments = re.sub(r"\[[^]]*\]", "", signature).split(",")
        count = sum(argument.strip() not in ("", "self", "*", "/") for argument in arguments)
        if count > most:
            found[name] = count
    return found


def test_what_belongs_together_is_one_object():
    found = {path.name: names for path in SOURCES if (names := long_signatures(path.read_text(encoding="utf-8")))}
    assert not found


def test_a_long_signature_is_found():
    source = "def f(\n    self, " + ", ".join(f"double[:, ::1] a{i}" for i in range(11)) + ",\n):\n"
    assert long_signatures(source) == {"f": 11}
    assert not long_signatures(source.replace("double[:, ::1] a10", ""))

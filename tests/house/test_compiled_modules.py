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

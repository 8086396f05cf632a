"""Folders stay small enough to be seen at a glance, and the map stays one page."""

from __future__ import annotations

import subprocess
from collections import defaultdict
from pathlib import Path, PurePosixPath

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
MOST_ENTRIES, MOST_LINES = 16, 130
# Not opened by a reader: package markers, declarations for Cython, and data that tests read.
UNOPENED_NAMES, UNOPENED_SUFFIXES = {"__init__.py", "py.typed"}, {".pxd", ".pyi"}
DATA_FOLDERS = {"tests/tasks/saved_files"}


def source_files() -> list[PurePosixPath]:
    """What git knows; without git (in a source distribution) everything that is not made by a build."""
    listed = subprocess.run(
        ["git", "ls-files", "fastdens", "tests", "benchmarks", "build_tools"],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode or not listed.stdout:
        pytest.skip("needs a git checkout")
    return [PurePosixPath(line) for line in listed.stdout.splitlines()]


def entries_by_folder(files: list[PurePosixPath]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for path in files:
        if path.name in UNOPENED_NAMES or path.suffix in UNOPENED_SUFFIXES:
            continue
        parts = path.parts
        for depth in range(1, len(parts)):
            found["/".join(parts[:depth])].add(parts[depth])
    return found


def test_entries_are_counted():
    files = [PurePosixPath(f"a/b/{n}.py") for n in range(3)] + [PurePosixPath("a/b/__init__.py"), PurePosixPath("a/c")]
    assert {folder: len(names) for folder, names in entries_by_folder(files).items()} == {"a": 2, "a/b": 3}


def test_no_folder_has_more_than_a_reader_takes_in():
    counts = {folder: len(names) for folder, names in entries_by_folder(source_files()).items()}
    assert len(counts) > 30
    assert {f: n for f, n in counts.items() if n > MOST_ENTRIES and f not in DATA_FOLDERS} == {}


def test_the_map_is_one_page():
    assert len((REPOSITORY / "ARCHITECTURE.md").read_text(encoding="utf-8").splitlines()) <= MOST_LINES

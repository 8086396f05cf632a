"""Stubs of compiled modules are made from their sources."""

from __future__ import annotations

import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))

from build_tools.stubs import stub, write_stubs  # noqa: E402

SOURCE = '''
"""A module."""
from fastdens.core._blocks cimport BlockQueue, fd_struct

SIZE, DEPTH = 3, FD_DEPTH  # numbers

cdef class Tree:
    """A tree."""
    cdef readonly Py_ssize_t n_points, n_nodes
    cdef double hidden

    def __init__(self, const double[:, ::1] X, Py_ssize_t leaf_size=40):
        pass

    def query(
        self, BlockQueue queue, const double[::1] radii=None,
        bint sort=False,  # a comment, with a comma
        double[:, ::1] out not None,
    ) -> int:
        return 0

cdef int inner(int x) noexcept nogil:
    return x

def plain(object anything, str name, fd_struct s):
    pass
'''


def test_signatures_attributes_and_constants():
    lines = stub(SOURCE, "_tree.pyx", {"BlockQueue", "Tree"}).splitlines()
    for line in (
        "from fastdens.core._blocks import BlockQueue",
        "SIZE: Any",
        "DEPTH: Any",
        "class Tree:",
        "    n_points: int",
        "    n_nodes: int",
        "    def __init__(self, X: np.ndarray | None, leaf_size: int = ...) -> None: ...",
        "    def query(self, queue: BlockQueue, radii: np.ndarray | None = ..., sort: bool = ..., out: np.ndarray)"
        " -> int: ...",
        "def plain(anything: Any, name: str, s: Any) -> Any: ...",
    ):
        assert line in lines, line
    assert not [line for line in lines if "inner" in line or "hidden" in line or "fd_struct" in line]


def test_the_stubs_of_the_package_are_valid_python(tmp_path):
    for source in (REPOSITORY / "fastdens").rglob("*.pyx"):
        (tmp_path / source.name).write_text(source.read_text())
    write_stubs(tmp_path)
    stubs = list(tmp_path.glob("*.pyi"))
    assert len(stubs) > 20
    for path in stubs:
        compile(path.read_text(), str(path), "exec")

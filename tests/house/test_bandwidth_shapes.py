"""Only the type of bandwidths knows which form one has: no other file asks for its shape, or whitens by it."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import fastdens
from fastdens.kernel_sums.bandwidth import Bandwidth

PACKAGE = Path(fastdens.__file__).parent
HOME = Path(inspect.getfile(Bandwidth))
# `reference` states the mathematics once more and shares nothing with the package.
OTHERS = sorted(
    path for path in PACKAGE.rglob("*.py") if path != HOME and path.relative_to(PACKAGE).parts[0] != "reference"
)
SHAPES = {"ndim", "shape", "size"}
# Functions whose result tells the form, or is what the form is asked of next.
ASKING = {"ndim", "shape", "size", "isinstance", "cholesky", "slogdet"}
CONVERTING = {"asarray", "array", "ascontiguousarray", "atleast_1d", "atleast_2d", "broadcast_to", "full"}


def _is_bandwidth(node: ast.AST) -> bool:
    """Whether this is a name or attribute that says it is a bandwidth."""
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    name = name.strip("_")
    return name in ("h", "width", "widths") or "bandwidth" in name


def _is_public(node: ast.AST) -> bool:
    """Whether this is the attribute of fitted models, a number or an array."""
    return isinstance(node, ast.Attribute) and node.attr == "bandwidth_"


def questions(source: str) -> list[str]:
    """The expressions that ask for the shape of a bandwidth."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in SHAPES and _is_bandwidth(node.value):
            found.append(ast.unparse(node))
        if not isinstance(node, ast.Call) or not node.args:
            continue
        called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        first = node.args[0]
        if called in ASKING and _is_bandwidth(first):
            of_word = called == "isinstance" and ast.unparse(node.args[1]) == "str"  # the name of a rule
            found += [] if of_word else [ast.unparse(node)]
        if called in CONVERTING and any(_is_public(argument) for argument in node.args):
            found.append(ast.unparse(node))
        if called == "inv" and isinstance(first, ast.Call) and "cholesky" in ast.unparse(first.func):
            found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_other_file_asks_for_the_shape_of_a_bandwidth(path):
    assert questions(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "if np.ndim(bandwidth) == 2: pass",
        "if widths.ndim == 2: pass",
        "if np.ndim(self.bandwidth_) < 2: pass",
        "if prepared.bandwidth.ndim == 1: pass",
        "n = data.size + np.size(bandwidth)",
        "isinstance(bandwidth, float)",
        "isinstance(self._bandwidth, np.ndarray)",
        "h = np.asarray(model.bandwidth_, np.float64)",
        "widths = np.broadcast_to(self.bandwidth_, d)",
        "factor = np.linalg.cholesky(self.bandwidth_)",
        "to_white = np.linalg.inv(np.linalg.cholesky(H)).T",
        "h if h.ndim == 2 else 1.0",
    ],
)
def test_such_questions_are_found(source):
    assert len(questions(source)) == 1


@pytest.mark.parametrize(
    "source", ["isinstance(bandwidth, str)", "bandwidth.widths[0]", "X.ndim", "len(self.widths)", "np.linalg.inv(H)"]
)
def test_other_questions_may_be_asked(source):
    assert questions(source) == []

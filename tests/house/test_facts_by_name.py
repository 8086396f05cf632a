"""Models and divergences describe themselves: nobody asks for a model's class, or compares a divergence's name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastdens.divergences.kinds import KINDS

PACKAGE = Path(__file__).resolve().parents[2] / "fastdens"
ABOVE_MODELS = [
    path for room in ("divergences", "plot", "tasks", "commands") for path in PACKAGE.rglob(f"{room}/**/*.py")
]
# The registries of divergences, in which the names are the users' words.
REGISTRIES = {"divergences/kinds.py", "divergences/generators.py"}
# Where labels beside draws are left out, for all.
HOME_OF_DRAWS = "models/drawing.py"
WORDS = {*KINDS, "f"}


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def model_classes() -> set[str]:
    """The names of `Density`, of what derives from it in the package, and of distributions beside it."""
    found = {"Density", "DiscreteLaw"}
    classes = [node for path in PACKAGE.rglob("*.py") for node in ast.walk(ast.parse(path.read_text()))
               if isinstance(node, ast.ClassDef)]  # fmt: skip
    while more := {node.name for node in classes if found & {ast.unparse(base) for base in node.bases}} - found:
        found |= more
    return found


MODELS = model_classes()


def names_in(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} | {
        n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)
    }


def words_in(node: ast.AST) -> set[str]:
    return {n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)} & WORDS


def calls(node: ast.AST, *names: str) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) in names


def questions_of_class(tree: ast.AST) -> Iterator[ast.expr | ast.pattern]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and calls(node, "isinstance", "issubclass"):
            asked = names_in(node.args[1])
        elif isinstance(node, ast.Compare) and any(calls(n, "type") for n in ast.walk(node)):
            asked = names_in(node) | {n.value for n in ast.walk(node) if isinstance(n, ast.Constant)}
        elif isinstance(node, ast.MatchClass):
            asked = names_in(node.cls)
        else:
            continue
        if asked & MODELS:
            yield node


def comparisons_of_words(tree: ast.AST) -> Iterator[ast.expr | ast.pattern]:
    for node in ast.walk(tree):
        is_comparison = isinstance(node, ast.Compare) and (
            any(words_in(side) for side in (node.left, *node.comparators) if not isinstance(side, ast.Call))
            or any("GENERATORS" in names_in(side) for side in (node.left, *node.comparators))
        )
        is_prefix = (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("startswith", "endswith", "removeprefix", "partition")
            and any(words_in(argument) for argument in node.args)
        )
        if is_comparison or is_prefix or (isinstance(node, ast.MatchValue) and words_in(node)):
            yield node


def draws_unpacked(tree: ast.AST) -> Iterator[ast.IfExp]:
    for node in ast.walk(tree):
        if not (isinstance(node, ast.IfExp) and isinstance(node.test, ast.Call) and calls(node.test, "isinstance")):
            continue
        if "tuple" in names_in(node.test.args[1]) and ast.unparse(node.body).endswith("[0]"):
            yield node


@pytest.mark.parametrize("path", ABOVE_MODELS, ids=name_of)
def test_no_model_is_asked_for_its_class(path):
    found = [f"line {node.lineno}: {ast.unparse(node)}" for node in questions_of_class(ast.parse(path.read_text()))]
    assert found == []


@pytest.mark.parametrize("path", [p for p in ABOVE_MODELS if name_of(p) not in REGISTRIES], ids=name_of)
def test_no_name_of_a_divergence_is_compared(path):
    found = [f"line {node.lineno}: {ast.unparse(node)}" for node in comparisons_of_words(ast.parse(path.read_text()))]
    assert found == []


def test_labels_beside_draws_are_left_out_in_one_place():
    places = {name_of(path) for path in PACKAGE.rglob("*.py") if list(draws_unpacked(ast.parse(path.read_text())))}
    assert places == {HOME_OF_DRAWS}


@pytest.mark.parametrize(
    ("search", "code"),
    [
        (questions_of_class, "isinstance(model, Gaussian)"),
        (questions_of_class, "isinstance(model, (Histogram, fd.KernelDensity))"),
        (questions_of_class, "isinstance(distribution, Density | None)"),
        (questions_of_class, "type(model) is GaussianMixture"),
        (questions_of_class, "type(model).__name__ == 'ScaledDensity'"),
        (questions_of_class, "match model:\n    case KNeighborsDensity():\n        pass"),
        (comparisons_of_words, "generator.name == 'tv'"),
        (comparisons_of_words, "kind in ('kl', 'reverse_kl')"),
        (comparisons_of_words, "generator is not GENERATORS['js']"),
        (comparisons_of_words, "generator.name.startswith('alpha')"),
        (comparisons_of_words, "match kind:\n    case 'hellinger':\n        pass"),
        (draws_unpacked, "x = drawn[0] if isinstance(drawn, tuple) else drawn"),
    ],
)
def test_the_searches_find_what_they_look_for(search, code):
    assert list(search(ast.parse(code)))

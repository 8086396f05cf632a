"""Tuning constants are set through themselves: no test puts another number into a module."""

import ast
from pathlib import Path

import pytest

from fastdens.core.tuning import Tunable

TESTS = Path(__file__).resolve().parents[1]


def numbers_put_into_modules(source: str) -> list[str]:
    """Constants of modules, in capitals, that a test sets by `setattr`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and ast.unparse(node.func).endswith("setattr")):
            continue
        named = [
            a.value.rpartition(".")[2] for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)
        ]
        found += [name for name in named if name.isupper()]
    return found


def test_tests_put_no_numbers_into_modules():
    found = {path.name: names for path in TESTS.rglob("*.py") if (names := numbers_put_into_modules(path.read_text()))}
    assert not found


@pytest.mark.parametrize("line", ['monkeypatch.setattr(sorting, "MOST", 3)', 'monkeypatch.setattr("a.b.MOST", 3)'])
def test_such_a_number_is_found(line):
    assert numbers_put_into_modules(line) == ["MOST"]


def test_a_constant_is_set_for_a_while():
    constant = Tunable(3)
    with constant.at(5):
        with constant.at(7):
            assert constant.value == 7
        assert constant.value == 5
    with pytest.raises(ZeroDivisionError), constant.at(9):
        raise ZeroDivisionError
    assert constant.value == 3

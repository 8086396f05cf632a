"""One table: every public compiled function against its reference, on every instruction set and every kind of array."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hostile_arrays import DEGENERATE, GUISES, REFUSED
from subprocesses import run_python

import fastdens as fd
import fastdens.reference.kernel_sums

TOPICS = ("em", "kernel_sums", "neighbors", "subsets")
ENGINES = {topic: f"fastdens.{topic}.{topic}" for topic in TOPICS} | {"kernel_sums": "fastdens.kernel_sums.kernel_sum"}
KERNELS = tuple(fd.reference.kernel_sums.PROFILES)


def engine_and_reference(topic: str, name: str) -> tuple[Any, Any]:
    return (
        getattr(importlib.import_module(ENGINES[topic]), name),
        getattr(importlib.import_module(f"fastdens.reference.{topic}"), name),
    )


def public_functions(topic: str) -> list[str]:
    module = importlib.import_module(ENGINES[topic])
    return [name for name in fd.__all__ if getattr(getattr(fd, name), "__module__", "") == module.__name__]


class Row(NamedTuple):
    """One call of a function that takes data X: everything but X, and the largest relative errors accepted."""

    topic: str
    function: str
    arguments: dict[str, Any]
    rtol: float = 1e-11
    float32_rtol: float = 2e-5
    scales_with_data: bool = (
        False  # so the reference may be given data of ordinary size, where its squares do not underflow
    )


ROWS = {
    **{
        f"kernel_sum {kernel}": Row("kernel_sums", "kernel_sum", {"bandwidth": 1.3, "kernel": kernel})
        for kernel in KERNELS
    },
    "kernel_sum log": Row("kernel_sums", "kernel_sum", {"bandwidth": 0.7, "log": True}, float32_rtol=2e-4),
    "kneighbors": Row("neighbors", "kneighbors", {"k": 4}, scales_with_data=True),
}


def compare(row: Row, X: Any, keep: bool) -> None:
    engine, of_reference = engine_and_reference(row.topic, row.function)
    values = np.asarray(X, dtype=float)
    exponent = int(np.frexp(np.abs(values).max())[1]) if row.scales_with_data else 0
    result = engine(X, **row.arguments)
    with np.errstate(over="ignore", invalid="ignore"):  # a reference states the mathematics plainly
        expected = of_reference(np.ldexp(values, -exponent), **row.arguments)
    if not isinstance(result, tuple):
        result, expected = (result,), (expected,)
    rtol = row.float32_rtol if keep else row.rtol
    for ours, theirs in zip(result, expected, strict=True):
        if ours.dtype.kind == "f":
            theirs = np.ldexp(theirs, exponent)
            finite = np.abs(theirs[np.isfinite(theirs)])
            smallest = np.finfo(ours.dtype).smallest_subnormal
            np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol * finite.max(initial=0) + smallest)
        else:
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("guise", GUISES)
@pytest.mark.parametrize("row", ROWS)
def test_every_kind_of_array(row, guise, instruction_set, random):
    X = GUISES[guise](random.normal(size=(37, 3)))
    compare(ROWS[row], X, keep=np.asarray(X).dtype.itemsize == 4 and np.asarray(X).dtype.kind == "f")


@pytest.mark.parametrize("case", DEGENERATE)
@pytest.mark.parametrize("row", ROWS)
def test_degenerate_data(row, case, instruction_set):
    X = DEGENERATE[case]
    if len(X) >= ROWS[row].arguments.get("k", 0):
        compare(ROWS[row], X, keep=False)


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("row", ROWS)
def test_bad_data_are_refused_before_anything_is_computed(row, case):
    X, error, text = REFUSED[case]
    engine, _ = engine_and_reference(ROWS[row].topic, ROWS[row].function)
    with pytest.raises(error, match=text):
        engine(X, **ROWS[row].arguments)


@pytest.mark.parametrize("topic", TOPICS)
def test_a_reference_has_the_name_and_the_signature_of_the_engine(topic):
    assert public_functions(topic)
    for name in public_functions(topic):
        engine, of_reference = engine_and_reference(topic, name)
        ours, theirs = (
            [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]
            for function in (engine, of_reference)
        )
        assert ours == theirs, name


@pytest.mark.parametrize("topic", TOPICS)
def test_references_are_short_and_know_nothing_of_the_package(topic):
    module = importlib.import_module(f"fastdens.reference.{topic}")
    text = Path(module.__file__).read_text()
    assert "import fastdens" not in text
    assert "from fastdens" not in text


def test_every_reference_is_offered_by_the_package_of_references():
    run_python(
        """
import sys
import fastdens as fd
assert fd.reference.kernel_sum([[0.0]], bandwidth=1.0).tolist() == [1.0]
assert fd.reference.kernel_sums.kernel_sum is fd.reference.kernel_sum
assert "scipy" not in sys.modules
try:
    fd.reference.no_such_name
except AttributeError as error:
    assert "no_such_name" in str(error)
else:
    raise SystemExit("an unknown name must be an AttributeError")
"""
    )
    folder = Path(fd.reference.__file__).parent
    topics = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    offered = set(fd.reference.__all__)
    assert topics <= offered == set(dir(fd.reference))
    defined = {}
    for topic in topics:
        module = importlib.import_module(f"fastdens.reference.{topic}")
        for name, value in vars(module).items():
            if getattr(value, "__module__", "") == module.__name__ and callable(value) and not name.startswith("_"):
                defined[name] = value
    assert offered - topics == set(defined)
    assert all(getattr(fd.reference, name) is value for name, value in defined.items())


def test_every_topic_has_its_engine_and_its_reference():
    for topic in TOPICS:
        importlib.import_module(ENGINES[topic])
        assert topic in dir(fd.reference)

"""A docstring is a contract: parameters as in the signature, with their defaults, and examples that run."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import pkgutil
import re

import numpy as np
import pytest

import fastdens as fd

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(fd.__path__, "fastdens.")
    if not module.name.endswith("__main__") and "._" not in module.name
)

# Methods whose meaning is the same on every model; the contract documents them once.
INHERITED = {"get_params", "set_params", "get_metadata_routing", "set_fit_request", "set_score_request"}


def public_objects():
    for name in fd.__all__:
        value = getattr(fd, name)
        if not callable(value):
            continue
        yield name, value
        if inspect.isclass(value):
            for attribute, member in vars(value).items():
                if not attribute.startswith("_") and inspect.isfunction(member) and attribute not in INHERITED:
                    yield f"{name}.{attribute}", member


OBJECTS = dict(public_objects())


def sections(text: str) -> dict[str, str]:
    """The parts of a numpydoc docstring by heading; the summary under the empty heading."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", inspect.cleandoc(text), flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2]))}


def documented_parameters(section: str) -> dict[str, str]:
    """name -> what stands after the colon; `a, b : int` documents both."""
    found = {}
    for line in section.splitlines():
        if line and not line[0].isspace():
            names, _, kind = line.partition(" : ")
            found.update({name.strip().lstrip("*"): kind.strip() for name in names.split(",")})
    return found


# What is the same on every model: a method that takes nothing else may say all in a sentence.
SHARED_WORDS = {"X", "U", "q", "axes"}


def is_short(name: str) -> bool:
    value = OBJECTS[name]
    return "." in name and set(parameters(value)) <= SHARED_WORDS and len(sections(inspect.getdoc(value))) == 1


def parameters(value) -> dict[str, inspect.Parameter]:
    found = dict(inspect.signature(value).parameters)
    found.pop("self", None)
    return found


@pytest.mark.parametrize("name", OBJECTS)
def test_docstring_has_a_summary_of_one_sentence(name):
    text = inspect.getdoc(OBJECTS[name])
    assert text, f"{name} has no docstring"
    summary = sections(text)[""].split("\n\n")[0].replace("\n", " ").strip()
    assert summary.endswith((".", ":")), summary


@pytest.mark.parametrize("name", OBJECTS)
def test_documented_parameters_are_those_of_the_signature(name):
    if is_short(name):
        return
    documented = documented_parameters(sections(inspect.getdoc(OBJECTS[name])).get("Parameters", ""))
    assert list(documented) == list(parameters(OBJECTS[name]))


@pytest.mark.parametrize("name", OBJECTS)
def test_documented_defaults_are_those_of_the_signature(name):
    if is_short(name):
        return
    documented = documented_parameters(sections(inspect.getdoc(OBJECTS[name])).get("Parameters", ""))
    for parameter in parameters(OBJECTS[name]).values():
        kind = documented[parameter.name]
        if not kind:  # `X, y, sample_weight` with "As in `fit`." under them
            continue
        stated = re.search(r"default[= ]\s*(.+?)(?:,\s*optional)?$", kind)
        if parameter.default is inspect.Parameter.empty:
            assert stated is None, f"{parameter.name}: {kind}"
            assert "optional" not in kind, f"{parameter.name}: {kind}"
        elif parameter.default is None:
            assert "optional" in kind or "None" in kind, f"{parameter.name}: {kind}"
        else:
            assert stated is not None, f"{parameter.name}: {kind!r} states no default, it is {parameter.default!r}"
            assert ast.literal_eval(stated[1]) == parameter.default, f"{parameter.name}: {kind}"


@pytest.mark.parametrize("name", OBJECTS)
def test_docstring_says_what_comes_back(name):
    value, parts = OBJECTS[name], sections(inspect.getdoc(OBJECTS[name]))
    if inspect.isclass(value) or name == "threads" or inspect.signature(value).return_annotation == "None":
        assert "Returns" not in parts
    elif "." in name and "Returns" not in parts:
        # One sentence of a method says it: its shape, or a model or number that its annotation names.
        assert "shape" in parts[""].lower() or inspect.signature(value).return_annotation not in ("np.ndarray", "Any")
    else:
        assert "Returns" in parts


@pytest.mark.parametrize("name", [name for name in OBJECTS if "." not in name])
def test_docstring_has_an_example(name):
    assert ">>>" in sections(inspect.getdoc(OBJECTS[name])).get("Examples", ""), name


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # an example may save a file
    module = importlib.import_module(name)
    with np.printoptions(legacy=False):
        result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert result.failed == 0


@pytest.mark.parametrize("name", MODULES)
def test_module_says_what_it_is_for(name):
    assert (importlib.import_module(name).__doc__ or "").strip()

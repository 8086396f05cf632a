"""Type stubs of the compiled modules, generated from their sources at build time: a signature is written once.

A stub says what Python callers see: functions and classes with the types of their arguments, and constants. Return
types are those that a source annotates; `Any` elsewhere.
"""

from __future__ import annotations

import re
from pathlib import Path

NUMBERS = {
    "bint": "bool", "float": "float", "double": "float", "int": "int", "long": "int", "unsigned": "int", "char": "int",
    "Py_ssize_t": "int", "size_t": "int", "str": "str", "bytes": "bytes", "object": "Any", "tuple": "tuple[Any, ...]",
    "list": "list[Any]", "dict": "dict[Any, Any]",
}  # fmt: skip
HEADER = '"""Generated from {source} by build_tools/stubs.py."""\n\nfrom typing import Any\n\nimport numpy as np\n\n'


def split_arguments(text: str) -> list[str]:
    """The arguments of a signature: cut at commas outside brackets."""
    parts, depth, last = [], 0, 0
    for place, letter in enumerate(text):
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and depth == 0:
            parts.append(text[last:place])
            last = place + 1
    return [part.strip() for part in [*parts, text[last:]] if part.strip()]


def python_type(declared: str, classes: set[str]) -> str:
    """What a caller passes for a Cython type."""
    word = declared.replace("const", "").strip()
    if "[" in word:
        return "np.ndarray | None"  # Cython's views take None unless they say otherwise
    first = word.split()[0] if word else "object"
    if first in NUMBERS:
        return NUMBERS[first]
    if re.fullmatch(r"u?int\d+_t", first):
        return "int"
    return first if first in classes else "Any"


def stub_argument(argument: str, classes: set[str]) -> str:
    if argument in ("self", "*", "/") or argument.startswith("*"):
        return argument
    declaration, _, default = (part.strip() for part in argument.partition("="))
    if ":" in declaration and "[" not in declaration:  # annotated as in Python
        return argument
    takes_none = not declaration.endswith(" not None")
    match = re.fullmatch(r"(?:(.*[\s\]]))?(\w+)", declaration.removesuffix(" not None"))
    assert match, argument
    kind = python_type(match[1] or "", classes)
    if not takes_none:
        kind = kind.removesuffix(" | None")
    if not default:
        return f"{match[2]}: {kind}"
    optional = default == "None" and not kind.endswith("None")
    return f"{match[2]}: {kind}{' | None' if optional else ''} = ..."


def stub(text: str, source: str, compiled_classes: set[str]) -> str:
    """The stub of one source; `compiled_classes` are those of all sources, which others may cimport."""
    text = re.sub(r'"""' + r'.*?"""', "", text, flags=re.DOTALL)
    text = re.sub(r"#.*", "", text)
    cimported = re.findall(r"^from\s+(fastdens[\w.]*)\s+cimport\s+(?:\(([^)]*)\)|(.*))", text, flags=re.MULTILINE)
    imports = []
    for module, several, one in cimported:
        names = [name.split()[0] for name in (several or one).split(",") if name.strip()]
        classes_of = [name for name in names if name in compiled_classes]
        if classes_of:
            imports.append(f"from {module} import {', '.join(classes_of)}")
    classes = {name for line in imports for name in line.partition(" import ")[2].split(", ")}
    classes |= set(re.findall(r"^cdef class (\w+)", text, flags=re.MULTILINE))
    lines = []
    pattern = re.compile(
        r"^(?P<constants>[A-Z][A-Z0-9_]*(?:, [A-Z][A-Z0-9_]*)*)\s*(?::[^=\n]+)?=[^=]"
        r"|^cdef class (?P<class>\w+)"
        r"|^    cdef (?P<visibility>readonly|public) (?P<type>[\w ]+?(?:\[[^\]]*\])?) (?P<attributes>\w+(?:, \w+)*)$"
        r"|^(?P<indent>    )?def (?P<name>\w+)\((?P<arguments>.*?)\)(?:\s*->\s*(?P<returns>[^:]+))?:\s*$",
        flags=re.MULTILINE | re.DOTALL,
    )
    for found in pattern.finditer(text):
        if found["constants"]:
            lines += [f"{name}: Any" for name in found["constants"].split(", ")]
        elif found["class"]:
            lines += ["", f"class {found['class']}:", "    def __getattr__(self, name: str) -> Any: ..."]
        elif found["attributes"]:
            kind = python_type(found["type"], classes)
            lines += [f"    {name}: {kind}" for name in found["attributes"].split(", ")]
        else:
            arguments = ", ".join(stub_argument(a, classes) for a in split_arguments(found["arguments"]))
            returns = "None" if found["name"] == "__init__" else (found["returns"] or "Any").strip()
            lines.append(f"{found['indent'] or ''}def {found['name']}({arguments}) -> {returns}: ...")
    return HEADER.format(source=source) + "\n".join([*imports, "", *lines]) + "\n"


def write_stubs(package: Path) -> None:
    """Write NAME.pyi beside every NAME.pyx, where it would change."""
    texts = {source: source.read_text(encoding="utf-8") for source in sorted(package.rglob("*.pyx"))}
    classes = {name for text in texts.values() for name in re.findall(r"^cdef class (\w+)", text, flags=re.MULTILINE)}
    for source, code in texts.items():
        target, text = source.with_suffix(".pyi"), stub(code, source.name, classes)
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.write_text(text, encoding="utf-8")

"""Imports go one way through the layers; the table is the one of ARCHITECTURE.md."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "fastdens"

TOPICS = {"neighbors", "em", "subsets", "kernel_sums"}
DENSITIES = {"models", "divergences", "bandwidths", *TOPICS, "core"}

# A room is a folder of the package or a module beside them; it may import what its row names.
MAY_IMPORT = {
    "__init__": {"_version", "core"},
    "__main__": {"commands"},
    "commands": {"__init__", "commands", "plot", "tasks", "datasets", "reference", "_version", *DENSITIES},
    "plot": {"plot", "tasks", *DENSITIES},
    "tasks": {"__init__", "tasks", "_version", *DENSITIES},
    "divergences": DENSITIES,
    "models": {"models", "bandwidths", *TOPICS, "core"},
    "bandwidths": {"bandwidths", "kernel_sums", "neighbors", "core"},
    "kernel_sums": {"kernel_sums", "neighbors", "core"},
    "neighbors": {"neighbors", "core"},
    "em": {"em", "core"},
    "subsets": {"subsets", "core"},
    "core": {"core", "_version"},
    "datasets": {"datasets"},
    "reference": {"reference"},
    "_version": set(),
}
THIRD_PARTY_AT_IMPORT = {"reference": {"numpy", "scipy"}}
THIRD_PARTY_WHERE_USED = {"scipy", "sklearn", "matplotlib", "tqdm", "pandas", "polars", "pyarrow", "dask"}

MODULES = sorted(path for path in PACKAGE.rglob("*") if path.suffix in (".py", ".pyx", ".pxd"))
PYTHON = [path for path in MODULES if path.suffix == ".py"]
CYTHON = [path for path in MODULES if path.suffix in (".pyx", ".pxd")]
C = sorted(path for path in PACKAGE.rglob("*") if path.suffix in (".c", ".h", ".inc"))


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def room_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.partition(".")[0]


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imports_of(tree: ast.AST, inside_function: bool = False):
    """Yield (imported dotted name, whether inside a function) of every import that runs."""
    for node in ast.iter_child_nodes(tree):
        if is_type_checking(node):
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, inside_function) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            yield from ((f"{node.module}.{alias.name}", inside_function) for alias in node.names)
        else:
            function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from imports_of(node, inside_function or function)


def imports(path: Path) -> list[tuple[str, bool]]:
    text = path.read_text()
    if path.suffix == ".py":
        return list(imports_of(ast.parse(text)))
    found = []
    for line in text.splitlines():
        if match := re.match(r"\s*from\s+([\w.]+)\s+c?import\s+\(?([\w*, ]+)", line):
            found += [(f"{match[1]}.{name.split()[0]}", False) for name in match[2].split(",") if name.strip()]
        elif match := re.match(r"\s*c?import\s+([\w.]+)", line):
            found.append((match[1], False))
    return found


def target_room(dotted: str) -> str:
    """`fastdens.em.em.e_step` -> engines; `fastdens.core.threads.run_blocks` -> threads."""
    parts = dotted.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_room_imports_only_the_rooms_below_it(path):
    room = room_of(path)
    assert room in MAY_IMPORT, f"{name_of(path)} is a new room: give it a row in this table and in ARCHITECTURE.md"
    wrong = [
        dotted
        for dotted, _ in imports(path)
        if dotted.partition(".")[0] == "fastdens" and target_room(dotted) not in MAY_IMPORT[room]
    ]
    assert wrong == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_heavy_is_imported_at_module_level(path):
    allowed = {"numpy"} if path.suffix == ".py" else set()
    allowed = THIRD_PARTY_AT_IMPORT.get(room_of(path), allowed)
    for dotted, inside_function in imports(path):
        top = dotted.partition(".")[0]
        if top in sys.stdlib_module_names or top in ("fastdens", "libc", "cython", "cpython"):
            continue
        assert top in allowed or (inside_function and top in THIRD_PARTY_WHERE_USED), dotted


def all_imports(node: ast.AST):
    """Yield what any import statement names: inside functions and for type checkers too."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Import):
            yield from (alias.name for alias in inner.names)
        elif isinstance(inner, ast.ImportFrom):
            yield from (f"{inner.module}.{alias.name}" for alias in inner.names)


def dotted_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def import_graph() -> dict[str, set[str]]:
    """Module -> the modules of the package that it imports anywhere; a package stands for its `__init__`."""
    names = {dotted_name(path) for path in MODULES}
    graph: dict[str, set[str]] = {name: set() for name in names}
    for path in MODULES:
        dotted = all_imports(ast.parse(path.read_text())) if path.suffix == ".py" else (d for d, _ in imports(path))
        for target in dotted:
            module = target if target in names else target.rpartition(".")[0]
            if module in names - {dotted_name(path)}:
                graph[dotted_name(path)].add(module)
    return graph


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that reach one another."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            new = graph[waiting.pop()] - seen
            seen |= new
            waiting += new
        return seen

    reach = {name: reached(name) for name in graph}
    return sorted({tuple(sorted(b for b in reach[a] if a in reach[b])) for a in graph if a in reach[a]})


def test_circles_are_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [("b", "c")]


def test_no_import_runs_in_a_circle():
    assert circles(import_graph()) == []


@pytest.mark.parametrize("path", [p for p in PYTHON if room_of(p) == "models"], ids=name_of)
def test_no_model_is_imported_within_their_room(path):
    """What two models share belongs to the contract, to a file beside it or to a room below."""
    models = {folder.parent.name for folder in (PACKAGE / "models").glob("*/model.py")}
    assert len(models) >= 6
    others = models - set(path.parts)
    imported = {dotted.split(".")[2] for dotted, _ in imports(path) if dotted.startswith("fastdens.models.")}
    assert not imported & others


@pytest.mark.parametrize("path", PYTHON, ids=name_of)
def test_no_work_is_done_by_a_reference(path):
    """The report times references beside the compiled code; nothing else of the package touches them."""
    if room_of(path) not in ("reference", "__init__") and path.name != "timing.py":
        assert "fastdens.reference" not in path.read_text()
        assert "import reference" not in path.read_text()


def without_comments(text: str) -> str:
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.DOTALL)
    text = re.sub(r'"""' + r'.*?"""', " ", text, flags=re.DOTALL)
    return re.sub(r"(//|#(?!\s*(define|include|if|else|endif|undef|pragma|error))).*", " ", text)


@pytest.mark.parametrize("path", [p for p in C if not p.name.startswith("vector_")], ids=name_of)
def test_only_the_vector_headers_name_intrinsics(path):
    code = without_comments(path.read_text())
    assert re.findall(r"\b_mm\w+|\b__m\d+\w*|\bv\w+q_[fsu]\d+\b|\bfloat(?:64x2|32x4)_t\b", code) == []


@pytest.mark.parametrize("path", C + CYTHON, ids=name_of)
def test_compiled_code_calls_no_transcendental_of_libm(path):
    """Their symbols would pin the wheel to a new C library; vectors have their own, NumPy does the rest."""
    code = without_comments(path.read_text())
    calls = r"(?<![\w.>])(exp|exp2|expm1|log|log2|log10|log1p|pow|sin|cos|tan|tgamma|lgamma|erf|cbrt|hypot)f?\s*\("
    assert re.findall(calls, code) == []
    assert re.findall(r"libc\.math\s+cimport.*\b(exp|log|pow|sin|cos|erf)\b", code) == []


@pytest.mark.parametrize("path", [p for p in CYTHON if p.suffix == ".pyx"], ids=name_of)
def test_no_size_or_index_is_a_32_bit_int(path):
    """Peers' bug: products of sizes beyond 2**31 (pykdtree #38, scikit-learn !15057)."""
    code = without_comments(path.read_text())
    suspects = re.findall(
        r"(?<!long )\b(?:int|unsigned int|long|short)\s+(n|m|d|k|i|j|l|n_\w+|\w*_(?:start|end|index|size|rows))\b", code
    )
    assert suspects == []
    assert re.findall(r"^\s*cimport\s+numpy|from\s+numpy\s+cimport", code, flags=re.MULTILINE) == []

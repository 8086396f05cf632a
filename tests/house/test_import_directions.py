"""Imports go one way through the layers; the table is the one of ARCHITECTURE.md."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "fastdens"

LOWEST = {"smoothing_kernels", "validation", "threads", "random_blocks"}
DENSITIES = {"models", "divergences", "bandwidths", *LOWEST}

# A room is a folder or a module of the package; it may import itself where it is named in its own row.
MAY_IMPORT = {
    "__init__": {"_version", "threads"},
    "__main__": {"cli"},
    "cli": {"commands", "tables", "threads", "_version"},
    "commands": {"__init__", "commands", "plot", "tasks", "tables", "datasets", "engines", "reference", *DENSITIES},
    "plot": {"plot", "tasks", *DENSITIES},
    "tasks": {"tasks", "_version", *DENSITIES},
    "divergences": {"divergences", "models", "engines", *LOWEST},
    "models": {"models", "bandwidths", "engines", *LOWEST},
    "bandwidths": {"bandwidths", "engines", *LOWEST},
    "engines": {"engines", "compiled", *LOWEST},
    "smoothing_kernels": {"validation"},
    "validation": {"compiled"},
    "threads": {"compiled"},
    "random_blocks": {"compiled", "threads"},
    "compiled": {"compiled"},
    "versions": {"_version", "compiled", "threads"},
    "tables": {"validation"},
    "datasets": {"datasets"},
    "reference": {"reference"},
    "_version": set(),
}
THIRD_PARTY_AT_IMPORT = {"reference": {"numpy", "scipy"}, "compiled": set()}
THIRD_PARTY_WHERE_USED = {"scipy", "sklearn", "matplotlib", "tqdm", "pandas", "polars", "pyarrow", "dask"}
# The compiled modules that every topic may use; the others belong to one topic, as its engines do.
SHARED_COMPILED = {"blocks", "checks", "instruction_sets"}
TOPICS = {
    "kernel_sums": {
        "kernel_sums",
        "bandwidth_type",
        "direct_sums",
        "box_sums",
        "box_interpolants",
        "box_lines",
        "box_passes",
        "box_surroundings",
        "sorted_sums",
        "sorted_moments",
        "sorting",
        "sum_plan",
        "plan",
        "tree_sums",
        "tree_walk",
        "variable_sums",
        "sum_costs",
        "scalar_products",
        "metrics",
        "sum_bounds",
        "sum_mending",
        "box_route",
        "tail_sums",
        "certified_sums",
        "accurate_sums",
        "grid_sums",
        "grid_tensors",
        "grid_routes",
        "integrated_sums",
        "integrated_boxes",
        "monotone_inverse",
        "compression",
    },
    "neighbors": {
        "neighbors",
        "neighbor_search",
        "neighbor_groups",
        "kd_tree",
        "line_neighbors",
        "packed_tree",
        "rank_distances",
    },
    "em": {"em", "em_moments", "covariances"},
    "subsets": {
        "subsets",
        "exact_sums",
        "limited_subsets",
        "subset_listing",
        "set_functions",
        "subset_blocks",
        "set_families",
        "half_planes",
        "up_sets",
    },
    "random_numbers": {"random_numbers"},
    "binning": {"binning"},
}

MODULES = sorted(path for path in PACKAGE.rglob("*") if path.suffix in (".py", ".pyx", ".pxd", ".pyi"))
PYTHON = [path for path in MODULES if path.suffix == ".py"]
CYTHON = [path for path in MODULES if path.suffix in (".pyx", ".pxd")]
C = sorted(path for path in (PACKAGE / "compiled" / "simd").iterdir() if path.suffix in (".c", ".h", ".inc"))


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
    allowed = {"numpy"} if path.suffix == ".pyi" else THIRD_PARTY_AT_IMPORT.get(room_of(path), {"numpy"})
    for dotted, inside_function in imports(path):
        top = dotted.partition(".")[0]
        if top in sys.stdlib_module_names or top in ("fastdens", "libc", "cython", "cpython"):
            continue
        assert top in allowed or (inside_function and top in THIRD_PARTY_WHERE_USED), dotted


@pytest.mark.parametrize("path", [p for p in PYTHON if room_of(p) == "engines"], ids=name_of)
def test_an_engine_uses_the_compiled_modules_of_its_own_topic(path):
    topics = [files for files in TOPICS.values() if path.stem in files or path.stem == "__init__"]
    assert topics, "this engine belongs to no topic of the table"
    used = {dotted.split(".")[2] for dotted, _ in imports(path) if dotted.startswith("fastdens.compiled.")}
    assert used - SHARED_COMPILED <= topics[0]


def test_compiled_modules_belong_to_a_topic():
    modules = {path.stem for path in CYTHON if path.suffix == ".pyx"}
    assert modules - SHARED_COMPILED <= set().union(*TOPICS.values())


@pytest.mark.parametrize("path", [p for p in PYTHON if room_of(p) == "models"], ids=name_of)
def test_no_model_is_imported_within_their_room(path):
    """What two models share belongs to the contract, to a file beside it or to a room below."""
    models = {folder.parent.name for folder in (PACKAGE / "models").glob("*/model.py")}
    assert len(models) >= 6
    others = models - set(path.parts)
    imported = {dotted.split(".")[2] for dotted, _ in imports(path) if dotted.startswith("fastdens.models.")}
    assert not imported & others


@pytest.mark.parametrize("path", PYTHON, ids=name_of)
def test_no_work_is_done_by_a_twin(path):
    """The report times twins beside the compiled code; nothing else of the package touches them."""
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

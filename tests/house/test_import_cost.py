"""`import fastdens` loads NumPy and its own compiled modules, starts nothing and prints nothing."""

import json
import sys

import pytest
from subprocesses import PACKAGE, run_python

HEAVY = ["scipy", "sklearn", "matplotlib", "pandas", "polars", "dask", "joblib", "concurrent.futures", "tqdm"]


@pytest.fixture(scope="module")
def after_import():
    code = """
import json, sys, threading
import numpy
before = set(sys.modules)
import fastdens
print(json.dumps({"modules": sorted(set(sys.modules) - before), "threads": threading.active_count()}))
"""
    done = run_python(code, "-W", "error")
    assert done.stderr == ""
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", HEAVY)
def test_import_leaves_heavy_modules_alone(after_import, name):
    assert [module for module in after_import["modules"] if module == name or module.startswith(name + ".")] == []


def test_import_starts_no_thread(after_import):
    assert after_import["threads"] == 1


def test_import_loads_only_the_package_and_the_standard_library(after_import):
    loaded = {name.partition(".")[0] for name in after_import["modules"]}
    cythons_own = {name for name in loaded if name.startswith(("_cython_", "_cyutility", "cython_runtime"))}
    assert loaded - cythons_own - set(sys.stdlib_module_names) == {"fastdens"}


def test_every_public_name_is_importable_and_listed():
    done = run_python(
        """
import fastdens as fd
for name in fd.__all__:
    assert getattr(fd, name) is not None, name
assert set(fd.__all__) <= set(dir(fd))
assert len(fd.__all__) == len(set(fd.__all__))
try:
    fd.no_such_name
except AttributeError as error:
    assert "no_such_name" in str(error)
else:
    raise SystemExit("an unknown name must be an AttributeError")
""",
        "-W",
        "error",
    )
    assert done.stderr == ""


def test_public_names_are_loaded_without_scikit_learn():
    run_python(
        """
import sys
sys.modules["sklearn"] = None  # any import of it fails
import numpy as np, fastdens as fd
for name in fd.__all__:
    getattr(fd, name)
X = np.random.default_rng(0).normal(size=(50, 2))
model = fd.KernelDensity(bandwidth=0.5).fit(X)
assert np.isfinite(model.score_samples(X)).all()
try:
    fd.Gaussian().score_samples(X)
except ValueError as error:
    assert isinstance(error, AttributeError) and "not fitted yet" in str(error)
"""
    )


def test_instruction_set_can_be_forced_and_a_wrong_one_is_refused(instruction_set):
    code = "from fastdens.core import _instruction_sets as i; print(i.in_use())"
    assert run_python(code, FASTDENS_ISA=instruction_set).stdout.strip() == instruction_set
    with pytest.raises(AssertionError, match=r"FASTDENS_ISA must be one of .*base.*got 'mmx'"):
        run_python(code, FASTDENS_ISA="mmx")


def test_sources_that_are_not_compiled_say_so(tmp_path):
    """Python started in a checkout finds the sources before the installed package."""
    for path in PACKAGE.rglob("*.py"):
        copy = tmp_path / "fastdens" / path.relative_to(PACKAGE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    with pytest.raises(AssertionError, match="holds the sources of fastdens, which are not compiled"):
        run_python("import fastdens", PYTHONPATH=str(tmp_path))

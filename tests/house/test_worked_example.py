"""The worked example of CONTRIBUTING.md fits the files that it changes; `.ci/run` builds and tests what results."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / ".ci" / "apply_example"
KERNELS = Path("fastdens/kernel_sums/kernels")


def apply(folder):
    return subprocess.run([sys.executable, SCRIPT, folder], capture_output=True, text=True, check=False)


@pytest.mark.skipif(not SCRIPT.exists(), reason="a source distribution has no gate")
def test_the_example_changes_what_it_names_and_says_where_it_does_not_fit(tmp_path):
    shutil.copy(ROOT / "CONTRIBUTING.md", tmp_path)
    for folder in (KERNELS, Path("fastdens/reference")):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    done = apply(tmp_path)
    assert done.returncode == 0, done.stderr
    changed = [line.removeprefix("example: ") for line in done.stdout.splitlines()]
    assert len(changed) == 4
    for name in changed:
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert "tricube" in text
        if name.endswith(".py"):
            compile(text, name, "exec")
    (tmp_path / KERNELS / "registry.py").write_text("", encoding="utf-8")
    again = apply(tmp_path)
    assert again.returncode != 0
    assert "CONTRIBUTING.md: these lines must stand once in fastdens/kernel_sums/kernels/" in again.stderr

"""Run code in a fresh interpreter that imports the package under test and nothing of this checkout besides."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import fastdens

PACKAGE = Path(fastdens.__file__).resolve().parent

# Seconds after which something that waits for an event is taken to wait for ever. No machine is so slow or so busy that
# a test which passes comes near: only one that fails takes this long.
HANGS = 900


def environment(**changes: str | None) -> dict[str, str]:
    """The environment of this process, with the package under test found first; None removes a variable."""
    merged = {**os.environ, "PYTHONPATH": str(PACKAGE.parent), **changes}
    return {name: value for name, value in merged.items() if value is not None}


def run_python(
    code: str, *options: str, timeout: float = HANGS, **changes: str | None
) -> subprocess.CompletedProcess[str]:
    """Run `code`; fails with its output when it exits with an error or hangs."""
    done = subprocess.run(
        [sys.executable, *options, "-c", code],
        cwd=tempfile.gettempdir(),
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done

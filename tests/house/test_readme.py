"""The README's Python runs, and what it promises is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2]
README = (FOLDER / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)


def test_python_blocks_run_in_order(capsys):
    assert len(blocks("python")) >= 4
    names: dict = {}
    for block in blocks("python"):
        exec(block, names)
    assert "instruction set" in capsys.readouterr().out


def test_the_first_two_commands_are_the_main_job_and_the_tests():
    """`.ci/run` runs the second one as it stands here."""
    main_job, tests = blocks("bash")[:2]
    assert main_job.splitlines()[-1].endswith("fastdens report")
    assert "pytest" in tests.splitlines()[-1]
    assert all("-m venv" in block and "pip install" in block for block in (main_job, tests))


GUIDES = sorted(f"docs/{path.name}" for path in (FOLDER / "docs").glob("*.md"))


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "benchmarks/README.md", *GUIDES])
def test_links_lead_somewhere(page):
    text = (FOLDER / page).read_text()
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert (FOLDER / page).parent.joinpath(target).exists(), target
    for path in re.findall(r"`((?:fastdens|tests|benchmarks|docs)/[\w./-]+\.\w+)`", text):
        assert "NAME" in path or (FOLDER / path).exists(), path

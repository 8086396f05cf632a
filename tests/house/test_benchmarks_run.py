"""Every benchmark runs once on tiny data and its answer is checked: benchmark code rots where nothing runs it."""

from __future__ import annotations

import importlib
import inspect
import itertools
import os
import sys
from pathlib import Path

import pytest
from subprocesses import run_python

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
os.environ["FASTDENS_BENCHMARK_SIZE"] = "tiny"
sys.path.insert(0, str(FOLDER))

HELPERS = {"__init__", "common", "data", "peers"}
SUITES = FOLDER / "benchmarks"
FILES = sorted(
    ".".join(path.relative_to(SUITES).with_suffix("").parts)
    for path in SUITES.rglob("*.py")
    if path.stem not in HELPERS
)
KINDS = ("time_", "peakmem_", "track_", "timeraw_")


def suites():
    for name in FILES:
        module = importlib.import_module(f"benchmarks.{name}")
        for suite in vars(module).values():
            if inspect.isclass(suite) and suite.__module__ == module.__name__ and methods(suite):
                yield pytest.param(suite, id=f"{name}.{suite.__name__}")


def methods(suite):
    return [name for name in dir(suite) if name.startswith(KINDS)]


@pytest.mark.parametrize("suite", list(suites()))
@pytest.mark.filterwarnings("ignore")  # peers warn of what they like
def test_suite_runs(suite):
    assert methods(suite)
    ran = dict.fromkeys(methods(suite), 0)
    for values in itertools.product(*getattr(suite, "params", [])):
        benchmark = suite()
        try:
            if hasattr(benchmark, "setup"):
                benchmark.setup(*values)
            for method in ran:
                result = getattr(benchmark, method)(*values)
                if method.startswith("track_"):
                    assert isinstance(result, float)
                if method.startswith("timeraw_"):
                    run_python(result)
                ran[method] += 1
        except NotImplementedError:  # asv skips what `setup` refuses so
            assert values[-1] != "fastdens" or suite.__name__ == "InstructionSets"
        finally:
            if hasattr(benchmark, "teardown"):
                benchmark.teardown(*values)
    assert min(ran.values()) >= 1, ran


def test_every_compiled_topic_has_its_file():
    from fastdens import reference

    topics = {path.stem for path in Path(reference.__file__).parent.glob("*.py")} - {"__init__"}
    assert topics <= {name.rpartition(".")[2] for name in FILES}


def test_a_wrong_answer_is_noticed():
    from benchmarks.common import Comparison

    class Wrong(Comparison):
        cases = ("one",)

        def prepare(self, case, implementation):
            return lambda: [1.0, 2.0 if implementation == "reference" else 2.1]

    with pytest.raises(AssertionError, match=r"fastdens is wrong by 5\.0e-02 in one"):
        Wrong().setup("one", "fastdens")


def test_a_missing_peer_is_skipped_and_named(capsys, monkeypatch):
    from benchmarks import peers

    monkeypatch.setitem(peers.MODULES, "no-such-peer", "no_such_module")
    with pytest.raises(NotImplementedError, match="no-such-peer is not installed"):
        peers.module("no-such-peer")
    assert "peer skipped: no-such-peer is not installed" in capsys.readouterr().err

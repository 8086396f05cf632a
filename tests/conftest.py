"""What all tests share: their surroundings, every instruction set of this machine, a seeded generator."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from pathlib import Path

# A shell that starts the tests in the background makes them, and all they start, deaf to Ctrl-C; some test just that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Figures are drawn into files only, whatever display the machine has.
os.environ.setdefault("MPLBACKEND", "Agg")

import hypothesis
import numpy as np
import pytest

import fastdens
from fastdens.core import _instruction_sets as instruction_sets

# Interpreters that tests start must import the package under test too, not the sources in the folder they start in.
os.environ["PYTHONSAFEPATH"] = "1"
os.environ["PYTHONPATH"] = str(Path(fastdens.__file__).resolve().parents[1])

# No example depends on the hour or on the machine's speed; a run that fails anywhere fails everywhere.
hypothesis.settings.register_profile(
    "fastdens",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=50,
    suppress_health_check=list(hypothesis.HealthCheck),
)
hypothesis.settings.load_profile("fastdens")


@pytest.fixture(params=instruction_sets.available())
def instruction_set(request):
    """Run the test once per instruction set; yields its name."""
    before = instruction_sets.in_use()
    instruction_sets.use(request.param)
    yield request.param
    instruction_sets.use(before)


@pytest.fixture
def tuned():
    """Sets tuning constants until the test ends: `tuned(sorting.MOST_BY_NUMPY, 10)`."""
    with ExitStack() as settings:
        yield lambda constant, value: settings.enter_context(constant.at(value))


@pytest.fixture
def random():
    """A generator that starts the same in every test."""
    return np.random.default_rng(20261123)

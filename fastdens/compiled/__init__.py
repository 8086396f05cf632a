"""Compiled loops, one module per topic, called by the engines only; see ARCHITECTURE.md."""

from importlib.util import find_spec
from pathlib import Path

if find_spec("fastdens.compiled.blocks") is None:
    raise ImportError(
        f"{Path(__file__).parent} holds the sources of fastdens, which are not compiled. Start Python elsewhere "
        "to use the installed package, or compile them here: python setup.py build_ext --inplace"
    )

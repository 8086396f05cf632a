"""The ground floor: threads, blocks, checks, instruction sets, random numbers, sorting, exact sums."""

from importlib.util import find_spec
from os.path import dirname

if find_spec("fastdens.core._blocks") is None:
    raise ImportError(
        f"{dirname(dirname(__file__))} holds the sources of fastdens, which are not compiled. Start Python elsewhere "
        "to use the installed package, or compile them here: python setup.py build_ext --inplace"
    )

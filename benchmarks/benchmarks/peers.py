"""The packages that others use for the same jobs; one that is not installed is skipped, and said to be."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

# Each file compares with the fastest peers of its job. Registry name: module.
MODULES = {
    "scipy": "scipy",
    "scikit-learn": "sklearn",
    "KDEpy": "KDEpy",
    "pykdtree": "pykdtree",
    "napf": "napf",
    "faiss-cpu": "faiss",
    "statsmodels": "statsmodels",
    "mlpack": "mlpack",
}
_said: set[str] = set()


def module(peer: str, submodule: str = "") -> ModuleType:
    """The module of a peer; NotImplementedError, asv's way to skip, where it is not installed."""
    try:
        return import_module(MODULES[peer] + (f".{submodule}" if submodule else ""))
    except ImportError as error:
        if peer not in _said:
            _said.add(peer)
            print(f"peer skipped: {peer} is not installed ({error})", file=sys.stderr)
        raise NotImplementedError(f"{peer} is not installed") from error

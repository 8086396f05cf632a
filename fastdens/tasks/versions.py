"""What a report of a problem should say about the machine and the installation."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from fastdens._version import __version__
from fastdens.core import _instruction_sets as instruction_sets
from fastdens.core.threads import default_threads

_PACKAGES = ("numpy", "scipy", "scikit-learn", "matplotlib", "pandas", "polars", "dask")


def _version_of(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def show_versions(*, as_dict: bool = False) -> dict[str, str | int | None] | None:
    """Print what to say in a report of a problem: versions, instruction set, threads, compiler, machine.

    Parameters
    ----------
    as_dict : bool, default=False
        Return the entries instead of printing them.

    Returns
    -------
    dict or None
        With `as_dict`, the value of each entry by its name; the value of a package that is not installed is None.

    Notes
    -----
    No package is imported for its version: the installed metadata are read.

    Examples
    --------
    >>> import fastdens as fd
    >>> entries = fd.show_versions(as_dict=True)
    >>> entries["fastdens"] == fd.__version__
    True
    >>> entries["instruction set"] in entries["instruction sets available"].split(", ")
    True
    """
    if not isinstance(as_dict, bool):
        raise TypeError(f"as_dict must be True or False, got {as_dict!r}")
    entries: dict[str, str | int | None] = {
        "fastdens": __version__,
        "instruction set": instruction_sets.in_use(),
        "instruction sets available": ", ".join(instruction_sets.available()),
        "threads": default_threads(),
        "compiled by": instruction_sets.compiler(),
        "Python": f"{platform.python_version()} ({platform.python_implementation()}, {platform.python_compiler()})",
        "platform": f"{platform.platform()}, {platform.machine()}, {sys.byteorder}-endian",
        **{package: _version_of(package) for package in _PACKAGES},
    }
    if as_dict:
        return entries
    width = max(map(len, entries))
    for name, value in entries.items():
        print(f"{name:<{width}}  {'not installed' if value is None else value}")
    return None

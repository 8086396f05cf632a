"""The instruction set that the compiled loops use, chosen once at import from what the processor has."""

import os
import platform

cdef extern from "instruction_sets.h" nogil:
    int fd_processor_runs(int level)
    const char *FD_COMPILER

LEVELS = {"base": 0, "avx2": 1, "avx512": 2, "neon": 3}  # as in instruction_sets.h

_users = []


def available():
    """Names of the instruction sets that this build has and this processor runs, slowest first."""
    return [name for name, level in LEVELS.items() if fd_processor_runs(level)]


def _chosen_at_import():
    wanted = os.environ.get("FASTDENS_ISA", "")
    if not wanted:
        return max(available(), key=LEVELS.get)
    if wanted not in available():
        raise ImportError(
            f"FASTDENS_ISA must be one of {', '.join(available())} on this processor ({platform.machine()}), "
            f"got {wanted!r}"
        )
    return wanted


_in_use = _chosen_at_import()


def in_use():
    """Name of the instruction set in use."""
    return _in_use


def register(use_level):
    """Call `use_level(level)` now and at every change of the set; each compiled topic asks for it at import."""
    _users.append(use_level)
    use_level(LEVELS[_in_use])


def use(name):
    """Switch all compiled loops to another instruction set: for tests and benchmarks, not while a call runs."""
    global _in_use
    if name not in available():
        raise ValueError(f"instruction set must be one of {', '.join(available())}, got {name!r}")
    for use_level in _users:
        use_level(LEVELS[name])
    _in_use = name


def compiler():
    """Name and version of the compiler that built the compiled modules."""
    return FD_COMPILER.decode("ascii")

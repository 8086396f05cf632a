"""Which classes a file of fastdens may hold: each has entered itself here, under a name, when it was defined.

A file names classes and never where they are to be found: whoever reads one gets classes that the program has already,
so that reading runs no code that the file chooses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

Class = TypeVar("Class", bound=type)
Maker = Callable[..., Any]


class Entry(NamedTuple):
    """A class that may be in a file, and what makes an object of it from the arguments that its `__reduce__` gives.

    Without a maker an object is made of its attributes, as `__getstate__` gives them and `__setstate__` takes them.
    """

    cls: Any
    maker: Maker | None


_ENTRIES: dict[str, Entry] = {}


def savable(cls: Class, maker: Maker | None = None) -> Class:
    """Enter a class; one that is defined anew, as in a notebook, takes the place of the old one."""
    _ENTRIES[saved_name(cls)] = Entry(cls, maker)
    return cls


def saved_name(cls: type) -> str:
    """What files call a class: the package's own by their names, wherever they live, others by module and name."""
    inside = cls.__module__.partition(".")[0] == __name__.partition(".")[0]
    return cls.__name__ if inside else f"{cls.__module__}.{cls.__qualname__}"


def entry_of(value: Any) -> Entry | None:
    """The entry of an object's own class, not of one that it derives from; None where there is none."""
    entry = _ENTRIES.get(saved_name(type(value)))
    return entry if entry is not None and entry.cls is type(value) else None


def entry_named(name: str) -> Entry | None:
    """The entry under a name; None where no class that is loaded has it."""
    return _ENTRIES.get(name)

"""Constants that decide about speed or memory, and can be set for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Generic, TypeVar

Number = TypeVar("Number", int, float)


class Tunable(Generic[Number]):
    """A number that decides how much is done at once, or from which size on by which path, so that a small problem can
    take the path of a large one. It is set through itself, and for the calling thread alone: functions read `value`
    before they start helpers.

    >>> most_rows = Tunable(4096)
    >>> with most_rows.at(10):
    ...     most_rows.value
    10
    >>> most_rows.value
    4096
    """

    def __init__(self, value: Number) -> None:
        self._value: ContextVar[Number] = ContextVar("tunable", default=value)

    @property
    def value(self) -> Number:
        """What holds now."""
        return self._value.get()

    @contextmanager
    def at(self, value: Number) -> Iterator[None]:
        """Another value while the context lasts."""
        token = self._value.set(value)
        try:
            yield
        finally:
            self._value.reset(token)

"""A property that is answered once per object, for facts that no rule may ever ask.

Like https://docs.python.org/3/library/functools.html#functools.cached_property, which in Python 3.11
takes a lock on first use. That costs more than many a fact. Two threads that ask at once may both read a
fact; as facts are pure functions, they read the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

_Answer = TypeVar("_Answer")


class lazy(Generic[_Answer]):  # noqa: N801 - it is written and read as a decorator, like ``property``
    """Decorate a method without arguments; the object needs a ``__dict__``, so it has no slots."""

    name: str

    def __init__(self, read: Callable[[Any], _Answer], *, doc: str | None = None) -> None:
        self._read = read
        self.__doc__ = doc or read.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type) -> _Answer: ...

    def __get__(self, instance: object | None, owner: type) -> _Answer | Self:
        if instance is None:
            return self
        # From now on Python finds the answer in the object itself and does not come here again.
        answer = instance.__dict__[self.name] = self._read(instance)
        return answer

"""Functions that meet objects of several classes, with code of its own for each class.

Python 3.11 and later remember in the code of a function where the attributes of an object are, as long as all objects
that come are of one class (PEP 659). Where two come in turn it looks each attribute up anew, which takes several times
as long. A copy for each class says nothing twice in the source, and each remembers its own.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any, ParamSpec, TypeVar, cast

__all__ = ["OwnCode", "own_code"]

P = ParamSpec("P")
R = TypeVar("R")


def own_code(function: Callable[P, R]) -> Callable[P, R]:
    """Return the same function, with code of its own."""
    # Only functions are given here, and no other callable has code.
    given = cast(FunctionType, function)
    code = given.__code__.replace()
    copy = FunctionType(code, given.__globals__, given.__name__, given.__defaults__, given.__closure__)
    copy.__kwdefaults__, copy.__doc__ = given.__kwdefaults__, given.__doc__
    copy.__annotations__, copy.__qualname__ = given.__annotations__, given.__qualname__
    return copy


class OwnCode:
    """What each class below has of its own instead of inheriting it: the functions of the classes in between."""

    __slots__ = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for base in cls.__mro__[1:]:
            if base is not OwnCode and issubclass(base, OwnCode):
                for name, inherited in vars(base).items():
                    if isinstance(inherited, FunctionType) and name not in vars(cls):
                        setattr(cls, name, own_code(inherited))

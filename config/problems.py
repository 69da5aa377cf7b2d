"""Reports a wrong environment file: every problem at once, each with its fix."""

from __future__ import annotations

import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


class InvalidEnvironmentError(ValueError):
    """The environment file is wrong; the message lists every problem found in it."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        noun = "problem" if len(problems) == 1 else "problems"
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"{len(problems)} {noun} in the environment file:\n{lines}")


_together: list[list[str]] = []


@contextmanager
def reported_together() -> Iterator[None]:
    """Collect the problems of every environment made inside, and raise them once at the end."""
    found: list[str] = []
    _together.append(found)
    try:
        yield
    finally:
        _together.pop()
    if found:
        raise InvalidEnvironmentError(found)


def report(problems: list[str]) -> None:
    """Raise the problems, or leave them to the surrounding `reported_together`."""
    if not problems:
        return
    if not _together:
        raise InvalidEnvironmentError(problems)
    _together[-1].extend(problems)


def type_problems(value: Any, path: str) -> Iterator[str]:
    """Name every field below `value` whose type is not the declared one."""
    hints = get_type_hints(type(value))
    for field in fields(value):
        yield from _wrong_type(
            getattr(value, field.name), hints[field.name], f"{path}.{field.name}"
        )


def _wrong_type(value: Any, hint: Any, path: str) -> Iterator[str]:
    if is_dataclass(hint) and isinstance(hint, type) and isinstance(value, hint):
        yield from type_problems(value, path)
    elif get_origin(hint) is tuple and isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _wrong_type(item, get_args(hint)[0], f"{path}[{index}]")
    elif get_origin(hint) in (Union, types.UnionType):
        some = [arg for arg in get_args(hint) if arg is not type(None)]
        own = [arg for arg in some if isinstance(arg, type) and isinstance(value, arg)]
        if value is not None:
            yield from _wrong_type(value, (own or some)[0], path)
    elif not _fits(value, hint):
        yield f"'{path}' should be {_words(hint)}, got {value!r}"


def _fits(value: Any, hint: Any) -> bool:
    if get_origin(hint) is Literal:
        return any(value is choice or value == choice for choice in get_args(hint))
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(hint, type) and isinstance(value, hint)


def _words(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " or ".join(repr(choice) for choice in get_args(hint))
    if get_origin(hint) is tuple:
        return f"a tuple of {get_args(hint)[0].__name__}, such as (value,)"
    names = {
        int: "a whole number",
        float: "a number with a point, such as 0.5",
        str: "text",
        bool: "True or False",
    }
    return names.get(hint, f"a {getattr(hint, '__name__', hint)}")

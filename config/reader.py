"""Reads the environment file, and says of a wrong one on which line, and what would be right."""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import re
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path

from config.model import Environment

FILE = "config/environments.py"
# An owner's, which no update of mainstay brings: where it is, the shipped one is not read.
OWN = "config/own_environments.py"
_ROOT = Path(__file__).parents[1]
_UNKNOWN = re.compile(r"^(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'")
_MISSING = re.compile(r"^(\w+)\.__init__\(\) missing \d+ required keyword-only arguments?: (.+)$")


def environments() -> Mapping[str, Environment]:
    """Return every environment by its name; the owner's file takes the place of the shipped one.

    Raises ValueError for a file that is wrong.
    """
    file = OWN if (_ROOT / OWN).exists() else FILE
    try:
        found = importlib.import_module(f"config.{Path(file).stem}")
        return found.ENVIRONMENTS
    except SyntaxError as error:
        if _is_the_file(error.filename, file):
            line = (error.text or "").strip()
            raise ValueError(f"{file}, line {error.lineno}: {error.msg}: {line}") from None
        raise
    except (TypeError, NameError, AttributeError, ImportError) as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        if _is_the_file(place.filename, file):
            raise ValueError(f"{file}, line {place.lineno}: {_meaning(str(error))}") from None
        if isinstance(error, AttributeError) and place.filename == __file__:
            raise ValueError(f"{file} should end with ENVIRONMENTS, by name") from None
        raise


def environment_named(name: str) -> Environment:
    """Return the environment of that name. Raises ValueError that lists the names there are."""
    known = environments()
    if name not in known:
        raise ValueError(f"'environment' should be one of {', '.join(known)}, got '{name}'")
    return known[name]


def _is_the_file(name: str | None, file: str) -> bool:
    return name is not None and Path(name).parts[-2:] == Path(file).parts


def _meaning(message: str) -> str:
    """Return Python's words for a wrong field in those of the file."""
    if found := _UNKNOWN.match(message):
        kind, field = found.groups()
        names = _fields(kind)
        close = difflib.get_close_matches(field, names, n=1)
        fix = f"did you mean '{close[0]}'?" if close else f"it has {', '.join(names)}"
        return f"{kind} has no field '{field}': {fix}"
    if found := _MISSING.match(message):
        return f"{found[1]} lacks {found[2]}: give a value, as the environments beside it do"
    return message


def _fields(kind: str) -> list[str]:
    """Return the fields of a class of this package that is loaded, or none."""
    for name, module in list(sys.modules.items()):
        found = getattr(module, kind, None) if name.startswith("config.") else None
        if dataclasses.is_dataclass(found):
            return [field.name for field in dataclasses.fields(found)]
    return []

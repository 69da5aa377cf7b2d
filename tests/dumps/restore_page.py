"""The commands of the page on restores, as it prints them, with its placeholders filled."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "runbooks" / "restore-every-store.md"
_FENCED = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def printed(beginning: str, **values: str) -> list[list[str]]:
    """Return the words of each command that begins so; a placeholder without value is an error."""
    blocks = "".join(_FENCED.findall(PAGE.read_text()))
    lines = re.sub(r"\\\n\s*", "", blocks).splitlines()
    found = [line for line in lines if line.startswith(beginning)]
    return [shlex.split(re.sub(r"<(\w+)>", lambda name: values[name[1]], line)) for line in found]

"""A file of SQL, cut into its statements as PostgreSQL would cut it."""

from __future__ import annotations

import re

# What hides a semicolon: a comment, a string, a quoted name, a body in dollar quotes.
_PARTS = re.compile(
    r"""
    (?P<comment> --[^\n]* | /\*.*?\*/ )
  | (?P<quoted> [eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*"
      | \$(?P<tag>[A-Za-z_][A-Za-z_0-9]*)?\$ .*? \$(?P=tag)\$
      | \$\$ .*? \$\$ )
  | (?P<end> ; )
  | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)


def split(text: str) -> list[str]:
    """The statements in order, without comments and without their semicolons."""
    statements, current = [], []
    for part in _PARTS.finditer(text):
        if part["comment"]:
            current.append(" ")
        elif part["end"]:
            statements.append("".join(current).strip())
            current = []
        else:
            current.append(part[0])
    statements.append("".join(current).strip())
    return [statement for statement in statements if statement]


def skeleton(statement: str) -> str:
    """A statement in upper case on one line, its strings and bodies emptied: to be recognised."""
    emptied = _PARTS.sub(
        lambda part: "''" if part["quoted"] and not part[0].startswith('"') else part[0], statement
    )
    return re.sub(r"\s+", " ", emptied).strip().upper()

"""Finds out whether a migration only adds: then old code and new code run against what it leaves.

The transaction store takes no other kind, because it keeps taking writes while a release is on
its way. Of the entity store's migrations, those that only add need no read-only window.
"""

from __future__ import annotations

import re

from service.operations.statements import skeleton

_NAME = r'(?:[A-Z_0-9]+|"[^"]+")(?:\.(?:[A-Z_0-9]+|"[^"]+"))?'
_ADDS = [
    re.compile(pattern)
    for pattern in (
        rf"CREATE TABLE (IF NOT EXISTS )?(?P<made>{_NAME})\b(?!.*\bAS (SELECT|TABLE|VALUES)\b).*",
        rf"CREATE (UNIQUE )?INDEX (IF NOT EXISTS )?({_NAME} )?ON (ONLY )?(?P<of>{_NAME})\b.*",
        r"CREATE (TYPE|SEQUENCE|FUNCTION|PROCEDURE|VIEW|POLICY|DOMAIN) .*",
        rf"ALTER TABLE (IF EXISTS )?{_NAME} (?P<additions>ADD .*)",
        rf"ALTER TABLE (IF EXISTS )?(?P<of>{_NAME}) (ENABLE|FORCE) ROW LEVEL SECURITY",
        r"COMMENT ON .*",
        r"GRANT SELECT .*",
    )
]
# A default that is computed per row rewrites the table under a lock (ALTER TABLE, PostgreSQL 17).
_CONSTANT = r"(''|-?[0-9.]+|TRUE|FALSE|NULL|NOW\(\)|CURRENT_TIMESTAMP)(\s*::\s*[A-Z_ ]+)?"
_COLUMN = re.compile(
    rf"ADD (COLUMN )?(IF NOT EXISTS )?(?!CONSTRAINT|CHECK|FOREIGN|UNIQUE|PRIMARY|EXCLUDE){_NAME} "
    rf"(?P<type>[A-Z_ 0-9\[\]]+?(\([0-9, ]+\))?)"
    rf"(?P<rest>( NULL| NOT NULL| DEFAULT {_CONSTANT})*)"
)
_CONSTRAINT = re.compile(rf"ADD CONSTRAINT {_NAME} (CHECK|FOREIGN KEY) .* NOT VALID")


def breaks(statements: list[str]) -> list[str]:
    """Return what of a migration does more than add, each with the reason; [] for expand-only."""
    made: set[str] = set()
    return [
        f"{reason}: {statement}"
        for statement in statements
        if (reason := _reason(skeleton(statement), made))
    ]


def _reason(text: str, made: set[str]) -> str | None:
    """Why a statement is no addition, or None; `made` are the tables of this migration."""
    found = next((match for adds in _ADDS if (match := adds.fullmatch(text))), None)
    if found is None:
        return "changes or removes what old code uses"
    groups = found.groupdict()
    if groups.get("made"):
        made.add(groups["made"])
    if groups.get("of") and groups["of"] not in made:
        return "locks a table that is in use"
    for addition in _cut(groups.get("additions") or ""):
        if not (_CONSTRAINT.fullmatch(addition) or _adds_column(addition)):
            return "checks or rewrites the rows that are there"
    return None


def _adds_column(addition: str) -> bool:
    column = _COLUMN.fullmatch(addition)
    if column is None:
        return False
    return " NOT NULL" not in column["rest"] or " DEFAULT " in column["rest"]


def _cut(additions: str) -> list[str]:
    """The clauses of an ALTER TABLE: cut at commas outside of parentheses."""
    parts, depth = [""], 0
    for character in additions:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]

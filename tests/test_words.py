"""Docstrings are sentences: none opens as a fragment of one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_documents import files

ROOT = Path(__file__).parents[1]
PYTHON = sorted(file for file in files() if file.suffix == ".py")
# Fragments: they speak of something that the reader has to find first.
FRAGMENT = re.compile(r"(?:Of|As of|The same)\b")
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(), str(file))


def fragments(parsed: ast.Module) -> Iterator[str]:
    """The first lines of docstrings that are no sentence."""
    for node in ast.walk(parsed):
        if isinstance(node, _DOCUMENTED):
            words = ast.get_docstring(node) or ""
            if FRAGMENT.match(words):
                yield words.splitlines()[0]


def test_no_docstring_is_a_fragment():
    found = [
        (str(file.relative_to(ROOT)), line) for file in PYTHON for line in fragments(tree(file))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("docstring", "is_fragment"),
    [
        ("Of every zone.", True),
        ("As of the entity store.", True),
        ("The same of these stacks.", True),
        ("Offers a lock.", False),
        ("Return the same stacks.", False),
    ],
)
def test_a_fragment_is_found(docstring: str, is_fragment: bool):
    parsed = ast.parse(f'def f():\n    """{docstring}"""\n')
    assert bool(list(fragments(parsed))) is is_fragment

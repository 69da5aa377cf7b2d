"""A wait has a bound and a name, and ends with the log's reason."""

from __future__ import annotations

import ast
import socket
from pathlib import Path

import pytest

from local.waiting import NotInTimeError, free_port, is_free, wait_until

ROOT = Path(__file__).parents[2]
# What is deployed waits by itself, and imports nothing of this room.
_DEPLOYED = ("lambda", "service", "dumps", "cli", "deploy", "node_modules")


def test_returns_what_came_true():
    answers = iter([0, 0, 7])
    assert wait_until(lambda: next(answers), "an answer", pause=0) == 7


def test_fails_with_what_was_waited_for_and_the_end_of_the_log(tmp_path: Path):
    log = tmp_path / "log"
    log.write_text("".join(f"line {number}\n" for number in range(50)))
    with pytest.raises(NotInTimeError) as error:
        wait_until(lambda: False, "the server to answer", seconds=0, log=log)
    assert str(error.value).startswith("not within 0 s: the server to answer\nline 30\n")
    assert str(error.value).endswith("line 49")


def test_fails_with_what_a_function_returns():
    with pytest.raises(NotInTimeError, match="the end\n3 still run"):
        wait_until(lambda: False, "the end", seconds=0, log=lambda: "3 still run")


def test_a_port_that_somebody_listens_on_is_not_free():
    port = free_port()
    assert is_free(port)
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        assert not is_free(port)


def test_there_is_one_helper_of_each():
    """No other function of that name, or of a name that says the same."""
    found = set()
    for file in ROOT.rglob("*.py"):
        place = file.relative_to(ROOT)
        if place.parts[0] in _DEPLOYED or place.parts[0].startswith("."):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.strip("_") in _NAMES:
                found.add(f"{place}: {node.name}")
    assert found == {"local/waiting.py: free_port", "local/waiting.py: wait_until"}


_NAMES = {"free_port", "wait_until", "until", "eventually", "wait_for", "poll_until"}

"""`python -m control_table` in moto: what a person may do to the mode, and is told."""

from __future__ import annotations

import json

import pytest

from functions.control_table.__main__ import main

TABLE = ["--table", "control"]
ANA = ["--by", "ana", "--reason", "drill"]


@pytest.fixture
def act(dynamodb, capsys):
    """`act("show")`: the exit code, and what was printed."""

    def act(*words: str):
        code = main([*words, *TABLE], dynamodb)
        said = capsys.readouterr()
        return code, (json.loads(said.out) if code == 0 else said.err)

    return act


def test_a_region_begins_once_and_is_shown(act):
    assert act("show") == (0, None)
    _, first = act("begin", "--by", "ana")
    assert (first["mode"], first["epoch"]) == ("READ_WRITE", 1)
    assert act("begin", "--by", "ben") == (0, first)
    assert act("show") == (0, first)


def test_read_only_is_entered_and_its_own_epoch_left(act):
    act("begin", "--by", "ana")
    _, entered = act("read-only", *ANA)
    assert (entered["mode"], entered["epoch"], entered["by"]) == ("READ_ONLY", 2, "ana")
    _, left = act("read-write", *ANA, "--epoch", "2")
    assert (left["mode"], left["epoch"]) == ("READ_WRITE", 3)


def test_fails_on_an_epoch_that_passed(act):
    act("begin", "--by", "ana")
    act("read-only", *ANA)
    act("read-only", "--by", "alarm", "--reason", "writer gone")
    code, said = act("read-write", *ANA, "--epoch", "2")
    assert code == 1
    assert "'epoch' should be 3, set by alarm" in said


def test_fails_on_a_region_that_has_not_begun(act):
    code, said = act("read-only", *ANA)
    assert (code, "has no mode yet" in said) == (1, True)


@pytest.mark.parametrize(
    ("words", "absent"),
    [
        (["begin"], "--by"),
        (["read-only", "--by", "ana"], "--reason"),
        (["read-write", *ANA], "--epoch"),
    ],
)
def test_fails_on_what_is_missing(dynamodb, capsys, words, absent):
    with pytest.raises(SystemExit):
        main([*words, *TABLE], dynamodb)
    assert f"needs {absent}" in capsys.readouterr().err

"""The command line used wrongly: an exit code and one clear line, never a traceback."""

from __future__ import annotations

import json

import pytest

from service.operations.command import main
from tests.service.operations.acts import all_acts


@pytest.fixture(autouse=True)
def no_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ENTITY_A", "ENTITY_B", "TRANSACTION", "FOLLOWER", "DELAYED"):
        monkeypatch.delenv(f"{name}_HOST", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")  # asked for nothing


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The reason of an act that is refused, which is all that is said."""
    assert main(arguments) == 1
    printed = capsys.readouterr()
    assert printed.err == ""
    [line] = printed.out.splitlines()
    return json.loads(line)["reason"]


def test_help_names_every_act(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert all(act.split(" ")[0] in shown for act in all_acts())


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "required: command"),
        (["fense", "entity-a"], "invalid choice: 'fense'"),
        (["fence"], "required: node"),
        (["migrate", "entity-a", "--to", "two"], "invalid int value: 'two'"),
        (["--timeout", "-1", "versions"], "should be 0 or more seconds, got -1"),
        (["replication", "pause", "entity-a"], "publisher and subscriber, or neither of them"),
        (["promote", "--lost", "follower"], "invalid choice: 'follower'"),
        (["delayed", "recover"], "one of the arguments --lsn --time is required"),
        (["delayed", "recover", "--lsn", "0/1", "--time", "now"], "not allowed with argument"),
    ],
)
def test_what_is_no_command_ends_with_2_and_says_why(capsys, arguments, reason):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert reason in capsys.readouterr().err.splitlines()[-1]


def test_without_a_node_it_says_which_variable_is_missing(capsys):
    assert "'ENTITY_A_HOST' or another <NODE>_HOST should be set" in refused(capsys, "versions")


def test_a_variable_that_is_wrong_or_missing_is_named(capsys, monkeypatch):
    monkeypatch.setenv("ENTITY_A_HOST", "127.0.0.1")
    assert "'ENTITY_A_SECRET' should be set" in refused(capsys, "versions")
    monkeypatch.setenv("ENTITY_A_USER", "administrator")
    monkeypatch.setenv("ENTITY_A_PORT", "many")
    wanted = "'ENTITY_A_PORT' should be a port of 1 to 65535, got 'many'"
    assert wanted in refused(capsys, "versions")


def test_a_node_that_is_none_is_refused_with_those_there_are(capsys, monkeypatch):
    monkeypatch.setenv("ENTITY_A_HOST", "127.0.0.1")
    monkeypatch.setenv("ENTITY_A_USER", "administrator")
    assert "which has: entity-a" in refused(capsys, "fence", "entity-c")


def test_a_server_that_does_not_answer_is_one_line(capsys, monkeypatch):
    monkeypatch.setenv("ENTITY_A_HOST", "127.0.0.1")
    monkeypatch.setenv("ENTITY_A_PORT", "1")
    monkeypatch.setenv("ENTITY_A_USER", "administrator")
    assert "onnection" in refused(capsys, "fence", "entity-a")

"""`python -m functions.control_table begin`: the first state of a Region, and no other change."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from functions.control_table import mode
from functions.control_table.__main__ import main

_BEGIN = ["begin", "--table", "control", "--by"]


def test_a_region_begins_once(dynamodb, capsys):
    assert main([*_BEGIN, "bootstrap"], dynamodb=dynamodb) == 0
    first = json.loads(capsys.readouterr().out)
    assert (first["mode"], first["epoch"], first["by"]) == ("READ_WRITE", 1, "bootstrap")
    assert main([*_BEGIN, "somebody"], dynamodb=dynamodb) == 0
    assert json.loads(capsys.readouterr().out) == first


def test_a_region_in_read_only_is_not_begun_again(dynamodb, capsys):
    main([*_BEGIN, "bootstrap"], dynamodb=dynamodb)
    who = {"reason": "lag", "by": "alarm", "at": datetime.now(UTC)}
    entered = mode.enter_read_only(dynamodb, "control", **who)
    main([*_BEGIN, "somebody"], dynamodb=dynamodb)
    assert mode.known(dynamodb, "control") == entered


@pytest.mark.parametrize("command", ["read-only", "read-write", "show"])
def test_people_s_commands_are_those_of_mainstay_mode(dynamodb, capsys, command):
    """Here nothing looked whether a cause stood against leaving READ_ONLY."""
    with pytest.raises(SystemExit):
        main([command, "--table", "control", "--by", "ana"], dynamodb=dynamodb)
    assert f"invalid choice: '{command}'" in capsys.readouterr().err

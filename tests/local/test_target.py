"""The local target talks to this machine alone, and takes nobody's credentials."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.target import (
    LocalTarget,
    WrongUseError,
    refuse_real_credentials,
    refuse_unless_loopback,
)


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:4570", "http://[::1]:4570"])
def test_takes_a_loopback_address(endpoint: str):
    refuse_unless_loopback(endpoint)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://10.0.0.1:4570",
        "http://localhost:4570",  # a name, which may lead anywhere
        "https://127.0.0.1:4570",
        "http://127.0.0.1",
        "https://cloudformation.us-east-1.amazonaws.com",
        "127.0.0.1:4570",
        "http://0.0.0.0:4570",
        "http://127.0.0.1:port",
        "",
    ],
)
def test_refuses_everything_else_by_name(endpoint: str):
    with pytest.raises(WrongUseError, match=r"'ENDPOINT' should be a loopback address") as refused:
        refuse_unless_loopback(endpoint)
    assert f"got '{endpoint}'" in str(refused.value)


def test_a_target_cannot_be_made_of_another_endpoint(tmp_path: Path):
    with pytest.raises(WrongUseError):
        LocalTarget(endpoint="http://10.0.0.1:80", account="111122223333", folder=tmp_path)


def test_an_account_has_12_digits(tmp_path: Path):
    with pytest.raises(WrongUseError, match="12 digits, got 'abc'"):
        LocalTarget(endpoint="http://127.0.0.1:1", account="abc", folder=tmp_path)


@pytest.mark.parametrize("key", ["AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE"])
def test_refuses_keys_that_look_real_and_does_not_print_them(key: str):
    shell = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"}
    with pytest.raises(WrongUseError) as refused:
        refuse_real_credentials(shell)
    message = str(refused.value)
    assert key not in message
    assert "env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY -u AWS_SESSION_TOKEN" in message


@pytest.mark.parametrize("shell", [{}, {"AWS_ACCESS_KEY_ID": "testing"}, {"AWS_PROFILE": "work"}])
def test_takes_a_shell_without_keys(shell: dict[str, str]):
    refuse_real_credentials(shell)


def test_children_get_the_endpoint_and_no_way_to_real_credentials(tmp_path: Path):
    target = LocalTarget(endpoint="http://127.0.0.1:4570", account="111122223333", folder=tmp_path)
    variables = target.variables("us-west-2")
    assert variables["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4570"
    assert variables["AWS_ACCESS_KEY_ID"] == "111122223333"
    assert variables["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
    assert variables["AWS_REGION"] == "us-west-2"

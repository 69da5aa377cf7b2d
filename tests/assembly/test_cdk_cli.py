"""The options that are given to the CDK CLI, against the real one, with AWS out of reach."""

import os
import subprocess

import pytest

from assembly.cdk_cli import CLI, CdkCli
from tests.deploy.conftest import assemble, stack

TOPIC = {"Topic": {"Type": "AWS::SNS::Topic"}}
NOWHERE = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}


@pytest.mark.parametrize("command", ["deploy", "diff", "destroy", "bootstrap"])
def test_the_cli_knows_every_option(command, tmp_path):
    """An unknown option would be said before its help is."""
    log = tmp_path / "arguments"
    script = tmp_path / "cdk"
    script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {log}\n')
    script.chmod(0o755)
    cli = CdkCli(assembly=tmp_path, variables=os.environ, executable=script)
    getattr(cli, command)(("Dns",))
    options = {word for word in log.read_text().splitlines() if word.startswith("--")}
    printed = subprocess.run(
        [CLI, command, "--help"],
        env=cli.environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert options
    for option in options - {"--no-notices"}:
        assert f"{option} " in printed or f"{option}," in printed, option


def test_a_deploy_that_reaches_nobody_fails(tmp_path):
    assemble(tmp_path, stack("Dns", TOPIC))
    cli = CdkCli(assembly=tmp_path, variables={**os.environ, **NOWHERE})
    assert cli.deploy(("Nowhere",)).exit_code != 0


def test_a_missing_cli_is_named_with_its_fix(tmp_path):
    cli = CdkCli(assembly=tmp_path, variables={}, executable=tmp_path / "none")
    with pytest.raises(ValueError, match="run `make setup`"):
        cli.deploy(("Dns",))

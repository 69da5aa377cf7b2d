"""The words that the room uses for the CDK CLI, against the real one, with AWS out of reach."""

import os
import subprocess

import pytest

from deploy.cdk_cli import CLI, CdkCli, variables
from tests.deploy.conftest import assemble, stack

TOPIC = {"Topic": {"Type": "AWS::SNS::Topic"}}
NOWHERE = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}


@pytest.mark.parametrize("act", ["deploy", "diff", "destroy"])
def test_the_cli_knows_every_option(act, tmp_path, program):
    """An unknown option would be said before its help is."""
    log = tmp_path / "arguments"
    script = program("cdk", f'printf "%s\\n" "$@" > {log}')
    getattr(CdkCli(assembly=tmp_path, variables=dict(os.environ), cli=script), act)(("Dns",))
    options = {word for word in log.read_text().splitlines() if word.startswith("--")}
    said = subprocess.run(
        [CLI, act, "--help"],
        env=variables(dict(os.environ)),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert options
    for option in options - {"--no-notices"}:
        assert f"{option} " in said or f"{option}," in said, option


def test_a_deploy_that_reaches_nobody_fails(tmp_path):
    assemble(tmp_path, stack("Dns", TOPIC))
    cli = CdkCli(assembly=tmp_path, variables={**variables(dict(os.environ)), **NOWHERE})
    assert cli.deploy(("Nowhere",)) != 0


def test_a_missing_cli_is_told_with_its_mend(tmp_path):
    cli = CdkCli(assembly=tmp_path, variables={}, cli=tmp_path / "none")
    with pytest.raises(ValueError, match="run `make setup`"):
        cli.deploy(("Dns",))

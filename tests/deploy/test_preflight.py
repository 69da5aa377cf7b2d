"""The command `make preflight`, on a machine without credentials."""

import dataclasses

import pytest

from config import environments
from config.environments import PRODUCTION
from deploy import preflight
from deploy.command import run_stoppable
from tests.deploy.conftest import assemble, path_with, stack

TOPIC = {"Topic": {"Type": "AWS::SNS::Topic"}}


@pytest.fixture
def run(tmp_path, capsys, monkeypatch, program):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", path_with(program("docker", "echo linux/arm64"))["PATH"])

    def run(name, account):
        assemble(tmp_path, stack("Dns", TOPIC, environment=name), account=account)
        arguments = ["--environment", name, str(tmp_path)]
        code = run_stoppable(lambda: preflight.main(arguments), "preflight")
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_exits_1_while_placeholders_stand(run):
    code, out, _ = run("production", "111122223333")
    assert code == 1
    assert "NOT READY TO DEPLOY" in out
    assert "the account 111122223333 is the placeholder" in out
    assert "the domain id.example.com is the placeholder" in out


def test_prints_the_plan_and_what_it_could_not_check(run, owned, monkeypatch):
    own = dataclasses.replace(owned, name="own")
    monkeypatch.setitem(environments.ENVIRONMENTS, "own", own)
    code, out, _ = run("own", own.account)
    assert code == 0
    assert "NOT READY" not in out
    assert "not checked: credentials and account, Regions and zones, bootstrap" in out
    assert "there are no credentials" in out
    assert "Deploy the standby Region, us-west-2" in out


def test_exits_2_with_a_message_for_an_unknown_environment(run):
    code, out, err = run("none", PRODUCTION.account)
    assert (code, out) == (2, "")
    assert err.startswith("preflight: 'environment' should be one of")


def test_exits_2_where_there_is_no_assembly(tmp_path, capsys):
    arguments = ["--environment", "small", str(tmp_path / "none")]
    assert run_stoppable(lambda: preflight.main(arguments), "preflight") == 2
    assert "should be a synthesized assembly" in capsys.readouterr().err

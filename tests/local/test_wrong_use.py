"""Wrong use and bad luck end with one clear message, a code that is not 0, and no process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import process
from local.commands import check
from local.emulator.server import Emulator
from local.session import LocalSession
from local.target import LocalTarget
from local.waiting import free_port
from local.watched_cli import CdkError, WatchedCli
from tests.local import clone as clones
from tests.local.clone import Clone

ACCOUNT = "111122223333"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    made = clones.make(tmp_path_factory.mktemp("clone"), free_port())
    yield made
    process.end_all(made.local)


def begun(clone: Clone, words: str) -> subprocess.Popen[str]:
    """`make local` of dev, as far as the line that holds `words`."""
    child = subprocess.Popen(
        clone.command("up", "--environment", "dev"),
        cwd=clone.folder,
        env=clone.variables(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # What a shell starts behind itself ignores an interrupt, and so would this child.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert child.stdout is not None
    for line in child.stdout:
        if words in line:
            return child
    raise AssertionError(f"it ended with {child.wait(60)} before it said '{words}'")


def test_an_interrupt_leaves_no_process_whenever_it_comes(clone: Clone):
    for words in ("Synthesizing", "Bootstrapping", ": deploying"):
        child = begun(clone, words)
        child.send_signal(signal.SIGINT)
        printed, _ = child.communicate(timeout=60)
        assert child.returncode == 130, printed
        assert "interrupted" in printed
        assert clones.naming(clone.folder) == []
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", clone.port)) != 0


def test_an_emulator_that_is_killed_ends_the_run_at_once(clone: Clone):
    child = begun(clone, ": deploying")
    pid = LocalSession(folder=clone.local, port=clone.port, endpoint=None).emulator.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    printed, _ = child.communicate(timeout=60)
    assert child.returncode == 1, printed
    assert "cdk deploy was ended: what it deploys to has gone" in printed
    assert clones.naming(clone.folder) == []


def test_a_taken_port_is_named_and_nothing_is_left(clone: Clone):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        printed = Clone(clone.folder, port).run("up", "--environment", "dev")
    assert printed.exit_code == 1
    assert f"local: 'EMULATOR_PORT' should be free, and something listens on 127.0.0.1:{port}" in (
        printed.output
    )
    assert "Synthesizing" not in printed.output, "a person waits for a synth to hear of a port"
    assert process.marked(clone.local) == ()


@pytest.mark.parametrize("command", ["up", "diff", "destroy", "status"])
def test_an_endpoint_elsewhere_is_refused_by_every_command(clone: Clone, command: str):
    printed = clone.run(command, "--endpoint", "http://192.0.2.1:4570")
    assert printed.exit_code == 1
    assert printed.output.startswith("local: 'ENDPOINT' should be a loopback address")
    assert "Traceback" not in printed.output


def test_credentials_that_look_real_are_refused(clone: Clone, monkeypatch: pytest.MonkeyPatch):
    variables = {**clone.variables(), "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"}
    done = subprocess.run(
        clone.command("up"), cwd=clone.folder, env=variables, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.startswith("local: 'AWS_ACCESS_KEY_ID' (AKIAIOSF...) looks like credentials")


def test_nothing_is_deployed_yet_is_said(clone: Clone):
    for command in ("diff", "destroy"):
        printed = clone.run(command)
        assert printed.exit_code == 1
        assert printed.output == "local: nothing is deployed: run `make local` first\n"
    assert clone.run("status").output.startswith("Nothing is deployed here")


def test_an_unknown_environment_is_named(clone: Clone):
    printed = clone.run("up", "--environment", "staging")
    assert printed.exit_code == 1
    assert "'environment' should be one of production, small, dev, got 'staging'" in printed.output
    assert process.marked(clone.local) == ()


def test_an_unsupported_type_is_named_with_the_place_to_add_it(folder: Path, tmp_path: Path):
    emulator = Emulator(folder=folder, port=free_port(), account=ACCOUNT)
    emulator.start()
    target = LocalTarget(endpoint=emulator.endpoint, account=ACCOUNT, folder=folder)
    cli = WatchedCli(
        assembly=_assembly(tmp_path / "cdk.out"),
        variables=target.variables("us-east-1"),
        folder=folder,
        alive=emulator.alive(),
    )
    run = cli.deploy(["nowhere"])
    session = LocalSession(folder=folder, port=emulator.port, endpoint=None)
    with pytest.raises(CdkError) as failed:
        check(run, "deploy", session)
    assert "AWS::Nowhere::Thing" in str(failed.value)
    assert "local/emulator/extension" in str(failed.value)


def _assembly(folder: Path) -> Path:
    """One stack that needs no bootstrap, with a type that nobody has."""
    folder.mkdir()
    template = {"Resources": {"Thing": {"Type": "AWS::Nowhere::Thing"}}}
    (folder / "nowhere.template.json").write_text(json.dumps(template))
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": f"aws://{ACCOUNT}/us-east-1",
        "properties": {"templateFile": "nowhere.template.json", "stackName": "nowhere"},
        "displayName": "nowhere",
    }
    manifest = {"version": "48.0.0", "artifacts": {"nowhere": stack}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder

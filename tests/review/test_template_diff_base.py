"""The template diff against a git ref: each side synthesized by its own code, nothing left over."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from assembly.synthesis import interpreter
from local.waiting import wait_until
from review.template_diff.__main__ import main

# A real CDK app in one file; the failing gate is what a synthesis with open findings looks like.
APP = """
import aws_cdk as cdk
from aws_cdk import aws_sqs as sqs
from mainstay.naming import CONSTRUCT

app = cdk.App()
stack = cdk.Stack(app, "App", stack_name="app-" + app.node.get_context("environment"))
sqs.Queue(stack, CONSTRUCT, removal_policy=cdk.RemovalPolicy.RETAIN)
cdk.CfnOutput(stack, "Flag", value=str(app.node.try_get_context("flag")))
app.synth()
raise SystemExit({code})
"""

# The same contract without the CDK, in milliseconds.
QUICK_APP = """
import json, os, pathlib
from local.waiting import wait_until
out = pathlib.Path(os.environ["CDK_OUTDIR"])
out.mkdir()
properties = {"templateFile": "App.template.json", "stackName": "app"}
artifact = {"type": "aws:cloudformation:stack", "properties": properties}
(out / "App.template.json").write_text('{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}')
(out / "manifest.json").write_text(json.dumps({"artifacts": {"App": artifact}}))
"""


def git(root, *arguments):
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    return subprocess.check_output(["git", *identity, *arguments], cwd=root, text=True)


def commit(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", "c")


def worktrees(root):
    return git(root, "worktree", "list").splitlines()


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A repository whose first commit has no app, with the process in it."""
    directory = tmp_path / "repository"
    directory.mkdir()
    git(directory, "init", "-q", "-b", "main")
    commit(directory, {"README.md": "Nothing yet."})
    monkeypatch.chdir(directory)
    return directory


def test_compares_the_code_of_a_ref_with_the_working_tree(root, capsys):
    files = {
        "app.py": APP.format(code=1),
        "cdk.json": json.dumps({"context": {"flag": "old"}}),
        "constructs/mainstay/__init__.py": "",
        "constructs/mainstay/naming.py": 'CONSTRUCT = "Old"',
    }
    commit(root, files)
    (root / "app.py").write_text(APP.format(code=0))
    (root / "cdk.json").write_text(json.dumps({"context": {"flag": "new"}}))
    (root / "constructs/mainstay/naming.py").write_text('CONSTRUCT = "New"')
    assert main(["--base", "main", "--environment", "small"]) == 1
    out = capsys.readouterr().out
    assert "| app-small |  | 1 | 0 | 1 |" in out
    assert "`App/Old/Resource`" in out
    assert "DeletionPolicy Retain leaves it" in out
    assert "outputs: Flag" in out
    assert "The base side wrote its templates and then failed its own checks" in out
    assert len(worktrees(root)) == 1


def test_counts_everything_as_added_to_a_base_without_an_app(root, capsys):
    (root / "app.py").write_text(QUICK_APP)
    assert main(["--base", "HEAD"]) == 0
    captured = capsys.readouterr()
    assert "| app | new | 1 | 0 | 0 |" in captured.out
    assert "`HEAD` has no app.py: every stack counts as added." in captured.out
    assert "synthesizing the working tree and its base (production)" in captured.err
    assert len(worktrees(root)) == 1


def test_says_that_the_checkout_is_behind_its_base(root, capsys):
    commit(root, {"app.py": QUICK_APP})
    git(root, "checkout", "-q", "-b", "change")
    git(root, "checkout", "-q", "main")
    commit(root, {"README.md": "Later."})
    git(root, "checkout", "-q", "change")
    assert main(["--base", "main"]) == 0
    assert "This checkout lacks 1 of the commits of `main`" in capsys.readouterr().out


@pytest.mark.parametrize("ref", ["no-such-branch", "--help"])
def test_refuses_an_unknown_ref(root, capsys, ref):
    (root / "app.py").write_text(QUICK_APP)
    assert main([f"--base={ref}"]) == 2
    assert f"'{ref}' should name a commit of this repository" in capsys.readouterr().err


def test_refuses_a_working_tree_that_does_not_synthesize(root, capsys):
    (root / "app.py").write_text("raise ValueError('no such environment')")
    assert main(["--base", "HEAD"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.rstrip().endswith("ValueError: no such environment")
    assert "synthesizing the current side failed (exit 1)" in captured.err
    assert len(worktrees(root)) == 1


def test_refuses_to_run_elsewhere(root, capsys):
    assert main(["--base", "HEAD"]) == 2
    assert "run this at the top of the checkout" in capsys.readouterr().err


def test_keeps_one_interpreter_while_both_sides_pin_the_same(tmp_path):
    for side, pins in (("new", "a==1\n# why\nb==2  # b\n-e .\n"), ("old", "a==1\nb==2\n")):
        (tmp_path / side).mkdir()
        (tmp_path / side / "requirements.txt").write_text(pins)
    cache = tmp_path / "cache"
    assert interpreter(tmp_path / "new", tmp_path / "old", cache) == Path(sys.executable)
    assert not cache.exists()


def test_installs_the_pins_of_the_base_once(tmp_path):
    """Without the registry: the base's requirements are pip options and no package."""
    for side, pins in (("new", ""), ("old", "--no-index\n")):
        (tmp_path / side).mkdir()
        (tmp_path / side / "requirements.txt").write_text(pins)
    first, second = (
        interpreter(tmp_path / "new", tmp_path / "old", tmp_path / "cache") for _ in range(2)
    )
    assert first == second
    assert first.parents[2] == tmp_path / "cache"
    assert subprocess.check_output([first, "-c", "print(1)"], text=True) == "1\n"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_removes_the_worktree_when_it_is_interrupted(root, name):
    commit(root, {"app.py": "import time; time.sleep(60)"})
    command = [sys.executable, "-m", "review.template_diff", "--base", "HEAD"]
    checkout = str(Path(__file__).parents[2])
    process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": checkout},
        stderr=subprocess.PIPE,
        text=True,
        # What a shell starts behind itself ignores an interrupt, and so would this child.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    wait_until(lambda: len(worktrees(root)) > 1, "the base's worktree", seconds=120)
    process.send_signal(getattr(signal, name))
    _, error = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in error
    assert len(worktrees(root)) == 1

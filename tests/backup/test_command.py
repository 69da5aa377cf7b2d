"""The command as people and programs run it, and the bucket's tool without network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from doubles.ebs_direct.faults import Fault
from doubles.ebs_direct.http import ServiceError
from doubles.ebs_direct.server import serving
from tests.backup.images import same

COMMAND = Path(sys.executable).parent / "mainstay-backup"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "PATH": os.environ["PATH"],
}


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *map(str, arguments)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def archived(engine, tmp_path):
    """A snapshot, archived by the command, and what it printed."""
    snapshot = engine.snapshot(engine.volume())
    with serving(engine.cloud) as url:
        place = ("--bucket", "archive", "--endpoint-url", url, "--json")
        done = run("archive", "--snapshot", snapshot.id, *place)
        assert done.returncode == 0, done.stderr
        yield snapshot, json.loads(done.stdout), place


def test_the_command_archives_and_restores(archived, tmp_path):
    snapshot, printed, place = archived
    assert printed["counters"]["get_requests"] == len(snapshot.blocks)
    image = tmp_path / "image"
    done = run("restore", "--root", printed["root"], "--to", image, *place)
    assert done.returncode == 0, done.stderr
    assert same(image, snapshot)
    assert json.loads(done.stdout)["blocks"] == 9
    again = run("restore", "--root", printed["root"], "--to", image, *place)
    assert again.returncode == 1
    assert "should be new" in again.stderr


PROGRAM = """#!{python}
import sys
from backports import zstd
assert sys.argv[1:] == ["-dcq"]
sys.stdout.buffer.write(zstd.decompress(sys.stdin.buffer.read()))
"""


def test_the_tool_restores_with_nothing_but_a_bare_python_and_the_zstd_program(
    archived, engine, tmp_path
):
    """No site-packages; the program stands for Debian's, with the one option that is used."""
    snapshot, _, _ = archived
    copied(engine, tmp_path / "copy")
    program = tmp_path / "bin" / "zstd"
    program.parent.mkdir()
    program.write_text(PROGRAM.format(python=sys.executable))
    program.chmod(0o755)
    tool = tmp_path / "copy" / "restore/v1/restore.pyz"
    bare = [sys.executable, "-I", "-S", tool, "restore", "--bucket", tmp_path / "copy"]
    done = subprocess.run(
        ["unshare", "-n", *bare, "--to", tmp_path / "image"],
        env={"PATH": f"{program.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert same(tmp_path / "image", snapshot)


def copied(engine, copy):
    """A plain copy of the bucket."""
    for key in engine.bucket.keys(""):
        (copy / key).parent.mkdir(parents=True, exist_ok=True)
        (copy / key).write_bytes(engine.bucket.current(key).body())


def test_the_tool_in_the_bucket_restores_from_a_copy_without_network(archived, engine, tmp_path):
    snapshot, _, _ = archived
    copy = tmp_path / "copy"
    copied(engine, copy)
    tool = [sys.executable, copy / "restore/v1/restore.pyz", "restore", "--bucket", copy]
    done = subprocess.run(
        ["unshare", "-n", *tool, "--to", tmp_path / "image"],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert same(tmp_path / "image", snapshot)


def test_an_endpoint_without_ec2_is_archived_too(engine, tmp_path):
    snapshot = engine.snapshot(engine.volume())
    gone = ServiceError(404, "NotFound", "no EC2 here")
    engine.cloud.faults.append(Fault(operation="DescribeSnapshots", times=None, error=gone))
    with serving(engine.cloud) as url:
        place = ("--bucket", "archive", "--endpoint-url", url, "--json")
        done = run("archive", "--snapshot", snapshot.id, *place)
        assert done.returncode == 0, done.stderr
        assert run("restore", "--root", "latest", "--to", tmp_path / "i", *place).returncode == 0
    assert same(tmp_path / "i", snapshot)

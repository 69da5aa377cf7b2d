"""The restore tool that the bucket carries: no network, no packages, a plain copy of the bucket."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.backup.images import same


@pytest.fixture
def archived(engine):
    """A snapshot, archived."""
    snapshot = engine.snapshot(engine.volume())
    engine.archive(snapshot)
    return snapshot


PROGRAM = """#!{python}
import sys
try:
    from compression import zstd  # Python 3.14
except ImportError:
    from backports import zstd
assert sys.argv[1:] == ["-dcq"]
sys.stdout.buffer.write(zstd.decompress(sys.stdin.buffer.read()))
"""

# Runs a program of Python that may open no socket; a network namespace would ask for root.
_REFUSED = """
import runpy, sys

def refuse(event, arguments):
    if event.startswith("socket."):
        raise SystemExit(f"the network was asked: {event}")

sys.addaudithook(refuse)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
OFFLINE = [sys.executable, "-I", "-S", "-c", _REFUSED]


def test_a_program_that_asks_the_network_is_noticed(tmp_path):
    (tmp_path / "asks.py").write_text("import socket; socket.socket()")
    done = subprocess.run([*OFFLINE, tmp_path / "asks.py"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "the network was asked: socket.__new__\n")


def test_the_tool_restores_with_nothing_but_a_bare_python_and_the_zstd_program(
    archived, engine, tmp_path
):
    """No site-packages; the program stands for Debian's, with the one option that is used."""
    copied(engine, tmp_path / "copy")
    program = tmp_path / "bin" / "zstd"
    program.parent.mkdir()
    program.write_text(PROGRAM.format(python=sys.executable))
    program.chmod(0o755)
    tool = tmp_path / "copy" / "restore/v1/restore.pyz"
    bare = [*OFFLINE, tool, "restore", "--bucket", tmp_path / "copy"]
    done = subprocess.run(
        [*bare, "--to", tmp_path / "image"],
        env={"PATH": f"{program.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert same(tmp_path / "image", archived)


def copied(engine, copy):
    """A plain copy of the bucket."""
    for key in engine.bucket.keys(""):
        (copy / key).parent.mkdir(parents=True, exist_ok=True)
        (copy / key).write_bytes(engine.bucket.current(key).body())


def test_the_tool_in_the_bucket_restores_from_a_copy_without_network(archived, engine, tmp_path):
    copy = tmp_path / "copy"
    copied(engine, copy)
    tool = [
        sys.executable,
        *OFFLINE[-2:],
        copy / "restore/v1/restore.pyz",
        "restore",
        "--bucket",
        copy,
    ]
    done = subprocess.run(
        [*tool, "--to", tmp_path / "image"],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert same(tmp_path / "image", archived)

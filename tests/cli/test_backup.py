"""`mainstay backup`, as people and programs run it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from cli.backup.restore import need_room
from cli.errors import CommandRefusedError
from doubles.ebs_direct.faults import Fault
from doubles.ebs_direct.http import ServiceError
from doubles.ebs_direct.server import serving
from functions.archive_format.geometry import BLOCK_SIZE
from tests.backup.images import same

COMMAND = [Path(sys.executable).parent / "mainstay", "backup"]
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "PATH": os.environ["PATH"],
}


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def printed(*arguments: object) -> dict:
    """The JSON that a command printed, which ended well."""
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def place(engine):
    """A bucket, as a command names it."""
    with serving(engine.cloud) as url:
        yield ("--bucket", "archive", "--endpoint-url", url)


def test_a_snapshot_is_archived_and_restored_as_an_image(engine, place, tmp_path):
    snapshot = engine.snapshot(engine.volume())
    archived = printed("archive", "--snapshot", snapshot.id, *place)
    assert archived["counters"]["get_requests"] == len(snapshot.blocks)
    image = tmp_path / "image"
    done = run("restore", "--root", archived["root"], "--to", image, *place, "--json")
    assert done.returncode == 0, done.stderr
    assert same(image, snapshot)
    assert json.loads(done.stdout)["blocks"] == 9
    again = run("restore", "--root", archived["root"], "--to", image, *place)
    assert again.returncode == 1
    assert "should be new" in again.stderr


def test_an_archive_is_an_increment_unless_a_full_one_is_asked_for(engine, place):
    volume = engine.volume()
    first = printed("archive", "--snapshot", engine.snapshot(volume).id, *place)
    assert first["base"] is None
    volume.write(5, engine.content())
    second = printed("archive", "--snapshot", engine.snapshot(volume).id, *place)
    assert second["base"] == first["root"]
    assert second["counters"]["get_requests"] == 1
    volume.write(6, engine.content())
    full = engine.snapshot(volume)
    third = printed("archive", "--full", "--snapshot", full.id, *place)
    assert third["base"] is None
    assert third["counters"]["get_requests"] == len(full.blocks)


def test_backups_are_listed_as_a_table_or_as_json(engine, place):
    archived = engine.archive(engine.snapshot(engine.volume())).root
    [found] = printed("list", *place)["roots"]
    assert (found["root"], found["gib"]) == (archived.key, archived.volume_gib)
    done = run("list", *place)
    heads, _, row = done.stdout.splitlines()
    assert heads.split()[0] == "volume"
    assert row.split()[0] == archived.volume_id
    assert row.split()[-1] == archived.key  # on one line, however long, where nobody looks
    assert "\x1b" not in done.stdout + done.stderr


def test_a_restore_names_the_disk_that_it_takes_before_it_starts(engine, place, tmp_path):
    root = engine.archive(engine.snapshot(engine.volume())).root
    done = run("restore", "--to", tmp_path / "image", *place)
    assert done.returncode == 0, done.stderr
    needed = f"{root.counts.data * BLOCK_SIZE / 2**30:.1f} GiB"
    assert f"takes {needed} of disk in {tmp_path.resolve()}, where " in done.stderr


def test_a_restore_without_room_is_refused_before_it_writes(engine, tmp_path, monkeypatch):
    root = engine.archive(engine.snapshot(engine.volume())).root
    needed = root.counts.data * BLOCK_SIZE
    usage = SimpleNamespace(free=needed - 1)
    monkeypatch.setattr("cli.backup.restore.shutil.disk_usage", lambda _: usage)
    with pytest.raises(CommandRefusedError, match="name another folder with --to"):
        need_room(root, tmp_path / "image")
    # What an interrupted restore has written is room of its own.
    (tmp_path / "image.partial").write_bytes(b"1" * BLOCK_SIZE)
    need_room(root, tmp_path / "image")


def test_an_interrupted_restore_says_so_and_goes_on(engine, place, tmp_path):
    """A real Ctrl-C, while the bucket answers slowly."""
    snapshot = engine.snapshot(engine.volume())
    engine.archive(snapshot)
    pause = lambda: time.sleep(0.4)  # noqa: E731
    slow = Fault(operation="GetObject", times=None, skip=4, before=pause)
    engine.cloud.faults.append(slow)
    command = [*COMMAND, "restore", "--to", tmp_path / "image", *place, "--json"]
    process = subprocess.Popen(
        list(map(str, command)),
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # A shell's background job, which the suite may be, begins with Ctrl-C ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    end = time.monotonic() + 60
    while not (tmp_path / "image.progress.json").exists():
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert error.splitlines()[-1] == "error: interrupted: the same command goes on"
    assert not (tmp_path / "image").exists()
    engine.cloud.faults.clear()
    restored = printed("restore", "--to", tmp_path / "image", *place)
    assert restored["segments_before"] > 0
    assert same(tmp_path / "image", snapshot)


def test_an_endpoint_without_ec2_is_archived_too(engine, place, tmp_path):
    snapshot = engine.snapshot(engine.volume())
    gone = ServiceError(404, "NotFound", "no EC2 here")
    engine.cloud.faults.append(Fault(operation="DescribeSnapshots", times=None, error=gone))
    printed("archive", "--snapshot", snapshot.id, *place)
    printed("restore", "--root", "latest", "--to", tmp_path / "i", *place)
    assert same(tmp_path / "i", snapshot)


def test_a_copy_is_pruned_behind_its_original(engine, place):
    engine.cloud.s3.create("copy")
    root = engine.archive(engine.snapshot(engine.volume())).root
    engine.cloud.s3.replicate("archive", "copy")
    _, _, *endpoint = place
    asked = ("prune", "--bucket", "copy", "--copy-of", "archive", *endpoint)
    found = printed(*asked, "--copy-of-region", "us-west-2")
    assert found["newest_good"] == {root.volume_id: root.key}
    assert found["kept_in_original"] == len(engine.cloud.s3.buckets["copy"].keys("")) - _notes(
        engine
    )
    refused = run("prune", "--bucket", "copy", *endpoint, "--copy-of-region", "us-west-2")
    assert refused.returncode == 2
    assert "--copy-of-region needs --copy-of" in refused.stderr


def _notes(engine) -> int:
    """Return the number of a copy's files that no sweep looks at."""
    swept = ("manifests/", "packs/", "segments/")
    return sum(not key.startswith(swept) for key in engine.cloud.s3.buckets["copy"].keys(""))

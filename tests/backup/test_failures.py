"""Everything that is known to go wrong with a backup, row by row, and the test that shows it.

The rows are those of docs/backup.md, "What goes wrong": a row there without a test here fails, and
so does a test here that is gone.
"""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from doubles.ebs_direct.faults import Fault, Quota
from doubles.ebs_direct.http import ServiceError
from doubles.ebs_direct.server import serving
from doubles.ebs_direct.volumes import BLOCK_SIZE, BlockVolume
from functions.archive_format.geometry import ArchiveError
from functions.archive_format.image import restore_image
from functions.archive_format.reader import load_root
from functions.block_archive.archive import Options, archive
from functions.block_archive.attempts import Attempts
from functions.block_archive.pace import Pace
from functions.block_archive.reliable import ReliableBlocks
from tests.backup.images import same

DOCS = Path(__file__).parents[2] / "docs" / "backup.md"


def gets(engine, index):
    return sum(
        name == "GetSnapshotBlock" and path.endswith(f"/blocks/{index}")
        for name, path in engine.cloud.log
    )


def restored_is(engine, root, snapshot, tmp_path):
    restore_image(engine.store(), root, tmp_path / "image", overwrite=True)
    return same(tmp_path / "image", snapshot)


# ------------------------------------------------------------------------------- the source


def test_a_page_s_token_that_expires_is_listed_anew(engine):
    """Half of the listing is done when an hour passes."""
    engine.cloud.ebs.page_cap = 2

    def an_hour():
        engine.cloud.offset += timedelta(minutes=61)

    engine.cloud.faults.append(Fault(operation="ListSnapshotBlocks", skip=1, before=an_hour))
    assert engine.archive(engine.snapshot(engine.volume())).root.counts.data == 9


def test_a_block_s_token_that_expires_is_listed_anew(engine, tmp_path):
    def a_week():
        engine.cloud.offset += timedelta(days=7, minutes=1)

    snapshot = engine.snapshot(engine.volume())
    engine.cloud.faults.append(
        Fault(operation="GetSnapshotBlock", target="/blocks/5", before=a_week)
    )
    assert restored_is(engine, engine.archive(snapshot, workers=1).root, snapshot, tmp_path)


@pytest.mark.parametrize("code", ["RequestThrottledException", "ThrottlingException"])
def test_throttling_costs_no_attempt(engine, tmp_path, code):
    snapshot = engine.snapshot(engine.volume())
    slow = ServiceError(400, code, "slow")
    engine.cloud.faults.append(Fault(operation="GetSnapshotBlock", times=12, error=slow))
    assert restored_is(engine, engine.archive(snapshot, workers=1).root, snapshot, tmp_path)


def test_throttling_without_end_fails_in_its_time(engine):
    slow = ServiceError(400, "ThrottlingException", "slow")
    engine.cloud.faults.append(Fault(operation="GetSnapshotBlock", times=None, error=slow))
    blocks, store = engine.parts()
    impatient = Attempts(sleep=lambda _: None, throttled_seconds=0.2)
    blocks = ReliableBlocks(engine.transported()[0], impatient, Pace(10_000), store.counters)
    snapshot = blocks.describe(engine.snapshot(engine.volume()).id)
    with pytest.raises(ArchiveError, match="throttled for"):
        archive(blocks, store, snapshot, options=Options(workers=1))


@pytest.mark.parametrize("state", ["deleted", "archived"])
@pytest.mark.parametrize("after", [0, 3])
def test_a_snapshot_that_goes_in_mid_run_is_named(engine, state, after):
    snapshot = engine.snapshot(engine.volume())

    def gone():
        if state == "deleted":
            engine.cloud.ebs.snapshots.pop(snapshot.id, None)
        else:
            snapshot.tier = "archive"

    engine.cloud.faults.append(Fault(operation="GetSnapshotBlock", skip=after, before=gone))
    with pytest.raises(ArchiveError, match=snapshot.id):
        engine.archive(snapshot, workers=1)
    assert engine.cloud.calls["GetSnapshotBlock"] <= after + 6
    assert not engine.bucket.keys("manifests/")


@pytest.mark.parametrize("status", ["pending", "error"])
def test_a_snapshot_that_is_not_completed_is_refused(engine, status):
    snapshot = engine.snapshot(engine.volume())
    snapshot.status = status
    with pytest.raises(ArchiveError, match="'snapshot' should be completed"):
        engine.archive(snapshot)


def test_an_unrelated_base_still_stores_only_what_is_new(engine, tmp_path):
    volume = engine.volume()
    first = engine.archive(engine.snapshot(volume)).root
    other = BlockVolume(9)
    for index, block in volume.blocks.items():
        other.write(index, block.data())
    other.write(77, engine.content())
    snapshot = engine.snapshot(other)
    root = engine.archive(snapshot, first).root
    assert root.counts.new == 1
    assert restored_is(engine, root, snapshot, tmp_path)


def test_a_larger_base_is_refused(engine):
    first = engine.archive(engine.snapshot(BlockVolume(3))).root
    with pytest.raises(ArchiveError, match="'base' should be of a volume of at most 1 GiB"):
        engine.archive(engine.snapshot(BlockVolume(1)), first)


def test_discarded_blocks_are_absent_after_an_increment(engine, tmp_path):
    volume = engine.volume()
    first = engine.archive(engine.snapshot(volume)).root
    for index in (0, 5, 7):
        volume.discard(index)
    snapshot = engine.snapshot(volume)
    root = engine.archive(snapshot, first).root
    assert (root.counts.data, root.counts.zero) == (7, 0)
    assert restored_is(engine, root, snapshot, tmp_path)


def test_the_smallest_and_the_largest_volume(engine, tmp_path):
    small, large = BlockVolume(1), BlockVolume(65_536)
    for volume in (small, large):
        volume.write(volume.slots - 1, engine.content())
    snapshot = engine.snapshot(small)
    assert restored_is(engine, engine.archive(snapshot).root, snapshot, tmp_path)
    blocks, store = engine.parts()
    from functions.block_archive.archive import plan

    job = plan(
        store,
        blocks.describe(engine.snapshot(large).id),
        base=None,
        options=Options(),
        now=engine.cloud.now(),
    )
    assert len(job.items) == 16_384
    assert job.segments_of(16_383) == range(32_766, 32_768)
    from functions.block_archive.listing import changes

    listed, _ = changes(blocks, job, job.segments_of(16_383))
    assert [block.index for block in listed] == [large.slots - 1]


def test_a_key_that_may_not_be_used_fails_at_once(engine):
    """An encrypted source without kms:Decrypt."""
    denied = ServiceError(403, "AccessDeniedException", "kms:Decrypt")
    engine.cloud.faults.append(Fault(operation="GetSnapshotBlock", times=None, error=denied))
    with pytest.raises(ArchiveError, match=r"block \d+ of snap-.*kms:Decrypt"):
        engine.archive(engine.snapshot(engine.volume()), workers=4)
    assert engine.cloud.calls["GetSnapshotBlock"] <= 8  # what was under way already


@pytest.mark.parametrize("code", ["ExpiredTokenException", "RequestTimeTooSkewed"])
def test_credentials_or_a_clock_that_fail_for_a_while_are_signed_anew(engine, tmp_path, code):
    snapshot = engine.snapshot(engine.volume())
    engine.cloud.faults.append(
        Fault(operation="GetSnapshotBlock", times=3, error=ServiceError(403, code, "again"))
    )
    assert restored_is(engine, engine.archive(snapshot, workers=1).root, snapshot, tmp_path)


# ------------------------------------------------------------------------------ the sink


def test_another_object_of_the_same_name_is_noticed(engine):
    """A pack's name is taken by bytes of another length, which S3 answers with 412."""
    snapshot = engine.snapshot(engine.volume())
    engine.archive(snapshot)
    key = engine.bucket.keys("packs/")[0]
    version = engine.bucket.current(key)
    version.content, version.size = b"x", 1
    for root in engine.bucket.keys("manifests/") + engine.bucket.keys("jobs/"):
        del engine.bucket.objects[root]
    with pytest.raises(ArchiveError, match=f"{key} has 1 bytes where"):
        engine.archive(snapshot)


def test_a_lock_that_is_too_short_is_extended(engine):
    snapshot = engine.snapshot(engine.volume())
    engine.archive(snapshot)
    for root in engine.bucket.keys("manifests/") + engine.bucket.keys("jobs/"):
        del engine.bucket.objects[root]
    for key in engine.bucket.keys("packs/"):
        engine.bucket.current(key).retain_until = engine.cloud.now() + timedelta(days=1)
    root = engine.archive(snapshot).root
    for key in engine.bucket.keys("packs/"):
        assert engine.bucket.current(key).retain_until.isoformat() >= root.retain_until


def test_a_bucket_without_object_lock_takes_an_archive_without_locks(engine, tmp_path):
    engine.bucket.object_lock = False
    snapshot = engine.snapshot(engine.volume())
    root = engine.archive(snapshot).root
    assert root.locked_until is None
    assert restored_is(engine, root, snapshot, tmp_path)


def test_a_file_that_is_not_yet_replicated_is_named(engine, tmp_path):
    """A restore from a second Region's bucket, where a pack has not arrived."""
    root = engine.archive(engine.snapshot(engine.volume())).root
    late = engine.bucket.objects.pop(engine.bucket.keys("packs/")[1])
    with pytest.raises(ArchiveError, match="packs/.* is missing"):
        restore_image(engine.store(), root, tmp_path / "image")
    engine.bucket.objects[engine.bucket.keys("packs/")[0]] = late


# ------------------------------------------------------------------------------ the process


def test_two_runs_for_one_snapshot_at_once_are_one_archive(engine, tmp_path):
    """The second one begins and ends while the first one writes its first pack."""
    snapshot, other = engine.snapshot(engine.volume()), []

    def twin():
        other.append(None)
        engine.cloud._lock.release()  # the call that is held up must not hold the twin up
        try:
            other[0] = engine.archive(snapshot, workers=1).root
        finally:
            engine.cloud._lock.acquire()

    engine.cloud.faults.append(Fault(operation="PutObject", target="", skip=6, before=twin))
    root = engine.archive(snapshot, workers=1).root
    assert other[0] is not None
    assert root.segments == other[0].segments
    assert len(engine.bucket.keys("manifests/")) == 1
    assert restored_is(engine, root, snapshot, tmp_path)


def test_a_disk_that_is_full_is_said_with_the_block(engine, tmp_path, monkeypatch):
    root = engine.archive(engine.snapshot(engine.volume())).root

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("functions.archive_format.target.os.pwrite", full)
    with pytest.raises(ArchiveError, match=r"block \d+ was not written: .*: No space left"):
        restore_image(engine.store(), root, tmp_path / "image")
    assert not (tmp_path / "image").exists()


def test_what_is_neither_a_file_nor_a_disk_is_no_target(engine):
    root = engine.archive(engine.snapshot(engine.volume())).root
    with pytest.raises(ArchiveError, match="'to' should be a file or a block device"):
        restore_image(engine.store(), root, Path("/dev/null"), overwrite=True)


# ------------------------------------------------------------------------------ the restore


def test_a_segment_of_another_volume_is_refused(engine, tmp_path):
    root = engine.archive(engine.snapshot(engine.volume())).root
    names = [name for name in root.segments if name]
    stored = {name: engine.bucket.current(f"segments/{name[:2]}/{name}") for name in names}
    stored[names[0]].content = stored[names[1]].body()
    with pytest.raises(ArchiveError, match="segments/.* is damaged"):
        restore_image(engine.store(), root, tmp_path / "image")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"volume_gib": 9', b'"volume_gib": 8', "was changed after it was written"),
        (b'"format": 1', b'"format": 7', "has format 7; this tool reads 1"),
        (b'"root_sha256"', b'"other_name"', "is no root"),
    ],
)
def test_an_edited_or_foreign_root_is_refused(engine, old, new, message):
    root = engine.archive(engine.snapshot(engine.volume())).root
    version = engine.bucket.current(root.key)
    assert old in version.body()
    version.content = version.body().replace(old, new)
    with pytest.raises(ArchiveError, match=message):
        load_root(engine.store(), root.key)


def test_a_target_that_exists_or_has_no_folder_is_left_alone(engine, tmp_path):
    root = engine.archive(engine.snapshot(engine.volume())).root
    (tmp_path / "image").write_bytes(b"precious")
    with pytest.raises(ArchiveError, match="'to' should be new"):
        restore_image(engine.store(), root, tmp_path / "image")
    assert (tmp_path / "image").read_bytes() == b"precious"
    with pytest.raises(ArchiveError, match="'to' should be in a folder that exists"):
        restore_image(engine.store(), root, tmp_path / "none" / "image")


def test_an_interrupted_restore_goes_on_where_it_stopped(engine, tmp_path):
    snapshot = engine.snapshot(engine.volume())
    root = engine.archive(snapshot).root
    lost = ServiceError(403, "AccessDenied", "not now")
    engine.cloud.faults.append(Fault(operation="GetObject", target="", skip=5, error=lost))
    with pytest.raises(ArchiveError, match="AccessDenied"):
        restore_image(engine.store(), root, tmp_path / "image", workers=1)
    assert not (tmp_path / "image").exists()
    restored = restore_image(engine.store(), root, tmp_path / "image", workers=1)
    assert restored.segments_before > 0
    assert same(tmp_path / "image", snapshot)


# --------------------------------------------------------------------- a command that fails

COMMAND = [Path(sys.executable).parent / "mainstay", "backup"]


@pytest.mark.parametrize("transport", ["botocore", "lean"])
def test_the_quota_is_used_without_being_exceeded(engine, transport):
    """A quota of 200 blocks a second, with a few blocks: the whole figure is the benchmark's."""
    quota = engine.cloud.quotas["GetSnapshotBlock"] = Quota(200, time.monotonic, burst=5)
    volume = BlockVolume(1)
    for index in range(60):
        volume.write(index, bytes([index]) * BLOCK_SIZE)
    store = engine.store()
    blocks = ReliableBlocks(engine.transported()[0], Attempts(), Pace(400), store.counters)
    snapshot = blocks.describe(engine.snapshot(volume).id)
    archive(blocks, store, snapshot, options=Options(workers=8))
    assert quota.taken == 60
    assert quota.throttled < quota.taken  # unpaced, each is refused many times


def test_no_failure_of_the_command_is_a_traceback(engine, tmp_path):
    """One line on standard error, and the exit code that the help names."""
    snapshot = engine.snapshot(engine.volume())
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    nowhere = {name: value for name, value in environment.items() if "REGION" not in name}
    nobody = {name: value for name, value in environment.items() if "KEY" not in name}
    nobody |= {"AWS_EC2_METADATA_DISABLED": "true", "HOME": str(tmp_path)}
    with serving(engine.cloud) as url:
        place = ["--bucket", "archive", "--endpoint-url", url]
        to = ["--to", str(tmp_path / "image")]
        cases = [
            (["archive", "--snapshot", "snap-0", *place], environment, 1, "snap-0"),
            (
                ["archive", "--snapshot", snapshot.id, *place, "--limit", "0"],
                environment,
                1,
                "--yes",
            ),
            (["restore", "--root", "latest", *to, *place], environment, 1, "'root' should be"),
            (["restore", "--root", "latest", *place], environment, 2, "--to"),
            (["list", "--bucket", "none", "--endpoint-url", url], environment, 1, "NoSuchBucket"),
            (["list", *place], nowhere | {"HOME": str(tmp_path)}, 1, "region"),
            (["list", *place], nobody, 1, "credentials are missing"),
            (
                ["list", "--bucket", "archive", "--endpoint-url", "nonsense"],
                environment,
                1,
                "nonsense",
            ),
            (["prune", "--keep-last", "0", *place], environment, 2, "'--keep-last'"),
        ]
        running = [
            subprocess.Popen(
                [*COMMAND, *arguments],
                env=env,
                stderr=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for arguments, env, _, _ in cases
        ]
        for process, (arguments, _, code, message) in zip(running, cases, strict=True):
            _, error = process.communicate(timeout=120)
            assert process.returncode == code, (arguments, error)
            assert message in error, (arguments, error)
            assert "Traceback" not in error, arguments


# --------------------------------------------------------------------------------- the table

ROWS = re.compile(r"^\| (?P<name>[^|]+?) \| [^|]+ \| `(?P<file>\w+)::(?P<test>\w+)` \|$", re.M)


def rows():
    text = DOCS.read_text().partition("## What goes wrong")[2]
    return [match.groupdict() for match in ROWS.finditer(text)]


def test_every_row_of_what_goes_wrong_names_a_test_that_is_there():
    found = rows()
    assert len(found) >= 60
    assert len({row["name"] for row in found}) == len(found)
    folder = Path(__file__).parent
    for row in found:
        text = (folder / f"{row['file']}.py").read_text()
        assert f"def {row['test']}(" in text, row


def test_every_test_of_this_page_stands_in_a_row():
    named = {row["test"] for row in rows() if row["file"] == "test_failures"}
    here = set(re.findall(r"^def (test_\w+)\(", Path(__file__).read_text(), re.M))
    assert here - named == {
        "test_every_row_of_what_goes_wrong_names_a_test_that_is_there",
        "test_every_test_of_this_page_stands_in_a_row",
    }

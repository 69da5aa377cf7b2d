"""A snapshot goes into the bucket and comes back: whole, incrementally, interrupted anywhere."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest

from doubles.ebs_direct.cloud import Killed
from doubles.ebs_direct.faults import Fault
from doubles.ebs_direct.http import ServiceError
from functions.archive_format import zstd
from functions.archive_format.geometry import BLOCK_SIZE, ArchiveError
from functions.archive_format.image import restore_image
from functions.archive_format.levels import verify
from functions.archive_format.reader import decode
from tests.backup.images import same


def test_a_restored_image_is_the_volume(engine, tmp_path):
    snapshot = engine.snapshot(engine.volume())
    root = engine.archive(snapshot).root
    restore_image(engine.store(), root, tmp_path / "image")
    assert same(tmp_path / "image", snapshot)
    assert (root.counts.zero, root.counts.data, root.counts.new) == (1, 9, 8)


def test_an_increment_fetches_the_changed_blocks_and_stores_the_new_ones(engine, tmp_path):
    volume = engine.volume()
    first = engine.archive(engine.snapshot(volume)).root
    volume.write(5, engine.content())
    volume.write(4096, volume.blocks[4096].data())  # written again with the same bytes
    volume.discard(9000)
    volume.grow(11)
    volume.write(21_000, engine.content())
    second = engine.snapshot(volume)
    engine.cloud.forget()
    root = engine.archive(second, first).root
    got = [path for name, path in engine.cloud.log if name == "GetSnapshotBlock"]
    assert sorted(int(path.rsplit("/", 1)[1]) for path in got) == [5, 4096, 21_000]
    assert root.counts.new == 2
    restore_image(engine.store(), root, tmp_path / "image")
    assert same(tmp_path / "image", second)


def test_a_second_run_fetches_and_writes_nothing(engine):
    snapshot = engine.snapshot(engine.volume())
    engine.archive(snapshot)
    engine.cloud.forget()
    assert engine.archive(snapshot).already
    assert engine.cloud.calls == Counter(DescribeSnapshots=1, GetObject=1)


def test_a_base_whose_snapshot_is_gone_still_stores_only_what_is_new(engine):
    volume = engine.volume()
    old = engine.snapshot(volume)
    first = engine.archive(old).root
    del engine.cloud.ebs.snapshots[old.id]
    volume.write(5, engine.content())
    assert engine.archive(engine.snapshot(volume), first).root.counts.new == 1


def test_the_same_snapshot_makes_the_same_files_however_many_threads(new_engine):
    names = []
    for workers in (1, 8):
        engine = new_engine()
        engine.archive(engine.snapshot(engine.volume()), workers=workers)
        names.append(engine.bucket.keys("packs/") + engine.bucket.keys("segments/"))
    assert names[0] == names[1]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_every_call_and_resumed_the_restore_is_identical(new_engine, tmp_path, after):
    """`after`: the call is done and its answer lost."""
    number = 0
    while True:
        number += 1
        engine = new_engine()
        snapshot = engine.snapshot(engine.volume())
        engine.cloud.kill_at, engine.cloud.kill_after = number, after
        try:
            engine.archive(snapshot, workers=1)
        except Killed:
            pass
        else:
            break
        before = engine.cloud.calls["GetSnapshotBlock"]
        engine.cloud.forget()
        root = engine.archive(snapshot, workers=1).root
        # Ten blocks in three items, of which the largest has six.
        assert before + engine.cloud.calls["GetSnapshotBlock"] <= 10 + 6
        image = tmp_path / f"image-{number}"
        restore_image(engine.store(), root, image)
        assert same(image, snapshot), f"killed at call {number}"
        image.unlink()
        _every_lock_outlasts(engine, root)
    assert number > 25


def _every_lock_outlasts(engine, root):
    for key in engine.bucket.keys("packs/") + engine.bucket.keys("segments/") + [root.key]:
        assert engine.bucket.current(key).retain_until.isoformat() >= root.retain_until


FAULTS = {
    "wrong bytes": {"damage": "flip"},
    "short": {"damage": "short"},
    "length": {"damage": "length"},
    "error": {"error": ServiceError(500, "InternalServerException", "sorry")},
    "reset": {"reset": True},
    "silence": {"stall": True},
    "throttled": {"error": ServiceError(400, "RequestThrottledException", "slow")},
    "clock": {"error": ServiceError(403, "RequestTimeTooSkewed", "clock")},
    "token": {"error": ServiceError(400, "ValidationException", "t", "INVALID_BLOCK_TOKEN")},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_leaves_an_identical_archive(engine, tmp_path, fault):
    snapshot = engine.snapshot(engine.volume())
    engine.cloud.faults.append(
        Fault(operation="GetSnapshotBlock", target="/blocks/4096", **FAULTS[fault])
    )
    root = engine.archive(snapshot).root
    restore_image(engine.store(), root, tmp_path / "image")
    assert same(tmp_path / "image", snapshot)
    assert engine.cloud.faults[0].times < 1


@pytest.mark.parametrize("fault", ["wrong bytes", "short", "length", "error", "reset", "silence"])
def test_a_dead_block_is_named_after_five_requests(engine, fault):
    snapshot = engine.snapshot(engine.volume())
    engine.cloud.faults.append(
        Fault(operation="GetSnapshotBlock", target="/blocks/4096", times=None, **FAULTS[fault])
    )
    with pytest.raises(ArchiveError, match="block 4096 of snap-"):
        engine.archive(snapshot)
    asked = [path for name, path in engine.cloud.log if path.endswith("/blocks/4096")]
    assert len(asked) == 5
    assert not engine.bucket.keys("manifests/")


def test_a_denied_block_fails_at_once(engine):
    denied = ServiceError(403, "AccessDeniedException", "kms:Decrypt")
    engine.cloud.faults.append(
        Fault(operation="GetSnapshotBlock", target="/blocks/4096", times=None, error=denied)
    )
    with pytest.raises(ArchiveError, match="block 4096"):
        engine.archive(engine.snapshot(engine.volume()))
    assert sum(path.endswith("/blocks/4096") for _, path in engine.cloud.log) == 1


def test_short_and_empty_pages_lose_no_block(engine):
    engine.cloud.ebs.page_cap, engine.cloud.ebs.empty_pages = 1, True
    assert engine.archive(engine.snapshot(engine.volume())).root.counts.data == 9


@pytest.mark.parametrize("fault", ["lost answer", "slow down", "conflict", "bad digest"])
def test_the_bucket_may_fail_once(engine, fault):
    faults = {
        "lost answer": {"lose_answer": True},
        "slow down": {"error": ServiceError(503, "SlowDown", "reduce your request rate")},
        "conflict": {"error": ServiceError(409, "ConditionalRequestConflict", "at once")},
        "bad digest": {"error": ServiceError(400, "BadDigest", "differs")},
    }
    for skip in range(3):
        engine.cloud.faults.append(
            Fault(operation="PutObject", target="", skip=skip * 4, **faults[fault])
        )
    root = engine.archive(engine.snapshot(engine.volume())).root
    assert verify(engine.store(), root, 2)["blocks"] == 9


@pytest.mark.parametrize("kind", ["packs/", "segments/", "manifests/"])
@pytest.mark.parametrize("damage", ["flipped", "truncated", "missing", "swapped"])
def test_a_damaged_archive_is_refused_before_the_image_has_its_name(engine, tmp_path, kind, damage):
    root = engine.archive(engine.snapshot(engine.volume())).root
    keys = engine.bucket.keys(kind)
    version = engine.bucket.current(keys[0])
    body = version.body()
    if damage == "missing":
        del engine.bucket.objects[keys[0]]
    elif damage == "swapped":
        version.content = engine.bucket.current(engine.bucket.keys("packs/")[-1]).body()
    elif damage == "truncated":
        version.content = body[: len(body) // 2]
    else:
        version.content = body[:100] + bytes([body[100] ^ 1]) + body[101:]
    from functions.archive_format.reader import load_root

    with pytest.raises(ArchiveError):
        restore_image(engine.store(), load_root(engine.store(), root.key), tmp_path / "image")
    assert not (tmp_path / "image").exists()


def test_a_whole_frame_of_another_block_is_refused(engine):
    """zstd's own checksum is right; only the block's SHA-256 tells."""
    frame = zstd.compress(engine.content(), 1)
    digest = hashlib.sha256(engine.content()).digest()
    with pytest.raises(ArchiveError, match="block 77 is damaged: it is not the one"):
        decode(frame, digest, 77, memoryview(bytearray(BLOCK_SIZE)))

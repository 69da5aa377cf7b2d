"""An archive becomes a new snapshot that EBS has checked: zeros written, absent blocks absent."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest

from doubles.ebs_direct.cloud import Killed
from doubles.ebs_direct.faults import Fault
from doubles.ebs_direct.http import ServiceError
from doubles.ebs_direct.volumes import BLOCK_SIZE
from functions.archive_format.geometry import ArchiveError
from functions.block_archive.to_snapshot import Into, restore_snapshot


@pytest.fixture(params=["botocore", "lean"])
def transport(request):
    return request.param


def restored(engine, root, into=None, **more):
    blocks, store = engine.parts()
    return restore_snapshot(blocks, store, root, into or Into(), sleep=lambda _: None, **more)


def archived(engine):
    snapshot = engine.snapshot(engine.volume())
    root = engine.archive(snapshot).root
    engine.cloud.forget()
    return snapshot, root


def same(engine, result, snapshot):
    made = engine.cloud.ebs.snapshots[result.snapshot_id]
    return made.status == "completed" and made.contents() == snapshot.contents()


def test_the_new_snapshot_holds_what_the_old_one_held(new_engine, transport):
    engine = new_engine(transport)
    snapshot, root = archived(engine)
    result = restored(engine, root)
    assert result.state == "completed"
    assert same(engine, result, snapshot)
    assert engine.cloud.calls["PutSnapshotBlock"] == 10  # nine of data and one of zeros, explicitly
    zeros = engine.cloud.ebs.snapshots[result.snapshot_id].blocks[7]
    assert zeros.digest == hashlib.sha256(bytes(BLOCK_SIZE)).digest()


def test_the_same_restore_again_finds_it_and_another_number_makes_another(engine):
    snapshot, root = archived(engine)
    first = restored(engine, root)
    engine.cloud.forget()
    assert restored(engine, root).snapshot_id == first.snapshot_id
    assert not engine.cloud.calls["PutSnapshotBlock"]
    other = restored(engine, root, Into(number=2))
    assert other.snapshot_id != first.snapshot_id
    assert same(engine, other, snapshot)


def test_an_encrypted_target_has_its_key(engine):
    _, root = archived(engine)
    result = restored(engine, root, Into(kms_key="arn:aws:kms:us-east-1:111122223333:key/1"))
    made = engine.cloud.ebs.snapshots[result.snapshot_id]
    assert (made.encrypted, made.kms_key) == (True, "arn:aws:kms:us-east-1:111122223333:key/1")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_every_call_and_begun_again_it_is_the_same_snapshot(engine, tmp_path, after):
    snapshot, root = archived(engine)
    number = 0
    while True:
        number += 1
        engine.cloud.forget()
        into = Into(number=number, note=tmp_path / "note.json")
        engine.cloud.kill_at, engine.cloud.kill_after = number, after
        try:
            restored(engine, root, into, workers=1)
        except Killed:
            pass
        else:
            break
        before = engine.cloud.calls["PutSnapshotBlock"]
        engine.cloud.forget()
        result = restored(engine, root, into, workers=1)
        assert same(engine, result, snapshot), f"killed at call {number}"
        # Ten blocks in four segments, of which the largest has five.
        assert before + engine.cloud.calls["PutSnapshotBlock"] <= 10 + 5
        assert len(engine.cloud.ebs.snapshots) == 1 + number
        assert not list(tmp_path.iterdir())
    assert number > 15


def test_a_snapshot_that_is_not_yet_seen_is_waited_for(engine):
    snapshot, root = archived(engine)
    hidden = ServiceError(404, "ResourceNotFoundException", "does not exist", "SNAPSHOT_NOT_FOUND")
    engine.cloud.faults.append(Fault(operation="PutSnapshotBlock", times=30, error=hidden))
    assert same(engine, restored(engine, root), snapshot)


def test_a_snapshot_that_is_never_seen_is_given_up_by_its_block(engine):
    _, root = archived(engine)
    hidden = ServiceError(404, "ResourceNotFoundException", "does not exist", "SNAPSHOT_NOT_FOUND")
    engine.cloud.faults.append(Fault(operation="PutSnapshotBlock", times=None, error=hidden))
    with pytest.raises(ArchiveError, match="block 0 into snap-"):
        restored(engine, root, workers=1)
    assert engine.cloud.calls["PutSnapshotBlock"] <= 70


def test_after_ebs_gave_an_idle_snapshot_up_a_new_one_is_begun(engine):
    snapshot, root = archived(engine)
    engine.cloud.kill_at = 8
    with pytest.raises(Killed):
        restored(engine, root, workers=1)
    engine.cloud.forget()
    begun = next(one for one in engine.cloud.ebs.snapshots.values() if one.status == "pending")
    engine.cloud.offset += timedelta(minutes=4321)
    with pytest.raises(ArchiveError, match="block 0 into snap-"):
        restored(engine, root, workers=1)
    result = restored(engine, root)
    assert result.snapshot_id != begun.id
    assert same(engine, result, snapshot)


def test_a_token_of_other_parameters_is_refused(engine):
    _, root = archived(engine)
    into = Into()
    blocks, _ = engine.parts()
    blocks.start(
        volume_gib=1, client_token=into.token(root, 0), description="another's", kms_key=None
    )
    with pytest.raises(ArchiveError, match="ConflictException"):
        restored(engine, root)


@pytest.mark.parametrize("wrong", ["count", "checksum"])
def test_what_ebs_counts_or_sums_otherwise_is_refused(engine, wrong):
    _, root = archived(engine)
    blocks, _ = engine.parts()
    result = restored(engine, root)
    made = engine.cloud.ebs.snapshots[result.snapshot_id]
    made.status = "pending"
    with pytest.raises(ArchiveError, match="CompleteSnapshot"):
        blocks.complete(made.id, 11 if wrong == "count" else 10, "A" * 43 + "=")


def test_the_answer_to_the_last_call_may_be_lost(engine):
    snapshot, root = archived(engine)
    engine.cloud.faults.append(Fault(operation="CompleteSnapshot", lose_answer=True))
    assert same(engine, restored(engine, root), snapshot)


@pytest.mark.parametrize("fault", ["throttled", "error", "reset", "unread"])
def test_a_fault_that_passes_leaves_the_same_snapshot(new_engine, transport, fault):
    engine = new_engine(transport)
    snapshot, root = archived(engine)
    faults = {
        "throttled": {"error": ServiceError(400, "RequestThrottledException", "slow")},
        "error": {"error": ServiceError(500, "InternalServerException", "sorry")},
        "reset": {"lose_answer": True},
        "unread": {"error": ServiceError(400, "ValidationException", "Failed to read block data")},
    }
    engine.cloud.faults.append(Fault(operation="PutSnapshotBlock", times=3, **faults[fault]))
    assert same(engine, restored(engine, root), snapshot)


def test_a_block_that_is_never_taken_is_named_after_five_requests(engine):
    _, root = archived(engine)
    error = ServiceError(500, "InternalServerException", "sorry")
    engine.cloud.faults.append(
        Fault(operation="PutSnapshotBlock", target="/blocks/5", times=None, error=error)
    )
    with pytest.raises(ArchiveError, match="block 5 into snap-"):
        restored(engine, root)
    assert sum(path.endswith("/blocks/5") for _, path in engine.cloud.log) == 5

"""A job's cost is printed before it begins, and has a limit."""

from __future__ import annotations

import pytest

from cli.backup.prices import OverLimitError, approve_archive, approve_snapshot
from doubles.ebs_direct.volumes import BlockVolume
from functions.block_archive.archive import Options, plan
from functions.block_archive.estimate import counted, estimate

PACE = 800.0  # blocks per second


def job_of(engine, volume, base=None):
    blocks, store = engine.parts()
    snapshot = blocks.describe(engine.snapshot(volume).id)
    return blocks, plan(store, snapshot, base=base, options=Options(), now=engine.cloud.now())


def test_16_tib_cost_what_ebs_says(engine):
    _, job = job_of(engine, BlockVolume(16_384))
    found = estimate(job, blocks_per_second=1000)
    assert found.blocks == 33_554_432
    assert found.requests["get_requests"] * 3e-6 == pytest.approx(100.66, abs=0.01)
    assert 100.66 < found.dollars < 110
    assert found.seconds_at_least == pytest.approx(9.32 * 3600, rel=0.01)
    assert "at most 33554432 blocks" in str(found)


def test_a_large_volume_with_little_in_it_is_counted_and_not_refused(engine):
    volume = engine.volume()
    volume.grow(4096)
    blocks, job = job_of(engine, volume)
    assert estimate(job, blocks_per_second=800).dollars > 10
    engine.cloud.forget()
    approve_archive(blocks, job, blocks_per_second=PACE, limit=10.0, yes=False)
    assert engine.cloud.calls == {"ListSnapshotBlocks": 1024}


def test_an_increment_is_counted_by_what_changed(engine):
    volume = engine.volume()
    root = engine.archive(engine.snapshot(volume)).root
    volume.write(5, engine.content())
    volume.discard(9000)
    blocks, job = job_of(engine, volume, root.key)
    assert counted(blocks, job) == 1


def test_what_is_dearer_than_the_limit_needs_a_yes(engine, capsys):
    blocks, job = job_of(engine, engine.volume())
    with pytest.raises(OverLimitError, match=r"the limit is \$0.00: pass --yes"):
        approve_archive(blocks, job, blocks_per_second=PACE, limit=0.0, yes=False)
    assert "estimate: 10 blocks" in capsys.readouterr().err
    approve_archive(blocks, job, blocks_per_second=PACE, limit=0.0, yes=True)
    root = engine.archive(engine.snapshot(engine.volume())).root
    with pytest.raises(OverLimitError):
        approve_snapshot(root, limit=0.0, yes=False)
    approve_snapshot(root, limit=10.0, yes=False)

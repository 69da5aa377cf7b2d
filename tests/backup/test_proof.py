"""The levels of proof: each finds its own kind of damage, and names it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from functions.archive_format.geometry import ArchiveError
from functions.block_archive.proof import verify, write_evidence


def first(engine, prefix):
    return engine.bucket.current(engine.bucket.keys(prefix)[0])


def missing_segment(engine):
    del engine.bucket.objects[engine.bucket.keys("segments/")[0]]


def missing_pack(engine):
    del engine.bucket.objects[engine.bucket.keys("packs/")[0]]


def hidden_pack(engine):
    """What a lifecycle rule or a careless hand leaves: a delete marker."""
    from doubles.ebs_direct.s3 import Version

    versions = engine.bucket.objects[engine.bucket.keys("packs/")[0]]
    versions.append(Version(id="x", modified=datetime.now(UTC), delete_marker=True))


def cut_pack(engine):
    version = first(engine, "packs/")
    version.content, version.size = version.body()[:1000], 1000


def other_checksum(engine):
    first(engine, "packs/").digest = bytes(32)


def short_lock(engine):
    first(engine, "packs/").retain_until = datetime.now(UTC) + timedelta(days=1)


def no_lock(engine):
    first(engine, "segments/").retain_until = None


def flipped_bit(engine):
    version = first(engine, "packs/")
    body = version.body()
    version.content = body[:5000] + bytes([body[5000] ^ 1]) + body[5001:]


def swapped_packs(engine):
    packs = engine.bucket.keys("packs/")
    first(engine, "packs/").content = engine.bucket.current(packs[-1]).body()


# The lowest level that finds each.
DAMAGE = {
    missing_segment: 0,
    missing_pack: 1,
    hidden_pack: 1,
    cut_pack: 1,
    other_checksum: 1,
    short_lock: 1,
    no_lock: 1,
    flipped_bit: 2,
    swapped_packs: 2,
}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_the_level_that_should_find_a_damage_finds_it(engine, damage):
    root = engine.archive(engine.snapshot(engine.volume())).root
    for level in (0, 1, 2):
        verify(engine.store(), root, level)
    damage(engine)
    with pytest.raises(ArchiveError, match=r"packs/|segments/|block \d+"):
        verify(engine.store(), root, DAMAGE[damage])
    for lower in range(DAMAGE[damage]):
        verify(engine.store(), root, lower)


def test_level_1_tells_the_lowest_lock(engine):
    root = engine.archive(engine.snapshot(engine.volume())).root
    found = verify(engine.store(), root, 1)
    assert found["lowest_lock"] >= root.retain_until
    # root, segments, packs
    assert found["files"] == 1 + len(engine.bucket.keys("segments/") + engine.bucket.keys("packs/"))


def test_level_3_restores_and_lets_a_program_look(engine, tmp_path):
    root = engine.archive(engine.snapshot(engine.volume())).root
    check = ["test", "-s", "{image}"]
    found = verify(engine.store(), root, 3, scratch=tmp_path, check=check)
    assert (found["blocks"], found["read_back"]) == (9, 10)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("check", "message"), [(["false"], "ended with 1"), (["no-such-program"], "could not be run")]
)
def test_level_3_fails_with_its_program(engine, tmp_path, check, message):
    root = engine.archive(engine.snapshot(engine.volume())).root
    with pytest.raises(ArchiveError, match=message):
        verify(engine.store(), root, 3, scratch=tmp_path, check=check)
    assert not list(tmp_path.iterdir())


def test_what_is_proven_is_kept(engine):
    root = engine.archive(engine.snapshot(engine.volume())).root
    now = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
    key = write_evidence(engine.store(), root, 0, verify(engine.store(), root, 0), now=now)
    assert key == f"verify/{root.volume_id}/{root.snapshot_id}/20260203T040506Z.json"
    kept = json.loads(engine.bucket.current(key).body())
    assert (kept["root"], kept["level"], kept["found"]["blocks"]) == (root.key, 0, 9)

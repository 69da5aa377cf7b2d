"""The copy in the other Region: it follows its original's sweep, and is whole at any moment."""

from __future__ import annotations

import os
import random
from datetime import timedelta

import pytest

from doubles.ebs_direct.cloud import Killed
from functions.archive_format import root as roots
from functions.archive_format.geometry import pack_key, segment_key
from functions.archive_format.image import restore_image
from functions.archive_format.reader import load_segment
from functions.block_archive.attempts import Attempts
from functions.block_archive.counters import Counters
from functions.block_archive.errors import EXPECTED, ArchiveError, RefusedError
from functions.block_archive.prune import prune
from functions.block_archive.store import Store
from tests.backup.images import same

FOR_EVER = timedelta(days=200)
SEEDS = range(int(os.environ.get("HISTORIES", "4")))  # more of them by hand


@pytest.fixture
def copy(engine):
    return engine.cloud.s3.create("copy")


def store(engine) -> Store:
    bucket = engine.transported("copy")[1]
    return Store(bucket, Attempts(sleep=lambda _: None), Counters())


def pruned(engine, **more):
    given = {"apply": True, "original": engine.store(), **more}
    return prune(store(engine), now=engine.cloud.now(), **given)


def versions(bucket) -> set[tuple[str, str]]:
    kept = ("manifests/", "packs/", "segments/")
    return {(k, v.id) for k, all_ in bucket.objects.items() if k.startswith(kept) for v in all_}


def chain(engine, days=(0, 40)):
    """Snapshots and roots of one volume, each without base, some days apart."""
    volume, made = engine.volume(), []
    for day in days:
        engine.cloud.offset += timedelta(days=day)
        volume.write(5, engine.content())
        snapshot = engine.snapshot(volume)
        made.append((snapshot, engine.archive(snapshot).root))
    return made


def test_what_the_original_has_swept_goes_and_the_rest_is_whole(engine, copy, tmp_path):
    (_, old), (snapshot, new) = chain(engine)
    engine.cloud.s3.replicate("archive", "copy")
    engine.cloud.offset += timedelta(days=30)
    assert pruned(engine).swept == 0, "the original still has them"
    prune(engine.store(), now=engine.cloud.now(), apply=True)
    result = pruned(engine)
    assert result.roots == [old.key]
    assert versions(copy) == versions(engine.bucket)
    restore_image(store(engine), new, tmp_path / "image")
    assert same(tmp_path / "image", snapshot)


def test_it_does_not_grow_for_ever(engine, copy):
    volume, sizes = engine.volume(), []
    for _ in range(9):
        volume.write(5, engine.content())
        engine.archive(engine.snapshot(volume))
        engine.cloud.s3.replicate("archive", "copy")
        engine.cloud.offset += timedelta(days=30)
        prune(engine.store(), now=engine.cloud.now(), apply=True)
        pruned(engine)
        assert versions(copy) == versions(engine.bucket)
        sizes.append(len(versions(copy)))
    assert max(sizes[5:]) <= sizes[4]


def test_a_file_that_a_run_may_hold_again_stays_though_nothing_here_needs_it(
    engine, copy, tmp_path
):
    """A run that finds it in the original writes nothing, so nothing would be replicated."""
    volume = engine.volume()
    first = engine.snapshot(volume)
    engine.archive(first)
    for block in sorted(volume.blocks):
        volume.discard(block)
    volume.write(1, engine.content())
    engine.cloud.offset += timedelta(days=1)
    engine.archive(engine.snapshot(volume))
    engine.cloud.s3.replicate("archive", "copy")
    engine.cloud.offset += FOR_EVER  # no lock is left, and the original's sweep did not run
    pruned(engine)
    again = engine.cloud.ebs.add(first.again(engine.cloud.now()))
    root = engine.archive(again).root
    engine.cloud.s3.replicate("archive", "copy")
    restore_image(store(engine), root, tmp_path / "image")
    assert same(tmp_path / "image", again)


def test_what_is_written_while_it_runs_stays(engine, copy):
    chain(engine)
    engine.cloud.s3.replicate("archive", "copy")
    engine.cloud.offset += FOR_EVER
    prune(engine.store(), now=engine.cloud.now(), apply=True)

    made = []

    class Late:
        """An original that gets a backup between the listing of the copy and its own."""

        def __getattr__(self, name):
            return getattr(engine.store(), name)

        def versions(self, prefix):
            if not made:
                made.append(engine.archive(engine.snapshot(engine.volume())).root)
                engine.cloud.s3.replicate("archive", "copy")
            return engine.store().versions(prefix)

    pruned(engine, original=Late())
    assert versions(copy) >= versions(engine.bucket)


@pytest.mark.parametrize("lost", ["manifests/", ""])
def test_an_original_without_any_backup_takes_nothing_with_it(engine, copy, lost):
    chain(engine)
    engine.cloud.s3.replicate("archive", "copy")
    engine.cloud.offset += FOR_EVER
    for key in list(engine.bucket.objects):
        if key.startswith(lost):
            del engine.bucket.objects[key]
    before = versions(copy)
    with pytest.raises(RefusedError, match="'original' should hold backups, got 'archive'"):
        pruned(engine)
    assert versions(copy) == before


def test_an_original_that_lost_a_pack_does_not_take_the_copy_s(engine, copy, tmp_path):
    """The copy is where the runbook fetches it from."""
    _, (snapshot, new) = chain(engine)
    engine.cloud.s3.replicate("archive", "copy")
    engine.cloud.offset += FOR_EVER
    for key in engine.bucket.keys("packs/"):
        del engine.bucket.objects[key]
    pruned(engine)
    restore_image(store(engine), new, tmp_path / "image")
    assert same(tmp_path / "image", snapshot)


def test_where_the_original_cannot_be_read_nothing_goes(engine, copy):
    chain(engine)
    engine.cloud.s3.replicate("archive", "copy")
    engine.cloud.offset += FOR_EVER
    prune(engine.store(), now=engine.cloud.now(), apply=True)
    del engine.cloud.s3.buckets["archive"]
    before = versions(copy)
    with pytest.raises(EXPECTED):
        pruned(engine)
    assert versions(copy) == before


def test_a_root_that_is_locked_for_longer_stays_whole(engine, tmp_path):
    """In either bucket: what is listed restores."""
    (snapshot, old), _ = chain(engine)
    until = engine.cloud.now() + FOR_EVER
    engine.bucket.objects[old.key][-1].retain_until = until
    engine.cloud.offset += FOR_EVER / 2
    prune(engine.store(), now=engine.cloud.now(), apply=True)
    assert old.key in engine.bucket.keys("manifests/")
    restore_image(engine.store(), old, tmp_path / "image")
    assert same(tmp_path / "image", snapshot)


def test_stopped_in_its_sweep_it_goes_on_and_a_root_goes_before_its_files(engine, copy):
    chain(engine, (0, 40, 40))
    engine.cloud.s3.replicate("archive", "copy")
    engine.cloud.offset += timedelta(days=30)
    prune(engine.store(), now=engine.cloud.now(), apply=True)
    rounds = 0
    while True:
        asked = iter([False])
        result = pruned(engine, stop=lambda asked=asked: next(asked, True))
        complete(engine)
        rounds += 1
        if not result.unfinished:
            break
        assert result.swept <= 1
    assert rounds > 3
    assert versions(copy) == versions(engine.bucket)


def complete(engine) -> set[str]:
    """The roots that the copy lists and holds every file of."""
    bucket, found = engine.cloud.s3.buckets["copy"], set()
    for key in bucket.keys("manifests/"):
        root = roots.decode(bucket.current(key).body(), key)
        names = [segment_key(bytes.fromhex(name)) for name in root.segments if name]
        if all(bucket.current(name) for name in names):
            for index in range(len(root.segments)):
                packs = load_segment(store(engine), root, index).packs()
                names += [pack_key(pack) for pack in packs]
            if all(bucket.current(name) for name in names):
                found.add(key)
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_a_root_that_was_whole_in_the_copy_is_whole_for_as_long_as_it_is_listed(engine, copy, seed):
    """Replication late and in any order, sweeps of either bucket, crashes, time, and runs that
    need again what nobody needed."""
    dice, volume, whole = random.Random(seed), engine.volume(), set()
    earlier = [engine.snapshot(volume)]
    for _ in range(40):
        act = dice.choices(
            ("write", "again", "wait", "sweep", "copy", "replicate"), (6, 3, 5, 4, 6, 6)
        )
        engine.cloud.offset += timedelta(minutes=1)
        engine.cloud.forget()
        if act == ["write"]:
            volume.write(dice.randrange(volume.slots), engine.content())
            earlier.append(engine.snapshot(volume))
            engine.archive(earlier[-1])
        elif act == ["again"]:
            engine.archive(engine.cloud.ebs.add(dice.choice(earlier).again(engine.cloud.now())))
        elif act == ["wait"]:
            engine.cloud.offset += timedelta(days=dice.choice([1, 8, 40, 70]))
        elif act == ["replicate"]:
            engine.cloud.s3.replicate("archive", "copy", only=lambda _: dice.random() < 0.7)
        elif engine.bucket.keys("manifests/"):
            if dice.random() < 0.4:
                engine.cloud.kill_at = dice.randint(1, 40)
            try:
                if act == ["sweep"]:
                    prune(engine.store(), now=engine.cloud.now(), apply=True)
                else:
                    pruned(engine)
            except (Killed, ArchiveError):
                pass
            engine.cloud.forget()
        listed, found = set(copy.keys("manifests/")), complete(engine)
        assert whole & listed <= found
        whole = (whole & listed) | found
    engine.cloud.s3.replicate("archive", "copy")
    assert set(engine.bucket.keys("manifests/")) <= complete(engine)
    prune(engine.store(), now=engine.cloud.now(), apply=True)
    pruned(engine)
    assert set(engine.bucket.keys("manifests/")) <= complete(engine)

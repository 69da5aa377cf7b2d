"""The sweep: what has expired goes, what is needed or held stays, and S3 has the last word."""

from __future__ import annotations

from datetime import timedelta

import pytest

from doubles.ebs_direct.cloud import Killed
from doubles.ebs_direct.faults import Fault
from functions.archive_format.image import restore_image
from functions.block_archive.errors import ArchiveError, RefusedError
from functions.block_archive.prune import prune
from tests.backup.images import same

LONG = timedelta(days=35 + 30 + 1)  # past a root's retention and its files' locks


def chain(engine, days=(0, 40)):
    """Two roots of one volume, so far apart that the first one expires long before the second."""
    volume, made = engine.volume(), []
    for day in days:
        engine.cloud.offset += timedelta(days=day)
        volume.write(5, engine.content())
        snapshot = engine.snapshot(volume)
        made.append((snapshot, engine.archive(snapshot, made[-1][1] if made else None).root))
    return made


def pruned(engine, **more):
    return prune(engine.store(), now=engine.cloud.now(), **{"apply": True, **more})


def test_an_expired_root_goes_with_what_it_alone_needs(engine, tmp_path):
    (_, old), (snapshot, new) = chain(engine)
    engine.cloud.offset += timedelta(days=30)
    result = pruned(engine)
    assert result.roots == [old.key]
    assert engine.bucket.keys("manifests/") == [new.key]
    assert result.swept == 2  # the root and its segment; its pack holds what the next one needs
    restore_image(engine.store(), new, tmp_path / "image")
    assert same(tmp_path / "image", snapshot)
    assert pruned(engine).swept == 0


def test_without_apply_nothing_goes_and_the_same_is_said(engine):
    chain(engine)
    engine.cloud.offset += timedelta(days=30)
    before = engine.bucket.keys()
    printed = pruned(engine, apply=False)
    assert (engine.bucket.keys(), printed.dry_run) == (before, True)
    assert printed.swept == pruned(engine).swept


def test_the_newest_good_root_of_each_volume_stays_whatever_its_age(engine, tmp_path):
    made = chain(engine, (0, 1))
    other = engine.snapshot(engine.volume())
    engine.archive(other)
    engine.cloud.offset += 10 * LONG
    result = pruned(engine)
    assert result.roots == [made[0][1].key]
    assert set(result.newest_good) == {made[0][0].volume_id, other.volume_id}
    restore_image(engine.store(), made[1][1], tmp_path / "image")
    assert same(tmp_path / "image", made[1][0])


def test_a_damaged_newest_root_does_not_count_as_a_good_one(engine, tmp_path):
    (snapshot, old), (_, new) = chain(engine)
    engine.cloud.offset += 2 * LONG
    lost = set(_packs(engine, new)) - set(_packs(engine, old))
    for key in lost:
        del engine.bucket.objects[key]
    result = pruned(engine)
    assert result.newest_good[old.volume_id] == old.key
    assert result.roots == [new.key]
    restore_image(engine.store(), old, tmp_path / "image")
    assert same(tmp_path / "image", snapshot)


def _packs(engine, root):
    from functions.archive_format.geometry import pack_key
    from functions.archive_format.reader import load_segment

    store = engine.store()
    for index in range(len(root.segments)):
        yield from (pack_key(pack) for pack in load_segment(store, root, index).packs())


def test_where_no_root_is_good_none_goes(engine):
    chain(engine)
    for key in engine.bucket.keys("packs/"):
        del engine.bucket.objects[key]
    engine.cloud.offset += 2 * LONG
    assert pruned(engine).roots == []


def test_where_a_retained_root_cannot_be_read_nothing_goes(engine):
    (_, _), (_, new) = chain(engine)
    engine.cloud.offset += timedelta(days=30)
    name = next(name for name in new.segments if name)
    version = engine.bucket.current(f"segments/{name[:2]}/{name}")
    version.content = b"not a segment"
    before = engine.bucket.keys()
    with pytest.raises(ArchiveError, match="is damaged"):
        pruned(engine)
    assert engine.bucket.keys() == before


def test_the_base_of_a_run_that_may_still_end_stays(engine):
    made = chain(engine, (0, 1))
    (_, old), (_, _) = made
    engine.cloud.offset += 2 * LONG
    volume = engine.volume()
    volume.id = old.volume_id
    engine.cloud.forget()
    engine.cloud.kill_at = 6
    with pytest.raises(Killed):
        engine.archive(engine.snapshot(volume), old)
    engine.cloud.forget()
    assert engine.bucket.keys("leases/")
    assert pruned(engine).roots == []
    engine.cloud.offset += timedelta(days=4)  # its receipts are of no use any more
    assert pruned(engine).roots == [old.key]


def test_what_is_young_stays_for_a_run_may_have_written_it(engine):
    engine.cloud.kill_at = 20
    with pytest.raises(Killed):
        engine.archive(engine.snapshot(engine.volume()), workers=1)
    engine.cloud.forget()
    assert engine.bucket.keys("packs/")
    result = pruned(engine)
    assert (result.swept, result.kept_young > 0) == (0, True)


def test_what_a_lock_holds_stays_until_it_ends(engine):
    engine.cloud.kill_at = 20
    with pytest.raises(Killed):
        engine.archive(engine.snapshot(engine.volume()), workers=1)
    engine.cloud.forget()
    engine.cloud.offset += timedelta(days=8)
    assert pruned(engine).kept_locked > 0
    assert engine.bucket.keys("packs/")
    engine.cloud.offset += LONG
    assert pruned(engine).swept > 0
    assert not engine.bucket.keys("packs/")


def test_a_lock_that_comes_between_the_look_and_the_deletion_wins(engine):
    (_, old), _ = chain(engine)
    engine.cloud.offset += timedelta(days=30)
    until = engine.cloud.now() + timedelta(days=99)

    def lock_all():
        for versions in engine.bucket.objects.values():
            versions[-1].retain_until = until

    engine.cloud.faults.append(Fault(operation="DeleteObject", before=lock_all))
    result = pruned(engine)
    assert (result.swept, result.kept_locked) == (0, 2)
    assert old.key in engine.bucket.keys("manifests/")


def test_a_file_that_is_swept_just_as_it_is_needed_again_is_written_again(engine, tmp_path):
    snapshot = engine.snapshot(engine.volume())
    engine.cloud.kill_at = 26
    with pytest.raises(Killed):
        engine.archive(snapshot, workers=1)
    engine.cloud.forget()
    engine.cloud.offset += LONG + timedelta(days=8)
    packs = engine.bucket.keys("packs/")
    assert packs

    def sweep():
        engine.bucket.objects.pop(packs[0], None)

    engine.cloud.faults.append(Fault(operation="HeadObject", target=packs[0], before=sweep))
    root = engine.archive(snapshot).root
    restore_image(engine.store(), root, tmp_path / "image")
    assert same(tmp_path / "image", snapshot)
    assert engine.cloud.faults[0].times < 1


def test_a_sweep_killed_at_every_call_loses_nothing_that_is_needed(engine, tmp_path):
    _, (snapshot, new) = chain(engine)
    engine.cloud.offset += timedelta(days=30)
    before = {key: list(versions) for key, versions in engine.bucket.objects.items()}
    number = 0
    while True:
        number += 1
        engine.bucket.objects = {key: list(versions) for key, versions in before.items()}
        engine.cloud.forget()
        engine.cloud.kill_at = number
        try:
            pruned(engine)
        except Killed:
            engine.cloud.forget()
        else:
            break
        assert pruned(engine).kept_roots == 1
        restore_image(engine.store(), new, tmp_path / f"image-{number}")
        assert same(tmp_path / f"image-{number}", snapshot)
        (tmp_path / f"image-{number}").unlink()
    assert number > 20


def test_a_bucket_without_object_lock_is_not_swept(engine):
    engine.bucket.object_lock = False
    engine.archive(engine.snapshot(engine.volume()))
    with pytest.raises(RefusedError, match="'bucket' should have Object Lock, got 'archive'"):
        pruned(engine)
    assert pruned(engine, apply=False).roots == []


@pytest.mark.parametrize(
    ("more", "name"), [({"keep_last": 0}, "keep_last"), ({"grace": timedelta(days=6)}, "grace")]
)
def test_less_caution_is_refused(engine, more, name):
    with pytest.raises(RefusedError, match=f"'{name}' should be at least"):
        pruned(engine, **more)


def test_more_than_one_may_be_kept(engine):
    chain(engine, (0, 1, 1))
    engine.cloud.offset += 2 * LONG
    assert len(pruned(engine, keep_last=2).roots) == 1


def test_versions_under_the_current_one_go_and_those_of_needed_files_stay(engine):
    _, (_, new) = chain(engine)
    store = engine.store()
    needed = next(_packs(engine, new))
    engine.bucket.objects[needed].insert(0, engine.bucket.objects[needed][0])
    engine.cloud.offset += timedelta(days=30)
    pruned(engine)
    assert len(engine.bucket.objects[needed]) == 2
    assert store.head(needed)

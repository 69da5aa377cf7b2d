"""The states of an archive that runs far apart: plan, work and commit, each of them repeated."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from doubles.ebs_direct.server import serving
from functions.archive_format.image import restore_image
from functions.archive_format.reader import load_root
from functions.archive_job import alone, handler, states
from functions.block_archive.errors import ArchiveError, RefusedError
from functions.block_archive.item import OutOfTime
from tests.backup.images import same


def now():
    return datetime.now(UTC)


def planned(engine, snapshot, **more):
    blocks, store = engine.parts()
    asked = states.Asked.read({"snapshot": snapshot.id, **more})
    result = states.plan(blocks, store, asked, budget=800, now=now())
    if result["done"]:
        return result, []
    return result, json.loads(store.get(result["items"]["key"]))


def worked(engine, item, deadline=lambda: False):
    blocks, store = engine.parts()
    return states.work(
        blocks, store, item["job"], item["item"], workers=4, deadline=deadline, now=now
    )


def committed(engine, plan):
    return states.commit(engine.parts()[1], plan["job"], now=now())


def test_items_in_any_order_and_twice_make_the_archive_of_one_machine(new_engine, tmp_path):
    alone, apart = new_engine(), new_engine()
    alone.archive(alone.snapshot(alone.volume()))
    snapshot = apart.snapshot(apart.volume())
    plan, items = planned(apart, snapshot)
    for item in [*reversed(items), items[0]]:
        worked(apart, item)
    root = committed(apart, plan)
    assert committed(apart, plan)["root"] == root["root"]
    assert apart.bucket.keys("packs/") == alone.bucket.keys("packs/")
    assert apart.bucket.keys("segments/") == alone.bucket.keys("segments/")
    restored = tmp_path / "image"
    store = apart.store()
    restore_image(store, load_root(store, root["root"]), restored)
    assert same(restored, snapshot)


def test_a_second_attempt_of_an_item_fetches_nothing(engine):
    _, items = planned(engine, engine.snapshot(engine.volume()))
    first = worked(engine, items[0])
    before = engine.cloud.calls["GetSnapshotBlock"]
    assert worked(engine, items[0]) == first
    assert engine.cloud.calls["GetSnapshotBlock"] == before


def test_a_plan_after_an_interruption_lists_what_is_missing(engine):
    snapshot = engine.snapshot(engine.volume())
    plan, items = planned(engine, snapshot)
    worked(engine, items[1])
    again, missing = planned(engine, snapshot)
    assert again["job"] == plan["job"]
    assert [item["item"] for item in missing] == [0, 2]


def test_the_next_snapshot_continues_the_newest_root_of_its_volume(engine):
    volume = engine.volume()
    for changed in (None, 5):
        if changed is not None:
            volume.write(changed, engine.content())
        engine.cloud.offset += timedelta(hours=1)
        plan, items = planned(engine, engine.snapshot(volume))
        new = sum(worked(engine, item)["new"] for item in items)
        committed(engine, plan)
    assert new == 1
    assert len(engine.bucket.keys("manifests/")) == 2


def test_the_requests_of_every_item_stand_in_the_root(engine):
    plan, items = planned(engine, engine.snapshot(engine.volume()))
    for item in items:
        worked(engine, item)
    root = json.loads(engine.bucket.current(committed(engine, plan)["root"]).body())
    assert root["requests"]["get_requests"] == engine.cloud.calls["GetSnapshotBlock"] == 10
    assert root["dollars"] >= 10 * 3e-6


def test_nothing_is_left_to_do_for_a_snapshot_that_is_archived(engine):
    snapshot = engine.snapshot(engine.volume())
    engine.archive(snapshot)
    plan, _ = planned(engine, snapshot)
    assert plan["done"]
    assert plan["root"] == engine.bucket.keys("manifests/")[0]


def test_a_commit_without_every_item_writes_no_root(engine):
    plan, items = planned(engine, engine.snapshot(engine.volume()))
    worked(engine, items[0])
    with pytest.raises(ArchiveError, match="2 work items have no receipt, the first is 1"):
        committed(engine, plan)
    assert not engine.bucket.keys("manifests/")


def test_at_the_deadline_an_item_stops_and_leaves_no_receipt(engine):
    _, items = planned(engine, engine.snapshot(engine.volume()))
    turns = iter(range(100))
    with pytest.raises(OutOfTime, match="before block 7"):
        worked(engine, items[0], deadline=lambda: next(turns) == 2)
    assert not engine.bucket.keys(items[0]["job"].replace("job.json", "item-"))
    assert worked(engine, items[0])["data"] == 5


def test_the_budget_is_shared_by_the_functions_that_run_at_once(engine):
    plan, items = planned(engine, engine.snapshot(engine.volume()))
    assert plan["concurrency"] == 3
    assert sum(item["blocks_per_second"] for item in items) == pytest.approx(800, abs=1)


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ({}, "snapshot"),
        ({"snapshot": "vol-1"}, "snapshot"),
        ({"snapshot": "snap-1", "retain_days": 0}, "retain_days"),
        ({"snapshot": "snap-1", "level": 40}, "level"),
    ],
)
def test_a_wrong_event_is_refused_by_its_name(event, name):
    with pytest.raises(RefusedError, match=f"'{name}' should be"):
        states.Asked.read(event)


def test_a_snapshot_that_is_not_there_is_refused(engine):
    blocks, store = engine.parts()
    asked = states.Asked.read({"snapshot": "snap-0"})
    with pytest.raises(RefusedError, match="'snapshot' should be of this account"):
        states.plan(blocks, store, asked, budget=800, now=now())


class Context:
    """What AWS Lambda hands over."""

    def __init__(self, milliseconds: int) -> None:
        self._milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


@contextmanager
def deployed(engine, monkeypatch, transport: str = "botocore"):
    """The variables of the functions, with an AWS that answers them."""
    with serving(engine.cloud) as url:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": url,
            "ARCHIVE_BUCKET": "archive",
            "TRANSPORT": transport,
        }.items():
            monkeypatch.setenv(name, value)
        yield


COUNTS = {"absent": 18_422, "zero": 1, "data": 9, "new": 8, "reused": 1}


@pytest.mark.parametrize("transport", ["botocore", "lean"])
def test_the_handlers_find_everything_in_event_and_environment(engine, monkeypatch, transport):
    snapshot = engine.snapshot(engine.volume())
    with deployed(engine, monkeypatch, transport):
        plan = handler.plan({"snapshot": snapshot.id}, Context(900_000))
        items = json.loads(engine.bucket.current(plan["items"]["key"]).body())
        with pytest.raises(OutOfTime):
            handler.work(items[0], Context(59_000))
        for item in items:
            handler.work(item, Context(900_000))
        root = handler.commit(plan, Context(900_000))
    assert root["counts"] == COUNTS


def test_one_function_alone_does_every_item_and_a_retry_goes_on(engine, monkeypatch):
    snapshot = engine.snapshot(engine.volume())
    with deployed(engine, monkeypatch):
        plan = handler.plan({"snapshot": snapshot.id}, Context(900_000))
        receipts = plan["job"].replace("job.json", "item-")

        class UntilOneIsDone(Context):
            def get_remaining_time_in_millis(self) -> int:
                return 0 if engine.bucket.keys(receipts) else self._milliseconds

        with pytest.raises(OutOfTime):
            alone.handler(plan, UntilOneIsDone(900_000))
        (first,) = engine.bucket.keys(receipts)
        written = engine.bucket.current(first).body()
        assert alone.handler(plan, Context(900_000)) == {"items": 3}
        assert len(engine.bucket.keys(receipts)) == 3
        assert engine.bucket.current(first).body() == written
        assert alone.handler(plan, Context(900_000)) == {"items": 3}  # nothing is left to do
        root = handler.commit(plan, Context(900_000))
    assert root["counts"] == COUNTS


def test_a_level_is_proven_and_kept_and_a_copy_swept(engine):
    root = engine.archive(engine.snapshot(engine.volume())).root
    proven = states.proven(engine.store(), {"level": 2}, now=now())
    assert (proven["root"], proven["blocks"]) == (root.key, 9)
    assert engine.bucket.keys("verify/") == [proven["evidence"]]
    swept = states.pruned(engine.store(), engine.store(), stop=lambda: False, now=now())
    assert (swept["dry_run"], swept["roots"], swept["kept_roots"]) == (False, [], 1)
    with pytest.raises(RefusedError, match="'level' should be 0, 1 or 2"):
        states.proven(engine.store(), {"level": 3}, now=now())

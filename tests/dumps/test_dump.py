"""A dump is of one moment, whole or not at all, whoever writes meanwhile."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import psycopg
import pytest
from moto import mock_aws

from dumps import database
from dumps import dump as module
from dumps.errors import DumpError
from dumps.load import load
from dumps.manifest import NAME, find, manifests
from dumps.programs import program, variables
from dumps.shelf import BucketShelf, FolderShelf
from tests.dumps.conftest import DATABASE, NOW, Lab


def test_a_dump_of_a_standby_under_writes_is_restored_and_equal(lab: Lab, shelf, tmp_path):
    with lab.writing() as written:
        lab.standby.wait("SELECT count(*) > 10 FROM event WHERE what = 'live'", database=DATABASE)
        before = written[0]
        manifest = lab.dump(shelf, tmp_path / "work").manifest
        assert written[0] > before, "nobody wrote while it was dumped"
    assert manifest.on_replica
    assert manifest.tables["public.tenant"].rows == 2_000
    assert manifest.tables["public.event_2026_11"].rows > 0
    assert "public.event" not in manifest.tables, "a partitioned table is its partitions"
    assert manifest.tables["Odd Name.Quoted"].columns == ("the id",)
    with lab.target() as name:
        loaded = load(shelf, "entity", "latest", lab.primary.dsn(name), tmp_path)
        assert loaded.manifest == manifest
        found = lab.primary.value("SELECT count(*) FROM event", database=name)
        assert found == sum(manifest.tables[f"public.event_2026_{m}"].rows for m in (10, 11))


def test_nothing_but_the_client_programs_of_postgresql_is_needed(lab: Lab, taken: Path):
    """As the page beside each dump tells somebody who has only the files."""
    (folder,) = (taken / "dumps" / "entity").iterdir()
    assert (folder / "README.md").read_text().startswith("# A portable dump")
    subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=folder, check=True)
    with lab.target() as name:
        subprocess.run(
            [
                *(program("pg_restore"), "--no-owner", "--no-privileges", "--exit-on-error"),
                *("--jobs", "2", "--dbname", name, "data/"),
            ],
            cwd=folder,
            env=dict(variables(lab.primary.dsn(name))),
            check=True,
        )
        assert lab.primary.value("SELECT count(*) FROM counted", database=name) == 500


class _Dies(BaseException):
    pass


class _Mortal(FolderShelf):
    """Dies at the n-th thing that is put: before it, or after a part of it."""

    def __init__(self, folder: Path, last: int, *, halfway: bool) -> None:
        super().__init__(folder)
        self._left, self._halfway, self._folder_of = last, halfway, folder

    def put_file(self, key: str, path: Path, until: Any) -> None:
        self._beat(key, path.read_bytes())
        super().put_file(key, path, until)

    def put_once(self, key: str, body: bytes, until: Any) -> None:
        # S3 shows an object whole or not at all, so a manifest is never seen by halves.
        self._beat(key, body if not key.endswith(NAME) else b"")
        super().put_once(key, body, until)

    def _beat(self, key: str, body: bytes) -> None:
        self._left -= 1
        if self._left < 0:
            if self._halfway and body:
                place = self._folder_of / key
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(body[: len(body) // 2])
            raise _Dies


@pytest.mark.parametrize("halfway", [False, True], ids=["between", "within"])
def test_killed_at_any_point_there_is_no_dump_and_the_next_one_is_whole(
    lab: Lab, tmp_path, halfway, monkeypatch
):
    _take_the_same_files(lab, monkeypatch, tmp_path)
    last = 0
    for last in range(100):
        folder = tmp_path / f"{halfway}-{last}"
        try:
            lab.dump(_Mortal(folder, last, halfway=halfway), tmp_path / "work")
        except _Dies:
            with pytest.raises(DumpError, match="there is no dump of 'entity'"):
                find(FolderShelf(folder), "entity")
            assert list((tmp_path / "work").iterdir()) == []
        else:
            assert len(manifests(FolderShelf(folder), "entity")) == 1
            break
    assert last > 8, "fewer things were put than a dump has"


def _take_the_same_files(lab: Lab, monkeypatch, tmp_path: Path) -> None:
    """The database's part is done once; what is put is what is killed here."""
    real, kept = module._from_database, tmp_path / "kept"
    made: list[Any] = []

    def from_database(connection: Any, asked: Any, folder: str, data: Path, **when: Any) -> Any:
        if not made:
            made.append(real(connection, asked, folder, kept, **when))
        shutil.copytree(kept, data)
        return replace(made[0], folder=folder)

    monkeypatch.setattr(module, "_from_database", from_database)


def test_a_server_that_ends_the_dump_s_session_leaves_no_dump(lab: Lab, shelf, tmp_path):
    with lab.primary.connect(DATABASE, autocommit=False) as holder:
        holder.execute("LOCK TABLE tenant")  # so that pg_dump waits where it is met

        def end_it() -> None:
            lab.primary.wait(
                "SELECT count(pg_terminate_backend(pid)) > 0 FROM pg_stat_activity"
                " WHERE application_name = 'pg_dump' AND wait_event_type = 'Lock'"
            )
            holder.rollback()

        killer = Thread(target=end_it)
        killer.start()
        with pytest.raises(DumpError, match="pg_dump: .*terminat"):
            lab.dump(shelf, tmp_path / "work", dsn=lab.primary.dsn(DATABASE))
        killer.join()
    lab.follow()
    with pytest.raises(DumpError, match="there is no dump"):
        find(shelf, "entity")


def test_a_table_that_stays_locked_ends_the_dump(lab: Lab, shelf, tmp_path, monkeypatch):
    monkeypatch.setattr(database, "LOCK_WAIT", "200ms")
    with lab.primary.connect(DATABASE, autocommit=False) as holder:
        holder.execute("LOCK TABLE tenant")
        with pytest.raises((DumpError, psycopg.Error), match="lock timeout|statement timeout"):
            lab.dump(shelf, tmp_path / "work", dsn=lab.primary.dsn(DATABASE))
        holder.rollback()
    lab.follow()
    assert manifests(shelf, "entity") == []


def test_a_policy_that_hides_rows_is_an_error_and_not_a_small_dump(lab: Lab, shelf, tmp_path):
    with pytest.raises((DumpError, psycopg.Error), match="row-level security"):
        lab.dump(shelf, tmp_path / "work", dsn=lab.standby.dsn(DATABASE, "onlooker"))
    assert manifests(shelf, "entity") == []


def test_a_dump_that_is_young_enough_is_not_taken_again(lab: Lab, taken: Path, tmp_path):
    shelf = FolderShelf(taken)
    first = find(shelf, "entity")
    now = datetime.fromisoformat(first.taken_at) + timedelta(hours=3)
    again = lab.dump(shelf, tmp_path / "work", now=now, unless_younger=timedelta(hours=4))
    assert again.already
    assert again.manifest == first


def test_in_a_bucket_every_object_is_locked_and_the_manifest_is_the_last(lab: Lab, tmp_path):
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="dumps", ObjectLockEnabledForBucket=True)
        order: list[str] = []
        s3.meta.events.register(
            "provide-client-params.s3.PutObject", lambda params, **_: order.append(params["Key"])
        )
        manifest = lab.dump(BucketShelf(s3, "dumps"), tmp_path / "work").manifest
        assert order[-1] == manifest.key
        for found in s3.list_objects_v2(Bucket="dumps")["Contents"]:
            head = s3.head_object(Bucket="dumps", Key=found["Key"])
            assert head["ObjectLockMode"] == "COMPLIANCE"
            assert head["ObjectLockRetainUntilDate"] >= NOW + timedelta(days=35)
        with lab.target() as name:
            shelf = BucketShelf(s3, "dumps")
            loaded = load(shelf, "entity", manifest.folder, lab.primary.dsn(name), tmp_path)
        assert loaded.manifest == manifest
        with pytest.raises(DumpError, match="never overwritten"):
            shelf.put_once(manifest.key, b"{}", NOW)


def test_a_password_stands_on_no_command_line():
    found = variables("host=h port=1 user=u password=secret dbname=d sslmode=require")
    assert found["PGPASSWORD"] == "secret"
    assert json.dumps(dict(found)).count("secret") == 1

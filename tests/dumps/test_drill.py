"""Drills: what is restored on a schedule, what they leave, and what they never leave."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from cli.main import main as mainstay
from dumps import drill
from dumps.command import main
from dumps.errors import DumpError
from dumps.scratch import scratch_database, scratch_server
from dumps.shelf import BucketShelf, FolderShelf
from functions.archive_format import root as roots
from functions.archive_format.geometry import ArchiveError
from functions.backup_ages.newest import metric_data, newest_dumps, newest_proofs
from tests.backup.conftest import Engine
from tests.dumps.conftest import DATABASE, NOW, Lab
from tests.dumps.restore_page import printed


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    assert main(list(arguments)) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def copy(taken: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(taken, tmp_path / "copy"))


def test_the_newest_dump_is_restored_into_a_server_of_the_drill_s_own(lab: Lab, copy, capsys):
    printed = _run(capsys, "drill", "--store", "entity", "--folder", str(copy))
    (proven,) = printed["proven"]
    kept = json.loads((copy / proven["evidence"]).read_text())
    assert kept["restored"].endswith("/manifest.json")
    assert kept["checksums_equal"]
    assert kept["tables"]["public.tenant"] == 2_000
    assert proven["evidence"].startswith("proofs/entity/")


def test_a_drill_that_finds_damage_leaves_no_evidence_and_the_others_go_on(lab, copy, capsys):
    FolderShelf(copy).put_file(
        "dumps/other/none/README.md", next(copy.rglob("README.md")), datetime.now(UTC)
    )
    toc = next(copy.rglob("data/toc.dat"))
    toc.write_bytes(toc.read_bytes()[:-1])
    dsn = lab.primary.dsn()
    arguments = ("drill", "--store", "entity,other", "--folder", str(copy), "--scratch-server", dsn)
    assert main(list(arguments)) == 1
    printed = capsys.readouterr().err
    assert "entity: " in printed
    assert "other: there is no dump" in printed
    assert not (copy / "proofs").exists()
    left = "SELECT count(*) FROM pg_database WHERE datname LIKE 'drill%'"
    assert lab.primary.value(left) == 0


def test_a_scratch_database_goes_whatever_happens_in_it(lab: Lab):
    def fail(target: str) -> None:
        assert "drill_" in target
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), scratch_database(lab.primary.dsn()) as target:
        fail(target)
    assert lab.primary.value("SELECT count(*) FROM pg_database WHERE datname LIKE 'drill%'") == 0


def test_a_scratch_server_that_does_not_start_says_why(lab, open_folder, monkeypatch):
    broken = open_folder / "bin"
    broken.mkdir()
    (broken / "initdb").write_text("#!/bin/sh\necho 'no room' >&2; exit 1\n")
    (broken / "initdb").chmod(0o755)
    monkeypatch.setenv("PG_BIN", str(broken))
    (open_folder / "server").mkdir()
    with (
        pytest.raises(DumpError, match="initdb: no room"),
        scratch_server(open_folder / "server"),
    ):
        pass


def test_the_newest_archive_is_taken_and_one_without_a_database_leaves_no_evidence(tmp_path):
    engine = Engine()
    volume = engine.volume()
    first = engine.archive(engine.snapshot(volume)).root
    volume.write(3, engine.content())
    newest = engine.archive(engine.snapshot(volume), base=first).root
    (found,) = drill.newest_roots(engine.store())
    assert found == roots.decode(engine.store().get(newest.key), newest.key)
    shelf = FolderShelf(tmp_path / "evidence")
    work = tmp_path / "work"
    work.mkdir()
    times = {"retain": timedelta(days=35), "now": lambda: datetime.now(UTC)}
    with pytest.raises(DumpError, match="the image's files cannot be read"):
        drill.drill_archive(engine.store(), shelf, found, work, **times)
    assert list(shelf.keys("proofs/")) == []


def test_an_archive_that_is_damaged_leaves_no_evidence(tmp_path):
    engine = Engine()
    root = engine.archive(engine.snapshot(engine.volume())).root
    pack = next(key for key in engine.store().keys("packs/"))
    damaged = bytearray(engine.store().get(pack))
    damaged[100] ^= 1
    shelf = FolderShelf(tmp_path)
    store = engine.store()
    real = store.get
    store.get = lambda key: bytes(damaged) if key == pack else real(key)
    ranged = store.get_range
    store.get_range = lambda key, offset, length: (
        bytes(damaged)[offset : offset + length] if key == pack else ranged(key, offset, length)
    )
    times = {"retain": timedelta(days=35), "now": lambda: datetime.now(UTC)}
    with pytest.raises(ArchiveError):
        drill.drill_archive(store, shelf, root, tmp_path, **times)
    assert list(shelf.keys("proofs/")) == []


def test_the_age_of_dumps_and_proofs_is_read_from_the_bucket_and_from_no_job(lab: Lab, tmp_path):
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="dumps", ObjectLockEnabledForBucket=True)
        shelf = BucketShelf(s3, "dumps")
        assert newest_dumps(s3, "dumps") == newest_proofs(s3, "dumps") == {}
        lab.dump(shelf, tmp_path / "work")
        lab.dump(shelf, tmp_path / "work", now=NOW + timedelta(days=1))
        s3.put_object(Bucket="dumps", Key="dumps/entity/20990101T000000Z_x/README.md", Body=b"")
        assert newest_dumps(s3, "dumps") == {"entity": NOW + timedelta(days=1)}
        ended = NOW + timedelta(days=2)
        lock = {"started": NOW, "ended": ended, "retain": timedelta(days=35)}
        key = drill.leave_evidence(shelf, "entity", {}, **lock)["evidence"]
        assert s3.head_object(Bucket="dumps", Key=key)["ObjectLockMode"] == "COMPLIANCE"
        found = newest_proofs(s3, "dumps")
        assert found == {"entity": ended}
        (metric,) = metric_data("DumpProofAge", found, ended + timedelta(hours=1))
        assert (metric["Value"], metric["Unit"]) == (3_600, "Seconds")


def test_the_command_dumps_lists_and_loads_off_aws(lab: Lab, tmp_path, capsys):
    place = ("--store", "entity", "--folder", str(tmp_path / "bucket"), "--json")

    def run(*arguments: str) -> dict:
        assert mainstay(["backup", *arguments]) == 0, capsys.readouterr().err
        return json.loads(capsys.readouterr().out)

    (tmp_path / "bucket").mkdir()
    dumped = run("dump", *place, "--database", lab.standby.dsn(DATABASE))
    assert dumped["rows"] > 5_000
    assert [one["dump"] for one in run("dumps", *place)["dumps"]] == [dumped["dump"]]
    with lab.target() as name:
        loaded = run("load", *place, "--database", lab.primary.dsn(name))
    assert loaded["equal_to_manifest"]
    assert loaded["rows"] == dumped["rows"]
    with lab.target() as name:
        lab.primary.rows("CREATE TABLE begun (id int)", database=name)
        assert mainstay(["backup", "load", *place, "--database", lab.primary.dsn(name)]) == 1
    assert "should be empty" in capsys.readouterr().err


def test_user_and_password_are_a_secret_s(lab: Lab, tmp_path, capsys):
    with mock_aws():
        secrets = boto3.client("secretsmanager", region_name="us-east-1")
        login = {"username": "postgres", "password": "never asked for here"}
        secrets.create_secret(Name="store/master", SecretString=json.dumps(login))
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("AWS_DEFAULT_REGION", "us-east-1")
            _run(
                capsys,
                *("dump", "--store", "entity", "--folder", str(tmp_path)),
                *("--database", f"host=127.0.0.1 port={lab.standby.port} dbname={DATABASE}"),
                *("--secret", "store/master"),
            )


def test_the_page_s_commands_list_and_load_each_store(lab: Lab, tmp_path, capsys):
    with mock_aws(), lab.target() as entity, lab.target() as transaction:
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="dumps", ObjectLockEnabledForBucket=True)
        for store in ("entity", "transaction"):
            lab.dump(BucketShelf(s3, "dumps"), tmp_path / store, now=datetime.now(UTC), store=store)
        databases = {"entity": entity, "transaction": transaction}
        commands = [
            words
            for beginning in ("mainstay backup dumps", "mainstay backup load")
            for words in printed(beginning, dumps="dumps", host="127.0.0.1", user="postgres")
        ]
        assert len(commands) == 3
        for _, *words in commands:
            name = databases[words[words.index("--store") + 1]]
            where = f"dbname={name} port={lab.primary.port}"
            asked = [word.replace("dbname=mainstay", where) for word in words]
            assert mainstay([*asked, "--json"]) == 0, capsys.readouterr().err
        loaded = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert loaded["equal_to_manifest"]

"""`mainstay backup dump | load | drill`, and `python -m dumps` in scheduled tasks.

A database is named as libpq names one: by --database (a connection string), or by PGHOST, PGPORT,
PGDATABASE, PGUSER and PGPASSWORD; with --secret, user and password are of that secret.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from dumps import drill, pruning
from dumps.boot import boot_image
from dumps.dump import DumpRequest, dump
from dumps.errors import DumpError
from dumps.load import load
from dumps.manifest import find, manifests
from dumps.scratch import scratch_server
from dumps.shelf import BucketShelf, FolderShelf, Shelf


def main(arguments: list[str] | None = None) -> int:
    """0 done; 1 failed, with the reason on standard error; 2 wrong use."""
    asked = parser("python -m dumps").parse_args(arguments)
    try:
        print(json.dumps(asked.run(asked), default=str))
    except expected() as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def parser(prog: str) -> argparse.ArgumentParser:
    """Return the parser of every command; `run` of what it parses is called with it."""
    made = argparse.ArgumentParser(prog=prog, description=__doc__)
    add(made.add_subparsers(dest="act", required=True))
    return made


def expected() -> tuple[type[Exception], ...]:
    """What may go wrong without a fault of this program."""
    from botocore.exceptions import BotoCoreError, ClientError

    from functions.block_archive.errors import EXPECTED

    return (DumpError, psycopg.Error, OSError, BotoCoreError, ClientError, *EXPECTED)


def add(acts: Any) -> None:
    """The acts and their options."""
    taking = _act(acts, "dump", "take a portable dump of a PostgreSQL store", run_dump)
    _database(taking, "of the server to dump; a replica, so that no master is held up")
    taking.add_argument("--retain-days", type=int, default=35, help="how long it is locked")
    taking.add_argument("--level", type=int, default=3, help="of zstd, 1 to 22")
    text = "do nothing where the newest dump is younger"
    taking.add_argument("--unless-younger-hours", type=float, help=text)
    loading = _act(acts, "load", "restore a dump into an empty database, and prove it", run_load)
    _database(loading, "of the empty database to restore into")
    text = "a dump's folder, or latest"
    loading.add_argument("--dump", default="latest", help=text)
    proving = _act(
        acts,
        "drill",
        "restore the newest dump, and the newest archives, and leave evidence",
        run_drill,
    )
    proving.add_argument("--scratch-server", help="connection string; else one is started")
    proving.add_argument("--archive-bucket", help="restore the newest of every series in it too")
    proving.add_argument("--retain-days", type=int, default=35, help="how long evidence is locked")
    _act(acts, "dumps", "the dumps of a store", run_list)
    about = "start PostgreSQL on a restored volume, and read every table of it"
    booting = acts.add_parser("boot", help=about, description=about)
    booting.set_defaults(run=run_boot)
    booting.add_argument("--image", type=Path, required=True, help="which is recovered in place")
    booting.add_argument("--work", type=Path, help="folder with room for the cluster")
    booting.add_argument("--json", action="store_true", help="one line of JSON")
    pruning.add(acts)


def run_dump(asked: argparse.Namespace) -> dict[str, Any]:
    """Raises DumpError."""
    if asked.retain_days < 1:
        raise DumpError(f"'retain-days' should be at least 1, got {asked.retain_days}")
    hours = asked.unless_younger_hours
    with _work(asked) as work:
        done = dump(
            _shelf(asked),
            DumpRequest(
                store=asked.store,
                dsn=_dsn(asked),
                retain=timedelta(days=asked.retain_days),
                workers=asked.workers,
                level=asked.level,
                unless_younger=timedelta(hours=hours) if hours else None,
            ),
            work,
            now=datetime.now(UTC),
        )
    manifest = done.manifest
    return {
        "dump": manifest.folder,
        "already": done.already,
        "taken_at": manifest.taken_at,
        "tables": len(manifest.tables),
        "rows": manifest.rows,
        "bytes": sum(file.size for file in manifest.files.values()),
    }


def run_load(asked: argparse.Namespace) -> dict[str, Any]:
    """Raises DumpError."""
    with _work(asked) as work:
        done = load(
            _shelf(asked),
            asked.store,
            asked.dump,
            _dsn(asked),
            work,
            workers=asked.workers,
            report=lambda line: print(line, file=sys.stderr),
        )
    return {
        "dump": done.manifest.folder,
        "taken_at": done.manifest.taken_at,
        "tables": len(done.manifest.tables),
        "rows": done.manifest.rows,
        "counters_raised": done.counters_raised,
        "equal_to_manifest": True,
    }


def run_drill(asked: argparse.Namespace) -> dict[str, Any]:
    """Each on its own: a failure is told when all are done. Raises DumpError."""
    retain, shelf = timedelta(days=asked.retain_days), _shelf(asked)
    proven: list[dict[str, Any]] = []
    failed: list[str] = []

    def now() -> datetime:
        return datetime.now(UTC)

    for store in asked.store.split(","):
        try:
            with _work(asked) as work:
                found = drill.drill_dump(shelf, store, _server(asked), work, retain=retain, now=now)
                proven.append(found)
        except expected() as error:
            failed.append(f"{store}: {error}")
    if asked.archive_bucket:
        proven += _drill_archives(asked, retain, now, failed)
    if failed:
        raise DumpError("; ".join(failed))
    return {"proven": proven}


def _drill_archives(
    asked: argparse.Namespace, retain: timedelta, now: Any, failed: list[str]
) -> list[dict[str, Any]]:
    from functions.block_archive.connect import ArchiveConnection, connect

    to = ArchiveConnection(bucket=asked.archive_bucket, endpoint_url=asked.endpoint_url)
    _, store = connect(to)
    beside = BucketShelf(_client("s3", asked), asked.archive_bucket)
    proven = []
    for root in drill.newest_roots(store):
        try:
            with _work(asked) as work:
                proven.append(
                    drill.drill_archive(store, beside, root, work, retain=retain, now=now)
                )
        except expected() as error:
            failed.append(f"{root.key}: {error}")
    return proven


def run_list(asked: argparse.Namespace) -> dict[str, Any]:
    """Raises DumpError where a manifest cannot be read."""
    shelf = _shelf(asked)
    found = [find(shelf, asked.store, key) for key in manifests(shelf, asked.store)]
    return {
        "dumps": [
            {
                "dump": manifest.folder,
                "taken_at": manifest.taken_at,
                "rows": manifest.rows,
                "retain_until": manifest.retain_until,
            }
            for manifest in found
        ]
    }


def run_boot(asked: argparse.Namespace) -> dict[str, Any]:
    """Raises DumpError where the image is no cluster that starts and holds rows."""
    if not asked.image.is_file():
        raise DumpError(f"'image' should be a restored volume, got '{asked.image}': no such file")
    with _work(asked) as work:
        return boot_image(asked.image, work)


def _act(acts: Any, name: str, about: str, run: Any) -> Any:
    act = acts.add_parser(name, help=about, description=about)
    act.set_defaults(run=run)
    act.add_argument("--store", required=True, help="such as entity or transaction")
    place = act.add_mutually_exclusive_group(required=True)
    place.add_argument("--bucket", help="where dumps lie")
    place.add_argument("--folder", type=Path, help="a folder instead, such as a bucket's copy")
    act.add_argument("--endpoint-url", help="instead of AWS")
    act.add_argument("--work", type=Path, help="folder with room for the compressed dump")
    act.add_argument("--workers", type=int, default=4, help="tables at once")
    act.add_argument("--json", action="store_true", help="one line of JSON")
    return act


def _database(act: Any, about: str) -> None:
    act.add_argument("--database", default="", help=f"connection string {about}")
    act.add_argument("--secret", help="of AWS Secrets Manager, with username and password")


def _dsn(asked: argparse.Namespace) -> str:
    if not asked.secret:
        return make_conninfo(asked.database)
    secrets = _client("secretsmanager", asked)
    found = json.loads(secrets.get_secret_value(SecretId=asked.secret)["SecretString"])
    return make_conninfo(asked.database, user=found["username"], password=found["password"])


def _shelf(asked: argparse.Namespace) -> Shelf:
    if asked.folder is not None:
        return FolderShelf(asked.folder)
    return BucketShelf(_client("s3", asked), asked.bucket)


def _client(service: str, asked: argparse.Namespace) -> Any:
    import boto3

    return boto3.client(service, endpoint_url=asked.endpoint_url)  # type: ignore[call-overload]


@contextmanager
def _work(asked: argparse.Namespace) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mainstay-dump-", dir=asked.work) as folder:
        Path(folder).chmod(0o711)  # as root, a server inside has another account, and walks through
        yield Path(folder)


@contextmanager
def _own_server(asked: argparse.Namespace) -> Iterator[str]:
    # Beside the work and not in it: as root, another account must reach the server's folder.
    with (
        tempfile.TemporaryDirectory(prefix="mainstay-drill-", dir=asked.work) as folder,
        scratch_server(Path(folder)) as dsn,
    ):
        yield dsn


def _server(asked: argparse.Namespace) -> drill.Server:
    if asked.scratch_server:
        return lambda: nullcontext(asked.scratch_server)
    return lambda: _own_server(asked)

"""`make bench-backup`: archives and restores of 1 GiB, as a user runs them, against the fake."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import statistics
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.backup import data
from benchmarks.backup.bars import bars
from benchmarks.backup.command import Used, run
from benchmarks.backup.fake import Fake, fake
from functions.archive_format.geometry import BLOCK_SIZE

OUT = Path("out")
ROUNDS = 3
TRANSPORTS = ("lean", "botocore")
QUOTA = 400.0  # blocks per second
SIZES_GIB = (4, 64, 1024)
SPARSE_BLOCKS = 512
_UNLIMITED = "100000"  # blocks per second
_QUOTA_BLOCKS = 8_192  # twenty seconds of it


def main() -> int:
    """0 when every bar is met, 1 when one is not, 2 when nothing could be measured."""
    try:
        result = measured()
    except (OSError, RuntimeError, ValueError) as error:
        print(f"bench-backup: {error}", file=sys.stderr)
        return 2
    verdicts = list(bars(result))
    result["bars"] = [{"met": met, "bar": bar} for met, bar in verdicts]
    OUT.mkdir(exist_ok=True)
    (OUT / "bench-backup.json").write_text(json.dumps(result, indent=1) + "\n")
    for met, bar in verdicts:
        print(f"{'PASS' if met else 'FAIL'}  {bar}")
    print(f"all figures: {OUT}/bench-backup.json")
    return 0 if all(met for met, _ in verdicts) else 1


def measured() -> dict[str, Any]:
    """Return every figure;
    the transports take turns, and the least of the rounds counts: what a busy
    machine adds to processor time is no property of the program."""
    result: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": platform.platform(),
        "processors": os.cpu_count(),
        "load": os.getloadavg()[0],
        "seed": data.SEED,
    }
    with fake() as cloud, tempfile.TemporaryDirectory(prefix="bench-backup-") as folder:
        archives, restores, bucket = _rounds(cloud, Path(folder), result)
        result["archive"] = {name: _figures(used) for name, used in archives.items()}
        result["restore"] = {
            name: {**_figures(used), "identical": all(one.printed["same"] for one in used)}
            for name, used in restores.items()
        }
        result["increment"] = _increment(cloud, bucket)
        result["quota"] = _quota(cloud)
        result["index_peak_mib"] = {size: _sparse(cloud, size) for size in SIZES_GIB}
    return result


def _rounds(
    cloud: Fake, folder: Path, result: dict[str, Any]
) -> tuple[dict[str, list[Used]], dict[str, list[Used]], str]:
    archives: dict[str, list[Used]] = {name: [] for name in TRANSPORTS}
    restores: dict[str, list[Used]] = {name: [] for name in TRANSPORTS}
    fake_cpu, bucket = cloud.ask("cpu_seconds"), ""
    contents = cloud.ask("contents", data.NAMES[0])
    for number in range(ROUNDS):
        for transport in TRANSPORTS:
            if bucket:
                cloud.ask("drop", bucket)
            bucket = cloud.ask("bucket", f"round-{number}-{transport}")
            archives[transport].append(_archive(cloud, bucket, data.NAMES[0], transport))
            restores[transport].append(_restored(cloud, bucket, contents, folder, transport))
    fake_cpu = cloud.ask("cpu_seconds") - fake_cpu
    ours = sum(
        one.cpu_seconds for used in (archives, restores) for all_ in used.values() for one in all_
    )
    result["fake_cpu_share"] = round(fake_cpu / (fake_cpu + ours), 3)
    return archives, restores, bucket


def _archive(cloud: Fake, bucket: str, snapshot: str, transport: str, *more: str) -> Used:
    where = ("--bucket", bucket, "--endpoint-url", cloud.url, "--transport", transport)
    pace = () if "--blocks-per-second" in more else ("--blocks-per-second", _UNLIMITED)
    whole = () if "--base" in more else ("--full",)
    options = (*where, *pace, *whole, *more)
    return run("archive", "--snapshot", snapshot, "--level", str(data.LEVEL), *options)


def _restored(
    cloud: Fake, bucket: str, contents: dict[int, bytes], folder: Path, transport: str
) -> Used:
    image = folder / "image"
    where = ("--bucket", bucket, "--endpoint-url", cloud.url, "--transport", transport)
    used = run("restore", "--root", data.NAMES[0], "--to", str(image), *where)
    used.printed["same"] = _same(image, contents)
    image.unlink()
    return used


def _same(image: Path, contents: dict[int, bytes]) -> bool:
    """Check that every allocated block is the snapshot's, and that nothing else takes room."""
    if image.stat().st_size != data.VOLUME_GIB * 2**30:
        return False
    with image.open("rb") as file:
        for index, digest in contents.items():
            file.seek(index * BLOCK_SIZE)
            if hashlib.sha256(file.read(BLOCK_SIZE)).digest() != digest:
                return False
    return image.stat().st_blocks * 512 <= (len(contents) + 1) * BLOCK_SIZE


def _figures(used: list[Used]) -> dict[str, Any]:
    cpu = [one.cpu_seconds for one in used]  # of 1 GiB
    return {
        "cpu_seconds_per_gib": round(min(cpu), 3),
        "median_cpu_seconds_per_gib": round(statistics.median(cpu), 3),
        "seconds": round(min(one.printed["seconds"] for one in used), 3),
        "peak_mib": round(max(one.peak_mib for one in used), 1),
    }


def _increment(cloud: Fake, bucket: str) -> dict[str, Any]:
    """Return the second snapshot on top of the first one's root."""
    cloud.ask("forget")
    used = _archive(cloud, bucket, data.NAMES[1], "lean", "--base", data.NAMES[0])
    changed, compressed = cloud.ask("changed")
    return {
        "changed": changed,
        "fetched": cloud.ask("calls")["GetSnapshotBlock"],
        "stored_bytes": used.printed["stored_bytes"],
        "compressed_bytes": compressed,
        "cpu_seconds": round(used.cpu_seconds, 3),
        "seconds": used.printed["seconds"],
    }


def _quota(cloud: Fake) -> dict[str, Any]:
    """Against a token bucket, of which twice is asked for. Blocks that compress at once: it is the
    pace that is measured, and not the machine."""
    bucket = cloud.ask("bucket", "quota")
    snapshot = cloud.ask("sparse", data.VOLUME_GIB, _QUOTA_BLOCKS)
    cloud.ask("quota", QUOTA)
    used = _archive(cloud, bucket, snapshot, "lean", "--blocks-per-second", str(2 * QUOTA))
    found = cloud.ask("quota_used")
    cloud.ask("drop", bucket)
    asked = found["taken"] + found["throttled"]
    return {
        **found,
        "used": found["taken"] / found["seconds"] / QUOTA,
        "throttled": found["throttled"] / asked,
        "counters": used.printed["counters"],
    }


def _sparse(cloud: Fake, volume_gib: int) -> float:
    """Peak memory with as many blocks in a volume of another size."""
    bucket = cloud.ask("bucket", f"sparse-{volume_gib}")
    snapshot = cloud.ask("sparse", volume_gib, SPARSE_BLOCKS)
    peak = _archive(cloud, bucket, snapshot, "lean").peak_mib
    cloud.ask("drop", bucket)
    return round(peak, 1)


if __name__ == "__main__":
    raise SystemExit(main())

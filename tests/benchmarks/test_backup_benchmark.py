"""The benchmark of the archive: its data is the same everywhere, and each bar can be missed.

The bars themselves are held by `make bench-backup`: a test's machine is too busy for them.
"""

from __future__ import annotations

import copy
import hashlib

import pytest

from benchmarks.backup import data
from benchmarks.backup.bars import bars
from benchmarks.backup.command import run
from doubles.ebs_direct.cloud import Cloud
from doubles.ebs_direct.server import serving
from doubles.ebs_direct.volumes import BLOCK_SIZE, BlockVolume
from functions.archive_format import zstd

MET = {
    "archive": {
        "lean": {"cpu_seconds_per_gib": 3.5, "peak_mib": 180},
        "botocore": {"cpu_seconds_per_gib": 5.0, "peak_mib": 200},
    },
    "restore": {
        "lean": {"cpu_seconds_per_gib": 1.9, "identical": True},
        "botocore": {"cpu_seconds_per_gib": 1.9, "identical": True},
    },
    "quota": {"per_second": 400, "used": 0.97, "throttled": 0.01},
    "index_peak_mib": {"4": 80, "64": 82, "1024": 84},
    "increment": {"changed": 103, "fetched": 103, "stored_bytes": 101, "compressed_bytes": 100},
    "fake_cpu_share": 0.15,
}
DIGEST = (
    "9fa8e7ebae3c1daedda0d442cbbc56c5d96bcd08e2db559e2c9d6e61de136121"  # of the first eight blocks
)
MISSED = [
    ("archive.lean.cpu_seconds_per_gib", 4.1),
    ("archive.lean.peak_mib", 221),
    ("archive.botocore.cpu_seconds_per_gib", 7.6),
    ("restore.lean.cpu_seconds_per_gib", 2.6),
    ("restore.botocore.identical", False),
    ("quota.used", 0.94),
    ("quota.throttled", 0.03),
    ("index_peak_mib.1024", 110),
    ("increment.fetched", 104),
    ("increment.stored_bytes", 106),
    ("fake_cpu_share", 0.3),
]


def test_a_run_that_meets_every_bar_says_so():
    assert all(met for met, _ in bars(MET))


@pytest.mark.parametrize(("path", "value"), MISSED, ids=[path for path, _ in MISSED])
def test_each_bar_can_be_missed(path, value):
    result = copy.deepcopy(MET)
    *groups, name = path.split(".")
    place = result
    for group in groups:
        place = place[group]
    place[name] = value
    assert [met for met, _ in bars(result)].count(False) == 1


def test_the_blocks_are_the_same_on_every_machine_and_compress_as_records_do():
    content = data.Content(data.SEED)
    blocks = [content.block() for _ in range(8)]
    assert hashlib.sha256(b"".join(blocks)).hexdigest() == DIGEST
    stored = sum(len(zstd.compress(block, data.LEVEL)) for block in blocks)
    assert 1.7 < 8 * BLOCK_SIZE / stored < 2.0


def test_what_a_run_has_used_is_the_kernel_s_word():
    cloud = Cloud()
    cloud.s3.create("b")
    volume = BlockVolume(1)
    volume.write(0, b"\1" * BLOCK_SIZE)
    snapshot = cloud.ebs.add(volume.snapshot(at=cloud.now())).id
    with serving(cloud) as url:
        used = run("archive", "--snapshot", snapshot, "--bucket", "b", "--endpoint-url", url)
        with pytest.raises(RuntimeError, match="ended with 1"):
            run("archive", "--snapshot", "snap-0", "--bucket", "b", "--endpoint-url", url)
    assert used.printed["counts"]["data"] == 1
    assert 0.05 < used.cpu_seconds < 60
    assert used.peak_mib > 20

"""A volume as EBS snapshots one in mid-flight: XFS, mounted, with a cluster that was killed."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

from doubles.ebs_direct.volumes import BLOCK_SIZE, BlockVolume
from dumps.boot import FOLDER
from dumps.volume import in_guest

GIB = 2**30
_MKFS = "/usr/sbin/mkfs.xfs"


def crashed_image(data: Path, work: Path) -> Path:
    """Return an image of a volume whose power went while it was mounted: its log is dirty.

    What a database waits for, an fsync of a file, is there; the folder got its name last, which
    stands in the log alone.
    """
    image, inside = work / "image", shlex.quote(f"{FOLDER}.new")
    with image.open("wb") as file:
        file.truncate(GIB)
    subprocess.run([_MKFS, "-q", str(image)], check=True, capture_output=True)
    commands = (
        f"cp -R {shlex.quote(str(data))} {inside}; sync -f .; mv {inside} {FOLDER}; "
        f"sync {FOLDER}/PG_VERSION {FOLDER}"
    )
    in_guest(image, commands, work / "guest", options="rw")
    return image


def volume_of(image: Path) -> BlockVolume:
    """Return what EBS would hold of the image: the blocks that were ever written."""
    volume, end = BlockVolume(1), image.stat().st_size
    with image.open("rb") as file:
        at = 0
        while at < end:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA) // BLOCK_SIZE * BLOCK_SIZE
            except OSError:  # nothing but a hole is left
                break
            file.seek(at)
            volume.write(at // BLOCK_SIZE, file.read(BLOCK_SIZE))
            at += BLOCK_SIZE
    return volume

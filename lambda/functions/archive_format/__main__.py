"""The restore tool that the bucket carries: a plain copy of the bucket in, a raw image out."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from . import root as roots
from .folder import Folder
from .geometry import ArchiveError
from .image import restore_image
from .levels import verify
from .reader import load_root


def main(arguments: list[str] | None = None) -> int:
    """0 when done; 1 with the reason on standard error."""
    asked = _parser().parse_args(arguments)
    try:
        return _COMMANDS[asked.command](Folder(asked.bucket), asked)
    except (ArchiveError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="restore.pyz",
        description="Reads a mainstay block archive from a plain copy of its bucket. Needs Python "
        "3.14, or 3.11 with the program zstd; no network, no account.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, about in (
        ("list", "the backups in it"),
        ("restore", "write a volume as a raw image"),
        ("verify", "level 0: index; level 2: every byte"),
    ):
        command = commands.add_parser(name, help=about)
        command.add_argument("--bucket", type=Path, required=True, help="folder with its files")
        if name != "list":
            text = "a key under manifests/, a snapshot's id, or latest"
            command.add_argument("--root", default="latest", help=text)
        if name == "restore":
            command.add_argument(
                "--to", type=Path, required=True, help="a new file, or a block device"
            )
            command.add_argument("--overwrite", action="store_true", help="replace what is there")
        if name == "verify":
            command.add_argument("--level", type=int, choices=(0, 2), default=2)
    return parser


def _list(files: Folder, _: argparse.Namespace) -> int:
    for key in files.keys(roots.PREFIX):
        root = roots.decode(files.get(key), key)
        print(f"{key}  {root.volume_gib} GiB  {root.counts.data} blocks of data")
    return 0


def _restore(files: Folder, asked: argparse.Namespace) -> int:
    root = load_root(files, asked.root)
    start = time.monotonic()
    restored = restore_image(files, root, asked.to, overwrite=asked.overwrite)
    result = {"root": root.key, "to": str(asked.to), **vars(restored)}
    print(json.dumps({**result, "seconds": round(time.monotonic() - start, 3)}))
    return 0


def _verify(files: Folder, asked: argparse.Namespace) -> int:
    root = load_root(files, asked.root)
    print(json.dumps({"root": root.key, "level": asked.level, **verify(files, root, asked.level)}))
    return 0


_COMMANDS = {"list": _list, "restore": _restore, "verify": _verify}

if __name__ == "__main__":
    raise SystemExit(main())

"""Makes the bucket readable on its own, by a description of the format and the restore tool."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from datetime import datetime
from pathlib import Path

from functions.archive_format.geometry import BLOCK_SIZE, FORMAT_VERSION, SEGMENT_SLOTS
from functions.block_archive.errors import ArchiveError
from functions.block_archive.store import Store

_FOLDER = Path(__file__).parents[1] / "archive_format"
RESTORE = f"restore/v{FORMAT_VERSION}"


def carry_guide(store: Store, lock: datetime) -> None:
    """Put FORMAT and the restore tool beside the first root; never change them after."""
    if store.head("FORMAT") is not None:
        return
    files = guide()
    for key in sorted(files, key=lambda key: key == "FORMAT"):  # it says that the others are there
        body = files[key]
        try:
            store.put_new(key, body, hashlib.sha256(body).digest(), lock)
        except ArchiveError as error:  # an earlier version of the tool reads the same format
            if "damaged" not in str(error):
                raise


def guide() -> dict[str, bytes]:
    """The files by key."""
    tool, readme = restore_tool(), (_FOLDER / "README.md").read_bytes()
    sums = {"restore.pyz": tool, "README.md": readme}
    lines = [f"{hashlib.sha256(body).hexdigest()}  {name}\n" for name, body in sums.items()]
    return {
        f"{RESTORE}/restore.pyz": tool,
        f"{RESTORE}/README.md": readme,
        f"{RESTORE}/SHA256SUMS": "".join(lines).encode(),
        "FORMAT": _format(),
    }


def restore_tool() -> bytes:
    """archive_format as a program for `python3`, the same bytes every time."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        start = "from archive_format.__main__ import main\nraise SystemExit(main())\n"
        archive.writestr(zipfile.ZipInfo("__main__.py"), start)
        for path in sorted(_FOLDER.glob("*.py")):
            archive.writestr(zipfile.ZipInfo(f"archive_format/{path.name}"), path.read_text())
    return file.getvalue()


def _format() -> bytes:
    return json.dumps(
        {
            "format": f"mainstay block archive, version {FORMAT_VERSION}",
            "version": FORMAT_VERSION,
            "block_size": BLOCK_SIZE,
            "segment_slots": SEGMENT_SLOTS,
            "hash": "SHA-256",
            "codec": "zstd (RFC 8878), one frame per block",
            "description": f"{RESTORE}/README.md",
            "restore": f"python3 {RESTORE}/restore.pyz restore --bucket . --root ROOT --to FILE",
        },
        indent=1,
    ).encode()

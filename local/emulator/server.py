"""Start, ask and end the emulator: one process on 127.0.0.1."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from local import process
from local.waiting import NotInTimeError, is_free, last_lines, wait_until

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-emulator" / "bin" / "python"

# From start to the first answer to a health check: 1 s on a quiet machine, 6 s on a busy one
# (measured); a machine that runs a test suite beside it may take several times that.
START_SECONDS = 60


# What its process is given of the caller's shell.
_KEPT = ("PATH", "HOME", "LANG")


class EmulatorError(RuntimeError):
    """The emulator cannot be started or has gone; the message names the fix."""


@dataclass(frozen=True, kw_only=True)
class Emulator:
    """The emulator of one folder, which holds its log. `account` is 12 digits."""

    folder: Path
    port: int
    account: str
    permissions: str = "enforce"  # or "record", which refuses nothing and writes the verdicts down

    @property
    def endpoint(self) -> str:
        """Return an address and no name.

        With it, every SDK puts a bucket into the path of its URL.
        """
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "emulator.log"

    @property
    def authority(self) -> Path:
        """Return the certificate that signs those of its load balancers; there once one listens."""
        return self._scratch() / "authority.pem"

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises EmulatorError when the port is taken, its virtual environment is missing, or it
        ends or does not answer within START_SECONDS.
        """
        self.refuse_unless_startable()
        child = process.start(
            [str(PYTHON), "-m", "local.emulator.launch"],
            folder=self.folder,
            log=self.log,
            variables=self._variables(),
            cwd=ROOT,
        )
        (self.folder / "emulator.pid").write_text(str(child.pid))
        try:
            wait_until(
                lambda: child.poll() is not None or self.answers(),
                "the emulator's answer",
                seconds=START_SECONDS,
            )
            if child.poll() is not None:
                raise NotInTimeError(f"it ended with {child.returncode}")
        except NotInTimeError as error:
            process.end([child.pid])
            raise EmulatorError(
                f"the emulator did not start: {error}\n{last_lines(self.log)}"
            ) from None

    def refuse_unless_startable(self) -> None:
        """Raise EmulatorError where its virtual environment is missing, or its port is taken."""
        if not PYTHON.exists():
            raise EmulatorError(f"'{PYTHON}' is not there: run `make setup`")
        if not is_free(self.port):
            raise EmulatorError(
                f"'EMULATOR_PORT' should be free, and something listens on 127.0.0.1:{self.port}: "
                f"end it, or choose another, such as EMULATOR_PORT={self.port + 10}"
            )

    def answers(self) -> bool:
        """Return whether its health check is answered within two seconds."""
        try:
            with urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=2) as answer:
                return answer.status == 200 and isinstance(json.load(answer), dict)
        except (urllib.error.URLError, OSError, ValueError):
            return False

    @property
    def pid(self) -> int | None:
        """Return its process, or None where none was started for this folder or it has ended."""
        try:
            pid = int((self.folder / "emulator.pid").read_text())
        except (OSError, ValueError):
            return None
        return pid if pid in process.marked(self.folder) else None

    def alive(self) -> Callable[[], bool]:
        """A cheap check, made once per poll, that the process which runs now still does."""
        pid = self.pid
        return lambda: pid is not None and process.alive(pid)

    def reset(self) -> None:
        """Forget every resource of every account and Region."""
        request = urllib.request.Request(f"{self.endpoint}/_ministack/reset", data=b"")
        with urllib.request.urlopen(request, timeout=60):
            pass

    def memory_mib(self) -> int | None:
        """Return its resident memory in MiB, or None where it does not run."""
        if (pid := self.pid) is None:
            return None
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) // 1024
        return None

    def last_words(self, lines: int = 15) -> str:
        """Return the end of its log."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return "(it left no log)"

    def _variables(self) -> dict[str, str]:
        """Nothing of the caller's shell but what a program needs to run at all."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return {
            **kept,
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            # Its defaults listen on every interface and open more ports.
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "MINISTACK_ACCOUNT_ID": self.account,
            "LOCAL_IAM": self.permissions,
            # The CDK's own functions of custom resources import the SDK of Lambda's Node runtime.
            "NODE_PATH": str(ROOT / "node_modules"),
            "TMPDIR": str(self._scratch()),
        }

    def _scratch(self) -> Path:
        folder = self.folder / "tmp"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

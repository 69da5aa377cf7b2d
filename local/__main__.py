"""`python -m local up | diff | destroy | reset | status`: the commands behind `make local...`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from local import commands
from local.emulator.server import EmulatorError
from local.ending import failed
from local.first_tenant import FirstTenantError
from local.front_door import NotServedError
from local.postgres.binaries import ProgramError
from local.postgres.server import NotReadyError
from local.session import LocalSession
from local.target import refuse_real_credentials, refuse_unless_loopback
from local.watched_cli import CdkError

COMMANDS = {
    "up": commands.up,
    "diff": commands.diff,
    "destroy": commands.destroy,
    "reset": commands.reset,
    "status": commands.status,
}

# Wrong use, a wrong environment file, and what may fail.
_REASONS = (
    ValueError,
    EmulatorError,
    CdkError,
    FirstTenantError,
    NotServedError,
    ProgramError,
    NotReadyError,
    BotoCoreError,
    ClientError,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0, or 1 with one message; 130 when interrupted, with every process ended."""
    parser = argparse.ArgumentParser(prog="local", description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--environment", default="production", metavar="NAME")
    parser.add_argument("--port", type=int, default=4570, help="the emulator's, on 127.0.0.1")
    parser.add_argument("--endpoint", default=None, metavar="URL", help="of another emulator")
    parser.add_argument("--folder", type=Path, default=Path("out/local"))
    parser.add_argument("--dry-run", action="store_true", help="destroy: only print what stays")
    given = parser.parse_args(argv)
    session = LocalSession(folder=given.folder.resolve(), port=given.port, endpoint=given.endpoint)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        refuse_unless_loopback(session.url)
        refuse_real_credentials()
        COMMANDS[given.command](session, given)
    except Exception as error:
        return failed("local", error, expected=_REASONS)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        ended = session.end() if given.command in ("up", "destroy", "reset") else 0
        print(f"\nlocal: interrupted; {ended} processes ended, none left", file=sys.stderr)
        return 130
    return 0


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # no thread of a library delays the end

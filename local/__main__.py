"""`python -m local up | diff | destroy | reset | status`: the acts behind `make local...`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from local import acts
from local.acts import ActError
from local.cdk import CdkError
from local.emulator.server import EmulatorError
from local.first_tenant import FirstTenantError
from local.session import Session
from local.target import WrongUseError, refuse_real_credentials, refuse_unless_loopback

ACTS = {
    "up": acts.up,
    "diff": acts.diff,
    "destroy": acts.destroy,
    "reset": acts.reset,
    "status": acts.status,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0, or 1 with one message; 130 when interrupted, with every process ended."""
    parser = argparse.ArgumentParser(prog="local", description=__doc__)
    parser.add_argument("act", choices=ACTS)
    parser.add_argument("--environment", default="production", metavar="NAME")
    parser.add_argument("--port", type=int, default=4570, help="the emulator's, on 127.0.0.1")
    parser.add_argument("--endpoint", default=None, metavar="URL", help="of another emulator")
    parser.add_argument("--folder", type=Path, default=Path("out/local"))
    parser.add_argument("--dry-run", action="store_true", help="destroy: only say what stays")
    given = parser.parse_args(argv)
    session = Session(folder=given.folder.resolve(), port=given.port, endpoint=given.endpoint)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        refuse_unless_loopback(session.url)
        refuse_real_credentials()
        ACTS[given.act](session, given)
    except (WrongUseError, EmulatorError, CdkError, FirstTenantError, ActError) as error:
        print(f"local: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        ended = session.end() if given.act in ("up", "destroy", "reset") else 0
        print(f"\nlocal: interrupted; {ended} processes ended, none left", file=sys.stderr)
        return 130
    return 0


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # no thread of a library delays the end

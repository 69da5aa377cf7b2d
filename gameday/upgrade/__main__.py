"""`python -m gameday.upgrade`: the whole drill; exit code 1 where a bar is missed."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
from pathlib import Path

from gameday.release import OVERLAYS
from gameday.upgrade import page, report, verdict
from gameday.upgrade.client import Rates
from gameday.upgrade.clients import ClientError
from gameday.upgrade.deployed import MissingStackError
from gameday.upgrade.drill import DrillError, UpgradeDrill, deploy, hold
from gameday.upgrade.live import Live
from gameday.upgrade.served import spoken
from local.emulator.server import EmulatorError
from local.first_tenant import FirstTenantError
from local.front_door import NotServedError
from local.session import LocalSession
from local.target import WrongUseError, refuse_real_credentials
from local.waiting import free_port
from local.watched_cli import CdkError

OUT = Path("out/upgrade.json")
_NOT_HELD = (
    *(CdkError, ClientError, DrillError, EmulatorError, FirstTenantError),
    *(MissingStackError, NotServedError, WrongUseError),
)


def main() -> int:
    """Exit code 0: every bar holds; 1: one does not; 2: the drill could not be held."""
    given = _parser().parse_args()
    drill = _drill(given)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    session = LocalSession(folder=drill.target.resolve(), port=free_port(), endpoint=None)
    live = Live()
    try:
        refuse_real_credentials()
        session.end()  # what a drill before kept
        shutil.rmtree(drill.folder, ignore_errors=True)
        target = deploy(drill, session, live)
        run = hold(drill, session, target, live)
        version = spoken(drill.target / "releases" / "2")
        bars = verdict.bars(run.attempts, run.found, logins=drill.logins, version=version)
        result = report.report(drill, run, bars)
    except _NOT_HELD as error:
        print(f"the drill could not be held: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted: the drill ends, and everything of it", file=sys.stderr)
        return 2
    finally:
        if given.keep:
            print(f"kept: {sys.executable} -m local reset --folder {drill.target} ends it")
        else:
            session.end()
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(result, indent=2) + "\n")
    OUT.with_suffix(".html").write_text(page.page(result))
    print("\n".join(table(result)))
    return 0 if result["holds"] else 1


def table(result: dict) -> list[str]:
    """Return the bars, for a terminal."""
    bars = result["bars"]
    wide = [max(len(bar[key]) for bar in bars) for key in ("name", "figure")]
    lines = [
        f"{'ok  ' if bar['holds'] else 'MISS'} {bar['name']:{wide[0]}}  {bar['figure']:{wide[1]}}  "
        f"{bar['bar']}"
        for bar in bars
    ]
    verb = "holds" if result["holds"] else "DOES NOT HOLD"
    steps = " + ".join(f"{step} {took:.1f}" for step, took in result["window"]["steps"].items())
    refused = f"writes refused, in seconds: {steps}"
    return ["", *lines, "", refused, f"{verb}; {OUT}, {OUT.with_suffix('.html')}"]


def _drill(given: argparse.Namespace) -> UpgradeDrill:
    return UpgradeDrill(
        environment=given.environment,
        users=given.rows,
        rates=Rates(login=given.logins, check=given.checks, write=given.writes, audit=given.audits),
        clients=given.clients,
        after_seconds=given.after,
        logins=given.least,
        bake_seconds=given.bake,
        release=given.release,
    )


def _parser() -> argparse.ArgumentParser:
    known = UpgradeDrill()
    parser = argparse.ArgumentParser(prog="python -m gameday.upgrade", description=__doc__)
    rates = (
        ("logins", known.rates.login),
        ("checks", known.rates.check),
        ("writes", known.rates.write),
        ("audits", known.rates.audit),
    )
    for name, rate in rates:
        parser.add_argument(f"--{name}", type=float, default=rate, help=f"a second ({rate:g})")
    parser.add_argument("--clients", type=int, default=known.clients, help="processes")
    parser.add_argument("--rows", type=int, default=known.users, help="accounts of each tenant")
    parser.add_argument("--bake", type=int, default=known.bake_seconds, help="seconds at a tenth")
    parser.add_argument(
        "--release",
        choices=OVERLAYS,
        default=known.release,
        help="what release 2's migration does: additive needs no read-only window",
    )
    parser.add_argument(
        "--after", type=float, default=known.after_seconds, help="seconds of load after the end"
    )
    parser.add_argument("--least", type=int, default=known.logins, help="logins that have to be")
    parser.add_argument("--environment", default=known.environment)
    parser.add_argument("--keep", action="store_true", help="leave everything running")
    return parser


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # no thread of a library delays the end

"""One run: deploy, load, upgrade, load for a while longer, look everything up, end."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from gameday import release
from gameday.upgrade import measures, served, tenants, verify
from gameday.upgrade.attempts import Attempt
from gameday.upgrade.client import Rates
from gameday.upgrade.clients import ROOT, LoadClients
from gameday.upgrade.deployed import readers, target_of
from gameday.upgrade.live import Live, Progress
from gameday.upgrade.rows import Followed, Row
from gameday.upgrade.shares import favour
from gameday.upgrade.target import UpgradeTarget, login
from gameday.upgrade.verdict import BREAKING, Found
from local import commands
from local.session import LocalSession

UPGRADE, BY = "game-day", "game day"
_LABELS = ("globex", "initech")
_LOADED_SECONDS, _STEADY_SECONDS, _ARRIVED_SECONDS = 180, 180, 120
_LOOK_SECONDS = 0.25
_VERSION = "SELECT max(version) FROM operations.migration"


class DrillError(RuntimeError):
    """The drill could not be held; nothing is known about the upgrade."""


@dataclass(frozen=True, kw_only=True)
class UpgradeDrill:
    """`rates` are attempts a second of all clients together. The load goes on after the upgrade
    for `after_seconds`, and until `logins` were tried."""

    folder: Path = ROOT / "out" / "upgrade"
    environment: str = "small"
    users: int = 100_000  # of each tenant
    rates: Rates = Rates(login=11.0, check=5.0, write=4.0, audit=1.0)
    clients: int = 2
    timeout_seconds: float = 10.0
    steady_seconds: float = 20.0
    after_seconds: float = 20.0
    logins: int = 5_000
    bake_seconds: int = 20
    release: str = BREAKING  # the class of release 2, one of gameday.release.OVERLAYS

    @property
    def target(self) -> Path:
        return self.folder / "target"


@dataclass(frozen=True, kw_only=True)
class Run:
    """The result of a run: every attempt, what was found afterwards, and the times."""

    attempts: list[Attempt]
    found: Found
    began: float  # of the load, in seconds since 1970
    upgrade_began: float
    upgrade_ended: float
    load_ended: float
    last_line: str  # by the command, its last line


def deploy(drill: UpgradeDrill, session: LocalSession, live: Live) -> UpgradeTarget:
    """Return the environment of release 1 with two loaded tenants, and everything at rest."""
    drill.target.mkdir(parents=True, exist_ok=True)
    release.provide(drill.target, drill.release)
    shown: Any = Progress(drill.folder / "deploy.log", sys.stdout)
    with contextlib.redirect_stdout(shown):
        commands.up(session, Namespace(environment=drill.environment))
    favour(session.folder)
    made = tenants.named(*_LABELS)
    target = target_of(session, made, users=drill.users)
    live.print(f"Loading {len(made)} tenants with {drill.users:,} accounts each ...")
    tenants.load(target.masters[0], made, users=drill.users)
    wanted = _accounts(target.masters[0])
    servers = [target.masters[1], *readers(session)]
    counts = verify.settle(
        lambda: [_accounts(each) for each in servers],
        lambda found: set(found) == {wanted},
        seconds=_LOADED_SECONDS,
    )
    if set(counts) != {wanted}:
        raise DrillError(f"{wanted:,} accounts should be on every server, found {counts}")
    return target


def hold(drill: UpgradeDrill, session: LocalSession, target: UpgradeTarget, live: Live) -> Run:
    """Return the load, and the upgrade under it.

    Raises DrillError where there is no steady load.
    """
    followed = Followed(
        lambda service: session.target(session.account or "").client(service, _region(session)),
        drill.environment,
        _region(session),
    )
    with LoadClients(
        target,
        rates=drill.rates,
        clients=drill.clients,
        folder=drill.folder / "load",
        mark=session.folder,
        timeout_seconds=drill.timeout_seconds,
    ) as clients:
        began = time.time()
        _until_steady(drill, clients, live)
        upgrade_began = time.time()
        last_line = _upgraded(drill, session, clients, live, followed)
        upgrade_ended = time.time()
        _go_on(drill, clients, live)
        load_ended = time.time()
        clients.stop()
    live.print("The load has ended; looking up what became of it ...")
    found = _found(
        drill,
        session,
        target,
        clients.attempts,
        last_line=last_line,
        seconds=upgrade_ended - upgrade_began,
        went=followed.rows(UPGRADE),
        journal=followed.lines(UPGRADE),
    )
    return Run(
        attempts=clients.attempts,
        found=found,
        began=began,
        upgrade_began=upgrade_began,
        upgrade_ended=upgrade_ended,
        load_ended=load_ended,
        last_line=last_line,
    )


def _until_steady(drill: UpgradeDrill, clients: LoadClients, live: Live) -> None:
    """For `steady_seconds` on end nine tenths of the logins that are due are answered well."""
    began = time.monotonic()
    wanted = drill.rates.login * drill.steady_seconds
    while time.monotonic() - began < _STEADY_SECONDS:
        time.sleep(_LOOK_SECONDS)
        live.show("steady load", time.monotonic() - began, clients.look())
        since = time.time() - drill.steady_seconds
        recent = [each for each in clients.attempts if each.ended >= since]
        well = measures.counted(recent)["login"]["ok"]
        if time.monotonic() - began >= drill.steady_seconds and well >= 0.9 * wanted:
            live.print(f"The load is steady: {well / drill.steady_seconds:.1f} logins a second")
            return
    raise DrillError(
        f"this machine does not carry {drill.rates.login:g} logins a second now: lower --logins"
    )


def _upgraded(
    drill: UpgradeDrill, session: LocalSession, clients: LoadClients, live: Live, followed: Followed
) -> str:
    """Start the upgrade as a person would, and watch it to its end; the command's last line."""
    live.print(f"Upgrading to {release.IMAGES['2']}, with a bake of {drill.bake_seconds} s ...")
    log, began = drill.folder / "upgrade.log", time.monotonic()
    with log.open("w") as out:
        child = subprocess.Popen(
            command("start", "--image", release.IMAGES["2"], "--id", UPGRADE,
                    "--bake", str(drill.bake_seconds), "--class", drill.release, drill=drill),
            env=_variables(session),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a terminal's Ctrl-C ends the drill, which ends this
        )  # fmt: skip
        try:
            while child.poll() is None:
                time.sleep(_LOOK_SECONDS)
                step = followed.step(UPGRADE)
                live.show(step or "begin", time.monotonic() - began, clients.look())
        finally:
            if child.poll() is None:
                child.terminate()
                child.wait()
    last_line = (log.read_text().splitlines() or [f"nothing was printed: {child.returncode}"])[-1]
    live.print(last_line)
    return last_line


def _go_on(drill: UpgradeDrill, clients: LoadClients, live: Live) -> None:
    """The load without the upgrade, for as long as the drill asks; bounded by its own rate."""
    began = time.monotonic()
    limit = drill.after_seconds + 2 * drill.logins / drill.rates.login
    while (seconds := time.monotonic() - began) < limit:
        tried = sum(measures.counted(clients.attempts)["login"].values())
        if seconds >= drill.after_seconds and tried >= drill.logins:
            return
        time.sleep(_LOOK_SECONDS)
        live.show("upgraded, the load goes on", seconds, clients.look())


def _found(
    drill: UpgradeDrill,
    session: LocalSession,
    target: UpgradeTarget,
    attempts: list[Attempt],
    *,
    last_line: str,
    seconds: float,
    went: list[Row],
    journal: list[dict[str, str]],
) -> Found:
    first, second = target.masters
    lost_events = verify.settle(
        lambda: verify.lost_events(target.transaction, attempts),
        lambda lost: not lost,
        seconds=_ARRIVED_SECONDS,
    )
    compared = verify.settle(
        lambda: verify.compared(target.masters), lambda it: it["equal"], seconds=_ARRIVED_SECONDS
    )
    user = str(tenants.account_id(target.tenants[0], login(0)))
    return Found(
        outcome=last_line.partition(":")[0],
        seconds=seconds,
        bake_seconds=drill.bake_seconds,
        release=drill.release,
        rows=went,
        journal=journal,
        lost_writes={
            "A": verify.lost_writes(first, attempts),
            "B": verify.lost_writes(second, attempts),
        },
        refused_and_written=verify.refused_and_written(first, attempts),
        lost_events=lost_events,
        compared=compared,
        sums={"A": verify.sums(first), "B": verify.sums(second)},
        crossed=served.crossed(
            served.read((session.folder / "logs").glob("*-server.log")),
            attempts,
            speak={
                build: served.spoken(drill.target / "releases" / build) for build in release.IMAGES
            },
        ),
        cost=verify.cost(first, user),
        rows_per_tenant=drill.users,
        versions={"A": _version(first), "B": _version(second)},
    )


def command(*arguments: str, drill: UpgradeDrill) -> list[str]:
    """Return the shipped command, for the drill's environment."""
    shipped = str(Path(sys.executable).parent / "mainstay")
    return [shipped, "upgrade", *arguments, "--environment", drill.environment, "--by", BY]


def _variables(session: LocalSession) -> dict[str, str]:
    target = session.target(session.account or "")
    return {"PATH": os.environ.get("PATH", os.defpath), **target.variables(_region(session))}


def _region(session: LocalSession) -> str:
    return session.state["regions"][0]


def _accounts(dsn: str) -> int:
    """-1 of a server that is not so far yet."""
    try:
        return _value(dsn, "SELECT count(*) FROM account")
    except psycopg.Error:
        return -1


def _version(dsn: str) -> int:
    return _value(dsn, _VERSION)


def _value(dsn: str, statement: str) -> Any:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]

"""The commands of the local target, each with its progress and its timings."""

from __future__ import annotations

import re
import shutil
from argparse import Namespace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from assembly.cdk_cli import CliRun
from assembly.reader import Assembly, read
from assembly.waves import Rollout, Wave, plan_waves, wave_patterns
from config.reader import environment_named
from deploy.checks.bootstrap import lacking
from local import first_tenant, front_door, images, inputs, permissions
from local.clock import Clock
from local.emulator.recorded import RECORDED
from local.session import LocalSession
from local.target import WrongUseError
from local.watched_cli import CdkError, WatchedCli

# Lines that a person needs of a failed run's output.
_FAILURES = re.compile(r"CREATE_FAILED|UPDATE_FAILED|DELETE_FAILED|rror:|❌|Unrecognized")

# Lines of the CLI on its own work, before those on what differs.
_CHATTER = ("start:", "success:", "Hold on while")


def up(session: LocalSession, given: Namespace) -> None:
    """Deploy the environment, run what it deploys, and show that it answers."""
    clock = Clock()
    environment = environment_named(given.environment)
    with session.alone():
        started = False
        session.refuse_unless_startable()  # before a synth takes its time
        try:
            made = _synthesize(session, environment.name, clock)
            clock.step(f"Emulator on {session.url} ...")
            started = session.ensure_running(made.account)
            clock.detail("started" if started else "it runs already")
            if session.state.get("destroyed") and session.endpoint is None:
                # As on AWS, a name that a destroy retained would be in the way of a new one.
                clock.detail("forgetting what the last destroy left")
                session.emulator.reset()
            session.record(made, environment.name)
            cli = _cli(session, made, clock)
            _bootstrap(session, cli, made, clock)
            session.ensure_processes(made)
            waves = plan_waves(made.stacks.values(), wave_patterns(environment))
            _deploy(session, made, waves, cli, clock)
        except Exception:
            if started:
                session.end()
            raise
        # From here on what runs stays, so that a person can look at it.
        clock.step("Waiting for an answer through load balancer, nginx and app ...")
        listener = front_door.wait_until_it_serves(session)
        clock.step(f"Logging in as {first_tenant.LOGIN} ...")
        target = session.target(made.account)
        first_tenant.make(target, made.regions[0], environment.name)
        front_door.login(session, listener)
        _print_permissions(session)
    _print_recorded(made)
    _print_ready(session, made, listener, clock)


def diff(session: LocalSession, given: Namespace) -> None:
    """Show what a deploy of the files as they are now would change."""
    clock = Clock()
    with session.alone():
        _need_running(session)
        made = _synthesize(session, given.environment, clock)
        clock.step("Comparing with what is deployed ...")
        run = _cli(session, made).diff([stack.path for stack in made.stacks.values()])
        check(run, "diff", session)
    lines = [line for line in run.output.splitlines() if not line.startswith(_CHATTER)]
    print(re.sub(r"\n{2,}", "\n\n", "\n".join(lines)))


def destroy(session: LocalSession, given: Namespace) -> None:
    """Destroy the stacks; what is retained stays in the emulator until it is reset."""
    from local.destruction import LocalDestruction, listed

    with session.alone():
        _need_running(session)
        clock, made = Clock(), read(session.folder / "cdk.out")
        target = session.target(made.account)
        destruction = LocalDestruction(made, session.state["environment"], target, clock)
        print("\n".join(listed(destruction.plan)))
        if not given.dry_run:
            destruction.run(_cli(session, made, clock))
            session.note("destroyed", value=True)


def reset(session: LocalSession, given: Namespace) -> None:
    """End everything and forget everything."""
    ended = session.end()
    if session.folder.exists():
        shutil.rmtree(session.folder)
    print(f"{ended} processes ended; {session.folder} removed: nothing is left")


def status(session: LocalSession, given: Namespace) -> None:
    """Print what runs."""
    from local import report

    print("\n".join(report.render(session)))


def check(run: CliRun, command: str, session: LocalSession) -> None:
    """Raise CdkError with what a person needs of a failed run, and where its output is."""
    if run.exit_code == 0:
        return
    output = [line for line in run.output.splitlines() if line.strip()]
    lines = [line for line in output if _FAILURES.search(line)][:12] or output[-6:]
    fix = (
        "the emulator does not know that type: add it in local/emulator/extension"
        if "Unrecognized resource types" in run.output
        else f"its whole output is in {session.folder / 'cdk.log'}"
    )
    raise CdkError("\n".join([f"cdk {command} failed:", *lines, fix]))


def _deploy(
    session: LocalSession, made: Assembly, waves: tuple[Wave, ...], cli: WatchedCli, clock: Clock
) -> None:
    unchanged = 0

    def begin(title: str, wave: Wave) -> bool:
        clock.step(f"{title}, {wave.title}: deploying {len(wave.stacks)} stacks ...")
        return True

    def end(title: str, wave: Wave, run: CliRun) -> bool:
        nonlocal unchanged
        check(run, "deploy", session)
        unchanged += run.output.count("(no changes)")
        return True

    Rollout(assembly=made, waves=waves, cli=cli, before=begin, after=end).deploy()
    if unchanged == len(made.stacks):
        clock.detail(f"nothing to change: all {unchanged} stacks are as in the templates")


def _synthesize(session: LocalSession, environment: str, clock: Clock) -> Assembly:
    """Return the assembly of the files as they are now; synthesize only if they have changed."""
    folder, fresh = session.folder / "cdk.out", session.folder / "cdk.out.new"
    wanted = inputs.digest(environment, images.EDGE_IMAGE, images.APP_IMAGE)
    key = session.folder / "cdk.out.inputs"
    if folder.is_dir() and key.is_file() and key.read_text() == wanted:
        clock.step(f"{environment} is synthesized, and nothing has changed since")
        return read(folder)
    clock.step(f"Synthesizing {environment}, with every gate ...")
    shutil.rmtree(fresh, ignore_errors=True)
    context = {
        "environment": environment,
        "edge_image": images.EDGE_IMAGE,
        "app_image": images.APP_IMAGE,
        "mode_image": images.MODE_IMAGE,
        "dump_image": images.DUMP_IMAGE,
    }
    run = WatchedCli(assembly=fresh, variables={}, folder=session.folder).synth(context)
    if run.exit_code != 0:
        raise CdkError(f"the environment does not synthesize:\n{run.output.strip()}")
    key.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    key.write_text(wanted)
    return read(folder)


def _cli(session: LocalSession, made: Assembly, clock: Clock | None = None) -> WatchedCli:
    return WatchedCli(
        assembly=made.directory,
        variables=session.target(made.account).variables(made.regions[0]),
        folder=session.folder,
        alive=session.alive(),
        show=clock.detail if clock else lambda _: None,
    )


def _bootstrap(session: LocalSession, cli: WatchedCli, made: Assembly, clock: Clock) -> None:
    """Bootstrap every Region that has not been bootstrapped yet."""
    clients = session.target(made.account).client
    places = [place for place, _ in lacking(clients, made.stacks.values())]
    if places:
        clock.step(f"Bootstrapping {' and '.join(places)} ...")
        check(cli.bootstrap(places), "bootstrap", session)


def _need_running(session: LocalSession) -> None:
    if not session.running():
        raise WrongUseError("nothing is deployed: run `make local` first")


def _print_recorded(made: Assembly) -> None:
    """Print which deployed resources are metadata alone."""
    kinds = {one["Type"] for stack in made.stacks.values() for one in stack.resources.values()}
    recorded = {kind: RECORDED[kind] for kind in sorted(kinds & RECORDED.keys())}
    if not recorded:
        return
    print("\nRecorded, with nothing behind it on this machine:")
    for kind, why in recorded.items():
        print(f"  {kind.removeprefix('AWS::'):44} {why}")


def _print_permissions(session: LocalSession) -> None:
    """Write what was asked of IAM since the emulator's start, and print what was refused."""
    found = permissions.write(session)
    if found is None:
        return
    print(f"\nPermissions: {permissions.summary(found)}")
    for one in found.denied:
        print(f"  denied: {found.name(one['principal'])} {one['action']} {one['resource']}")
    for one in found.unknown:
        print(f"  judged by nobody: {found.name(one['principal'])} {one['what']}")
    print(f"  {_shortened(session.folder / 'permissions.md')}")


def _print_ready(
    session: LocalSession, made: Assembly, listener: dict[str, Any], clock: Clock
) -> None:
    url = urlsplit(listener["url"])
    print(f"\n{len(made.stacks)} stacks in {' and '.join(made.regions)}, in {clock.seconds:.0f} s")
    print(f"  {url.geturl()}\n")
    print(
        f"  curl --cacert {_shortened(session.authority)} "
        f"--resolve {url.netloc}:127.0.0.1 -H 'Content-Type: application/json' "
        f"-d '{front_door.CREDENTIALS}' {url.geturl()}/api/v1/authn\n"
    )
    print("make local-status shows what runs; make local-reset ends and forgets everything")


def _shortened(path: Path) -> Path:
    """Return the path relative to where the person stands, where that is shorter."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path

"""What a person does with the local target, each act with its progress and its timings."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import ssl
import time
from argparse import Namespace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local import assembly, first_tenant, images, inputs, process
from local.assembly import Assembly
from local.cdk import Cdk, Ran
from local.emulator.recorded import RECORDED
from local.session import Session

# From the end of the deploy to the first answer through everything.
SERVING_SECONDS = 90

# What a person needs of a failed run's output.
_TELLING = re.compile(r"CREATE_FAILED|UPDATE_FAILED|DELETE_FAILED|rror:|❌|Unrecognized")

# What the CLI says of its own work before it says what differs.
_CHATTER = ("start:", "success:", "Hold on while")

_CREDENTIALS = json.dumps({"username": first_tenant.LOGIN, "password": first_tenant.PASSWORD})

_BOOTSTRAP_VERSION = "/cdk-bootstrap/hnb659fds/version"


class ActError(RuntimeError):
    """An act could not be done; the message says what to do."""


class Clock:
    """Prints what begins, with the seconds since the act began."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._start

    def say(self, words: str) -> None:
        print(f"[{self.seconds:6.1f} s] {words}", flush=True)

    def detail(self, words: str) -> None:
        print(f"           {words.strip()}", flush=True)


def up(session: Session, given: Namespace) -> None:
    """Deploy the environment, run what it deploys, and show that it answers."""
    clock = Clock()
    with session.alone():
        started = False
        try:
            made = _synthesize(session, given.environment, clock)
            clock.say(f"Emulator on {session.url} ...")
            started = session.ensure_running(made.account)
            clock.detail("started" if started else "it runs already")
            if session.state.get("destroyed") and session.endpoint is None:
                # As on AWS, a name that a destroy retained would be in the way of a new one.
                clock.detail("forgetting what the last destroy left")
                session.emulator.reset()
            session.remember(made, given.environment)
            cdk = _cdk(session, made.account, made.regions[0])
            _bootstrap(session, cdk, made, clock)
            session.ensure_keeper(made)
            clock.say(f"Deploying {len(made.stacks)} stacks with the CDK CLI ...")
            ran = cdk.run(
                "deploy", "--app", str(made.folder), "--all", "--require-approval", "never",
                "--concurrency", "6", "--progress", "events", show=clock.detail,
            )  # fmt: skip
            check(ran, "deploy", session)
            unchanged = ran.said.count("(no changes)")
            if unchanged == len(made.stacks):
                clock.detail(f"nothing to change: all {unchanged} stacks are as the templates say")
        except Exception:
            if started:
                session.end()
            raise
        # From here on what runs stays, so that a person can look at it.
        clock.say("Waiting for an answer through load balancer, nginx and app ...")
        listener = _serving(session)
        clock.say(f"Logging in as {first_tenant.LOGIN} ...")
        target = session.target(made.account)
        first_tenant.make(target, made.regions[0], given.environment)
        _login(session, listener)
    _print_recorded(made)
    _print_ready(session, made, listener, clock)


def diff(session: Session, given: Namespace) -> None:
    """What a deploy of the files as they are now would change."""
    clock = Clock()
    with session.alone():
        _need_running(session)
        made = _synthesize(session, given.environment, clock)
        clock.say("Comparing with what is deployed ...")
        cdk = _cdk(session, made.account, made.regions[0])
        ran = cdk.run("diff", "--app", str(made.folder), show=None)
        check(ran, "diff", session)
    lines = [line for line in ran.said.splitlines() if not line.startswith(_CHATTER)]
    print(re.sub(r"\n{2,}", "\n\n", "\n".join(lines)))


def destroy(session: Session, given: Namespace) -> None:
    """Destroy every stack; what is retained stays in the emulator until it is reset."""
    from local import destruction

    with session.alone():
        _need_running(session)
        destruction.destroy(session, Clock(), dry_run=given.dry_run)
        if not given.dry_run:
            session.note("destroyed", value=True)


def reset(session: Session, given: Namespace) -> None:
    """End everything and forget everything."""
    ended = session.end()
    if session.folder.exists():
        shutil.rmtree(session.folder)
    print(f"{ended} processes ended; {session.folder} removed: nothing is left")


def status(session: Session, given: Namespace) -> None:
    """What runs."""
    from local import report

    print("\n".join(report.render(session)))


def _synthesize(session: Session, environment: str, clock: Clock) -> Assembly:
    """The assembly of the files as they are now; made anew only when they have changed."""
    folder, fresh = session.folder / "cdk.out", session.folder / "cdk.out.new"
    wanted = inputs.digest(environment, images.EDGE_IMAGE, images.APP_IMAGE)
    key = session.folder / "cdk.out.inputs"
    if folder.is_dir() and key.is_file() and key.read_text() == wanted:
        clock.say(f"{environment} is synthesized, and nothing has changed since")
        return assembly.read(folder)
    clock.say(f"Synthesizing {environment}, with every gate ...")
    shutil.rmtree(fresh, ignore_errors=True)
    ran = Cdk(folder=session.folder, variables={}, alive=lambda: True).run(
        "synth", "--quiet", "--output", str(fresh), "-c", f"environment={environment}",
        "-c", f"edge_image={images.EDGE_IMAGE}", "-c", f"app_image={images.APP_IMAGE}",
        "-c", f"mode_image={images.MODE_IMAGE}", "-c", f"dump_image={images.DUMP_IMAGE}",
        show=None,
    )  # fmt: skip
    if ran.exit_code != 0:
        raise ActError(f"the environment does not synthesize:\n{ran.said.strip()}")
    key.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    key.write_text(wanted)
    return assembly.read(folder)


def _cdk(session: Session, account: str, region: str) -> Cdk:
    return Cdk(
        folder=session.folder,
        variables=session.target(account).variables(region),
        alive=session.alive(),
    )


def _bootstrap(session: Session, cdk: Cdk, made: Assembly, clock: Clock) -> None:
    """In every Region that has not been bootstrapped yet."""
    target = session.target(made.account)
    missing = [region for region in made.regions if not _bootstrapped(target.client("ssm", region))]
    if not missing:
        return
    clock.say(f"Bootstrapping {' and '.join(missing)} ...")
    places = [f"aws://{made.account}/{region}" for region in missing]
    check(cdk.run("bootstrap", "--app", str(made.folder), *places, show=None), "bootstrap", session)


def _bootstrapped(ssm: Any) -> bool:
    try:
        ssm.get_parameter(Name=_BOOTSTRAP_VERSION)
    except ssm.exceptions.ParameterNotFound:
        return False
    return True


def check(ran: Ran, act: str, session: Session) -> None:
    """Raise ActError with what a person needs of a failed run, and where the rest stands."""
    if ran.exit_code == 0:
        return
    said = [line for line in ran.said.splitlines() if line.strip()]
    lines = [line for line in said if _TELLING.search(line)][:12] or said[-6:]
    unknown = "Unrecognized resource types" in ran.said
    mend = (
        "\nthe emulator does not know that type: add it in local/emulator/extension"
        if unknown
        else f"\nevery word of it stands in {session.folder / 'cdk.log'}"
    )
    raise ActError(f"cdk {act} failed:\n" + "\n".join(lines) + mend)


def _need_running(session: Session) -> None:
    if not session.running():
        raise ActError("nothing is deployed: run `make local` first")


def _serving(session: Session) -> dict[str, Any]:
    """Wait until the primary Region's public load balancer answers 200. Returns its listener."""
    found: list[dict[str, Any]] = []

    def answers() -> bool:
        listeners = session.status().get("listeners", ())
        found[:] = [one for one in listeners if one["public"] and _is_https(one)][:1]
        return bool(found) and _status_of(session, found[0]) == 200

    if not process.until(answers, seconds=SERVING_SECONDS):
        problems = [t["problem"] for t in session.status().get("tasks", ()) if t["problem"]]
        raise ActError(
            f"no answer within {SERVING_SECONDS} s: `make local-status` shows what runs, "
            f"{session.folder / 'logs'} what it says\n" + "\n".join(problems)
        )
    return found[0]


def _is_https(listener: dict[str, Any]) -> bool:
    return (listener["url"] or "").startswith("https://")


def _status_of(session: Session, listener: dict[str, Any]) -> int:
    """What Route 53 would see: the status of GET /health/login."""
    return _ask(session, listener, "GET", "/health/login")[0]


def _login(session: Session, listener: dict[str, Any]) -> None:
    """The printed line's own request. Raises ActError unless it begins a session."""
    status, body = _ask(session, listener, "POST", "/api/v1/authn", _CREDENTIALS)
    if status != 200 or "sessionToken" not in json.loads(body):
        raise ActError(
            f"the login of {first_tenant.LOGIN} was answered with {status}: {body.decode()}\n"
            f"`make local-status` shows what runs, {session.folder / 'logs'} what it says"
        )


def _ask(
    session: Session, listener: dict[str, Any], method: str, path: str, body: str | None = None
) -> tuple[int, bytes]:
    """Status and body of an answer; status 0 where there is none."""
    host = urlsplit(listener["url"]).hostname or ""
    address, _, port = listener["address"].rpartition(":")
    headers = {"Host": host, "Content-Type": "application/json"}
    try:
        context = ssl.create_default_context(cafile=str(session.authority))
        connection = http.client.HTTPSConnection(address, int(port), timeout=10)
        plain = socket.create_connection((address, int(port)), timeout=10)
        connection.sock = context.wrap_socket(plain, server_hostname=host)
        connection.request(method, path, body=body, headers=headers)
        with connection.getresponse() as answer:
            return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""


def _print_recorded(made: Assembly) -> None:
    """Honest about what is metadata."""
    recorded = {kind: RECORDED[kind] for kind in sorted(made.kinds & RECORDED.keys())}
    if not recorded:
        return
    print("\nWhat is only written down, with nothing behind it on this machine:")
    for kind, why in recorded.items():
        print(f"  {kind.removeprefix('AWS::'):44} {why}")


def _print_ready(session: Session, made: Assembly, listener: dict[str, Any], clock: Clock) -> None:
    url = urlsplit(listener["url"])
    print(f"\n{len(made.stacks)} stacks in {' and '.join(made.regions)}, in {clock.seconds:.0f} s")
    print(f"  {url.geturl()}\n")
    print(
        f"  curl --cacert {_shortened(session.authority)} "
        f"--resolve {url.netloc}:127.0.0.1 -H 'Content-Type: application/json' "
        f"-d '{_CREDENTIALS}' {url.geturl()}/api/v1/authn\n"
    )
    print("make local-status shows what runs; make local-reset ends and forgets everything")


def _shortened(path: Path) -> Path:
    """Relative to where the person stands, where that is shorter."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path

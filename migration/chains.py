"""Both chains as processes of this machine, in front of one app: the legacy one and the edge."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from local import process
from local.edge_process import edge_process, nginx_binary
from local.waiting import free_port, last_lines, listens, wait_until

LEGACY = Path(__file__).parent / "legacy"
Mpm = Literal["event", "worker", "prefork"]
# How Apache forwards: by the rule that repaired requests, or by a plain mapping, which keeps
# connections to nginx and costs half.
Forward = Literal["rewrite", "mapping"]

_FORWARD = {
    # Since 2.4.60 an encoded "?" in what is rewritten needs this flag (CVE-2024-38474).
    "rewrite": "RewriteEngine On\n"
    "RewriteRule ^/+(.*)$ http://127.0.0.1:{port}/$1 [P,L,QSA,UnsafeAllow3F]",
    "mapping": "ProxyPass / http://127.0.0.1:{port}/ keepalive=On",
}
# As many requests at once as one process tree of the era was given.
WORKERS = 400
_THREADS = 25
_MODULES = Path("/usr/lib/apache2/modules")  # of Debian
_START_SECONDS = 20


@dataclass(frozen=True, kw_only=True)
class Chain:
    """A running chain: where it listens on 127.0.0.1, its first processes, and its logs."""

    name: str
    port: int
    pids: tuple[int, ...]
    logs: tuple[Path, ...] = ()

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port


@contextmanager
def legacy(
    folder: Path,
    app: str,
    *,
    mpm: Mpm = "event",
    forward: Forward = "rewrite",
    body_seconds: int = 20,
) -> Iterator[Chain]:
    """Apache in front of a plain nginx in front of `app` (host:port), while the block runs.

    A body that does not come is waited for `body_seconds`; twenty is Debian's default. Raises
    FileNotFoundError, with the mend, where Apache is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with plain_nginx(folder, app) as inner:
        port = free_port()
        configuration = folder / "apache.conf"
        values = {
            "RUN": str(folder),
            "PORT": str(port),
            "MPM": mpm,
            "MODULES": str(_MODULES),
            "PROCESSES": _processes(mpm),
            "BODY_SECONDS": str(body_seconds),
            "FORWARD": _FORWARD[forward].format(port=inner.port),
        }
        configuration.write_text(_filled(LEGACY / "apache.conf", values))
        command = (_apache(), "-f", str(configuration), "-DFOREGROUND")
        with running(f"legacy {mpm}", folder, command, port) as apache:
            yield Chain(
                name=apache.name,
                port=port,
                pids=(*apache.pids, *inner.pids),
                logs=(folder / "apache-access.log", *inner.logs),
            )


@contextmanager
def plain_nginx(folder: Path, app: str, *, log: bool = True) -> Iterator[Chain]:
    """nginx that forwards and has no opinion: the legacy chain's second half, or a yardstick."""
    inner = folder / "inner"
    (inner / "temp").mkdir(parents=True, exist_ok=True)
    port = free_port()
    configuration = inner / "nginx.conf"
    values = {
        "RUN": str(inner),
        "PORT": str(port),
        "APP_ADDRESS": app,
        # Started by root, nginx would give its workers to a user who may not read the folder.
        "USER": "user root root;" if os.geteuid() == 0 else "",
    }
    text = _filled(LEGACY / "nginx.conf", values)
    if not log:
        text = text.replace(f'access_log "{inner}/nginx-access.log" combined;', "access_log off;")
    configuration.write_text(text)
    command = (
        *(str(nginx_binary()), "-p", str(inner), "-c", str(configuration)),
        *("-e", str(inner / "nginx-error.log"), "-g", "daemon off;"),
    )
    with running("plain nginx", inner, command, port) as chain:
        yield Chain(
            name=chain.name,
            port=port,
            pids=chain.pids,
            logs=(inner / "nginx-access.log",) if log else (),
        )


@contextmanager
def edge(folder: Path, app: str, *, variables: Mapping[str, str] | None = None) -> Iterator[Chain]:
    """Yield the shipped configuration, as `make edge` runs it, in front of `app` (host:port)."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    made = edge_process(run=folder, port=port, app_address=app, variables=variables)
    with running("edge", folder, made.command, port, made.variables) as chain:
        yield Chain(name="edge", port=port, pids=chain.pids, logs=(folder / "access.log",))


def _apache() -> str:
    found = shutil.which("apache2", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if found is None:
        raise FileNotFoundError("'apache2' is not installed: apt-get install apache2-bin")
    return found


def _processes(mpm: Mpm) -> str:
    if mpm == "prefork":
        return (
            f"StartServers 16\nMinSpareServers 16\nMaxSpareServers 64\n"
            f"ServerLimit {WORKERS}\nMaxRequestWorkers {WORKERS}"
        )
    return (
        f"ThreadLimit {_THREADS}\nThreadsPerChild {_THREADS}\nStartServers 4\n"
        f"MinSpareThreads {2 * _THREADS}\nMaxSpareThreads {4 * _THREADS}\n"
        f"ServerLimit {WORKERS // _THREADS}\nMaxRequestWorkers {WORKERS}"
    )


def _filled(template: Path, values: Mapping[str, str]) -> str:
    text = template.read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


@contextmanager
def running(
    name: str,
    folder: Path,
    command: tuple[str, ...],
    port: int,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Chain]:
    """Yield a process that listens on `port`, ended with everything that it started.

    Raises RuntimeError with what it said where it does not come to listen.
    """
    log = folder / "said.log"
    path = {"PATH": os.environ.get("PATH", os.defpath)}
    started = process.start(command, folder=folder, log=log, variables=variables or path)
    try:
        wait_until(
            lambda: started.poll() is not None or listens(port),
            f"the start of {name}",
            seconds=_START_SECONDS,
            log=log,
        )
        if started.poll() is not None:
            raise RuntimeError(f"{name} did not start: {last_lines(log)}")
        yield Chain(name=name, port=port, pids=(started.pid,))
    finally:
        process.end([started.pid], grace=_START_SECONDS)
        started.wait()
        process.end_all(folder)  # children that outlived it, none in good weather

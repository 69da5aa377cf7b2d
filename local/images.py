"""How an image runs on this machine without Docker: as a process from this repository's files.

The local target synthesizes with the references below in place of images that are built from
folders (`-c edge_image=...`, `app_image`, `mode_image`,
`dump_image`). The tag is free: it names a release, whose files local/releases.py keeps.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local import databases
from local.desired_state import Container
from local.edge_process import COMMAND, place_of
from local.plain_path import plain_path
from local.releases import Release

ROOT = Path(__file__).parents[1]
_RESOLVER = Path(__file__).with_name("resolver")
EDGE_IMAGE = "mainstay.local/edge:shipped"
APP_IMAGE = "mainstay.local/app:shipped"
MODE_IMAGE = "mainstay.local/mode:shipped"
DUMP_IMAGE = "mainstay.local/dumps:shipped"  # of tasks that only a schedule starts


class UnknownImageError(ValueError):
    """No process of this machine stands for the image."""


@dataclass(frozen=True, kw_only=True)
class TaskHost:
    """What a task's container finds on this machine."""

    folder: Path  # the task's own, gone with it
    address: str  # the task's own, as each has one in a VPC; its ports are the definition's
    variables: Mapping[str, str]  # the endpoint, the Region, the task's own
    authority: Path  # certificate of what the load balancers' certificates are signed by
    databases: (
        Path  # the folder of local/databases.py: their addresses, and what they are signed by
    )
    releases: Mapping[str, Release] | None = None  # of the app's image, where there is a table

    def path(self, container: Container, path: str) -> Path:
        """Return a path of the container: a task's volume is shared by its containers."""
        found = self.folder / "volumes" / container.mounts.get(path, f"{container.name}{path}")
        found.mkdir(parents=True, exist_ok=True)
        return found


@dataclass(frozen=True, kw_only=True)
class Program:
    """A command with its variables, and the signal by which it ends without losing a request.

    `folder` is where it starts, as WORKDIR of its Dockerfile sets it; None where it sets none.
    """

    command: tuple[str, ...]
    folder: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    stop_signal: int = signal.SIGTERM


def program(container: Container, place: TaskHost) -> Program:
    """Return how the container runs here. Raises UnknownImageError for an unknown image."""
    repository = container.image.rpartition(":")[0]
    make = _IMAGES.get(repository)
    if make is None:
        known = ", ".join(f"{name}:<tag>" for name in _IMAGES)
        raise UnknownImageError(
            f"'image' of container {container.name} should be one of {known}, which run from this "
            f"repository's files, got '{container.image}': add to local/images.py how it runs"
        )
    return make(container, place)


def _edge(container: Container, place: TaskHost) -> Program:
    """Return the shipped nginx folder, by its own entrypoint."""
    variables = {
        **place_of(
            run=place.path(container, "/run/edge"),
            port=int(container.variables.get("PORT", 8443)),
            address=place.address,
        ),
        "KEYS": str(plain_path(place.folder / "keys")),
        "APP_CA": str(plain_path(place.authority)),
        "RESOLVER": "127.0.0.1",  # addresses are given, so no name is asked for
        "TRUSTED_PROXIES": "127.0.0.0/8",  # where the load balancers of this machine are
        "LIMITS": "dry-run",  # one machine is one client
    }
    return Program(
        command=COMMAND,
        variables=variables,
        stop_signal=signal.SIGQUIT,  # the image's STOPSIGNAL
    )


def _app(container: Container, place: TaskHost) -> Program:
    """Return the service of the image's release, by its image's command."""
    release = _release(container, place)
    command = container.command or ("python", "-m", "service")
    interpreter = (sys.executable,) if command[0] == "python" else (command[0],)
    variables = {
        "HOST": place.address,
        "TASK_ID": place.folder.name,
        "BUILD": release.build,
        "PYTHONPATH": os.pathsep.join(map(str, (_RESOLVER, release.tree, release.tree / "lambda"))),
        "DATABASE_ADDRESSES": str(place.databases / databases.FILE),
        "PYTHONDONTWRITEBYTECODE": "1",  # as in the image
        "PYTHONUNBUFFERED": "1",
        "PGSSLROOTCERT": str(place.databases / "databases" / "authority.pem"),
        "SSL_CERT_FILE": str(place.authority),  # of the load balancers, which a smoke test asks
        "REPORTING_WORKGROUP": "",  # no warehouse: reports are read in the transaction store
    }
    return Program(command=(*interpreter, *command[1:]), variables=variables, folder=release.tree)


def _release(container: Container, place: TaskHost) -> Release:
    if place.releases is None:
        return Release(tree=ROOT, build=container.image.rpartition(":")[2])
    if (found := place.releases.get(container.image)) is None:
        raise UnknownImageError(
            f"'image' of container {container.name} should be one of "
            f"{', '.join(sorted(place.releases))}, the releases of this target, "
            f"got '{container.image}'"
        )
    return found


def _mode(container: Container, place: TaskHost) -> Program:
    """Return the shipped sidecar, which knows its task by the task's folder."""
    variables = {
        "RUN": str(place.path(container, container.variables["RUN"])),
        "TASK_ID": place.folder.name,
        "PYTHONPATH": str(ROOT / "lambda"),
    }
    return Program(command=(sys.executable, "-m", "functions.mode_follower"), variables=variables)


_IMAGES: dict[str, Callable[[Container, TaskHost], Program]] = {
    EDGE_IMAGE.rpartition(":")[0]: _edge,
    APP_IMAGE.rpartition(":")[0]: _app,
    MODE_IMAGE.rpartition(":")[0]: _mode,
}

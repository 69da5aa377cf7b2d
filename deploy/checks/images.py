"""Checks that this machine can build the container images that the deploy publishes."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping

from assembly.stack import ImageBuild
from deploy.findings import CheckProblem

# As Docker names machines, and as it names platforms.
_MACHINES = {"aarch64": "arm64", "x86_64": "amd64"}
_EMULATION = "docker run --privileged --rm tonistiigi/binfmt --install"
_ANSWER_SECONDS = 60  # the first question may start a builder
INSTEAD = "or name images of a registry in the environment, and build nothing"


def images(
    builds: Iterable[ImageBuild], variables: Mapping[str, str] = os.environ
) -> Iterator[CheckProblem]:
    """Ask the program that the CDK builds with: Docker, or what CDK_DOCKER names."""
    platforms = sorted({build.platform for build in builds})
    if not platforms:
        return
    docker = variables.get("CDK_DOCKER", "docker")
    machine = _output_of(
        docker, variables, "version", "--format", "{{.Server.Os}}/{{.Server.Arch}}"
    )
    if isinstance(machine, CheckProblem):
        yield machine
        return
    native = _platform(machine)
    foreign = [wanted for wanted in platforms if wanted and wanted != native]
    if not foreign:
        return
    builder = _output_of(docker, variables, "buildx", "inspect", "--bootstrap")
    known = "" if isinstance(builder, CheckProblem) else builder
    for wanted in foreign:
        if wanted not in re.split(r"[\s,*]+", known):
            yield CheckProblem(
                what=f"{docker} builds {native} here, and cannot build {wanted}, which the tasks "
                "run on",
                fix=f"{_EMULATION} {wanted.rpartition('/')[2]}; or deploy from such a machine; "
                f"{INSTEAD}",
            )


def _output_of(docker: str, variables: Mapping[str, str], *arguments: str) -> str | CheckProblem:
    try:
        done = subprocess.run(
            [docker, *arguments],
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_ANSWER_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        return CheckProblem(
            what=f"the deploy builds container images, and there is no {docker}",
            fix=f"install Docker and start it; {INSTEAD}",
        )
    except subprocess.TimeoutExpired:
        return CheckProblem(
            what=f"{docker} does not answer within {_ANSWER_SECONDS} s", fix="restart Docker"
        )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it prints nothing"])[-1]
        return CheckProblem(
            what=f"the deploy builds container images, and {docker} does not work: {last}",
            fix=f"start Docker, and let this user use it; {INSTEAD}",
        )
    return done.stdout.strip()


def _platform(answer: str) -> str:
    """Return the platform as Docker names it: `linux/aarch64` and `linux/arm64` are one."""
    system, _, machine = answer.partition("/")
    return f"{system}/{_MACHINES.get(machine, machine)}"

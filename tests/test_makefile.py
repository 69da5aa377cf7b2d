"""Every recipe of the Makefile is one that bash can read, and installs what a machine lacks."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TARGETS = re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
# What the recipes of install steps call, and nothing else: neither servers nor package managers.
TOOLS = ("bash", "sed", "grep", "date", "id", "uname", "expand", "touch", "chmod", "true")


def script(path: Path, text: str) -> Path:
    """Write a program; where a link to the machine's own stands, the link goes and not its target.

    Written through, /usr/bin/id of whoever ran this as root was this stand-in afterwards.
    """
    path.unlink(missing_ok=True)
    path.write_text(f"#!{shutil.which('bash')}\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shell that reads what make hands it, after make's expansion, and runs nothing."""
    return script(tmp_path_factory.mktemp("shell") / "sh", 'exec bash -n "$@"')


def read(reader: Path, *arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = ["make", "--always-make", f"SHELL={reader}", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("target", TARGETS)
def test_bash_can_read_every_line_of(target: str, reader: Path):
    done = read(reader, target, "ENV=small", "LOG=access.log", "CONFIRM=x", "DRY_RUN=1", "YES=1")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_recipe_that_bash_cannot_read_is_found(reader: Path, tmp_path: Path):
    (tmp_path / "Makefile").write_text("SHELL := bash\nbroken:\n\t@true || { echo no; \\\n\t  }}\n")
    assert read(reader, "broken", folder=tmp_path).returncode != 0


class Machine:
    """A PATH of its own, on which the commands of packages appear when those are installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls = folder / "calls"
        self.calls.touch()
        for tool in TOOLS:
            (folder / tool).symlink_to(shutil.which(tool) or tool)

    def offer(self, package: str, command: str, *, lists: bool = True) -> None:
        """apt-get has these packages: at once, or after the first `apt-get update`."""
        if lists:
            (self.folder / "lists").touch()
        script(
            self.folder / "apt-get",
            f"""echo "apt-get $*" >>{self.calls}
case "$*" in
  update*) touch {self.folder}/lists ;;
  install*" {package}")
    test -e {self.folder}/lists || {{ echo 'no such package' >&2; exit 100; }}
    for made in {command}; do
      printf '#!/bin/sh\\n' >{self.folder}/$made; chmod +x {self.folder}/$made
    done ;;
  *) exit 99 ;;
esac""",
        )

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [shutil.which("make") or "make", *self._folders(), *arguments],
            cwd=ROOT,
            env={"PATH": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )

    def _folders(self) -> list[str]:
        """Where the recipes look for commands that are not on everybody's PATH."""
        return [f"{name}={self.folder}" for name in ("SBIN", "OLDER_POSTGRES")]

    @property
    def installs(self) -> list[str]:
        """The packages of each installation: what follows apt-get's options."""
        lines = re.findall(r"^apt-get install (.*)$", self.calls.read_text(), re.MULTILINE)
        return [
            " ".join(word for word in line.split() if not word.startswith("-")) for line in lines
        ]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_stand_in_leaves_the_machine_s_own_command_alone(machine: Machine, tmp_path: Path):
    own = tmp_path / "own"
    own.write_text("the machine's")
    (tmp_path / "command").symlink_to(own)
    script(tmp_path / "command", "echo 0")
    assert own.read_text() == "the machine's"


# Step of the Makefile, the packages that it installs, and the commands that they bring.
STEPS = [
    ("wrk", "wrk", "wrk"),
    ("apache", "apache2-bin", "apache2"),
    ("older-postgres", "postgresql-client", "pg_restore"),
    ("kernel", "user-mode-linux xfsprogs", "linux.uml mkfs.xfs"),
]


@pytest.mark.parametrize(("step", "package", "command"), STEPS)
@pytest.mark.parametrize("lists", [True, False], ids=["with lists", "without lists"])
def test_installs_what_is_missing_once(
    machine: Machine, step: str, package: str, command: str, lists: bool
):
    machine.offer(package, command, lists=lists)
    script(machine.folder / "id", "echo 0")
    done = machine.make(step)
    assert done.returncode == 0, done.stderr
    assert set(machine.installs) == {package}
    assert all((machine.folder / made).exists() for made in command.split())
    machine.calls.write_text("")
    assert machine.make(step).returncode == 0
    assert machine.installs == []


@pytest.mark.parametrize(("step", "package", "command"), STEPS)
def test_who_is_not_root_reads_one_line(machine: Machine, step: str, package: str, command: str):
    machine.offer(package, command)
    script(machine.folder / "id", "echo 1000")
    done = machine.make(step)
    assert done.returncode != 0
    assert f"sudo apt-get install {package}" in done.stderr
    assert machine.installs == []


@pytest.mark.parametrize(("step", "package", "command"), STEPS)
def test_sudo_without_a_password_installs_it(
    machine: Machine, step: str, package: str, command: str
):
    """As on the runners of GitHub."""
    machine.offer(package, command)
    script(machine.folder / "id", "echo 1000")
    script(machine.folder / "sudo", 'test "$1" = -n && shift && exec "$@"')
    done = machine.make(step)
    assert done.returncode == 0, done.stderr
    assert set(machine.installs) == {package}


def python(folder: Path, version: str, *, ensurepip: str) -> Path:
    """A python3 of this version, which has ensurepip when the file `ensurepip` is there."""
    return script(
        folder / "python3",
        f"""case "$*" in
  *version_info*) echo {version}; exit {int(version.startswith("3.9"))} ;;
  *ensurepip*) test -e {ensurepip} ;;
  *) exit 98 ;;
esac""",
    )


def test_installs_venv_where_python_came_without(machine: Machine):
    machine.offer("python3-venv", "venv")
    script(machine.folder / "id", "echo 0")
    python(machine.folder, "3.11.2", ensurepip=f"{machine.folder}/venv")
    done = machine.make("python")
    assert done.returncode == 0, done.stderr
    assert machine.installs == ["python3-venv"]


def test_an_older_python_is_named_and_nothing_is_made(machine: Machine):
    python(machine.folder, "3.9.2", ensurepip="/")
    done = machine.make("python")
    assert done.returncode != 0
    [line] = [line for line in done.stderr.splitlines() if not line.startswith("make:")]
    assert "3.11" in line
    assert "3.9.2" in line
    assert "PYTHON=" in line


@pytest.mark.parametrize("given", [{}, {"NO_PROXY": "intern.example"}, {"no_proxy": "a.example"}])
def test_a_proxy_is_not_asked_for_what_runs_on_this_machine(given):
    """Without it, `make local` behind HTTP_PROXY waited a minute for its own emulator."""
    kept = {name: value for name, value in os.environ.items() if name.lower() != "no_proxy"}
    done = subprocess.run(
        ["make", "-s", "--eval", "shown: ; @env", "shown"],
        cwd=ROOT,
        env={**kept, **given},
        capture_output=True,
        text=True,
        check=True,
    )
    variables = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    wanted = ",".join([*given.values(), "127.0.0.1,localhost,.localhost"])
    assert variables["no_proxy"] == variables["NO_PROXY"] == wanted

"""Import contracts hold in every room: a planted import that is not allowed breaks one."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
CONTRACTS = {each["room"]: each for each in LINTER["contracts"] if each["type"] == "room"}
# What each room would most like to reach, and must not.
FORBIDDEN = {
    "config": "boto3",
    "stacks": "config",
    "stacks.composition": "boto3",
    "mainstay": "config",
    "functions": "psycopg",
    "service": "mainstay",
    "dumps": "service",
    "cli": "aws_cdk",
    "assembly": "review",
    "review": "deploy",
    "deploy": "aws_cdk",
    "local": "doubles",
    "doubles": "local",
    "gameday": "stacks",
    "benchmarks": "gameday",
    "migration": "service",
    "migration.stack": "service",
    "migration.traffic_shift": "psycopg",
}
# Rooms whose packages stand under a source root.
_ROOTS = {"mainstay": "constructs", "functions": "lambda"}


def _folder(room: str) -> Path:
    return Path(_ROOTS.get(room.partition(".")[0], ""), *room.split("."))


def _modules() -> Iterator[tuple[str, Path]]:
    """Yield each module's file with the innermost room that it stands in."""
    for room, contract in CONTRACTS.items():
        inner = [ROOT / _folder(each) for each in contract.get("apart", ())]
        for file in (ROOT / _folder(room)).rglob("*.py"):
            if not any(file.is_relative_to(each) for each in inner):
                yield room, file


def _packages() -> set[str]:
    """Return the name of every top-level package of the project but the tests."""
    roots = [ROOT, *(ROOT / name for name in _ROOTS.values())]
    return {file.parent.name for root in roots for file in root.glob("*/__init__.py")}


def test_every_package_has_a_contract_and_every_contract_a_planted_import():
    top = {room for room in CONTRACTS if "." not in room}
    assert _packages() == set(LINTER["root_packages"]) == top
    assert FORBIDDEN.keys() == CONTRACTS.keys()


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Lint a copy of the packages in which every module of every room imports what it must not."""
    copy = tmp_path_factory.mktemp("planted")
    (copy / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    for room, file in _modules():
        target = copy / file.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"import {FORBIDDEN[room]}\n")
    # The contract's own class is read as it is.
    review = copy / "review"
    (review / "import_contract.py").write_text((ROOT / "review/import_contract.py").read_text())
    paths = f"{copy}:{copy / 'constructs'}:{copy / 'lambda'}"
    command = (
        "import sys; from importlinter.cli import lint_imports_command; "
        f"sys.path[:0] = {paths.split(':')!r}; lint_imports_command(['--no-cache'])"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", command],
        cwd=copy, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("room", sorted(CONTRACTS))
def test_a_forbidden_import_breaks_the_contract_wherever_in_the_room_it_stands(
    room: str, planted: str
):
    root = ROOT / _ROOTS.get(room.partition(".")[0], "")
    for _, file in filter(lambda found: found[0] == room, _modules()):
        if file.stem != "import_contract":
            module = ".".join(file.relative_to(root).with_suffix("").parts)
            module = module.removesuffix(".__init__")
            assert f"{module} may not import {FORBIDDEN[room]} (l.1)" in planted

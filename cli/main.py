"""`mainstay`, and the three older names of its parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from cli.backup.group import backup
from cli.command import EXIT_CODES, SETTINGS, run
from cli.database import database
from cli.mode import mode
from cli.upgrade import upgrade

_SHELLS = ("bash", "zsh", "fish")


@click.group(epilog=EXIT_CODES, context_settings=SETTINGS)
def mainstay() -> None:
    """Operate an environment of mainstay. Every command has --help, and prints JSON by --json."""


@mainstay.command()
@click.argument("shell", type=click.Choice(_SHELLS))
def completion(shell: str) -> None:
    """Print a shell's completion.

    \b
    eval "$(mainstay completion bash)"
    """
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    assert made is not None  # click ships the three
    click.echo(made(mainstay, {}, "mainstay", "_MAINSTAY_COMPLETE").source())


for each in (mode, upgrade, backup, database):
    mainstay.add_command(each)


def main(arguments: Sequence[str] | None = None, *, clients: Any = None) -> int:
    """Run `mainstay` and return the exit code."""
    return run(mainstay, arguments, name="mainstay", obj=clients)


def mode_main() -> int:
    """Run `mainstay-mode`, the older name of `mainstay mode`."""
    return run(mode, None, name="mainstay-mode", obj=None)


def upgrade_main() -> int:
    """Run `mainstay-upgrade`, the older name of `mainstay upgrade`."""
    return run(upgrade, None, name="mainstay-upgrade", obj=None)


def backup_main() -> int:
    """Run `mainstay-backup`, the older name of `mainstay backup`."""
    return run(backup, None, name="mainstay-backup", obj=None)


if __name__ == "__main__":
    raise SystemExit(main())

"""`mainstay`, and the three older names of its parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from cli.command import EXIT_CODES, SETTINGS, run
from cli.lazy_group import LazyGroup

_SHELLS = ("bash", "zsh", "fish")
_COMMANDS = {
    "mode": "cli.mode:mode",
    "upgrade": "cli.upgrade:upgrade",
    "backup": "cli.backup.group:backup",
    "database": "cli.database:database",
    "region": "cli.region:region",
    "service": "cli.service:service",
    "schedule": "cli.schedule:schedule",
    "tenant": "cli.tenant:tenant",
    "audit": "cli.audit:audit",
}


@click.group(cls=LazyGroup, lazy=_COMMANDS, epilog=EXIT_CODES, context_settings=SETTINGS)
@click.version_option(package_name="mainstay", message="%(prog)s %(version)s")
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


def main(arguments: Sequence[str] | None = None, *, clients: Any = None) -> int:
    """Run `mainstay` and return the exit code."""
    return run(mainstay, arguments, name="mainstay", obj=clients)


def mode_main() -> int:
    """Run `mainstay-mode`, the older name of `mainstay mode`."""
    from cli.mode import mode

    return run(mode, None, name="mainstay-mode", obj=None)


def upgrade_main() -> int:
    """Run `mainstay-upgrade`, the older name of `mainstay upgrade`."""
    from cli.upgrade import upgrade

    return run(upgrade, None, name="mainstay-upgrade", obj=None)


def backup_main() -> int:
    """Run `mainstay-backup`, the older name of `mainstay backup`."""
    from cli.backup.group import backup

    return run(backup, None, name="mainstay-backup", obj=None)


if __name__ == "__main__":
    raise SystemExit(main())

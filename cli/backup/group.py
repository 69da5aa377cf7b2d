"""The commands of `mainstay backup`."""

from __future__ import annotations

import click

from cli.backup.dumps import commands
from cli.command import EXIT_CODES, SETTINGS
from cli.lazy_group import LazyGroup

_COMMANDS = {
    "archive": "cli.backup.archive:archive",
    "list": "cli.backup.verify:list_",
    "restore": "cli.backup.restore:restore",
    "verify": "cli.backup.verify:verify",
    "prune": "cli.backup.prune:prune",
    "sessions": "cli.backup.sessions:sessions",
}


@click.group(cls=LazyGroup, lazy=_COMMANDS, epilog=EXIT_CODES, context_settings=SETTINGS)
def backup() -> None:
    """Archive volumes, dump databases; prove and restore them.

    Credentials and Region come from the environment, as AWS's own tools read it.
    """


for each in commands():
    backup.add_command(each)

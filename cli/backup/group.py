"""The commands of `mainstay backup`."""

from __future__ import annotations

import click

from cli.backup.archive import archive
from cli.backup.dumps import commands
from cli.backup.prune import prune
from cli.backup.restore import restore
from cli.backup.sessions import sessions
from cli.backup.verify import list_, verify
from cli.command import EXIT_CODES, SETTINGS


@click.group(epilog=EXIT_CODES, context_settings=SETTINGS)
def backup() -> None:
    """Archive volumes, dump databases; prove and restore them.

    Credentials and Region come from the environment, as AWS's own tools read it.
    """


for each in (archive, list_, restore, verify, prune, sessions, *commands()):
    backup.add_command(each)

"""`mainstay backup dump | load | dumps | drill | boot`: portable dumps, by the package `dumps`.

Their arguments are those of `python -m dumps`, which the scheduled tasks run.
"""

from __future__ import annotations

from typing import Any

import click

from cli.errors import CommandRefusedError
from cli.output import answer, table

HELP = {
    "dump": "Take a portable dump of a PostgreSQL store.",
    "load": "Restore a dump into an empty database, and prove it.",
    "dumps": "List the dumps of a store.",
    "drill": "Restore the newest dump and archives, and leave evidence.",
    "boot": "Start PostgreSQL on a restored volume, and read every table.",
}


def commands() -> list[click.Command]:
    """Return a command for each of `python -m dumps`, which parses its arguments itself."""
    return [_command(name, text) for name, text in HELP.items()]


def _command(name: str, text: str) -> click.Command:
    @click.command(
        name, help=text, add_help_option=False, context_settings={"ignore_unknown_options": True}
    )
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def command(arguments: tuple[str, ...]) -> None:
        asked = _parser().parse_args([name, *arguments])
        result: dict[str, Any] = asked.run(asked)
        if name != "dumps" or asked.json:
            return answer(result, as_json=asked.json)
        heads = ("taken_at", "rows", "retain_until", "dump")
        return table(
            [each.replace("_", " ") for each in heads],
            [[found[each] for each in heads] for found in result["dumps"]],
        )

    return command


def _parser() -> Any:
    try:
        from dumps.command import parser
    except ImportError as missing:
        raise CommandRefusedError(
            f"{missing}: `pip install -r dumps/requirements.txt` brings what dumps need"
        ) from missing
    return parser("mainstay backup")

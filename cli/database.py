"""`mainstay database OPERATION ...`: an operation on the databases, as a one-off task."""

from __future__ import annotations

from typing import Any

import click

from cli.command import EXIT_CODES, SETTINGS, as_json, on_environment
from cli.deployed import Deployed
from cli.errors import CommandRefusedError
from cli.operations_task import OperationsTaskRunner

_HELP = ("-h", "--help")


class _Database(click.Command):
    """Checks an operation's words before anything is started, with the operations' own parser."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] in _HELP:
            click.echo(self.get_help(ctx))
            ctx.exit(0 if args else 2)
        rest = super().parse_args(ctx, args)
        words = list(ctx.params["words"])
        if not words:
            raise click.UsageError("an operation is missing: `mainstay database --help`", ctx)
        if (operations := _parser()) is not None:
            operations.parse_args(words)
        elif set(words) & {*_HELP}:
            raise CommandRefusedError("`pip install -r service/requirements.txt` brings its help")
        return rest

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        operations = _parser()
        if operations is not None:
            listed = operations.format_help().partition("positional arguments:\n")[2]
            _, _, lines = listed.partition("options:")[0].partition("\n")  # their metavar
            formatter.write(f"\nOperations; each has --help:\n{lines.rstrip()}\n")
        super().format_epilog(ctx, formatter)


def _parser() -> Any:
    """Return the operations' parser; None where their packages are not installed."""
    try:
        from service.operations.command import parser
    except ImportError:
        return None
    return parser()


@click.command(
    cls=_Database,
    epilog=EXIT_CODES,
    add_help_option=False,
    context_settings={**SETTINGS, "ignore_unknown_options": True},
)
@click.argument("words", metavar="OPERATION [ARGS]...", nargs=-1, type=click.UNPROCESSED)
@click.option("--dry-run", is_flag=True, help="Print the statements and change nothing.")
@click.option(
    "--wait",
    type=click.FloatRange(min=1),
    default=3_600.0,
    show_default=True,
    help="Seconds for which the task is followed; then it goes on by itself.",
)
@as_json
@on_environment
def database(
    deployed: Deployed, words: tuple[str, ...], dry_run: bool, wait: float, as_json: bool
) -> int:
    """Run an operation on the databases, in a task of their network.

    Its statements are printed on standard error, its answer on standard output.
    """
    command = ["python", "-m", "service.operations", *(["--dry-run"] if dry_run else []), *words]
    return OperationsTaskRunner(deployed, as_json=as_json).run(command, wait=wait)

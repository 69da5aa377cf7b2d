"""What every command shares: its options, exit codes, and errors of one line.

Exit codes: 0 done, 1 refused or failed, 2 used wrongly, 130 interrupted.
"""

from __future__ import annotations

import functools
import gc
import getpass
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from cli import errors
from cli.deployed import Deployed, client, refuse_other_account

SETTINGS = {"max_content_width": 100, "help_option_names": ["-h", "--help"]}
EXIT_CODES = "Exit codes: 0 done, 1 refused or failed, 2 used wrongly, 130 interrupted."
_DEBUG = "MAINSTAY_DEBUG"
# What an SDK's start makes stays: looking through it for garbage again and again takes 0.15 s.
_GARBAGE_AFTER = 50_000  # objects

as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, one object a line, for programs."
)


def run(command: click.Command, arguments: Sequence[str] | None, *, name: str, obj: Any) -> int:
    """Run a command and return its exit code; a failure is one line on standard error.

    With MAINSTAY_DEBUG set, an unexpected failure is raised, and shows where it comes from.
    """
    gc.set_threshold(_GARBAGE_AFTER)
    try:
        code = command.main(arguments, prog_name=name, standalone_mode=False, obj=obj)
        return code if isinstance(code, int) else 0
    except click.ClickException as wrong:
        wrong.show()
        return wrong.exit_code
    except (click.Abort, errors.InterruptionError) as interrupted:
        return _failed(str(interrupted) or "interrupted", 130)
    except SystemExit as ended:  # argparse, of commands that run elsewhere too
        return ended.code if isinstance(ended.code, int) else 1
    except Exception as error:
        text = errors.line(error)
        if text is None and os.environ.get(_DEBUG):
            raise
        unexpected = f"{type(error).__name__}: {error} (unexpected: {_DEBUG}=1 shows where)"
        return _failed(text or unexpected, 1)


def _failed(text: str, code: int) -> int:
    print(f"error: {text}", file=sys.stderr)
    return code


def on_environment(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that name an environment, and call it with what is deployed."""

    @click.option(
        *("--environment", "-e"),
        default="production",
        show_default=True,
        envvar="MAINSTAY_ENVIRONMENT",
        show_envvar=True,
        shell_complete=_named,
        help="An environment of config/environments.py.",
    )
    @click.option("--region", help="One of its Regions.  [default: its primary Region]")
    @click.option("--by", default=_login, help="Who you are, for the records.  [default: login]")
    @click.pass_obj
    @functools.wraps(function)
    def command(obj: Any, environment: str, region: str | None, by: str, **given: Any) -> Any:
        account, regions = known(environment)
        region = region or regions[0]
        if region not in regions:
            names = " and ".join(regions)
            raise click.BadParameter(
                f"'{environment}' has {names}, got '{region}'", param_hint="--region"
            )
        clients = obj or client
        refuse_other_account(clients, region, name=environment, account=account)
        deployed = Deployed(
            name=environment, region=region, clients=clients, by=by, regions=tuple(regions)
        )
        return function(deployed, **given)

    return command


def known(name: str) -> tuple[str, list[str]]:
    """Return account and Regions of an environment, the primary Region first.

    Raises click.BadParameter for a name that config/environments.py has not.
    """
    from config.reader import environments

    found = environments().get(name)
    if found is None:
        names = ", ".join(environments())
        raise click.BadParameter(
            f"should be one of {names}, got '{name}'", param_hint="--environment"
        )
    return found.account, [each.name for each in found.regions]


def _named(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    from config.reader import environments

    return [name for name in environments() if name.startswith(begun)]


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "somebody"

"""Destroys an environment, after a dry run that lists what stays and what is in the way.

Exits 1 where something is in the way, it was not confirmed, or a stack did not go; start it again
and it goes on. Exits 2 where there is no assembly to go by.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assembly.cdk_cli import CdkCli, CliRun
from assembly.command import parser_with_assembly
from assembly.waves import Rollout, Wave
from deploy.checks.identity import account
from deploy.clients import AWS_ERRORS, AwsClients, endpoint, meaning, session_clients
from deploy.command import Chosen, chosen, run_stoppable
from deploy.confirm import at_terminal
from deploy.destruction_plan import DestructionPlan, destruction_plan, page, remaining
from deploy.dns import Dns, DnsError
from deploy.live import live_stacks


def main(argv: Sequence[str] | None = None) -> int:
    """Print what would happen, then, once its name is typed, destroy the environment."""
    command = parser_with_assembly("deploy.destroy", __doc__)
    command.add_argument("--dry-run", action="store_true", help="only print what would happen")
    command.add_argument("--confirm", metavar="NAME", help="the environment's name, typed already")
    arguments = command.parse_args(argv)
    of = chosen(arguments)
    typed, instead = arguments.confirm, f"CONFIRM={of.environment.name} confirms it"
    return Destruction(
        of=of,
        clients=session_clients(),
        resolver=None if endpoint() else Dns(),
        cli=CdkCli(assembly=of.assembly.directory, variables=os.environ),
        ask=(lambda _: typed) if typed else at_terminal(instead),
        dry=arguments.dry_run,
    ).run()


@dataclass(frozen=True, kw_only=True)
class Destruction:
    """One run. Without a resolver, as at an emulator, the domain's DS record is not looked for."""

    of: Chosen
    clients: AwsClients
    resolver: Dns | None
    cli: CdkCli
    ask: Callable[[str], str]
    dry: bool = False
    write: Callable[[str], object] = print

    def run(self) -> int:
        """Plan, ask, destroy, and return the exit code."""
        environment = self.of.environment
        sts = self.clients("sts", environment.primary.name)
        for wrong in account(sts, environment):
            self._print(f"{wrong.what}", f"  fix: {wrong.fix}", "Nothing was touched.")
            return 1
        plan = destruction_plan(self.clients, self.of.assembly.stacks.values(), self.of.waves)
        if plan.is_empty:
            self._print(f"Nothing of {environment.name} stands in account {environment.account}.")
            return 0
        self._print(*page(environment, plan))
        still_trusted = plan.signs and self._has_ds()
        if self.dry:
            return 0
        if plan.switches or still_trusted:
            self._print("", "NOT READY TO DESTROY: see above. Nothing was touched.")
            return 1
        return self._confirm(plan)

    def _has_ds(self) -> bool:
        """Return whether the parent holds a DS record, which must not outlive the keys: every
        later answer of the domain would be refused."""
        domain = self.of.environment.domain
        if self.resolver is None:
            return False
        try:
            seen = self.resolver.at_parent(domain)
        except DnsError as error:
            self._print(f"not checked: whether {domain} still has a DS record: {error}")
            return False
        if seen.has_ds:
            self._print(
                f"- the DS record of {domain} at {seen.parent}",
                "    take it away there, and wait until its TTL has passed",
            )
        return seen.has_ds

    def _confirm(self, plan: DestructionPlan) -> int:
        name = self.of.environment.name
        typed = self.ask(f"\nType the environment's name to destroy it ({name}): ")
        if typed != name:
            self._print(f"'{typed}' is not '{name}'. Nothing was touched.")
            return 1
        rollout = Rollout(
            assembly=self.of.assembly,
            waves=plan.waves,
            cli=self.cli,
            before=self._begin,
            after=self._check,
        )
        if not rollout.destroy():
            return 1
        self._print("", f"{name} is destroyed.", *remaining(plan))
        return 0

    def _begin(self, title: str, wave: Wave) -> bool:
        self._print("", f"{title}: {wave.title}")
        return True

    def _check(self, title: str, wave: Wave, run: CliRun) -> bool:
        left = self._left(wave)
        if run.exit_code == 0 and not left:
            return True
        again = (
            f"Fix what is named above, then `make destroy ENV={self.of.environment.name}` goes on."
        )
        self._print("", f"{title} FAILED; the waves after it were not begun.", *left, again)
        return False

    def _left(self, wave: Wave) -> list[str]:
        try:
            found = live_stacks(self.clients, wave.stacks)
        except AWS_ERRORS as error:
            return [f"  what is left is not known: {meaning(error)}"]
        return [
            f"  {path}: {live.status}, see {live.events_command}" for path, live in found.items()
        ]

    def _print(self, *lines: str) -> None:
        for line in lines:
            self.write(line)


if __name__ == "__main__":
    sys.exit(run_stoppable(main, "destroy"))

"""Deploys an environment in waves, after every check; start it again and it goes on.

Exits 1 where something is in the way, a wave failed or was not confirmed: what is deployed stays,
and the next step is printed. Exits 2 where there is nothing to deploy.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from assembly.cdk_cli import CdkCli, CliRun
from assembly.command import parser_with_assembly
from assembly.waves import Rollout, Wave
from deploy.checks.delegation import zone_exists
from deploy.checks.every import CREDENTIALS, DeployChecks
from deploy.clients import AWS_ERRORS, AwsClients, meaning, session_clients
from deploy.command import Chosen, chosen, run_stoppable
from deploy.confirm import at_terminal, confirmed
from deploy.dns import Dns
from deploy.findings import CheckFindings
from deploy.live import LiveStack, live_stacks
from review.deploy_page import render_step
from review.deploy_plan import steps

_UP = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")


def main(argv: Sequence[str] | None = None) -> int:
    """Check, then deploy wave by wave."""
    command = parser_with_assembly("deploy.deploy", __doc__)
    command.add_argument("--yes", action="store_true", help="confirm every wave beforehand")
    arguments = command.parse_args(argv)
    of, clients = chosen(arguments), session_clients()
    checks = DeployChecks(
        environment=of.environment, assembly=of.assembly, clients=clients, resolver=Dns()
    )
    cli = CdkCli(assembly=of.assembly.directory, variables=os.environ)
    ask = (lambda _: "yes") if arguments.yes else at_terminal("YES=1 confirms every wave")
    return Deployment(of=of, checks=checks, clients=clients, cli=cli, ask=ask).run()


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """One run: what was confirmed is deployed, and whatever stands already is left as it is."""

    of: Chosen
    checks: DeployChecks
    clients: AwsClients
    cli: CdkCli
    ask: Callable[[str], str]
    write: Callable[[str], object] = print

    def run(self) -> int:
        """Check, deploy, and return the exit code."""
        if not self._ready(self.checks.all()):
            return 1
        rollout = Rollout(
            assembly=self.of.assembly,
            waves=self.of.waves,
            cli=self.cli,
            before=self._confirm,
            after=self._check,
        )
        if not rollout.deploy():
            return 1
        self._print("Every wave is deployed.", *self._last_steps())
        return 0

    def _ready(self, found: CheckFindings) -> bool:
        self._print(f"Checks of {self.of.environment.name}", *_indented(found.render()))
        unknown = [one.why for one in found.unmade if one.check == CREDENTIALS]
        for why in unknown:
            self._print(
                f"NOT READY TO DEPLOY: {why}",
                "  fix: aws sso login, or AWS_PROFILE=<name>, for account "
                f"{self.of.environment.account}",
            )
        if found.problems:
            self._print("NOT READY TO DEPLOY: fix what is listed above, and start again.")
        if found.problems or unknown:
            self._print("Nothing was touched.")
        return not (found.problems or unknown)

    def _confirm(self, title: str, wave: Wave) -> bool:
        standing = live_stacks(self.clients, wave.stacks)
        self._print("", f"{title}: {wave.title}", *_listed(wave, standing))
        question = f"Deploy {wave.title} of {self.of.environment.name}?"
        yes = confirmed(question, show=lambda: self.cli.diff(wave.paths), answer=self.ask)
        if not yes:
            self._print(f"{title} was not confirmed: start again to go on with it.")
        return yes

    def _check(self, title: str, wave: Wave, run: CliRun) -> bool:
        if run.exit_code != 0:
            failed = f"{title} FAILED; the waves after it were not begun."
            self._print("", failed, *self._fallen(wave))
            return False
        first, *others = self.of.waves
        return wave != first or not others or self._delegated()

    def _fallen(self, wave: Wave) -> Iterator[str]:
        """Yield what became of the stacks that did not come up, and how to go on."""
        try:
            standing = live_stacks(self.clients, wave.stacks)
        except AWS_ERRORS as error:
            yield f"  what became of its stacks is not known: {meaning(error)}"
        else:
            for stack in wave.stacks:
                live = standing.get(stack.path)
                if live is None:
                    yield f"  {stack.path}: not made"
                elif live.status not in _UP:
                    yield f"  {stack.path}: {live.status}"
                    yield f"    {live.events_command}"
        yield f"Fix the first failure above, then `make deploy ENV={self.of.environment.name}`:"
        yield "it goes on with this wave, and stacks that came up are left as they are."

    def _delegated(self) -> bool:
        """Return whether the domain is delegated: the other waves' certificates wait for that."""
        found = self.checks.delegation()
        if not found.problems:
            self._print("", *_indented(found.render()))
            return True
        zone = "The zone stands; the other waves wait for the delegation of its domain:"
        if not zone_exists(self.clients, self.of.environment):
            zone = "The zone was deployed, and cannot be found:"
        self._print("", zone, *_indented(found.render()))
        self._print(f"Then `make deploy ENV={self.of.environment.name}`: it goes on from here.")
        return False

    def _last_steps(self) -> Iterator[str]:
        """Yield the steps that no deploy takes, and that remain for a person."""
        mine = ("ZoneId", "DS record")
        left = [
            step for step in steps(self.of.environment) if any(word in step.title for word in mine)
        ]
        for number, step in enumerate(left, start=1):
            yield from render_step(step, number)

    def _print(self, *lines: str) -> None:
        for line in lines:
            self.write(line)


def _listed(wave: Wave, standing: dict[str, LiveStack]) -> Iterator[str]:
    for stack in wave.stacks:
        live = standing.get(stack.path)
        yield f"  {stack.path:<24} {'new' if live is None else f'stands: {live.status}'}"


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"  {line}" for line in lines]


if __name__ == "__main__":
    sys.exit(run_stoppable(main, "deploy"))

"""All checks before a deploy, in the order in which a person would make them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from assembly.reader import Assembly
from config.model import Environment
from deploy.checks.backup_opt_in import backup_opt_in
from deploy.checks.bootstrap import bootstrap
from deploy.checks.delegation import DELEGATION, delegation
from deploy.checks.identity import account, shell
from deploy.checks.images import images
from deploy.checks.legacy_groups import legacy_groups
from deploy.checks.regions import regions
from deploy.checks.stack_states import stack_states
from deploy.checks.zone_offers import ZONE_OFFERS, zone_offers
from deploy.clients import AwsClients, endpoint, shell_region
from deploy.dns import Dns
from deploy.findings import Check, CheckFindings, CheckProblem, Unmade, make, unmade
from deploy.live import live_stacks, resources
from deploy.quotas.check import quotas
from deploy.quotas.needs import needs
from deploy.quotas.usage import Usage
from review.deploy_plan import placeholders

CREDENTIALS = "credentials and account"


@dataclass(frozen=True, kw_only=True)
class DeployChecks:
    """All checks of an environment and its assembly; `variables` is the person's shell."""

    environment: Environment
    assembly: Assembly
    clients: AwsClients
    resolver: Dns
    variables: Mapping[str, str] = field(default_factory=lambda: os.environ)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def all(self) -> CheckFindings:
        """Return every problem at once; checks of an account need its credentials."""
        found = self._of_aws([("placeholders", self._placeholders)])
        identity = make([(CREDENTIALS, self._identity)])
        found += identity + self._of_aws([("image builds", self._images)])
        names = [*self._of_account(), *self._of_services(), DELEGATION]
        if identity.problems:
            return found + unmade(names, "whose credentials these are comes first")
        if identity.unmade:
            return found + unmade(names, identity.unmade[0].why)
        found += make(list(self._of_account().items()))
        found += self._of_aws(list(self._of_services().items()))
        return found + self.delegation()

    def delegation(self) -> CheckFindings:
        """Check the domain alone, which is looked at again once the zone has been made."""
        return self._of_aws([(DELEGATION, self._delegation)])

    def _of_aws(self, checks: Sequence[tuple[str, Check]]) -> CheckFindings:
        """Make checks of AWS itself, and not where an emulator stands for it."""
        instead = endpoint(self.variables)
        if instead is None:
            return make(checks)
        return unmade([name for name, _ in checks], f"{instead} stands for AWS")

    def _of_account(self) -> dict[str, Check]:
        return {
            "Regions and zones": lambda: regions(self.clients, self.environment),
            "bootstrap": lambda: bootstrap(self.clients, self.assembly.stacks.values()),
            "states of stacks": lambda: stack_states(
                live_stacks(self.clients, self.assembly.stacks.values())
            ),
            "quotas": self._quotas,
        }

    def _of_services(self) -> dict[str, Check]:
        """Return the checks of what AWS's services are set to and offer; emulators invent it."""
        stacks = self.assembly.stacks.values()
        return {
            "AWS Backup's opt-in": lambda: backup_opt_in(self.clients, stacks),
            ZONE_OFFERS: lambda: zone_offers(self.clients, stacks),
            "legacy target groups": lambda: legacy_groups(self.clients, self.environment),
        }

    def _placeholders(self) -> Iterator[CheckProblem]:
        fix = "write your own into config/environments.py"
        for problem in placeholders(self.environment):
            yield CheckProblem(what=problem, fix=fix)

    def _identity(self) -> Iterator[CheckProblem]:
        primary = self.environment.primary.name
        yield from account(self.clients("sts", primary), self.environment)
        yield from shell(shell_region(self.variables), self.environment)

    def _images(self) -> Iterator[CheckProblem]:
        builds = [image for stack in self.assembly.stacks.values() for image in stack.images]
        return images(builds, self.variables)

    def _quotas(self) -> Iterator[CheckProblem | Unmade]:
        standing = live_stacks(self.clients, self.assembly.stacks.values()).values()
        own = [one for stack in standing for one in resources(self.clients, stack)]
        usage = Usage(self.clients, own, self.now())
        return quotas(self.clients, needs(self.assembly.stacks.values()), usage)

    def _delegation(self) -> Iterator[CheckProblem | Unmade]:
        return delegation(self.clients, self.environment, self.resolver)

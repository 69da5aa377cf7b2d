"""Destroys what is deployed here: protections off, stacks away, and what stays is listed."""

from __future__ import annotations

from collections import Counter
from functools import cache

from assembly.cdk_cli import CdkCli, CliRun
from assembly.reader import Assembly
from assembly.waves import Rollout, Wave, plan_waves, wave_patterns
from config.reader import environment_named
from deploy.destruction_plan import DestructionPlan, destruction_plan
from deploy.live import live_stacks
from local.clock import Clock
from local.target import LocalTarget
from local.watched_cli import CdkError


class LocalDestruction:
    """Destroys the stacks of the last `make local`; run again, it goes on where it was cut."""

    def __init__(
        self, assembly: Assembly, environment: str, target: LocalTarget, clock: Clock
    ) -> None:
        self._assembly, self._target, self._clock = assembly, target, clock
        stacks = assembly.stacks.values()
        waves = plan_waves(stacks, wave_patterns(environment_named(environment)))
        # A client takes longer to make than its calls.
        self._clients = cache(target.client)
        self.plan = destruction_plan(self._clients, stacks, waves)

    def run(self, cli: CdkCli) -> None:
        """Switch the protections off and destroy. Raises CdkError where a stack does not go."""
        self._clock.step("Switching deletion protections off ...")
        for switch in self.plan.switches:
            if switch.off is None:
                raise CdkError(f"{switch.what} cannot be switched off here: {switch.command}")
            switch.off()
        rollout = Rollout(
            assembly=self._assembly,
            waves=self.plan.waves,
            cli=cli,
            before=self._begin,
            after=self._check,
        )
        rollout.destroy()
        self._clock.step("Every stack that can go is gone; make local-reset forgets what stays")

    def _begin(self, title: str, wave: Wave) -> bool:
        self._clock.step(f"{title}: destroying {len(wave.stacks)} stacks with the CDK CLI ...")
        return True

    def _check(self, title: str, wave: Wave, run: CliRun) -> bool:
        left = live_stacks(self._clients, wave.stacks)
        if run.exit_code != 0 or left:
            raise CdkError(
                f"cdk destroy ended with {run.exit_code}; stacks that are still there: "
                f"{', '.join(left) or 'none'}; its whole output is in "
                f"{self._target.folder / 'cdk.log'}"
            )
        return True


def listed(plan: DestructionPlan) -> list[str]:
    """Return the lines on what stays, by type: on AWS it would go on costing money."""
    kinds = Counter((found.type, found.leaves) for found, _ in plan.stays)
    lines = [f"{len(plan.stays)} resources stay, because their templates retain them:"]
    for (kind, leaves), count in sorted(kinds.items()):
        note = " (a last snapshot)" if leaves == "snapshot" else ""
        lines.append(f"  {count:>4} {kind}{note}")
    lines += [f"       {found.region:10} {found.path}" for found, _ in plan.stays]
    if plan.held:
        lines.append(f"{len(plan.held)} stacks stay, because a resource that stays needs them:")
        lines += [f"       {path}: {why}" for path, why in plan.held.items()]
    return lines

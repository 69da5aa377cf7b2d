"""The tenant that the printed login is of: made by a one-off task, as a person would run it."""

from __future__ import annotations

from typing import Any

from local.running_task import log_of
from local.target import LocalTarget
from local.waiting import NotInTimeError, last_lines, wait_until

TENANT, LOGIN, PASSWORD = "acme", "ada@acme.example", "correct horse battery staple"
_SECONDS = 90


class FirstTenantError(RuntimeError):
    """The tenant could not be made; the message says how its task ended."""


def make(target: LocalTarget, region: str, environment: str) -> None:
    """Make tenant and administrator where they are not, in the app tier's own task.

    Raises FirstTenantError when the task does not end well in time.
    """
    ecs: Any = target.client("ecs", region)
    family = f"mainstay-{environment}-blue"
    clusters = ecs.list_clusters()["clusterArns"]
    cluster = next(arn for arn in clusters if "-operations-" in arn)
    command = ["python", "-m", "service.seed", "--tenant", TENANT, "--admin", LOGIN]
    [task] = ecs.run_task(
        cluster=cluster,
        taskDefinition=family,
        overrides={
            "containerOverrides": [
                {
                    "name": "server",
                    "command": command,
                    "environment": [{"name": "SEED_PASSWORD", "value": PASSWORD}],
                }
            ]
        },
    )["tasks"]
    found: list[dict[str, Any]] = []
    log = log_of(target.folder, region, None, task["taskArn"].rpartition("/")[2], "server")

    def ended() -> bool:
        found[:] = ecs.describe_tasks(cluster=cluster, tasks=[task["taskArn"]])["tasks"]
        return found[0]["lastStatus"] == "STOPPED"

    try:
        wait_until(ended, f"the end of {' '.join(command)}", seconds=_SECONDS)
    except NotInTimeError as error:
        raise FirstTenantError(f"{error}: {log}\n{last_lines(log)}") from None
    code = found[0]["containers"][0].get("exitCode")
    if code != 0:
        raise FirstTenantError(f"{' '.join(command)} ended with {code}: {log}\n{last_lines(log)}")

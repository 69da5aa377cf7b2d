"""The steps of a release and of the deploys around it, on the app tier of one Region."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk

from assembly.reader import Assembly, read
from config.environments import PRODUCTION
from stacks.composition.environment import compose
from tests.conftest import ROOT
from tests.deployed.deployment import Deployment, described

_REGION = PRODUCTION.primary.name
_PARTS = (
    *("keys", "logs", "network", "control", "entitya", "entityb", "transaction", "reporting"),
    *("events", "certificate", "app"),
)
STACKS = [
    f"mainstay-{PRODUCTION.name}-dns",
    f"mainstay-{PRODUCTION.name}-us-west-2-keys",  # of the copies of secrets
    *(f"mainstay-{PRODUCTION.name}-{_REGION}-{part}" for part in _PARTS),
]
RELEASED = "identity:v2"
TASKS = 17
WEIGHTS = [100, 0]


@dataclass(frozen=True)
class Half:
    """What one half of the app tier is at a moment."""

    image: str
    cpu: str
    tasks: int
    variables: frozenset[str]  # by name


@dataclass(frozen=True)
class Moment:
    """The app tier after a step of the story, and what the step touched."""

    blue: Half
    green: Half
    weights: list[int]
    touched: list[str]


@dataclass(frozen=True)
class Story:
    """Deploy, upgrade, an edit of the logs, an edit of the tasks, and the same again."""

    deployed: Moment
    released: Moment
    logs_edited: Moment
    tasks_edited: Moment
    again: Moment


def _half(deployment: Deployment, name: str) -> Half:
    ecs = deployment.client("ecs", _REGION)
    now = described(deployment, deployment.named(_REGION, "app", f"App{name}Service"))
    runs = ecs.describe_task_definition(taskDefinition=now["taskDefinition"])["taskDefinition"]
    [server] = runs["containerDefinitions"]
    return Half(
        image=server["image"],
        cpu=runs["cpu"],
        tasks=now["desiredCount"],
        variables=frozenset(pair["name"] for pair in server["environment"]),
    )


def moment(deployment: Deployment, touched: list[str]) -> Moment:
    rule = deployment.named(_REGION, "app", "AppWeights")
    (now,) = deployment.client("elbv2", _REGION).describe_rules(RuleArns=[rule.ref])["Rules"]
    targets = now["Actions"][0]["ForwardConfig"]["TargetGroups"]
    return Moment(
        blue=_half(deployment, "Blue"),
        green=_half(deployment, "Green"),
        weights=[target["Weight"] for target in targets],
        touched=touched,
    )


def release(deployment: Deployment) -> None:
    """What an upgrade does to a half: a revision, a larger service, all of the traffic."""
    ecs, elbv2 = deployment.client("ecs", _REGION), deployment.client("elbv2", _REGION)
    family = f"mainstay-{PRODUCTION.name}-blue"
    live = ecs.describe_task_definition(taskDefinition=family)["taskDefinition"]
    shape = ecs.meta.service_model.operation_model("RegisterTaskDefinition").input_shape.members
    revision = {key: value for key, value in live.items() if key in shape}
    revision["containerDefinitions"][0]["image"] = RELEASED
    arn = ecs.register_task_definition(**revision)["taskDefinition"]["taskDefinitionArn"]
    service = described(deployment, deployment.named(_REGION, "app", "AppBlueService"))
    ecs.update_service(
        cluster=service["clusterArn"],
        service=service["serviceName"],
        taskDefinition=arn,
        desiredCount=TASKS,
    )
    rule = deployment.named(_REGION, "app", "AppWeights")
    (now,) = elbv2.describe_rules(RuleArns=[rule.ref])["Rules"]
    targets = now["Actions"][0]["ForwardConfig"]["TargetGroups"]
    for target, weight in zip(targets, WEIGHTS, strict=True):
        target["Weight"] = weight
    elbv2.modify_rule(RuleArn=rule.ref, Actions=now["Actions"])


def with_variable(assembly: Assembly, name: str) -> Assembly:
    """Return the assembly with one more variable in each half's task, as a new store brings one."""
    [file] = [
        assembly.directory / artifact["properties"]["templateFile"]
        for artifact in assembly.manifest["artifacts"].values()
        if artifact["properties"].get("stackName", "").endswith(f"{_REGION}-app")
    ]
    template = json.loads(file.read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::ECS::TaskDefinition":
            [server] = resource["Properties"]["ContainerDefinitions"]
            server["Environment"].append({"Name": name, "Value": "new"})
    file.write_text(json.dumps(template))
    return read(assembly.directory)


def edited(directory: Path, **changes: Any) -> Assembly:
    flags = json.loads((ROOT / "cdk.json").read_text())["context"]
    app = cdk.App(context=flags, outdir=str(directory))
    compose(app, replace(PRODUCTION, **changes))
    app.synth()
    return read(directory)

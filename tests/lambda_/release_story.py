"""The acts of a release and of the deploys around it, on the app tier of one Region in moto."""

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
from tests.moto_templates.api_shapes import Properties, as_input
from tests.moto_templates.deployment import (
    Created,
    Deployment,
    Site,
    client,
)
from tests.moto_templates.table import TABLE

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


def _again(site: Site, properties: Properties) -> Created:
    """A change that CloudFormation makes with the calls of a creation."""
    assert site.before is not None
    return TABLE[site.before.kind](site, properties)


def _update_service(site: Site, properties: Properties) -> Created:
    """What CloudFormation sends: every property there is, and no count, as there is none."""
    assert site.before is not None
    ecs = site.client("ecs")
    shape = ecs.meta.service_model.operation_model("UpdateService").input_shape
    wanted = {**properties, "Service": site.before.ref}
    force = wanted.pop("ForceNewDeployment")["EnableForceNewDeployment"]
    for fixed in ("LaunchType", "Tags"):  # only a replacement, or TagResource, changes these
        del wanted[fixed]
    sent = as_input({**wanted, "ForceNewDeployment": force}, shape)
    ecs.update_service(**sent)
    return site.before.ref, site.before.attributes, sent


def _keep_longer(site: Site, properties: Properties) -> Created:
    assert site.before is not None
    site.client("logs").put_retention_policy(
        logGroupName=site.before.ref, retentionInDays=properties["RetentionInDays"]
    )
    return site.before.ref, site.before.attributes, {}


def _as_before(site: Site, _properties: Properties) -> Created:
    assert site.before is not None
    return site.before.ref, site.before.attributes, {}


UPDATES = {
    "AWS::ECS::Service": _update_service,
    "AWS::ECS::TaskDefinition": _again,  # its replacement: another revision, another ARN
    "AWS::Logs::LogGroup": _keep_longer,
    "AWS::S3::Bucket": _as_before,
    "Custom::LiveTaskDefinition": _again,
}


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
    ecs = client("ecs", _REGION)
    service = deployment.named(_REGION, "app", f"App{name}Service")
    (now,) = ecs.describe_services(cluster=service.properties["Cluster"], services=[service.ref])[
        "services"
    ]
    family = now["taskDefinition"]
    runs = ecs.describe_task_definition(taskDefinition=family)["taskDefinition"]
    [server] = runs["containerDefinitions"]
    return Half(
        image=server["image"],
        cpu=runs["cpu"],
        tasks=now["desiredCount"],
        variables=frozenset(pair["name"] for pair in server["environment"]),
    )


def moment(deployment: Deployment, touched: list[str]) -> Moment:
    rule = deployment.named(_REGION, "app", "AppWeights")
    (now,) = client("elbv2", _REGION).describe_rules(RuleArns=[rule.ref])["Rules"]
    targets = now["Actions"][0]["ForwardConfig"]["TargetGroups"]
    return Moment(
        blue=_half(deployment, "Blue"),
        green=_half(deployment, "Green"),
        weights=[target["Weight"] for target in targets],
        touched=touched,
    )


def release(deployment: Deployment) -> None:
    """What an upgrade does to a half: a revision, a larger service, all of the traffic."""
    ecs, elbv2 = client("ecs", _REGION), client("elbv2", _REGION)
    family = f"mainstay-{PRODUCTION.name}-blue"
    live = ecs.describe_task_definition(taskDefinition=family)["taskDefinition"]
    shape = ecs.meta.service_model.operation_model("RegisterTaskDefinition").input_shape.members
    revision = {key: value for key, value in live.items() if key in shape}
    revision["containerDefinitions"][0]["image"] = RELEASED
    arn = ecs.register_task_definition(**revision)["taskDefinition"]["taskDefinitionArn"]
    service = deployment.named(_REGION, "app", "AppBlueService")
    ecs.update_service(
        cluster=service.properties["Cluster"],
        service=service.ref,
        taskDefinition=arn,
        desiredCount=TASKS,
    )
    rule = deployment.named(_REGION, "app", "AppWeights")
    actions: list[dict[str, Any]] = json.loads(json.dumps(rule.sent["Actions"]))
    targets = actions[0]["ForwardConfig"]["TargetGroups"]
    for target, weight in zip(targets, WEIGHTS, strict=True):
        target["Weight"] = weight
    elbv2.modify_rule(RuleArn=rule.ref, Actions=actions)


def told(assembly: Assembly, name: str) -> Assembly:
    """The assembly with one more variable in each half's task, as a new store brings one."""
    for task in assembly.part(_REGION, "app").of_type("AWS::ECS::TaskDefinition").values():
        [server] = task["ContainerDefinitions"]
        server["Environment"].append({"Name": name, "Value": "new"})
    return assembly


def edited(directory: Path, **changes: Any) -> Assembly:
    flags = json.loads((ROOT / "cdk.json").read_text())["context"]
    app = cdk.App(context=flags, outdir=str(directory))
    compose(app, replace(PRODUCTION, **changes))
    app.synth()
    return read(directory)

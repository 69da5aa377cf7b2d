"""Amazon ECS, AWS Lambda, and the custom resources that functions answer for."""

from __future__ import annotations

import io
import zipfile

from functions.live_task_definition.revisions import keep_live_image
from tests.moto_templates.api_shapes import Properties
from tests.moto_templates.deployment import Created, Site
from tests.moto_templates.kind import Attributes, Kind


def _asset(site: Site, function: Properties) -> Properties:
    """The asset's folder as the CDK CLI uploads it; its S3 key names the folder."""
    folder = site.assets / f"asset.{function['Code']['S3Key'].removesuffix('.zip')}"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.rglob("*")):
            file.write(path, path.relative_to(folder))
    name = f"{site.stack[-20:]}-{site.logical_id[-20:]}"
    return {"FunctionName": name, **function, "Code": {"ZipFile": archive.getvalue()}}


def _concurrency(site: Site, properties: Properties, made: Attributes) -> None:
    if "ReservedConcurrentExecutions" in properties:
        site.client("lambda").put_function_concurrency(
            FunctionName=made["Ref"],
            ReservedConcurrentExecutions=properties["ReservedConcurrentExecutions"],
        )


def _live_task_definition(site: Site, properties: Properties) -> Created:
    """What the function behind it does, by the function's own code."""
    arn = keep_live_image(site.client("ecs"), base=properties["Base"], family=properties["Family"])
    return properties["Family"], {"Arn": arn}, {}


COMPUTE = {
    "AWS::ECS::Cluster": Kind(
        service="ecs",
        call="create_cluster",
        ref="cluster.clusterName",
        attributes={"Arn": "cluster.clusterArn"},
        renames={"ClusterSettings": "settings"},
        adapt=lambda site, cluster: {"ClusterName": site.physical_name(), **cluster},
    ),
    "AWS::ECS::TaskDefinition": Kind(
        service="ecs",
        call="register_task_definition",
        ref="taskDefinition.taskDefinitionArn",
    ),
    "AWS::ECS::Service": Kind(
        service="ecs",
        call="create_service",
        ref="service.serviceArn",
        attributes={"Name": "service.serviceName"},
        # A nonce of CloudFormation's: a change of it becomes UpdateService's forceNewDeployment.
        apart=("ForceNewDeployment",),
        adapt=lambda site, service: {"ServiceName": site.physical_name(), **service},
    ),
    "AWS::Lambda::Function": Kind(
        service="lambda",
        call="create_function",
        ref="FunctionName",
        attributes={"Arn": "FunctionArn"},
        apart=("ReservedConcurrentExecutions",),
        adapt=_asset,
        then=_concurrency,
    ),
    "Custom::LiveTaskDefinition": _live_task_definition,
}

"""Deploys an assembly through CloudFormation's API alone: the CDK CLI's work, without its waits."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local.waiting import wait_until

ACCOUNT = "111122223333"
_CAPABILITIES = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]

# A boto3 client of a service in a Region.
Clients = Callable[..., Any]


class StackError(AssertionError):
    """A stack did not come to its end; the message holds the events that failed."""


def deploy(directory: Path, aws: Clients, only: Collection[str] | None = None) -> list[str]:
    """Publish every file of an assembly, then create its stacks or update them in order.

    `only` limits it to the stacks of these names. Returns the logical ids of the resources that
    were touched, in order. Raises StackError.
    """
    artifacts = json.loads((directory / "manifest.json").read_text())["artifacts"]
    _publish(directory, artifacts, aws)
    done: set[str] = set()
    touched: list[str] = []

    def visit(key: str) -> None:
        artifact = artifacts[key]
        if artifact["type"] != "aws:cloudformation:stack" or key in done:
            return
        done.add(key)
        for other in artifact.get("dependencies", ()):
            visit(other)
        name = artifact["properties"]["stackName"]
        if only is None or name in only:
            region = artifact["environment"].rpartition("/")[2]
            template = directory / artifact["properties"]["templateFile"]
            touched.extend(_deploy(name, region, template, aws))

    for key in artifacts:
        visit(key)
    return touched


def _deploy(name: str, region: str, template: Path, aws: Clients) -> list[str]:
    """Create or update a stack by a change set; returns the logical ids that it names."""
    s3, cloudformation = aws("s3", region), aws("cloudformation", region)
    s3.put_object(Bucket=_bucket(region), Key=template.name, Body=template.read_bytes())
    kind = "UPDATE" if _exists(cloudformation, name) else "CREATE"
    change = {"StackName": name, "ChangeSetName": f"change-{uuid.uuid4().hex[:8]}"}
    cloudformation.create_change_set(
        **change,
        ChangeSetType=kind,
        TemplateURL=f"{s3.meta.endpoint_url}/{_bucket(region)}/{template.name}",
        Capabilities=_CAPABILITIES,
        OnStackFailure="DO_NOTHING",
    )
    found = cloudformation.describe_change_set(**change)
    if not found["Changes"]:
        return []
    cloudformation.execute_change_set(**change)
    wait(cloudformation, name, f"{kind}_COMPLETE")
    return [one["ResourceChange"]["LogicalResourceId"] for one in found["Changes"]]


def _exists(cloudformation: Any, name: str) -> bool:
    try:
        return bool(cloudformation.describe_stacks(StackName=name)["Stacks"])
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
        return False


def wait(cloudformation: Any, name: str, wanted: str, *, seconds: float = 60) -> dict[str, Any]:
    """The stack, once it has the status `wanted`. Raises StackError with what failed."""

    def settled() -> dict[str, Any] | None:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        return None if stack["StackStatus"].endswith("_IN_PROGRESS") else stack

    stack = wait_until(settled, f"the end of {name}'s change", seconds=seconds, pause=0.02)
    if stack["StackStatus"] == wanted:
        return stack
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    reasons = [
        f"{event['LogicalResourceId']} ({event['ResourceType']}): {event['ResourceStatusReason']}"
        for event in events
        if event["ResourceStatus"].endswith("FAILED") and "ResourceStatusReason" in event
    ]
    raise StackError(f"{name} is {stack['StackStatus']}: {'; '.join(reasons)}")


def _bucket(region: str) -> str:
    return f"cdk-hnb659fds-assets-{ACCOUNT}-{region}"


def _publish(directory: Path, artifacts: dict[str, Any], aws: Clients) -> None:
    regions = {
        artifact["environment"].rpartition("/")[2]
        for artifact in artifacts.values()
        if artifact["type"] == "aws:cloudformation:stack"
    }
    buckets = {bucket["Name"] for bucket in aws("s3").list_buckets()["Buckets"]}
    for region in (region for region in regions if _bucket(region) not in buckets):
        elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": region}}
        aws("s3", region).create_bucket(
            Bucket=_bucket(region), **(elsewhere if region != "us-east-1" else {})
        )
        aws("ssm", region).put_parameter(
            Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String", Overwrite=True
        )
    for file in directory.glob("*.assets.json"):
        for asset in json.loads(file.read_text()).get("files", {}).values():
            if asset["source"]["packaging"] != "zip":
                continue
            body = _zipped(directory / asset["source"]["path"])
            for destination in asset["destinations"].values():
                aws("s3", destination["region"]).put_object(
                    Bucket=_bucket(destination["region"]), Key=destination["objectKey"], Body=body
                )


def _zipped(folder: Path) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
    return packed.getvalue()

"""Deploys an assembly through CloudFormation's API alone: the CDK CLI's work, without its waits."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ACCOUNT = "111122223333"
_CAPABILITIES = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]

# A boto3 client of a service in a Region.
Clients = Callable[..., Any]


class StackError(AssertionError):
    """A stack did not come to its end; the message holds the events that failed."""


def deploy(directory: Path, aws: Clients) -> list[tuple[str, str]]:
    """Publish every file of an assembly and create its stacks. Returns (Region, stack name)s."""
    manifest = json.loads((directory / "manifest.json").read_text())
    artifacts = manifest["artifacts"]
    _publish(directory, artifacts, aws)
    done: dict[str, tuple[str, str]] = {}

    def create(key: str) -> None:
        artifact = artifacts[key]
        if artifact["type"] != "aws:cloudformation:stack" or key in done:
            return
        for other in artifact.get("dependencies", ()):
            create(other)
        region = artifact["environment"].rpartition("/")[2]
        name = artifact["properties"]["stackName"]
        template = directory / artifact["properties"]["templateFile"]
        aws("s3", region).put_object(
            Bucket=_bucket(region), Key=template.name, Body=template.read_bytes()
        )
        url = f"{aws('s3', region).meta.endpoint_url}/{_bucket(region)}/{template.name}"
        cloudformation = aws("cloudformation", region)
        cloudformation.create_stack(
            StackName=name, TemplateURL=url, Capabilities=_CAPABILITIES, OnFailure="DO_NOTHING"
        )
        wait(cloudformation, name, "CREATE_COMPLETE")
        done[key] = (region, name)

    for key in artifacts:
        create(key)
    return list(done.values())


def wait(cloudformation: Any, name: str, wanted: str, *, seconds: float = 60) -> dict[str, Any]:
    """The stack, once it has the status `wanted`. Raises StackError with what failed."""
    limit = time.monotonic() + seconds
    while True:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        if not stack["StackStatus"].endswith("_IN_PROGRESS") or time.monotonic() > limit:
            break
        time.sleep(0.02)
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
    for region in regions:
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

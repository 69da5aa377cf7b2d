"""CloudFormation's side: one custom resource per half of the app tier."""

from __future__ import annotations

from typing import Any

import boto3

from functions.custom_resource.reply import reply_with
from functions.live_task_definition.revisions import keep_live_image


def handler(event: dict[str, Any], _context: object) -> None:
    """Create and Update carry the base to the live family; Delete leaves the family as it is."""

    def work() -> tuple[str, dict[str, str]]:
        if event["RequestType"] == "Delete":
            return event["PhysicalResourceId"], {}
        properties = event["ResourceProperties"]
        family, base = properties["Family"], properties["Base"]
        return family, {"Arn": keep_live_image(boto3.client("ecs"), base=base, family=family)}

    reply_with(event, work)

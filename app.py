"""The composition root: the chosen environment becomes its stacks, straight under the App.

Stacks stand under the App and not in a `cdk.Stage`: with a Stage, `cdk synth` exits 0 in spite
of findings (measured with aws-cdk 2.1148.1).
"""

from __future__ import annotations

import gc
import json
import os
import re
import sys
from pathlib import Path

# What the CDK makes on import stays: looking through it for garbage takes 0.8 s of a synth.
gc.set_threshold(50_000)
# ruff: noqa: E402 (that is before the imports, or of no use)

import aws_cdk as cdk
import cdk_nag

from config.reader import environment_named
from mainstay.guards.plugin import TrapGuards
from mainstay.guards.report import failures
from stacks.composition.environment import compose

FIX = "fix what was found, or acknowledge it on its construct"


def main() -> None:
    """Synthesize one environment; every finding of the gates ends the run with exit code 1.

    Raises ValueError where the environment's name, or anything in the environment file, is wrong.
    """
    if os.environ.get("CDK_VALIDATION") == "false":
        sys.exit("CDK_VALIDATION=false would switch off a gate of this app: unset it")
    # After the CLI's context, so that `-c <flag>=false` cannot switch a gate off, and so that
    # `python app.py`, to which no CLI passes the flags of cdk.json, makes the same templates.
    flags = json.loads((Path(__file__).parent / "cdk.json").read_text())["context"]
    app = cdk.App(post_cli_context=flags)
    environment = environment_named(app.node.try_get_context("environment") or "production")
    environment = environment.with_images(
        edge=app.node.try_get_context("edge_image"),
        app=app.node.try_get_context("app_image"),
        mode=app.node.try_get_context("mode_image"),
        dumps=app.node.try_get_context("dump_image"),
    )
    compose(app, environment)
    cdk.Validations.of(app).add_plugins(
        cdk_nag.AwsSolutionsChecks(app), cdk_nag.NIST80053R5Checks(app), TrapGuards()
    )
    try:
        found = failures(Path(app.synth().directory))
    except RuntimeError as error:
        if "ValidationFailed" not in str(error):
            raise
        sys.exit(FIX)  # CDK has printed what it found
    # Started by the CLI, CDK leaves failing to the CLI, and `--ignore-errors` makes that pass.
    if found:
        sys.exit("\n".join([*found, FIX]))


try:
    main()
except ValueError as error:
    sys.exit(str(error))
except RuntimeError as error:
    # What the operating system refuses jsii, such as a file on a full disk, needs no traceback.
    refused = re.search(r"\bE[A-Z]{3,}: .*", str(error))
    if not refused:
        raise
    sys.exit(f"nothing was synthesized: {refused[0]}")

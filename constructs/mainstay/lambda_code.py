"""The code of every function: the repository's lambda/ folder, as it is."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import aws_lambda as lambda_

# Standard library and boto3 alone, so the folder needs no bundling; 3.14 brings zstd.
PYTHON = lambda_.Runtime.PYTHON_3_14
_FOLDER = Path(__file__).parents[2] / "lambda"


def lambda_code() -> lambda_.Code:
    """One asset for all functions; a handler is named `package.handler.handler` in it."""
    return lambda_.Code.from_asset(str(_FOLDER), exclude=["**/__pycache__", "**/*.pyc"])

"""Lambda runs a function with its role's keys, and writes its log by the same role."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.access import judge, sessions
from local.emulator.extension.access.checks import Check
from local.iam.verdict import Principal

# The emulator keeps a function's process for as long as it is called; on AWS one ends within hours.
_SECONDS = 7 * 86_400


def install() -> None:
    service = inside.service("lambda_svc")
    runtime: Any = import_module("ministack.core.lambda_runtime")
    service.execution_credentials = runtime.execution_credentials = _credentials
    service._execute_function = _logging(service._execute_function)


def _session(config: dict[str, Any]) -> Principal:
    return sessions.assume(
        config["Role"], "lambda.amazonaws.com", config["FunctionName"], config["FunctionArn"]
    )


def _credentials(config: dict[str, Any]) -> dict[str, str]:
    """Return what Lambda puts into a function's environment."""
    made = sessions.credentials(_session(config), _SECONDS)
    return {
        "AWS_ACCESS_KEY_ID": made["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"],
        "AWS_SESSION_TOKEN": made["Token"],
    }


def _logging(execute: Any) -> Any:
    def executed(function: dict[str, Any], event: Any) -> Any:
        config = function.get("config") or function
        place, name = ":".join(config["FunctionArn"].split(":")[3:5]), config["FunctionName"]
        group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{name}"
        stream = f"arn:aws:logs:{place}:log-group:{group}:log-stream:{name}"
        needed = [Check("logs:CreateLogStream", stream), Check("logs:PutLogEvents", stream)]
        with inside.responses.request_scope(*reversed(place.split(":"))):
            if group not in inside.service("cloudwatch_logs")._log_groups:
                needed.insert(0, Check("logs:CreateLogGroup", stream.partition(":log-stream")[0]))
        # A function runs without its log: Lambda says nothing of it to anybody.
        judge.allowed(_session(config), needed)
        return execute(function, event)

    return executed

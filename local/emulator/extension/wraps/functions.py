"""Functions: how many run at once, where a failed one goes, and its exception's class."""

from __future__ import annotations

import re
from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.client import client
from local.emulator.extension.registry import Made, Properties
from local.emulator.extension.wraps.around import after

_RESERVED = "ReservedConcurrentExecutions"


def install() -> None:
    after("AWS::Lambda::Function", _reserve)
    after("AWS::Lambda::Function", _lay_dead_letters)
    functions = inside.service("lambda_svc")
    functions._execute_function_warm = _naming_exceptions(functions._execute_function_warm)


def _reserve(made: Made, old: Properties, new: Properties) -> None:
    if new.get(_RESERVED) == old.get(_RESERVED):
        return
    if _RESERVED in new:
        client("lambda").put_function_concurrency(
            FunctionName=made.physical_id, ReservedConcurrentExecutions=int(new[_RESERVED])
        )
    else:
        client("lambda").delete_function_concurrency(FunctionName=made.physical_id)


def _lay_dead_letters(made: Made, old: Properties, new: Properties) -> None:
    wanted = new.get("DeadLetterConfig") or {}
    if wanted != (old.get("DeadLetterConfig") or {}):
        client("lambda").update_function_configuration(
            FunctionName=made.physical_id,
            DeadLetterConfig={"TargetArn": wanted.get("TargetArn", "")},
        )


def _naming_exceptions(execute: Any) -> Any:
    """A state machine's Retry and Catch match on the exception's class, not on a common name."""

    def executed(*arguments: Any, **named: Any) -> Any:
        result = execute(*arguments, **named)
        body, log = result.get("body"), result.get("log") or ""
        if isinstance(body, dict) and body.get("errorType") == "Runtime.HandlerError":
            raised = [line for line in log.splitlines() if re.match(r"[A-Za-z_][\w.]*(:|$)", line)]
            if raised:
                body["errorType"] = raised[-1].partition(":")[0].rpartition(".")[2]
            frames = [line for line in log.splitlines() if line.startswith("  File")]
            if frames:
                body["stackTrace"] = frames
        return result

    return executed

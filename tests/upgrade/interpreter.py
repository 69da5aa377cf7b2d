"""Lets moto run the synthesized machine as AWS would: JSONata, virtual time, names of errors.

moto 5.2.5 has no JSONata engine of its own, sleeps in real time, needs Docker for a function and
starts no task of ECS. Each of these is replaced here, at the narrowest place, and every task of
ECS is checked against the SDK's model, as Step Functions checks it.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Event
from typing import Any
from unittest import mock

import boto3
import jsonata
from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import (
    CustomErrorName,
)
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import (
    StatesErrorName,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
    StatesErrorNameType,
)
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.intrinsic import jsonata as intrinsic
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service as service,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_ecs as ecs,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_sns as sns,
)
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import (
    WaitFunction,
)
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.jsonata import jsonata as engine
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker

from tests.upgrade.models import sdk

_HASHES = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256"}


class TaskError(Exception):
    """A task ends with this name of an error, as Step Functions reports it."""

    def __init__(self, name: str, cause: str) -> None:
        super().__init__(cause)
        self.name = name


class Machine:
    """Runs a definition; `function` and `task` are what its states reach, `sleep` is its time.

    `publish` is called for what moto does itself: a state, and what it would do.
    """

    def __init__(
        self,
        *,
        function: Callable[[str, dict[str, Any]], Any],
        task: Callable[[str, dict[str, Any]], dict[str, Any]],
        publish: Callable[[str, Callable[[], None]], None],
        sleep: Callable[[float], None],
    ) -> None:
        self._publish = publish
        self._function, self._task, self.sleep = function, task, sleep
        self.state = ""  # that is being done
        self._ended = Event()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """moto's interpreter with everything it lacks, until the block ends."""
        with mock.patch.multiple(engine, _eval_jsonata=_evaluate), self._patches():
            yield

    @contextmanager
    def _patches(self) -> Iterator[None]:
        machine = self
        before = service.StateTaskService._eval_execution
        logic = ExecutionWorker._execution_logic
        published = sns.StateTaskServiceSns._eval_service_task

        def named(self: Any, env: Any) -> Any:
            machine.state = self.name
            return before(self, env)

        def to_its_end(self: Any) -> None:
            try:
                logic(self)
            finally:
                machine._ended.set()

        def invoke(parameters: dict[str, Any], region: str, state_credentials: Any) -> Any:
            payload = json.loads(parameters["Payload"])
            try:
                answer = machine._function(machine.state, payload)
            except TaskError:
                raise
            except Exception as error:
                failure = {"errorType": type(error).__name__, "errorMessage": str(error)}
                return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": failure}
            answered = json.loads(json.dumps(answer))
            return {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": answered}

        def run(self: Any, env: Any, *_: Any, **given: Any) -> None:
            try:
                parameters = sdk("ecs", "RunTask", given["normalised_parameters"])
            except ValueError as error:
                raise TaskError("States.Runtime", str(error)) from None
            env.stack.append({"Tasks": [machine._task(machine.state, parameters)]})

        def publish(self: Any, env: Any, *args: Any, **given: Any) -> None:
            machine._publish(machine.state, lambda: published(self, env, *args, **given))

        def resolver(self: Any, env: Any, *_: Any, **__: Any) -> Callable[[], Any]:
            task = env.stack.pop()["Tasks"][0]
            return lambda: task

        def unchanged(self: Any, *_: Any, **__: Any) -> None:
            """`run` translates them by the model."""

        stubs = intrinsic._DECLARATION_BY_VARIABLE_REFERENCE
        own = {name: text for name, text in stubs.items() if name not in ("$uuid", "$hash")}
        with (
            mock.patch.object(ExecutionWorker, "_execution_logic", to_its_end),
            mock.patch.object(service.StateTaskService, "_eval_execution", named),
            mock.patch.object(lambda_eval_utils, "_invoke_lambda_function", invoke),
            mock.patch.object(ecs.StateTaskServiceEcs, "_eval_service_task", run),
            mock.patch.object(ecs.StateTaskServiceEcs, "_build_sync_resolver", resolver),
            mock.patch.object(ecs.StateTaskServiceEcs, "_normalise_parameters", unchanged),
            mock.patch.object(sns.StateTaskServiceSns, "_eval_service_task", publish),
            mock.patch.object(service.StateTaskService, "_from_error", _keeping(service)),
            mock.patch.object(ecs.StateTaskServiceEcs, "_from_error", _keeping(ecs)),
            mock.patch.object(sns.StateTaskServiceSns, "_from_error", _keeping(sns)),
            mock.patch.object(WaitFunction, "_wait_interval", self._waited),
            mock.patch.object(retrier_decl, "time", _Time(self.sleep)),
            mock.patch.dict(stubs, own, clear=True),
            mock.patch.object(AmazonStateLanguageParser, "parse", _parsed),
            _encoder(),
        ):
            yield

    def _waited(self, env: Any, wait_seconds: float) -> None:
        self.sleep(wait_seconds)

    def known(self, definition: str) -> str:
        """The ARN of the state machine, made if it is not there yet, and parsed."""
        return _machine(boto3.client("stepfunctions", region_name="us-east-1"), definition)

    def run(self, definition: str, name: str, given: dict[str, Any]) -> dict[str, Any]:
        """Start an execution and wait for its end; `path` are the states that it entered."""
        api = boto3.client("stepfunctions", region_name="us-east-1")
        arn = _machine(api, definition)
        self._ended.clear()
        started = api.start_execution(stateMachineArn=arn, name=name, input=json.dumps(given))
        assert self._ended.wait(120), f"the execution hangs at '{self.state}'"
        answered = api.describe_execution(executionArn=started["executionArn"])
        events = api.get_execution_history(executionArn=started["executionArn"])["events"]
        path = [e["stateEnteredEventDetails"]["name"] for e in events if _entered(e)]
        return {**answered, "path": path}


def _entered(event: dict[str, Any]) -> bool:
    return "stateEnteredEventDetails" in event


def _machine(api: Any, definition: str) -> str:
    for known in api.list_state_machines()["stateMachines"]:
        return known["stateMachineArn"]
    return api.create_state_machine(
        name="mainstay-test-upgrade",
        definition=definition,
        roleArn="arn:aws:iam::123456789012:role/machine",
    )["stateMachineArn"]


_KINDS = {
    service: service.StateTaskService,
    ecs: ecs.StateTaskServiceEcs,
    sns: sns.StateTaskServiceSns,
}


def _keeping(module: Any) -> Callable[..., FailureEvent]:
    kind = _KINDS[module]
    before = kind._from_error

    def from_error(self: Any, env: Any, ex: Exception) -> FailureEvent:
        if not isinstance(ex, TaskError):
            return before(self, env=env, ex=ex)
        details = TaskFailedEventDetails(
            error=ex.name,
            cause=str(ex),
            resource=self._get_sfn_resource(),
            resourceType=self._get_sfn_resource_type(),
        )
        return FailureEvent(
            env=env,
            error_name=_error_name(ex.name),
            event_type=HistoryEventType.TaskFailed,
            event_details=EventDetails(taskFailedEventDetails=details),  # type: ignore[call-arg]
        )

    return from_error


def _error_name(name: str) -> ErrorName:
    if not name.startswith("States."):
        return CustomErrorName(name)
    kind = StatesErrorNameType.from_name(name)
    return StatesErrorName(kind)


# A definition takes half a second to parse, and nothing of an execution is kept in the result.
_parsed = cache(AmazonStateLanguageParser.parse)


class _Time:
    """The module `time`, whose sleep is virtual."""

    def __init__(self, sleep: Callable[[float], None]) -> None:
        self.sleep = sleep

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


def _evaluate(expression: str) -> Any:
    made = jsonata.Jsonata(expression)
    made.register_lambda("uuid", lambda: str(uuid.uuid4()))
    made.register_lambda("hash", _hashed)
    try:
        result = made.evaluate(None)
    except Exception as error:
        raise engine.JSONataException("UNKNOWN", f"{expression}: {error}") from error
    return json.loads(json.dumps(result, default=str))


def _hashed(text: str, algorithm: str) -> str:
    return hashlib.new(_HASHES[algorithm], str(text).encode()).hexdigest()


@contextmanager
def _encoder() -> Iterator[None]:
    """moto writes a string into an expression without escaping it."""
    name = "encode_jsonata_variable_declarations"

    def encoded(bindings: dict[str, Any]) -> str:
        return "".join(
            f"{variable}:={json.dumps(value, default=str)};" for variable, value in bindings.items()
        )

    holders = [
        module
        for path, module in list(sys.modules.items())
        if re.match(r"moto\.stepfunctions\b", path) and hasattr(module, name)
    ]
    before = {module: getattr(module, name) for module in holders}
    for module in holders:
        setattr(module, name, encoded)
    try:
        yield
    finally:
        for module, function in before.items():
            setattr(module, name, function)

"""Answers operations of AWS services that the emulator lacks, by botocore's model of them.

An operation is a function from the request's members to the answer's, as a boto3 user sees both;
reading and writing each protocol (json, rest-json, query, rest-xml) is done here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from local.emulator.extension import inside, models
from local.emulator.extension.apis import reading, writing

Operation = Callable[[dict[str, Any]], dict[str, Any] | None]
Handler = Callable[..., Awaitable[writing.Answer]]


class ApiError(Exception):
    """What a client gets as ClientError: a code of the service's model, and a message."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


class Api:
    """A service's operations that this module answers; the emulator answers the rest."""

    def __init__(self, name: str) -> None:
        self.model = models.service(name)
        self.operations: dict[str, Operation] = {}
        APIS.append(self)

    def store(self) -> Any:
        """Return a dictionary per account and Region, which a reset of the emulator empties."""
        _STORES.append(inside.responses.AccountRegionScopedDict())
        return _STORES[-1]

    def operation(self, answer: Operation) -> Operation:
        """Register a function under its name in the model: put_thing answers PutThing."""
        name = "".join(part.capitalize() for part in answer.__name__.split("_"))
        known = {known.lower(): known for known in self.model.operation_names}
        if name.lower() not in known:
            raise ValueError(f"'{name}' should be an operation of {self.model.service_name}")
        self.operations[known[name.lower()]] = answer
        return answer

    def install(self) -> None:
        """Answer before the emulator's own handler, if it has one for this service."""
        handlers = inside.app.SERVICE_HANDLERS
        name = self.model.signing_name
        handlers[name] = self._before(handlers.get(name))

    def _before(self, otherwise: Handler | None) -> Handler:
        async def handle(
            method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
        ) -> writing.Answer:
            request = reading.Request(method, path, headers, body, query)
            found = reading.match(self.model, self.operations, request)
            if found is not None:
                operation, members = found
                # On a thread: an answer may take its time, or call the emulator itself.
                return await asyncio.to_thread(self._answer, operation, members)
            if otherwise is None:
                return writing.error(
                    self.model, "UnknownOperationException", _unknown(request), 400
                )
            return await otherwise(method, path, headers, body, query)

        return handle

    def _answer(self, operation: Any, members: dict[str, Any]) -> writing.Answer:
        try:
            result = self.operations[operation.name](members) or {}
        except ApiError as error:
            return writing.error(self.model, error.code, error.message, error.status)
        return writing.answer(self.model, operation, result)


APIS: list[Api] = []
_STORES: list[Any] = []


def forget() -> None:
    """Empty every store, as a reset of the emulator does with its own."""
    for store in _STORES:
        store.clear()


def _unknown(request: reading.Request) -> str:
    asked = request.headers.get("x-amz-target") or f"{request.method} {request.path}"
    return (
        f"the local target does not answer {asked}; "
        "add the operation to local/emulator/extension/apis"
    )

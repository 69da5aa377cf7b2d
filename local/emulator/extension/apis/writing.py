"""Writes an answer in a service's protocol, by botocore's model of it."""

from __future__ import annotations

import datetime
import json
import uuid
from typing import Any
from xml.sax.saxutils import escape

from local.emulator.extension.models import ListShape, MapShape, StructureShape, wire_name

Answer = tuple[int, dict[str, str], bytes]


def answer(model: Any, operation: Any, result: dict[str, Any]) -> Answer:
    """Return a result in the service's protocol."""
    if model.protocol in ("json", "rest-json"):
        kind = "application/x-amz-json-1.1" if model.protocol == "json" else "application/json"
        shape = operation.output_shape
        payload = shape.serialization.get("payload") if shape is not None else None
        content = _to_json(shape, result) if shape is not None else {}
        if payload:
            content = content.get(payload, {})
        status = int(operation.http.get("responseCode", 200))
        return status, {"Content-Type": kind}, json.dumps(content).encode()
    inner = _to_xml(operation.output_shape, result) if operation.output_shape else ""
    name = operation.name
    if model.protocol == "query":
        request_id = f"<RequestId>{uuid.uuid4()}</RequestId>"
        inner = f"<{name}Result>{inner}</{name}Result>"
        inner += f"<ResponseMetadata>{request_id}</ResponseMetadata>"
    text = f"<{name}Response>{inner}</{name}Response>"
    return int(operation.http.get("responseCode", 200)), {"Content-Type": "text/xml"}, text.encode()


def error(model: Any, code: str, message: str, status: int) -> Answer:
    """Return an error in the service's protocol."""
    if model.protocol in ("json", "rest-json"):
        body = json.dumps({"__type": code, "message": message, "Message": message})
        headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-errortype": code}
        return status, headers, body.encode()
    body = (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>"
        f"<Message>{escape(message)}</Message></Error></ErrorResponse>"
    )
    return status, {"Content-Type": "text/xml"}, body.encode()


def _to_json(shape: Any, value: Any) -> Any:
    if isinstance(shape, StructureShape):
        return {
            wire_name(shape, name): _to_json(shape.members[name], item)
            for name, item in value.items()
            if name in shape.members and item is not None
        }
    if isinstance(shape, ListShape):
        return [_to_json(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {key: _to_json(shape.value, item) for key, item in value.items()}
    if isinstance(value, datetime.datetime):
        if shape.serialization.get("timestampFormat") == "iso8601":
            return value.isoformat()
        return value.timestamp()
    return value


def _to_xml(shape: Any, value: Any) -> str:
    if isinstance(shape, StructureShape):
        parts = []
        for name, item in value.items():
            if name not in shape.members or item is None:
                continue
            tag = wire_name(shape, name)
            parts.append(f"<{tag}>{_to_xml(shape.members[name], item)}</{tag}>")
        return "".join(parts)
    if isinstance(shape, ListShape):
        item_tag = shape.member.serialization.get("name", "member")
        return "".join(f"<{item_tag}>{_to_xml(shape.member, i)}</{item_tag}>" for i in value)
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return escape(str(value).lower() if isinstance(value, bool) else str(value))

"""Reads a request in a service's protocol, by botocore's model of it."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote
from xml.etree import ElementTree

from local.emulator.extension.models import ListShape, StructureShape, wire_name


class Request(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    query: dict[str, Any]


def match(
    model: Any, names: Collection[str], request: Request
) -> tuple[Any, dict[str, Any]] | None:
    """Return which of the operations `names` a request asks for, with its members; or None."""
    if model.protocol in ("json", "query", "ec2"):
        form = parse_qs(request.body.decode(errors="replace"), keep_blank_values=True)
        target = request.headers.get("x-amz-target", "").rpartition(".")[2]
        name = target if model.protocol == "json" else (form.get("Action") or [""])[0]
        if name not in names:
            return None
        operation = model.operation_model(name)
        if model.protocol == "json":
            return operation, json.loads(request.body or b"{}")
        fields = {key: values[0] for key, values in form.items()}
        ec2 = model.protocol == "ec2"
        return operation, _from_form(operation.input_shape, fields, "", ec2=ec2)
    for name in names:
        operation = model.operation_model(name)
        variables = _path_variables(operation, request)
        if variables is not None:
            return operation, _rest_members(operation, request, variables)
    return None


def _path_variables(operation: Any, request: Request) -> dict[str, str] | None:
    if operation.http["method"] != request.method:
        return None
    template, _, query = operation.http["requestUri"].partition("?")
    pattern = "".join(
        f"(?P<{part[1:-1].rstrip('+')}>{'.+' if part.endswith('+}') else '[^/]+'})"
        if part.startswith("{")
        else re.escape(part)
        for part in re.split(r"(\{[^}]+\})", template.rstrip("/"))
    )
    found = re.fullmatch(f"{pattern}/?", request.path)
    flags = [flag.partition("=")[0] for flag in query.split("&") if flag]
    if found is None or any(flag not in request.query for flag in flags):
        return None
    return {name: unquote(value) for name, value in found.groupdict().items()}


def _rest_members(operation: Any, request: Request, variables: dict[str, str]) -> dict[str, Any]:
    shape = operation.input_shape
    if shape is None:
        return {}
    members: dict[str, Any] = {}
    body = shape.serialization.get("payload")
    for name, member in shape.members.items():
        place = member.serialization.get("location")
        key = wire_name(shape, name)
        if place == "uri" and key in variables:
            members[name] = variables[key]
        elif place == "querystring" and key in request.query:
            values = request.query[key]
            members[name] = values if isinstance(member, ListShape) else values[0]
        elif place in ("header", "headers") and key.lower() in request.headers:
            members[name] = request.headers[key.lower()]
    if request.body:
        if operation.service_model.protocol == "rest-xml":
            root = ElementTree.fromstring(request.body)
            members |= _from_xml(shape.members[body] if body else shape, root)
        else:
            sent = json.loads(request.body)
            members |= {body: sent} if body else _named(shape, sent)
    return members


def _named(shape: Any, sent: dict[str, Any]) -> dict[str, Any]:
    names = {wire_name(shape, name): name for name in shape.members}
    return {names.get(key, key): value for key, value in sent.items()}


def _ec2_name(member: Any, name: str) -> str:
    given = member.serialization
    wire = given.get("queryName") or given.get("name") or name
    return wire[0].upper() + wire[1:]


def _from_form(shape: Any, fields: dict[str, str], prefix: str, *, ec2: bool = False) -> Any:
    """Return the members of a query protocol's form, such as Tags.member.1.Key.

    EC2's own protocol has Tag.1.Key instead.
    """
    if isinstance(shape, StructureShape):
        members = {}
        for name, member in shape.members.items():
            wire = _ec2_name(member, name) if ec2 else name
            key = f"{prefix}.{wire}" if prefix else wire
            if any(field == key or field.startswith(f"{key}.") for field in fields):
                members[name] = _from_form(member, fields, key, ec2=ec2)
        return members
    if isinstance(shape, ListShape):
        item = "" if ec2 else f"{shape.member.serialization.get('name', 'member')}."
        items = []
        while any(
            field == (key := f"{prefix}.{item}{len(items) + 1}") or field.startswith(f"{key}.")
            for field in fields
        ):
            items.append(_from_form(shape.member, fields, key, ec2=ec2))
        return items
    return _typed(shape, fields[prefix])


def _from_xml(shape: Any, node: ElementTree.Element) -> Any:
    if isinstance(shape, StructureShape):
        names = {
            member.serialization.get("name", key): key for key, member in shape.members.items()
        }
        members = {}
        for child in node:
            name = names.get(child.tag.rpartition("}")[2])
            if name is not None:
                members[name] = _from_xml(shape.members[name], child)
        return members
    if isinstance(shape, ListShape):
        return [_from_xml(shape.member, child) for child in node]
    return _typed(shape, node.text or "")


def _typed(shape: Any, text: str) -> Any:
    if shape.type_name == "boolean":
        return text.lower() == "true"
    if shape.type_name in ("integer", "long"):
        return int(text)
    return float(text) if shape.type_name in ("float", "double") else text

"""An account in moto, a DNS of one's own on 127.0.0.1, and assemblies made of a few resources."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from moto import mock_aws
from moto.servicequotas import models as quota_models
from moto.servicequotas.exceptions import NoSuchResource
from moto.servicequotas.responses import ServiceQuotasResponse

from assembly.reader import Assembly, read
from config.environments import PRODUCTION
from config.model import Environment
from deploy.clients import AwsClients, session_clients
from deploy.dns import Dns

ACCOUNT = "210987654321"
DOMAIN = "id.owner.test"
NAME_SERVERS = ("ns-1.zone.test", "ns-2.zone.test")


def _without_openapi() -> None:
    """moto's CloudFormation imports moto's API Gateway, and that a validator of OpenAPI files.

    Nothing here makes an API, so a validator that refuses to work stands in for eight packages.
    """

    class OpenAPIValidationError(Exception):
        pass

    def validate(*_: Any) -> None:
        raise OpenAPIValidationError("no validator of OpenAPI files is installed")

    name = "openapi_spec_validator"
    for part in (name, f"{name}.validation", f"{name}.validation.exceptions"):
        module = ModuleType(part)
        module.__path__ = []
        vars(module).update(validate=validate, OpenAPIValidationError=OpenAPIValidationError)
        sys.modules.setdefault(part, module)


_without_openapi()


@pytest.fixture(scope="session")
def owned() -> Environment:
    """Production as its owner has it: no placeholder, images of a registry."""
    image = "registry.owner.test/any:1"
    return dataclasses.replace(
        PRODUCTION,
        account=ACCOUNT,
        domain=DOMAIN,
        edge=dataclasses.replace(PRODUCTION.edge, image=image),
        app=dataclasses.replace(PRODUCTION.app, image=image),
    )


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsClients]:
    """The environment's account, empty; asked through boto3."""
    monkeypatch.setenv("MOTO_ACCOUNT_ID", ACCOUNT)
    with mock_aws():
        yield session_clients()


@pytest.fixture
def quota(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`quota("fargate", "L-3032A538", 6)` sets one, beside those of the VPC that moto has.

    moto 5.2.5 has the quotas of the VPC alone and no GetAWSDefaultServiceQuota. The answers are
    put into its own backend, so that botocore still checks what is sent and reads what comes.
    With default=True only AWS's default is there, as for a quota that was never applied.
    """
    applied: dict[tuple[str, str], dict[str, Any]] = {}
    defaults: dict[tuple[str, str], dict[str, Any]] = {}
    of_moto = quota_models.ServiceQuotasBackend.get_service_quota

    def get(self: Any, service_code: str, quota_code: str) -> dict[str, Any]:
        key = (service_code, quota_code)
        if key in defaults:
            raise NoSuchResource
        return applied[key] if key in applied else of_moto(self, service_code, quota_code)

    def get_default(self: ServiceQuotasResponse) -> str:
        asked = json.loads(self.body)
        key = (asked["ServiceCode"], asked["QuotaCode"])
        if key not in defaults:
            raise NoSuchResource
        return json.dumps({"Quota": defaults[key]})

    monkeypatch.setattr(quota_models.ServiceQuotasBackend, "get_service_quota", get)
    monkeypatch.setattr(
        ServiceQuotasResponse, "get_aws_default_service_quota", get_default, raising=False
    )

    def set_quota(service: str, code: str, value: float, *, default: bool = False, **more: Any):
        found = {"ServiceCode": service, "QuotaCode": code, "Value": value, **more}
        (defaults if default else applied)[service, code] = found

    return set_quota


class NameServer:
    """A resolver and a parent zone in one, at a port of its own.

    `referral` is what it names for the domain, `ds` whether it holds a DS record of it, and
    `rcode` what it answers instead of anything.
    """

    def __init__(self) -> None:
        self.referral: tuple[str, ...] = ()
        self.in_answer = False  # as a server that holds both zones
        self.ds = False
        self.rcode = dns.rcode.NOERROR
        self.asked: list[tuple[str, str, bool]] = []  # name, type, whether for recursion
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Fall silent; its port is free."""
        if not self._thread.is_alive():
            return
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join(10)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            data, sender = self._socket.recvfrom(4_096)
            if not data:
                return
            self._socket.sendto(self._answer(dns.message.from_wire(data)).to_wire(), sender)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        (question,) = query.question
        name, kind = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind, bool(query.flags & dns.flags.RD)))
        reply = dns.message.make_response(query)
        reply.set_rcode(self.rcode)
        if self.rcode != dns.rcode.NOERROR:
            return reply
        match name, kind:
            case ("owner.test.", "NS"):
                reply.answer.append(dns.rrset.from_text(name, 60, "IN", "NS", "ns.parent.test."))
            case ("ns.parent.test.", "A"):
                reply.answer.append(dns.rrset.from_text(name, 60, "IN", "A", "127.0.0.1"))
            case ("id.owner.test.", "NS") if self.referral:
                section = reply.answer if self.in_answer else reply.authority
                servers = [f"{server}." for server in self.referral]
                section.append(dns.rrset.from_text(name, 60, "IN", "NS", *servers))
            case ("id.owner.test.", "DS") if self.ds:
                text = f"1 13 2 {'ab' * 32}"
                reply.answer.append(dns.rrset.from_text(name, 60, "IN", "DS", text))
        return reply


@pytest.fixture
def name_server() -> Iterator[NameServer]:
    server = NameServer()
    yield server
    server.close()


@pytest.fixture
def resolver(name_server: NameServer) -> Dns:
    # Long, so that a busy machine is not taken for a silent server.
    return Dns(resolvers=("127.0.0.1",), port=name_server.port, timeout=20)


def stack(
    path: str,
    resources: dict[str, Any],
    *,
    outputs: dict[str, Any] | None = None,
    depends_on: tuple[str, ...] = (),
    protected: bool = False,
    environment: str = "production",
    region: str | None = None,
) -> dict[str, Any]:
    """One stack of `assemble`; its Region is the first part of its path, or us-east-1."""
    first, _, _ = path.partition("/")
    name = path.replace("/", "-").lower()
    return {
        "path": path,
        "name": f"mainstay-{environment}-{name}",
        "region": region or (first if "/" in path else "us-east-1"),
        "template": {"Resources": resources, "Outputs": outputs or {}},
        "depends_on": depends_on,
        "protected": protected,
    }


def assemble(directory: Path, *stacks: dict[str, Any], account: str = ACCOUNT) -> Assembly:
    """Write a cloud assembly that the CDK CLI takes, and read it."""
    artifacts = {}
    for one in stacks:
        key = one["path"].replace("/", "")
        (directory / f"{key}.template.json").write_text(json.dumps(one["template"]))
        artifacts[key] = {
            "type": "aws:cloudformation:stack",
            "environment": f"aws://{account}/{one['region']}",
            "displayName": one["path"],
            "dependencies": [path.replace("/", "") for path in one["depends_on"]],
            "properties": {
                "templateFile": f"{key}.template.json",
                "stackName": one["name"],
                "terminationProtection": one["protected"],
            },
        }
    manifest = {"version": "55.0.0", "artifacts": artifacts}
    (directory / "manifest.json").write_text(json.dumps(manifest))
    return read(directory)


def raise_stack(clients: AwsClients, one: dict[str, Any], **more: Any) -> None:
    """Create one of `stack` in the account."""
    clients("cloudformation", one["region"]).create_stack(
        StackName=one["name"],
        TemplateBody=json.dumps(one["template"]),
        EnableTerminationProtection=one["protected"],
        **more,
    )


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str, str], Path]:
    """`program("docker", "exit 1")`: an executable of that name, in a folder of its own."""

    def make(name: str, script: str) -> Path:
        folder = tmp_path / "programs"
        folder.mkdir(exist_ok=True)
        file = folder / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        return file

    return make


def path_with(program: Path) -> dict[str, str]:
    """Variables of a shell that finds the program before any other."""
    return {**os.environ, "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}

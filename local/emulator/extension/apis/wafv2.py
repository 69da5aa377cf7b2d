"""WAF's logging configurations: kept and described; no log is written."""

from __future__ import annotations

from typing import Any

from local.emulator.extension.apis.server import Api, ApiError

API = Api("wafv2")
_configurations = API.store()  # web ACL -> LoggingConfiguration


@API.operation
def put_logging_configuration(request: dict[str, Any]) -> dict[str, Any]:
    configuration = request["LoggingConfiguration"]
    _configurations[configuration["ResourceArn"]] = configuration
    return {"LoggingConfiguration": configuration}


@API.operation
def get_logging_configuration(request: dict[str, Any]) -> dict[str, Any]:
    return {"LoggingConfiguration": _known(request["ResourceArn"])}


@API.operation
def list_logging_configurations(request: dict[str, Any]) -> dict[str, Any]:
    return {"LoggingConfigurations": _configurations.values()}


@API.operation
def delete_logging_configuration(request: dict[str, Any]) -> None:
    _known(request["ResourceArn"])
    _configurations.pop(request["ResourceArn"])


def _known(web_acl: str) -> dict[str, Any]:
    configuration = _configurations.get(web_acl)
    if configuration is None:
        raise ApiError("WAFNonexistentItemException", f"{web_acl} has no logging configuration")
    return configuration

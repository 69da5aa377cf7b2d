"""The name server of a task on this machine, which Python loads before anything of the task's.

DATABASE_ADDRESSES names databases.json: the endpoint of a cluster is found at the address that is
there at that moment, and one that is not there is an unknown host. Every other name goes on to the
machine's own resolver. It stands on the task's PYTHONPATH alone (local/images.py).
"""

import json
import os
import socket
from pathlib import Path
from typing import Any

import uvloop

_ENDPOINTS = ".rds.amazonaws.com"
_resolve, _resolve_in_loop = socket.getaddrinfo, uvloop.Loop.getaddrinfo


def _address(host: Any) -> Any:
    """Return the address of an endpoint, and every other host as it is."""
    if not isinstance(host, str) or not host.endswith(_ENDPOINTS):
        return host
    try:
        return json.loads(Path(os.environ["DATABASE_ADDRESSES"]).read_text())["addresses"][host]
    except (KeyError, OSError):
        problem = f"no database of this machine has the name {host}"
        raise socket.gaierror(socket.EAI_NONAME, problem) from None


def _getaddrinfo(host: Any, *arguments: Any, **more: Any) -> Any:
    return _resolve(_address(host), *arguments, **more)


async def _getaddrinfo_in_loop(self: Any, host: Any, *arguments: Any, **more: Any) -> Any:
    return await _resolve_in_loop(self, _address(host), *arguments, **more)


socket.getaddrinfo = _getaddrinfo
setattr(uvloop.Loop, "getaddrinfo", _getaddrinfo_in_loop)  # noqa: B010 (its types allow no other)

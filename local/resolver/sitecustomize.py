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

_ENDPOINTS = ".rds.amazonaws.com"
_resolve = socket.getaddrinfo


def _addresses() -> dict[str, str]:
    return json.loads(Path(os.environ["DATABASE_ADDRESSES"]).read_text())["addresses"]


def _getaddrinfo(host: Any, *arguments: Any, **more: Any) -> Any:
    if isinstance(host, str) and host.endswith(_ENDPOINTS):
        try:
            host = _addresses()[host]
        except (KeyError, OSError):
            raise socket.gaierror(
                socket.EAI_NONAME, f"no database of this machine has the name {host}"
            ) from None
    return _resolve(host, *arguments, **more)


socket.getaddrinfo = _getaddrinfo

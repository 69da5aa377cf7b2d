"""The app of the benchmark: nginx that answers at once, or after a quarter of a second."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.edge_process import nginx_binary
from local.waiting import free_port
from migration.chains import Chain, running

SLOW_SECONDS = 0.25
_BODY = "x" * 900  # bytes: a small answer of an API
_CONFIGURATION = """
{user}
worker_processes auto;
worker_rlimit_nofile 40000;
pid "{run}/nginx.pid";
events {{ worker_connections 16384; }}
http {{
    access_log off;
    client_body_temp_path "{run}/body";
    proxy_temp_path "{run}/proxy";
    fastcgi_temp_path "{run}/fastcgi";
    uwsgi_temp_path "{run}/uwsgi";
    scgi_temp_path "{run}/scgi";
    keepalive_timeout 120s;
    keepalive_requests 1000000;
    server {{
        listen 127.0.0.1:{port} backlog=8192;
        location / {{ default_type application/json; return 200 "{body}"; }}
        location /slow {{ echo_sleep {slow}; echo ok; }}
    }}
}}
"""


@contextmanager
def upstream(folder: Path) -> Iterator[Chain]:
    """Yield the app, running; also the yardstick that nothing in front of it can beat."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    configuration = folder / "nginx.conf"
    user = "user root root;" if os.geteuid() == 0 else ""
    configuration.write_text(
        _CONFIGURATION.format(user=user, run=folder, port=port, body=_BODY, slow=SLOW_SECONDS)
    )
    command = (
        *(str(nginx_binary()), "-p", str(folder), "-c", str(configuration)),
        *("-e", str(folder / "error.log"), "-g", "daemon off;"),
    )
    with running("upstream", folder, command, port) as chain:
        yield chain

"""`python -m doubles.aws_in_memory`: moto's AWS on a free port of 127.0.0.1, until it is killed.

The port is its first line. It is a process of its own because moto's state belongs to a process:
two machines in one, or a test that begins with an empty AWS, would take each other's tables away.

It keeps connections, as AWS does. moto's own server closes each after one answer, so that a client
pays for a connection with every call.
"""

from __future__ import annotations

import threading
from typing import Any

_THREADS = 64  # each long poll holds one


def main() -> None:
    from moto.dynamodb.responses import DynamoHandler
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from waitress.server import create_server

    _one_at_a_time(DynamoHandler)

    application = DomainDispatcherApplication(create_backend_app)
    server: Any = create_server(application, host="127.0.0.1", port=0, threads=_THREADS)
    print(server.effective_port, flush=True)
    server.run()


def _one_at_a_time(handler: Any) -> None:
    """A request to DynamoDB is atomic: moto's threads would change an item under each other, and
    an update would be answered without what it updated."""
    whole, lock = handler.call_action, threading.RLock()

    def alone(self: Any) -> Any:
        with lock:
            return whole(self)

    handler.call_action = alone


if __name__ == "__main__":
    main()

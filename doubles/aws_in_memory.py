"""`python -m doubles.aws_in_memory`: moto's AWS on a free port of 127.0.0.1, until it is killed.

The port is its first line. It is a process of its own because moto's state belongs to a process:
two machines in one, or a test that begins with an empty AWS, would take each other's tables away.
"""

from __future__ import annotations

import logging
import threading
from typing import Any


def main() -> None:
    from moto.dynamodb.responses import DynamoHandler
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    _one_at_a_time(DynamoHandler)

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # not a line for each request
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    print(moto.get_host_and_port()[1], flush=True)
    threading.Event().wait()


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

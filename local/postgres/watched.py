"""What watches over a replica node's PostgreSQL, as systemd and the boot script do there."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Self

from local.postgres.server import NotReadyError, PostgresServer
from local.postgres.servers import PostgresServers

_POLL_SECONDS = 0.05


def renew(servers: PostgresServers, standby: PostgresServer, *, of: PostgresServer) -> None:
    """Start a standby again that has ended, copied anew where that was asked for."""
    if not standby.has_ended:
        return
    request = Path(f"{standby.folder}.reclone")
    if request.exists():
        servers.copy_again(standby, of=of)
        request.unlink()
    try:
        standby.start()
    except NotReadyError:
        if not standby.has_ended_well:  # told to end again before it was seen: the next look
            raise


class Watched:
    """While its block lasts, a standby that ended is started again, copied anew where asked.

    A copy is asked for by a file beside the server's data: its name is the folder's and `.reclone`.
    """

    def __init__(
        self, servers: PostgresServers, standby: PostgresServer, *, of: PostgresServer
    ) -> None:
        self._servers, self._standby, self._of = servers, standby, of
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"watches {standby.name}")
        self.failure: Exception | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """The server goes with its watch: the kernel ends what an ended thread started."""
        self._over.set()
        self._thread.join()
        self._standby.kill()
        if self.failure is not None:
            raise self.failure

    def _watch(self) -> None:
        while not self._over.wait(_POLL_SECONDS):
            try:
                renew(self._servers, self._standby, of=self._of)
            except Exception as error:  # shown by the block: a thread's own end is silent
                self.failure = error
                return

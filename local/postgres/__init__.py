"""Real PostgreSQL 17 servers on 127.0.0.1: masters, readers and the delayed replica of one machine.

    with PostgresServers() as servers:
        a = servers.start("a")
        reader = servers.standby("reader", of=a)
        a.value("SELECT count(*) FROM pg_stat_replication")

No server outlives the process that started it, however that ends.
"""

from local.postgres.binaries import BINARIES, Binaries
from local.postgres.server import ADMINISTRATOR, SUPERUSER, NotReadyError, PostgresServer
from local.postgres.servers import PostgresServers
from local.postgres.watched import Watched, renew

__all__ = [
    "ADMINISTRATOR",
    "BINARIES",
    "SUPERUSER",
    "Binaries",
    "NotReadyError",
    "PostgresServer",
    "PostgresServers",
    "Watched",
    "renew",
]

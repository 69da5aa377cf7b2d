"""Listens before each PostgreSQL as Amazon RDS does: TLS, and tokens where a user has no password.

The server behind has no port. It takes its own users' passwords, and whoever comes from this
listener as a user of `rds_iam`, who is let through with a valid token alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from local.postgres.server import SUPERUSER
from local.postgres.token import Keys, Login, refusal

# Codes in place of a protocol's version (PostgreSQL, "Message Formats": SSLRequest and others).
_CANCEL, _TLS, _GSS = 80_877_102, 80_877_103, 80_877_104
_LONGEST_STARTUP = 10_000  # bytes, as PostgreSQL's MAX_STARTUP_PACKET_LENGTH
_LONGEST_MESSAGE = 65_536
_LOGIN_SECONDS = 60  # PostgreSQL's authentication_timeout
_LAST_WORD_SECONDS = 2
_OK, _CLEARTEXT = struct.pack("!I", 0), struct.pack("!I", 3)
_CHUNK = 65_536


@dataclass(frozen=True, kw_only=True)
class DatabaseEntrance:
    """An address, and the server behind it; `hosts` are the endpoint's names in DNS."""

    address: str
    port: int
    socket: Path  # folder of the server's socket
    tls: ssl.SSLContext
    region: str
    hosts: tuple[str, ...]
    users: str  # ARN of who logs in by tokens, without the name; empty where nobody does


class RefusedLoginError(Exception):
    """A login is refused; the client sees `text`, and the reason is printed as in RDS's log."""

    def __init__(self, text: str, reason: str = "") -> None:
        super().__init__(f"{text}: {reason}" if reason else text)
        self.text = text


class DatabaseListener:
    """All entrances of one machine, in a thread of their own while the block lasts."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="database listener", daemon=True
        )
        self._open: dict[str, asyncio.Server] = {}
        self._clients: dict[str, set[asyncio.Task[None]]] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for address in list(self._open):
            self.close(address)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def listen(self, entrance: DatabaseEntrance) -> None:
        """Take connections from now on; raises OSError where the address is taken."""
        asyncio.run_coroutine_threadsafe(self._listen(entrance), self._loop).result()

    def close(self, address: str) -> None:
        """End an entrance and the connections that came by it."""
        asyncio.run_coroutine_threadsafe(self._close(address), self._loop).result()

    async def _listen(self, entrance: DatabaseEntrance) -> None:
        clients = self._clients[entrance.address] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            clients.add(task)
            try:
                await self._serve(entrance, reader, writer)
            except (OSError, EOFError, TimeoutError):  # ssl.SSLError is an OSError
                pass  # who connected has gone, or the server behind
            except asyncio.CancelledError:
                pass  # the entrance is closed; the stream's own task ends well
            finally:
                clients.discard(task)
                with contextlib.suppress(AttributeError):  # asyncio's own, of one that has ended
                    writer.transport.abort()

        self._open[entrance.address] = await asyncio.start_server(
            serve, entrance.address, entrance.port
        )

    async def _close(self, address: str) -> None:
        self._open.pop(address).close()
        clients = list(self._clients.pop(address))
        for task in clients:
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)

    async def _serve(
        self, entrance: DatabaseEntrance, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        # Without a server behind, the connection ends at once, as where nothing listens.
        server, to_server = await asyncio.open_unix_connection(
            f"{entrance.socket}/.s.PGSQL.{entrance.port}"
        )
        try:
            async with asyncio.timeout(_LOGIN_SECONDS):
                code, startup, encrypted = await _begin(entrance, reader, writer)
                to_server.write(startup)
                if code != _CANCEL:
                    try:
                        await self._login(entrance, startup, encrypted, reader, writer, server)
                    except RefusedLoginError as error:
                        print(f"{entrance.hosts[0]}: {error}", flush=True)
                        writer.write(_fatal(error.text))
                        await writer.drain()
                        writer.close()
                        await writer.wait_closed()
                        return
            await _splice((reader, to_server), (server, writer))
            writer.close()  # the server's last word goes to whoever still listens
            async with asyncio.timeout(_LAST_WORD_SECONDS):
                await writer.wait_closed()
        finally:
            to_server.transport.abort()

    async def _login(
        self,
        entrance: DatabaseEntrance,
        startup: bytes,
        encrypted: bool,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        server: asyncio.StreamReader,
    ) -> None:
        """Judge a user of a token; everyone else and PostgreSQL settle it between them."""
        named = _parameters(startup)
        user = named.get("user", "")
        entry = f'user "{user}", database "{named.get("database", user)}"'
        peer = writer.get_extra_info("peername")[0]
        if not encrypted:
            raise RefusedLoginError(
                f'no pg_hba.conf entry for host "{peer}", {entry}, no encryption'
            )
        if user == SUPERUSER:  # who came by the server's socket is not who came by here
            raise RefusedLoginError(f'no pg_hba.conf entry for host "{peer}", {entry}, SSL on')
        kind, body = await _message(server)
        if (kind, body) == (b"R", _OK):
            writer.write(_packed(b"R", _CLEARTEXT))
            _, token = await _message(reader)
            login = Login(
                region=entrance.region,
                hosts=entrance.hosts,
                port=entrance.port,
                user=user,
                users=entrance.users,
            )
            reason = await asyncio.to_thread(
                refusal,
                token.rstrip(b"\0").decode(errors="replace"),
                login,
                now=datetime.now(UTC),
                keys=self._keys,
            )
            if reason is not None:
                raise RefusedLoginError(f'PAM authentication failed for user "{user}"', reason)
        writer.write(_packed(kind, body))


async def _begin(
    entrance: DatabaseEntrance, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> tuple[int, bytes, bool]:
    """Return the code and the bytes of the first message that is for the server.

    TLS begins before it, where the client asks.
    """
    encrypted = False
    while True:
        head = await reader.readexactly(8)
        length, code = struct.unpack("!II", head)
        if code == _TLS and not encrypted:
            writer.write(b"S")
            await writer.drain()
            await writer.start_tls(entrance.tls)
            encrypted = True
        elif code == _GSS:
            writer.write(b"N")
        elif 8 <= length <= _LONGEST_STARTUP:
            return code, head + await reader.readexactly(length - 8), encrypted
        else:
            raise EOFError(f"no startup message has {length} bytes")


def _parameters(startup: bytes) -> dict[str, str]:
    words = startup[8:].decode(errors="replace").split("\0")
    return dict(zip(words[::2], words[1::2], strict=False))


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    kind = await reader.readexactly(1)
    (length,) = struct.unpack("!I", await reader.readexactly(4))
    if not 4 <= length <= _LONGEST_MESSAGE:
        raise EOFError(f"no message of a login has {length} bytes")
    return kind, await reader.readexactly(length - 4)


def _packed(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def _fatal(text: str) -> bytes:
    """Return an ErrorResponse: invalid_authorization_specification, as PostgreSQL's own."""
    fields = {"S": "FATAL", "V": "FATAL", "C": "28000", "M": text}
    body = b"".join(f"{name}{value}\0".encode() for name, value in fields.items())
    return _packed(b"E", body + b"\0")


async def _splice(*ways: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
    """Pass on what comes from either side until one of them ends."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()

    tasks = [asyncio.ensure_future(pass_on(*way)) for way in ways]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

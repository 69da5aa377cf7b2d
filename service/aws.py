"""AWS as the service calls it: signed JSON over connections that are kept, on the event loop.

The SDK's own calls cost three times the processor time, and a thread each (make bench-service).
All but the transport is the SDK's: credentials, addresses, names of protocols, signatures.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import ssl
from functools import partial
from typing import Any

import aiohttp
import boto3
import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
)
from botocore.httpsession import get_cert_path

from service.remembered import Remembered
from service.settings import Address

# A call that hangs fails soon enough for a second one within a request.
_CONNECT_SECONDS, _READ_SECONDS, _ATTEMPTS = 1.0, 2.0, 3
_PAUSE_SECONDS = 0.1  # the longest before the second attempt, and twice that before the third
_CONNECTIONS = 64  # to one address
# A role's credentials are renewed 10 to 15 minutes before they end, by whoever asks for them then.
_CREDENTIALS_SECONDS = 60.0
_SERVICES = ("dynamodb", "sqs", "redshift-data")
# What AWS refuses because there is too much of it, and takes a moment later.
_BUSY = re.compile("Throttl|ThroughputExceeded|RequestLimitExceeded")

# <cluster>.cluster-<letters of the account>.<Region>.rds.amazonaws.com; -ro- or -custom- as well.
_ENDPOINT = re.compile(r"[^.]+\.[^.]+\.(?P<region>[^.]+)\.rds\.amazonaws\.com(\.cn)?")

FAILURES = (BotoCoreError, ClientError)


class Aws:
    """The services of one Region. It belongs to the event loop of its first call."""

    def __init__(self, region: str) -> None:
        self._core = botocore.session.get_session()
        self._session = boto3.Session(botocore_session=self._core, region_name=region)
        self._region = region
        self._clients: Any = {name: self._session.client(name) for name in _SERVICES}
        self._credentials = Remembered(self._frozen_credentials, seconds=_CREDENTIALS_SECONDS)
        self.dynamodb = partial(self.call, "dynamodb")
        self.sqs = partial(self.call, "sqs")
        self._http: aiohttp.ClientSession | None = None
        self._rds: Any = None

    async def call(
        self, service: str, operation: str, *, seconds: float = _READ_SECONDS, **parameters: Any
    ) -> dict[str, Any]:
        """Return what an operation answers within `seconds`; raises one of FAILURES.

        What fails on the way, in the service or for being too much is tried again twice.
        """
        for attempt in range(1, _ATTEMPTS):
            try:
                return await self._attempt(service, operation, parameters, seconds)
            except HTTPClientError:
                pass
            except ClientError as error:
                if not _is_temporary(error):
                    raise
            await asyncio.sleep(random.uniform(0, _PAUSE_SECONDS * attempt))
        return await self._attempt(service, operation, parameters, seconds)

    def database_token(self, address: Address, role: str) -> str:
        """Return a password for one connection, signed here: no network is needed for it.

        A server takes one that is signed for its own Region alone, which its name says: the
        standby's writes go to the primary's.
        """
        self._rds = self._rds or self._session.client("rds")
        named = _ENDPOINT.fullmatch(address[0])
        return self._rds.generate_db_auth_token(
            DBHostname=address[0],
            Port=address[1],
            DBUsername=role,
            Region=named["region"] if named else self._region,
        )

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()

    async def _attempt(
        self, name: str, operation: str, parameters: dict[str, Any], seconds: float
    ) -> dict[str, Any]:
        meta, body = self._clients[name].meta, json.dumps(parameters).encode()
        model = meta.service_model
        headers = {
            "Content-Type": f"application/x-amz-json-{model.metadata['jsonVersion']}",
            "X-Amz-Target": f"{model.metadata['targetPrefix']}.{operation}",
        }
        request = AWSRequest("POST", meta.endpoint_url, headers, body)
        credentials = await self._credentials.get()
        SigV4Auth(credentials, model.signing_name, self._region).add_auth(request)
        self._http = self._http or self._connections()
        timeout = aiohttp.ClientTimeout(sock_connect=_CONNECT_SECONDS, sock_read=seconds)
        try:
            async with self._http.post(
                meta.endpoint_url, data=body, headers=dict(request.headers.items()), timeout=timeout
            ) as answer:
                status, content = answer.status, await answer.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise HTTPClientError(error=f"{type(error).__name__}: {error}") from error
        try:
            found = json.loads(content or b"{}")
        except ValueError:
            found = {}  # a proxy's own page
        if status < 300:
            return found
        code = str(found.get("__type", status)).rpartition("#")[2]
        text = found.get("message") or found.get("Message") or ""
        about = {"Code": code, "Message": text}
        raise ClientError(
            {"Error": about, "ResponseMetadata": {"HTTPStatusCode": status}}, operation
        )

    def _connections(self) -> aiohttp.ClientSession:
        bundle = self._core.get_config_variable("ca_bundle") or get_cert_path(True)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=_CONNECTIONS, ssl=ssl.create_default_context(cafile=bundle)
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def _frozen_credentials(self) -> ReadOnlyCredentials:
        def look() -> ReadOnlyCredentials:
            found = self._session.get_credentials()
            if found is None:
                raise NoCredentialsError
            return found.get_frozen_credentials()

        return await asyncio.to_thread(look)


def _is_temporary(error: ClientError) -> bool:
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return status >= 500 or _BUSY.search(error.response["Error"]["Code"]) is not None

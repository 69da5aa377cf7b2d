"""One contract for every transport, in this process and over a socket: the same answers and the
same errors, so that nothing above them knows which one it has."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta

import boto3
import pytest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.httpsession import get_cert_path

from doubles.ebs_direct.cloud import Cloud
from doubles.ebs_direct.faults import Fault
from doubles.ebs_direct.http import ServiceError
from doubles.ebs_direct.in_process import InProcessConnections, client
from doubles.ebs_direct.server import serving
from doubles.ebs_direct.volumes import BLOCK_SIZE, BlockVolume
from functions.block_archive import errors
from functions.block_archive.botocore_blocks import BotocoreBlocks
from functions.block_archive.bucket import BotocoreBucket
from functions.block_archive.connect import ArchiveConnection, connect
from functions.block_archive.lean_blocks import LeanBlocks
from functions.block_archive.lean_bucket import LeanBucket
from functions.block_archive.lean_connections import LeanConnections
from functions.block_archive.lean_http import LeanHttp

READ_SECONDS = 0.5


class Ends:
    """A cloud, and one transport to it."""

    def __init__(self, transport, cloud, clients, connections):
        self.cloud = cloud
        ebs, ec2, s3 = clients
        if transport == "botocore":
            self.blocks, self.bucket = BotocoreBlocks(ebs, ec2), BotocoreBucket(s3, "archive")
        else:
            http = LeanHttp(Credentials("testing", "testing"), connections)
            self.blocks, self.bucket = LeanBlocks(ebs, ec2, http), LeanBucket(s3, "archive", http)

    def fresh(self):
        """An empty bucket and one snapshot with block 3 in it, without faults."""
        self.cloud.forget()
        self.cloud.s3.create("archive")
        volume = BlockVolume(1)
        volume.write(3, bytes(range(256)) * (BLOCK_SIZE // 256))
        self.snapshot = self.cloud.ebs.add(volume.snapshot(at=self.cloud.now())).id
        self.token = self.blocks.list_blocks(self.snapshot, 0, 100, None).blocks[0].token
        return self


@pytest.fixture(scope="module", params=["in-process", "loopback"])
def way(request):
    cloud = Cloud()
    names = ("ebs", "ec2", "s3")
    if request.param == "in-process":
        yield cloud, [client(cloud, name) for name in names], InProcessConnections(cloud)
        return
    config = Config(
        retries={"total_max_attempts": 1},
        read_timeout=READ_SECONDS,
        s3={"addressing_style": "path"},
    )
    session = boto3.Session("testing", "testing", region_name="us-east-1")
    with serving(cloud) as url:
        clients = [session.client(name, endpoint_url=url, config=config) for name in names]
        yield (
            cloud,
            clients,
            LeanConnections(connect=1, read=READ_SECONDS, bundle=get_cert_path(True)),
        )


@pytest.fixture(params=["botocore", "lean"])
def ends(way, request):
    cloud, clients, connections = way
    return Ends(request.param, cloud, clients, connections).fresh()


def get(ends, index=3, token=None):
    into = memoryview(bytearray(BLOCK_SIZE))
    found = ends.blocks.get(ends.snapshot, index, token or ends.token, into)
    return found, bytes(into)


def test_a_block_comes_with_its_checksum(ends):
    found, data = get(ends)
    assert (found.received, found.length) == (BLOCK_SIZE, BLOCK_SIZE)
    assert base64.b64decode(found.checksum) == hashlib.sha256(data).digest()


FAULTS = {
    "error": (ServiceError(500, "InternalServerException", "sorry"), errors.TransientError),
    "throttled": (ServiceError(400, "RequestThrottledException", "slow"), errors.ThrottledError),
    "account": (ServiceError(400, "ThrottlingException", "slow"), errors.ThrottledError),
    "denied": (ServiceError(403, "AccessDeniedException", "kms:Decrypt"), errors.RefusedError),
    "gone": (ServiceError(404, "ResourceNotFoundException", "no"), errors.MissingError),
    "clock": (ServiceError(403, "RequestTimeTooSkewed", "clock"), errors.TransientError),
    "expired": (ServiceError(403, "ExpiredTokenException", "old"), errors.TransientError),
    "archived": (
        ServiceError(400, "ValidationException", "tier", "INVALID_SNAPSHOT"),
        errors.UnrelatedError,
    ),
    "quota": (ServiceError(402, "ServiceQuotaExceededException", "100"), errors.RefusedError),
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("act", ["GetSnapshotBlock", "PutSnapshotBlock"])
def test_an_error_of_ebs_is_of_the_same_kind(ends, name, act):
    error, kind = FAULTS[name]
    ends.cloud.faults.append(Fault(operation=act, error=error))
    with pytest.raises(kind, match=rf"block 3 \w+ snap-.*{error.code}"):
        get(ends) if act == "GetSnapshotBlock" else put(ends, "snap-0")


@pytest.mark.parametrize("fault", [{"stall": True}, {"lose_answer": True}, {"reset": True}])
def test_a_connection_that_is_silent_or_lost_is_worth_another_attempt(ends, fault):
    ends.cloud.faults.append(Fault(operation="GetSnapshotBlock", **fault))
    with pytest.raises(errors.TransientError, match="block 3"):
        get(ends)
    assert get(ends)[0].received == BLOCK_SIZE


@pytest.mark.parametrize(
    ("damage", "received", "length"),
    [("short", BLOCK_SIZE // 2, BLOCK_SIZE), ("length", BLOCK_SIZE, 4096)],
)
def test_what_came_is_told_as_it_came(ends, damage, received, length):
    ends.cloud.faults.append(Fault(operation="GetSnapshotBlock", damage=damage))
    found, _ = get(ends)
    assert (found.received, found.length) == (received, length)


def test_another_token_is_a_token_s_error(ends):
    with pytest.raises(errors.TokenError):
        get(ends, token="bm90IGEgdG9rZW4=")


def put(ends, snapshot, data=bytes(BLOCK_SIZE), digest=None):
    checksum = base64.b64encode(digest or hashlib.sha256(data).digest()).decode()
    ends.blocks.put(snapshot, 3, memoryview(data), checksum)


def test_a_block_is_written_and_a_wrong_checksum_refused(ends):
    snapshot = ends.blocks.start(
        volume_gib=1, client_token="one", description="a test", kms_key=None
    )
    put(ends, snapshot, b"\1" * BLOCK_SIZE)
    assert ends.cloud.ebs.snapshots[snapshot].blocks[3].data() == b"\1" * BLOCK_SIZE
    # In transit it may have been damaged; the lean way's signature notices first.
    with pytest.raises((errors.RefusedError, errors.TransientError)):
        put(ends, snapshot, digest=bytes(32))


BODY = b"a pack" * 1000
DIGEST = hashlib.sha256(BODY).digest()


@pytest.mark.parametrize("body", [BODY, [BODY[:10], BODY[10:]]], ids=["whole", "parts"])
def test_an_object_is_written_locked_and_read_in_whole_and_in_part(ends, body):
    until = ends.cloud.now().replace(microsecond=0) + timedelta(days=2)
    key = "packs/aa/with space+and~more"
    ends.bucket.put(key, body, DIGEST, new=True, retain_until=until)
    assert ends.bucket.get(key) == BODY
    assert ends.bucket.get_range(key, 6, 6) == b"a pack"
    found = ends.bucket.head(key)
    assert (found.size, found.sha256, found.retain_until) == (len(BODY), DIGEST, until)
    assert list(ends.bucket.keys("packs/")) == [key]


def test_what_is_there_is_not_written_again_and_what_is_not_is_missing(ends):
    ends.bucket.put("a", BODY, DIGEST, new=True, retain_until=None)
    with pytest.raises(errors.ExistsError, match="^a"):
        ends.bucket.put("a", BODY, DIGEST, new=True, retain_until=None)
    ends.bucket.put("a", BODY, DIGEST, new=False, retain_until=None)
    with pytest.raises(errors.MissingError, match="^b"):
        ends.bucket.get("b")


S3_FAULTS = {
    "slow down": (ServiceError(503, "SlowDown", "reduce"), errors.ThrottledError),
    "conflict": (ServiceError(409, "ConditionalRequestConflict", "twin"), errors.TransientError),
    "digest": (ServiceError(400, "BadDigest", "differs"), errors.TransientError),
    "error": (ServiceError(500, "InternalError", "sorry"), errors.TransientError),
    "denied": (ServiceError(403, "AccessDenied", "no & <never>"), errors.RefusedError),
    "elsewhere": (ServiceError(301, "PermanentRedirect", "other"), errors.RefusedError),
}


@pytest.mark.parametrize("name", S3_FAULTS)
def test_an_error_of_s3_is_of_the_same_kind(ends, name):
    error, kind = S3_FAULTS[name]
    ends.cloud.faults.append(Fault(operation="PutObject", error=error))
    with pytest.raises(kind, match=f"a: {error.code}"):
        ends.bucket.put("a", BODY, DIGEST, new=True, retain_until=None)


def test_a_body_that_is_not_what_was_signed_is_refused(ends):
    with pytest.raises((errors.TransientError, errors.RefusedError)):
        ends.bucket.put("a", BODY, bytes(32), new=True, retain_until=None)
    assert not list(ends.bucket.keys("a"))


@pytest.mark.parametrize(
    ("variables", "kind"),
    [
        ({}, LeanBucket),
        ({"no_proxy": "127.0.0.1"}, LeanBucket),
        ({"no_proxy": "127.0.0.1", "https_proxy": "http://127.0.0.1:1"}, BotocoreBucket),
    ],
)
def test_the_lean_transport_is_left_for_a_proxy_and_for_no_list_of_exceptions(
    monkeypatch, variables, kind
):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    _, store = connect(ArchiveConnection(bucket="archive", transport="lean"))
    assert type(store._bucket) is kind

"""DescribeSnapshots, so that an archive knows the volume, the time and the tags of its source."""

from __future__ import annotations

from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from doubles.ebs_direct.ebs import EbsDirect
from doubles.ebs_direct.http import Response, ServiceError, SignedRequest
from doubles.ebs_direct.volumes import BlockSnapshot


def describe_snapshots(ebs: EbsDirect, request: SignedRequest) -> Response:
    """Return the snapshots that are asked for by id."""
    asked = parse_qs(request.body.decode())
    if asked.get("Action") != ["DescribeSnapshots"]:
        raise ServiceError(400, "InvalidAction", f"no action {asked.get('Action')}")
    names = [value[0] for name, value in asked.items() if name.startswith("SnapshotId.")]
    for name in names:
        if name not in ebs.snapshots:
            raise ServiceError(
                400, "InvalidSnapshot.NotFound", f"The snapshot '{name}' does not exist."
            )
    items = "".join(_item(ebs.snapshots[name]) for name in names)
    return Response(
        status=200,
        headers={"content-type": "text/xml"},
        body=f"<DescribeSnapshotsResponse><snapshotSet>{items}</snapshotSet>"
        f"</DescribeSnapshotsResponse>".encode(),
    )


def _item(snapshot: BlockSnapshot) -> str:
    tags = "".join(
        f"<item><key>{escape(key)}</key><value>{escape(value)}</value></item>"
        for key, value in snapshot.tags.items()
    )
    key = f"<kmsKeyId>{snapshot.kms_key}</kmsKeyId>" if snapshot.kms_key else ""
    return (
        f"<item><snapshotId>{snapshot.id}</snapshotId><volumeId>{snapshot.volume_id}</volumeId>"
        f"<status>{snapshot.status}</status><storageTier>{snapshot.tier}</storageTier>"
        f"<startTime>{snapshot.started.strftime('%Y-%m-%dT%H:%M:%S.000Z')}</startTime>"
        f"<ownerId>111122223333</ownerId><volumeSize>{snapshot.volume_gib}</volumeSize>"
        f"<encrypted>{str(snapshot.encrypted).lower()}</encrypted>{key}"
        f"<description>{escape(snapshot.description)}</description><tagSet>{tags}</tagSet></item>"
    )

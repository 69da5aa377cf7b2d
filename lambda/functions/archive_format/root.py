"""A root: the manifest of one archived snapshot, written last. Without it there is no backup."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from .geometry import FORMAT_VERSION, ArchiveError, segment_count

PREFIX = "manifests/"


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Blocks of a volume by what they hold, and of the data blocks how many this run stored."""

    absent: int
    zero: int
    data: int
    new: int
    reused: int


@dataclass(frozen=True, kw_only=True)
class Root:
    """Everything that a restore needs to know, and what an operator asks about a backup."""

    snapshot_id: str
    volume_id: str
    volume_gib: int
    snapshot_started: str  # ISO 8601 in UTC
    job_id: str
    base: str | None  # key of the root that this one continues
    base_sha256: str | None
    segments: tuple[str | None, ...]  # SHA-256 by index; None where all slots are absent
    counts: Counts
    linear_sha256: str  # of the allocated blocks' SHA-256 in order: EBS's LINEAR aggregate
    raw_bytes: int
    stored_bytes: int  # by this run
    archived_at: str
    retain_until: str
    locked_until: str | None  # no object that this root reaches is unlocked before
    encrypted: bool = False
    kms_key: str | None = None
    region: str = ""
    account: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)
    dollars: float = 0.0  # of the EBS direct calls of this run
    tool: str = ""

    @property
    def key(self) -> str:
        """Return the key of the root."""
        return root_key(self.volume_id, self.snapshot_started, self.snapshot_id)

    def encode(self) -> bytes:
        """The JSON as stored, with the SHA-256 of itself."""
        body = {"format": FORMAT_VERSION, **asdict(self)}
        body["root_sha256"] = _digest(body)
        return json.dumps(body, indent=1, sort_keys=True).encode()

    @property
    def sha256(self) -> str:
        """Return the SHA-256 that the JSON declares."""
        return json.loads(self.encode())["root_sha256"]


def root_key(volume_id: str, started: str, snapshot_id: str) -> str:
    """The key by volume, then by time: the last one of a volume is its newest."""
    return f"{PREFIX}{volume_id}/{started.replace(':', '').replace('-', '')}_{snapshot_id}.json"


def decode(stored: bytes, key: str) -> Root:
    """Read a root. Raises ArchiveError where it was edited, is damaged or of another version."""
    try:
        body: dict[str, Any] = json.loads(stored)
        declared = body.pop("root_sha256")
        version = body.pop("format")
    except (ValueError, KeyError, AttributeError) as error:
        raise ArchiveError(f"{key} is no root: {error!r}") from error
    if version != FORMAT_VERSION:
        raise ArchiveError(
            f"{key} has format {version}; this tool reads {FORMAT_VERSION}: use the tool in the "
            f"bucket's folder restore/v{version}"
        )
    if declared != _digest({"format": version, **body}):
        raise ArchiveError(f"{key} was changed after it was written")
    known = {one.name for one in fields(Root)}
    values = {name: value for name, value in body.items() if name in known}
    values["counts"] = Counts(**values["counts"])
    values["segments"] = tuple(values["segments"])
    root = Root(**values)
    if len(root.segments) != segment_count(root.volume_gib):
        raise ArchiveError(f"{key} has {len(root.segments)} segments for {root.volume_gib} GiB")
    return root


def _digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()

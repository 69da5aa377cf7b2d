"""Whoever reads or writes what a key of ours seals may use that key, for all that needs it."""

from __future__ import annotations

import pytest

from tests.system import sealed
from tests.system.sealed import Role, Sealed

KEY, BUCKET, COPY_KEY = ("Keys", "Key"), ("Backups", "Bucket"), ("FarKeys", "Key")
_FAR = frozenset({"us-east-1"})


@pytest.fixture(scope="module")
def found(assembly) -> Sealed:
    return sealed.read(assembly)


def test_every_permission_on_sealed_data_comes_with_the_keys(found):
    assert found.roles
    assert found.keys
    assert list(found.missing()) == []


def test_an_export_of_sessions_may_do_all_that_writing_one_takes(found):
    exporters = list(found.exporters())
    assert exporters
    assert [lacking for _, lacking in exporters if lacking] == []


def _missing(
    grants: set[tuple[str, sealed.Resource]], copies_to: frozenset[str] = frozenset()
) -> str:
    role = Role("us-west-2", copies_to=set(copies_to), grants=grants)
    regions = {"Keys": "us-west-2", "FarKeys": "us-east-1"}
    held = Sealed({("Jobs", "Role"): role}, {BUCKET: KEY}, {"us-west-2": {KEY}}, regions)
    return "\n".join(held.missing())


@pytest.mark.parametrize(
    ("action", "needed"),
    [("s3:GetObject", "kms:Decrypt"), ("s3:PutObject", "kms:GenerateDataKey"),
     ("s3:Get*", "kms:Decrypt"), ("ebs:GetSnapshotBlock", "kms:Decrypt")],
)  # fmt: skip
def test_a_permission_without_its_keys_is_found(action, needed):
    assert f"not {needed} on" in _missing({(action, BUCKET)})
    whole = {(action, BUCKET), ("kms:Decrypt", KEY), ("kms:GenerateDataKey*", KEY)}
    assert _missing(whole) == ""


@pytest.mark.parametrize("left_out", sorted(sealed.COPIES))
@pytest.mark.parametrize("key", [KEY, COPY_KEY])
def test_a_copy_to_another_region_needs_both_keys(left_out, key):
    every = {(action, each) for action in sealed.COPIES for each in (KEY, COPY_KEY)}
    every.add(("ec2:CopySnapshot", ("Jobs", "snapshots")))
    assert _missing(every, _FAR) == ""
    assert left_out in _missing(every - {(left_out, key)}, _FAR)

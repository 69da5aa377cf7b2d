"""The keys of a Region's stores, one each, made before anything that they encrypt."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from constructs import Construct


class StoreKeys(Construct):
    """A key for each store in each Region, shared with no other store and no other Region.

    They stand below the stores because a store of one Region needs the other Region's key: the
    session table and the copies of secrets and snapshots are made from the primary Region and
    encrypted with the standby's own key there.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, removal_policy: cdk.RemovalPolicy
    ) -> None:
        super().__init__(scope, construct_id)
        self._removal_policy = removal_policy
        self.entity = self._key("Entity", "entities, their secrets and the delayed replica")
        self.session = self._key("Session", "sessions")
        self.transaction = self._key("Transaction", "transactions and their secret")
        self.reporting = self._key("Reporting", "reports and their snapshots")

    def _key(self, name: str, of_what: str) -> kms.IKey:
        key = kms.Key(
            self,
            name,
            description=f"Encrypts {of_what} in this Region",
            enable_key_rotation=True,
            removal_policy=self._removal_policy,
        )
        # Sealed: a grant to somebody goes into their own policy, which the key's admits, and never
        # into the key's, where it would make this stack depend on theirs.
        return kms.Key.from_key_arn(self, f"Sealed{name}", key.key_arn)

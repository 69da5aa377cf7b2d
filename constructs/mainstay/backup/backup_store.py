"""Where a Region's backups lie: two buckets and a vault, and who may do what with them."""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_backup as backup
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from mainstay.backup.locked_bucket import Double, LockedBucket

# Notes of runs, which no restore needs: docs/archive-format.md.
_NOTES = ("jobs/", "leases/")
_NOTES_DAYS = 14


@dataclass(frozen=True, kw_only=True)
class StoreArns:
    """The names that the other Region needs to copy into a store."""

    archive_name: str
    dumps_name: str
    key: str
    vault: str


class BackupStore(Construct):
    """The archive of blocks, the portable dumps with the exports, and the vault of AWS Backup.

    Whoever is granted to write cannot delete, and whoever is granted to delete cannot write:
    each method names all that it gives. `other` is the second Region's, which takes a copy of
    everything. The buckets' names are physical, for replication
    must know them; the vault's copies are made by the plan.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        archive_name: str,
        dumps_name: str,
        access_logs: s3.IBucket,
        locked: bool,
        dump_days: int,
        vault_days: int,
        other: StoreArns | None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._names = archive_name, dumps_name
        self._removal_policy = cdk.RemovalPolicy.RETAIN if locked else cdk.RemovalPolicy.DESTROY
        self.key = self._sealed_key()
        self._archive = LockedBucket(
            self,
            "Archive",
            name=archive_name,
            key=self.key,
            locked=locked,
            access_logs=access_logs,
            double=Double(bucket_name=other.archive_name, key_arn=other.key) if other else None,
            # Never one for what roots reach: packs are shared, and only a prune knows whose.
            rules=[
                s3.LifecycleRule(
                    id=prefix.rstrip("/"),
                    prefix=prefix,
                    expiration=cdk.Duration.days(_NOTES_DAYS),
                )
                for prefix in _NOTES
            ],
        )
        self._dumps = LockedBucket(
            self,
            "Dumps",
            name=dumps_name,
            key=self.key,
            locked=locked,
            access_logs=access_logs,
            double=Double(bucket_name=other.dumps_name, key_arn=other.key) if other else None,
            rules=[
                s3.LifecycleRule(
                    id=prefix.rstrip("/"), prefix=prefix, expiration=cdk.Duration.days(dump_days)
                )
                for prefix in ("dumps/", "sessions/")
            ],
        )
        self.archive, self.dumps = self._archive.bucket, self._dumps.bucket
        self.vault = backup.BackupVault(
            self,
            "Vault",
            backup_vault_name=cdk.Stack.of(self).stack_name,  # 50 characters at most
            encryption_key=self.key,
            lock_configuration=(
                backup.LockConfiguration(
                    min_retention=cdk.Duration.days(vault_days),
                    # Three days to take the lock back; after them nobody can, not AWS either.
                    changeable_for=cdk.Duration.days(3),
                )
                if locked
                else None
            ),
            removal_policy=self._removal_policy,
        )
        for name, bucket in (("ArchiveBucket", self.archive), ("DumpBucket", self.dumps)):
            cdk.CfnOutput(
                self, name, description="For mainstay-backup --bucket", value=bucket.bucket_name
            )

    @property
    def arns(self) -> StoreArns:
        """As another Region reads them, when its own stack is deployed."""
        vault = self.vault.node.default_child
        assert isinstance(vault, backup.CfnBackupVault)
        return StoreArns(
            archive_name=self._names[0],
            dumps_name=self._names[1],
            key=cdk.Stack.consume_reference(self.key.key_arn, cdk.ReferenceStrength.WEAK),
            # Of the resource: the L2's own is no plain reference.
            vault=cdk.Stack.consume_reference(
                vault.attr_backup_vault_arn, cdk.ReferenceStrength.WEAK
            ),
        )

    def grant_archive(self, grantee: iam.IGrantable) -> dict[str, str]:
        """Write new files into the archive, read all of it, and lengthen locks; delete nothing."""
        self._write(grantee, self.archive, "*")
        return {"ARCHIVE_BUCKET": self.archive.bucket_name}

    def grant_dump(self, grantee: iam.IGrantable, prefix: str) -> dict[str, str]:
        """Write under one prefix of the dumps, and read there; delete nothing."""
        self._write(grantee, self.dumps, f"{prefix}/*")
        return {"DUMP_BUCKET": self.dumps.bucket_name}

    def grant_read(self, grantee: iam.IGrantable) -> dict[str, str]:
        """Read both buckets."""
        for bucket in (self.archive, self.dumps):
            self._allow(grantee, ["s3:ListBucket"], bucket.bucket_arn)
            self._allow(grantee, ["s3:GetObject"], bucket.arn_for_objects("*"))
        self._allow(grantee, ["kms:Decrypt"], self.key.key_arn)
        return {
            "ARCHIVE_BUCKET": self.archive.bucket_name,
            "DUMP_BUCKET": self.dumps.bucket_name,
        }

    def grant_list_items(self, grantee: iam.IGrantable) -> None:
        """Open the archive's files to a Distributed Map, whose L2 grants reading, not the key."""
        self._allow(grantee, ["kms:Decrypt"], self.key.key_arn)

    def grant_export(self, grantee: iam.IGrantable, prefix: str) -> dict[str, str]:
        """Write an export of Amazon DynamoDB under one prefix of the dumps; delete nothing.

        DynamoDB writes with its caller's permissions and sets the owner of each object (Amazon
        DynamoDB Developer Guide, "Requesting a table export").
        """
        variables = self.grant_dump(grantee, prefix)
        self._allow(grantee, ["s3:PutObjectAcl"], self.dumps.arn_for_objects(f"{prefix}/*"))
        return variables

    def grant_prove(self, grantee: iam.IGrantable) -> dict[str, str]:
        """Read both buckets, and write evidence beside what was restored; delete nothing."""
        variables = self.grant_read(grantee)
        for bucket in (self.archive, self.dumps):
            self._write(grantee, bucket, "proofs/*")
        return variables

    def grant_prune(self, grantee: iam.IGrantable) -> dict[str, str]:
        """Read the archive and delete from it what is not locked; write nothing."""
        self._allow(
            grantee,
            ["s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketObjectLockConfiguration"],
            self.archive.bucket_arn,
        )
        self._allow(
            grantee,
            [
                *("s3:GetObject", "s3:GetObjectVersion"),
                # Without these two S3 does not say that a version is locked, and only refuses.
                *("s3:GetObjectRetention", "s3:GetObjectLegalHold"),
                *("s3:DeleteObject", "s3:DeleteObjectVersion"),
            ],
            self.archive.arn_for_objects("*"),
        )
        self._allow(grantee, ["kms:Decrypt"], self.key.key_arn)
        return {"ARCHIVE_BUCKET": self.archive.bucket_name}

    def acknowledged(self, bucket: s3.Bucket, pattern: str) -> dict[str, str]:
        """The answer to cdk-nag for a role, of another stack, that was granted one of the above."""
        name = self.imported(bucket.bucket_arn)
        return {
            f"AwsSolutions-IAM5[Resource::{name}/{pattern}]": "Backups have names that are made "
            "when they are, so the grant is on the one folder of the one bucket that holds them "
            "and nothing else; who may write there may not delete."
        }

    def imported(self, value: str) -> str:
        """The name by which another stack imports it, as cdk-nag prints it."""
        stack = cdk.Stack.of(self)
        return stack.resolve(stack.export_value(value))["Fn::ImportValue"]

    def _write(self, grantee: iam.IGrantable, bucket: s3.Bucket, pattern: str) -> None:
        self._allow(
            grantee, ["s3:ListBucket", "s3:GetBucketObjectLockConfiguration"], bucket.bucket_arn
        )
        self._allow(
            grantee,
            [
                *("s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"),
                *("s3:PutObjectRetention", "s3:GetObjectRetention"),
            ],
            bucket.arn_for_objects(pattern),
        )
        self._allow(grantee, ["kms:Decrypt", "kms:GenerateDataKey"], self.key.key_arn)

    @staticmethod
    def _allow(grantee: iam.IGrantable, actions: list[str], resource: str) -> None:
        iam.Grant.add_to_principal(grantee=grantee, actions=actions, resource_arns=[resource])

    def _sealed_key(self) -> kms.IKey:
        """Sealed as the stores' keys are: grants stand with who is granted."""
        key = kms.Key(
            self,
            "Key",
            description="Encrypts the backups in this Region",
            enable_key_rotation=True,
            removal_policy=self._removal_policy,
        )
        return kms.Key.from_key_arn(self, "SealedKey", key.key_arn)

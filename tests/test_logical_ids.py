"""The logical ids of what is stateful are a public contract: a changed one is a lost resource.

CloudFormation knows a resource by its logical id alone. To move one, write a decision record and
deploy the move with `cdk refactor` or an import; then change this table.
"""

from __future__ import annotations

import pytest

LOGS = {
    "LogsKeyB5D1D597": "AWS::KMS::Key",
    "LogsFlowsE5448742": "AWS::Logs::LogGroup",
    "LogsEdgeCFB525BC": "AWS::Logs::LogGroup",
    "LogsAppF4BD4232": "AWS::Logs::LogGroup",
    "LogsFirewallD696A5D0": "AWS::Logs::LogGroup",
    "LogsFunctions6EA43A12": "AWS::Logs::LogGroup",
    "LogsAccess9BBCBB86": "AWS::S3::Bucket",
}

KEYS = {
    "KeysEntity7E167482": "AWS::KMS::Key",
    "KeysSessionC69A383E": "AWS::KMS::Key",
    "KeysTransactionF25157EF": "AWS::KMS::Key",
    "KeysReporting1C3263C6": "AWS::KMS::Key",
}

CLUSTER = {"StoreClusterECDF513F": "AWS::RDS::DBCluster"}
FIRST = {
    **CLUSTER,
    "StoreSecretFFE9284C": "AWS::SecretsManager::Secret",
    "StoreGlobal0D96D1C6": "AWS::RDS::GlobalCluster",
}
FOUR_FIVE_SIX = {
    "StoreClusteruse1az6ACE2F772": "AWS::RDS::DBInstance",
    "StoreClusteruse1az57673088E": "AWS::RDS::DBInstance",
    "StoreClusteruse1az498984815": "AWS::RDS::DBInstance",
}
COPY = {
    **CLUSTER,
    "StoreClusterusw2az177B5DBB6": "AWS::RDS::DBInstance",
    "StoreClusterusw2az2AF14610E": "AWS::RDS::DBInstance",
}
WAREHOUSE = {
    "WarehouseSecret1B03BB78": "AWS::SecretsManager::Secret",
    "WarehouseNamespace78ED5B58": "AWS::RedshiftServerless::Namespace",
}

BACKUPS = {
    "StoreKey7A3C02BD": "AWS::KMS::Key",
    "StoreArchiveBucket6EC13079": "AWS::S3::Bucket",
    "StoreDumpsBucket20C8E0F9": "AWS::S3::Bucket",
    "StoreVault017DFCD5": "AWS::Backup::BackupVault",
    "MessagesKey3953FBDA": "AWS::KMS::Key",
}

CONTROL = {
    "ControlTable70B6FEE0": "AWS::DynamoDB::GlobalTable",
}

EVENTS = {
    "AuditEvents9148872F": "AWS::SQS::Queue",
    "AuditDeadLettersAE82006B": "AWS::SQS::Queue",
    "MessagesKey3953FBDA": "AWS::KMS::Key",
}

GROUPS = {
    "NetworkGroupsPublicFD075DFE": "AWS::EC2::SecurityGroup",
    "NetworkGroupsEdgeA9833F8E": "AWS::EC2::SecurityGroup",
    "NetworkGroupsInternal0F66BBD5": "AWS::EC2::SecurityGroup",
    "NetworkGroupsAppA0E19548": "AWS::EC2::SecurityGroup",
    "NetworkGroupsData2437075F": "AWS::EC2::SecurityGroup",
    "NetworkGroupsReplica51C478AF": "AWS::EC2::SecurityGroup",
    "NetworkGroupsEndpoints50BAA6E1": "AWS::EC2::SecurityGroup",
    "NetworkGroupsEntityC8718DD4": "AWS::EC2::SecurityGroup",
    "NetworkGroupsTransaction5739279F": "AWS::EC2::SecurityGroup",
    "NetworkGroupsWorker4209CD6E": "AWS::EC2::SecurityGroup",
    "NetworkGroupsOperationsA6935B8A": "AWS::EC2::SecurityGroup",
}

# By the end of the stack's name. A subnet cannot be replaced while anything stands in it.
CONTRACT: dict[str, dict[str, str]] = {
    "production-dns": {
        "GlobalZoneD9E3C4D4": "AWS::Route53::HostedZone",
        "GlobalZoneKeySigningKeyC268ED38": "AWS::Route53::KeySigningKey",
        "GlobalZoneDNSSECDB37829A": "AWS::Route53::DNSSEC",
        "GlobalKeySigningKey3D6101D1": "AWS::KMS::Key",
    },
    "us-east-1-keys": KEYS,
    "us-west-2-keys": KEYS,
    "us-east-1-entitya": {
        **FIRST,
        "StoreClusteruse1az1588499B9": "AWS::RDS::DBInstance",
        "StoreClusteruse1az2B52B6544": "AWS::RDS::DBInstance",
        "StoreClusteruse1az498984815": "AWS::RDS::DBInstance",
    },
    "us-east-1-entityb": {
        **CLUSTER,
        **FOUR_FIVE_SIX,
        "StoreSecretFFE9284C": "AWS::SecretsManager::Secret",
    },
    "us-east-1-transaction": {**FIRST, **FOUR_FIVE_SIX},
    "us-west-2-entitycopy": COPY,
    "us-west-2-transactioncopy": COPY,
    "us-east-1-secrets": {
        "SecretsReplicationC5EAF607": "AWS::SecretsManager::Secret",
        "SecretsCanary3F7A9D2E": "AWS::SecretsManager::Secret",
        "SecretsNodesE38A3C82": "AWS::SecretsManager::Secret",
    },
    "us-east-1-session": {"SessionsTableA5E8383B": "AWS::DynamoDB::GlobalTable"},
    "us-east-1-reporting": WAREHOUSE,
    "us-west-2-reporting": WAREHOUSE,
    "us-west-2-delayed": {
        "ReplicaFollowerVolumeB08D07AB": "AWS::EC2::Volume",
        "ReplicaDelayedVolume5E76F92B": "AWS::EC2::Volume",
    },
    "us-east-1-logs": {
        **LOGS,
        "LogsDatabasesEntityAF8703814": "AWS::Logs::LogGroup",
        "LogsDatabasesEntityBE8128BFF": "AWS::Logs::LogGroup",
        "LogsDatabasesTransaction111A2EF0": "AWS::Logs::LogGroup",
    },
    "us-west-2-logs": {
        **LOGS,
        "LogsDatabasesEntityCopy919A2CEB": "AWS::Logs::LogGroup",
        "LogsDatabasesTransactionCopy4C99DD54": "AWS::Logs::LogGroup",
    },
    "us-east-1-backups": BACKUPS,
    "us-west-2-backups": BACKUPS,
    "us-east-1-control": CONTROL,
    "us-west-2-control": CONTROL,
    "us-east-1-events": EVENTS,
    "us-west-2-events": EVENTS,
    "us-east-1-certificate": {
        "RegionCertificateD9096E91": "AWS::CertificateManager::Certificate",
    },
    "us-west-2-certificate": {
        "RegionCertificateD9096E91": "AWS::CertificateManager::Certificate",
    },
    "us-east-1-network": {
        **GROUPS,
        "NetworkVpc7FB7348F": "AWS::EC2::VPC",
        "NetworkPublicuse1az1Subnet1D1EE99A": "AWS::EC2::Subnet",
        "NetworkPublicuse1az2Subnet34166151": "AWS::EC2::Subnet",
        "NetworkPublicuse1az4SubnetD63CC0F5": "AWS::EC2::Subnet",
        "NetworkPublicuse1az5Subnet87D24CB0": "AWS::EC2::Subnet",
        "NetworkPublicuse1az6Subnet0476FF63": "AWS::EC2::Subnet",
        "NetworkEdgeuse1az1SubnetC6DBBCFE": "AWS::EC2::Subnet",
        "NetworkEdgeuse1az2Subnet9872856F": "AWS::EC2::Subnet",
        "NetworkEdgeuse1az4Subnet3003F2F1": "AWS::EC2::Subnet",
        "NetworkEdgeuse1az5Subnet55603314": "AWS::EC2::Subnet",
        "NetworkEdgeuse1az6Subnet459F7105": "AWS::EC2::Subnet",
        "NetworkAppuse1az1Subnet6ACEE100": "AWS::EC2::Subnet",
        "NetworkAppuse1az2SubnetECA874B3": "AWS::EC2::Subnet",
        "NetworkAppuse1az4SubnetA5CE1DF7": "AWS::EC2::Subnet",
        "NetworkAppuse1az5Subnet9C3CB7A0": "AWS::EC2::Subnet",
        "NetworkAppuse1az6Subnet13C712C5": "AWS::EC2::Subnet",
        "NetworkDatause1az1Subnet6B734437": "AWS::EC2::Subnet",
        "NetworkDatause1az2SubnetC855BC97": "AWS::EC2::Subnet",
        "NetworkDatause1az4Subnet1A090485": "AWS::EC2::Subnet",
        "NetworkDatause1az5Subnet61A17A5D": "AWS::EC2::Subnet",
        "NetworkDatause1az6SubnetA7631D91": "AWS::EC2::Subnet",
    },
    "us-west-2-network": {
        **GROUPS,
        "NetworkVpc7FB7348F": "AWS::EC2::VPC",
        "NetworkPublicusw2az1Subnet0183492C": "AWS::EC2::Subnet",
        "NetworkPublicusw2az2SubnetEA0D5723": "AWS::EC2::Subnet",
        "NetworkEdgeusw2az1SubnetE2A81F3F": "AWS::EC2::Subnet",
        "NetworkEdgeusw2az2Subnet9F716A46": "AWS::EC2::Subnet",
        "NetworkAppusw2az1Subnet1EEDE6DB": "AWS::EC2::Subnet",
        "NetworkAppusw2az2Subnet4AE2786A": "AWS::EC2::Subnet",
        "NetworkDatausw2az1SubnetFE5AF4D6": "AWS::EC2::Subnet",
        "NetworkDatausw2az2SubnetAB385AC4": "AWS::EC2::Subnet",
        "NetworkDatausw2az3SubnetD992848F": "AWS::EC2::Subnet",
        "NetworkDatausw2az4Subnet8B0421DF": "AWS::EC2::Subnet",
    },
    "us-west-2-peering": {
        "RequestConnectionDCB50743": "AWS::EC2::VPCPeeringConnection",
    },
}

# Types of which every resource must stand in the table.
LISTED = {kind for ids in CONTRACT.values() for kind in ids.values()}


@pytest.mark.parametrize("stack", CONTRACT)
def test_stateful_resources_keep_their_logical_ids(production, stack):
    [found] = [item for name, item in production.stacks.items() if name.endswith(stack)]
    kept = {
        logical_id: found.resources.get(logical_id, {}).get("Type")
        for logical_id in CONTRACT[stack]
    }
    assert kept == CONTRACT[stack]


def test_every_stateful_resource_is_in_the_contract(production):
    listed = {(end, logical_id) for end, ids in CONTRACT.items() for logical_id in ids}
    unlisted = [
        f"{name}: {logical_id}"
        for name, stack in production.stacks.items()
        for logical_id, resource in stack.resources.items()
        if resource["Type"] in LISTED
        and not any(name.endswith(end) and logical_id == known for end, known in listed)
    ]
    assert unlisted == [], "a new stateful resource: list it, for its id is now a promise"


def test_both_regions_of_every_environment_use_the_same_ids(assembly):
    """So one runbook serves all."""
    for name, stack in assembly.stacks.items():
        if name.endswith("-logs"):
            assert set(LOGS) <= set(stack.resources)

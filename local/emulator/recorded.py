"""What the emulator only writes down, with nothing behind it, and what it does not even read.

Every other type has its effect: its API answers, and what AWS would do happens.
"""

from __future__ import annotations

# CloudFormation type -> its effect on AWS that is left out on this machine.
RECORDED: dict[str, str] = {
    "AWS::ApplicationAutoScaling::ScalingPolicy": "no metric triggers a policy",
    "AWS::AutoScaling::AutoScalingGroup": "no instance is started for its capacity",
    "AWS::Backup::BackupPlan": "no schedule starts a backup job",
    "AWS::Backup::BackupSelection": "nothing is backed up",
    "AWS::Backup::BackupVault": "a recovery point holds no data",
    "AWS::Backup::RestoreTestingPlan": "no restore is tested",
    "AWS::Backup::RestoreTestingSelection": "no restore is tested",
    "AWS::CertificateManager::Certificate": "issued at once, validated by nobody",
    "AWS::EC2::FlowLog": "no packet is logged, for none flows",
    "AWS::EC2::Instance": "an instance is a record; no machine runs",
    "AWS::EC2::LaunchTemplate": "kept; nothing is launched from it",
    "AWS::EC2::NatGateway": "no address is translated",
    "AWS::EC2::NetworkInterface": "an address without a network",
    "AWS::EC2::Route": "no packet follows a route",
    "AWS::EC2::SecurityGroup": "rules are kept, and block nothing",
    "AWS::EC2::SecurityGroupEgress": "rules are kept, and block nothing",
    "AWS::EC2::SecurityGroupIngress": "rules are kept, and block nothing",
    "AWS::EC2::Volume": "a volume without blocks",
    "AWS::EC2::VPCEndpoint": "kept; every API is reached the same way",
    "AWS::EC2::VPCPeeringConnection": "active on both sides, and carries nothing",
    "AWS::ECS::Service": "no container: tasks are records; local/ runs the processes",
    "AWS::RDS::DBCluster": "its servers are real; a failover changes members and no server",
    "AWS::RDS::DBInstance": "one server is the writer, one stands for all of its readers",
    "AWS::RDS::GlobalCluster": "its copies are standbys; a switchover changes members alone",
    "AWS::RDS::Integration": "active at once; nothing flows",
    "AWS::RedshiftServerless::Namespace": "no warehouse; SQL fails with an error",
    "AWS::RedshiftServerless::Workgroup": "no warehouse; SQL fails with an error",
    "AWS::Route53::DNSSEC": "the API returns a signed zone; there is no DNS answer",
    "AWS::Route53::HealthCheck": "kept; no checker asks",
    "AWS::Route53::HostedZone": "no name server answers; records are read by the API",
    "AWS::Route53::KeySigningKey": "its state alone; it signs nothing",
    "AWS::SSM::Document": "versions are kept; none is run",
    "AWS::Synthetics::Canary": "started and stopped; it never runs",
    "AWS::WAFv2::LoggingConfiguration": "kept; no request is logged",
    "AWS::WAFv2::WebACL": "rules are kept, and stop nothing",
    "AWS::WAFv2::WebACLAssociation": "kept; the load balancer asks nobody",
}

# Properties that no handler reads, each with the reason why that is well.
UNREAD: dict[tuple[str, str], str] = {
    (
        "AWS::CertificateManager::Certificate",
        "DomainValidationOptions",
    ): "a certificate is issued at once, so no record for its validation is written",
    (
        "AWS::DynamoDB::GlobalTable",
        "SSESpecification.SSEType",
    ): "there is one type of key, KMS, and the API returns it for every encrypted table",
    (
        "AWS::Route53::HostedZone",
        "HostedZoneFeatures",
    ): "no name server answers, so none can recover faster",
}

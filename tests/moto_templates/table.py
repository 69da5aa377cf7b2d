"""Every CloudFormation type of the templates: how it is created, or why it is not."""

from __future__ import annotations

from tests.moto_templates.deployment import Table
from tests.moto_templates.kinds.backups import BACKUPS
from tests.moto_templates.kinds.compute import COMPUTE
from tests.moto_templates.kinds.databases import DATABASES
from tests.moto_templates.kinds.dns import DNS
from tests.moto_templates.kinds.identity import IDENTITY
from tests.moto_templates.kinds.load_balancing import LOAD_BALANCING
from tests.moto_templates.kinds.network import NETWORK
from tests.moto_templates.kinds.storage import STORAGE
from tests.moto_templates.kinds.watching import WATCHING

TABLE: Table = {
    **NETWORK,
    **DNS,
    **STORAGE,
    **DATABASES,
    **IDENTITY,
    **LOAD_BALANCING,
    **COMPUTE,
    **WATCHING,
    **BACKUPS,
}

NOT_CREATED = {
    "AWS::Backup::BackupSelection": "moto's AWS Backup has no selections",
    "AWS::Backup::RestoreTestingPlan": "moto's AWS Backup has no restore testing",
    "AWS::Backup::RestoreTestingSelection": "moto's AWS Backup has no restore testing",
    "AWS::CloudWatch::CompositeAlarm": "moto has no call for it; tests/local has the emulator's",
    "AWS::Route53::KeySigningKey": "moto's Route 53 has no DNSSEC: the call is not implemented",
    "AWS::Route53::DNSSEC": "moto's Route 53 has no DNSSEC: the call is not implemented",
    "AWS::RDS::Integration": "moto's RDS has no integrations: the call is not implemented",
    "AWS::RedshiftServerless::Namespace": "moto has no Redshift Serverless",
    "AWS::RedshiftServerless::Workgroup": "moto has no Redshift Serverless",
    "Custom::FirstStart": "a task in the databases; tests/lambda_ has its function",
    "Custom::ReportingDatabase": "an SQL statement of a warehouse; tests/lambda_ has its function",
    "Custom::VpcRestrictDefaultSG": "runs a function of the CDK, whose effect is not ours to copy",
}

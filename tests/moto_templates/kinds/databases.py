"""Amazon RDS, AWS Secrets Manager, and the servers of the delayed replica."""

from __future__ import annotations

import json

from tests.moto_templates.api_shapes import Properties
from tests.moto_templates.deployment import Created, Site
from tests.moto_templates.kind import Attributes, Kind


def _parameters(site: Site, properties: Properties, made: Attributes) -> None:
    rds = site.client("rds")
    rds.modify_db_cluster_parameter_group(
        DBClusterParameterGroupName=made["Ref"],
        Parameters=[
            {"ParameterName": name, "ParameterValue": value, "ApplyMethod": "pending-reboot"}
            for name, value in properties["Parameters"].items()
        ],
    )


def _attachment(site: Site, properties: Properties) -> Created:
    """What AWS::SecretsManager::SecretTargetAttachment does: tells the secret its cluster."""
    secrets, rds = site.client("secretsmanager"), site.client("rds")
    (cluster,) = rds.describe_db_clusters(DBClusterIdentifier=properties["TargetId"])["DBClusters"]
    secret = json.loads(secrets.get_secret_value(SecretId=properties["SecretId"])["SecretString"])
    secret |= {
        "engine": "postgres",
        "host": cluster["Endpoint"],
        "port": cluster["Port"],
        "dbname": cluster["DatabaseName"],
        "dbClusterIdentifier": cluster["DBClusterIdentifier"],
    }
    secrets.put_secret_value(SecretId=properties["SecretId"], SecretString=json.dumps(secret))
    return properties["SecretId"], {}, properties


def _secret(site: Site, secret: Properties) -> Properties:
    """CloudFormation asks for the random word, and puts it where the template says."""
    how = dict(secret.pop("GenerateSecretString"))
    frame, key = how.pop("SecretStringTemplate", None), how.pop("GenerateStringKey", None)
    word = site.client("secretsmanager").get_random_password(**how)["RandomPassword"]
    text = json.dumps({**json.loads(frame), key: word}) if frame else word
    copies = secret.pop("ReplicaRegions", ())
    more = {"AddReplicaRegions": copies} if copies else {}
    return {"Name": f"{site.stack}-{site.logical_id}", **secret, **more, "SecretString": text}


def _role_of(site: Site, properties: Properties, made: Attributes) -> None:
    for role in properties["Roles"]:
        site.client("iam").add_role_to_instance_profile(
            InstanceProfileName=made["Ref"], RoleName=role
        )


def _group(site: Site, group: Properties) -> Properties:
    """Subnets are a list in a template and one text in the API."""
    name = site.physical_name()
    tags = [
        {**tag, "ResourceId": name, "ResourceType": "auto-scaling-group"} for tag in group["Tags"]
    ]
    rest = {key: value for key, value in group.items() if key not in ("Tags", "VPCZoneIdentifier")}
    return {
        "AutoScalingGroupName": name,
        **rest,
        "VPCZoneIdentifier": ",".join(group["VPCZoneIdentifier"]),
        "tags": tags,  # the API's own structure, not that of other services
    }


DATABASES = {
    "AWS::RDS::DBSubnetGroup": Kind(
        service="rds",
        call="create_db_subnet_group",
        ref="DBSubnetGroup.DBSubnetGroupName",
        adapt=lambda site, group: {"DBSubnetGroupName": site.physical_name(), **group},
    ),
    "AWS::RDS::DBClusterParameterGroup": Kind(
        service="rds",
        call="create_db_cluster_parameter_group",
        ref="DBClusterParameterGroup.DBClusterParameterGroupName",
        renames={"Family": "DBParameterGroupFamily"},
        apart=("Parameters",),
        adapt=lambda site, group: {"DBClusterParameterGroupName": site.physical_name(), **group},
        then=_parameters,
    ),
    "AWS::RDS::DBCluster": Kind(
        service="rds",
        call="create_db_cluster",
        ref="DBCluster.DBClusterIdentifier",
        attributes={
            "Endpoint.Address": "DBCluster.Endpoint",
            "ReadEndpoint.Address": "DBCluster.ReaderEndpoint",
            "DBClusterResourceId": "DBCluster.DbClusterResourceId",
        },
        renames={"PerformanceInsightsEnabled": "EnablePerformanceInsights"},
        apart=("StorageType",),  # moto knows none of Aurora's; tests/system reads the template
    ),
    "AWS::RDS::DBInstance": Kind(
        service="rds",
        call="create_db_instance",
        ref="DBInstance.DBInstanceIdentifier",
        adapt=lambda site, instance: {"DBInstanceIdentifier": site.physical_name(60), **instance},
    ),
    "AWS::RDS::GlobalCluster": Kind(
        service="rds",
        call="create_global_cluster",
        ref="GlobalCluster.GlobalClusterIdentifier",
    ),
    "AWS::SecretsManager::Secret": Kind(
        service="secretsmanager",
        call="create_secret",
        ref="ARN",
        adapt=_secret,
    ),
    "AWS::SecretsManager::SecretTargetAttachment": _attachment,
    "AWS::EC2::Volume": Kind(
        service="ec2", call="create_volume", ref="VolumeId", tagged_as="volume"
    ),
    "AWS::EC2::NetworkInterface": Kind(
        service="ec2",
        call="create_network_interface",
        ref="NetworkInterface.NetworkInterfaceId",
        renames={"GroupSet": "Groups"},
        tagged_as="network-interface",
    ),
    "AWS::IAM::InstanceProfile": Kind(
        service="iam",
        call="create_instance_profile",
        ref="InstanceProfile.InstanceProfileName",
        attributes={"Arn": "InstanceProfile.Arn"},
        apart=("Roles",),
        adapt=lambda site, profile: {"InstanceProfileName": site.physical_name(), **profile},
        then=_role_of,
    ),
    "AWS::EC2::LaunchTemplate": Kind(
        service="ec2",
        call="create_launch_template",
        ref="LaunchTemplate.LaunchTemplateId",
        attributes={"LatestVersionNumber": "to_string(LaunchTemplate.LatestVersionNumber)"},
        adapt=lambda site, template: {"LaunchTemplateName": site.physical_name(), **template},
    ),
    "AWS::AutoScaling::AutoScalingGroup": Kind(
        service="autoscaling",
        call="create_auto_scaling_group",
        ref="sent.AutoScalingGroupName",
        adapt=_group,
    ),
}

"""Which replacements, removals and weakened protections the template diff calls dangerous."""

import pytest


def one(type_, before=None, after=None, **policies):
    """A resource X whose properties or policies (a pair of values each) change."""
    sides = []
    for index, properties in enumerate((before or {}, after or {})):
        attributes = {name: pair[index] for name, pair in policies.items() if pair[index]}
        sides.append({"X": {"Type": type_, "Properties": properties, **attributes}})
    return tuple(sides)


def gone(type_, **attributes):
    keep = {"Keep": {"Type": "AWS::SNS::Topic"}}
    return {**keep, "X": {"Type": type_, **attributes}}, keep


def vpc(cidr):
    subnet = {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.0.0.0/24"}
    route = {"RouteTableId": "r", "SubnetId": {"Ref": "Subnet"}}
    return {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": cidr}},
        "Subnet": {"Type": "AWS::EC2::Subnet", "Properties": subnet},
        "Association": {"Type": "AWS::EC2::SubnetRouteTableAssociation", "Properties": route},
    }


def attribute(value):
    return {"LoadBalancerAttributes": [{"Key": "deletion_protection.enabled", "Value": value}]}


def weighted(weight, path="/"):
    groups = [{"TargetGroupArn": "a", "Weight": weight}, {"TargetGroupArn": "b", "Weight": 1}]
    action = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
    return {"Actions": [action], "Conditions": [path]}


GROUP = "AWS::EC2::SecurityGroup"
EGRESS = [{"IpProtocol": "-1", "CidrIp": "10.0.0.0/8"}]
ALB = "AWS::ElasticLoadBalancingV2::LoadBalancer"

# Name of the change -> (the change, the kind of danger for X, what the report says of it).
DANGEROUS = {
    "replaced": (
        one(
            GROUP,
            {"GroupDescription": "a", "SecurityGroupEgress": EGRESS},
            {"GroupDescription": "b", "SecurityGroupEgress": EGRESS},
        ),  # fmt: skip  # noqa: E501
        ("replacement", "is replaced by `GroupDescription`"),
    ),
    "may-be-replaced": (
        one("AWS::EC2::Subnet", {"Ipv6CidrBlock": "a"}, {"Ipv6CidrBlock": "b"}),
        ("replacement", "may be replaced by `Ipv6CidrBlock`"),
    ),
    "another-type": (
        ({"X": {"Type": "AWS::SNS::Topic"}}, {"X": {"Type": "AWS::SSM::Document"}}),
        ("replacement", "which CloudFormation refuses under one logical id"),
    ),
    "bucket-removed": (
        gone("AWS::S3::Bucket"),
        ("stateful", "is removed, and with it objects: DeletionPolicy Delete destroys it"),
    ),
    "bucket-orphaned": (
        gone("AWS::S3::Bucket", DeletionPolicy="Retain"),
        ("stateful", "DeletionPolicy Retain leaves it in the account"),
    ),
    "database-removed-under-the-default-policy": (
        gone("AWS::RDS::DBCluster"),
        ("stateful", "DeletionPolicy Snapshot destroys it and leaves a snapshot"),
    ),
    "table-replaced": (
        one("AWS::DynamoDB::Table", {"TableName": "a"}, {"TableName": "b"}),
        ("stateful", "is replaced (by `TableName`), and with it a table"),
    ),
    "instance-may-be-replaced": (
        one("AWS::EC2::Instance", {"UserData": "a"}, {"UserData": "b"}),
        ("stateful", "may be replaced (by `UserData`)"),
    ),
    "deletion-policy-weakened": (
        one("AWS::KMS::Key", DeletionPolicy=("Retain", "Delete")),
        ("stateful", "`DeletionPolicy` goes from Retain to Delete"),
    ),
    "replace-policy-dropped": (
        one("AWS::EFS::FileSystem", UpdateReplacePolicy=("RetainExceptOnCreate", None)),
        ("stateful", "`UpdateReplacePolicy` goes from Retain to Delete"),
    ),
    "deletion-protection-off": (
        one("AWS::RDS::DBCluster", {"DeletionProtection": True}, {"DeletionProtection": "false"}),
        ("stateful", "`DeletionProtection` goes from on to off"),
    ),
    "deletion-protection-of-one-region-off": (
        one(
            "AWS::DynamoDB::GlobalTable",
            {"Replicas": [{"Region": "us-west-2", "DeletionProtectionEnabled": True}]},
            {"Replicas": [{"Region": "us-west-2"}]},
        ),
        ("stateful", "`Replicas[us-west-2].DeletionProtectionEnabled` goes from on to absent"),
    ),
    "balancer-protection-off": (
        one(ALB, attribute("true"), attribute("false")),
        ("stateful", "`LoadBalancerAttributes[deletion_protection.enabled].Value`"),
    ),
    "versioning-suspended": (
        one("AWS::S3::Bucket", {"VersioningConfiguration": {"Status": "Enabled"}}),
        ("stateful", "`VersioningConfiguration.Status` goes from on to absent"),
    ),
    "logs-kept-for-a-shorter-time": (
        one("AWS::Logs::LogGroup", {}, {"RetentionInDays": 30}),
        ("stateful", "`RetentionInDays` goes from inf to 30"),
    ),
}

# Changes that pass, and the note the report has for them, if any.
HARMLESS = {
    "tags": (one("AWS::SQS::Queue", {}, {"Tags": [{"Key": "a", "Value": "b"}]}), ""),
    "stateless-removed": (gone("AWS::SNS::Subscription"), ""),
    "protection-on": (one("AWS::RDS::DBCluster", {}, {"DeletionProtection": True}), ""),
    "policy-strengthened": (one("AWS::KMS::Key", DeletionPolicy=("Delete", "Retain")), ""),
    "retain-except-on-create": (
        one("AWS::KMS::Key", DeletionPolicy=("Retain", "RetainExceptOnCreate")),
        "",
    ),
    "logs-kept-for-longer": (
        one("AWS::Logs::LogGroup", {"RetentionInDays": 30}, {"RetentionInDays": 90}),
        "",
    ),
    "task-definition": (
        one("AWS::ECS::TaskDefinition", {"Cpu": "256"}, {"Cpu": "512"}),
        "is replaced by `Cpu`: a revision is immutable; the service moves to the new one",
    ),
    "usage-record-of-the-cdk": (one("AWS::CDK::Metadata", {"Analytics": "a"}), ""),
    "weights": (
        one("AWS::ElasticLoadBalancingV2::ListenerRule", weighted(1), weighted(99)),
        "a deployment resets the live weights to those of the template",
    ),
    "rule-beside-the-weights": (
        one("AWS::ElasticLoadBalancingV2::ListenerRule", weighted(1), weighted(1, path="/new")),
        "a deployment resets the live weights to those of the template",
    ),
}


CHAIN = (vpc("10.0.0.0/16"), vpc("10.1.0.0/16"))


@pytest.fixture(scope="module")
def judged(judge):
    return judge(
        {name: case[0] for name, case in (DANGEROUS | HARMLESS).items()} | {"chain": CHAIN}
    )


@pytest.mark.parametrize("name", DANGEROUS)
def test_calls_dangerous(judged, name):
    (kind, what), (dangers, _) = DANGEROUS[name][1], judged[name]
    (danger,) = [danger for danger in dangers if danger.resource == "X"]
    assert danger.kind == kind
    assert what in danger.what


def test_tells_what_is_replaced_only_because_of_what_it_refers_to_under_its_cause(judged):
    (danger,) = judged["chain"][0]
    assert danger.resource == "Vpc"
    assert "is replaced by `CidrBlock`" in danger.what
    assert [item.split(":")[0] for item in danger.items] == [
        "with it `Association`",
        "with it `Subnet`",
    ]


@pytest.mark.parametrize("name", HARMLESS)
def test_passes(judged, name):
    dangers, notes = judged[name]
    assert dangers == []
    assert HARMLESS[name][1] in "".join(note.what for note in notes)
    assert bool(notes) == bool(HARMLESS[name][1])

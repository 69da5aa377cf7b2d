"""Each trap is provoked once and avoided once; the shipped environments avoid them all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_elasticloadbalancingv2 as elbv2

from mainstay.guards import database_traps, network_traps, traffic_traps
from mainstay.guards.plugin import GUARDS, TrapGuards
from mainstay.guards.template import Template, Trap

Guard = Callable[[Sequence[Template]], Iterator[Trap]]


def template(region: str = "us-east-1", /, **resources: tuple[str, dict[str, Any]]) -> Template:
    body = {name: {"Type": kind, "Properties": rest} for name, (kind, rest) in resources.items()}
    return Template(path="x.template.json", region=region, body={"Resources": body})


def subnet(**properties: Any) -> tuple[str, dict[str, Any]]:
    return "AWS::EC2::Subnet", properties


def attributes(**values: str) -> list[dict[str, str]]:
    return [{"Key": key.replace("__", "."), "Value": value} for key, value in values.items()]


def weighted_rule(**properties: Any) -> tuple[str, dict[str, Any]]:
    targets = [{"TargetGroupArn": "a", "Weight": 50}, {"TargetGroupArn": "b", "Weight": 50}]
    actions = [{"Type": "forward", "ForwardConfig": {"TargetGroups": targets}}]
    return "AWS::ElasticLoadBalancingV2::ListenerRule", {"Actions": actions, **properties}


def balancer(**values: str) -> tuple[str, dict[str, Any]]:
    return "AWS::ElasticLoadBalancingV2::LoadBalancer", {
        "Scheme": "internet-facing",
        "LoadBalancerAttributes": attributes(**values),
    }


def addresses(count: int) -> Template:
    return template(**{f"Ip{number}": ("AWS::EC2::EIP", {}) for number in range(count)})


def rules(inline: int, separate: int) -> Template:
    group = {"SecurityGroupIngress": [{"CidrIp": f"10.0.0.{n}/32"} for n in range(inline)]}
    return template(
        Group=("AWS::EC2::SecurityGroup", group),
        **{
            f"Rule{number}": (
                "AWS::EC2::SecurityGroupIngress",
                {"GroupId": {"Fn::GetAtt": ["Group", "GroupId"]}},
            )
            for number in range(separate)
        },
    )


def health(*names: str) -> tuple[str, dict[str, Any]]:
    listed = [
        {"Key": f"target_group_health.{name}.minimum_healthy_targets.percentage", "Value": "50"}
        for name in names
    ]
    return "AWS::ElasticLoadBalancingV2::TargetGroup", {"TargetGroupAttributes": listed}


def two_zones() -> Template:
    return template(
        Vpc=("AWS::EC2::VPC", {}),
        A=subnet(AvailabilityZoneId="use1-az1"),
        B=subnet(AvailabilityZoneId="use1-az2"),
    )


def cluster(**properties: Any) -> tuple[str, dict[str, Any]]:
    return "AWS::RDS::DBCluster", {"Engine": "aurora-postgresql", **properties}


def instances(*classes: str) -> Template:
    return template(
        Store=cluster(),
        Elsewhere=("AWS::RDS::DBInstance", {"DBInstanceClass": "db.r8g.large"}),
        **{
            f"Instance{number}": (
                "AWS::RDS::DBInstance",
                {"DBClusterIdentifier": {"Ref": "Store"}, "DBInstanceClass": each},
            )
            for number, each in enumerate(classes)
        },
    )


def zone_of(subnet_id: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [subnet_id, "AvailabilityZone"]}


def in_zones(*letters: str) -> Template:
    return template(Store=cluster(AvailabilityZones=[zone_of(letter) for letter in letters]))


def expiring(consistency: str) -> Template:
    table = {"TimeToLiveSpecification": {"Enabled": True}, "MultiRegionConsistency": consistency}
    return template(Table=("AWS::DynamoDB::GlobalTable", table))


def replica(part: str, zone: str) -> tuple[str, dict[str, Any]]:
    tags = [{"Key": "mainstay:replica", "Value": part}]
    return "AWS::EC2::Volume", {"AvailabilityZone": zone_of(zone), "Tags": tags}


def delayed_in(zone: str, *, follower: str = "C") -> Template:
    """A live instance in A, the follower, and the delayed replica in this subnet's zone."""
    return template(
        A=subnet(AvailabilityZoneId="usw2-az1"),
        B=subnet(AvailabilityZoneId="usw2-az4"),
        C=subnet(AvailabilityZoneId="usw2-az3"),
        AlsoA=subnet(AvailabilityZoneId="usw2-az1"),
        Live=("AWS::RDS::DBInstance", {"AvailabilityZone": zone_of("A")}),
        Follower=replica("follower", follower),
        Delayed=replica("delayed", zone),
        Other=("AWS::EC2::Volume", {"AvailabilityZone": zone_of("A")}),
    )


LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
CASES: dict[str, tuple[Guard, Template, Template]] = {
    "zone by letter": (
        network_traps.zones_not_pinned,
        template(A=subnet(AvailabilityZone="us-east-1a")),
        template(A=subnet(AvailabilityZoneId="use1-az1")),
    ),
    "zone by dummy lookup": (
        network_traps.zones_not_pinned,
        template(A=subnet(AvailabilityZone="dummy1a", AvailabilityZoneId="use1-az1")),
        template(A=subnet(AvailabilityZoneId="use1-az1")),
    ),
    "one zone": (
        network_traps.too_few_zones,
        template(Vpc=("AWS::EC2::VPC", {}), A=subnet(AvailabilityZoneId="use1-az1")),
        two_zones(),
    ),
    "six elastic addresses": (network_traps.too_many_addresses, addresses(6), addresses(5)),
    "sixty-one rules": (network_traps.too_many_rules, rules(40, 21), rules(40, 20)),
    "functions that copy exports": (
        network_traps.references_across_regions,
        template(Writer=("Custom::CrossRegionExportWriter", {})),
        template(Reader=("AWS::EC2::VPC", {"Id": {"Fn::GetStackOutput": {"StackName": "x"}}})),
    ),
    "clients held for an hour": (
        traffic_traps.clients_held_too_long,
        template(Balancer=balancer()),
        template(Balancer=balancer(client_keep_alive__seconds="180")),
    ),
    "one threshold of two": (
        traffic_traps.all_targets_must_fail_first,
        template(Targets=health("dns_failover")),
        template(Targets=health("dns_failover", "unhealthy_state_routing")),
    ),
    "TLS by default": (
        traffic_traps.old_tls,
        template(Https=(LISTENER, {"Protocol": "HTTPS"})),
        template(
            Https=(LISTENER, {"Protocol": "HTTPS", "SslPolicy": "ELBSecurityPolicy-TLS13-1-2-x"}),
            Http=(LISTENER, {"Protocol": "HTTP"}),
        ),
    ),
    "target health dropped": (
        traffic_traps.alias_without_target_health,
        template(Record=("AWS::Route53::RecordSet", {"AliasTarget": {"DNSName": "x"}})),
        template(
            Record=("AWS::Route53::RecordSet", {"AliasTarget": {"EvaluateTargetHealth": True}}),
            Text=("AWS::Route53::RecordSet", {"Type": "TXT"}),
        ),
    ),
    "zone without accelerated recovery": (
        traffic_traps.zone_that_cannot_be_edited,
        template(Zone=("AWS::Route53::HostedZone", {})),
        template(
            Zone=(
                "AWS::Route53::HostedZone",
                {"HostedZoneFeatures": {"EnableAcceleratedRecovery": True}},
            )
        ),
    ),
    "task count in a template": (
        traffic_traps.operations_undone,
        template(Service=("AWS::ECS::Service", {"DesiredCount": 4})),
        template(Service=("AWS::ECS::Service", {})),
    ),
    "tags on live weights": (
        traffic_traps.operations_undone,
        template(Rule=weighted_rule(Tags=[])),
        template(Rule=weighted_rule()),
    ),
    "a cluster in four zones": (
        database_traps.too_many_zones,
        in_zones("A", "B", "C", "D"),
        in_zones("A", "B", "C"),
    ),
    "a small reader": (
        database_traps.readers_unlike_the_writer,
        instances("db.r8g.xlarge", "db.r8g.large"),
        instances("db.r8g.xlarge", "db.r8g.xlarge"),
    ),
    "an engine of a preview": (
        database_traps.retired_engines,
        template(Store=cluster(EngineVersion="17.1")),
        template(Store=cluster(EngineVersion="17.6")),
    ),
    "a retired major version": (
        database_traps.retired_engines,
        template(Store=cluster(EngineVersion="13.20")),
        template(Store=cluster(EngineVersion="16.9")),
    ),
    "expiry in a strongly consistent table": (
        database_traps.expiry_with_strong_consistency,
        expiring("STRONG"),
        expiring("EVENTUAL"),
    ),
    "the delayed replica beside a live one": (
        database_traps.delayed_beside_live,
        delayed_in("AlsoA"),
        delayed_in("B"),
    ),
    "the delayed replica beside its follower": (
        database_traps.delayed_beside_live,
        delayed_in("B", follower="B"),
        delayed_in("B"),
    ),
    "a plan's name": (
        traffic_traps.plan_name_too_long,
        template(Plan=("AWS::ARCRegionSwitch::Plan", {"Name": "x" * 33})),
        template(Plan=("AWS::ARCRegionSwitch::Plan", {"Name": "x" * 32})),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_catches_the_trap_and_names_its_mend(case: tuple[Guard, Template, Template]):
    guard, trapped, _ = case
    found = list(guard([trapped]))
    assert found
    assert all(trap.fix and trap.consequence for trap in found)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_lets_the_mended_template_pass(case: tuple[Guard, Template, Template]):
    guard, _, fixed = case
    assert list(guard([fixed])) == []


# Guards over two Regions, which the tests below provoke.
OF_TWO_REGIONS = {database_traps.copies_unlike_their_first}


def test_every_guard_is_provoked():
    assert {guard for guard, _, _ in CASES.values()} | OF_TWO_REGIONS == set(GUARDS)


def global_database(
    *, version: str = "17.6", key: Any = None, first_key: Any = None
) -> list[Template]:
    """A first cluster in us-east-1 and its copy in us-west-2, which has this version and key."""
    first = template(
        "us-east-1",
        Store=cluster(EngineVersion="17.6", KmsKeyId=first_key or {"Ref": "Key"}),
        Whole=(
            "AWS::RDS::GlobalCluster",
            {
                "GlobalClusterIdentifier": "all",
                "SourceDBClusterIdentifier": {"Fn::Join": [":", ["arn", {"Ref": "Store"}]]},
            },
        ),
        Key=("AWS::KMS::Key", {}),
    )
    first.body["Outputs"] = {"KeyArn": {"Value": {"Fn::GetAtt": ["Key", "Arn"]}}}
    copy = template(
        "us-west-2",
        Copy=cluster(
            EngineVersion=version,
            GlobalClusterIdentifier="all",
            KmsKeyId=key or {"Fn::GetAtt": ["Key", "Arn"]},
        ),
        Key=("AWS::KMS::Key", {}),
    )
    return [first, Template(path="copy.template.json", region=copy.region, body=copy.body)]


def test_lets_a_copy_of_the_same_version_with_a_key_of_its_own_pass():
    assert list(database_traps.copies_unlike_their_first(global_database())) == []


def test_catches_a_copy_of_another_version():
    [trap] = database_traps.copies_unlike_their_first(global_database(version="17.5"))
    assert trap.rule == "copy-of-another-version"
    assert trap.template.region == "us-west-2"


@pytest.mark.parametrize(
    "keys",
    [
        {"key": {"Fn::GetStackOutput": {"Region": "us-east-1", "OutputName": "KeyArn"}}},
        {"key": "arn:aws:kms:us-east-1:111122223333:key/1"},
        {"key": "arn:aws:kms:x:1:key/mrk-1", "first_key": "arn:aws:kms:x:1:key/mrk-1"},
        {"key": {"Fn::ImportValue": "of-nobody"}},
    ],
    ids=["a reference", "an ARN", "the same words", "nothing known"],
)
def test_catches_regions_that_share_a_key(keys: dict[str, Any]):
    [trap] = database_traps.copies_unlike_their_first(global_database(**keys))
    assert trap.rule == "regions-share-a-key"
    assert "us-west-2" in trap.fix


def test_catches_an_export_used_in_another_region():
    producer = Template(
        path="a",
        region="us-east-1",
        body={"Outputs": {"Id": {"Value": "x", "Export": {"Name": "stack:Id"}}}},
    )
    use = {"VpcId": {"Fn::ImportValue": "stack:Id"}}
    here = template("us-east-1", Use=("AWS::EC2::Subnet", use))
    there = template("us-west-2", Use=("AWS::EC2::Subnet", use))
    assert list(network_traps.references_across_regions([producer, here])) == []
    found = list(network_traps.references_across_regions([producer, here, there]))
    assert [trap.template.region for trap in found] == ["us-west-2"]


def test_fails_the_synth_with_the_rule_and_its_mend(stack: cdk.Stack):
    elbv2.CfnListener(
        stack,
        "Https",
        load_balancer_arn="arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/x/1",
        protocol="HTTPS",
        port=443,
        default_actions=[],
    )
    cdk.Validations.of(stack.node.root).add_plugins(TrapGuards())
    with pytest.raises(RuntimeError, match="ValidationFailed") as failure:
        app(stack).synth()
    assert "Mainstay::old-tls" in str(failure.value)
    assert "SslPolicy.TLS13_12_RES_PQ" in str(failure.value)


def test_lets_an_acknowledged_trap_pass(stack: cdk.Stack):
    listener = elbv2.CfnListener(
        stack,
        "Https",
        load_balancer_arn="arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/x/1",
        protocol="HTTPS",
        port=443,
        default_actions=[],
    )
    cdk.Validations.of(stack.node.root).add_plugins(TrapGuards())
    cdk.Validations.of(listener).acknowledge(
        cdk.Acknowledgment(id="Mainstay::old-tls", reason="a test of acknowledging")
    )
    app(stack).synth()


def app(stack: cdk.Stack) -> cdk.App:
    root = stack.node.root
    assert isinstance(root, cdk.App)
    return root


def test_shipped_environments_fall_into_no_trap(assembly: Any):
    templates = [
        Template(path=stack.name, region=stack.region, body=stack.template)
        for stack in assembly.stacks.values()
    ]
    traps = [trap for guard in GUARDS for trap in guard(templates)]
    assert traps == [], json.dumps([trap.rule for trap in traps])

"""Services, their scaling and their alarms, by the APIs of the deployed production."""

import pytest

from config.environments import PRODUCTION
from tests.deployed.deployment import described

_REGIONS = PRODUCTION.regions
_SERVICES = [("edge", "EdgeNginx"), ("app", "AppBlue"), ("app", "AppGreen")]


@pytest.fixture(params=_REGIONS, ids=lambda region: region.name)
def region(request):
    return request.param


@pytest.fixture(params=_SERVICES, ids=lambda service: service[1])
def tier(request) -> tuple[str, str]:
    return request.param


@pytest.fixture
def resource(deployed, region, tier):
    return deployed.named(region.name, tier[0], f"{tier[1]}Service")


@pytest.fixture
def service(deployed, resource) -> dict:
    return described(deployed, resource)


@pytest.fixture
def task(deployed, service, region) -> dict:
    ecs = deployed.client("ecs", region.name)
    return ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]


def test_each_service_runs_in_every_zone_without_public_addresses(deployed, service, region):
    network = service["networkConfiguration"]["awsvpcConfiguration"]
    subnets = deployed.client("ec2", region.name).describe_subnets(SubnetIds=network["subnets"])[
        "Subnets"
    ]
    assert sorted(subnet["AvailabilityZoneId"] for subnet in subnets) == sorted(region.zone_ids)
    assert network["assignPublicIp"] == "DISABLED"
    assert len(network["securityGroups"]) == 1


def test_no_service_is_given_a_number_of_tasks(resource):
    assert "DesiredCount" not in resource.properties


def test_each_half_runs_the_family_of_releases_with_the_images_of_its_base(deployed, region):
    ecs = deployed.client("ecs", region.name)
    for half in ("Blue", "Green"):
        service = described(deployed, deployed.named(region.name, "app", f"App{half}Service"))
        live = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])[
            "taskDefinition"
        ]
        base = ecs.describe_task_definition(
            taskDefinition=deployed.named(region.name, "app", f"App{half}Task").ref
        )["taskDefinition"]
        assert live["family"] == f"mainstay-{PRODUCTION.name}-{half.lower()}"
        assert live["containerDefinitions"] == base["containerDefinitions"]
        assert (live["cpu"], live["memory"]) == (base["cpu"], base["memory"])


def test_each_task_is_stateless_on_arm64_fargate(task):
    assert task["requiresCompatibilities"] == ["FARGATE"]
    assert task["runtimePlatform"]["cpuArchitecture"] == "ARM64"
    for container in task["containerDefinitions"]:
        assert container["readonlyRootFilesystem"] is True
    volumes = task.get("volumes", [])
    assert all(set(volume) <= {"name", "host"} for volume in volumes)  # of the task, gone with it


def test_each_task_may_end_the_longest_request_before_it_is_killed(task):
    container = task["containerDefinitions"][0]
    assert container["stopTimeout"] > PRODUCTION.front_door.longest_request_seconds


def test_each_task_logs_without_ever_waiting(deployed, task, region):
    options = task["containerDefinitions"][0]["logConfiguration"]["options"]
    assert options["mode"] == "non-blocking"
    logs = deployed.client("logs", region.name)
    assert logs.describe_log_groups(logGroupNamePrefix=options["awslogs-group"])["logGroups"]


def test_the_edge_is_told_where_the_internal_load_balancer_is(deployed, region):
    ecs = deployed.client("ecs", region.name)
    arn = deployed.named(region.name, "edge", "EdgeNginxTask").ref
    task = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
    variables = {
        one["name"]: one["value"] for one in task["containerDefinitions"][0]["environment"]
    }
    arn = deployed.named(region.name, "app", "AppBalancer").ref
    elbv2 = deployed.client("elbv2", region.name)
    (internal,) = elbv2.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"]
    assert variables["APP_ADDRESS"] == f"{internal['DNSName']}:443"
    assert variables["DOMAIN"] == PRODUCTION.domain


def test_each_service_scales_between_the_floor_and_the_ceiling_of_its_tier(
    deployed, region, tier, service
):
    size = PRODUCTION.edge if tier[0] == "edge" else PRODUCTION.app
    target = _scalable_target(deployed, region, service)
    assert target["MaxCapacity"] == size.max_tasks
    zones = len(region.zone_ids)
    services = 1 if tier[0] == "edge" else 2
    assert target["MinCapacity"] % zones == 0  # equal in every zone
    # With a zone gone, the floor of the tier still carries its peak.
    assert target["MinCapacity"] * services * (zones - 1) / zones >= size.peak_tasks


def test_each_service_scales_on_requests_and_on_cpu_whichever_asks_for_more(
    deployed, region, service, tier
):
    scaling = deployed.client("application-autoscaling", region.name)
    target = _scalable_target(deployed, region, service)
    found = scaling.describe_scaling_policies(
        ServiceNamespace="ecs", ResourceId=target["ResourceId"]
    )["ScalingPolicies"]
    tracked = {
        policy["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"][
            "PredefinedMetricType"
        ]: policy["TargetTrackingScalingPolicyConfiguration"]
        for policy in found
    }
    assert set(tracked) == {"ALBRequestCountPerTarget", "ECSServiceAverageCPUUtilization"}
    size = PRODUCTION.edge if tier[0] == "edge" else PRODUCTION.app
    requests = tracked["ALBRequestCountPerTarget"]
    assert requests["TargetValue"] == size.requests_per_task_per_minute
    assert not any(one.get("DisableScaleIn") for one in tracked.values())
    label = requests["PredefinedMetricSpecification"]["ResourceLabel"]
    assert label == _label(deployed, region, service)


def test_each_service_rolls_back_on_an_alarm_of_its_own_answers(deployed, region, service):
    settings = service["deploymentConfiguration"]
    assert settings["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert (settings["alarms"]["enable"], settings["alarms"]["rollback"]) == (True, True)
    (name,) = settings["alarms"]["alarmNames"]
    (alarm,) = deployed.client("cloudwatch", region.name).describe_alarms(AlarmNames=[name])[
        "MetricAlarms"
    ]
    balancer, _, targets = _label(deployed, region, service).partition("/targetgroup/")
    watched = {
        (dimension["Name"], dimension["Value"])
        for query in alarm["Metrics"]
        if "MetricStat" in query
        for dimension in query["MetricStat"]["Metric"]["Dimensions"]
    }
    assert watched == {("LoadBalancer", balancer), ("TargetGroup", f"targetgroup/{targets}")}


def _scalable_target(deployed, region, service: dict) -> dict:
    cluster = service["clusterArn"].rpartition("/")[2]
    answer = deployed.client("application-autoscaling", region.name).describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=[f"service/{cluster}/{service['serviceName']}"]
    )
    return answer["ScalableTargets"][0]


def _label(deployed, region, service: dict) -> str:
    """`app/name/id/targetgroup/name/id`, of the balancer that really has these targets."""
    arn = service["loadBalancers"][0]["targetGroupArn"]
    elbv2 = deployed.client("elbv2", region.name)
    (group,) = elbv2.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
    (balancer,) = set(group["LoadBalancerArns"])
    return f"{balancer.partition(':loadbalancer/')[2]}/{arn.rpartition(':')[2]}"

"""The way in: the public load balancer, and what both load balancers have in common."""

from __future__ import annotations

import pytest

from functions.mode_follower.follower import FIRST_READ_TIMEOUT

BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
TLS_1_2_AND_1_3 = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"


@pytest.fixture(scope="session")
def balancers(system):
    found = list(system.of_type(BALANCER))
    assert len(found) == 2 * len(system.regions)
    return found


@pytest.fixture(scope="session")
def public(balancers):
    return [item for item in balancers if item.properties["Scheme"] == "internet-facing"]


@pytest.fixture(scope="session")
def https(system):
    found = [item for item in system.of_type(LISTENER) if item.properties["Port"] == 443]
    assert len(found) == 2 * len(system.regions)
    return found


def test_tls_1_2_is_the_oldest_that_is_spoken(https):
    for listener in https:
        assert listener.properties["Protocol"] == "HTTPS"
        assert listener.properties["SslPolicy"] == TLS_1_2_AND_1_3


def test_every_https_listener_presents_its_region_s_certificate(system, https):
    for listener in https:
        [entry] = listener.properties["Certificates"]
        certificate = system.resource(listener.stack, entry["CertificateArn"])
        assert certificate.stack.region == listener.stack.region
        assert certificate.name == "RegionCertificate"


def test_plain_http_is_sent_to_https_and_nothing_else(system):
    others = [item for item in system.of_type(LISTENER) if item.properties["Port"] != 443]
    assert len(others) == len(system.regions)
    for listener in others:
        [action] = listener.properties["DefaultActions"]
        assert action == {
            "Type": "redirect",
            "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"},
        }


def test_the_edge_is_the_only_target_of_the_public_load_balancer(system, public):
    for balancer in public:
        targets = []
        for listener in system.of_type(LISTENER, balancer.stack.region):
            if listener.properties["LoadBalancerArn"] == {"Ref": balancer.logical_id}:
                for action in listener.properties["DefaultActions"]:
                    if action["Type"] == "forward":
                        targets.append(action["TargetGroupArn"]["Ref"])
        [edge] = [item for item in system.services() if item.stack is balancer.stack]
        assert [{"Ref": target} for target in targets] == [
            item["TargetGroupArn"] for item in edge.properties["LoadBalancers"]
        ]
        assert balancer.stack.of_type("AWS::ElasticLoadBalancingV2::ListenerRule") == {}


def test_the_public_load_balancer_speaks_tls_to_the_edge(system, public):
    for balancer in public:
        [group] = balancer.stack.of_type("AWS::ElasticLoadBalancingV2::TargetGroup").values()
        assert (group["Protocol"], group["HealthCheckProtocol"]) == ("HTTPS", "HTTPS")


def test_ambiguous_requests_are_refused(balancers, attributes):
    for balancer in balancers:
        found = attributes(balancer.properties)
        assert found["routing.http.desync_mitigation_mode"] == "strictest"
        assert found["routing.http.drop_invalid_header_fields.enabled"] == "true"


def test_a_sick_zone_can_be_left_by_one_call(balancers, attributes):
    for balancer in balancers:
        assert attributes(balancer.properties)["zonal_shift.config.enabled"] == "true"


def test_load_balancers_cannot_be_deleted_by_accident_where_data_is_kept(
    system, balancers, attributes
):
    expected = str(system.environment.keep_data).lower()
    for balancer in balancers:
        assert attributes(balancer.properties)["deletion_protection.enabled"] == expected


def test_every_request_is_in_an_access_log_of_its_region(system, balancers, attributes):
    for balancer in balancers:
        found = attributes(balancer.properties)
        assert found["access_logs.s3.enabled"] == "true"
        bucket = system.resource(balancer.stack, found["access_logs.s3.bucket"])
        assert (bucket.name, bucket.stack.region) == ("LogsAccess", balancer.stack.region)


def test_public_and_internal_access_logs_are_apart(balancers, attributes):
    prefixes = {attributes(item.properties)["access_logs.s3.prefix"] for item in balancers}
    assert prefixes == {"public", "internal"}


def test_clients_do_not_stay_with_a_lost_node(system, public, attributes):
    for balancer in public:
        seconds = int(attributes(balancer.properties)["client_keep_alive.seconds"])
        assert seconds == system.environment.front_door.client_keep_alive_seconds == 180


def test_a_target_that_says_nothing_is_given_up(system, balancers, attributes):
    longest = str(system.environment.front_door.longest_request_seconds)
    for balancer in balancers:
        assert attributes(balancer.properties)["idle_timeout.timeout_seconds"] == longest


def test_the_edge_is_one_server_from_the_nginx_folder(system):
    for region in system.regions:
        stack = system.part(region, "edge")
        [task] = stack.of_type("AWS::ECS::TaskDefinition").values()
        container, sidecar = task["ContainerDefinitions"]
        assert (container["Name"], sidecar["Name"]) == ("server", "mode")
        digest = container["Image"]["Fn::Sub"].rpartition(":")[2]
        folder = system.assembly.directory / f"asset.{digest}"
        assert (folder / "conf" / "nginx.conf").is_file()


def test_the_sidecar_shares_the_flag_s_folder_with_nginx_and_cannot_stop_it(system):
    for region in system.regions:
        stack = system.part(region, "edge")
        [task] = stack.of_type("AWS::ECS::TaskDefinition").values()
        server, sidecar = task["ContainerDefinitions"]
        assert server["MountPoints"] == sidecar["MountPoints"]
        assert (server["Essential"], sidecar["Essential"]) == (True, False)
        assert sidecar["RestartPolicy"]["Enabled"] is True
        variables = {item["Name"]: item["Value"] for item in sidecar["Environment"]}
        assert variables["RUN"] == server["MountPoints"][0]["ContainerPath"]
        table = system.resource(stack, variables["CONTROL_TABLE"])
        assert table.stack is system.part(region, "control")


def test_nginx_waits_for_the_mode_longer_than_the_sidecar_asks(system):
    for region in system.regions:
        [task] = system.part(region, "edge").of_type("AWS::ECS::TaskDefinition").values()
        variables = {
            item["Name"]: item["Value"] for item in task["ContainerDefinitions"][0]["Environment"]
        }
        assert int(variables["MODE_WAIT_SECONDS"]) > FIRST_READ_TIMEOUT.total_seconds()


def test_a_tenant_is_slowed_down_before_the_firewall_counts_it_as_too_much(system):
    for region in system.regions:
        [service] = [
            item
            for item in system.services()
            if system.tier_of(item) == "edge" and item.stack.region == region
        ]
        [task] = service.stack.of_type("AWS::ECS::TaskDefinition").values()
        variables = {
            item["Name"]: item["Value"] for item in task["ContainerDefinitions"][0]["Environment"]
        }
        tasks = system.scaling(service).properties["MinCapacity"]
        together = int(variables["TENANT_REQUESTS_PER_SECOND"]) * tasks * 60
        ceiling = system.environment.front_door.requests_per_tenant_per_minute
        assert together < ceiling


def test_the_edge_is_told_where_the_internal_load_balancer_is(system):
    for region in system.regions:
        stack = system.part(region, "edge")
        [task] = stack.of_type("AWS::ECS::TaskDefinition").values()
        container, _ = task["ContainerDefinitions"]
        variables = {item["Name"]: item["Value"] for item in container["Environment"]}
        address, port = variables["APP_ADDRESS"]["Fn::Join"][1]
        balancer = system.resource(stack, address)
        assert (balancer.properties["Scheme"], port) == ("internal", ":443")
        assert variables["APP_NAME"] == f"app-tier.{system.environment.domain}"
        assert variables["DOMAIN"] == system.environment.domain

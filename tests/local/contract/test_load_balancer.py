"""A load balancer carries requests: rules, weights, TLS, health, bytes and fields as an ALB's."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import subprocess
import time
import uuid
from collections import Counter
from contextlib import ExitStack

import pytest

from local.waiting import wait_until
from tests.local.contract.deployment import wait
from tests.local.contract.row import SUBNETS, ref, resource
from tests.local.contract.targets import target

_TARGETS = {
    "VpcId": ref("Vpc"),
    "TargetType": "ip",
    "Port": 8080,
    "HealthCheckPath": "/health",
    "HealthCheckIntervalSeconds": 1,
    "HealthCheckTimeoutSeconds": 1,
    "HealthyThresholdCount": 2,
    "UnhealthyThresholdCount": 2,
}
_CERTIFICATE = resource(
    "AWS::CertificateManager::Certificate",
    DomainName="id.example.com",
    SubjectAlternativeNames=["*.id.example.com"],
    ValidationMethod="DNS",
)


def _group(protocol="HTTP"):
    return resource(
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        **_TARGETS,
        Protocol=protocol,
        HealthCheckProtocol=protocol,
    )


def _forward(**weights):
    groups = [{"TargetGroupArn": ref(name), "Weight": w} for name, w in weights.items()]
    return [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]


def _rule(priority, actions, *conditions):
    return resource(
        "AWS::ElasticLoadBalancingV2::ListenerRule",
        ListenerArn=ref("Https"),
        Priority=priority,
        Conditions=list(conditions),
        Actions=actions,
    )


def _path(pattern):
    return {"Field": "path-pattern", "PathPatternConfig": {"Values": [pattern]}}


TEMPLATE = {
    "Resources": {
        **SUBNETS,
        "Certificate": _CERTIFICATE,
        "Balancer": resource(
            "AWS::ElasticLoadBalancingV2::LoadBalancer",
            Subnets=[ref("Subnet1"), ref("Subnet2")],
            LoadBalancerAttributes=[
                {"Key": "routing.http.drop_invalid_header_fields.enabled", "Value": "true"},
                {"Key": "idle_timeout.timeout_seconds", "Value": "5"},
            ],
        ),
        "Blue": _group(),
        "Green": _group(),
        "Nginx": _group("HTTPS"),
        "Empty": _group(),
        "Http": resource(
            "AWS::ElasticLoadBalancingV2::Listener",
            LoadBalancerArn=ref("Balancer"),
            Port=80,
            Protocol="HTTP",
            DefaultActions=[
                {
                    "Type": "redirect",
                    "RedirectConfig": {
                        "Protocol": "HTTPS",
                        "Port": "443",
                        "StatusCode": "HTTP_301",
                    },
                }
            ],
        ),
        "Https": resource(
            "AWS::ElasticLoadBalancingV2::Listener",
            LoadBalancerArn=ref("Balancer"),
            Port=443,
            Protocol="HTTPS",
            Certificates=[{"CertificateArn": ref("Certificate")}],
            DefaultActions=[
                {
                    "Type": "fixed-response",
                    "FixedResponseConfig": {"StatusCode": "404", "MessageBody": "none"},
                }
            ],
        ),
        "Pinned": _rule(
            5,
            _forward(Green=1),
            {
                "Field": "http-header",
                "HttpHeaderConfig": {"HttpHeaderName": "X-Half", "Values": ["gr*n"]},
            },
        ),
        "Query": _rule(
            6,
            _forward(Blue=1),
            {
                "Field": "query-string",
                "QueryStringConfig": {"Values": [{"Key": "half", "Value": "blue"}]},
            },
        ),
        "Nobody": _rule(7, _forward(Empty=1), _path("/empty")),
        "Edge": _rule(8, _forward(Nginx=1), _path("/edge/*")),
        "Halves": _rule(9, _forward(Blue=50, Green=50), _path("/app*")),
    }
}


class Balancer:
    """The stack above, with four targets behind it."""

    def __init__(self, elbv2, refs, authority):
        self.elbv2, self.refs = elbv2, refs
        self.trusting = ssl.create_default_context(cafile=authority)

    def register(self, group, *ports):
        targets = [{"Id": "127.0.0.1", "Port": port} for port in ports]
        self.elbv2.register_targets(TargetGroupArn=self.refs[group], Targets=targets)

    def health(self, group):
        answer = self.elbv2.describe_target_health(TargetGroupArn=self.refs[group])
        return {
            told["Target"]["Port"]: told["TargetHealth"]["State"]
            for told in answer["TargetHealthDescriptions"]
        }

    def address(self, listener):
        answer = self.elbv2.describe_listener_attributes(ListenerArn=self.refs[listener])
        found = {one["Key"]: one["Value"] for one in answer["Attributes"]}
        host, _, port = found["local.address"].partition(":")
        return host, int(port)

    def connect(self, name="id.example.com"):
        """A verified TLS connection, as a browser's."""
        plain = socket.create_connection(self.address("Https"), timeout=20)
        return self.trusting.wrap_socket(plain, server_hostname=name)

    def ask(self, target, *fields, method="GET", body=b"", host="id.example.com"):
        """Send a request byte by byte; the status, the answer's fields, and what the target got."""
        head = [f"{method} {target} HTTP/1.1", f"Host: {host}", *fields]
        if body:
            head.append(f"Content-Length: {len(body)}")
        with self.connect() as connection:
            connection.sendall("\r\n".join([*head, "", ""]).encode() + body)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            text = answer.read()
            return answer.status, dict(answer.getheaders()), text

    def got(self, *arguments, **named):
        """What the target says that it got."""
        status, _, text = self.ask(*arguments, **named)
        assert status == 200, (status, text)
        return json.loads(text)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate that nobody signed, made at start like the edge's own."""
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", folder / "key.pem", "-out", folder / "cert.pem",
         "-subj", "/CN=self", "-days", "2"],
        check=True, capture_output=True,
    )  # fmt: skip
    both = folder / "both.pem"
    both.write_bytes((folder / "cert.pem").read_bytes() + (folder / "key.pem").read_bytes())
    return both


@pytest.fixture(scope="module")
def servers(certificate):
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(target(name, certificate if name == "nginx" else None))
            for name in ("blue", "other blue", "green", "nginx")
        }


@pytest.fixture(scope="module")
def balancer(emulator, aws, servers):
    cloudformation = aws("cloudformation")
    name = f"balancer-{uuid.uuid4().hex[:8]}"
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(TEMPLATE))
    wait(cloudformation, name, "CREATE_COMPLETE")
    found = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    refs = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}
    made = Balancer(aws("elbv2"), refs, emulator.authority)
    made.register("Blue", servers["blue"].port, servers["other blue"].port)
    made.register("Green", servers["green"].port)
    made.register("Nginx", servers["nginx"].port)
    for group in ("Blue", "Green", "Nginx"):
        wait_until(
            lambda group=group: set(made.health(group).values()) == {"healthy"},
            f"healthy targets of {group}",
        )
    return made


def test_a_listener_presents_what_a_client_can_verify(balancer):
    with balancer.connect("a.id.example.com") as connection:
        assert connection.version() in ("TLSv1.2", "TLSv1.3")
    with pytest.raises(ssl.SSLCertVerificationError):
        balancer.connect("other.example.com")


def test_weights_split_between_the_halves(balancer, aws):
    seen = Counter(balancer.got("/app")["target"].split()[-1] for _ in range(60))
    assert min(seen["blue"], seen["green"]) > 10  # of 30 on average
    rule = balancer.refs["Halves"]
    groups = [
        {"TargetGroupArn": balancer.refs["Blue"], "Weight": 0},
        {"TargetGroupArn": balancer.refs["Green"], "Weight": 100},
    ]
    forward = [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]
    aws("elbv2").modify_rule(RuleArn=rule, Actions=forward)
    assert {balancer.got("/app")["target"] for _ in range(10)} == {"green"}
    groups[0]["Weight"], groups[1]["Weight"] = 100, 0
    aws("elbv2").modify_rule(RuleArn=rule, Actions=forward)
    assert {balancer.got("/app")["target"] for _ in range(30)} == {"blue", "other blue"}


def test_rules_are_asked_by_priority(balancer):
    assert balancer.got("/app", "X-Half: green")["target"] == "green"
    assert balancer.got("/anything?half=blue")["target"].endswith("blue")
    status, fields, text = balancer.ask("/nothing")
    assert (status, text, fields["Server"]) == (404, b"none", "awselb/2.0")


def test_a_target_group_over_https_is_reached_whatever_its_certificate(balancer):
    assert balancer.got("/edge/one")["target"] == "nginx"


def test_a_group_without_targets_answers_503(balancer):
    assert balancer.ask("/empty")[0] == 503


@pytest.mark.parametrize(
    "path",
    ["/app//a%2fb/../c%3F;x=1?q=a+b&c=%zz", "/app?", "/app/%E4%BD%A0?next=https://x//y"],
)
def test_the_path_goes_through_byte_by_byte(balancer, path):
    assert balancer.got(path)["line"] == f"GET {path} HTTP/1.1"


def test_a_request_is_marked_on_its_way(balancer):
    got = balancer.got(
        "/app", "X-Forwarded-For: 192.0.2.1", "x_odd: dropped", "X-Mixed-Case: kept",
        host="tenant.id.example.com:8443",
    )  # fmt: skip
    fields = dict(got["fields"])
    assert fields["Host"] == "tenant.id.example.com"
    assert fields["X-Forwarded-For"] == "192.0.2.1, 127.0.0.1"
    assert fields["X-Forwarded-Proto"] == "https"
    assert fields["X-Forwarded-Port"] == "443"
    assert fields["X-Amzn-Trace-Id"].startswith("Root=1-")
    assert fields["X-Mixed-Case"] == "kept"
    assert "x_odd" not in fields


def test_bodies_and_connections_are_kept(balancer, servers):
    with balancer.connect() as connection:
        for number in range(3):
            body = b"x" * (100_000 * number)
            head = f"POST /app HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            assert len(json.loads(answer.read())["body"]) == len(body)
    before = sum(server.connections for server in servers.values())
    for _ in range(5):
        balancer.got("/edge/again")
    # One connection to the target carries them all; its health checks open their own.
    assert sum(server.connections for server in servers.values()) - before < 30


@pytest.mark.parametrize("target", ["/app", "/nothing"])
def test_a_connection_that_closes_after_its_answer_says_so(balancer, target):
    """RFC 9112, 9.6: a client that believed it is kept would lose its next request with it."""
    status, fields, _ = balancer.ask(target, "Connection: close")
    assert (status in (200, 404), fields["Connection"]) == (True, "close")
    assert balancer.ask("/app")[1]["Connection"] == "keep-alive"


@pytest.mark.parametrize(
    "fields",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Content-Length: 5", "Content-Length: 6"),
        ("Transfer-Encoding: gzip, chunked",),
    ],
)
def test_what_two_servers_may_read_in_two_ways_is_refused(balancer, fields):
    assert balancer.ask("/app", *fields, method="POST")[0] == 400


def test_plain_http_is_redirected(balancer):
    connection = http.client.HTTPConnection(*balancer.address("Http"), timeout=20)
    connection.request("GET", "/a?b=c", headers={"Host": "id.example.com"})
    answer = connection.getresponse()
    assert answer.status == 301
    assert answer.headers["Location"] == "https://id.example.com:443/a?b=c"


def test_a_target_that_fails_leaves_and_comes_back(balancer, servers):
    green = servers["green"].port
    servers["green"].status = 500
    wait_until(lambda: balancer.health("Green") == {green: "unhealthy"}, "an unhealthy target")
    assert balancer.ask("/app", "X-Half: green")[0] == 500  # none is healthy: all are asked
    servers["green"].status = 200
    wait_until(lambda: balancer.health("Green") == {green: "healthy"}, "a healthy target")


def test_a_target_that_is_gone_is_unhealthy_and_the_others_serve(balancer, servers):
    with target("short-lived") as gone:
        balancer.register("Blue", gone.port)
        wait_until(lambda: balancer.health("Blue")[gone.port] == "healthy", "a healthy target")
    wait_until(lambda: balancer.health("Blue")[gone.port] == "unhealthy", "an unhealthy target")
    assert all(balancer.got("/x?half=blue")["target"].endswith("blue") for _ in range(10))
    leaving = [{"Id": "127.0.0.1", "Port": gone.port}]
    balancer.elbv2.deregister_targets(TargetGroupArn=balancer.refs["Blue"], Targets=leaving)
    assert set(balancer.health("Blue")) == {servers["blue"].port, servers["other blue"].port}


def test_a_group_that_no_rule_names_is_unused(balancer, aws, servers):
    group = aws("elbv2").create_target_group(
        Name=f"unused-{uuid.uuid4().hex[:8]}", Protocol="HTTP", Port=80, TargetType="ip"
    )["TargetGroups"][0]["TargetGroupArn"]
    targets = [{"Id": "127.0.0.1", "Port": servers["blue"].port}]
    aws("elbv2").register_targets(TargetGroupArn=group, Targets=targets)
    (told,) = aws("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert told["TargetHealth"]["State"] == "unused"


def test_requests_are_counted_in_cloudwatch(balancer, aws):
    balancer.got("/edge/counted")
    arn = balancer.refs["Nginx"]
    dimensions = [
        {"Name": "LoadBalancer", "Value": balancer.refs["Balancer"].partition("loadbalancer/")[2]},
        {"Name": "TargetGroup", "Value": arn.rpartition(":")[2]},
    ]
    points = aws("cloudwatch").get_metric_statistics(
        Namespace="AWS/ApplicationELB", MetricName="RequestCount", Dimensions=dimensions,
        StartTime=time.time() - 600, EndTime=time.time() + 60, Period=3600, Statistics=["Sum"],
    )["Datapoints"]  # fmt: skip
    assert sum(point["Sum"] for point in points) >= 1

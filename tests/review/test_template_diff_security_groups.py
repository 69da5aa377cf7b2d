"""Which rules of security groups the template diff calls opened."""

import pytest


def res(type_, **properties):
    return {"Type": type_, "Properties": properties}


def group(*ingress, egress=({"IpProtocol": "-1", "CidrIp": "10.0.0.0/8"},)):
    rules = {"SecurityGroupIngress": list(ingress), "SecurityGroupEgress": list(egress)}
    return {"X": res("AWS::EC2::SecurityGroup", GroupDescription="g", **rules)}


def rule(first, last=None, cidr="10.0.0.0/16"):
    return {"IpProtocol": "tcp", "FromPort": first, "ToPort": last or first, "CidrIp": cidr}


def separate(entry):
    return group() | {
        "Rule": res("AWS::EC2::SecurityGroupIngress", GroupId={"Ref": "X"}, **entry),
    }


WEB = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "0.0.0.0/0"}

# Name -> (before, after, words of the report on X).
WIDER = {
    "inline": (group(), group(WEB), "opens ingress from `0.0.0.0/0`: tcp 443"),
    "separate": (group(), separate(rule(22)), "opens ingress from `10.0.0.0/16`: tcp 22"),
    "wider-range": (group(rule(443)), group(rule(443, cidr="10.0.0.0/8")), "`10.0.0.0/8`"),
    "more-ports": (group(rule(80)), group(rule(80, 443)), "tcp 80-443"),
    "separate-made-wider": (
        separate(rule(22)),
        separate(rule(22, cidr="10.0.0.0/8")),
        "/8`: tcp 22",
    ),
    "egress-to-the-internet": (
        group(),
        group(egress=[WEB]),
        "opens egress to `0.0.0.0/0`: tcp 443",
    ),
    "egress-by-default": (group(), group(egress=[]), "opens egress to `0.0.0.0/0`: all traffic"),
    "group-with-default-egress": ({"T": res("AWS::SNS::Topic")}, group(egress=[]), "all traffic"),
}

NARROWER = {
    "rule-narrowed": (group(rule(0, 65535)), group(rule(443, cidr="10.0.0.0/24"))),
    "rule-removed": (group(WEB), group()),
    "separate-rule-narrowed": (separate(rule(22)), separate(rule(22, cidr="10.0.0.0/24"))),
    "rule-made-separate": (group(rule(22)), separate(rule(22))),
    "egress-inside": (group(), group(egress=[rule(443, cidr="192.168.0.0/16")])),
}


@pytest.fixture(scope="module")
def judged(judge):
    keep = {"Keep": res("AWS::SQS::Queue")}
    cases = WIDER | NARROWER
    return judge({name: (case[0] | keep, case[1] | keep) for name, case in cases.items()})


@pytest.mark.parametrize("name", WIDER)
def test_calls_wider(judged, name):
    (danger,) = judged[name][0]
    assert (danger.kind, danger.resource) == ("security-group", "X")
    assert WIDER[name][2] in "\n".join([danger.what, *danger.items])


@pytest.mark.parametrize("name", NARROWER)
def test_passes_what_is_narrower_or_the_same(judged, name):
    assert judged[name][0] == []


def test_notes_egress_that_stays_inside(judged):
    _, (note,) = judged["egress-inside"]
    assert "opens egress to `192.168.0.0/16`: tcp 443" in note.what

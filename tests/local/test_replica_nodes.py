"""The replica nodes that have a server here are those that the launch templates tell of."""

from __future__ import annotations

import base64
from typing import Any

import boto3
from moto import mock_aws

from local import replica_nodes
from local.replica_nodes import ReplicaNode


def _node(ec2: Any, part: str, address: str, *, tag: str = "mainstay:replica", more: str = ""):
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    interface = ec2.create_network_interface(SubnetId=subnet, PrivateIpAddress=address)
    name = interface["NetworkInterface"]["NetworkInterfaceId"]
    script = f"#!/bin/bash\nexport INTERFACE_ID='{name}'\nexport PART='{part}'\n{more}boot\n"
    ec2.create_launch_template(
        LaunchTemplateName=part,
        LaunchTemplateData={"UserData": base64.b64encode(script.encode()).decode()},
        TagSpecifications=[
            {"ResourceType": "launch-template", "Tags": [{"Key": tag, "Value": part}]}
        ],
    )


@mock_aws
def test_reads_the_follower_first_and_how_far_the_delayed_one_stays_behind():
    ec2 = boto3.client("ec2", region_name="us-west-2")
    more = "export FOLLOWER_ADDRESS='172.31.0.9'\nexport DELAY_MINUTES='15'\n"
    _node(ec2, "delayed", "172.31.0.8", more=more)
    _node(ec2, "follower", "172.31.0.9")
    _node(ec2, "somebody-elses", "172.31.0.10", tag="other")
    assert replica_nodes.read(ec2) == [
        ReplicaNode(address="172.31.0.9", follower=None, delay_minutes=0),
        ReplicaNode(address="172.31.0.8", follower="172.31.0.9", delay_minutes=15),
    ]


@mock_aws
def test_a_template_whose_interface_is_gone_is_no_node():
    ec2 = boto3.client("ec2", region_name="us-west-2")
    _node(ec2, "follower", "172.31.0.9")
    [interface] = ec2.describe_network_interfaces()["NetworkInterfaces"]
    ec2.delete_network_interface(NetworkInterfaceId=interface["NetworkInterfaceId"])
    assert replica_nodes.read(ec2) == []

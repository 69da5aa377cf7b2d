"""A PostgreSQL server on Amazon EC2 that comes back with the same volume and the same address."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from mainstay.acknowledge import acknowledge, acknowledge_inline_policy
from mainstay.interfaces import as_role, principal
from mainstay.network.network import Network

BOOT_SCRIPT = Path(__file__).parent / "replica" / "boot.sh"


class ReplicaServer(Construct):
    """One instance in one zone; a group of exactly one replaces it when it fails.

    Everything that must survive is on a volume of its own, which the next instance attaches, as it
    does the network interface with the address by which the others know this server. Nobody logs
    in over the network: Session Manager is the only way, and IMDSv2 the only source of
    credentials. The image is what the SSM parameter names when an instance starts.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        network: Network,
        zone_id: str,
        address: str,
        instance_type: str,
        image_parameter: str,
        volume_gib: int,
        volume_iops: int,
        volume_mib_per_second: int,
        key: kms.IKey,
        settings: dict[str, str],
        removal_policy: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        self.address = address
        self.volume = ec2.Volume(
            self,
            "Volume",
            availability_zone=network.zone_name(zone_id),
            size=cdk.Size.gibibytes(volume_gib),
            volume_type=ec2.EbsDeviceVolumeType.GP3,
            iops=volume_iops,
            throughput=volume_mib_per_second,
            encrypted=True,
            encryption_key=key,
            removal_policy=removal_policy,
        )
        acknowledge(
            self.volume,
            {
                "NIST.800.53.R5-EC2EBSInBackupPlan": "What is on the volume is a copy of the "
                "entity master's data, which has continuous backups of its own; a lost volume is "
                "filled again from the master, and AWS Backup would keep a third copy.",
            },
        )
        groups = (network.security_groups.data, network.security_groups.replica)
        interface = ec2.CfnNetworkInterface(  # no L2 exists
            self,
            "Address",
            description="Moves from an instance to its successor",
            subnet_id=network.data_subnet(zone_id).subnet_id,
            private_ip_address=address,
            group_set=[group.security_group_id for group in groups],
        )
        self.role = self._role(interface, key)
        template = ec2.LaunchTemplate(
            self,
            "Template",
            instance_type=ec2.InstanceType(instance_type),
            machine_image=ec2.MachineImage.resolve_ssm_parameter_at_launch(image_parameter),
            security_group=groups[0],
            role=as_role(self.role),
            require_imdsv2=True,
            associate_public_ip_address=False,
            detailed_monitoring=True,
            # A boot that fails ends in a halt, and the group starts another.
            instance_initiated_shutdown_behavior=ec2.InstanceInitiatedShutdownBehavior.TERMINATE,
            block_devices=[
                ec2.BlockDevice(
                    device_name="/dev/xvda",
                    volume=ec2.BlockDeviceVolume.ebs(
                        16,  # GiB; the system alone
                        # With the account's own key for EBS: Auto Scaling may not use one of ours.
                        encrypted=True,
                        volume_type=ec2.EbsDeviceVolumeType.GP3,
                    ),
                )
            ],
            user_data=self._boot(interface, settings),
        )
        template.add_security_group(groups[1])
        self.group = autoscaling.AutoScalingGroup(
            self,
            "Group",
            vpc=network.vpc,
            vpc_subnets=network.data_subnets([zone_id]),
            launch_template=template,
            min_capacity=1,
            max_capacity=1,
            # The old instance must let go of the volume before the new one can have it.
            update_policy=autoscaling.UpdatePolicy.rolling_update(min_instances_in_service=0),
        )
        acknowledge(
            self.group,
            {
                "AwsSolutions-AS3": "The group never scales; it replaces its one instance, and "
                "what matters then, the replica's lag and delay, has metrics and alarms of its "
                "own that see a replacement that did not work, which a notice of it would not.",
            },
        )

    def _role(self, interface: ec2.CfnNetworkInterface, key: kms.IKey) -> iam.Role:
        stack = cdk.Stack.of(self)
        role = iam.Role(
            self,
            "Role",
            assumed_by=principal("ec2.amazonaws.com"),
            managed_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name("AmazonSSMManagedInstanceCore")
            ],
        )
        place = f"arn:aws:ec2:{stack.region}:{stack.account}"
        # The L2's grant_attach_volume wants to write into the key's own policy, which is sealed.
        for action, own in (
            ("ec2:AttachVolume", f"volume/{self.volume.volume_id}"),
            ("ec2:AttachNetworkInterface", f"network-interface/{interface.ref}"),
        ):
            role.add_to_policy(
                iam.PolicyStatement(
                    actions=[action], resources=[f"{place}:{own}", f"{place}:instance/*"]
                )
            )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["kms:CreateGrant"],  # to Amazon EBS, for as long as it is attached
                resources=[key.key_arn],
                conditions={
                    "Bool": {"kms:GrantIsForAWSResource": True},
                    "StringEquals": {"kms:ViaService": f"ec2.{stack.region}.amazonaws.com"},
                },
            )
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["ec2:DescribeVolumes", "ec2:DescribeNetworkInterfaces"], resources=["*"]
            )
        )
        acknowledge_inline_policy(role)
        acknowledge(
            role,
            {
                "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/"
                "AmazonSSMManagedInstanceCore]": "The policy is what AWS Systems Manager asks for "
                "to let an operator in without any open port; AWS extends it when the agent needs "
                "more, and a copy of ours would lock the operator out on that day.",
                "AwsSolutions-IAM5[Resource::*]": "ec2:DescribeVolumes and "
                "DescribeNetworkInterfaces, by which an instance waits for its predecessor to let "
                "go, know no resources (Service Authorization Reference, Amazon EC2).",
                f"AwsSolutions-IAM5[Resource::{place}:instance/*]": "An instance cannot be named "
                "before it is started, and attaching needs both ends; the other end is this "
                "node's one volume and one network interface.",
            },
        )
        return role

    def _boot(self, interface: ec2.CfnNetworkInterface, settings: dict[str, str]) -> ec2.UserData:
        """The script as it stands in its file, after the values that differ."""
        values = {
            "VOLUME_ID": self.volume.volume_id,
            "INTERFACE_ID": interface.ref,
            **settings,
        }
        data = ec2.UserData.for_linux()
        data.add_commands(
            *(f"export {name}='{value}'" for name, value in values.items()),
            BOOT_SCRIPT.read_text(),
        )
        return data

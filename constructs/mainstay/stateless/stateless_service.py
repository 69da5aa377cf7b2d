"""A tier's servers: any of them serves any request, and any of them may stop at any time."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_logs as logs
from constructs import Construct

from mainstay.acknowledge import acknowledge, acknowledge_inline_policy
from mainstay.environment_names import own_name
from mainstay.stateless.capacity import Capacity
from mainstay.stateless.drain import drain_time
from mainstay.stateless.failing_answers import FailingAnswers


class StatelessService(Construct):
    """An ECS Fargate service on Graviton, spread over the zones of its subnets.

    It scales out and in on requests and CPU, whichever asks for more; a deployment that does not
    become healthy, or whose answers fail, rolls back by itself. The number of tasks is nowhere in
    the template: autoscaling and operations own it, and a later deploy leaves it alone.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster: ecs.ICluster,
        subnets: ec2.SubnetSelection,
        security_group: ec2.ISecurityGroup,
        image: ecs.ContainerImage,
        environment: dict[str, str],
        port: int,
        protocol: elbv2.ApplicationProtocol,
        health_path: str,
        capacity: Capacity,
        longest_request: cdk.Duration,
        log_group: logs.ILogGroup,
        writable_paths: tuple[str, ...] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        self._capacity = capacity
        self.task_definition = ecs.FargateTaskDefinition(
            self,
            "Task",
            family=own_name(self),
            cpu=capacity.cpu_units,
            memory_limit_mib=capacity.memory_mib,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=ecs.CpuArchitecture.ARM64,
                operating_system_family=ecs.OperatingSystemFamily.LINUX,
            ),
        )
        self.container = self.task_definition.add_container(
            "Server",
            container_name="server",
            image=image,
            environment=environment,
            port_mappings=[ecs.PortMapping(container_port=port)],
            readonly_root_filesystem=True,
            # Long enough to end the longest request after SIGTERM; Fargate allows 120 s.
            stop_timeout=drain_time(longest_request),
            logging=ecs.LogDrivers.aws_logs(
                stream_prefix="server",
                log_group=log_group,
                # A slow log must never stop a login: lines are dropped before requests are.
                mode=ecs.AwsLogDriverMode.NON_BLOCKING,
                max_buffer_size=cdk.Size.mebibytes(25),
            ),
        )
        self.scratch: dict[str, str] = {}  # writable path -> the task's volume
        for index, path in enumerate(writable_paths, start=1):
            volume = f"scratch{index}"  # of this task alone, gone with it
            self.scratch[path] = volume
            self.task_definition.add_volume(name=volume)
            self.container.add_mount_points(
                ecs.MountPoint(container_path=path, source_volume=volume, read_only=False)
            )
        self._acknowledge_task()

        self.target_group = elbv2.ApplicationTargetGroup(
            self,
            "Targets",
            vpc=cluster.vpc,
            port=port,
            protocol=protocol,
            target_type=elbv2.TargetType.IP,
            health_check=elbv2.HealthCheck(
                path=health_path,
                protocol=elbv2.Protocol(protocol.name),
                interval=cdk.Duration.seconds(10),
                timeout=cdk.Duration.seconds(5),
                healthy_threshold_count=2,
                unhealthy_threshold_count=2,
            ),
            # Longer than the longest request, so that none is cut when a task leaves.
            deregistration_delay=drain_time(longest_request),
            # A target that errs more than its peers gets less, until it recovers.
            load_balancing_algorithm_type=elbv2.TargetGroupLoadBalancingAlgorithmType.WEIGHTED_RANDOM,
            enable_anomaly_mitigation=True,
            # A zone with fewer than half its targets healthy leaves DNS, and is routed around,
            # long before "all are unhealthy, so use all".
            target_group_health=elbv2.TargetGroupHealth(
                dns_minimum_healthy_target_percentage=50,
                routing_minimum_healthy_target_percentage=50,
            ),
        )
        self.service = ecs.FargateService(
            self,
            "Service",
            cluster=cluster,
            task_definition=self.task_definition,
            vpc_subnets=subnets,
            security_groups=[security_group],
            assign_public_ip=False,
            circuit_breaker=ecs.DeploymentCircuitBreaker(enable=True, rollback=True),
            min_healthy_percent=100,
            max_healthy_percent=200,
            availability_zone_rebalancing=ecs.AvailabilityZoneRebalancing.ENABLED,
            health_check_grace_period=cdk.Duration.seconds(60),
            enable_ecs_managed_tags=True,
            propagate_tags=ecs.PropagatedTagSource.SERVICE,
        )
        self.service.attach_to_application_target_group(self.target_group)

    def serve_behind(self, listener: elbv2.IApplicationListener) -> None:
        """Complete the service once its target group has a listener: scaling and roll-back.

        CloudWatch has no request metric for a target group that no load balancer uses.
        """
        self.service.node.add_dependency(listener)
        self.failing = FailingAnswers(self, "Failing", target_group=self.target_group)
        resource = self.service.node.default_child
        assert isinstance(resource, ecs.CfnService)
        # The L2 says at every synth that an alarm may refer back to its service; this one reads
        # the target group's metrics alone, so there is no circle.
        resource.add_property_override(
            "DeploymentConfiguration.Alarms",
            {"AlarmNames": [self.failing.alarm.alarm_name], "Enable": True, "Rollback": True},
        )
        tasks = self.service.auto_scale_task_count(
            min_capacity=self._capacity.min_tasks, max_capacity=self._capacity.max_tasks
        )
        quickly, slowly = cdk.Duration.minutes(1), cdk.Duration.minutes(5)
        tasks.scale_on_request_count(
            "Requests",
            requests_per_target=self._capacity.requests_per_task_per_minute,
            target_group=self.target_group,
            scale_out_cooldown=quickly,
            scale_in_cooldown=slowly,
        )
        tasks.scale_on_cpu_utilization(
            "Cpu",
            target_utilization_percent=self._capacity.cpu_target_percent,
            scale_out_cooldown=quickly,
            scale_in_cooldown=slowly,
        )

    def _acknowledge_task(self) -> None:
        acknowledge(
            self.task_definition,
            {
                "AwsSolutions-ECS2": "The variables say where the next tier is and which half this "
                "is; nothing of them is secret, and none may come from a parameter store whose "
                "outage would keep a replacement task from starting.",
            },
        )
        execution_role = self.task_definition.obtain_execution_role()
        acknowledge(
            execution_role,
            {
                "AwsSolutions-IAM5[Resource::*]": "ecr:GetAuthorizationToken, which a task needs "
                "to pull its image, knows no resources (Service Authorization Reference, Amazon "
                "ECR); the pull itself is granted on the one repository.",
            },
        )
        acknowledge_inline_policy(execution_role)

"""Asks each target for its health, as its target group sets."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any, NamedTuple

from local.emulator.extension.load_balancer import state
from local.emulator.extension.load_balancer.message import MessageError, read_head

# A target that was never healthy is asked more often than its group sets, so that a start is
# waited for by the second; an ALB keeps to its interval.
_UNTIL_FIRST_SECONDS = 0.5


class RegisteredTarget(NamedTuple):
    group: str
    address: str
    port: int


class Health(NamedTuple):
    """A target's health as DescribeTargetHealth returns it."""

    state: str = "initial"
    reason: str = "Elb.InitialHealthChecking"
    description: str = "Initial health checks in progress"

    @property
    def healthy(self) -> bool:
        return self.state == "healthy"


HEALTHY = Health("healthy", "", "")
UNUSED = Health("unused", "Target.NotInUse", "Target group is not configured to receive traffic")
_UNREACHABLE = "Target.FailedHealthChecks"

unchecked = ssl.create_default_context()  # an ALB does not verify what a target presents
unchecked.check_hostname = False
unchecked.verify_mode = ssl.CERT_NONE


class Checks:
    """A task per registered target of a group in use; `known` is what they found last."""

    def __init__(self) -> None:
        self.known: dict[RegisteredTarget, Health] = {}
        self._tasks: dict[RegisteredTarget, asyncio.Task[None]] = {}

    def of(self, target: RegisteredTarget) -> Health:
        return self.known.get(target, UNUSED if target not in self._tasks else Health())

    def follow(self) -> None:
        """Start a check for each target that lacks one, and end those of targets that left."""
        wanted = {
            target_of(group, registered): (place, group["TargetGroupArn"])
            for place in state.places()
            for used in (state.in_use(place),)
            for group in state.groups(place)
            if group["TargetGroupArn"] in used
            for registered in state.targets(place, group["TargetGroupArn"])
        }
        for target in self._tasks.keys() - wanted.keys():
            self._tasks.pop(target).cancel()
            self.known.pop(target, None)
        for target in wanted.keys() - self._tasks.keys():
            self._tasks[target] = asyncio.create_task(self._watch(target, *wanted[target]))

    async def _watch(self, target: RegisteredTarget, place: state.AccountRegion, arn: str) -> None:
        good = bad = 0
        served = False  # whether it was healthy before
        while (group := state.target_group(place, arn)) is not None:
            if not group["HealthCheckEnabled"]:
                self.known[target] = HEALTHY
            elif problem := await _problem(target, group):
                good, bad = 0, bad + 1
                if bad >= group["UnhealthyThresholdCount"] or not self.of(target).healthy:
                    self.known[target] = problem
            else:
                good, bad = good + 1, 0
                if good >= (group["HealthyThresholdCount"] if served else 1):
                    self.known[target] = HEALTHY
            served = served or self.of(target).healthy
            interval = group["HealthCheckIntervalSeconds"]
            await asyncio.sleep(interval if served else min(interval, _UNTIL_FIRST_SECONDS))


def target_of(group: dict[str, Any], registered: dict[str, Any]) -> RegisteredTarget:
    port = int(registered.get("Port") or group["Port"])
    return RegisteredTarget(group["TargetGroupArn"], str(registered["Id"]), port)


async def _problem(target: RegisteredTarget, group: dict[str, Any]) -> Health | None:
    """Return what is wrong with a target, or None."""
    try:
        async with asyncio.timeout(group["HealthCheckTimeoutSeconds"]):
            status = await _status(target, group)
    except TimeoutError:
        return Health("unhealthy", "Target.Timeout", "Request timed out")
    except (OSError, MessageError, ValueError) as error:
        return Health("unhealthy", _UNREACHABLE, f"Health checks failed: {error}")
    if not _matches(status, group["Matcher"]["HttpCode"]):
        reason = "Target.ResponseCodeMismatch"
        return Health("unhealthy", reason, f"Health checks failed with these codes: [{status}]")
    return None


async def _status(target: RegisteredTarget, group: dict[str, Any]) -> int:
    asked = group["HealthCheckPort"]
    port = target.port if asked == "traffic-port" else int(asked)
    secure = unchecked if group["HealthCheckProtocol"] == "HTTPS" else None
    reader, writer = await asyncio.open_connection(target.address, port, ssl=secure)
    try:
        writer.write(
            f"GET {group['HealthCheckPath']} HTTP/1.1\r\nHost: {target.address}:{port}\r\n"
            "User-Agent: ELB-HealthChecker/2.0\r\nConnection: close\r\n\r\n".encode()
        )
        await writer.drain()
        head = await read_head(reader)
        if head is None:
            raise ConnectionError("it closed without an answer")
        return int(head.first[1])
    finally:
        writer.close()


def _matches(status: int, wanted: str) -> bool:
    """`wanted` is like an ALB's matcher: 200, 200-299 or 200,202."""
    for part in str(wanted).split(","):
        low, _, high = part.strip().partition("-")
        if int(low) <= status <= int(high or low):
            return True
    return False

"""Compares what the environment needs with the quotas that its account has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from deploy.clients import AWS_ERRORS, AwsClients, meaning
from deploy.findings import CheckProblem, Unmade
from deploy.quotas.needs import Need, ServiceQuota
from deploy.quotas.usage import Usage


def quotas(
    clients: AwsClients, needed: Iterable[Need], usage: Usage
) -> Iterator[CheckProblem | Unmade]:
    """Yield a problem per quota and Region that does not hold; unmade where one cannot be read."""
    for need in needed:
        try:
            yield from _one(clients, need, usage)
        except AWS_ERRORS as error:
            yield Unmade(check=f"quotas of {need.quota.service}", why=meaning(error))


def _one(clients: AwsClients, need: Need, usage: Usage) -> Iterator[CheckProblem]:
    quota = need.quota
    found = _applied(clients("service-quotas", need.region), quota)
    others = 0.0
    if quota.limits == "account":
        others = usage.of_others(quota, need.region, found.get("UsageMetric") or None)
    wanted = need.amount + others
    if wanted <= found["Value"]:
        return
    beside = f", beside {others:g} of others in the account" if others else ""
    yield CheckProblem(
        what=f"{need.region}: '{quota.name}' is {found['Value']:g}, and the environment needs "
        f"{need.what}{beside}",
        fix=f"aws service-quotas request-service-quota-increase --region {need.region} "
        f"--service-code {quota.service} --quota-code {quota.code} --desired-value {wanted:g}",
    )


def _applied(service_quotas: Any, quota: ServiceQuota) -> dict[str, Any]:
    """Return the account's own value; AWS's default where it has none (Service Quotas API)."""
    names = {"ServiceCode": quota.service, "QuotaCode": quota.code}
    try:
        return service_quotas.get_service_quota(**names)["Quota"]
    except service_quotas.exceptions.NoSuchResourceException:
        return service_quotas.get_aws_default_service_quota(**names)["Quota"]

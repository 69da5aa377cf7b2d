"""The limits of one edge task, beyond which it answers 429."""

from __future__ import annotations

from dataclasses import dataclass

_LEAST = 10  # a tenant's: a tenth of it still is a login a second


@dataclass(frozen=True, kw_only=True)
class EdgeLimits:
    """Requests a second, of one task: nginx counts for itself, so the sum grows with the tasks.

    A client has a part of what its tenant has, so that none takes all of it.
    """

    tenant_per_second: int  # under one host name

    def __post_init__(self) -> None:
        if self.tenant_per_second < _LEAST:
            raise ValueError(
                f"'tenant_per_second' should be at least {_LEAST}, got {self.tenant_per_second}"
            )

    @property
    def variables(self) -> dict[str, str]:
        """Return the limits as nginx's entrypoint reads them."""
        tenant = self.tenant_per_second
        return {
            "TENANT_REQUESTS_PER_SECOND": str(tenant),
            # Of one address, which may be an office's.
            "CLIENT_REQUESTS_PER_SECOND": str(tenant // 4),
            # Nobody types faster; whoever stuffs credentials does.
            "CLIENT_LOGINS_PER_SECOND": str(min(10, tenant // 10)),
            # An application asks what tokens are worth for all of its users.
            "CLIENT_TOKENS_PER_SECOND": str(tenant // 2),
        }

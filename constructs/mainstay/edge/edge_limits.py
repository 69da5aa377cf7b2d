"""The limits of one edge task, beyond which it answers 429."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class EdgeLimits:
    """Requests a second, of one task: nginx counts for itself, so the sum grows with the tasks."""

    tenant_per_second: int  # under one host name
    client_per_second: int = 100  # from one address: an office behind one, on one of several tasks
    logins_per_second: int = 10  # from one address; nobody types faster, a stuffing attack does

    def __post_init__(self) -> None:
        for name in ("tenant_per_second", "client_per_second", "logins_per_second"):
            if getattr(self, name) < 1:
                raise ValueError(f"'{name}' should be at least 1, got {getattr(self, name)}")

    @property
    def variables(self) -> dict[str, str]:
        """As nginx's entrypoint reads them."""
        return {
            "TENANT_REQUESTS_PER_SECOND": str(self.tenant_per_second),
            "CLIENT_REQUESTS_PER_SECOND": str(self.client_per_second),
            "CLIENT_LOGINS_PER_SECOND": str(self.logins_per_second),
        }

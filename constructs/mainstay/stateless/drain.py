"""The time in which a server that leaves ends what it has begun."""

from __future__ import annotations

import aws_cdk as cdk

# Beyond the longest request, so that none is cut when its server leaves: the balancer's last
# requests arrive while it learns that the target drains. config/model.py keeps it under 120 s.
BEYOND_LONGEST_REQUEST = cdk.Duration.seconds(15)


def drain_time(longest_request: cdk.Duration) -> cdk.Duration:
    """Return how long a leaving server may go on; the target group and ECS both wait for it."""
    return longest_request.plus(BEYOND_LONGEST_REQUEST)

"""Load balancers that carry requests: a socket on 127.0.0.1 per listener, in front of targets.

The emulator keeps load balancers, listeners, rules, target groups and targets; this package reads
them at each request, so whatever an API changes holds for the next one. As on AWS: rules by
priority, forwards by weight, targets over HTTP or HTTPS whose certificate nobody checks, the path
byte by byte, the client's Host, X-Forwarded-*, health checks, and metrics in CloudWatch.
"""

from __future__ import annotations


def install() -> None:
    """Complete the API of load balancing, and start to serve."""
    from local.emulator.extension.load_balancer import api, templates

    templates.install()
    api.install()

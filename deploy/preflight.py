"""Prints what to do, in which order, before and between the deploys of an environment.

Makes every check that it can from here, and prints which it cannot. Exits 1 while one finds
something that would make the deploy fail or go astray.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from assembly.command import answer, parser_with_assembly
from deploy.checks.every import DeployChecks
from deploy.clients import session_clients
from deploy.command import chosen
from deploy.dns import Dns
from review.deploy_page import render


def main(argv: Sequence[str] | None = None) -> int:
    """Print what is wrong, then the plan."""
    of = chosen(parser_with_assembly("deploy.preflight", __doc__).parse_args(argv))
    found = DeployChecks(
        environment=of.environment,
        assembly=of.assembly,
        clients=session_clients(),
        resolver=Dns(),
    ).all()
    print("\n".join(render(of.environment, found.render(), ready=not found.problems)))
    return 1 if found.problems else 0


if __name__ == "__main__":
    sys.exit(answer(main, "preflight"))

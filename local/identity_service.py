"""`make service`: the identity service on this machine, with a tenant, until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence

from local.ending import failed
from local.one_machine import DOMAIN, NotServingError, OneMachine
from local.postgres.binaries import ProgramError
from local.postgres.server import NotReadyError
from local.waiting import is_free

TENANT, ADMIN, PASSWORD = "acme", f"ada@acme.{DOMAIN}", "correct horse battery staple"
SECRET = "the portal's own secret"

_REASONS = (NotServingError, NotReadyError, ProgramError)

_PRINTED = """
The identity service serves tenant '{tenant}' on port {port}; PostgreSQL and moto are its stores.
Ctrl-C ends all of it, and forgets it. More of the same: docs/service.md

  curl -s http://{tenant}.{domain}:{port}/api/v1/authn -H 'Content-Type: application/json' \\
    -d '{{"username": "{admin}", "password": "{password}"}}'
  curl -s http://{tenant}.{domain}:{port}/api/v1/sessions/me \\
    -H "Authorization: Bearer <sessionToken>"
  curl -s http://127.0.0.1:{port}/health/ready

Client id of its application 'portal': {application}
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal; return 0, or 1 with one message where it cannot serve."""
    parser = argparse.ArgumentParser(prog="python -m local.identity_service", description=__doc__)
    parser.add_argument("--port", type=int, default=8080)
    port = parser.parse_args(arguments).port
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if port and not is_free(port):
        print(f"service: port {port} of 127.0.0.1 is taken: choose another PORT", file=sys.stderr)
        return 1
    print("Starting PostgreSQL and AWS on this machine ...", flush=True)
    try:
        with OneMachine() as machine:
            return _serve(machine, port)
    except Exception as error:
        return failed("service", error, expected=_REASONS)
    except KeyboardInterrupt:
        return 0


def _serve(machine: OneMachine, port: int) -> int:
    found = machine.seed(TENANT, admin=ADMIN, password=PASSWORD, secret=SECRET)
    api = machine.api(PORT=str(port))
    machine.worker()
    print(
        _PRINTED.format(
            tenant=TENANT,
            domain=DOMAIN,
            port=api.port,
            admin=ADMIN,
            password=PASSWORD,
            application=found["application"],
        ),
        flush=True,
    )
    return api.child.wait()


if __name__ == "__main__":
    sys.exit(main())

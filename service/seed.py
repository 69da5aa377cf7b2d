"""`python -m service.seed`: a tenant, an administrator and an application, where they are not.

SEED_PASSWORD, the administrator's alone, and SEED_APPLICATION_SECRET are variables, for arguments
are shown by every `ps`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence

from service.log import log
from service.logins import normalised
from service.operations.canary import LABEL as CANARY_LABEL
from service.passwords import Passwords, require_strong, secret_hash
from service.runtime import Runtime
from service.settings import SettingsError, api_settings
from service.stores.entity import LoginTakenError, new_id


async def seed(runtime: Runtime, chosen: argparse.Namespace) -> dict[str, str]:
    """Make what is missing; returns the ids of tenant and application."""
    entities, passwords = runtime.entities, Passwords(threads=1)
    await entities.writers.open()
    try:
        tenant = await entities.make_tenant(chosen.tenant, chosen.name or chosen.tenant)
        login = chosen.admin
        values = {
            "login": login,
            "full_name": login.partition("@")[0].title(),
            "role": "ADMIN",
            "attributes": {"department": "operations"},
            "password_hash": await passwords.hash(os.environ["SEED_PASSWORD"], login),
        }
        try:
            await entities.make_account(tenant, new_id(), values)
        except LoginTakenError:
            log("there already", login=login)
        secret = os.environ.get("SEED_APPLICATION_SECRET")
        application = await entities.make_application(
            tenant,
            "portal",
            secret_hash=secret_hash(secret) if secret else None,
            attributes={"signOn": "oauth2"},
        )
    finally:
        await entities.writers.close()
        passwords.close()
        await runtime.aws.close()
    return {"tenant": str(tenant.id), "application": str(application["id"])}


def main(arguments: Sequence[str] | None = None) -> int:
    """Seed the entity store of the API's variables; the ids as one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m service.seed", description=__doc__)
    parser.add_argument("--tenant", required=True, help="the label before the domain")
    parser.add_argument("--name", help="of the tenant, for people")
    parser.add_argument("--admin", required=True, help="login of its first administrator")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.tenant == CANARY_LABEL:
            raise ValueError(f"'{CANARY_LABEL}' is the canary's tenant")
        chosen.admin = normalised(chosen.admin)
        require_strong(os.environ.get("SEED_PASSWORD", ""), chosen.admin)
    except ValueError as error:
        parser.error(f"'--tenant', '--admin' and 'SEED_PASSWORD': {error}")
    try:
        settings = api_settings(os.environ)
    except SettingsError as error:
        parser.error(str(error))
    runtime = Runtime(settings, give_up=lambda reason: log("no", reason=reason))
    print(json.dumps(asyncio.run(seed(runtime, chosen))))
    return 0


if __name__ == "__main__":
    sys.exit(main())

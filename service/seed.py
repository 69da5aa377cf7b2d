"""`python -m service.seed`: a tenant, an administrator and an application, where they are not.

SEED_PASSWORD and SEED_APPLICATION_SECRET are variables, for arguments are shown by every `ps`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence

from service.log import log
from service.passwords import Passwords, secret_hash
from service.runtime import Runtime
from service.settings import SettingsError, api_settings
from service.stores.entity import LoginTakenError, new_id


async def seed(runtime: Runtime, chosen: argparse.Namespace) -> dict[str, str]:
    """Make what is missing; returns the ids of tenant and application."""
    entities, passwords = runtime.entities, Passwords(threads=1)
    await entities.writers.open()
    try:
        tenant = await entities.make_tenant(chosen.tenant, chosen.name or chosen.tenant)
        password = await passwords.hash(os.environ["SEED_PASSWORD"])
        for login, role in ((chosen.admin, "ADMIN"), *((each, "USER") for each in chosen.user)):
            values = {
                "login": login.lower(),
                "full_name": login.partition("@")[0].title(),
                "role": role,
                "attributes": {"department": "operations"},
                "password_hash": password,
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
        runtime.aws.close()
    return {"tenant": str(tenant.id), "application": str(application["id"])}


def main(arguments: Sequence[str] | None = None) -> int:
    """Seed the entity store of the API's variables; the ids as one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m service.seed", description=__doc__)
    parser.add_argument("--tenant", required=True, help="the label before the domain")
    parser.add_argument("--name", help="of the tenant, for people")
    parser.add_argument("--admin", required=True, help="login of its first administrator")
    parser.add_argument("--user", action="append", default=[], help="login of a user; repeatable")
    chosen = parser.parse_args(arguments)
    if len(os.environ.get("SEED_PASSWORD", "")) < 8:
        parser.error("'SEED_PASSWORD' should be set to 8 characters or more")
    try:
        settings = api_settings(os.environ)
    except SettingsError as error:
        parser.error(str(error))
    runtime = Runtime(settings, give_up=lambda reason: log("no", reason=reason))
    print(json.dumps(asyncio.run(seed(runtime, chosen))))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The keys by which database logins are judged: the account's own, and those of roles' sessions."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from local.target import LocalTarget

_SECONDS = 10


class LoginKeys:
    """Asks the emulator, which gave the keys of sessions and judges what their roles may do."""

    def __init__(self, target: LocalTarget) -> None:
        self._target = target

    def secret_of(self, key: str, token: str | None) -> str | None:
        """Return the secret of an access key with its session's token; None where there is none."""
        own = self._target.secret_of(key, token)
        if own is not None:
            return own
        found = self._ask("secret", key=key)
        return found["secret"] if "secret" in found and found["token"] == token else None

    def denial(self, key: str, resource: str) -> str | None:
        """Return AWS's words where the key's role may not log in to a user; None where it may."""
        if key == self._target.account:
            return None
        return self._ask("need", key=key, action="rds-db:connect", resource=resource).get("error")

    def _ask(self, question: str, **given: str) -> dict[str, Any]:
        url = f"{self._target.endpoint}/_local/{question}?{urllib.parse.urlencode(given)}"
        try:
            with urllib.request.urlopen(url, timeout=_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error)
        except OSError as error:
            return {"error": f"{url}: {error}"}

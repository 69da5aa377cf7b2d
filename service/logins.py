"""Logins in the one form in which they are kept, compared and looked for.

`psql ... -Atc 'SELECT tenant_id, login FROM account' | python -m service.logins` prints the logins
of a store that are kept in another form, or that are none: no one can log in by them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from precis_i18n import get_profile

# RFC 8265: widths and case are mapped, and no space, control or invisible character is let in.
_PROFILE = get_profile("UsernameCaseMapped")


def normalised(login: str) -> str:
    """Return the form in which a login is kept; ValueError where it is none."""
    try:
        return _PROFILE.enforce(login.strip())
    except UnicodeEncodeError as error:
        raise ValueError(
            f"a login should be a username of RFC 8265, without spaces and invisible characters: "
            f"{error.reason}"
        ) from None


def unlike(lines: Iterable[str]) -> Iterator[str]:
    """Yield each `tenant|login` that is in another form, with its right one or what is wrong."""
    for line in lines:
        tenant, _, login = line.rstrip("\n").partition("|")
        try:
            right = normalised(login)
        except ValueError as error:
            right = str(error)
        if right != login:
            yield f"{tenant}|{login}|{right}"


if __name__ == "__main__":
    sys.exit("\n".join(unlike(sys.stdin)) or 0)

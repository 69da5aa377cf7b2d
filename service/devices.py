"""Tells a login's owner from those who guess at it: by a device that is known, and by work done.

A login that succeeds leaves a cookie, for this login alone, that its account's stored hash signs:
no key has to be kept or shared, both Regions know it, and a new password ends all of them (OWASP,
Device Cookies). A stamp costs whoever has no such cookie some work for each guess: it is made for
one login and one password, so that showing it again is the same guess again.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable

DEVICE_SECONDS = 180 * 86_400
STAMP_SECONDS = 300


def cookie_name(login: str) -> str:
    """Return the name of a login's cookie: people who share a browser have one each."""
    return f"__Host-device-{hashlib.sha256(login.encode()).hexdigest()[:16]}"


def new_device(owner: str, stored: str, *, now: int) -> str:
    """Return the cookie of a device that was just logged in from.

    `owner` names the tenant and the login, `stored` is the hash of the account's password.
    """
    device = f"{now:x}.{secrets.token_hex(8)}"
    return f"{device}.{_signature(owner, stored, device)}"


def known_device(owner: str, stored: str | None, cookies: Iterable[str], *, now: int) -> str | None:
    """Return the device that one of these cookies names; None where none is this owner's, or new
    enough.
    """
    for cookie in cookies if stored else ():
        device, _, signature = cookie.rpartition(".")
        right = _signature(owner, stored or "", device)
        if hmac.compare_digest(signature.encode(), right.encode()):
            since = int(device.partition(".")[0], 16)
            return device if now - since < DEVICE_SECONDS else None
    return None


def is_stamped(stamp: str | None, texts: Iterable[str], *, bits: int, now: int) -> bool:
    """Return whether a stamp "<seconds since 1970>:<any number>" was worked for, for these."""
    since = (stamp or "").partition(":")[0]
    if not since.isdecimal() or abs(now - int(since)) > STAMP_SECONDS:
        return False
    digest = hashlib.sha256("\n".join((stamp or "", *texts)).encode()).digest()
    return int.from_bytes(digest) >> (256 - bits) == 0


def _signature(owner: str, stored: str, device: str) -> str:
    return hmac.new(stored.encode(), f"{owner}\n{device}".encode(), "sha256").hexdigest()

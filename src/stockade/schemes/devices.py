"""Known devices: who has logged in before is not locked out by a stranger's guessing (OWASP device cookies)."""

from __future__ import annotations

import datetime
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any

from django.db import router

from stockade import keyring
from stockade.conf import load
from stockade.core import clock, tenant
from stockade.core.address import limit_key as address_key
from stockade.models import KnownAddress
from stockade.schemes.accounts import account_key, digests
from stockade.schemes.conf import LoginSettings
from stockade.schemes.jwt.compact import encode

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

# A browser takes a `__Host-` cookie only from the host itself over TLS, with Path=/ (RFC 6265bis section 4.1.3.2):
# a sibling host cannot plant one. Over plain HTTP, in development, there is no such thing.
SECURE_NAME = "__Host-stockade-device"
PLAIN_NAME = "stockade-device"
_PURPOSE = b"stockade.device"
_SALT = "stockade.address"
_SHAPE = re.compile(
    r"([A-Za-z0-9_-]{22})\.([1-9][0-9]{0,11})\.([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{43})", re.ASCII
)
_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Standing:
    """Whom the limits count for one attempt on an account.

    Args:
        known: ``device``, ``address`` or "" for a stranger.
        whom: for each limit, as `attempts.reserve` takes them.
    """

    known: str
    whom: tuple[tuple[str, str], ...]


def standing(name: str, address: str, cookies: Mapping[str, str], secure: bool) -> Standing:
    """How an attempt is counted: a known device by its own counter, everyone else by account and address.

    Args:
        name: the account's, as typed.
        address: the client's.
        cookies: of the request.
        secure: whether it came over TLS; then only the `__Host-` cookie is read.
    """
    account = account_key(name)
    device = _device(cookies.get(SECURE_NAME if secure else PLAIN_NAME, ""), name)
    if device:
        # Bound to one account, so it opens no way to try many: the address need not be counted, and others at the
        # same address do not lock this device out.
        return Standing("device", (("login", f"device:{account}:{device}"),))
    where = address_key(address)
    by_address = ("login_address", where)
    if is_known(name, address):
        return Standing("address", (("login", f"known:{account}:{where}"), by_address))
    return Standing("", (("login", f"account:{account}"), by_address))


# -- the cookie -----------------------------------------------------------------------------------------------------


def set_cookie(request: HttpRequest, response: HttpResponseBase, name: str) -> None:
    """Give the browser that has just logged in as `name` a cookie by which it is known; an older one is replaced."""
    secure = request.is_secure()
    response.set_cookie(
        SECURE_NAME if secure else PLAIN_NAME,
        make(name),
        max_age=int(load(LoginSettings).device_lifetime),
        path="/",
        secure=secure,
        httponly=True,
        samesite="Strict",
    )


def make(name: str) -> str:
    """The value of a device cookie: `nonce.issued.kid.MAC`; the account is in the MAC only."""
    kid = keyring.ring().signer().kid
    nonce, issued = token_urlsafe(16), int(clock.now())
    mac = _mac(kid, nonce, issued, name)
    return f"{nonce}.{issued}.{kid}.{mac}"


def _device(cookie: str, name: str) -> str:
    """The nonce of a cookie that was given for this account and is not too old; "" otherwise."""
    match = _SHAPE.fullmatch(cookie)
    if match is None:
        return ""
    nonce, issued, kid, shown = match[1], int(match[2]), match[3], match[4]
    mac = _mac(kid, nonce, issued, name)
    if not mac or not hmac.compare_digest(mac, shown):
        return ""
    age = clock.now() - issued
    return nonce if -60 <= age < load(LoginSettings).device_lifetime else ""


def _mac(kid: str, nonce: str, issued: int, name: str) -> str:
    message = f"{nonce}.{issued}.{_exact(name)}".encode("utf-8", "surrogatepass")
    mac = keyring.ring().mac(kid, _PURPOSE, message)
    return "" if mac is None else encode(mac)


# -- addresses ------------------------------------------------------------------------------------------------------


def is_known(name: str, address: str) -> bool:
    """Whether this account has logged in from this address lately. One query."""
    since = clock.now_datetime() - datetime.timedelta(seconds=load(LoginSettings).address_lifetime)
    found = KnownAddress.objects.using(router.db_for_write(KnownAddress))
    return found.filter(digest__in=_digests(name, address), seen_at__gt=since).exists()


def remember(name: str, address: str) -> None:
    """Note that this account has logged in from this address; forgets what is too old to count."""
    now = clock.now_datetime()
    digest = _digests(name, address)[0]
    rows = KnownAddress.objects.using(router.db_for_write(KnownAddress))
    # Most logins come from where the last one came from: a row of today is not written again.
    if rows.filter(digest=digest, seen_at__gt=now - _DAY).exists():
        return
    rows.bulk_create(
        [KnownAddress(digest=digest, seen_at=now)],
        update_conflicts=True,
        unique_fields=["digest"],
        update_fields=["seen_at"],
    )
    rows.filter(seen_at__lt=now - datetime.timedelta(seconds=load(LoginSettings).address_lifetime)).delete()


def _digests(name: str, address: str) -> list[str]:
    return digests(f"{address_key(address)}\n{_exact(name)}", _SALT)


def _exact(name: str) -> str:
    """The name that a device or an address is known for, as it was typed.

    Failures are counted for all spellings of a name together; what is known is one of them. Else whoever may register
    `ALICE` would be known for `alice`, as often as he logs in.
    """
    return tenant.subject(name.strip())


def cookies_of(request: Any) -> Mapping[str, str]:
    """The cookies of a request, or none."""
    found: Mapping[str, str] = getattr(request, "COOKIES", {})
    return found

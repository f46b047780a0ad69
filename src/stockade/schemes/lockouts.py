"""Lockouts: whose failures have used up a limit, when that ends, and the clearing of it by an operator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from django.contrib.auth import get_user_model
from django.db import transaction

from stockade.core import address
from stockade.events import emit
from stockade.events.catalogue import Event
from stockade.events.rows import alias
from stockade.gate.keys import limit_prefix, parse_limit_key
from stockade.gate.registry import get_gate
from stockade.schemes import accounts

NAMES = ("login", "login_address", "failed_auth")
_ACCOUNTS = {"account": "account", "device": "known device", "known": "known address"}
_MOST = 50_000  # users whose names are tried, to say whose account is locked: half a second


@dataclass(frozen=True, slots=True)
class Lockout:
    """One counter of failures. Nothing in it opens anything.

    Args:
        key: names it, for `clear`.
        limit: the name of the limit, as in LIMITS.
        whom: ``account``, ``known device``, ``known address`` or ``address``: what is counted.
        account: a keyed digest of the account's name; "" where addresses are counted.
        user: the name of the account if there is one.
        address: that is counted; an IPv6 network; "" where none is.
        used, count: failures, and how many there may be.
        seconds: until the oldest of them counts no more.
    """

    key: str
    limit: str
    whom: str
    account: str
    user: str
    address: str
    used: int
    count: int
    seconds: int

    @property
    def locked(self) -> bool:
        """Whether the next attempt is refused."""
        return self.used >= self.count


def find(*, user: str | None = None, where: str | None = None, every: bool = False) -> list[Lockout]:
    """What is locked now, longest first.

    Args:
        user: only of the account of this name.
        where: only of this address.
        every: also what is counted and not locked yet.

    Raises:
        ValueError: `where` is no address.
        Unavailable: the state is away.
    """
    found = [lockout for _, lockout in _read(user, where) if every or lockout.locked]
    names = _names({lockout.account for lockout in found if lockout.account})
    found.sort(key=lambda lockout: (-lockout.seconds, lockout.key))
    return [_named(lockout, names.get(lockout.account, "")) for lockout in found]


def clear(key: str | None = None, *, user: str | None = None, where: str | None = None) -> int:
    """Forget failures: those of one key, of a user, or of an address; returns how many counters they were in.

    Args:
        key: as `find` tells it.
        user: an account's name.
        where: an address.

    Raises:
        ValueError: `where` is no address. Unavailable: the state is away.
    """
    gate, count = get_gate(), 0
    for raw, lockout in list(_read(user, where)):
        if key is not None and lockout.key != key:
            continue
        details: dict[str, str | int] = {
            "limit": lockout.limit,
            "whom": lockout.whom,
            "failures": lockout.used,
        }
        if lockout.address:
            details["value"] = lockout.address
        using = alias(None)
        # The event first: what cannot be told of is not done.
        with transaction.atomic(using=using):
            emit(
                Event.LOCKOUT_CLEARED, reason=f"limit:{lockout.limit}", details=details, using=using,
                account=_names({lockout.account}).get(lockout.account, "") if lockout.account else "",
            )  # fmt: skip
            gate.clear(raw)
        count += 1
    return count


def _read(user: str | None, where: str | None) -> Iterator[tuple[bytes, Lockout]]:
    account = accounts.account_key(user) if user is not None else None
    counted = None
    if where is not None:
        if address.parse(where) is None:
            raise ValueError(f"{where!r} is no address. Write one such as 192.0.2.7 or 2001:db8::1.")
        counted = address.limit_key(where)
    gate = get_gate()
    for name in NAMES:
        for usage in gate.usage(limit_prefix(name)):
            limit, whom = parse_limit_key(usage.key)
            kind, _, rest = whom.partition(":")
            known = limit == "login" and kind in _ACCOUNTS
            digest, _, last = rest.partition(":") if known else ("", "", "")
            place = whom if limit != "login" else last if kind == "known" else ""
            if (account is not None and digest != account) or (counted is not None and place != counted):
                continue
            yield (
                usage.key,
                Lockout(
                    f"{limit}:{whom}",
                    limit,
                    _ACCOUNTS[kind] if known else "address",
                    digest,
                    "",
                    place,
                    usage.used,
                    usage.count,
                    -(-usage.reset // 1_000_000),
                ),
            )


def _names(digests: Iterable[str]) -> dict[str, str]:
    """The names of accounts that exist, by their digests: what a stranger typed is told to nobody."""
    wanted = set(digests)
    found: dict[str, str] = {}
    if not wanted:
        return found
    rows = get_user_model()._default_manager.order_by("pk")
    for name in rows.values_list(accounts.username_field(), flat=True)[:_MOST]:
        digest = accounts.account_key(str(name))
        if digest in wanted:
            found.setdefault(digest, str(name))
            if len(found) == len(wanted):
                break
    return found


def _named(lockout: Lockout, user: str) -> Lockout:
    return replace(lockout, user=user) if user else lockout

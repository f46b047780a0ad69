"""The ban and allow lists as a worker keeps them: compiled once, asked at every request, without any I/O."""

from __future__ import annotations

from collections.abc import Iterable
from socket import AF_INET, AF_INET6, inet_pton
from typing import NamedTuple

from stockade.core import address

NEVER = float("inf")  # when what does not expire ends
_ANSWERS = 65_536  # addresses whose answer is kept; 16 MB at most
UNLISTED = "only_allowed"  # the entry of an address that is refused because no entry allows it
_MAPPED = 0xFFFF  # the bits before an IPv4 address that is written as IPv6
STATIC = "settings"  # the entry of what ADDRESSES in the settings says


class Entry(NamedTuple):
    """One line of a list.

    Args:
        id: how the log names it: its primary key, or `STATIC`.
        allow: False for a ban.
        kind: ``address``, ``user``, ``service`` or ``session``.
        value: an address or CIDR block; a user's primary key; a service's subject; an id of a session or a credential.
        expires: seconds since the epoch, `NEVER` if it does not.
    """

    id: str
    allow: bool
    kind: str
    value: str
    expires: float = NEVER


class Hit(NamedTuple):
    """Why somebody is refused.

    Args:
        entry: the id of the ban that fired.
        kind: what it names: ``address``, ``user``, ``service`` or ``session``.
    """

    entry: str
    kind: str


class _Found(NamedTuple):
    """What the lists say of one address, and until when."""

    hit: Hit | None
    until: float


class _Table:
    """The networks of one IP version by length, longest first: of those that cover an address the longest decides.

    Args:
        bits: of an address.
    """

    __slots__ = ("_bits", "_levels")

    def __init__(self, bits: int, rows: Iterable[tuple[int, int, Entry]]) -> None:
        self._bits = bits
        levels: dict[int, dict[int, tuple[Entry, ...]]] = {}
        for length, start, entry in rows:
            level = levels.setdefault(length, {})
            key = start >> (bits - length)
            known = level.get(key)
            level[key] = (entry,) if known is None else (*known, entry)
        self._levels = [(bits - length, levels[length]) for length in sorted(levels, reverse=True)]

    def decide(self, number: int, now: float) -> Entry | None:
        """The entry that decides about an address: the most specific that has not expired, an allowing one first."""
        for shift, level in self._levels:
            entries = level.get(number >> shift)
            if entries is not None:
                live = [entry for entry in entries if entry.expires > now]
                if live:
                    return max(live, key=lambda entry: (entry.allow, entry.expires))
        return None


class Lists:
    """Everything that is banned or allowed, as it was read under one epoch. A new reading is a new one.

    Args:
        entries: in any order; one that names no address is left out, and `broken` counts it.
        only_allowed: whether an address that no entry allows is refused.
        epoch: of the verdict under which they were read; -2 is no verdict's.
        until: the tick from which on they are too old to be believed.

    Attributes:
        guarded: whether there is anything to ask; False costs a request one look.
        callers: whether any user, service, session or credential is banned.
        size: how many entries there are.
    """

    __slots__ = (
        "_answers", "_callers", "_only", "_tables", "broken", "callers", "epoch", "guarded", "size", "until",
    )  # fmt: skip

    def __init__(
        self, entries: Iterable[Entry] = (), *, only_allowed: bool = False, epoch: int = -2, until: int = 0
    ) -> None:
        rows: dict[int, list[tuple[int, int, Entry]]] = {4: [], 6: []}
        self._callers: dict[str, dict[str, Entry]] = {"user": {}, "service": {}, "session": {}}
        self._only = only_allowed
        self._answers: dict[str, _Found] = {}
        self.epoch, self.until = epoch, until
        self.broken = self.size = 0
        for entry in entries:
            self.size += 1
            if entry.kind == "address":
                found = _parsed(entry.value)
                if found is None:
                    self.broken += 1
                else:
                    rows[found[0]].append((found[1], found[2], entry))
            elif not entry.allow:
                named = self._callers.setdefault(entry.kind, {})
                known = named.get(entry.value)
                if known is None or known.expires < entry.expires:
                    named[entry.value] = entry
        self._tables = {4: _Table(32, rows[4]), 6: _Table(128, rows[6])}
        self.callers = any(self._callers.values())
        self.guarded = bool(self.callers or only_allowed or rows[4] or rows[6])

    def of_address(self, text: str, now: float) -> Hit | None:
        """Why requests from this address are refused; None if they are not.

        Args:
            text: as `TrustedProxies.client` gives it; what is no address is on no list.
            now: seconds since the epoch.
        """
        found = self._answers.get(text)
        if found is None or found.until <= now:
            found = self._judge(text, now)
            if len(self._answers) >= _ANSWERS:
                self._answers.clear()
            self._answers[text] = found
        return found.hit

    def _judge(self, text: str, now: float) -> _Found:
        ip = address.parse(text)
        entry = None if ip is None else self._tables[ip.version].decide(int(ip), now)
        if entry is None:
            return _Found(Hit(UNLISTED, "address") if self._only else None, NEVER)
        # A shorter network is of no interest before this one has expired.
        return _Found(None if entry.allow else Hit(entry.id, "address"), entry.expires)

    def of_user(self, subject: str, now: float) -> Hit | None:
        """The ban of a user, by primary key as text."""
        return self._of("user", subject, now)

    def of_service(self, subject: str, now: float) -> Hit | None:
        """The ban of a service, by its subject."""
        return self._of("service", subject, now)

    def of_sessions(self, ids: Iterable[str], now: float) -> Hit | None:
        """The ban of a session or a credential by one of its ids."""
        return next((hit for id in ids if (hit := self._of("session", id, now)) is not None), None)

    def _of(self, kind: str, value: str, now: float) -> Hit | None:
        entry = self._callers[kind].get(value)
        return Hit(entry.id, kind) if entry is not None and entry.expires > now else None


def _parsed(text: str) -> tuple[int, int, int] | None:
    """IP version, prefix length and first address of a network; None if it is none.

    A list of 100,000 is read whenever it changes: what is in its one spelling, as `save` writes it, is read by the C
    library, several times as fast as by `ipaddress`. All else is left to `address.network`.
    """
    host, slash, bits = text.partition("/")
    version, family, size = (6, AF_INET6, 128) if ":" in host else (4, AF_INET, 32)
    try:
        start = int.from_bytes(inet_pton(family, host), "big")
        length = size if not slash else int(bits) if bits.isdecimal() else size + 1
    except (OSError, ValueError):
        length = start = size + 1
    if length <= size and not start & ((1 << (size - length)) - 1) and start >> 32 != _MAPPED:
        return version, length, start
    try:
        network = address.network(text)
    except ValueError:
        return None
    return network.version, network.prefixlen, int(network.network_address)


def covering(text: str) -> list[str]:
    """Every spelling that an entry about this address may have, itself included: 33 of IPv4, 129 of IPv6."""
    ip = address.parse(text)
    if ip is None:
        return []
    bits, number = ip.max_prefixlen, int(ip)
    make = type(ip)
    found = [str(ip)]
    found += [f"{make(number >> (bits - length) << (bits - length))}/{length}" for length in range(bits)]
    return found

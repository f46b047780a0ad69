"""Where a request comes from: the peer, or what a trusted proxy says of it, never what a stranger says."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hmac import compare_digest
from typing import Any, TypeAlias

from stockade.core.forwarded import FORWARDED, IDENTITY, SECRET_META, meta_name

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

UNKNOWN = "unknown"
UNIX = "unix"
# The widest block whose proxies may be believed: a private network is no wider, and a cloud's own is narrower.
WIDEST = {4: 8, 6: 32}
_MAX_HOPS = 32
_LONGEST = 64  # characters, port, brackets and zone included


def parse(text: str) -> Address | None:
    """The address that `text` names, IPv4-mapped IPv6 as IPv4 and without a zone; None if it names none.

    Accepts the forms of X-Forwarded-For and Forwarded (RFC 7239 section 6): ``192.0.2.1``, ``192.0.2.1:80``,
    ``2001:db8::1``, ``[2001:db8::1]:80``.
    """
    # What is longer names no address, and must not fill the cache: a stranger may write hops of kilobytes.
    return _parse(text) if len(text) <= _LONGEST else None


@lru_cache(maxsize=65536)
def _parse(text: str) -> Address | None:
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found


_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")  # RFC 4291 section 2.5.5.2


def network(text: str) -> Network:
    """The network that `text` names: ``192.0.2.7``, ``192.0.2.0/24``, ``2001:db8::/32``; IPv4-mapped IPv6 as IPv4.

    Raises:
        ValueError: it names none; the message says what to write.
    """
    written = text.strip()
    if len(written) > _LONGEST or "%" in written:
        raise ValueError(f"{text[:_LONGEST]!r} is no address. Write one such as 192.0.2.7 or 2001:db8::/32.")
    try:
        found = ipaddress.ip_network(written)
    except ValueError:
        raise ValueError(_why_no_network(written)) from None
    if isinstance(found, ipaddress.IPv6Network) and found.subnet_of(_MAPPED):
        return ipaddress.IPv4Network((int(found.network_address) & 0xFFFFFFFF, found.prefixlen - 96))
    return found


def spelled(network: Network) -> str:
    """A network in its one spelling: a single address without its prefix length."""
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)


def _why_no_network(text: str) -> str:
    try:
        loose = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return f"{text!r} is no address and no CIDR block. Write one such as 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32."
    return f"{text!r} names a network by an address inside of it. Write {loose} for the network."


@lru_cache(maxsize=65536)
def limit_key(text: str) -> str:
    """The key that limits use for an address: IPv4 whole, IPv6 by its /64 (one customer's network has 2**64)."""
    found = parse(text)
    if found is None:
        return text[:64] or UNKNOWN
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((int(found) >> 64 << 64, 64)))
    return str(found)


_ONLY_PROXIES = frozenset(map(meta_name, (*FORWARDED, *IDENTITY)))
_ANY_FORWARDED = meta_name("X-Forwarded-")


class TrustedProxies:
    """Which peers are believed about whom they forward for.

    Args:
        networks: CIDR blocks of the trusted proxies; ``unix`` trusts a peer on a unix socket (empty REMOTE_ADDR).
        secrets: what a proxy must also show, any of them, in `SECRET_HEADER`; with secrets and no networks a peer at
            any address that shows one is trusted.
        names: further keys of request.META that only a proxy may set.
    """

    def __init__(
        self, networks: Iterable[str] = (), secrets: Iterable[str] = (), names: Iterable[str] = ()
    ) -> None:
        listed = list(networks)
        self._unix = UNIX in listed
        self._networks: tuple[Network, ...] = tuple(ipaddress.ip_network(n) for n in listed if n != UNIX)
        self._secrets = tuple(secret.encode() for secret in secrets)
        self._taken = _ONLY_PROXIES.union(names)

    def __bool__(self) -> bool:
        return self._unix or bool(self._networks) or bool(self._secrets)

    def trusts(self, peer: str) -> bool:
        """Whether `peer` (a REMOTE_ADDR) has the address of a trusted proxy."""
        if not peer:
            return self._unix
        found = parse(peer)
        return found is not None and any(found in network for network in self._networks)

    def receive(self, meta: dict[str, Any]) -> tuple[str, bool]:
        """The client's address for a WSGI environ or request.META, and whether a trusted proxy tells of it.

        What a stranger says that only a proxy may say is taken out of `meta`, and the secret always is: nothing that
        reads `meta` later can be misled by the one or give the other away.
        """
        peer = meta.get("REMOTE_ADDR", "")
        believed = self._shows_secret(meta) and (self.trusts(peer) or not (self._unix or self._networks))
        if believed:
            return self._walk(peer, meta), True
        for name in [name for name in meta if name in self._taken or name.startswith(_ANY_FORWARDED)]:
            del meta[name]
        return peer or UNKNOWN, False

    def _shows_secret(self, meta: dict[str, Any]) -> bool:
        """Whether the peer shows one of the secrets, where there are any; takes it out of `meta`.

        In constant time, and all of them are compared: how long it takes tells nothing of any (CWE-208).
        """
        if not self._secrets:
            return True
        shown = str(meta.pop(SECRET_META, "")).encode("utf-8", "surrogatepass")
        equal = False
        for secret in self._secrets:
            equal |= compare_digest(shown, secret)
        return equal

    def client(self, meta: Mapping[str, str]) -> str:
        """The client's address for a WSGI environ or request.META, where addresses alone decide; changes nothing."""
        peer = meta.get("REMOTE_ADDR", "")
        return self._walk(peer, meta) if self.trusts(peer) else peer or UNKNOWN

    def _walk(self, peer: str, meta: Mapping[str, str]) -> str:
        """Along X-Forwarded-For from the right, past trusted proxies, to the first address that none vouches for.

        A malformed hop ends the walk at the last believed one.
        """
        believed = peer or UNKNOWN
        hops = meta.get("HTTP_X_FORWARDED_FOR", "").split(",")
        for hop in hops[: -_MAX_HOPS - 1 : -1]:
            found = parse(hop)
            if found is None:
                break
            believed = str(found)
            if not self.trusts(believed):
                break
        return believed

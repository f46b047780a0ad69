"""Where a request comes from: whom to believe, and how far."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from stockade.core.address import TrustedProxies, limit_key, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"), (" 192.0.2.1 ", "192.0.2.1"), ("192.0.2.1:4711", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"), ("[2001:db8::1]:443", "2001:db8::1"), ('"[2001:db8::1]"', "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"), ("fe80::1%eth0", "fe80::1"),
        ("unknown", None), ("_hidden", None), ("", None), ("1.2.3", None), ("1" * 5000, None), ("[::1", "::1"),
    ],
)  # fmt: skip
def test_addresses_are_read_as_they_are_written(text: str, expected: str | None) -> None:
    found = parse(text)
    assert (None if found is None else str(found)) == expected


def test_limits_count_an_ipv6_network_as_one() -> None:
    assert limit_key("2001:db8:1:2:3:4:5:6") == limit_key("2001:db8:1:2::") == "2001:db8:1:2::/64"
    assert limit_key("2001:db8:1:3::") != limit_key("2001:db8:1:2::")
    assert limit_key("192.0.2.1") == "192.0.2.1"
    assert limit_key("::ffff:192.0.2.1") == "192.0.2.1"


def meta(peer: str, forwarded: str = "") -> dict[str, str]:
    return {"REMOTE_ADDR": peer, **({"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {})}


def test_a_stranger_is_not_believed_about_himself() -> None:
    proxies = TrustedProxies(["10.0.0.0/8"])
    assert proxies.client(meta("203.0.113.9", "192.0.2.1")) == "203.0.113.9"
    assert TrustedProxies().client(meta("10.0.0.1", "192.0.2.1")) == "10.0.0.1"


def test_the_walk_ends_at_the_first_address_that_nobody_vouches_for() -> None:
    proxies = TrustedProxies(["10.0.0.0/8", "2001:db8::/32"])
    assert proxies.client(meta("10.0.0.1", "192.0.2.66, 203.0.113.9, 10.0.0.2, 2001:db8::5")) == "203.0.113.9"
    assert proxies.client(meta("10.0.0.1", "garbage, 10.0.0.2")) == "10.0.0.2"
    assert proxies.client(meta("10.0.0.1", "10.0.0.3, 10.0.0.2")) == "10.0.0.3"
    assert proxies.client(meta("10.0.0.1")) == "10.0.0.1"


def test_a_unix_socket_is_trusted_only_where_it_is_named() -> None:
    assert TrustedProxies(["unix"]).client(meta("", "192.0.2.1")) == "192.0.2.1"
    assert TrustedProxies(["10.0.0.0/8"]).client(meta("", "192.0.2.1")) == "unknown"


@given(st.text(max_size=200), st.text(max_size=50))
def test_no_header_breaks_the_walk(forwarded: str, peer: str) -> None:
    assert isinstance(TrustedProxies(["0.0.0.0/0", "unix"]).client(meta(peer, forwarded)), str)
    assert isinstance(limit_key(forwarded), str)

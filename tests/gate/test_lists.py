"""The compiled lists: what covers an address, which entry decides, and until when; checked against a plain search."""

from __future__ import annotations

import ipaddress
import random

import pytest

from stockade.core.address import network, spelled
from stockade.gate.lists import NEVER, UNLISTED, Entry, Hit, Lists, covering


def lists(*lines: str, **rest: bool) -> Lists:
    """From lines such as ``- 192.0.2.0/24`` (a ban) and ``+ 192.0.2.7`` (allowed); the number is the id."""
    entries = []
    for number, line in enumerate(lines, 1):
        sign, value, *end = line.split()
        entries.append(Entry(str(number), sign == "+", "address", value, float(end[0]) if end else NEVER))
    return Lists(entries, **rest)


def entry(found: Hit | None) -> str | None:
    return None if found is None else found.entry


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.1", "1"), ("192.0.2.255", "1"), ("192.0.3.0", None),
        ("::ffff:192.0.2.1", "1"), ("::ffff:c000:201", "1"), ("0:0:0:0:0:FFFF:192.0.2.1", "1"),
        ("2001:db8::1", "2"), ("2001:DB8:0:0::9", "2"), ("2001:db9::1", None),
        ("[2001:db8::1]:443", "2"), ("192.0.2.1:4711", "1"),
        ("unknown", None), ("", None), ("nonsense" * 50, None),
    ],
)  # fmt: skip
def test_every_spelling_of_a_banned_address_is_banned(address: str, expected: str | None) -> None:
    assert entry(lists("- 192.0.2.0/24", "- 2001:db8::/32").of_address(address, 0)) == expected


@pytest.mark.parametrize("mapped", ["::ffff:192.0.2.0/120", "::ffff:192.0.2.1", "::FFFF:c000:0201/128"])
def test_a_ban_written_as_mapped_ipv6_bans_the_ipv4_address(mapped: str) -> None:
    assert lists(f"- {mapped}").of_address("192.0.2.1", 0) is not None


def test_a_narrower_or_equal_allow_lets_in_and_a_wider_one_does_not() -> None:
    found = lists(
        "- 192.0.2.0/24", "+ 192.0.2.8/29", "- 192.0.2.9", "+ 192.0.0.0/16", "+ 192.0.2.10", "- 192.0.2.10"
    )
    answers = {last: entry(found.of_address(f"192.0.2.{last}", 0)) for last in (1, 8, 9, 10)}
    assert answers == {1: "1", 8: None, 9: "3", 10: None}


def test_with_only_allowed_whoever_is_not_named_stays_out() -> None:
    found = lists("+ 192.0.2.0/24", "- 192.0.2.9", only_allowed=True)
    assert found.of_address("192.0.2.1", 0) is None
    assert entry(found.of_address("192.0.2.9", 0)) == "2"
    assert entry(found.of_address("203.0.113.1", 0)) == UNLISTED
    assert entry(found.of_address("unknown", 0)) == UNLISTED
    assert found.guarded


def test_an_entry_ends_by_the_clock_and_what_it_hid_comes_out() -> None:
    found = lists("- 192.0.2.0/24 200", "+ 192.0.2.1 100")
    answers = [entry(found.of_address("192.0.2.1", now)) for now in (0, 99, 100, 199, 200)]
    assert answers == [None, None, "1", "1", None]


def test_of_two_entries_about_one_user_the_longer_counts() -> None:
    found = Lists([Entry("1", False, "user", "7", 100), Entry("2", False, "user", "7", 300)])
    assert [entry(found.of_user("7", now)) for now in (50, 200, 300)] == ["2", "2", None]
    assert found.callers
    assert found.of_user("8", 0) is None


def test_a_session_is_banned_by_any_of_its_ids() -> None:
    found = Lists([Entry("1", False, "session", "abc")])
    assert found.of_sessions(("x", "abc"), 0) == Hit("1", "session")
    assert found.of_sessions(("x", ""), 0) is None


def test_nothing_at_all_is_not_guarded() -> None:
    assert not Lists().guarded
    assert not Lists([Entry("1", True, "user", "7")]).callers, "users are not allowed, only banned"


def test_an_entry_that_names_no_address_is_counted_and_harms_nobody() -> None:
    found = lists("- nonsense", "- 10.0.0.5/8", "- 192.0.2.1")
    assert (found.broken, found.size) == (2, 3)
    assert found.of_address("192.0.2.1", 0) is not None


def test_many_addresses_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stockade.gate.lists._ANSWERS", 100)
    found = lists("- 192.0.2.0/24")
    for number in range(1000):
        found.of_address(f"10.0.{number >> 8}.{number & 255}", 0)
    assert len(found._answers) <= 100


def test_the_search_by_index_finds_every_spelling_of_an_entry() -> None:
    for address in ("192.0.2.77", "2001:db8:1:2::77"):
        ip = ipaddress.ip_address(address)
        spellings = covering(address)
        assert len(spellings) == ip.max_prefixlen + 1
        for length in range(ip.max_prefixlen + 1):
            assert spelled(ipaddress.ip_network((address, length), strict=False)) in spellings
    assert covering("unknown") == []


@pytest.mark.parametrize("seed", range(20))
def test_random_lists_decide_as_a_search_through_all_of_them(seed: int) -> None:
    """The oracle: of the unexpired entries that cover the address the longest decides, allow before deny."""
    chance = random.Random(seed)

    def some(version: int) -> str:
        if version == 4:
            text = f"10.0.{chance.randrange(4)}.{chance.randrange(256)}"
            return str(ipaddress.ip_network((text, chance.choice((8, 16, 22, 24, 28, 31, 32))), strict=False))
        text = f"2001:db8::{chance.randrange(4):x}:{chance.randrange(65536):x}"
        return str(ipaddress.ip_network((text, chance.choice((16, 32, 64, 112, 120, 128))), strict=False))

    entries = [
        Entry(
            str(n),
            chance.random() < 0.5,
            "address",
            some(chance.choice((4, 6))),
            chance.choice((NEVER, 50.0, 150.0)),
        )
        for n in range(60)
    ]
    found = Lists(entries, only_allowed=seed % 2 == 1)
    for now in (0.0, 100.0, 200.0):
        for _ in range(100):
            address = some(chance.choice((4, 6))).partition("/")[0]
            ip = ipaddress.ip_address(address)
            covers = [e for e in entries if e.expires > now and ip in ipaddress.ip_network(e.value)]
            if covers:
                longest = max(ipaddress.ip_network(e.value).prefixlen for e in covers)
                refused = not any(
                    e.allow for e in covers if ipaddress.ip_network(e.value).prefixlen == longest
                )
            else:
                refused = seed % 2 == 1
            assert (found.of_address(address, now) is not None) == refused, (address, now)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"), (" 192.0.2.7/32 ", "192.0.2.7"), ("192.0.2.0/24", "192.0.2.0/24"),
        ("2001:DB8::/32", "2001:db8::/32"), ("::ffff:192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("::ffff:0:0/96", "0.0.0.0/0"), ("0.0.0.0/0", "0.0.0.0/0"), ("::/0", "::/0"),
    ],
)  # fmt: skip
def test_a_network_has_one_spelling(text: str, expected: str) -> None:
    assert spelled(network(text)) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("192.0.2.7/24", "192.0.2.0/24"), ("2001:db8::1/32", "2001:db8::/32"), ("192.0.2", "no address"),
        ("", "no address"), ("010.0.0.1", "no address"), ("fe80::1%eth0", "no address"), ("1" * 500, "no address"),
        ("192.0.2.0/33", "no address"), ("example.org", "no address"),
    ],
)  # fmt: skip
def test_what_is_no_network_is_told_what_to_write(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        network(text)

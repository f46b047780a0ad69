"""What may be said of a new token or key: its name, how long, from where and how often."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any

from stockade.conf import duration, load
from stockade.core import clock
from stockade.core.address import network, spelled
from stockade.gate.rates import parse as parse_rate
from stockade.schemes.opaque.conf import KeySettings, TokenSettings
from stockade.schemes.opaque.shapes import API_KEY, TOKEN, Shape

MAX_NAME, MAX_NETWORKS, MAX_RATE = 100, 100, 32
DEFAULT = object()  # a lifetime as the settings have it


def checked_name(name: object) -> str:
    """The name of a token.

    Raises:
        ValueError: it can be none.
    """
    if not isinstance(name, str) or len(name) > MAX_NAME or not (name == "" or name.isprintable()):
        raise ValueError(f"Write a name of at most {MAX_NAME} printable characters.")
    return name


def checked_networks(allow: Iterable[str]) -> list[str]:
    """Addresses and CIDR blocks in their one spelling.

    Raises:
        ValueError: one of them is none, or they are too many.
    """
    listed = [allow] if isinstance(allow, str) else list(allow)
    if len(listed) > MAX_NETWORKS:
        raise ValueError(f"Write at most {MAX_NETWORKS} addresses; a CIDR block stands for many.")
    return [spelled(network(text)) for text in listed]


def checked_rate(rate: object) -> str:
    """A rate as it is written, or "" for none.

    Raises:
        ValueError: it is none.
    """
    if not rate:
        return ""
    text = str(rate)
    parse_rate(API_KEY.kind, text)
    if len(text) > MAX_RATE:
        raise ValueError(f"Write a rate of at most {MAX_RATE} characters.")
    return text


def end_of(expires: Any, shape: Shape = TOKEN) -> datetime.datetime | None:
    """When something ends that ends `expires` from now.

    Raises:
        ValueError: that is no time, or past.
    """
    if expires is DEFAULT:
        expires = bounds_of(shape).lifetime
    if expires is None:
        return None
    now = clock.now_datetime()
    if isinstance(expires, datetime.datetime):
        if expires.tzinfo is None:
            raise ValueError("Write an aware datetime: which time zone is meant?")
        until = expires
    else:
        try:
            until = now + datetime.timedelta(seconds=duration(expires))
        except OverflowError:
            raise ValueError("That is too far away. Write None for never.") from None
    if until <= now:
        raise ValueError("That is over already. Write a time to come.")
    return until


def bounds_of(shape: Shape) -> TokenSettings | KeySettings:
    """The settings of a kind."""
    return load(KeySettings) if shape is API_KEY else load(TokenSettings)

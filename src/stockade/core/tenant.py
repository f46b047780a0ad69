"""Whose users are meant: names the tenant of a user, so that user 7 of one tenant is nobody in another.

A subject is a user's primary key as text, with tenants ``north/7``. Everything that tells callers apart goes by it:
epochs, limits, bans, stamps, tokens, the log. What a session or a key has for an id is one for all tenants.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from stockade.core.context import current
from stockade.core.errors import ConfigurationError

# A request, or None where nobody has asked over HTTP; gives a name, or None for "as the request at hand".
Ask = Callable[[Any], str | None]

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,63}", re.ASCII)
_SEPARATOR = "/"  # in no name, so that no two pairs of tenant and key give the same subject


def _none() -> Ask | None:
    return None


_source: Callable[[], Ask | None] = _none
_read: tuple[Ask | None] | None = None


def read_from(source: Callable[[], Ask | None]) -> None:
    """Have `source` say what the setting is, when somebody first wants to know and after `forget`."""
    global _source
    _source = source
    forget()


def forget() -> None:
    """The setting may be another."""
    global _read
    _read = None


def asking() -> Ask | None:
    """What names tenants; None where there are none."""
    global _read
    found = _read
    if found is None:
        found = _read = (_source(),)
    return found[0]


def exists() -> bool:
    """Whether the project has tenants."""
    return asking() is not None


def of_request(ask: Ask, request: Any) -> str:
    """The tenant of a request; for step 1.

    Raises:
        ConfigurationError: `ask` gives no name.
    """
    found = ask(request)
    if found is None:
        raise ConfigurationError(
            "stockade.E226",
            "TENANT names no tenant of a request.",
            "Return a name; for no tenant another one.",
        )
    return _checked(found)


def now() -> str:
    """The tenant whose users are read and written here and now; "" where there are none.

    Raises:
        ConfigurationError: TENANT gives no name, and there is no request to go by.
    """
    ask = asking()
    if ask is None:
        return ""
    found = ask(None)
    if found is not None:
        return _checked(found)
    context = current.get()
    if context is None or not context.tenant:
        raise ConfigurationError(
            "stockade.E226",
            "TENANT names no tenant outside of a request.",
            "Return the name of the tenant that commands, tasks and signals work for when it is called with None.",
        )
    return context.tenant


def here() -> str:
    """The tenant of the request at hand, as step 1 has found it; outside of one, of `now`."""
    if asking() is None:
        return ""
    context = current.get()
    return (context.tenant if context is not None else "") or now()


def of(tenant: str, pk: object) -> str:
    """The subject of a user of a tenant.

    Args:
        tenant: its name, or "" where there are none.
        pk: the user's primary key, or another name that is one only within the tenant.
    """
    return f"{tenant}{_SEPARATOR}{pk}" if tenant else str(pk)


def subject(pk: object) -> str:
    """The subject of a user of the tenant of `now`."""
    return of(now(), pk)


def audience(name: str, tenant: str) -> str:
    """The `aud` of tokens that are for an API and one tenant of it (RFC 9068 section 3)."""
    return f"{name}{_SEPARATOR}{tenant}" if tenant else name


def pk_of(subject: str) -> str:
    """The primary key in a subject, as text."""
    return subject.partition(_SEPARATOR)[2] if exists() else subject


def _checked(name: object) -> str:
    if isinstance(name, str) and _NAME.fullmatch(name):
        return name
    raise ConfigurationError(
        "stockade.E226",
        f"TENANT gives {name!r} for a tenant.",
        'Return 1 to 63 of letters, digits, "_", "-" and ".".',
    )

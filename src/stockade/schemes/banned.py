"""Bans of users and sessions, for whoever knows by other means than a request's credential whom it is about."""

from __future__ import annotations

from typing import Any

from stockade.conf import load
from stockade.core import tenant
from stockade.core.errors import Banned, Unavailable
from stockade.gate.conf import GateSettings
from stockade.gate.lists import Hit
from stockade.gate.registry import get_gate
from stockade.truth import lists

_NOBODY = "\1"  # no subject: an entry's value is printable


def of_user(user: Any) -> Hit | None:
    """The ban of a user; None for nobody. Asks for nobody, too, so that an account that exists takes no longer.

    Raises:
        Unavailable: the state is away.
    """
    # Without a subject the lists would ask SQL one query less, half a millisecond that tells who has an account.
    subject = _NOBODY if user is None else tenant.subject(user.pk)
    return lists.find(get_gate().ask((), ()), lists.Asked(subject=subject))


def refuse(subject: str, *sessions: str) -> None:
    """Refuse a user or one of these ids if banned.

    Args:
        subject: the user's, see `core.tenant`.
        sessions: ids of the session and the credential.

    Raises:
        Banned: one of them is. Unavailable: the state is away, and STATE_AWAY refuses.
    """
    who = lists.Asked("", subject, sessions)
    try:
        lists.judge(get_gate().ask((), ()), who)
    except Unavailable:
        if load(GateSettings).state_away != "admit":
            raise
        if (found := lists.hit(lists.about(who), who)) is not None:
            raise Banned(*found) from None

"""What allauth has recorded of a login, in the names of RFC 8176."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from allauth.account.authentication import get_authentication_records

from stockade.core import clock, methods

# No names of RFC 8176, which has none for them. Neither is a second factor by default: a mailbox is what passwords are
# reset by, and a recovery code is for getting back in. ASSURANCE may say otherwise.
EMAIL, RECOVERY = "email", "recovery"

Record = Mapping[str, Any]


# In allauth's session: what was taken of its records last, and for whom. It is kept there as it was then: records that
# are older than a login are no proof of that login.
_KEY = "stockade_allauth_proof"


class Proof(NamedTuple):
    """When and how a user has proven who he is.

    Args:
        at: allauth's time of the record that it rests on; tells whether there is a newer one.
        auth_time: seconds since the epoch; 0 where nobody knows.
        amr: names of methods.
    """

    at: float
    auth_time: float
    amr: frozenset[str]


UNKNOWN = Proof(0.0, 0.0, methods.NONE)


def take(request: Any, user: Any) -> Proof | None:
    """What allauth has recorded since the last call, and keep it; None for nothing new.

    Args:
        request: with a session.
        user: logged in, or just about to be.
    """
    found, before = _recorded(request, user), kept(request.session, user)
    if found is None or found.at <= before.at:
        return None
    request.session[_KEY] = [str(user.pk), found.at, found.auth_time, sorted(found.amr)]
    return found


def drop(session: Any, user: Any) -> None:
    """Keep of a user's proof only that it was taken: he has logged in by something else than allauth."""
    before = kept(session, user)
    session[_KEY] = [str(user.pk), before.at, 0.0, []]


def kept(session: Any, user: Any) -> Proof:
    """What was taken last for a user, or `UNKNOWN`."""
    found = session.get(_KEY)
    if not isinstance(found, list) or len(found) != 4 or found[0] != str(user.pk):
        return UNKNOWN
    return Proof(found[1], found[2], methods.methods(found[3]))


def _recorded(request: Any, user: Any) -> Proof | None:
    """What the records of a session say of its user; None where allauth has recorded nothing.

    `amr` tells of the last event. A second factor vouches for the session that it is shown in, so the password of the
    same session counts with it. A password, a recovery code or a mailbox vouches for itself alone: whoever has stolen a
    session with a second factor and knows the password does not have that factor.

    A social login says nothing: when and how its provider has seen the user, nobody here knows.

    Args:
        request: with a session.
        user: logged in, or about to be.
    """
    records = [one for one in get_authentication_records(request, user) if isinstance(one, Mapping)]
    if not records:
        return None
    last = records[-1]
    at = float(last.get("at") or 0.0)
    if last.get("method") == "socialaccount":
        return Proof(at, 0.0, methods.NONE)
    counted = (
        records if _is_strong(last) else [one for one in records[-2:] if one is last or _goes_with(last, one)]
    )
    found = frozenset(name for record in counted for name in _names(record, user))
    if _several(found) or last.get("passwordless"):
        found |= {methods.SEVERAL}
    # By our clock, which tests move; allauth's own says how long ago it was.
    return Proof(at, clock.now() - max(0.0, time.time() - at), methods.methods(sorted(found)))


def _is_strong(record: Record) -> bool:
    return record.get("method") == "mfa" and record.get("type") in ("totp", "webauthn")


def _goes_with(last: Record, before: Record) -> bool:
    """Whether `before` is the password that a recovery code was shown after."""
    return last.get("type") == "recovery_codes" and before.get("method") == "password"


def _several(found: Iterable[str]) -> bool:
    return methods.PASSWORD in found and not _SECOND.isdisjoint(found)


_SECOND = frozenset({methods.ONE_TIME, methods.HARDWARE_KEY, methods.SOFTWARE_KEY})


def _names(record: Record, user: Any) -> Iterable[str]:
    method = record.get("method")
    if method == "password":
        return (methods.PASSWORD,)
    if method in ("code", "password_reset"):  # sent to an address or a number, and to nobody else
        return (methods.SMS,) if record.get("phone") else (EMAIL,)
    if method != "mfa":
        return ()
    kind = record.get("type")
    if kind == "totp":
        return (methods.ONE_TIME,)
    if kind == "recovery_codes":
        return (RECOVERY,)
    if kind == "webauthn":
        key = _key(record.get("id"), user)
        # For a passkey allauth has the device verify its user, by a PIN or a finger; for a second factor it may not.
        return (key, methods.PRESENCE) if record.get("passwordless") else (key,)
    return ()


def _key(id: Any, user: Any) -> str:
    """Whether a key stays in the device that made it, or is copied to others (WebAuthn level 3, section 6.1.3).

    The device says so itself: allauth asks for no attestation.
    """
    from allauth.mfa.models import Authenticator

    row = Authenticator.objects.filter(pk=id, user_id=user.pk).first()
    copied = row is None or row.wrap().authenticator_data.is_backup_eligible()
    return methods.SOFTWARE_KEY if copied else methods.HARDWARE_KEY

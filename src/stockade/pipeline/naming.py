"""What the security log calls a refusal."""

from __future__ import annotations

from stockade.core import errors
from stockade.core.errors import Refusal
from stockade.events.catalogue import Event

# The first class that fits names the event; narrower ones first.
_EVENTS: tuple[tuple[type[Refusal], Event], ...] = (
    (errors.CredentialInQuery, Event.CREDENTIAL_EXPOSED),
    (errors.LoginFailed, Event.LOGIN_FAIL),
    (errors.InvalidSignature, Event.WEBHOOK_FAIL),
    (errors.Replayed, Event.WEBHOOK_REPLAYED),
    (errors.SeenBefore, Event.WEBHOOK_REPEATED),
    (errors.InvalidCredential, Event.AUTHN_FAIL),
    (errors.CsrfFailed, Event.CSRF_FAIL),
    (errors.PlainHttp, Event.PLAIN_HTTP),
    (errors.StepUpRequired, Event.STEP_UP_REQUIRED),
    (errors.Unauthenticated, Event.AUTHZ_FAIL),
    (errors.Banned, Event.BANNED),
    (errors.Forbidden, Event.AUTHZ_FAIL),
    (errors.NotVisible, Event.AUTHZ_FAIL),
    (errors.TooMany, Event.LIMIT_EXCEEDED),
    (errors.Undecided, Event.AUTHZ_UNDECIDED),
    (errors.BadRequest, Event.INPUT_FAIL),
)


def event_of(refusal: Refusal) -> Event | None:
    """The event that tells of `refusal`; None where the step that refused has told already (state away)."""
    if isinstance(refusal, errors.PlainHttp) and refusal.exposed:
        return Event.CREDENTIAL_EXPOSED
    for kind, event in _EVENTS:
        if isinstance(refusal, kind):
            return event
    return None

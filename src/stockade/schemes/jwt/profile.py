"""The profile of access tokens: RFC 9068 alone, or with the claims that clients of simplejwt read beside it."""

from __future__ import annotations

from typing import Any

from stockade.conf import load
from stockade.core import tenant
from stockade.core.errors import InvalidCredential, LoginFailed, Refusal
from stockade.schemes.conf import JWTSettings
from stockade.schemes.jwt.compact import refuse
from stockade.schemes.simplejwt.conf import names

ACCESS = "access"
NOT_VALID = "token_not_valid"


def is_simplejwt() -> bool:
    """Whether PROFILE says so."""
    return load(JWTSettings).profile == "simplejwt"


def claims(subject: str) -> dict[str, str]:
    """What the profile adds to an access token, under the names that SIMPLE_JWT gives them.

    Args:
        subject: the user's. The key in it is written as text, as simplejwt does since 5.5.
    """
    if not is_simplejwt():
        return {}
    found = names()
    return {found.token_type: ACCESS, found.user_id: tenant.pk_of(subject)}


def judge(found: dict[str, Any]) -> None:
    """Refuse a token of ours that says it is no access token, or that it is somebody else's.

    One from before the profile was chosen has neither claim, and the header says that it is an access token.

    Raises:
        InvalidCredential: it is not what it says.
    """
    if not is_simplejwt():
        return
    known = names()
    if found.get(known.token_type, ACCESS) != ACCESS:
        refuse("wrong_type")
    if known.user_id in found and found[known.user_id] != tenant.pk_of(str(found.get("sub"))):
        refuse("claim_user_id")


def worded(refusal: Refusal) -> dict[str, object] | None:
    """The body of a refusal as simplejwt's clients read it; None where it is not about a token or a login of ours.

    Expired and invalid are told apart, as simplejwt does: whoever holds a token can read in it when it expires. What
    else is wrong is for the log.
    """
    if not is_simplejwt():
        return None
    if isinstance(refusal, LoginFailed):
        return {"detail": refusal.detail.rstrip(".")}
    if not isinstance(refusal, InvalidCredential):
        return None
    message = "Token is expired" if refusal.reason == "expired" else "Token is invalid"
    if refusal.code == NOT_VALID:  # of a view that was given the token in its body
        return {"detail": message, "code": NOT_VALID}
    if refusal.code != InvalidCredential.default_code:
        return None  # another scheme's own words
    tried = {"token_class": "AccessToken", "token_type": ACCESS, "message": message}
    return {"detail": "Given token not valid for any token type", "code": NOT_VALID, "messages": [tried]}

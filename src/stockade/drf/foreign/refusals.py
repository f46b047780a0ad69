"""What a foreign authenticator's exceptions mean as refusals, in the words that its clients know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.utils.translation import gettext
from rest_framework import exceptions as drf

from stockade.core.errors import BadRequest, CsrfFailed, InvalidCredential, Refusal
from stockade.drf.exceptions import translate

_CSRF = "CSRF Failed"
# Their codes for what was made by this project and held once: the client is not guessing, see `attempts.HONEST`.
_HONEST = {"user_inactive": "inactive", "user_not_found": "gone", "password_changed": "password_changed"}


class ForeignFailed(InvalidCredential):
    """401: a foreign authenticator's credential that does not hold.

    Args:
        scheme: the name of the foreign scheme; for the log only.
        members: what its package says besides `detail` and `code`, such as simplejwt's `messages`.
    """

    def __init__(
        self,
        scheme: str,
        detail: str | None = None,
        *,
        code: str | None = None,
        reason: str | None = None,
        members: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail, code=code, reason=reason)
        self.scheme = scheme
        self.members = dict(members or {})
        # ERRORS = "drf": the body that DRF made of it.
        self.errors = {"detail": self.detail}
        if members is not None:
            self.errors |= {"code": self.code, **self.members}

    @property
    def facts(self) -> Mapping[str, str | int]:
        """Whose credential it was taken for."""
        return {"scheme": self.scheme}

    def problem(self, *, type_base: str = "about:blank") -> dict[str, object]:
        """The problem document, with the members that the package's clients may read."""
        document = super().problem(type_base=type_base)
        document.pop("errors", None)
        return {**self.members, **document}


def refusal_of(error: Exception, scheme: str) -> Refusal | None:
    """The refusal that an authenticator's exception means; None for a bug of the project, which stays one.

    Args:
        error: what it has raised.
        scheme: its name.
    """
    if isinstance(error, drf.AuthenticationFailed | drf.NotAuthenticated):
        return failed(error, scheme)
    if isinstance(error, drf.PermissionDenied | PermissionDenied) and str(error).startswith(_CSRF):
        return CsrfFailed(str(error), reason="csrf_foreign")
    if isinstance(error, SuspiciousOperation):  # OAuth toolkit, of a query string that is no hex
        return BadRequest("The request cannot be read.", reason="suspicious")
    return translate(error)


def failed(error: drf.APIException, scheme: str) -> ForeignFailed:
    """A credential that the authenticator has refused, with its own detail and code."""
    detail: Any = error.detail
    if not isinstance(detail, Mapping):
        sentence = str(detail) if isinstance(detail, str) else str(error.default_detail)
        code = str(getattr(detail, "code", None) or error.default_code)
        return ForeignFailed(scheme, sentence, code=code, reason=_HONEST.get(code) or _reason(sentence, code))
    sentence = str(detail.get("detail") or error.default_detail)
    code = str(detail.get("code") or error.default_code)
    members = {str(key): _plain(value) for key, value in detail.items() if key not in ("detail", "code")}
    reason = _HONEST.get(code) or _reason(sentence, code)
    if _expired(members.get("messages")):
        reason = "expired"
    return ForeignFailed(scheme, sentence, code=code, reason=reason, members=members)


def _reason(sentence: str, code: str) -> str:
    """DRF's and knox's tokens have one code for all; of a deactivated user they say so after the token was found."""
    return "inactive" if sentence == gettext("User inactive or deleted.") else code


def _expired(messages: object) -> bool:
    """Whether simplejwt has verified the signature and then found the token expired; it says so in words alone."""
    if not isinstance(messages, list):
        return False
    expired = gettext("Token is expired")
    return any(isinstance(one, dict) and one.get("message") == expired for one in messages)


def _plain(value: Any) -> Any:
    """Without DRF's classes, which carry codes."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)

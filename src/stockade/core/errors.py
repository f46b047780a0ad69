"""Every way in which Stockade refuses, as one tree: a code, an HTTP status, a title (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class StockadeError(Exception):
    """Base of everything that Stockade raises on purpose."""


class ConfigurationError(StockadeError):
    """A setting, key or file that stops the start; the message says what to write instead.

    Args:
        id: the number of the system check that reports it, e.g. ``stockade.E012``.
        message: what is wrong.
        hint: what to write instead.
    """

    def __init__(self, id: str, message: str, hint: str = "") -> None:
        super().__init__(f"{id}: {message} {hint}".rstrip())
        self.id, self.message, self.hint = id, message, hint


class Refusal(StockadeError):
    """A request that goes no further. It becomes one problem document (RFC 9457) and one event.

    Args:
        detail: a sentence for the client; never a secret and never what only the operator may know.
        code: the machine-readable reason, if narrower than the class's own.
        headers: further response headers, e.g. Retry-After.
        errors: refused fields, ``{"field": ["what is wrong"]}``.
        reason: the precise reason for the security log only (may tell more than `code`).
    """

    status: int = 400
    title: str = "Bad request"
    default_code: ClassVar[str] = "bad_request"
    default_detail: ClassVar[str] = "The request could not be understood."

    def __init__(
        self,
        detail: str | None = None,
        *,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        errors: Mapping[str, object] | None = None,
        reason: str | None = None,
    ) -> None:
        self.detail = detail if detail is not None else self.default_detail
        self.code = code or self.default_code
        self.headers = dict(headers or {})
        self.errors = dict(errors) if errors else None
        self.reason = reason or self.code
        self.recorded = False  # whether the security log has it
        super().__init__(f"{self.status} {self.code}")

    @property
    def facts(self) -> Mapping[str, str | int]:
        """What the security log says besides; the client is not told."""
        return {}

    def problem(self, *, type_base: str = "about:blank") -> dict[str, object]:
        """The members of the problem document (RFC 9457 section 3.1), plus `code` and, for fields, `errors`."""
        document: dict[str, object] = {
            "type": type_base if type_base == "about:blank" else f"{type_base}{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        if self.errors:
            document["errors"] = self.errors
        return document


class BadRequest(Refusal):
    """400: malformed, ambiguous, or a field that the server does not take."""


class CredentialInQuery(BadRequest):
    """400: a credential in the query string (guide section 17; RFC 9700 section 4.3.2)."""

    default_code = "credential_in_query"
    default_detail = "Send credentials in the Authorization header, never in the address."


class AmbiguousCredential(BadRequest):
    """400: more than one credential in one request (RFC 6750 section 2)."""

    default_code = "invalid_request"
    default_detail = "Send exactly one credential."


class BodyTooLong(BadRequest):
    """413: the body is longer than is taken here (RFC 9110 section 15.5.14).

    Args:
        most: bytes that are taken.
    """

    status = 413
    title = "Content too large"
    default_code = "body_too_long"

    def __init__(self, most: int) -> None:
        super().__init__(f"The body is too long. Send at most {most} bytes.")


class LengthRequired(BadRequest):
    """411: a body came in pieces whose sum nobody has said, and no such is read (RFC 9110 section 15.5.12)."""

    status = 411
    title = "Length required"
    default_code = "length_required"
    default_detail = "Send the body with a Content-Length header, not in chunks."


class UnsupportedMediaType(BadRequest):
    """415: a body of a type that is not taken here (RFC 9110 section 15.5.16).

    Args:
        taken: the media types that are.
    """

    status = 415
    title = "Unsupported Media Type"
    default_code = "unsupported_media_type"

    def __init__(self, taken: tuple[str, ...]) -> None:
        listed = ", ".join(taken)
        said = (
            f"Send the body as {' or '.join(taken)}, and say so in Content-Type."
            if taken
            else "Send no body."
        )
        super().__init__(said, headers={"Accept": listed} if taken else None)


class Unauthenticated(Refusal):
    """401: nothing was proven and something must be (RFC 9110 section 15.5.2)."""

    status = 401
    title = "Authentication required"
    default_code = "not_authenticated"
    default_detail = "Authentication credentials were not provided."


class InvalidCredential(Unauthenticated):
    """401: a credential was shown and does not hold: forged, expired, ended, foreign (RFC 6750 section 3.1)."""

    title = "Invalid credential"
    default_code = "invalid_token"
    default_detail = "The credential is invalid or has expired."


class InvalidSignature(InvalidCredential):
    """401: a message is not signed as its source signs, or was signed too long ago.

    Args:
        source: whom it claims to be from, by the name in WEBHOOKS.
        reason: for the log only.
        detail: what the sender may know besides; nothing of what the right signature would be.
    """

    title = "Invalid signature"
    default_code = "invalid_signature"
    default_detail = "The message is not signed as it must be, or its time is over."

    def __init__(self, source: str, reason: str, detail: str | None = None) -> None:
        # RFC 9110 section 11.6.1 wants a challenge with a 401; a token would not help here.
        super().__init__(detail, reason=reason, headers={"WWW-Authenticate": "Signature"})
        self.source = source

    @property
    def facts(self) -> Mapping[str, str | int]:
        """Whom the message claimed to be from."""
        return {"source": self.source}


class SeenBefore(Refusal):
    """A message that holds, and is not given to the view a second time.

    Args:
        source: whom it is from, by the name in WEBHOOKS.
        message: its id, for the log only.
    """

    status = 409
    title = "Conflict"

    def __init__(self, source: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(headers=headers)
        self.source, self.message = source, message

    @property
    def facts(self) -> Mapping[str, str | int]:
        """Which message it is."""
        return {"source": self.source, "message": self.message}


class Replayed(SeenBefore):
    """409: word for word what has come before, or the same message under another id: its source sends no such."""

    default_code = "replayed"
    default_detail = "This message has come before."


class InProgress(SeenBefore):
    """409: the same message is being worked on at this moment; what becomes of that nobody knows yet."""

    default_code = "in_progress"
    default_detail = "This message is being worked on. Send it again in a while."


class AlreadyDone(SeenBefore):
    """200: its source has sent a message again that was done before. It must learn that, or it goes on sending."""

    status = 200
    title = "Already done"
    default_code = "already_done"
    default_detail = "This message was done before; nothing was done now."


class StepUpRequired(Unauthenticated):
    """401: it is known who calls, and by a login that is too old or too weak for this (RFC 9470 section 3).

    Args:
        max_age: whole seconds that the login may be old; None where its age is not what is missing.
        acr_values: the authentication contexts of which one is enough, the preferred one first; empty where the login
            is strong enough.
    """

    title = "Further authentication required"
    default_code = "insufficient_user_authentication"

    def __init__(self, max_age: int | None, acr_values: tuple[str, ...] = ()) -> None:
        self.max_age, self.acr_values = max_age, " ".join(acr_values)
        if self.acr_values:
            said = "A stronger login is required"
            said += "." if max_age is None else f", at most {max_age} seconds old."
        else:
            said = f"A login that is at most {max_age} seconds old is required."
        super().__init__(said)

    @property
    def asked(self) -> dict[str, str | int]:
        """What the client has to ask its user for, by the names of RFC 9470."""
        found: dict[str, str | int] = {}
        if self.acr_values:
            found["acr_values"] = self.acr_values
        if self.max_age is not None:
            found["max_age"] = self.max_age
        return found

    @property
    def facts(self) -> Mapping[str, str | int]:
        """What was missing."""
        return self.asked

    def problem(self, *, type_base: str = "about:blank") -> dict[str, object]:
        """The problem document, with what is asked for: browsers hide WWW-Authenticate from pages of other origins."""
        return {**super().problem(type_base=type_base), **self.asked}


class LoginFailed(Unauthenticated):
    """401: unknown user, wrong password and inactive account, indistinguishable by intent."""

    title = "Login failed"
    default_code = "no_active_account"
    default_detail = "No active account found with the given credentials."


class Forbidden(Refusal):
    """403: it is known who calls, and the caller may not do this to what it may see."""

    status = 403
    title = "Forbidden"
    default_code = "permission_denied"
    default_detail = "You do not have permission to perform this action."


class InsufficientScope(Forbidden):
    """403: the credential's scopes do not reach (RFC 6750 section 3.1).

    Args:
        scopes: those that are missing; the challenge names them.
    """

    default_code = "insufficient_scope"

    def __init__(self, scopes: tuple[str, ...]) -> None:
        self.scope = " ".join(scopes)
        super().__init__(f"The credential needs the scope {self.scope}.")


class CsrfFailed(Forbidden):
    """403: a request whose cookies a browser may have been made to send by a page of somebody else."""

    default_code = "csrf_failed"
    default_detail = "CSRF verification failed."


class PlainHttp(Forbidden):
    """403: the request came unencrypted, and was not redirected: its sender must notice (ASVS 5.0, 4.1.2).

    Args:
        exposed: whether it carried a credential, which whoever was on the way may have now; for the log only.
    """

    title = "HTTPS required"
    default_code = "https_required"
    default_detail = "Use https://. What was sent could be read and changed on the way."

    def __init__(self, exposed: bool = False) -> None:
        super().__init__(reason="plain_http")
        self.exposed = exposed

    @property
    def facts(self) -> Mapping[str, str | int]:
        """Whether a credential must be taken for known to others."""
        return {"exposed": self.exposed}


class Undeclared(Forbidden):
    """403: the view declares no policy, so nobody may call it (deny by default)."""

    default_code = "undeclared"
    default_detail = "This endpoint is not open."


class Banned(Forbidden):
    """403: the address, the user or the session is banned, or the address is not among those that are let in.

    Args:
        entry: the id of the entry that says so; for the log only.
        kind: what it names: ``address``, ``user`` or ``session``; for the log only.
    """

    default_code = "banned"
    default_detail = "Access is refused."

    def __init__(self, entry: str, kind: str) -> None:
        super().__init__(reason=f"banned:{kind}")
        self.entry, self.kind = entry, kind

    @property
    def facts(self) -> Mapping[str, str | int]:
        """Which entry fired."""
        return {"entry": self.entry}


class NotVisible(Refusal):
    """404: it does not exist, or not for this caller; the two look alike."""

    status = 404
    title = "Not found"
    default_code = "not_found"
    default_detail = "Not found."


class MethodNotAllowed(Refusal):
    """405: the view does not answer this method (RFC 9110 section 15.5.6).

    Args:
        allowed: the methods that it does answer.
    """

    status = 405
    title = "Method not allowed"
    default_code = "method_not_allowed"
    default_detail = "This method is not allowed here."

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__(headers={"Allow": ", ".join(allowed)})


class TooMany(Refusal):
    """429: over a limit (RFC 6585 section 4).

    Args:
        retry_after: whole seconds until a place is free.
        limit: the name of the limit that refused.
    """

    status = 429
    title = "Too many requests"
    default_code = "throttled"

    def __init__(self, retry_after: int, limit: str) -> None:
        super().__init__(
            f"Request was throttled. Expected available in {retry_after} second{'s' if retry_after != 1 else ''}.",
            headers={"Retry-After": str(retry_after)},
            reason=f"limit:{limit}",
        )
        self.retry_after, self.limit = retry_after, limit

    @property
    def facts(self) -> Mapping[str, str | int]:
        """Which limit fired, and when it takes requests again."""
        return {"limit": self.limit, "seconds": self.retry_after}

    def problem(self, *, type_base: str = "about:blank") -> dict[str, object]:
        """The problem document, with the name of the limit: of several a client must know which to wait for."""
        return {**super().problem(type_base=type_base), "limit": self.limit}


class Unavailable(Refusal):
    """503: the shared state is away or not loaded yet, and Stockade fails closed."""

    status = 503
    title = "Service unavailable"
    default_code = "state_unavailable"
    default_detail = "The service is temporarily unable to decide. Try again shortly."

    def __init__(self, detail: str | None = None, *, retry_after: int = 1, reason: str | None = None) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)}, reason=reason)
        self.retry_after = retry_after


class Undecided(Refusal):
    """500: a view whose policy speaks of objects answered without asking about any (complete mediation)."""

    status = 500
    title = "Internal server error"
    default_code = "undecided"
    default_detail = "The server could not complete the request."

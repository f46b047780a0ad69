"""What a proxy itself refuses, in the words that the application has for it (RFC 9457)."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """One answer: status, title, detail, and after how many seconds to try again (0: not)."""

    status: int
    title: str
    detail: str
    retry: int = 0


REFUSALS = {
    "bad_request": Refusal(400, "Bad request", "The request could not be understood."),
    "https_required": Refusal(
        403, "HTTPS required", "Use https://. What was sent could be read and changed on the way."
    ),
    "not_found": Refusal(404, "Not found", "Not found."),
    "too_slow": Refusal(408, "Request timeout", "The request did not arrive in time."),
    "precondition_failed": Refusal(412, "Precondition failed", "The file is not as the request wants it."),
    "too_large": Refusal(413, "Content too large", "Send at most {max_body} bytes."),
    "uri_too_long": Refusal(414, "URI too long", "The address is too long."),
    "range_not_satisfiable": Refusal(416, "Range not satisfiable", "The file has no such part."),
    "misdirected": Refusal(
        421, "Misdirected request", "Connect anew: this connection was made to another name."
    ),
    "throttled": Refusal(429, "Too many requests", "Too many requests from your network.", 1),
    # No process answers. For clients the same as a state that is away: they need one rule only.
    "unavailable": Refusal(
        503, "Service unavailable", "The service is temporarily unable to decide. Try again shortly.", 1
    ),
}
_CODES = {"unavailable": "state_unavailable"}


def document(code: str, max_body: int) -> str:
    """The body of a refusal, on one line."""
    refusal = REFUSALS[code]
    detail = refusal.detail.format(max_body=max_body)
    found = {
        "type": "about:blank", "title": refusal.title, "status": refusal.status, "detail": detail,
        "code": _CODES.get(code, code),
    }  # fmt: skip
    return json.dumps(found, separators=(",", ":"))

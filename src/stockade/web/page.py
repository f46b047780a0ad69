"""A refusal as a person sees it: a page that says what the problem document says, for who asks for pages.

Without style, script or picture: any Content-Security-Policy lets it through, and there is nothing to run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.utils.html import escape

from stockade.core.context import current

HTML = "text/html; charset=utf-8"
_PAGE = "text/html"
_DATA = ("application/json", "application/problem+json", "application/*")
_LONGEST = 1000  # characters of an Accept header; those of browsers have under 200
_HEADED = ("type", "title", "status", "detail")


def is_wanted() -> bool:
    """Whether the request at hand comes from somebody who looks at pages."""
    context = current.get()
    return context is not None and is_preferred(context.meta.get("HTTP_ACCEPT", ""))


def is_preferred(accept: str) -> bool:
    """Whether an Accept header names pages, and prefers them to JSON (RFC 9110 section 12.5.1).

    Who takes both alike, or anything, is a program. So is Java, which names pages by default, but also a range `*` that
    no browser sends.
    """
    if _PAGE not in accept.lower() or len(accept) > _LONGEST:
        return False
    weights: dict[str, float] = {}
    for one in accept.split(","):
        name, *parameters = (part.strip().lower() for part in one.split(";"))
        weights[name] = max(weights.get(name, 0.0), _weight(parameters))
    if "*" in weights:
        return False
    return weights.get(_PAGE, 0.0) > max(weights.get(name, 0.0) for name in _DATA)


def _weight(parameters: list[str]) -> float:
    said = next((one[2:].strip() for one in parameters if one.startswith("q=")), "1")
    try:
        found = float(said)
    except ValueError:
        return 0.0
    return found if 0.0 <= found <= 1.0 else 0.0  # also where it is no number


def render(document: Mapping[str, Any]) -> str:
    """The page of a problem document, each of its members once and as text."""
    title, status = _text(document.get("title", "")), _text(document.get("status", ""))
    more = "".join(
        f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>"
        for name, value in document.items()
        if name not in _HEADED
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
        f"<title>{title}</title></head>\n<body><h1>{status} {title}</h1>\n"
        f"<p>{_text(document.get('detail', ''))}</p>\n<dl>{more}</dl></body></html>\n"
    )


def _text(value: object) -> str:
    """Text that is text in a page, whatever it was."""
    words = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return str(escape(words.encode("utf-8", "replace").decode()))

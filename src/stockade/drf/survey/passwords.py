"""Facts about fields for passwords: `password-altered`. `stockade.W248` says the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rest_framework import serializers

from stockade.drf.survey import probe, source
from stockade.drf.survey.facts import Fact
from stockade.drf.survey.using import taken
from stockade.drf.survey.views import View

LONGEST = 64  # characters that must be taken (ASVS 5.0, 6.2.9)


def altered(view: View) -> Iterator[Fact]:
    """What the fields for passwords of a view's serializers and form do to a password (ASVS 5.0, 6.2.8 and 6.2.9)."""
    found: dict[str, None] = {}
    where = view.where
    for handler in view.handlers:
        for serializer in () if handler.safe or not view.rest else taken(handler):
            for name, field in _serializer_fields(serializer).items():
                for fault in _faults(field, "trim_whitespace"):
                    found[f"{type(serializer).__name__}.{name} {fault}"] = None
                    where = source.place_of_class(type(serializer))
    form = getattr(view.cls, "form_class", None)
    for name, field in (getattr(form, "base_fields", None) or {}).items():
        if _is_password(name, field):
            for fault in _faults(field, "strip"):
                found[f"{getattr(form, '__name__', '')}.{name} {fault}"] = None
    if found:
        yield Fact(
            "password-altered",
            view.name,
            where,
            f"{', and '.join(found)}.",
            "# of a serializer; strip=False in a form:\n"
            "password = serializers.CharField(write_only=True, trim_whitespace=False)",
        )


def _faults(field: Any, trims: str) -> Iterator[str]:
    if getattr(field, trims, False):
        yield f"takes spaces away ({trims})"
    most = getattr(field, "max_length", None)
    if isinstance(most, int) and most < LONGEST:
        yield f"takes at most {most} characters (max_length)"


def _serializer_fields(serializer: Any) -> dict[str, Any]:
    fields = probe.ask(lambda: dict(serializer.fields))
    if fields is probe.UNKNOWN:
        return {}
    return {
        name: field
        for name, field in fields.items()
        if isinstance(field, serializers.CharField) and not field.read_only and _is_password(name, field)
    }


def _is_password(name: str, field: Any) -> bool:
    return "password" in name.lower() and hasattr(field, "max_length")

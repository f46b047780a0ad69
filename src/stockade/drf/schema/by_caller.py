"""Fields by caller in the document: who sees them and who writes them, and that nobody may count on them."""

from __future__ import annotations

from typing import Any

from stockade.drf import visible
from stockade.drf.serializers import StrictMixin


def describe(serializer: Any, schema: dict[str, Any]) -> None:
    """Say of a serializer's schema what its Meta says. What the project has said of a field stays in front.

    Args:
        serializer: a serializer, or its class.
        schema: of its fields, as drf-spectacular has made it.
    """
    said = visible.declared(serializer if isinstance(serializer, type) else type(serializer))
    properties: dict[str, Any] = schema.get("properties", {})
    for name in {**said.visible, **said.writable}:
        if name not in properties:
            continue
        found = properties[name]
        words = _words(said, name)
        if "$ref" in found:  # beside a reference OpenAPI 3.0 reads nothing
            properties[name] = found = {"allOf": [found]}
        found["description"] = "\n\n".join(part for part in (found.get("description"), words) if part)
        if name in schema.get("required", ()):
            schema["required"] = [one for one in schema["required"] if one != name]
    if schema.get("required") == []:
        del schema["required"]


def takes_no_other(serializer: Any, *, enforced: bool) -> bool:
    """Whether a serializer takes and gives its own fields alone.

    Args:
        serializer: a serializer, or its class.
        enforced: whether ``MODE["input"]`` is, for the view that it is of.
    """
    cls: Any = serializer if isinstance(serializer, type) else type(serializer)
    if not getattr(cls, "strict", True) or not (enforced or issubclass(cls, StrictMixin)):
        return False
    # A method of the project's own may give more.
    given: Any = cls.to_representation
    return str(given.__module__).startswith(("rest_framework.", "stockade."))


def _words(said: visible.Declared, name: str) -> str:
    sees, writes = said.visible.get(name), said.writable.get(name)
    parts = []
    if sees is not None:
        parts.append(f"Seen by {sees.describe()}.")
    if writes is not None:
        parts.append(f"Written by {writes.describe()}.")
    return " ".join(parts)

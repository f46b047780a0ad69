"""Fields by caller in the document: who sees them and who writes them, and that nobody may count on them."""

from __future__ import annotations

from typing import Any

from stockade.drf import visible


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


def _words(said: visible.Declared, name: str) -> str:
    sees, writes = said.visible.get(name), said.writable.get(name)
    parts = []
    if sees is not None:
        parts.append(f"Seen by {sees.describe()}.")
    if writes is not None:
        parts.append(f"Written by {writes.describe()}.")
    return " ".join(parts)

"""Registers components with a generator's registry."""

from __future__ import annotations

from typing import Any

from drf_spectacular.drainage import set_override
from drf_spectacular.plumbing import ResolvedComponent

SCHEMA: str = ResolvedComponent.SCHEMA
HEADER: str = ResolvedComponent.HEADER
SECURITY: str = ResolvedComponent.SECURITY_SCHEMA


class _Ours:
    """What our components are made of: drf-spectacular tells two of one name apart by that."""


# Where a package's extension describes the same scheme under the same name, that is meant.
set_override(_Ours, "suppress_collision_warning", True)


def register(registry: Any, name: str, kind: str, schema: dict[str, Any]) -> str:
    """Register a component if there is none of its name, and give the address that refers to it.

    Args:
        registry: of a generator.
        name: of the component.
        kind: one of those above.
        schema: what it says.
    """
    component = ResolvedComponent(name=name, type=kind, schema=schema, object=_Ours)  # type: ignore[no-untyped-call]
    registry.register_on_missing(component)
    return str(component.ref["$ref"])


def schema_names(registry: Any) -> set[str]:
    """The names of the schemas that are registered."""
    return {name for name, kind in registry._components if kind == SCHEMA}

"""The edge: what stands on every answer, whatever view made it. Imports no Django at package level."""

from stockade.edge.profiles import settings

__all__ = ["settings"]

"""Complete mediation: whether a view whose policy speaks of objects has asked about one before its answer leaves."""

from __future__ import annotations

from typing import Any

from django.db.models import Model


class Mediator:
    """Goes with one request; marked by whoever asks the policy, read by the pipeline.

    Args:
        needed: whether a decision has to name an object.
    """

    __slots__ = ("_asked", "_filtered", "last", "needed")

    def __init__(self, needed: bool = True) -> None:
        self.needed = needed
        self._asked = 0
        self.last: Any = None  # what was asked about last
        self._filtered: type[Model] | None = None

    def asked(self, obj: Any) -> None:
        """The policy was asked about `obj`."""
        self._asked += 1
        self.last = obj

    def filtered(self, model: type[Model]) -> None:
        """A queryset of `model` was filtered by the policy."""
        self._filtered = model

    @property
    def decided(self) -> bool:
        """Whether the answer may leave."""
        return not self.needed or self._asked > 0 or self._filtered is not None

    @property
    def named_object(self) -> bool:
        """Whether a single object was asked about: an unsafe method needs that, a filtered list is not enough."""
        return not self.needed or self._asked > 0

    def __repr__(self) -> str:
        model = self._filtered.__name__ if self._filtered is not None else None
        return f"<Mediator needed={self.needed} asked={self._asked} filtered={model}>"

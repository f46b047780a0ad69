"""What may not be seen does not exist (404); what may be seen but not done is forbidden (403). In this order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from stockade.core.errors import NotVisible, Refusal
from stockade.core.principal import Principal
from stockade.policy.base import Policy


@dataclass(frozen=True, slots=True)
class Visibility:
    """One action of a view: who may see its objects, and who may act.

    Args:
        visible: who may see an object; None where the view does not say: then whom `action` refuses sees nothing.
        action: who may do this to it.
    """

    visible: Policy | None
    action: Policy

    @property
    def about_objects(self) -> bool:
        """Whether an object has to be asked about before an answer leaves."""
        return self.action.about_objects or (self.visible is not None and self.visible.about_objects)

    def filter(self, principal: Principal) -> Q:
        """What the caller may see: for fetching the object that is then asked about the action."""
        return (self.visible if self.visible is not None else self.action).filter(principal)

    def listing(self, principal: Principal) -> Q:
        """What the caller may see and may do this to: for lists, and for changes of many at once."""
        found = self.filter(principal)
        if self.visible is None or self.visible is self.action:
            return found
        return found & self.action.filter(principal)

    def refusal(self, principal: Principal, obj: Any) -> Refusal | None:
        """Why the caller may not do this to `obj`, or None if it may: NotVisible first, then what the action says."""
        if self.visible is not None and self.visible is not self.action:
            if not self.visible.check(principal, obj):
                return NotVisible()
            return None if self.action.check(principal, obj) else self.action.refusal(principal, obj)
        return None if self.action.check(principal, obj) else NotVisible()

    def refusal_of_seen(self, principal: Principal, obj: Any) -> Refusal | None:
        """The same for an object that was fetched through `filter`: it is visible, so only the action is asked."""
        if self.visible is None or self.visible is self.action:
            return None
        return None if self.action.check(principal, obj) else self.action.refusal(principal, obj)

    def refusal_of_new(self, principal: Principal, obj: Any) -> Refusal | None:
        """Why the caller may not leave `obj` as it was just saved, or None; ask in the transaction, roll back on any.

        Asks the action, about what is stored now. Whether the new state is one the caller may still see does not
        matter: an editor may hand her draft over.
        """
        return None if self.action.check_new(principal, obj) else self.action.refusal(principal, obj)


def refusal_at_the_door(
    principal: Principal, action: Policy, visible: Policy | None = None
) -> Refusal | None:
    """Why the caller is refused whatever the object, before the view runs, or None if that depends or is admitted.

    Args:
        visible: of an action on existing objects; None for one that makes a new one.
    """
    if visible is not None and visible is not action and visible.admits(principal) is False:
        return visible.refusal(principal)
    return action.refusal(principal) if action.admits(principal) is False else None

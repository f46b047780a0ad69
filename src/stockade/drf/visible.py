"""Fields by caller: who may see a field of a serializer, and who may write it, declared once in its Meta.

    class Meta:
        model = Employee
        fields = ["name", "salary", "notes"]
        visible = {"salary, notes": Role("hr") | Scope("payroll")}
        writable = {"salary": Role("hr")}

What a caller may not see is not in answers, forms, OPTIONS, or the document made for that caller; sent, it is as
unknown as any other name. What may not be seen may not be written either, unless `writable` says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, NamedTuple

from stockade.core.context import current
from stockade.core.errors import ConfigurationError, Forbidden
from stockade.core.principal import ANONYMOUS, Principal
from stockade.pipeline.exchange import Exchange
from stockade.policy import Policy
from stockade.policy.base import Undecidable

HOW = 'Write a dict of rules by field: visible = {"salary": Role("hr") | Scope("payroll")}.'
UNSEEN = "field_not_visible"


class Everything(NamedTuple):
    """In the place of a caller: the document for everyone, which shows each field and says who sees it."""


_EVERYTHING = Everything()
_asking: ContextVar[Principal | Everything | None] = ContextVar("stockade_fields_for", default=None)


@contextmanager
def fields_for(caller: Principal | None) -> Iterator[None]:
    """Within it serializers have the fields that `caller` may see; all of them where it is None.

    For documents, and for what a project's own code makes without a request: exports, mails, tasks.
    """
    token = _asking.set(_EVERYTHING if caller is None else caller)
    try:
        yield
    finally:
        _asking.reset(token)


class Declared(NamedTuple):
    """What a serializer's Meta says.

    Args:
        visible: who may see a field, by its name.
        writable: who may write it, where that is not who may see it.
    """

    visible: Mapping[str, Policy]
    writable: Mapping[str, Policy]

    def writing(self, name: str) -> Policy | None:
        """Who may write a field; None for whoever may use the view."""
        return self.writable.get(name, self.visible.get(name))


NOTHING = Declared({}, {})


def declared(cls: type[Any]) -> Declared:
    """What `cls` declares.

    Raises:
        ConfigurationError: it is no dict of rules.
    """
    meta = getattr(cls, "Meta", None)
    visible, writable = getattr(meta, "visible", None), getattr(meta, "writable", None)
    if not visible and not writable:
        return NOTHING
    return Declared(_rules(cls, "visible", visible or {}), _rules(cls, "writable", writable or {}))


def _rules(cls: type[Any], which: str, said: Any) -> dict[str, Policy]:
    if not isinstance(said, Mapping):
        raise ConfigurationError("stockade.E236", f"{_name(cls)}.Meta.{which} is no dict.", HOW)
    found: dict[str, Policy] = {}
    for names, rule in said.items():
        if not isinstance(names, str) or not isinstance(rule, Policy):
            raise ConfigurationError(
                "stockade.E236", f"{_name(cls)}.Meta.{which}[{names!r}] is no rule for a field.", HOW
            )
        for name in (part.strip() for part in names.split(",")):
            if name in found:
                raise ConfigurationError(
                    "stockade.E236",
                    f"{_name(cls)}.Meta.{which} names {name!r} twice.",
                    "Name each field once.",
                )
            found[name] = rule
    return found


def _name(cls: type[Any]) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def require_known(cls: type[Any], said: Declared, fields: Mapping[str, Any]) -> None:
    """Refuse a name that is of no field: misspelt, it would leave the field open to everyone.

    Raises:
        ConfigurationError: so it is.
    """
    model = getattr(getattr(cls, "Meta", None), "model", None)
    for name in {**said.visible, **said.writable}:
        # A class that shows fewer fields than the one it derives from may inherit what that says of the others.
        if (
            name not in fields
            and name not in getattr(cls, "_declared_fields", {})
            and not hasattr(model, name)
        ):
            raise ConfigurationError(
                "stockade.E237",
                f"{_name(cls)}.Meta speaks of {name!r}, and there is no such field.",
                f"It has {', '.join(fields)}.",
            )


def caller_of(context: Mapping[str, Any]) -> Principal | Everything:
    """For whom a serializer's fields are meant: by `fields_for`, by its request, or by the request at hand.

    Without any of these it is for nobody in particular, who sees what everyone may.
    """
    asked = _asking.get()
    if asked is not None:
        return asked
    request = context.get("request")
    http = getattr(request, "_request", request)
    exchange: Exchange | None = getattr(http, "stockade", None)
    if exchange is not None:
        return exchange.principal if not _only_recorded(exchange) else _EVERYTHING
    at_hand = current.get()
    principal = at_hand.principal if at_hand is not None else None
    return principal if principal is not None else ANONYMOUS


def _only_recorded(exchange: Exchange) -> bool:
    """Whether the view's mode has policies only recorded."""
    return (
        exchange.leaf is not None
        and not exchange.leaf.mode.policies
        and exchange.spares(Forbidden(reason=UNSEEN))
    )


def admits(rule: Policy | None, caller: Principal | Everything, obj: Any = None) -> bool | None:
    """Whether a rule admits the caller: to `obj`, or without one to every object; None where that depends on it."""
    if rule is None or isinstance(caller, Everything):
        return True
    if obj is None or not rule.about_objects:
        return rule.admits(caller)
    try:
        return rule.check(caller, obj)
    except Undecidable:
        return False


def hidden_sources(cls: Any, caller: Principal | Everything) -> frozenset[str]:
    """The sources of fields that the caller may not see of every object: to order or filter by them would tell them.

    Those of serializers that are nested count as well, as ``author__salary``.
    """
    if isinstance(caller, Everything):
        return frozenset()
    return frozenset(source for source, rule in _ruled(cls) if admits(rule, caller) is not True)


_DEEPEST = 10  # serializers within each other


@lru_cache(maxsize=1024)
def _ruled(cls: Any, depth: int = 0) -> tuple[tuple[str, Policy], ...]:
    """The sources of a serializer's fields that have a rule about who sees them, and the rule."""
    given: Mapping[str, Any] = getattr(cls, "_declared_fields", {})
    more: Mapping[str, Any] = getattr(getattr(cls, "Meta", None), "extra_kwargs", {})
    found: list[tuple[str, Policy]] = []
    for name, rule in declared(cls).visible.items():
        source = getattr(given.get(name), "source", None) or more.get(name, {}).get("source") or name
        found.append((_as_lookup(source), rule))
    for name, field in given.items():
        nested: Any = type(getattr(field, "child", field))
        if depth < _DEEPEST and hasattr(nested, "_declared_fields"):
            way = "" if field.source == "*" else f"{_as_lookup(field.source or name)}__"
            found += [(way + source, rule) for source, rule in _ruled(nested, depth + 1)]
    return tuple(found)


def _as_lookup(source: object) -> str:
    return str(source).replace(".", "__")

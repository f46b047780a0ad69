"""How a `Q` is written back as the code that made it."""

from __future__ import annotations

from typing import Any

from django.db.models import Model, Q, QuerySet

_SIGNS = {Q.AND: " & ", Q.OR: " | ", Q.XOR: " ^ "}


def spell(q: Q, *, bare: bool = False) -> str:
    """`q` as Python, e.g. ``Q(published=True) | ~Q(author=None)``.

    Args:
        bare: without the `Q(...)` around, for prose.
    """
    if q.negated:
        inner = spell(Q(*q.children, _connector=q.connector), bare=bare)
        return f"~{inner}" if _is_simple(q) and not bare else f"~({inner})"
    if _is_simple(q):
        pairs: Any = q.children
        inner = ", ".join(f"{name}={_spell_value(value)}" for name, value in pairs)
        return inner if bare else f"Q({inner})"
    return _SIGNS[q.connector].join(_spell_part(child, bare) for child in q.children) or "Q()"


def _is_simple(q: Q) -> bool:
    """Whether one `Q(...)` says it all."""
    return q.connector == Q.AND and bool(q.children) and all(isinstance(child, tuple) for child in q.children)


def _spell_part(child: Any, bare: bool) -> str:
    if isinstance(child, Q):
        spelled = spell(child, bare=bare)
        return spelled if child.negated or _is_simple(child) else f"({spelled})"
    inner = f"{child[0]}={_spell_value(child[1])}" if isinstance(child, tuple) else repr(child)
    return inner if bare else f"Q({inner})"


def _spell_value(value: Any) -> str:
    """Like `repr`, but without the queries that a queryset's, or a row's, would make."""
    if isinstance(value, QuerySet):
        return f"<{value.model.__name__} rows>"
    if isinstance(value, Model):
        return f"<{type(value).__name__} {value.pk}>"
    return repr(value)

"""Where a lookup leads: through which relations, to how many rows, and what remains as transforms and lookup."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model
from django.db.models.constants import LOOKUP_SEP

from stockade.core.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Path:
    """A path of field names, followed on one model.

    Args:
        model: where it starts.
        names: the field names that were followed.
        fields: the fields behind them, relations and, last, maybe a plain one.
        rest: what is no field: transforms and a lookup.
        many: whether it can lead to more than one row.
        local: whether its value stands in the row itself (a column; of a foreign key, the key).
    """

    model: type[Model]
    names: tuple[str, ...]
    fields: tuple[Any, ...]
    rest: tuple[str, ...]
    many: bool
    local: bool

    @property
    def final(self) -> Any:
        """The field at the end."""
        return self.fields[-1]

    @property
    def name(self) -> str:
        """The path as Django writes it, without the rest."""
        return LOOKUP_SEP.join(self.names)

    @property
    def nullable(self) -> bool:
        """Whether the value can be NULL: anywhere but in a local column that is declared not to be."""
        return not self.local or bool(self.final.null)


def follow(model: type[Model], path: str, rule: object) -> Path:
    """Follow `path` from `model`.

    Args:
        rule: who asks; named in the error.

    Raises:
        ConfigurationError: it does not begin with a field, or leads where no query can go.
    """
    parts = path.split(LOOKUP_SEP)
    names: list[str] = []
    fields: list[Any] = []
    here: type[Model] | None = model
    for part in parts:
        if here is None:
            break
        try:
            field: Any = here._meta.get_field(here._meta.pk.name if part == "pk" else part)
        except FieldDoesNotExist:
            if not names:
                raise _unknown(model, part, rule) from None
            break
        if not field.is_relation:
            here = None
        elif field.related_model is None:
            raise ConfigurationError(
                "stockade.E044",
                f"{rule!r}: {here.__name__}.{part} is a generic relation, and no query can follow it.",
                "Write a Rule of your own for it.",
            )
        else:
            here = field.related_model
        names.append(part)
        fields.append(field)
    rest = tuple(parts[len(names) :])
    if rest and here is not None and fields[-1].get_lookup(rest[0]) is None:
        raise _unknown(here, rest[0], rule)
    if len(fields) == 2 and _has_column(fields[0]) and fields[1] is getattr(fields[0], "target_field", None):
        # author__pk is author_id: the key stands in the row.
        names, fields = names[:1], fields[:1]
    many = any(field.one_to_many or field.many_to_many for field in fields)
    return Path(model, tuple(names), tuple(fields), rest, many, len(fields) == 1 and _has_column(fields[0]))


def _has_column(field: Any) -> bool:
    return bool(field.concrete and getattr(field, "column", None))


def _unknown(model: type[Model], name: str, rule: object) -> ConfigurationError:
    known = sorted(field.name for field in model._meta.get_fields())
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean {close[0]!r}?" if close else f"It has: {', '.join(known)}."
    return ConfigurationError("stockade.E044", f"{rule!r}: {model.__name__} has no field {name!r}.", hint)

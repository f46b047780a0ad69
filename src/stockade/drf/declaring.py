"""Serializers whose Meta says who sees a field, and is not heard: found at the start, in all that are imported then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rest_framework.serializers import Serializer

from stockade.core.errors import ConfigurationError
from stockade.drf import visible
from stockade.drf.serializers import StrictMixin
from stockade.drf.survey import probe
from stockade.pipeline.finding import Finding
from stockade.policy import Policy


def serializer_findings() -> Iterator[Finding]:
    """What stops the start: rules for a field that there is not, and rules that nothing asks."""
    for cls in _below(Serializer):
        if "<locals>" not in cls.__qualname__:  # made for one call
            yield from findings_of(cls)


def findings_of(cls: type[Any]) -> Iterator[Finding]:
    """The same of one serializer class."""
    if not issubclass(cls, StrictMixin):
        if _speaks(cls):
            yield Finding(
                "stockade.E239",
                f"{cls.__module__}.{cls.__qualname__}.Meta says who may see a field, and nothing asks it.",
                "Derive it from stockade.drf.serializers.StrictMixin, named before the serializer class.",
            )
        return
    try:
        if visible.declared(cls) is not visible.NOTHING:
            _make(cls)
    except ConfigurationError as error:
        yield Finding.of(error)


def _below(cls: type[Any]) -> Iterator[type[Any]]:
    seen: set[type[Any]] = set()
    todo = [cls]
    while todo:
        for below in todo.pop().__subclasses__():
            if below not in seen:
                seen.add(below)
                todo.append(below)
                yield below


def _speaks(cls: type[Any]) -> bool:
    """Whether a Meta has rules; a project may use these names for something else."""
    meta = getattr(cls, "Meta", None)
    said = [getattr(meta, name, None) for name in ("visible", "writable")]
    return any(
        isinstance(one, Mapping) and any(isinstance(rule, Policy) for rule in one.values()) for one in said
    )


def _make(cls: type[Any]) -> None:
    """Make its fields, which finds a name that is of none.

    Raises:
        ConfigurationError: so it is.
    """
    wrong: list[ConfigurationError] = []

    def fields() -> None:
        with visible.fields_for(None):
            try:
                _ = cls().fields
            except ConfigurationError as error:
                wrong.append(error)

    probe.ask(fields, heard=True)  # a class that cannot be made so is no mistake
    if wrong:
        raise wrong[0]

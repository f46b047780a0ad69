"""Content-Security-Policy of pages: Django 6's SECURE_CSP, with its nonces, and on Django 5.2 the same.

The settings and the nonce are Django's own (`django.utils.csp`), so that a project that moves to Django 6 changes
nothing, and one that has its middleware already may take that out: `stockade.web.Middleware` does its work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any

import django

if TYPE_CHECKING:
    from django.http import HttpRequest

ENFORCED, REPORTED = "Content-Security-Policy", "Content-Security-Policy-Report-Only"
NONCE = "<CSP_NONCE_SENTINEL>"  # the value of `django.utils.csp.CSP.NONCE`
FRAMES = "frame-ancestors"
_MARK = "{nonce}"  # stands for the nonce until there is one; no value of a directive has braces

Config = Mapping[str, Any]


class _Nonce:
    """Django 6's LazyNonce for Django 5.2: made when a template first writes it; true once it was."""

    def __init__(self) -> None:
        self._value = ""

    def __str__(self) -> str:
        self._value = self._value or token_urlsafe(16)
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)


def _render(config: Config, nonce: str | None) -> str:
    """What `django.utils.csp.build_policy` writes, for Django 5.2."""
    parts = []
    for directive, given in config.items():
        if given is None or given is False:
            continue
        values: list[str] = []
        if given is not True:
            values = sorted(given) if isinstance(given, set | frozenset) else given
            values = list(values) if isinstance(values, list | tuple) else [str(values)]
            wanted = [f"'nonce-{nonce}'" if value == NONCE else value for value in values]
            values = wanted if nonce else [value for value in values if value != NONCE]
            if not values:
                continue
        parts.append(" ".join([directive, *values]))
    return "; ".join(parts)


def build(config: Config, nonce: str | None = None) -> str:
    """A policy as its header says it; without a nonce no place is left for one."""
    if django.VERSION >= (6, 0):
        from django.utils.csp import build_policy

        return str(build_policy(config, nonce))
    return _render(config, nonce)


def new_nonce() -> object:
    """A nonce of 128 bits, made when it is first written."""
    if django.VERSION >= (6, 0):
        from django.utils.csp import LazyNonce

        return LazyNonce()
    return _Nonce()


def nonce(request: HttpRequest) -> dict[str, object]:
    """Context processor: ``{{ csp_nonce }}`` for ``<script nonce=...>``. Django 6's own does as well."""
    return {"csp_nonce": getattr(request, "_csp_nonce", None)}


def asks_nonce(config: Config | None) -> bool:
    """Whether a policy has a place for a nonce."""
    return any(
        NONCE in (values if isinstance(values, list | tuple | set | frozenset) else [values])
        for values in (config or {}).values()
    )


@dataclass(frozen=True, slots=True)
class Prepared:
    """One policy, written once with a nonce and once without."""

    plain: str
    marked: str

    def text(self, given: object) -> str:
        """The policy for an answer whose page has used its nonce, or has not."""
        return self.marked.replace(_MARK, str(given)) if given else self.plain


def prepare(config: Config) -> Prepared:
    """A policy of the settings."""
    plain = build(config)
    return Prepared(plain, build(config, _MARK) if asks_nonce(config) else plain)

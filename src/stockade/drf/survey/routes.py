"""Every view of the project with its routes: what the URL conf says, and which views are other packages' own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from stockade.drf.survey.source import CREDENTIALS, is_own, plain

_GENERIC = "django.views.generic"
_REDIRECT = "django.views.generic.base.RedirectView"  # answers with an address, and has nothing to protect


@dataclass(frozen=True, slots=True)
class Route:
    """One URL pattern.

    Args:
        path: as Django shows it, with a slash before.
        name: by which it is reversed, with its namespaces; "" without a name.
        callback: the view.
        arguments: the names of what the path captures; numbers where it has none.
        apps: the app names and namespaces on the way.
    """

    path: str
    name: str
    callback: Callable[..., Any]
    arguments: frozenset[str]
    apps: tuple[str, ...]


def routes() -> Iterator[Route]:
    """Every pattern of ROOT_URLCONF, and of PUBLIC_SCHEMA_URLCONF where tenants have another."""
    from django.conf import settings
    from django.urls import get_resolver

    confs = [None]
    public = getattr(settings, "PUBLIC_SCHEMA_URLCONF", None)
    if public and public != settings.ROOT_URLCONF:
        confs.append(public)
    for conf in confs:
        yield from _walk(get_resolver(conf), "", frozenset(), (), ())


def _walk(
    resolver: Any, before: str, names: frozenset[str], apps: tuple[str, ...], spaces: tuple[str, ...]
) -> Iterator[Route]:
    for pattern in resolver.url_patterns:
        path, captured = before + _text(pattern.pattern), names | _captured(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            inner_apps = (*apps, pattern.app_name) if pattern.app_name else apps
            inner_spaces = (*spaces, pattern.namespace) if pattern.namespace else spaces
            yield from _walk(pattern, path, captured, inner_apps, inner_spaces)
        else:
            name = ":".join((*spaces, pattern.name)) if pattern.name else ""
            yield Route(f"/{path}", name, pattern.callback, captured, (*apps, *spaces))


def _text(pattern: Any) -> str:
    return str(pattern).removeprefix("^").removesuffix("$").removesuffix(r"\Z").replace("^", "")


def _captured(pattern: Any) -> frozenset[str]:
    converters = getattr(pattern, "converters", None)
    if converters:
        return frozenset(converters)
    regex = getattr(pattern, "regex", None)
    named = frozenset(getattr(regex, "groupindex", ()))
    return named or frozenset(str(at) for at in range(getattr(regex, "groups", 0)))


def behind(callback: Any) -> Any:
    """The class of a view, or the function without its wrappers."""
    return (
        getattr(callback, "cls", None)
        or getattr(callback, "view_class", None)
        or plain(callback)
        or (callback if isinstance(callback, type) else type(callback))
    )


def name_of(target: Any) -> str:
    """The dotted name of a view."""
    name = str(getattr(target, "__qualname__", ""))
    if isinstance(target, type) and target.__name__ != name.rpartition(".")[2]:
        name = target.__name__  # DRF's @api_view names its classes after the function, by __name__ alone
    return f"{target.__module__}.{name}"


def package_of(target: Any) -> str:
    """The package that a view comes from, where it is not the project's to mend; "" where it is judged."""
    module = str(target.__module__)
    if is_own(module) or (module.startswith(_GENERIC) and name_of(target) != _REDIRECT):
        return ""
    if any(module == package or module.startswith(f"{package}.") for package in CREDENTIALS):
        return ""
    return (
        ".".join(module.split(".")[:3]) if module.startswith("django.contrib.") else module.partition(".")[0]
    )

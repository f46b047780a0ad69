"""CORS by django-cors-headers, from the one declaration CORS: per path, within our own middleware.

Within, because ours is first: also what it refuses must be readable for the page that asked, and a preflight, which
carries no credential, must not be refused for lacking one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from django.http import HttpResponse
from django.utils.cache import patch_vary_headers

from stockade import conf
from stockade.core.errors import ConfigurationError
from stockade.core.forwarded import meta_name
from stockade.edge.conf import ANY, CorsSettings
from stockade.edge.headers import Store
from stockade.edge.origins import pattern

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponseBase

MIDDLEWARE = "corsheaders.middleware.CorsMiddleware"
_VARY, _OWN = "vary", "access-control-"
_MOST, _LONGEST = 1000, 255  # origins that are remembered, and characters of one


@dataclass(frozen=True, slots=True)
class Rule:
    """What holds for a path.

    origins, wildcards, anyone: whose pages may read; `origins` as they are, `wildcards` for subdomains.
    credentials, methods, headers, expose, max_age: as in CORS.
    """

    origins: frozenset[str]
    wildcards: re.Pattern[str] | None
    anyone: bool
    credentials: bool
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    expose: tuple[str, ...]
    max_age: int

    def allows(self, origin: str) -> bool:
        """Whether pages of this origin may read."""
        return origin in self.origins or (
            self.wildcards is not None and self.wildcards.fullmatch(origin) is not None
        )


def rules(settings: CorsSettings) -> list[tuple[str, Rule | None]]:
    """The rules by the beginning of a path, the longest first; none where CORS is not declared.

    Raises:
        ConfigurationError: every origin, and cookies with it (stockade.E193).
    """
    general = {
        "ORIGINS": settings.origins, "CREDENTIALS": settings.credentials, "METHODS": settings.methods,
        "HEADERS": settings.headers, "EXPOSE": settings.expose, "MAX_AGE": settings.max_age,
    }  # fmt: skip
    found: list[tuple[str, Rule | None]] = []
    for path, own in sorted({"": {}, **settings.paths}.items(), key=lambda item: -len(item[0])):
        found.append((path, None if own is None else _rule(path, {**general, **own})))
    return found if any(rule is not None for _, rule in found) else []


def _rule(path: str, values: Mapping[str, Any]) -> Rule | None:
    origins = values["ORIGINS"]
    if not origins:
        return None
    if ANY in origins and values["CREDENTIALS"]:
        where = f"CORS, path {path}" if path else "CORS"
        raise ConfigurationError(
            "stockade.E193",
            f"{where} lets pages of every origin read answers to requests with the cookies of whoever looks at them.",
            'Name the origins of your pages in "ORIGINS", or write "CREDENTIALS": False there.',
        )
    return Rule(
        frozenset(origins),
        pattern(origins),
        ANY in origins,
        values["CREDENTIALS"],
        values["METHODS"],
        values["HEADERS"],
        values["EXPOSE"],
        int(values["MAX_AGE"]),
    )


def permits(request: HttpRequest, names: Collection[str]) -> bool:
    """Whether a page of the request's origin may send one of these headers: CORS, ours or the library's, says so.

    What no page may send was not sent by one: a browser or a proxy has added it.

    Args:
        request: with its Origin.
        names: keys of request.META.
    """
    from django.conf import settings

    origin = request.META.get("HTTP_ORIGIN", "")
    declared = rules(conf.load(CorsSettings))
    if declared:
        rule = next((rule for start, rule in declared if request.path_info.startswith(start)), None)
        return rule is not None and (rule.anyone or rule.allows(origin)) and _listed(rule.headers, names)
    if MIDDLEWARE not in settings.MIDDLEWARE:
        return False
    from corsheaders.conf import conf as library
    from corsheaders.signals import check_request_enabled

    if not _listed(library.CORS_ALLOW_HEADERS, names):
        return False
    if library.CORS_ALLOW_ALL_ORIGINS or check_request_enabled.has_listeners():
        return True
    return origin in library.CORS_ALLOWED_ORIGINS or any(
        re.match(one, origin) for one in library.CORS_ALLOWED_ORIGIN_REGEXES
    )


def _listed(allowed: Iterable[str], names: Collection[str]) -> bool:
    return any(meta_name(one) in names for one in allowed)


class Cors:
    """Preflights answered, and answers marked as readable.

    Args:
        found: see `rules`.

    Raises:
        ConfigurationError: django-cors-headers is not installed (stockade.E194).
    """

    def __init__(self, found: list[tuple[str, Rule | None]]) -> None:
        if find_spec("corsheaders") is None:
            raise ConfigurationError(
                "stockade.E194",
                "CORS is declared, and django-cors-headers is not installed.",
                "Write django-stockade[cors] where you name your dependencies.",
            )
        self._rules = found
        self._library = _library()
        self._known: dict[tuple[int, str, bool], Store] = {}

    def _rule(self, request: HttpRequest) -> Rule | None:
        path = request.path_info
        return next((rule for start, rule in self._rules if path.startswith(start)), None)

    def preflight(self, request: HttpRequest) -> HttpResponseBase | None:
        """The answer to a preflight; None for every other request, and where nothing is allowed."""
        rule = self._rule(request) if request.method == "OPTIONS" else None
        if rule is None:
            return None
        with _heeding(rule):
            return self._library.check_preflight(request)  # type: ignore[no-any-return]

    def mark(self, request: HttpRequest, response: HttpResponseBase) -> None:
        """Say on an answer whose pages may read it."""
        rule = self._rule(request)
        if rule is None:
            return
        meta = request.META
        key = (id(rule), meta.get("HTTP_ORIGIN", ""), request.method == "OPTIONS")
        found = self._known.get(key)
        if found is None:
            found = self._ask(rule, request)
            if len(self._known) >= _MOST:
                self._known.clear()
            if len(key[1]) <= _LONGEST:  # strangers write what they like
                self._known[key] = found
        store: Store = response.headers._store  # noqa: SLF001
        if _VARY in store:
            patch_vary_headers(response, ("origin",))
        store.update({name: pair for name, pair in found.items() if name != _VARY or name not in store})

    def _ask(self, rule: Rule, request: HttpRequest) -> Store:
        """What the library says of such a request, on an empty answer: it depends on nothing but rule and origin."""
        blank = HttpResponse()
        with _heeding(rule):
            self._library.add_response_headers(request, blank)
        store: Store = blank.headers._store  # noqa: SLF001
        return {name: pair for name, pair in store.items() if name == _VARY or name.startswith(_OWN)}


_current: ContextVar[Rule | None] = ContextVar("stockade_cors", default=None)


@contextmanager
def _heeding(rule: Rule) -> Iterator[None]:
    _current.set(rule)
    try:
        yield
    finally:
        _current.set(None)


def make(settings: CorsSettings) -> Cors | None:
    """CORS as declared; None where it is not."""
    found = rules(settings)
    return Cors(found) if found else None


def _library() -> Any:
    """The middleware of django-cors-headers, reading our rule in place of Django's CORS_* settings.

    It asks one object of its own for each of them, `corsheaders.middleware.conf`; there is no other way in. Where no
    rule of ours is at hand that object answers from the settings, as ever.
    """
    from corsheaders import middleware
    from corsheaders.conf import Settings

    def read(name: str, own: Any) -> property:
        known = getattr(Settings, name)

        def get(self: Any) -> Any:
            rule = _current.get()
            return known.fget(self) if rule is None else own(rule)

        return property(get)

    class Declared(Settings):
        CORS_ALLOW_HEADERS = read("CORS_ALLOW_HEADERS", lambda rule: rule.headers)
        CORS_ALLOW_METHODS = read("CORS_ALLOW_METHODS", lambda rule: rule.methods)
        CORS_ALLOW_CREDENTIALS = read("CORS_ALLOW_CREDENTIALS", lambda rule: rule.credentials)
        CORS_ALLOW_PRIVATE_NETWORK = read("CORS_ALLOW_PRIVATE_NETWORK", lambda rule: False)
        CORS_PREFLIGHT_MAX_AGE = read("CORS_PREFLIGHT_MAX_AGE", lambda rule: rule.max_age)
        CORS_ALLOW_ALL_ORIGINS = read("CORS_ALLOW_ALL_ORIGINS", lambda rule: rule.anyone)
        CORS_EXPOSE_HEADERS = read("CORS_EXPOSE_HEADERS", lambda rule: rule.expose)

    class Ruled(middleware.CorsMiddleware):
        def is_enabled(self, request: HttpRequest) -> bool:
            return True  # a rule was found for the path

        def check_signal(self, request: HttpRequest) -> bool:
            return False  # what is declared is all

        def origin_found_in_white_lists(self, origin: str, url: Any) -> bool:
            rule = _current.get()
            return rule is not None and rule.allows(origin)

    middleware.conf = Declared()  # type: ignore[attr-defined]
    return Ruled(lambda request: HttpResponse())  # which nobody calls

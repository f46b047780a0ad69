"""Facts about credentials of views: `login-unlimited`, `basic-auth`, `credential-in-query`, `token-forever`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from django.utils.module_loading import import_string
from rest_framework.authentication import BaseAuthentication

from stockade import conf
from stockade.drf.survey import probe, source
from stockade.drf.survey.asked import dotted, lineage
from stockade.drf.survey.byhand import applied, decorated, written_in
from stockade.drf.survey.facts import SETTINGS, Fact, beside
from stockade.drf.survey.logins import verifies_passwords
from stockade.drf.survey.stood import ours_decide, refused_anyway, stood, without_ours
from stockade.drf.survey.throttles import counting
from stockade.drf.survey.views import Handler, View

_LOGINS = {
    "rest_framework_simplejwt.views.TokenObtainPairView",
    "rest_framework_simplejwt.views.TokenObtainSlidingView",
    "rest_framework.authtoken.views.ObtainAuthToken",
    "knox.views.LoginView",
    "dj_rest_auth.views.LoginView",
}
_BASIC = "rest_framework.authentication.BasicAuthentication"
_TOKEN = "rest_framework.authentication.TokenAuthentication"  # noqa: S105 - a class
_SCHEMES = 'STOCKADE["SCHEMES"]'
_IN_QUERY = "{} reads a credential from the query string, which stands in logs, histories and referrers."
_LIMITERS = ("axes", "defender")
_LOGIN_LIMITS = "stockade.schemes.backend.LoginLimits"


def authenticators(handler: Handler) -> list[type[Any]]:
    """The classes of a handler's authenticators."""
    decided = ours_decide() and (refused_anyway() or handler.view.declared(handler))
    judging = without_ours if decided else stood
    found = probe.ask(lambda: judging(probe.view_of(handler, probe.anonymous()).get_authenticators()))
    return [] if found is probe.UNKNOWN else [type(each) for each in found]


def used(views: list[View]) -> list[type[Any]]:
    """Every authenticator of the project: of its views, and in SCHEMES."""
    found: dict[type[Any], None] = {}
    for view in views:
        for handler in view.handlers if view.rest else ():
            found.update(dict.fromkeys(authenticators(handler)))
    return list(dict.fromkeys([*found, *named()]))


def named() -> list[type[Any]]:
    """The DRF authenticators that SCHEMES names: every view is asked for them, whatever it lists itself."""
    if not ours_decide():
        return []
    paths = [path for path in conf.raw().get("SCHEMES") or () if isinstance(path, str) and "." in path]
    found = [probe.ask(partial(import_string, path)) for path in paths]
    return [cls for cls in found if isinstance(cls, type) and issubclass(cls, BaseAuthentication)]


def login_unlimited(view: View) -> Iterator[Fact]:
    """Login views, of known packages or of the project's own, on which guesses are not counted."""
    if limited_elsewhere():
        return
    known = view.cls is not None and bool(lineage(view.cls) & _LOGINS)
    found = [
        handler
        for handler in view.handlers
        if handler.method == "POST" and (known or verifies_passwords(handler)) and _is_free(handler)
    ]
    if found:
        yield Fact(
            "login-unlimited",
            view.name,
            view.where,
            "Passwords may be guessed here as fast as the server answers: no throttle counts.",
            beside("LIMITS", '"login": "5/min"', '"login_address": "30/min"') + "\n" + _backends(),
            ("POST",),
        )


def _backends() -> str:
    """AUTHENTICATION_BACKENDS with ours first, whole: most settings do not name the list that is Django's default."""
    from django.conf import settings

    listed = [_LOGIN_LIMITS, *(name for name in settings.AUTHENTICATION_BACKENDS if name != _LOGIN_LIMITS)]
    return "\n".join(["AUTHENTICATION_BACKENDS = [", *(f'    "{name}",' for name in listed), "]"])


def limited_elsewhere() -> bool:
    """Whether something outside of the view counts failed logins."""
    from django.conf import settings

    if conf.configured() and _LOGIN_LIMITS in settings.AUTHENTICATION_BACKENDS:
        return True
    listed = [*settings.AUTHENTICATION_BACKENDS, *settings.MIDDLEWARE]
    return any(name.partition(".")[0] in _LIMITERS for name in listed)


def _is_free(handler: Handler) -> bool:
    cls = handler.view.cls
    if any(source.overridden(cls, name) for name in ("check_throttles", "dispatch", "initial")):
        return False
    if any("limit" in name for name in _decorators(handler)) or decorated(handler):
        return False
    found = counting(handler) if handler.view.rest else []
    return found is not probe.UNKNOWN and not found


def _decorators(handler: Handler) -> list[str]:
    return [f"{written_in(each)}.{each.__code__.co_qualname}".lower() for each in applied(handler)]


def basic_auth(view: View) -> Iterator[Fact]:
    """Views that take a password with each request."""
    if not view.rest:
        return
    if any(_BASIC in lineage(cls) for handler in view.handlers for cls in authenticators(handler)):
        yield Fact(
            "basic-auth",
            view.name,
            view.where,
            "BasicAuthentication is among its authenticators: the password itself comes with every request, and is "
            "verified anew each time, unlimited.",
            "from rest_framework.authentication import SessionAuthentication\n\n"
            "# in the view, or by DEFAULT_AUTHENTICATION_CLASSES:\n"
            "authentication_classes = [SessionAuthentication]",
        )


def in_query(view: View) -> Iterator[Fact]:
    """Authenticators of the project that read the query string."""
    if not view.rest:
        return
    found = {cls: None for handler in view.handlers for cls in authenticators(handler) if reads_query(cls)}
    if found:
        yield Fact(
            "credential-in-query",
            view.name,
            source.place_of_class(next(iter(found))),
            _IN_QUERY.format(" and ".join(map(dotted, found))),
            "# Let clients send it in a header: Authorization: Bearer ...\n"
            "from rest_framework.authentication import SessionAuthentication\n\n"
            "authentication_classes = [SessionAuthentication]  # in the view, instead",
        )


def in_schemes(views: list[View]) -> Iterator[Fact]:
    """The same of SCHEMES, where no view lists them itself any more."""
    listed = {
        cls
        for view in views
        for handler in (view.handlers if view.rest else ())
        for cls in authenticators(handler)
    }
    left = [cls for cls in named() if cls not in listed]
    for cls in left:
        if _BASIC in lineage(cls):
            yield Fact(
                "basic-auth",
                SETTINGS,
                _SCHEMES,
                "BasicAuthentication is among SCHEMES: the password itself comes with every request, and is verified "
                "anew each time. Wrong ones count for failed_auth.",
                "# Give machines a token or a key, and take it out of SCHEMES.",
            )
            break
    for cls in left:
        if reads_query(cls):
            yield Fact(
                "credential-in-query",
                SETTINGS,
                source.place_of_class(cls),
                _IN_QUERY.format(dotted(cls)),
                "# Let clients send it in a header, and take it out of SCHEMES.",
            )
            break


def reads_query(cls: type[Any]) -> bool:
    """Whether an authenticator of the project reads the query string."""
    if not source.is_own(cls.__module__):
        return False
    method = getattr(cls, "authenticate", None)
    for function, node in source.reached(cls, method):
        if source.own_function(function) is not None and {"GET", "query_params"} & source.words(node):
            return True
    return False


def token_forever(views: list[View]) -> Iterator[Fact]:
    """DRF's own tokens, where they are in use."""
    from django.apps import apps

    if not apps.is_installed("rest_framework.authtoken"):
        return
    issued = any(
        view.cls is not None and "rest_framework.authtoken.views.ObtainAuthToken" in lineage(view.cls)
        for view in views
    )
    taken = [cls for cls in used(views) if _TOKEN in lineage(cls)]
    if not taken and not issued:
        return
    if taken and all(_expires(cls) for cls in taken):
        return
    yield Fact(
        "token-forever",
        SETTINGS,
        "INSTALLED_APPS",
        "Tokens of rest_framework.authtoken never expire, and whoever reads the database has them all.",
        '# "jwt" in STOCKADE["SCHEMES"]: tokens that expire, and end with their session',
    )


def _expires(cls: type[Any]) -> bool:
    """Whether an authenticator of the project looks at a token's age, or takes tokens of another model."""
    method = source.own_function(getattr(cls, "authenticate_credentials", None))
    node = source.tree(method) if method is not None else None
    if node is not None and {
        "created",
        "expires",
        "expiry",
        "timedelta",
        "expired",
        "expires_at",
    } & source.words(node):
        return True
    model = getattr(cls, "model", None)
    return model is not None and model.__module__ != "rest_framework.authtoken.models"

"""Finds the enabled schemes: ours by name, foreign ones by the dotted path of a DRF authenticator."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from stockade import conf
from stockade.core.errors import ConfigurationError
from stockade.schemes import engine
from stockade.schemes.conf import SchemeSettings
from stockade.schemes.foreign import ForeignScheme
from stockade.schemes.protocol import Scheme


def _jwt() -> Scheme:
    from stockade.schemes.jwt import JWTScheme

    return JWTScheme()


def _session() -> Scheme:
    from stockade.schemes.session import SessionScheme

    return SessionScheme()


def _simplejwt() -> Scheme:
    from stockade.schemes.simplejwt.scheme import SimpleJWTScheme

    return SimpleJWTScheme()


def _token() -> Scheme:
    from stockade.schemes.opaque import TOKEN, OpaqueScheme

    return OpaqueScheme(TOKEN)


def _api_key() -> Scheme:
    from stockade.schemes.opaque import API_KEY, OpaqueScheme

    return OpaqueScheme(API_KEY)


def _authtoken() -> Scheme:
    from stockade.schemes.imports.authtoken import AUTHTOKEN
    from stockade.schemes.imports.scheme import ImportedScheme

    return ImportedScheme(AUTHTOKEN)


def _knox() -> Scheme:
    from stockade.schemes.imports.knox import KNOX
    from stockade.schemes.imports.scheme import ImportedScheme

    return ImportedScheme(KNOX)


def _drf_api_key() -> Scheme:
    from stockade.schemes.imports.scheme import ApiKeyScheme

    return ApiKeyScheme()


def _external() -> Scheme:
    from stockade.schemes.external import ExternalScheme

    return ExternalScheme()


KNOWN: dict[str, Callable[[], Scheme]] = {
    "api_key": _api_key,
    "authtoken": _authtoken,
    "drf-api-key": _drf_api_key,
    "external": _external,
    "jwt": _jwt,
    "knox": _knox,
    "session": _session,
    "simplejwt": _simplejwt,
    "token": _token,
}

# Makes a foreign scheme of a dotted path and a name. Set by `stockade.apps`: only `stockade.drf` imports DRF.
foreign: Callable[[str, str], ForeignScheme] | None = None


def enabled_schemes() -> tuple[Scheme, ...]:
    """Our schemes of the setting SCHEMES, in order.

    Raises:
        ConfigurationError: a name that no scheme has, or an order in which one would take what is another's.
    """
    found: list[Scheme] = []
    listed = conf.load(SchemeSettings).schemes
    if "simplejwt" in listed and "jwt" not in listed[listed.index("simplejwt") :]:
        raise ConfigurationError(
            "stockade.E107",
            'SCHEMES names "simplejwt" without "jwt" behind it.',
            'Write "SCHEMES": ["simplejwt", "jwt"]: its refresh tokens are exchanged for sessions of "jwt", which '
            "would else take its access tokens for forged ones of its own.",
        )
    if "authtoken" in listed and "knox" in listed[: listed.index("authtoken")]:
        raise ConfigurationError(
            "stockade.E109",
            'SCHEMES names "knox" before "authtoken".',
            'Write "authtoken" first: 40 hex digits may be a token of either, and of authtoken they always are.',
        )
    for name in listed:
        if "." in name or _is_django_s(name):
            continue
        make = KNOWN.get(name)
        if make is None:
            raise ConfigurationError(
                "stockade.E101",
                f"SCHEMES names {name!r}, which is no scheme.",
                f"Known: {', '.join(sorted(KNOWN))}, or the dotted path of a DRF authenticator, such as "
                '"rest_framework.authentication.SessionAuthentication".',
            )
        found.append(make())
    return tuple(found)


def foreign_schemes() -> tuple[ForeignScheme, ...]:
    """The DRF authenticators of the setting SCHEMES, in order.

    Raises:
        ConfigurationError: a path that does not import, or leads to something else.
    """
    listed = conf.load(SchemeSettings).schemes
    paths = [name for name in listed if "." in name]
    own = [name for name in listed if _is_django_s(name)]
    if not paths and not own:
        return ()
    if foreign is None:
        raise ConfigurationError(
            "stockade.E103",
            f"SCHEMES names {[*paths, *own][0]!r}, but Stockade is not in INSTALLED_APPS.",
            'Write INSTALLED_APPS = [..., "stockade"].',
        )
    called = names(paths)
    if own:
        called = {
            engine.DRF: "session",
            **{path: name for path, name in called.items() if path != engine.DRF},
        }
    return tuple(foreign(path, name) for path, name in called.items())


def _is_django_s(name: str) -> bool:
    """Whether a scheme is that of sessions which are not ours: DRF's own authenticator reads them."""
    return name == "session" and not engine.is_ours()


def names(paths: Iterable[str]) -> dict[str, str]:
    """The name of each path: its class, with as many of the parts before it as tell it from the others.

    `JWTAuthentication`; with DRF's and knox's class of one name `authentication.TokenAuthentication` and
    `auth.TokenAuthentication`.
    """
    listed = list(dict.fromkeys(paths))
    found: dict[str, str] = {}
    for path in listed:
        parts = path.split(".")
        tails = (".".join(parts[-length:]) for length in range(1, len(parts) + 1))
        found[path] = next((tail for tail in tails if _only(tail, listed)), path)
    return found


def _only(tail: str, paths: list[str]) -> bool:
    return sum(f".{path}".endswith(f".{tail}") for path in paths) == 1


def check_limits(limits: Iterable[str], known: Iterable[str]) -> None:
    """Refuse a limit ``scheme:NAME`` of a scheme that there is not: it would count nothing.

    Raises:
        ConfigurationError: so it is.
    """
    enabled = sorted(known)
    for limit in limits:
        kind, _, name = limit.partition(":")
        if kind == "scheme" and name not in enabled:
            raise ConfigurationError(
                "stockade.E104",
                f"LIMITS names {limit!r}, but no scheme is called {name!r}.",
                f"Write one of {', '.join(f'scheme:{one}' for one in enabled)}.",
            )

"""Makes a foreign scheme of a dotted path, or says at the start why it cannot be one."""

from __future__ import annotations

from typing import Any

from django.utils.module_loading import import_string
from rest_framework.authentication import BaseAuthentication, TokenAuthentication
from rest_framework.permissions import BasePermission

from stockade.core.errors import ConfigurationError
from stockade.drf.foreign.api_keys import APIKeyScheme, is_key_permission
from stockade.drf.foreign.authenticators import AuthenticatorScheme
from stockade.drf.foreign.standing import install
from stockade.schemes.foreign import ForeignScheme

_EXAMPLE = 'such as "rest_framework_simplejwt.authentication.JWTAuthentication"'


def make(path: str, name: str) -> ForeignScheme:
    """The scheme of a class.

    Args:
        path: of a DRF authenticator, or of a permission of drf-api-key.
        name: in events and limits.

    Raises:
        ConfigurationError: it does not import, is neither, or cannot work as the project is set up.
    """
    try:
        cls: Any = import_string(path)
    except (ImportError, RuntimeError) as error:  # RuntimeError: a model whose app is not installed
        raise _refused(
            path,
            f"does not import: {error}",
            "Install the package, name its app in INSTALLED_APPS, or correct the path.",
        ) from None
    scheme: ForeignScheme
    if is_key_permission(cls):
        scheme = APIKeyScheme(cls, name)
    else:
        _check(path, cls)
        scheme = AuthenticatorScheme(cls, name)
    install()
    return scheme


def _check(path: str, cls: Any) -> None:
    if not isinstance(cls, type) or not callable(getattr(cls, "authenticate", None)):
        kind = "a permission" if isinstance(cls, type) and issubclass(cls, BasePermission) else "no class"
        what = (
            kind if not isinstance(cls, type) or kind == "a permission" else "a class without authenticate()"
        )
        raise _refused(path, f"is {what}.", f"Write the path of a DRF authenticator, {_EXAMPLE}.")
    if cls.__module__.startswith("stockade."):
        raise _refused(path, "is Stockade's own: it reads what SCHEMES finds.", 'Write "jwt".')
    if getattr(cls, "authenticate", None) is BaseAuthentication.authenticate:
        raise _refused(path, "authenticates nobody.", f"Write the path of a class that does, {_EXAMPLE}.")
    if issubclass(cls, TokenAuthentication) and cls.authenticate_credentials is (
        TokenAuthentication.authenticate_credentials
    ):
        model: Any = cls().get_model()
        if model._meta.abstract:
            raise _refused(
                path,
                "has no table for its tokens.",
                'Write INSTALLED_APPS = [..., "rest_framework.authtoken"], and migrate.',
            )


def _refused(path: str, what: str, hint: str) -> ConfigurationError:
    return ConfigurationError("stockade.E103", f"SCHEMES names {path!r}, which {what}", hint)

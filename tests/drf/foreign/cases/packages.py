"""One way of showing a credential for each package, and of taking it away again."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

PASSWORD = "correct horse battery"


@dataclass
class Shown:
    """A credential as a client shows it.

    Args:
        headers, cookies: of its requests.
        secret: what no log may hold.
        wrong: the same with a secret that nobody has.
        revoke: takes it away as its package does; None where nothing can.
        expire: lets it have run out; None where it never does.
        own: the user is a row of the user model.
    """

    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    secret: str = ""
    wrong: dict[str, str] = field(default_factory=dict)
    revoke: Callable[[], Any] | None = None
    expire: Callable[[], Any] | None = None
    own: bool = True

    def client(self, **options: Any) -> Client:
        headers = {**self.headers, **options.pop("headers", {})}
        client = Client(raise_request_exception=False, headers=headers, **options)
        for name, value in self.cookies.items():
            client.cookies[name] = value
        return client

    def wrong_client(self) -> Client:
        client = Client(raise_request_exception=False, headers=self.wrong if self.headers else {})
        for name in self.cookies:
            client.cookies[name] = self.wrong["cookie"]
        return client


def _later(hours: float) -> datetime.datetime:
    return timezone.now() + datetime.timedelta(hours=hours)


def _bearer(secret: str, keyword: str = "Bearer") -> dict[str, str]:
    return {"authorization": f"{keyword} {secret}"}


def session(user: User) -> Shown:
    client = Client()
    client.force_login(user)
    key = client.session.session_key
    assert key is not None
    wrong = {"cookie": "x" * 32}
    return Shown({}, {settings.SESSION_COOKIE_NAME: key}, key, wrong, client.session.flush)


def authtoken(user: User) -> Shown:
    from rest_framework.authtoken.models import Token

    token = Token.objects.create(user=user)
    return Shown(_bearer(token.key, "Token"), {}, token.key, _bearer("0" * 40, "Token"), token.delete)


def basic(user: User) -> Shown:
    def encoded(password: str) -> str:
        return base64.b64encode(f"{user.username}:{password}".encode()).decode()

    def change() -> None:
        user.set_password("another one")
        user.save()

    secret = encoded(PASSWORD)
    return Shown(_bearer(secret, "Basic"), {}, secret, _bearer(encoded("guess"), "Basic"), change)


def access(user: User, **times: float) -> str:
    from rest_framework_simplejwt.tokens import AccessToken

    token = AccessToken.for_user(user)
    if times:
        token.set_exp(lifetime=datetime.timedelta(**times))
    return str(token)


def simplejwt(user: User) -> Shown:
    shown = Shown(_bearer(access(user)), {}, "", _bearer(access(user)[:-4] + "AAAA"))
    shown.secret = shown.headers["authorization"][7:]

    def expire() -> None:
        shown.headers["authorization"] = f"Bearer {access(user, seconds=-5)}"

    shown.expire = expire
    return shown


def stateless(user: User) -> Shown:
    shown = simplejwt(user)
    shown.own = False
    return shown


def knox(user: User) -> Shown:
    from knox.models import AuthToken

    row, token = AuthToken.objects.create(user=user)

    def expire() -> None:
        AuthToken.objects.filter(pk=row.pk).update(expiry=_later(-1))

    return Shown(_bearer(token, "Token"), {}, token, _bearer("0" * 64, "Token"), row.delete, expire)


def oauth(user: User | None, scope: str = "read") -> Shown:
    from oauth2_provider.models import AccessToken, Application

    owner = user or User.objects.create_user(f"owner-of-{Application.objects.count()}")
    application = Application.objects.create(
        name="app", user=owner, client_type="confidential", authorization_grant_type="client-credentials"
    )
    secret = f"oauth-secret-{application.pk:020d}"
    row = AccessToken.objects.create(
        user=user, token=secret, application=application, expires=_later(1), scope=scope
    )

    def expire() -> None:
        AccessToken.objects.filter(pk=row.pk).update(expires=_later(-1))

    return Shown(_bearer(secret), {}, secret, _bearer("nobody-has-this-one"), row.delete, expire)


def api_key(user: User | None) -> Shown:
    from rest_framework_api_key.models import APIKey

    row, key = APIKey.objects.create_key(name="robot")

    def revoke() -> None:
        row.revoked = True
        row.save()

    def expire() -> None:
        APIKey.objects.filter(prefix=row.prefix).update(expiry_date=_later(-1))

    wrong = f"{row.prefix}.{'x' * 32}"
    return Shown(_bearer(key, "Api-Key"), {}, key, _bearer(wrong, "Api-Key"), revoke, expire, own=False)


def session_token(user: User) -> Shown:
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

    store = import_module(settings.SESSION_ENGINE).SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.create()
    key = store.session_key
    return Shown({"x-session-token": key}, {}, key, {"x-session-token": "a" * 32}, store.flush)


def jwt_cookie(user: User) -> Shown:
    shown = Shown({}, {"jwt-auth": access(user)}, wrong={"cookie": access(user)[:-4] + "AAAA"})
    shown.secret = shown.cookies["jwt-auth"]

    def expire() -> None:
        shown.cookies["jwt-auth"] = access(user, seconds=-5)

    shown.expire = expire
    return shown


@dataclass(frozen=True)
class Package:
    """An authenticator, and what its clients show."""

    path: str
    show: Callable[[User], Shown]

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]


PACKAGES = {
    "session": Package("rest_framework.authentication.SessionAuthentication", session),
    "authtoken": Package("rest_framework.authentication.TokenAuthentication", authtoken),
    "basic": Package("rest_framework.authentication.BasicAuthentication", basic),
    "simplejwt": Package("rest_framework_simplejwt.authentication.JWTAuthentication", simplejwt),
    "stateless": Package("rest_framework_simplejwt.authentication.JWTStatelessUserAuthentication", stateless),
    "knox": Package("knox.auth.TokenAuthentication", knox),
    "oauth": Package("oauth2_provider.contrib.rest_framework.OAuth2Authentication", oauth),
    "api_key": Package("rest_framework_api_key.permissions.HasAPIKey", api_key),
    "allauth": Package(
        "allauth.headless.contrib.rest_framework.authentication.XSessionTokenAuthentication", session_token
    ),
    "dj_rest_auth": Package("dj_rest_auth.jwt_auth.JWTCookieAuthentication", jwt_cookie),
}

"""One class for each scheme, with the handful of operations that its life is made of. A new scheme joins here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from knox.models import AuthToken
from rest_framework.authtoken.models import Token
from rest_framework_api_key.models import APIKey
from rest_framework_simplejwt.tokens import RefreshToken
from typer.testing import CliRunner

import stockade
from stockade.cli.root import app
from stockade.models import ExternalIdentity, OpaqueToken, Session
from stockade.schemes.external import link
from stockade.schemes.imports import move
from stockade.schemes.imports.api_keys import DRF_API_KEY
from stockade.schemes.imports.authtoken import AUTHTOKEN
from stockade.schemes.imports.knox import KNOX
from stockade.schemes.imports.source import Source
from stockade.schemes.jwt import issue
from stockade.schemes.opaque import create_key, create_token, rotate
from stockade.schemes.simplejwt import move as simplejwt
from tests.schemes.external.issuing import Issuer

PASSWORD = "correct horse battery staple"
HOUR, DAY = 3600, 86400


@dataclass(frozen=True)
class Shown:
    """A credential as its holder has it.

    Args:
        secret: what is shown.
        headers: as META spells them.
        cookies: by name.
        id: in our tables; "" where it has no row.
        user: whose it is; None for a service's.
        more: further secrets that came with it, such as a refresh token.
    """

    secret: str
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    id: str = ""
    user: Any = None
    more: tuple[str, ...] = ()


Revocation = Callable[["Life", Shown], None]


class Life:
    """What a scheme can do, and what ends its credentials.

    name: as in SCHEMES and in `request.auth.scheme`.
    slots: the ways to show it that are its own.
    of_user: whether it stands for a user.
    scoped: whether it can be bounded.
    seconds: how long one is good that nobody uses; None for ever.
    by_password: whether a changed password ends it.
    reports: whether `report` ends what was stolen: not where only the project's own code can.
    old_goes_on: whether what was rotated is good until its own end, as access tokens are.
    """

    name = ""
    slots: tuple[str, ...] = ()
    of_user = True
    scoped = True
    seconds: float | None = HOUR
    by_password = True
    reports = True
    old_goes_on = False

    def configure(self) -> dict[str, Any]:
        """Further settings."""
        return {}

    def close(self) -> None:
        """End what was begun."""

    def issue(self, user: User, scopes: Iterable[str] | None = None) -> Shown:
        """A credential of a user."""
        raise NotImplementedError

    def rotation(self) -> Callable[[Shown], Shown] | None:
        """What gives a new one for an old one; None where the scheme has no such thing."""
        return None

    def replay(self, shown: Shown) -> int:
        """How it is answered who shows again what was rotated."""
        return ask(shown)

    def revocations(self) -> dict[str, Revocation]:
        """The ways to end one, by name."""
        raise NotImplementedError

    def report(self, user: User) -> None:
        """What a user does whose credential was stolen."""
        stockade.end_sessions(user)
        stockade.end_tokens(user)


def ask(shown: Shown, path: str = "/me/", **more: Any) -> int:
    """The status of the answer to its holder."""
    return int(answer(shown, path, **more).status_code)


def answer(shown: Shown, path: str = "/me/", **more: Any) -> Any:
    """The answer to its holder."""
    client = Client(raise_request_exception=False)
    for name, value in shown.cookies.items():
        client.cookies[name] = value
    return client.get(path, **{**shown.headers, **more})


def bearer(secret: str, word: str = "Bearer", **more: Any) -> Shown:
    """A credential of the Authorization header."""
    return Shown(secret, {"HTTP_AUTHORIZATION": f"{word} {secret}"}, **more)


# -- the ways to end one ----------------------------------------------------------------------------------------------


def as_owner(path: str) -> Revocation:
    """Over HTTP, by a login of its owner's."""

    def end(life: Life, shown: Shown) -> None:
        login = bearer(issue(shown.user).access)
        found = Client().delete(path.format(shown.id), **login.headers)  # type: ignore[arg-type]
        assert found.status_code == 204, found.content

    return end


def by_command(*words: str) -> Revocation:
    """By the command."""

    def end(life: Life, shown: Shown) -> None:
        done = CliRunner().invoke(app, [word.format(shown.id, shown.user) for word in words])
        assert done.exit_code == 0, done.output

    return end


def in_the_admin(path: str, action: str) -> Revocation:
    """By an action of a list in the admin."""

    def end(life: Life, shown: Shown) -> None:
        root = Client()
        root.force_login(User.objects.create_superuser("root"))
        found = root.post(path, {"action": action, "_selected_action": [shown.id], "post": "yes"})
        assert found.status_code == 302, found.content[:500]

    return end


def deleted_in_the_admin(path: str) -> Revocation:
    """By the page of its row, where the list has no actions."""

    def end(life: Life, shown: Shown) -> None:
        root = Client()
        root.force_login(User.objects.create_superuser("root"))
        assert root.post(f"{path}{shown.id}/delete/", {"post": "yes"}).status_code == 302

    return end


def by_orm(model: Any) -> Revocation:
    """By deleting its row."""

    def end(life: Life, shown: Shown) -> None:
        model.objects.get(pk=shown.id).delete()

    return end


def end_session(life: Life, shown: Shown) -> None:
    stockade.end_sessions(shown.user)


def end_token(life: Life, shown: Shown) -> None:
    stockade.end_tokens(ids=[shown.id])


SESSIONS, TOKENS = "/admin/stockade/session/", "/admin/stockade/opaquetoken/"


# -- the schemes ------------------------------------------------------------------------------------------------------


class Jwt(Life):
    """Access tokens of ours, and the refresh token beside."""

    name = "jwt"
    slots = ("Bearer",)
    seconds = 300
    old_goes_on = True

    def issue(self, user: User, scopes: Iterable[str] | None = None) -> Shown:
        """As a login does."""
        pair = issue(user, scopes=scopes)
        return bearer(pair.access, id=pair.session, user=user, more=(pair.refresh,))

    def rotation(self) -> Callable[[Shown], Shown]:
        """A refresh."""
        return refreshed

    def replay(self, shown: Shown) -> int:
        """The refresh token again, when nobody can have lost the answer."""
        return refresh(shown.more[0]).status_code

    def revocations(self) -> dict[str, Revocation]:
        """Those of sessions."""
        return {
            "api": as_owner("/api/sessions/{}/"),
            "command": by_command("sessions", "end", "{}"),
            "admin": in_the_admin(SESSIONS, "end"),
            "orm": by_orm(Session),
            "python": end_session,
            "log-out": lambda life, shown: post("/api/token/revoke/", refresh=shown.more[0]),
        }


def post(path: str, **body: str) -> Any:
    return Client().post(path, json.dumps(body), content_type="application/json")


def refresh(token: str) -> Any:
    return post("/api/token/refresh/", refresh=token)


def refreshed(shown: Shown) -> Shown:
    found = refresh(shown.more[0]).json()
    return bearer(found["access"], id=shown.id, user=shown.user, more=(found["refresh"],))


class Browser(Life):
    """A session in Django's cookie."""

    name = "session"
    slots = ("sessionid",)
    scoped = False  # it is the whole user
    seconds = 14 * DAY

    def issue(self, user: User, scopes: Iterable[str] | None = None) -> Shown:
        """By the JSON login."""
        return _logged_in(Client(), user)

    def rotation(self) -> Callable[[Shown], Shown]:
        """A second login in the same browser."""

        def again(shown: Shown) -> Shown:
            client = Client()
            client.cookies["sessionid"] = shown.secret
            return _logged_in(client, shown.user)

        return again

    def revocations(self) -> dict[str, Revocation]:
        """Those of sessions."""
        return {name: one for name, one in Jwt().revocations().items() if name != "log-out"} | {
            "log-out": _log_out
        }


def _logged_in(client: Client, user: User) -> Shown:
    body = json.dumps({"username": user.get_username(), "password": PASSWORD})
    before = set(Session.objects.values_list("pk", flat=True))
    found = client.post("/api/session/login/", body, content_type="application/json")
    assert found.status_code == 200, found.content
    key = client.cookies["sessionid"].value
    login = Session.objects.filter(scheme="session").exclude(pk__in=before).get()
    return Shown(key, cookies={"sessionid": key}, id=str(login.pk), user=user)


def _log_out(life: Life, shown: Shown) -> None:
    client = Client()
    client.cookies["sessionid"] = shown.secret
    assert client.post("/api/session/logout/", "{}", content_type="application/json").status_code == 204


class OwnToken(Life):
    """An opaque token of ours."""

    name = "token"
    slots = ("Token",)

    def issue(self, user: User, scopes: Iterable[str] | None = None) -> Shown:
        """By name."""
        made = create_token(user, "phone", scopes=scopes, expires=HOUR)
        return bearer(made.token, "Token", id=str(made.id), user=user)

    def revocations(self) -> dict[str, Revocation]:
        """Those of tokens."""
        return {
            "api": as_owner("/api/tokens/{}/"),
            "command": by_command("tokens", "revoke", "{}"),
            "admin": in_the_admin(TOKENS, "revoke"),
            "orm": by_orm(OpaqueToken),
            "python": end_token,
        }


class Key(Life):
    """An API key of a user."""

    name = "api_key"
    slots = ("Api-Key", "HTTP_X_API_KEY")
    by_password = False

    def issue(self, user: User, scopes: Iterable[str] | None = None) -> Shown:
        """For a user."""
        made = create_key("export", owner=user, scopes=scopes, expires=HOUR)
        return Shown(made.token, {"HTTP_X_API_KEY": made.token}, id=str(made.id), user=user)

    def rotation(self) -> Callable[[Shown], Shown] | None:
        """Without an overlap."""

        def again(shown: Shown) -> Shown:
            made = rotate(OpaqueToken.objects.get(pk=shown.id).pk, overlap=0)
            return Shown(made.token, {"HTTP_X_API_KEY": made.token}, id=str(made.id), user=shown.user)

        return again

    def revocations(self) -> dict[str, Revocation]:
        """Those of keys."""
        return {
            "api": as_owner("/api/keys/{}/"),
            "command": by_command("apikeys", "revoke", "{}"),
            "admin": in_the_admin(TOKENS, "revoke"),
            "orm": by_orm(OpaqueToken),
            "python": end_token,
        }


class ServiceKey(Key):
    """An API key that is nobody's."""

    of_user = False
    reports = False

    def issue(self, user: User, scopes: Iterable[str] | None = None) -> Shown:
        """For a service."""
        made = create_key(f"export of {user}", scopes=scopes, expires=HOUR)
        return Shown(made.token, {"HTTP_X_API_KEY": made.token}, id=str(made.id))

    def revocations(self) -> dict[str, Revocation]:
        """Nobody owns it, who would end it over HTTP."""
        return {name: end for name, end in super().revocations().items() if name != "api"}


class External(Life):
    """An access token of another issuer."""

    name = "external"
    slots = ("Bearer",)
    seconds = 330  # with LEEWAY, for its clock is another's
    by_password = False  # its users prove who they are elsewhere

    def __init__(self) -> None:
        self._issuer: Issuer | None = None

    def configure(self) -> dict[str, Any]:
        """Trust it."""
        self._issuer = Issuer()
        return {"ISSUERS": {"corporate": self._issuer.settings()}}

    def close(self) -> None:
        """Stop serving its keys."""
        if self._issuer is not None:
            self._issuer.close()
            self._issuer = None

    def issue(self, user: User, scopes: Iterable[str] | None = None) -> Shown:
        """Signed there, for a user who is linked."""
        assert self._issuer is not None
        subject = f"{user}-there"
        row = ExternalIdentity.objects.filter(user=user).first()
        if row is None:
            link(user, "corporate", subject)
            row = ExternalIdentity.objects.get(user=user)
        scope = None if scopes is None else " ".join(scopes)
        return bearer(self._issuer.token(sub=subject, scope=scope), id=row.pk, user=user)

    def revocations(self) -> dict[str, Revocation]:
        """Ours of what is not ours: the user's sessions, or the link."""
        return {
            "command": by_command("sessions", "end-all", "--user", "{1}"),
            "orm": by_orm(ExternalIdentity),
            "python": end_session,
        }


class SimpleJwt(Life):
    """An access token that simplejwt has made, before the import."""

    name = "simplejwt"
    slots = ("Bearer",)
    scoped = False
    seconds = 900
    old_goes_on = True

    def issue(self, user: User, scopes: Iterable[str] | None = None) -> Shown:
        """By the package."""
        refresh = RefreshToken.for_user(user)
        simplejwt.run()
        return bearer(str(refresh.access_token), user=user, more=(str(refresh),))

    def rotation(self) -> Callable[[Shown], Shown]:
        """Its refresh token, for a session of ours."""
        return refreshed

    def replay(self, shown: Shown) -> int:
        """As of ours."""
        return refresh(shown.more[0]).status_code

    def revocations(self) -> dict[str, Revocation]:
        """It has no row of its own."""
        return {"command": by_command("sessions", "end-all", "--user", "{1}"), "python": end_session}


class Imported(Life):
    """What was imported from authtoken, and what the others do otherwise."""

    name = "authtoken"
    slots: tuple[str, ...] = ("Token", "Legacy")  # which reads the same table
    seconds: float | None = None
    source: Source = AUTHTOKEN

    def make(self, user: User) -> str:
        """By the package."""
        return str(Token.objects.create(user=user).key)

    def issue(self, user: User, scopes: Iterable[str] | None = None) -> Shown:
        """Made there, and imported."""
        secret = self.make(user)
        move.run(self.source)
        row = OpaqueToken.objects.get(visible=secret[:8])
        if scopes is not None:
            row.scopes = " ".join(scopes)
            row.save()
        return bearer(secret, self.slots[0], id=str(row.pk), user=user if self.of_user else None)

    def theirs(self, shown: Shown) -> Any:
        """The package's row."""
        return Token.objects.get(key=shown.secret)

    def revocations(self) -> dict[str, Revocation]:
        """Those of tokens, and the package's own."""
        return {
            **OwnToken().revocations(),
            "package": lambda life, shown: self.theirs(shown).delete(),
        }


class ImportedKnox(Imported):
    """Of knox."""

    name = "knox"
    slots = ("Token",)
    seconds = 10 * HOUR
    source = KNOX

    def make(self, user: User) -> str:
        """As its login does."""
        return str(AuthToken.objects.create(user)[1])

    def theirs(self, shown: Shown) -> Any:
        """By its digest."""
        return AuthToken.objects.get(pk=KNOX.value_of(shown.secret).partition(":")[2])


class ImportedKey(Imported):
    """Of drf-api-key."""

    name = "drf-api-key"
    slots = ("Api-Key", "HTTP_X_API_KEY")
    of_user = False
    by_password = False
    reports = False
    source = DRF_API_KEY

    def make(self, user: User) -> str:
        """As its admin does."""
        return str(APIKey.objects.create_key(name=f"of {user}")[1])

    def theirs(self, shown: Shown) -> Any:
        """By its prefix."""
        return APIKey.objects.get(prefix=shown.secret.partition(".")[0])

    def rotation(self) -> Callable[[Shown], Shown] | None:
        """For a key of ours."""
        return ServiceKey().rotation()

    def revocations(self) -> dict[str, Revocation]:
        """Those of a service's key."""
        return {
            **ServiceKey().revocations(),
            "package": lambda life, shown: self.theirs(shown).delete(),
        }


class Foreign(Life):
    """An authenticator of the project's own: what ends its credentials is the project's, and bites as ever."""

    name = "LegacyToken"
    slots = ("Legacy",)
    scoped = False
    seconds = None
    by_password = False
    reports = False

    def issue(self, user: User, scopes: Iterable[str] | None = None) -> Shown:
        """By its table."""
        made = Token.objects.create(user=user)
        return bearer(made.key, "Legacy", id=str(user.pk), user=user)

    def revocations(self) -> dict[str, Revocation]:
        """Its row goes."""
        return {
            "orm": lambda life, shown: Token.objects.get(key=shown.secret).delete(),
            "admin": deleted_in_the_admin("/admin/authtoken/tokenproxy/"),
        }


LIVES: tuple[Life, ...] = (
    Jwt(), Browser(), OwnToken(), Key(), ServiceKey(), External(), SimpleJwt(), Imported(), ImportedKnox(),
    ImportedKey(), Foreign(),
)  # fmt: skip

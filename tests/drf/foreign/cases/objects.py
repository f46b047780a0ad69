"""What views are given: the very objects of the package, and what its own permissions make of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.test import AsyncClient, Client
from django.urls import resolve
from django.utils.module_loading import import_string
from rest_framework.test import APIRequestFactory

import stockade
from stockade.demo.articles.models import Article
from tests.drf.foreign.cases import odd, views
from tests.drf.foreign.cases.packages import PACKAGES, Package, api_key, authtoken, knox, oauth, session
from tests.drf.foreign.cases.settings import MIDDLEWARE

Configure = Callable[..., None]
HERE = "tests.drf.foreign.cases.odd"
AUTH = {
    "session": "NoneType", "authtoken": "Token", "basic": "NoneType", "simplejwt": "AccessToken",
    "stateless": "AccessToken", "knox": "AuthToken", "oauth": "AccessToken", "api_key": "APIKey",
    "allauth": "SessionStore", "dj_rest_auth": "AccessToken",
}  # fmt: skip


@pytest.mark.parametrize("name", PACKAGES)
@pytest.mark.parametrize("path", ["/who/", "/plain/"])
def test_a_view_has_the_objects_of_the_package(
    name: str, path: str, user: User, configure: Configure
) -> None:
    package = PACKAGES[name]
    configure("jwt", package.path)
    assert package.show(user).client().get(path).status_code == 200
    (seen,) = views.seen
    assert type(seen["auth"]).__name__ == AUTH[name]
    if name == "stateless":
        assert type(seen["user"]).__name__ == "TokenUser"
    elif name == "api_key":  # as behind the package's permission, which gives no user
        assert isinstance(seen["user"], AnonymousUser)
    else:
        assert isinstance(seen["user"], User)
        assert seen["user"] == user
    if path == "/who/":
        assert type(seen["authenticator"]) is import_string(package.path)
        assert seen["private"] == (seen["user"], seen["auth"])
    if name in ("simplejwt", "stateless", "dj_rest_auth"):
        assert seen["auth"]["user_id"] == str(user.pk)
        assert seen["auth"].payload["token_type"] == "access"
        credential = seen["principal"].credential
        assert credential.id.replace("-", "") == seen["auth"]["jti"]
        assert credential.expires == seen["auth"]["exp"]
        assert credential["token_type"] == "access"


def test_the_permissions_of_oauth_toolkit_read_its_token(user: User, configure: Configure) -> None:
    configure("jwt", PACKAGES["oauth"].path, PACKAGES["session"].path)
    reading, writing = oauth(user, "read").client(), oauth(user, "read write").client()
    assert [reading.get(path).status_code for path in ("/token-scoped/", "/scoped/")] == [200, 403]
    assert [writing.get(path).status_code for path in ("/token-scoped/", "/scoped/")] == [200, 200]
    browser = session(user).client()
    assert [browser.get(path).status_code for path in ("/token-scoped/", "/scoped/")] == [403, 200]


def test_scopes_bound_a_policy(user: User, configure: Configure) -> None:
    configure("jwt", PACKAGES["oauth"].path)
    client = oauth(user, "read").client()
    assert [client.get(path).status_code for path in ("/readers/", "/writers/")] == [200, 403]
    nothing = oauth(user, "").client()
    assert [nothing.get(path).status_code for path in ("/who/", "/readers/")] == [200, 403]


def test_a_client_of_its_own_is_a_service(configure: Configure) -> None:
    from oauth2_provider.models import AccessToken

    configure("jwt", PACKAGES["oauth"].path)
    client = oauth(None, "read").client()
    found = client.get("/who/").json()
    application = AccessToken.objects.get().application
    assert (found["kind"], found["subject"]) == ("service", f"OAuth2Authentication:{application.client_id}")
    assert views.seen[0]["user"] is None
    assert views.seen[0]["principal"].credential.client == application.client_id
    assert [client.get(path).status_code for path in ("/readers/", "/writers/")] == [200, 403]
    assert client.get("/plain/").status_code == 200
    assert client.get("/mine/").status_code == 403


def test_two_keys_are_two_services(configure: Configure) -> None:
    configure("jwt", PACKAGES["api_key"].path)
    first, second = api_key(None), api_key(None)
    subjects = [shown.client().get("/who/").json()["subject"] for shown in (first, second, first)]
    assert subjects[0] == subjects[2] != subjects[1]
    assert subjects[0] == f"HasAPIKey:{first.secret.partition('.')[0]}"
    assert views.seen[0]["auth"].name == "robot"


def test_the_logout_of_knox_ends_its_token(user: User, configure: Configure) -> None:
    configure("jwt", PACKAGES["knox"].path)
    client = knox(user).client()
    assert client.post("/knox/logout/").status_code == 204
    assert client.get("/who/").status_code == 401


def test_an_owner_sees_what_is_his(user: User, package: Package, configure: Configure) -> None:
    configure("jwt", package.path)
    Article.objects.create(title="Mine", body="", author=user)
    Article.objects.create(title="Bob's", body="", author=User.objects.create_user("bob"))
    shown = package.show(user)
    if shown.own:
        assert shown.client().get("/mine/").json() == {"titles": ["Mine"]}


def test_two_classes_of_one_name_are_told_apart(user: User, configure: Configure) -> None:
    configure("jwt", PACKAGES["authtoken"].path)
    assert authtoken(user).client().get("/who/").json()["scheme"] == "TokenAuthentication"
    configure(PACKAGES["authtoken"].path, "knox.auth.TokenAuthentication")
    user.auth_token.delete()
    client = authtoken(user).client()
    assert client.get("/who/").json()["scheme"] == "authentication.TokenAuthentication"


def test_ending_sessions_and_changed_roles(package: Package, user: User, configure: Configure) -> None:
    """What docs/how-to/keep-your-authenticators.md says of each: nothing of theirs is a session of ours."""
    configure("jwt", package.path)
    shown = package.show(user)
    client = shown.client()
    assert client.get("/who/").status_code == 200
    stockade.end_sessions(user)
    assert client.get("/who/").status_code == 200
    if shown.own:
        user.groups.clear()
        assert client.get("/editors/").status_code == 403


def test_a_changed_password_ends_what_hangs_on_it(user: User, package: Package, configure: Configure) -> None:
    configure("jwt", package.path)
    client = package.show(user).client()
    assert client.get("/who/").status_code == 200
    user.set_password("another one")
    user.save()
    ends = {"SessionAuthentication", "BasicAuthentication", "XSessionTokenAuthentication"}
    assert client.get("/who/").status_code == (401 if package.name in ends else 200)


# -- what an authenticator is given ------------------------------------------------------------------------------------


def test_an_authenticator_sees_the_view_and_the_address(configure: Configure) -> None:
    odd.asked.clear()
    configure("jwt", f"{HERE}.Looking")
    assert Client().get("/who/7/?q=x").status_code == 401
    assert odd.asked == [("Who", {"pk": 7}, "x"), True, 1]


def test_a_body_is_whole_whatever_the_address_holds(user: User, configure: Configure) -> None:
    configure("jwt", PACKAGES["oauth"].path)
    headers = oauth(user).headers
    for client in (Client(headers=headers), Client()):
        with Path(__file__).open("rb") as file:
            form = {"title": "x", "file": file} if client.defaults else {"title": "x"}
            found = client.post("/forms/?key=a-key-of-something-else", form)
        assert found.status_code == (200 if client.defaults else 401)
        if found.status_code == 200:
            assert (found.json()["data"]["title"], found.json()["files"]) == ("x", ["file"])
    content = {"content_type": "application/x-www-form-urlencoded"}
    found = Client(headers=headers).post("/forms/?key=a-key-of-something-else", "title=y", **content)  # type: ignore[arg-type]
    assert found.json()["data"]["title"] == "y"
    shown = PACKAGES["allauth"].show(user)
    configure("jwt", PACKAGES["oauth"].path, PACKAGES["allauth"].path)
    found = shown.client().post("/forms/?key=a-key-of-something-else", {"title": "z"})
    assert found.json()["data"]["title"] == "z"


def test_a_token_in_a_form_opens_as_before(user: User, configure: Configure) -> None:
    configure("jwt", PACKAGES["oauth"].path)
    form = f"access_token={oauth(user).secret}&title=x"
    found = Client().post("/forms/", form, content_type="application/x-www-form-urlencoded")
    assert found.json()["data"]["title"] == "x"


def test_a_body_is_the_views_to_parse(user: User, configure: Configure) -> None:
    configure("jwt", PACKAGES["oauth"].path)
    client = oauth(user).client()
    with Path(__file__).open("rb") as file:
        found = client.post("/forms/", {"title": "x", "file": file})
    assert found.json() == {"data": {"title": "x", "file": found.json()["data"]["file"]}, "files": ["file"]}
    assert client.post("/forms/", '{"a": 1}', content_type="application/json").json()["data"] == {"a": 1}
    assert client.post("/forms/", "{", content_type="application/json").status_code == 400
    # Nobody learns from a parser's words before it is known who asks.
    assert Client().post("/forms/", "{", content_type="application/json").status_code == 401


# -- other ways in -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PACKAGES)
async def test_it_opens_async_views(name: str, configure: Configure) -> None:
    from asgiref.sync import sync_to_async

    package = PACKAGES[name]
    user = await sync_to_async(User.objects.create_user)("alice", "", "correct horse battery")
    configure("jwt", package.path)
    shown = await sync_to_async(package.show)(user)
    client = AsyncClient()
    for cookie, value in shown.cookies.items():
        client.cookies[cookie] = value
    for path in ("/later/", "/plain/", "/who/"):
        found = await client.get(path, headers=shown.headers)
        assert (found.status_code, found.json()["scheme"]) == (200, package.name)
        assert (await AsyncClient().get(path)).status_code == 401
        assert (await AsyncClient().get(path, headers={"authorization": "Bearer x"})).status_code == 401


@pytest.mark.parametrize("name", PACKAGES)
def test_without_the_middleware_drf_walks_the_same_way(
    name: str, user: User, configure: Configure, project: Any
) -> None:
    package = PACKAGES[name]
    project.MIDDLEWARE = MIDDLEWARE[1:]
    configure("jwt", package.path)
    assert package.show(user).client().get("/who/").json()["scheme"] == package.name
    assert type(views.seen[0]["auth"]).__name__ == AUTH[name]
    assert type(views.seen[0]["authenticator"]) is import_string(package.path)
    assert Client().get("/who/").status_code == 401


def test_a_view_called_with_a_request_of_the_factory_asks_them_too(user: User, configure: Configure) -> None:
    configure("jwt", PACKAGES["authtoken"].path)
    view = resolve("/who/").func
    request = APIRequestFactory().get("/who/", headers=authtoken(user).headers)
    assert view(request).data["scheme"] == "TokenAuthentication"
    assert view(APIRequestFactory().get("/who/")).status_code == 401


def test_force_authenticate_is_not_asked_about(user: User, configure: Configure) -> None:
    from rest_framework.test import APIClient

    odd.asked.clear()
    configure("jwt", f"{HERE}.Looking")
    client = APIClient()
    client.force_authenticate(user)
    assert client.get("/who/").json()["subject"] == str(user.pk)
    assert odd.asked == []

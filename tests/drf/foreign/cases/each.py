"""What holds for every package: its credential opens, and stops opening when it or its user is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

import stockade
from stockade.events import Event
from tests.drf.foreign.cases import views
from tests.drf.foreign.cases.conftest import ORDERS
from tests.drf.foreign.cases.packages import Package

Configure = Callable[..., None]
Log = Callable[[], list[Any]]


@pytest.mark.parametrize("order", ORDERS)
def test_its_credential_and_ours_open_in_both_orders(
    package: Package, order: str, user: User, bearer: Client, configure: Configure, log: Log
) -> None:
    configure(*(["jwt", package.path] if order == "last" else [package.path, "jwt"]))
    shown = package.show(user)
    client = shown.client()
    for path in ("/who/", "/plain/"):
        found = client.get(path)
        assert found.status_code == 200, found.content
        assert found.json()["scheme"] == package.name
    own = bearer.get("/who/").json()
    assert (own["scheme"], own["subject"], own["kind"]) == ("jwt", str(user.pk), "user")
    assert Client().get("/who/").status_code == 401
    assert Client().get("/anyone/").json()["kind"] == "anonymous"
    accepted = [record for record in log() if record.event is Event.AUTHN_SUCCESS]
    assert {record.scheme for record in accepted} == {package.name, "jwt"}


def test_it_is_who_it_says_and_no_more(package: Package, user: User, configure: Configure) -> None:
    configure("jwt", package.path)
    shown = package.show(user)
    client = shown.client()
    found = client.get("/who/").json()
    if shown.own:
        assert found == {
            "kind": "user",
            "subject": str(user.pk),
            "roles": ["Editors"],
            "scheme": package.name,
        }
        assert client.get("/editors/").status_code == 200
    else:
        assert found["kind"] == "service"
        assert found["subject"].startswith(f"{package.name}:")
        assert found["subject"] == client.get("/who/").json()["subject"]
        assert found["roles"] == []
        assert client.get("/editors/").status_code == 403
        assert client.get("/mine/").status_code == 403


def test_no_secret_of_it_reaches_the_log_or_a_credential(
    package: Package, user: User, configure: Configure, log: Log
) -> None:
    configure("jwt", package.path)
    shown = package.show(user)
    shown.client().get("/who/")
    shown.client().get("/editors/")
    shown.wrong_client().get("/who/")
    credential = views.seen[0]["principal"].credential
    assert credential.id
    assert shown.secret
    half = shown.secret[: len(shown.secret) // 2]
    for text in [str(record) for record in log()] + [repr(views.seen[0]["principal"]), credential.id]:
        assert half not in text


def test_a_wrong_credential_is_refused_and_counted(
    package: Package, user: User, configure: Configure, log: Log
) -> None:
    configure("jwt", package.path, LIMITS={"failed_auth": "3/min"})
    shown = package.show(user)
    wrong = shown.wrong_client()
    if (
        package.name == "SessionAuthentication"
    ):  # a cookie that no session has is nobody's, as in all of Django
        assert [wrong.get("/who/").status_code for _ in range(5)] == [401] * 5
        assert wrong.get("/anyone/").status_code == 200
        return
    codes = [wrong.get("/anyone/").status_code for _ in range(5)]
    assert codes == [401, 401, 401, 429, 429]
    assert shown.client().get("/who/").status_code == 429  # a right guess is not told from a wrong one
    assert Client().get("/anyone/").status_code == 200  # who shows nothing is not locked out with them
    failures = [record for record in log() if record.status == 401]
    assert len(failures) == 3
    if package.name == "BasicAuthentication":
        assert {record.event for record in failures} == {Event.LOGIN_FAIL}
    elif package.name != "XSessionTokenAuthentication":  # which says of none that it knows it
        assert {record.details.get("scheme") for record in failures} == {package.name}


def test_who_is_right_is_not_counted(package: Package, user: User, configure: Configure) -> None:
    configure("jwt", package.path, LIMITS={"failed_auth": "2/min"})
    client = package.show(user).client()
    assert [client.get("/who/").status_code for _ in range(5)] == [200] * 5


def test_what_was_revoked_stops_at_once(package: Package, user: User, configure: Configure) -> None:
    configure("jwt", package.path)
    shown = package.show(user)
    client = shown.client()
    assert client.get("/who/").status_code == 200
    if shown.revoke is not None:
        shown.revoke()
        assert client.get("/who/").status_code == 401
    if shown.expire is not None:
        shown = package.show(user)
        shown.expire()  # type: ignore[misc]
        assert shown.client().get("/who/").status_code == 401


@pytest.mark.parametrize("gone", ["inactive", "deleted"])
def test_the_credential_of_a_user_who_is_gone_opens_nothing(
    package: Package, gone: str, user: User, configure: Configure
) -> None:
    configure("jwt", package.path)
    shown = package.show(user)
    client = shown.client()
    assert client.get("/who/").status_code == 200
    if gone == "inactive":
        User.objects.filter(pk=user.pk).update(
            is_active=False
        )  # no signal: nothing of ours could have noticed
    else:
        User.objects.filter(pk=user.pk).delete()
    assert client.get("/who/").status_code == (401 if shown.own else 200)


def test_a_banned_user_is_refused(package: Package, user: User, configure: Configure, log: Log) -> None:
    configure("jwt", package.path)
    shown = package.show(user)
    client = shown.client()
    assert client.get("/who/").status_code == 200
    stockade.ban(user=user)
    found = client.get("/who/")
    if package.name == "HasAPIKey":  # a machine's: it is nobody's user, and banned by its own id
        assert found.status_code == 200
    elif package.name == "BasicAuthentication":  # a login of who is banned ends like a wrong password
        assert found.status_code == 401
    else:
        assert (found.status_code, found.json()["code"]) == (403, "banned")
        assert log()[-1].scheme == package.name


def test_a_banned_credential_is_refused(package: Package, user: User, configure: Configure) -> None:
    configure("jwt", package.path)
    client = package.show(user).client()
    assert client.get("/who/").status_code == 200
    stockade.ban(session=views.seen[-1]["principal"].credential.id)
    assert client.get("/who/").status_code == 403


@pytest.mark.parametrize("limit", ["user", "credential", "scheme", "role"])
def test_limits_hold(package: Package, limit: str, user: User, bearer: Client, configure: Configure) -> None:
    name = {"scheme": f"scheme:{package.name}", "role": "role:Editors"}.get(limit, limit)
    configure("jwt", package.path, LIMITS={name: "2/min"})
    shown = package.show(user)
    if limit == "role" and not shown.own:
        return
    client = shown.client()
    assert [client.get("/who/").status_code for _ in range(3)] == [200, 200, 429]
    if limit in ("credential", "scheme"):
        assert bearer.get("/who/").status_code == 200
    elif shown.own:
        assert bearer.get("/who/").status_code == 429  # one user is counted once, whatever was shown


def test_the_challenge_is_among_ours(package: Package, anonymous: Client, configure: Configure) -> None:
    configure("jwt", package.path)
    challenges = anonymous.get("/who/").headers["WWW-Authenticate"]
    expected = {
        "authtoken": "Token", "TokenAuthentication": "Token", "BasicAuthentication": 'Basic realm="api"',
        "HasAPIKey": "Api-Key",
    }  # fmt: skip
    assert challenges.split(", ") == ['Bearer realm="api"', *filter(None, [expected.get(package.name)])]


def test_it_is_asked_at_every_request_and_only_where_somebody_must_be_known(
    package: Package, user: User, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stockade.pipeline import registry

    configure("jwt", package.path)
    client = package.show(user).client()
    current = registry.current()
    assert current is not None
    (scheme,) = current.engine.others.schemes
    asked: list[str] = []
    ask = scheme.ask
    monkeypatch.setattr(scheme, "ask", lambda http: asked.append(http.path) or ask(http))  # type: ignore[func-returns-value]
    for path in ("/healthz", "/exempt/", "/nowhere/", "/who/", "/who/", "/api/token/"):
        client.get(path)
    assert asked == ["/who/", "/who/"]

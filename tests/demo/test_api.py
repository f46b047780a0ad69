"""The reference API over HTTP: what it serves to whom, and what it refuses."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from stockade.demo.attacks.client import Request, Target, bearer
from tests.demo.runs import Run

LIST = "/api/articles/"


def send(target: Target, method: str, path: str, body: object = None, token: str = "") -> Any:
    return target.send(Request(method, path, body, bearer(token)))


def drafts_of(target: Target, user: str, token: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = target.get(LIST, token, author=user, published="false").json()["results"]
    return found


@pytest.mark.parametrize(
    ("user", "count"), [("", 14), ("carol", 14), ("alice", 16), ("bob", 17), ("admin", 20)]
)
def test_a_list_holds_what_its_reader_may_see(target: Target, user: str, count: int) -> None:
    token = target.login(user).access if user else ""
    page = target.get(LIST, token, page_size="100", title="").json()
    mine = [row for row in page["results"] if row["title"] != "Mine"]  # other tests write such
    assert (len(mine), set(page)) == (count, {"count", "next", "previous", "results"})
    assert page["count"] == len(page["results"])


def test_a_page_is_never_longer_than_a_hundred(target: Target) -> None:
    assert len(target.get(LIST, page_size="3").json()["results"]) == 3
    assert target.get(LIST, page_size="100000").status == 200
    assert target.get(LIST, page="99").status == 404


def test_an_article_says_who_wrote_it_by_name(target: Target) -> None:
    row = target.get(LIST, page_size="1").json()["results"][0]
    assert set(row) == {"id", "title", "body", "author", "published", "created_at"}
    assert uuid.UUID(row["id"]).version == 4
    assert row["author"] in {"alice", "bob", "admin"}


@pytest.mark.parametrize(
    "extra",
    [
        {"author": "bob"},
        {"author": 2},
        {"created_at": "2020-01-01T00:00:00Z"},
        {"id": str(uuid.uuid4())},
        {"is_staff": True},
        {"owner": "alice"},
        {"Title": "x"},
    ],
)
def test_mass_assignment_is_refused_and_stores_nothing(target: Target, extra: dict[str, object]) -> None:
    token = target.login("alice").access
    before = target.get(LIST, token, search="smuggled").json()["count"]
    answer = send(target, "POST", LIST, {"title": "smuggled", "body": "x", **extra}, token)
    assert answer.status == 400
    assert set(answer.json()["errors"]) == set(extra)
    assert target.get(LIST, token, search="smuggled").json()["count"] == before == 0


def test_an_editor_writes_changes_and_deletes_her_own(target: Target) -> None:
    token = target.login("alice").access
    made = send(target, "POST", LIST, {"title": "Hers", "body": "x"}, token)
    path = f"{LIST}{made.json()['id']}/"
    assert (made.status, made.json()["author"], made.json()["published"]) == (201, "alice", False)
    assert send(target, "PATCH", path, {"published": True}, token).json()["published"] is True
    assert send(target, "PUT", path, {"title": "Hers still", "body": "y"}, token).status == 200
    bob = target.login("bob").access
    assert send(target, "PATCH", path, {"title": "his now"}, bob).status == 403, "seen, for it is published"
    assert send(target, "DELETE", path, None, bob).status == 403
    assert send(target, "DELETE", path, None, token).status == 204
    assert target.get(path, token).status == 404


def test_a_viewer_writes_nothing(target: Target) -> None:
    token = target.login("carol").access
    assert send(target, "POST", LIST, {"title": "x", "body": "x"}, token).status == 403
    row = target.get(LIST, token).json()["results"][0]
    assert send(target, "DELETE", f"{LIST}{row['id']}/", None, token).status == 403


def test_nobody_writes_without_a_name(target: Target) -> None:
    assert send(target, "POST", LIST, {"title": "x", "body": "x"}).status == 401


@pytest.mark.parametrize("reader", ["", "alice", "carol"])
def test_a_draft_of_another_user_is_like_an_article_that_never_was(target: Target, reader: str) -> None:
    draft = drafts_of(target, "bob", target.login("bob").access)[0]
    token = target.login(reader).access if reader else ""
    bodies: dict[str, object] = {"PUT": {"title": "x", "body": "x"}, "PATCH": {"title": "x"}}
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE"):
        body = bodies.get(method)
        answers = [send(target, method, f"{LIST}{id}/", body, token) for id in (draft["id"], uuid.uuid4())]
        assert answers[0].status == answers[1].status, method
        assert answers[0].status in ({404} if reader or method in {"GET", "HEAD"} else {401, 404})
        assert answers[0].body == answers[1].body
    for query in (
        {"author": "bob", "published": "false"},
        {"search": draft["title"]},
        {"search": draft["body"]},
    ):
        assert target.get(LIST, token, **query).json()["count"] == 0


def test_an_ordering_or_page_reveals_no_gap_where_a_draft_is(target: Target) -> None:
    token = target.login("carol").access
    for ordering in ("title", "-title", "created_at", "-created_at"):
        titles: list[str] = []
        for page in range(1, 5):
            answer = target.get(LIST, token, ordering=ordering, page=str(page), page_size="4")
            titles += [row["title"] for row in answer.json().get("results", [])]
        assert len(titles) == len(set(titles)) == 14


@pytest.mark.parametrize(
    "query",
    [
        {"author": "\x00"}, {"author": "x" * 1000}, {"published": "perhaps"}, {"search": "\x00"}, {"page": "\x00"},
        {"page": "-1"}, {"page_size": "x"}, {"ordering": "author__password"}, {"ordering": "\x00"},
        {"author__password__startswith": "a"}, {"page": "9" * 400}, {"search": "%" * 500}, {"published": ""},
        {"search": ",".join(["a"] * 1500)},
    ],
)  # fmt: skip
def test_no_query_breaks_the_list(target: Target, query: dict[str, str]) -> None:
    assert target.get(LIST, **query).status in {200, 400, 404}


@pytest.mark.parametrize(
    "id", ["1", "x", "%00", "..", "%F0%9F%94%91", "a" * 4000, "00000000-0000-0000-0000-00000000000g"]
)
def test_no_id_breaks_an_article(target: Target, id: str) -> None:
    assert target.get(f"{LIST}{id}/").status in {404, 400}


@pytest.mark.parametrize(
    "body",
    [
        None, [], "text", 7, {}, {"title": None, "body": "x"}, {"title": ["x"], "body": "x"}, {"title": "", "body": ""},
        {"title": "\x00", "body": "x"}, {"title": "x" * 201, "body": "x"}, {"title": "x", "body": "x" * 20_001},
        {"title": "x", "body": "x", "published": "perhaps"}, {"title": {"a": 1}, "body": "x"},
        {"title": "\ud800", "body": "x"},
    ],
)  # fmt: skip
def test_no_body_breaks_a_creation(target: Target, body: object) -> None:
    assert send(target, "POST", LIST, body, target.login("alice").access).status == 400


def test_the_profile_says_who_calls(target: Target) -> None:
    assert target.get("/api/profile/", target.login("carol").access).json() == {
        "username": "carol", "email": "carol@example.org", "service": None, "roles": ["Viewers"], "scopes": None,
        "scheme": "jwt",
    }  # fmt: skip


def test_probes_answer_and_keys_are_public(target: Target) -> None:
    assert target.get("/healthz").json() == {"status": "ok"}
    assert target.get("/readyz").status == 200
    keys = target.get("/.well-known/jwks.json").json()["keys"]
    assert keys
    assert all("d" not in key and "k" not in key for key in keys), "no private part"


def test_the_schema_is_openapi_3_1_and_names_every_refusal(target: Target) -> None:
    document = target.send(
        Request("GET", "/api/schema/?format=json", headers=(("Accept", b"application/json"),))
    ).json()
    assert document["openapi"].startswith("3.1")
    assert document["components"]["securitySchemes"]["jwt"]["scheme"] == "bearer"
    for path in ("/api/articles/", "/api/articles/{id}/", "/api/token/", "/api/token/refresh/", "/api/token/verify/",
                 "/api/token/revoke/", "/api/token/browser/", "/api/token/browser/refresh/",
                 "/api/token/browser/revoke/", "/api/sessions/", "/api/sessions/{id}/", "/api/profile/"):  # fmt: skip
        for method, operation in document["paths"][path].items():
            # Who shows no cookie, or one that is over, is logged out already.
            unknown = set() if path == "/api/token/browser/revoke/" else {"401"}
            assert {"400", "429", "503"} | unknown <= set(operation["responses"]), (path, method)
    browser = document["paths"]["/api/token/browser/refresh/"]["post"]
    assert browser["security"] == [{"refreshCookie": []}]
    assert [parameter["name"] for parameter in browser["parameters"]] == ["X-Stockade-CSRF"]
    assert "403" in browser["responses"]
    cookie = document["components"]["securitySchemes"]["refreshCookie"]
    assert (cookie["in"], cookie["name"][:9]) == ("cookie", "__Secure-")
    names = [op["operationId"] for methods in document["paths"].values() for op in methods.values()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("path", ["/", "/api/docs/"])
def test_a_page_loads_nothing_from_elsewhere_and_runs_nothing_inline(
    target: Target, demo: Run, path: str
) -> None:
    answer = target.get(path)
    assert answer.status == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    text = answer.body.decode()
    hosts = [
        word.split("/")[2]
        for word in text.replace('"', " ").split()
        if word.startswith(("http://", "https://"))
    ]
    named = {demo.twin_url, demo.credentials["issuer_url"]}  # the second in a text of the OpenAPI page
    assert {host for host in hosts if f"http://{host}" not in named} == set()
    assert 'src="http' not in text
    assert " style=" not in text
    assert " onclick=" not in text
    assert all("src=" in tag.partition(">")[0] for tag in text.split("<script")[1:])


def test_the_conveniences_of_the_page_want_the_key_of_the_terminal(target: Target, demo: Run) -> None:
    """Passwords and the log are not for whoever finds the port: another user of the machine, a page in a browser."""
    key = demo.credentials["page_url"].partition("#")[2].encode()
    for path in ("/demo/accounts/", "/demo/events/"):
        for headers in ((), (("X-Demo-Key", b""),), (("X-Demo-Key", key[:-1]),), (("X-Demo-Key", b"\xff"),)):
            assert target.send(Request("GET", path, headers=headers)).status == 403
        assert target.get(f"{path}?key={key.decode()}").status == 403
        assert target.send(Request("GET", path, headers=(("X-Demo-Key", key),))).status == 200
        preflight = target.send(
            Request(
                "OPTIONS",
                path,
                headers=(
                    ("Origin", b"https://evil.example"),
                    ("Access-Control-Request-Headers", b"x-demo-key"),
                ),
            )
        )
        assert "access-control-allow-origin" not in preflight.headers


@pytest.mark.parametrize("after", ["0", "-1", "x", "9" * 40, "\u0663", ""])
def test_no_place_in_the_log_breaks_it(target: Target, demo: Run, after: str) -> None:
    key = demo.credentials["page_url"].partition("#")[2].encode()
    path = f"/demo/events/?after={after}".encode().decode("latin-1")
    answer = target.send(
        Request("GET", path.encode("ascii", "ignore").decode(), headers=(("X-Demo-Key", key),))
    )
    assert answer.status == 200


@pytest.mark.parametrize(
    "name",
    ["../settings.py", "..%2fsettings.py", "/etc/passwd", "stockade_demo/../../settings.py", "%00", "admin/"],
)
def test_no_static_path_leaves_the_static_folders(target: Target, name: str) -> None:
    assert target.get(f"/static/{name}").status in {400, 404}


def test_a_host_that_is_not_ours_is_refused(demo: Run, target: Target) -> None:
    """DNS rebinding: a page of attacker.example, now resolving to this machine, may not talk to the demo."""
    import http.client

    host, _, port = demo.base_url.removeprefix("http://").rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    connection.request("GET", "/", headers={"Host": "attacker.example"})
    assert connection.getresponse().status == 400
    connection.close()

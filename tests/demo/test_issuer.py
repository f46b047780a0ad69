"""The other company of the demo: its issuer gives tokens to its own clients only, and they open what was linked."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from stockade.demo.attacks.client import Target
from stockade.demo.attacks.forge import decode, encode
from tests.demo.runs import Run

PERSON = "urn:example:grant-type:person"
PAYROLL = "https://payroll.example"
CAROL, DAVE = "c-1001", "c-1002"
MACHINE = {"grant_type": "client_credentials"}
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Said:
    """What the issuer has answered."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass(frozen=True)
class Issuer:
    """The issuer as its clients see it."""

    url: str
    clients: dict[str, str]

    def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Said:
        """One request; header names with `_` for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, body, named, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, found, text = answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, found, text = error.code, dict(error.headers), error.read()
        return Said(status, {name.lower(): value for name, value in found.items()}, json.loads(text))

    def ask(self, client: str, secret: str | None = None, **form: str) -> Said:
        """Ask for a token as a client, with its own secret where no other is given."""
        secret = self.clients[client] if secret is None else secret
        basic = base64.b64encode(f"{client}:{secret}".encode()).decode()
        body = urlencode(form).encode()
        return self.send("POST", "/token", body, Authorization=f"Basic {basic}", Content_Type=FORM)

    def token(self, client: str, **form: str) -> str:
        """The token that it gives."""
        said = self.ask(client, **form)
        assert said.status == 200, said
        return str(said.body["access_token"])

    def of(self, person: str, **form: str) -> str:
        """The token of one of the company's people, whom its portal has logged in."""
        return self.token("portal", grant_type=PERSON, person=person, **form)


@pytest.fixture
def issuer(demo: Run) -> Issuer:
    return Issuer(demo.credentials["issuer_url"], demo.credentials["partners"])


def read(token: str) -> list[Any]:
    """Header and claims."""
    return [json.loads(decode(part)) for part in token.split(".")[:2]]


def profile(target: Target, token: str) -> tuple[int, Any]:
    answer = target.get("/api/profile/", token)
    return answer.status, answer.json()


# -- what it says of itself ------------------------------------------------------------------------------------------


def test_its_discovery_document_names_itself_and_where_its_keys_are(issuer: Issuer) -> None:
    said = issuer.send("GET", "/.well-known/openid-configuration")
    assert (said.status, said.body["issuer"]) == (200, issuer.url)
    assert said.headers["content-type"] == "application/json"
    assert said.body["jwks_uri"] == f"{issuer.url}/jwks.json"
    assert said.body["token_endpoint"] == f"{issuer.url}/token"


def test_its_keys_are_public(issuer: Issuer) -> None:
    (key,) = issuer.send("GET", "/jwks.json").body["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}, "no private part"


def test_its_tokens_are_access_tokens_of_rfc_9068_for_ten_minutes(demo: Run, issuer: Issuer) -> None:
    said = issuer.ask("portal", grant_type=PERSON, person=CAROL)
    header, claims = read(said.body["access_token"])
    assert (header["typ"], header["alg"]) == ("at+jwt", "ES256")
    assert set(claims) == {"iss", "exp", "aud", "sub", "client_id", "iat", "jti", "scope"}
    assert claims["exp"] - claims["iat"] == said.body["expires_in"] == 600
    assert (claims["iss"], claims["aud"], claims["sub"]) == (issuer.url, demo.base_url, CAROL)
    assert claims["scope"] == said.body["scope"] == "articles:read"
    assert said.headers["cache-control"] == "no-store"
    assert read(issuer.of(CAROL))[1]["jti"] != claims["jti"]


# -- what its tokens open --------------------------------------------------------------------------------------------


def test_who_was_linked_is_known_by_a_token_of_the_issuer(target: Target, issuer: Issuer) -> None:
    assert profile(target, issuer.of(CAROL)) == (
        200,
        {
            "username": "carol", "email": "carol@example.org", "service": None, "roles": ["Viewers"],
            "scopes": ["articles:read"], "scheme": "external",
        },
    )  # fmt: skip


def test_a_service_of_the_company_is_itself_and_nobody_of_ours(target: Target, issuer: Issuer) -> None:
    assert profile(target, issuer.token("reports", **MACHINE)) == (
        200,
        {
            "username": None, "email": None, "service": "partner:reports", "roles": [],
            "scopes": ["articles:read"], "scheme": "external",
        },
    )  # fmt: skip


def test_no_operation_breaks_where_a_service_asks(target: Target, issuer: Issuer) -> None:
    """It has no user: what takes one for granted would be a 500."""
    token = issuer.token("reports", **MACHINE)
    paths = target.get("/api/schema/", format="json").json()["paths"]
    asked = {path: target.get(path, token).status for path, methods in paths.items() if "get" in methods}
    assert len(asked) >= 8
    assert {path: status for path, status in asked.items() if status >= 500} == {}
    assert asked["/api/articles/"] == 200
    everything = target.get("/api/articles/", token).json()
    assert {article["published"] for article in everything["results"]} == {True}, "drafts are their authors'"


def test_a_token_for_reading_writes_nothing(target: Target, issuer: Issuer) -> None:
    for token in (issuer.of(CAROL), issuer.token("reports", **MACHINE)):
        assert target.post("/api/articles/", {"title": "x", "body": "x"}, token).status == 403


# -- what they do not open -------------------------------------------------------------------------------------------


def test_a_token_for_another_api_of_the_company_is_refused(target: Target, issuer: Issuer) -> None:
    """The same issuer, key, person and client: whoever runs that other API could come here with it."""
    assert profile(target, issuer.of(CAROL, resource=PAYROLL))[0] == 401
    assert profile(target, issuer.of(CAROL))[0] == 200


def test_somebody_of_the_company_whom_nobody_has_linked_is_nobody_here(
    target: Target, issuer: Issuer
) -> None:
    assert profile(target, issuer.of(DAVE))[0] == 401


def test_a_token_with_another_name_in_it_is_refused(target: Target, issuer: Issuer) -> None:
    header, claims, signature = issuer.of(DAVE).split(".")
    changed = encode(json.dumps(json.loads(decode(claims)) | {"sub": CAROL}).encode())
    assert profile(target, f"{header}.{changed}.{signature}")[0] == 401


# -- who may ask it --------------------------------------------------------------------------------------------------


def test_nobody_gets_a_token_without_the_secret_of_a_client(demo: Run, issuer: Issuer) -> None:
    """Else the demo's issuer were a way to be anybody."""
    form = {"grant_type": PERSON, "person": CAROL}
    for secret in ("", "guess", issuer.clients["reports"], demo.password("carol"), demo.password("admin")):
        said = issuer.ask("portal", secret, **form)
        assert (said.status, said.body) == (401, {"error": "invalid_client"})
        assert said.headers["www-authenticate"].startswith("Basic ")
    assert issuer.ask("nobody", "", **form).status == 401
    body = urlencode({**form, "client_id": "portal"}).encode()
    assert issuer.send("POST", "/token", body, Content_Type=FORM).status == 401
    for header in ("Basic", "Basic !", "Basic cG9ydGFs", "Bearer x", "Basic " + "A" * 5000, "Basic /////w=="):
        assert issuer.send("POST", "/token", body, Content_Type=FORM, Authorization=header).status == 401


def test_a_client_asks_for_what_is_its_own(issuer: Issuer) -> None:
    """The secret of a machine does not speak for people, nor that of the portal for itself."""
    said = issuer.ask("reports", grant_type=PERSON, person=CAROL)
    assert (said.status, said.body) == (400, {"error": "unauthorized_client"})
    assert issuer.ask("portal", **MACHINE).body == {"error": "unauthorized_client"}


@pytest.mark.parametrize("person", ["admin", "alice", "carol", "1", "reports", "portal", "c-1001\x00"])
def test_the_issuer_speaks_for_the_companys_people_only(person: str, issuer: Issuer) -> None:
    """Whatever the portal says: nobody who is not in the company's list, and no name that is a client's."""
    said = issuer.ask("portal", grant_type=PERSON, person=person)
    assert (said.status, said.body) == (400, {"error": "invalid_grant"})


@pytest.mark.parametrize("resource", ["https://elsewhere.example", "x" * 3000, "http://127.0.0.1"])
def test_the_issuer_names_no_api_that_it_does_not_know(resource: str, issuer: Issuer) -> None:
    said = issuer.ask("portal", grant_type=PERSON, person=CAROL, resource=resource)
    assert (said.status, said.body) == (400, {"error": "invalid_target"})


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "invalid_request"),
        (b"person=c-1001", "invalid_request"),
        (b"grant_type=", "invalid_request"),
        (b"grant_type=password&username=carol", "unsupported_grant_type"),
        (b"grant_type=client_credentials&grant_type=client_credentials", "invalid_request"),
        (b"grant_type=%ff%fe", "unsupported_grant_type"),
        (b"\xff\xfe", "invalid_request"),
        (b"&".join([b"a=b"] * 1000), "invalid_request"),
        (b"grant_type=client_credentials&x=" + b"y" * 5000, "invalid_request"),
    ],
    ids=["nothing", "no grant", "empty", "password", "twice", "no text", "bytes", "many", "long"],
)  # fmt: skip
def test_no_body_breaks_the_issuer(body: bytes, error: str, issuer: Issuer) -> None:
    basic = base64.b64encode(f"reports:{issuer.clients['reports']}".encode()).decode()
    said = issuer.send("POST", "/token", body, Authorization=f"Basic {basic}", Content_Type=FORM)
    assert (said.status, said.body) == (400, {"error": error})


def test_a_body_of_another_kind_is_not_read(issuer: Issuer) -> None:
    basic = base64.b64encode(f"reports:{issuer.clients['reports']}".encode()).decode()
    said = issuer.send(
        "POST", "/token", b'{"grant_type":"client_credentials"}', Authorization=f"Basic {basic}",
        Content_Type="application/json",
    )  # fmt: skip
    assert (said.status, said.body) == (400, {"error": "invalid_request"})


def test_the_issuer_has_three_addresses_and_no_page_of_another_origin_reads_them(issuer: Issuer) -> None:
    for method, path, status in (
        ("GET", "/token", 405), ("POST", "/jwks.json", 405), ("GET", "/", 404), ("GET", "/api/articles/", 404),
        ("GET", "/issuer.json", 404), ("GET", "/../demo.json", 404), ("OPTIONS", "/token", 405),
    ):  # fmt: skip
        said = issuer.send(method, path, b"" if method == "POST" else None, Origin="https://evil.example")
        assert said.status == status, path
        assert not [name for name in said.headers if name.startswith("access-control-")]


# -- where it is -----------------------------------------------------------------------------------------------------


def test_the_issuer_is_no_part_of_the_api(target: Target, issuer: Issuer) -> None:
    """It is another company's: the API's document says where one logs in there, and describes none of its endpoints.

    So what is asked of the API by its document (test_document.py) never reaches the issuer.
    """
    document = target.get("/api/schema/", format="json").json()
    scheme = document["components"]["securitySchemes"]["external_partner"]
    assert scheme["openIdConnectUrl"] == f"{issuer.url}/.well-known/openid-configuration"
    assert [path for path in document["paths"] if not path.startswith("/api/")] == []
    assert PERSON not in json.dumps(document)
    for path in ("/token", "/jwks.json", "/.well-known/openid-configuration"):
        assert target.get(path).status == 404
    assert urlsplit(issuer.url).netloc != urlsplit(target.base_url).netloc


def test_the_private_key_lies_in_its_own_file_and_nowhere_else(demo: Run, issuer: Issuer) -> None:
    """Neither with what the API reads, nor in its database, state or logs."""
    issuer.of(CAROL)
    secret = json.loads((demo.folder / "issuer.json").read_text())["d"]
    holding = [
        path.name
        for path in demo.folder.rglob("*")
        if path.is_file() and secret.encode() in path.read_bytes()
    ]
    assert holding == ["issuer.json"]
    assert secret not in demo.file.read_text() + demo.printed()

"""Twilio: the URL behind a proxy, the order of parameters, and bodies that are no form."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlencode

import pytest

from stockade import webhooks
from stockade.core.errors import InvalidSignature
from stockade.webhooks import receiving
from stockade.webhooks.conf import source_named
from stockade.webhooks.signing import signed_url
from tests.webhooks.senders import BASE, FORM, SECRETS, b64, mac, message

TOKEN = SECRETS["twilio"]
URL = f"{BASE}/hooks/twilio/"
FORM_HEADERS = {"Content-Type": FORM}


def sign(text: str) -> dict[str, str]:
    return {"X-Twilio-Signature": b64(mac(TOKEN.encode(), text.encode(), "sha1"))}


def holds(body: bytes, headers: dict[str, str], url: str = URL) -> bool:
    try:
        webhooks.verify("twilio", body, headers, secrets=TOKEN, url=url)
    except InvalidSignature:
        return False
    return True


def test_the_order_of_parameters_does_not_matter_and_their_content_does() -> None:
    headers = {**FORM_HEADERS, **sign(URL + "a1b2")}
    assert holds(b"a=1&b=2", headers)
    assert holds(b"b=2&a=1", headers)
    assert not holds(b"a=2&b=1", headers)
    assert not holds(b"a=1&b=2&c=3", headers)


def test_a_form_in_another_spelling_is_the_same_form() -> None:
    headers = {**FORM_HEADERS, **sign(URL + "Bodya b&c")}
    assert holds(b"Body=a+b%26c", headers)
    assert holds(b"Body=a%20b%26c", headers)


@pytest.mark.parametrize("body", [b"\xff=1", b"a=%ff", "&".join(f"a{n}=1" for n in range(1001)).encode()])
def test_a_form_that_cannot_be_read_in_one_way(body: bytes) -> None:
    assert not holds(body, {**FORM_HEADERS, **sign(URL)})


@pytest.mark.parametrize(
    ("signed", "known"),
    [
        ("https://api.example.com/x?a=1", "https://api.example.com:443/x?a=1"),
        ("https://api.example.com:443/x?a=1", "https://api.example.com/x?a=1"),
        ("http://api.example.com:80/x", "http://api.example.com/x"),
        ("https://[::1]:443/x", "https://[::1]/x"),
        ("https://api.example.com/x?a=1", "https://api.example.com:8443/x?a=1"),
        ("https://[::1]/x", "https://[::1]:8443/x"),
    ],
)
def test_a_port_that_is_written_or_left_out(signed: str, known: str) -> None:
    """Twilio does either, by how the URL was configured; its own libraries take both."""
    assert holds(b"a=1", {**FORM_HEADERS, **sign(signed + "a1")}, known)


@pytest.mark.parametrize(
    "other",
    [
        "http://api.example.com/hooks/twilio/",
        "https://evil.example/hooks/twilio/",
        "https://api.example.com:8443/hooks/twilio/",
        "https://api.example.com/hooks/twilio/?a=1",
        "https://api.example.com/hooks/github/",
    ],
)
def test_a_message_for_another_url(other: str) -> None:
    assert not holds(b"a=1", {**FORM_HEADERS, **sign(other + "a1")})


@pytest.mark.parametrize(
    "spoof",
    [
        {"Host": "testserver"},
        {"X-Forwarded-Host": "evil.example"},
        {"X-Forwarded-Proto": "http", "X-Forwarded-Port": "8000"},
    ],
    ids=str,
)
def test_behind_a_proxy_the_url_is_the_configured_one(spoof: dict[str, str], client: Any) -> None:
    """What the proxy calls us, and what a sender claims that it was called, does not matter."""
    sent = message("twilio")
    answer = client.post(
        sent.url, data=sent.body, content_type=sent.content_type, headers={**sent.headers, **spoof}
    )
    assert answer.status_code == 204


SPELLED = [
    "~x/", "a%20b", "%C3%A4", "a+b", "a%2Fb", "%7Ex", "a;b=1", "a|b", "%28x%29", "x?a=%28x%29&b=(x)&c=|&d=%7E&e=a+b",
]  # fmt: skip


@pytest.mark.parametrize("server", ["asgi", "RAW_URI", "REQUEST_URI"])
@pytest.mark.parametrize("written", SPELLED)
def test_a_url_is_signed_as_it_was_written(written: str, server: str, rf: Any, async_rf: Any) -> None:
    """Django knows what it means, and would write it in another way."""
    headers = {**sign(f"{BASE}/hooks/{written}a1")}
    made = rf if server != "asgi" else async_rf
    request = made.post(f"/hooks/{written}", b"a=1", content_type=FORM, headers=headers)
    if server == "asgi":
        path = f"/hooks/{written}".partition("?")[0]
        request.scope["raw_path"] = path.encode()
        request.path = request.path_info = unquote(path)  # as servers decode it, and the factory does not
    else:
        request.META[server] = f"/hooks/{written}"
    assert receiving.read(request, source_named("twilio")).body == b"a=1"


@pytest.mark.parametrize("raw", ["/hooks/other/", "http://localhost/hooks/x/", "/hooks/x", "", "//hooks/x/"])
def test_what_a_server_calls_the_url_is_not_believed_where_it_is_another(raw: str, rf: Any) -> None:
    """A proxy or a middleware has made another path of it: what the view is called for counts."""
    for signed, holds in ((f"{BASE}/hooks/x/", True), (f"{BASE}{raw}", False)):
        request = rf.post("/hooks/x/", b"a=1", content_type=FORM, headers=sign(signed + "a1"))
        request.META["RAW_URI"] = raw
        if holds:
            assert receiving.read(request, source_named("twilio")).body == b"a=1"
        else:
            with pytest.raises(InvalidSignature):
                receiving.read(request, source_named("twilio"))


def test_a_message_that_was_signed_for_the_host_that_the_sender_names(client: Any, taken: list[Any]) -> None:
    """Of another site with the same token, replayed here with its Host."""
    body = b"a=1"
    headers = {**sign("https://localhost/hooks/twilio/a1"), "Host": "localhost"}
    assert client.post("/hooks/twilio/", data=body, content_type=FORM, headers=headers).status_code == 401
    assert not taken


def json_headers(url: str) -> dict[str, str]:
    return {**sign(url), "Content-Type": "application/json"}


def test_a_json_body_is_held_by_its_hash_in_the_url() -> None:
    body = b'{"a": 1}'
    url = signed_url(URL, body)
    assert url == f"{URL}?bodySHA256={hashlib.sha256(body).hexdigest()}"
    assert holds(body, json_headers(url), url)
    assert not holds(b'{"a": 2}', json_headers(url), url)
    assert not holds(body, json_headers(URL), URL)  # without the hash nothing says what was sent


def test_two_hashes_in_the_url() -> None:
    body = b'{"a": 2}'
    url = signed_url(URL, b'{"a": 1}') + "&" + urlencode({"bodySHA256": hashlib.sha256(body).hexdigest()})
    assert not holds(body, json_headers(url), url)
    with pytest.raises(ValueError, match="already"):
        signed_url(url, body)


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "", "multipart/form-data; boundary=x"])
def test_a_form_under_another_type_is_not_taken_for_empty(kind: str) -> None:
    """The type is not signed. A body of parameters that nobody hashed must not pass as one without any."""
    assert not holds(b"Admin=1", {**sign(URL), "Content-Type": kind})
    assert holds(b"", {**sign(URL), "Content-Type": kind})


def test_our_signer_signs_forms_and_json_alike(source: Callable[..., None]) -> None:
    body = b'{"a": 1}'
    url = signed_url(URL, body)
    headers = webhooks.sign("twilio", body, url=url, content_type="application/json")
    assert holds(body, {**headers, "Content-Type": "application/json"}, url)
    assert holds(b"a=1", {**webhooks.sign("twilio", b"a=1", url=URL), **FORM_HEADERS})
    with pytest.raises(ValueError, match="signs the URL"):
        webhooks.sign("twilio", b"a=1")
    with pytest.raises(ValueError, match=rf"Send it to {re.escape(url)}"):
        webhooks.sign("twilio", body, url=URL, content_type="application/json")
    with pytest.raises(ValueError, match="no form"):
        webhooks.sign("twilio", b"\xff=1", url=URL)

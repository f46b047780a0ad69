"""What stops the start: sources that are none, secrets that are none, and policies that would prove nothing."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.urls import path

from stockade.core.errors import ConfigurationError
from stockade.pipeline.start import findings
from stockade.policy import Authenticated, Public
from stockade.vault import Secret
from stockade.web import protect, signed
from stockade.webhooks import Preset, Signed
from stockade.webhooks.conf import source_named
from tests.webhooks.configured import WEBHOOKS
from tests.webhooks.senders import SECRETS, message

GOOD = SECRETS["github"]
PUBLIC = "whpk_" + base64.b64encode(bytes(32)).decode()


def stops() -> list[tuple[str, str]]:
    return [(one.id, f"{one.message} {one.hint}") for one in findings() if one.stops]


@pytest.mark.parametrize(
    ("sources", "told"),
    [
        ([], "dict with names"),
        ({"Git Hub": {"SECRETS": GOOD}}, "small letters"),
        ({"github": GOOD}, "is no dict"),
        ({"github": {"SECRET": GOOD}}, "has no SECRET"),
        ({"github": {}}, "SECRETS is missing"),
        ({"github": {"SECRETS": []}}, "1 to 10 secrets"),
        ({"github": {"SECRETS": [GOOD] * 11}}, "1 to 10 secrets"),
        ({"github": {"SECRETS": ""}}, "is empty"),
        ({"github": {"SECRETS": [GOOD, "   "]}}, "is empty"),
        ({"github": {"SECRETS": [b"bytes-are-no-text-here"]}}, "no list of strings"),
        ({"github": {"SECRETS": "supersecret"}}, "shorter than 16"),
        ({"github": {"SECRETS": ["GITHUB_WEBHOOK_SECRET"]}}, "is a name where a value belongs"),
        ({"github": {"SECRETS": "supersecret-supersecret"}}, "placeholder"),
        ({"github": {"SECRETS": "\ud800" + GOOD}}, "UTF-8"),
        ({"ours": {"SECRETS": GOOD}}, "unknown preset 'ours'"),
        ({"ours": {"PRESET": "githup", "SECRETS": GOOD}}, "unknown preset 'githup'"),
        ({"standard": {"SECRETS": GOOD}}, "begins with whsec_"),
        ({"standard": {"SECRETS": "whsec_not base64!"}}, "not base64"),
        ({"standard": {"SECRETS": "whsec_" + base64.b64encode(b"short").decode()}}, "24 to 64 bytes"),
        ({"standard": {"SECRETS": PUBLIC[:-8]}}, "not base64|holds 32"),
        ({"github": {"SECRETS": GOOD, "TOLERANCE": "soon"}}, "no time"),
        ({"github": {"SECRETS": GOOD, "ONCE": "never"}}, "Write one of"),
        ({"github": {"SECRETS": GOOD, "MAX_BODY": 0}}, "whole number"),
        ({"github": {"SECRETS": GOOD, "URL": "https://example.com"}}, "presets that sign it"),
        ({"twilio": {"SECRETS": GOOD}}, "signs the URL"),
        ({"twilio": {"SECRETS": GOOD, "URL": "api.example.com"}}, "signs the URL"),
        ({"twilio": {"SECRETS": GOOD, "URL": "https://api.example.com:99999"}}, "signs the URL"),
        ({"twilio": {"SECRETS": GOOD, "URL": "https://[::1"}}, "signs the URL"),
        ({"github": {"SECRETS": GOOD, "TOLERANCE": "3000d"}}, "at most 366 days"),
        ({"twilio": {"SECRETS": GOOD, "URL": "https://api.example.com/hooks"}}, "signs the URL"),
        (
            {"github": {"SECRETS": GOOD}, "plain": {"SECRETS": ["other-of-sixteen-chars", GOOD]}},
            "same secret",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_source_that_is_none_stops_the_start(
    sources: Any, told: str, configure: Callable[..., None]
) -> None:
    configure(WEBHOOKS=sources)
    found = [text for id, text in stops() if id == "stockade.E280"]
    assert len(found) == 1
    import re

    assert re.search(told, found[0])
    assert GOOD not in found[0]


def test_a_secret_stands_in_no_repr(project: Any) -> None:
    for name, secret in SECRETS.items():
        source = source_named(name)
        for shown in (repr(source), repr(source.keys()), repr(source.given)):
            assert secret not in shown
    assert isinstance(source_named("github").secrets()[0], Secret)


def test_a_callable_gives_the_secrets_of_now(source: Callable[..., None], send: Any) -> None:
    """So a secret that changes where it is kept is taken up while the workers serve."""
    secrets = [GOOD]
    source("github", SECRETS=lambda: secrets[0])
    assert send(message("github", "a")).status_code == 204
    secrets[0] = "another-secret-of-enough-length"
    assert send(message("github", "b")).status_code == 401
    assert send(message("github", "b", secret=secrets[0])).status_code == 204


@pytest.mark.parametrize("position", [0, 1, 2])
def test_several_secrets_while_one_follows_another(
    position: int, source: Callable[..., None], send: Any
) -> None:
    secrets = ["first-secret-of-the-three", "second-secret-of-three", "third-secret-of-three-x"]
    source("github", SECRETS=secrets)
    assert send(message("github", secret=secrets[position])).status_code == 204


def test_a_preset_of_ones_own(configure: Callable[..., None], send: Any, taken: list[Any]) -> None:
    """A small declaration over the same verifier."""
    import hashlib
    import hmac
    import time
    from dataclasses import replace

    own = Preset(
        "acme",
        header="Acme-Signature",
        signs="Its time and the body.",
        freshness="Refused after the tolerance.",
        before=("acme:", "{time}", "\n"),
        prefix="sha512:",
        digest="sha512",
        time_header="Acme-Time",
    )
    configure(WEBHOOKS={**WEBHOOKS, "acme": {"PRESET": own, "SECRETS": "a-secret-that-acme-has-made"}})
    now = str(int(time.time()))
    sent = message("github")
    signature = hmac.new(
        b"a-secret-that-acme-has-made", f"acme:{now}\n".encode() + sent.body, hashlib.sha512
    ).hexdigest()
    headers = {"Acme-Time": now, "Acme-Signature": f"sha512:{signature}"}
    sent = replace(sent, headers=headers, path="/hooks/acme/")
    assert [send(sent).status_code for _ in range(2)] == [204, 409]


@pytest.mark.parametrize(
    "wrong",
    [
        {"form": "xml"}, {"encoding": "base32"}, {"digest": "md5"}, {"before": ("{id}",)}, {"before": ("{time}",)},
        {"id_signed": True}, {"time_header": "X-Time"}, {"before": ("{id}",), "id_header": "X"},
        {"before": ("{id}", ""), "id_header": "X"},
        {"before": ("{id}", "{time}"), "id_header": "X", "form": "pairs"},
    ],
    ids=str,
)  # fmt: skip
def test_a_declaration_that_cannot_be_meant(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"none of|say by|then|behind it"):
        Preset("acme", header="X", signs="", freshness="", **wrong)


def test_the_border_behind_an_id_cannot_be_moved_in_a_preset_of_ones_own() -> None:
    """Whatever text stands there: `a|1` and a body of `2` sign as `a` and a body of `1|2` do."""
    from stockade import webhooks
    from stockade.core.errors import InvalidSignature

    own = Preset("acme", header="Acme", signs="", freshness="", before=("{id}", "|"), id_header="Acme-Id")
    signed = webhooks.sign(own, b"1|2", secrets=GOOD, id="a")
    assert webhooks.verify(own, b"1|2", signed, secrets=GOOD).id == "a"
    with pytest.raises(InvalidSignature) as caught:
        webhooks.verify(own, b"2", {**signed, "Acme-Id": "a|1"}, secrets=GOOD)
    assert caught.value.reason == "id_format"
    with pytest.raises(ValueError, match=r"no '\|'"):
        webhooks.sign(own, b"2", secrets=GOOD, id="a|1")


@pytest.mark.parametrize("preset", ["github", "standard", "stripe"])
def test_an_id_that_would_end_its_header_is_not_sent(preset: str) -> None:
    from stockade import webhooks

    with pytest.raises(ValueError, match="The id of a message"):
        webhooks.sign(preset, b"{}", id="1\r\nAuthorization: Basic Og==")


@pytest.mark.parametrize("tolerance", [float("nan"), -1.0])
def test_a_tolerance_that_is_none_takes_no_time(tolerance: float) -> None:
    """Nothing is greater than what is no number: every time would be near enough."""
    from stockade import webhooks

    old = webhooks.sign("slack", b"{}", secrets=GOOD, time=1)
    with pytest.raises(ValueError, match="tolerance"):
        webhooks.verify("slack", b"{}", old, secrets=GOOD, tolerance=tolerance)


def test_signed_names_exactly_one_source() -> None:
    for arguments in ({}, {"source": "a", "url": "b"}):
        with pytest.raises(ConfigurationError, match=r"E283"):
            Signed(**arguments)


class Urls:
    """Some views as a URLconf."""

    def __init__(self, *patterns: Any) -> None:
        self.urlpatterns = list(patterns)


def view(request: Any, **_: Any) -> Any:
    raise AssertionError("not reached")


@pytest.mark.parametrize(
    ("route", "made", "id"),
    [
        ("hook/", lambda: signed("gitlab")(view), "stockade.E282"),
        ("hook/", lambda: signed(url="source")(view), "stockade.E283"),
        (
            "hook/",
            lambda: protect(policy={"POST": Signed("github") | Authenticated()})(view),
            "stockade.E284",
        ),
        ("hook/", lambda: protect(policy={"POST": ~Signed("github")})(view), "stockade.E284"),
        (
            "hook/",
            lambda: protect(policy={"POST": Signed("github") & Signed("plain")})(view),
            "stockade.E284",
        ),
        (
            "hook/",
            lambda: protect(policy={"POST": Public() & (Signed("github") | Public())})(view),
            "stockade.E284",
        ),
    ],
    ids=["unknown", "no argument", "or", "not", "two", "or within and"],
)
def test_a_policy_that_would_prove_nothing_stops_the_start(
    route: str, made: Any, id: str, project: Any
) -> None:
    project.ROOT_URLCONF = Urls(path(route, made()))
    assert [found for found, _ in stops()] == [id]


def test_what_goes_together_starts(project: Any) -> None:
    project.ROOT_URLCONF = Urls(
        path("a/", signed("github", limits="10/min")(view)),
        path("b/<slug:source>/", signed(url="source")(view)),
        path("c/", protect(policy={"POST": Signed("github") & Authenticated(), "GET": Public()})(view)),
    )
    assert stops() == []


def test_limits_of_the_view_count_whoever_sends(project: Any, send: Any) -> None:
    """LIMITS by caller do not: a vendor that is refused loses its message."""

    def answer(request: Any) -> HttpResponse:
        return HttpResponse(status=204)

    project.ROOT_URLCONF = Urls(path("few/", signed("github", limits="4/min")(answer)))
    statuses = [send(message("github", f"m{number}"), "/few/").status_code for number in range(5)]
    assert statuses == [204, 204, 204, 204, 429]


def test_a_callable_that_gives_no_secret_is_the_servers_fault(source: Callable[..., None], send: Any) -> None:
    """And lets nothing in."""
    secrets = [GOOD]
    source("github", SECRETS=lambda: secrets)
    assert send(message("github", "a")).status_code == 204
    secrets[0] = ""
    assert send(message("github", "b", secret="")).status_code == 500


def test_while_policies_only_report_what_does_not_hold_is_recorded(
    configure: Callable[..., None], send: Any, log: Any
) -> None:
    configure(MODE={"policies": "report"})
    send(message("github", secret="of-somebody-else-entirely"), "/plain/")
    assert ("WEBHOOK_FAIL", "signature") in log()

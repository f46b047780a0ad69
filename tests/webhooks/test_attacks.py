"""What is tried against signed messages: each preset, each tampering, through the middleware and a real view."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.webhooks.senders import (
    FORM,
    ID_HEADERS,
    JSON,
    OTHER,
    SECRETS,
    SIGN,
    SIGNATURES,
    TIMED,
    UNTIMED,
    Sent,
    body_of,
    message,
)

EVERY = tuple(SECRETS)
TIMES = {"standard": "webhook-timestamp", "svix": "svix-timestamp", "slack": "X-Slack-Request-Timestamp"}
Send = Callable[..., Any]
Log = Callable[[], list[tuple[str, str]]]

every = pytest.mark.parametrize("preset", EVERY)


def refused(answer: Any, log: Log, taken: list[Any], reason: str = "") -> None:
    """It is a 4xx with one event, and no view has seen it."""
    assert 400 <= answer.status_code < 500
    assert not taken
    events = [one for one in log() if one[0] != "AUTHN_SUCCESS"]
    assert len(events) == 1
    assert events[0][0] in ("WEBHOOK_FAIL", "INPUT_FAIL")
    if reason:
        assert events[0][1] == reason


@every
def test_what_its_vendor_has_signed_is_taken(preset: str, send: Send, log: Log, taken: list[Any]) -> None:
    sent = message(preset)
    answer = send(sent)
    assert answer.status_code == 204, answer.content
    assert [(source, body) for source, _, body in taken] == [(preset, sent.body)]
    assert log() == [("AUTHN_SUCCESS", "")]


@every
def test_a_changed_body(preset: str, send: Send, log: Log, taken: list[Any]) -> None:
    sent = message(preset)
    refused(send(replace(sent, body=sent.body.replace(b"paid", b"free"))), log, taken, "signature")


@every
def test_a_body_with_something_behind_it(preset: str, send: Send, log: Log, taken: list[Any]) -> None:
    sent = message(preset)
    more = b"&Admin=1" if preset == "twilio" else b" "
    refused(send(replace(sent, body=sent.body + more)), log, taken, "signature")


@every
def test_a_body_that_is_cut(preset: str, send: Send, log: Log, taken: list[Any]) -> None:
    sent = message(preset)
    refused(send(replace(sent, body=sent.body[:-1])), log, taken, "signature")


@pytest.mark.parametrize("preset", [name for name in EVERY if name != "twilio"])
def test_a_body_that_means_the_same_in_another_spelling(
    preset: str, send: Send, log: Log, taken: list[Any]
) -> None:
    """Parsed and written again it would hold: what is verified must be what came."""
    sent = message(preset)
    refused(send(replace(sent, body=sent.body.replace(b": ", b":"))), log, taken, "signature")


@every
def test_a_body_of_nothing_under_another_signature(
    preset: str, send: Send, log: Log, taken: list[Any]
) -> None:
    refused(send(replace(message(preset), body=b"")), log, taken, "signature")


@pytest.mark.parametrize("preset", [name for name in EVERY if name != "twilio"])
def test_a_body_of_nothing_that_is_signed_is_taken(preset: str, send: Send, taken: list[Any]) -> None:
    assert send(replace(message(preset, body=b""), path="/raw/{preset}/")).status_code == 204
    assert taken[0][2] == b""


@every
def test_a_wrong_secret(preset: str, send: Send, log: Log, taken: list[Any]) -> None:
    refused(send(message(preset, secret=OTHER[preset])), log, taken, "signature")


@pytest.mark.parametrize("preset", [name for name in EVERY if name not in ("standard", "svix")])
def test_the_empty_secret(preset: str, send: Send, log: Log, taken: list[Any]) -> None:
    sent = message(preset)
    headers = SIGN[preset]("", sent.body, "msg_1", int(time.time()))
    refused(send(replace(sent, headers=headers)), log, taken, "signature")


@pytest.mark.parametrize(
    ("preset", "other"), [("github", "shopify"), ("shopify", "plain"), ("standard", "svix")]
)
def test_the_signature_of_another_source(
    preset: str, other: str, send: Send, log: Log, taken: list[Any]
) -> None:
    """Each source has its own secret: what one signs, another has not."""
    refused(send(message(preset, secret=SECRETS[other])), log, taken, "signature")


@every
def test_no_signature_at_all(preset: str, send: Send, log: Log, taken: list[Any]) -> None:
    sent = message(preset)
    headers = {name: value for name, value in sent.headers.items() if name != SIGNATURES[preset]}
    refused(send(replace(sent, headers=headers)), log, taken, "no_signature")


@every
def test_an_empty_signature(preset: str, send: Send, log: Log, taken: list[Any]) -> None:
    refused(send(message(preset).having(**{SIGNATURES[preset].replace("-", "_"): ""})), log, taken)


def signature(preset: str, change: Callable[[str], str]) -> Sent:
    sent = message(preset)
    name = SIGNATURES[preset]
    return replace(sent, headers={**sent.headers, name: change(sent.headers[name])})


@every
@pytest.mark.parametrize("by", [1, 2, 4, 20])
def test_a_truncated_signature(preset: str, by: int, send: Send, log: Log, taken: list[Any]) -> None:
    refused(send(signature(preset, lambda text: text[:-by])), log, taken)


@every
def test_a_signature_with_one_other_letter(preset: str, send: Send, log: Log, taken: list[Any]) -> None:
    # Not the last: of base64 its lowest bits may count for nothing.
    def change(text: str) -> str:
        return text[:-6] + ("a" if text[-6] != "a" else "b") + text[-5:]

    refused(send(signature(preset, change)), log, taken, "signature")


@every
def test_a_signature_in_the_other_case(preset: str, send: Send, log: Log, taken: list[Any]) -> None:
    def change(text: str) -> str:
        kind, _, rest = text.rpartition("=") if preset in ("github", "stripe", "slack") else ("", "", text)
        kind, _, rest = text.rpartition(",") if preset in ("standard", "svix") else (kind, _, rest)
        return text[: len(text) - len(rest)] + rest.swapcase()

    refused(send(signature(preset, change)), log, taken)


@every
@pytest.mark.parametrize("white", [" ", "\t", "  "])
def test_white_space_within_a_signature(
    preset: str, white: str, send: Send, log: Log, taken: list[Any]
) -> None:
    refused(send(signature(preset, lambda text: text[:-8] + white + text[-8:])), log, taken)


@pytest.mark.parametrize("preset", ["shopify", "twilio", "standard"])
def test_a_second_spelling_of_the_same_base64(preset: str, send: Send, log: Log, taken: list[Any]) -> None:
    """The last letter before the padding carries bits that decoders throw away."""

    def change(text: str) -> str:
        assert text.endswith("=")
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        at = len(text.rstrip("=")) - 1
        other = text[:at] + letters[letters.index(text[at]) ^ 1] + text[at + 1 :]
        start = len("v1,") if preset == "standard" else 0
        assert base64.b64decode(other[start:]) == base64.b64decode(text[start:])
        return other

    refused(send(signature(preset, change)), log, taken, "signature_format")


@pytest.mark.parametrize(
    ("preset", "old", "new"),
    [
        ("standard", "v1,", "v2,"),
        ("standard", "v1,", "v0,"),
        ("standard", "v1,", ""),
        ("github", "sha256=", "sha1="),
        ("github", "sha256=", "md5="),
        ("github", "sha256=", ""),
        ("stripe", "v1=", "v0="),
        ("slack", "v0=", "v9="),
        ("slack", "v0=", ""),
    ],
)
def test_an_unknown_version(preset: str, old: str, new: str, send: Send, log: Log, taken: list[Any]) -> None:
    refused(send(signature(preset, lambda text: text.replace(old, new))), log, taken)


@pytest.mark.parametrize("preset", ["standard", "svix", "stripe"])
def test_a_right_signature_beside_a_wrong_one_is_taken(preset: str, send: Send, taken: list[Any]) -> None:
    """So senders rotate: both signatures, of the old secret and of the new one."""
    wrong = message(preset, secret=OTHER[preset]).headers[SIGNATURES[preset]]
    between = "," if preset == "stripe" else " "
    wrong = wrong.partition(",")[2] if preset == "stripe" else wrong
    assert send(signature(preset, lambda text: text + between + wrong)).status_code == 204
    assert len(taken) == 1


@pytest.mark.parametrize("preset", ["github", "slack", "shopify", "twilio", "plain"])
def test_two_signatures_where_there_is_one(preset: str, send: Send, log: Log, taken: list[Any]) -> None:
    """Two headers of one name come joined by a comma: no server says which was meant."""
    wrong = message(preset, secret=OTHER[preset]).headers[SIGNATURES[preset]]
    refused(send(signature(preset, lambda text: f"{text},{wrong}")), log, taken)
    refused_again = send(signature(preset, lambda text: f"{wrong}, {text}"))
    assert refused_again.status_code == 401


def test_two_headers_of_stripe_with_two_times(send: Send, log: Log, taken: list[Any]) -> None:
    """Which time belongs to which signature? The first would be fresh, and the second signed."""
    old = message("stripe", at=time.time() - 86_400).headers["Stripe-Signature"]
    new = f"t={int(time.time())},v1={'0' * 64}"
    refused(send(message("stripe").having(Stripe_Signature=f"{new},{old}")), log, taken, "signature_format")


def test_more_signatures_than_anybody_sends(send: Send, log: Log, taken: list[Any]) -> None:
    """Each costs a comparison, or one of Ed25519."""
    refused(
        send(signature("standard", lambda text: " ".join([text] * 21))), log, taken, "too_many_signatures"
    )


def test_a_header_of_any_length(send: Send, log: Log, taken: list[Any]) -> None:
    """What is too much comes after a signature that holds, in a version of which nobody knows."""
    refused(send(signature("stripe", lambda text: f"{text},v0={'a' * 5000}")), log, taken, "signature_format")


@pytest.mark.parametrize("preset", TIMED)
@pytest.mark.parametrize(
    ("ahead", "reason"), [(-301, "expired"), (310, "in_the_future"), (-86_400, "expired")]
)
def test_an_old_message_and_one_of_tomorrow(
    preset: str, ahead: float, reason: str, send: Send, log: Log, taken: list[Any]
) -> None:
    refused(send(message(preset, at=time.time() + ahead)), log, taken, reason)


@pytest.mark.parametrize("preset", TIMED)
@pytest.mark.parametrize("ahead", [-290, 290])
def test_a_clock_within_the_tolerance_is_taken(preset: str, ahead: float, send: Send) -> None:
    assert send(message(preset, at=time.time() + ahead)).status_code == 204


@pytest.mark.parametrize("preset", TIMED)
def test_an_old_message_with_another_time(preset: str, send: Send, log: Log, taken: list[Any]) -> None:
    """The time is part of what is signed."""
    old, now = message(preset, at=time.time() - 86_400), int(time.time())
    if preset == "stripe":
        text = old.headers["Stripe-Signature"]
        new = old.having(Stripe_Signature=f"t={now}," + text.partition(",")[2])
    else:
        new = replace(old, headers={**old.headers, TIMES[preset]: str(now)})
    refused(send(new), log, taken, "signature")


@pytest.mark.parametrize("preset", TIMES)
@pytest.mark.parametrize("text", ["", "+{}", " {}", "{}.0", "0x65", "-1", "1e9", "{} {}", "٣", "9" * 13])
def test_a_time_that_is_none(preset: str, text: str, send: Send, log: Log, taken: list[Any]) -> None:
    """int() would take some of these."""
    now = int(time.time())
    sent = message(preset)
    wrong = text.format(now, now).encode().decode("latin-1")
    refused(send(replace(sent, headers={**sent.headers, TIMES[preset]: wrong})), log, taken)


@pytest.mark.parametrize("preset", ["standard", "svix"])
def test_another_id_where_the_id_is_signed(preset: str, send: Send, log: Log, taken: list[Any]) -> None:
    sent = message(preset)
    refused(
        send(replace(sent, headers={**sent.headers, ID_HEADERS[preset]: "msg_2"})), log, taken, "signature"
    )


@pytest.mark.parametrize("id", ["", "a b", "msg.1", "x" * 257, "a,b\n"])
def test_an_id_that_is_none(id: str, send: Send, log: Log, taken: list[Any]) -> None:
    sent = message("standard", id=id.strip() or "x")
    refused(send(replace(sent, headers={**sent.headers, "webhook-id": id.replace("\n", "\t")})), log, taken)


def test_a_border_that_is_moved_between_id_and_time(send: Send, log: Log, taken: list[Any]) -> None:
    """`a.TIME` and `rest` sign as `a`, `TIME` and a body of `rest.` do."""
    now = int(time.time())
    inner = f"{now}.{{}}".encode()
    sent = message("standard", body=inner, at=now - 3600)  # signs "msg_1.OLD.NOW.{}"
    moved = replace(sent, body=b"{}", headers={
        **sent.headers, "webhook-id": f"msg_1.{now - 3600}", "webhook-timestamp": str(now)
    })  # fmt: skip
    refused(send(moved), log, taken, "id_format")


def test_fifty_megabytes_are_refused_by_their_length(send: Send, log: Log, taken: list[Any]) -> None:
    big = b"x" * 50_000_000
    answer = send(replace(message("standard"), body=big))
    assert answer.status_code == 413
    refused(answer, log, taken, "body_too_long")


@every
def test_a_name_of_a_header_in_any_case_is_taken(preset: str, send: Send) -> None:
    sent = message(preset)
    assert send(replace(sent, headers={k.upper(): v for k, v in sent.headers.items()})).status_code == 204


def test_a_secret_in_the_url_opens_nothing(send: Send, log: Log, taken: list[Any]) -> None:
    sent = replace(message("plain"), headers={}, path=f"/hooks/plain/?secret={SECRETS['plain'][:8]}&key=1")
    refused(send(sent), log, taken, "no_signature")


def test_a_credential_of_somebody_opens_nothing(send: Send, log: Log, taken: list[Any]) -> None:
    """Nor does it close anything: some senders are configured to send one along."""
    bare = replace(message("github"), headers={"Authorization": "Bearer x"})
    refused(send(bare), log, taken, "no_signature")
    assert send(message("github").having(Authorization="Bearer x")).status_code == 204


def test_a_source_that_there_is_not(send: Send, log: Log, taken: list[Any]) -> None:
    answer = send(replace(message("github"), path="/hooks/nobody/"))
    assert answer.status_code == 404
    assert log() == [("AUTHZ_FAIL", "unknown_source")]
    assert not taken


def test_another_method_and_another_content_type(send: Send, taken: list[Any], client: Any) -> None:
    assert client.get("/plain/").status_code == 405
    assert client.get("/hooks/github/").status_code in (401, 403, 405)
    assert send(replace(message("github"), content_type="text/plain"), "/plain/").status_code == 204


def test_a_form_is_read_as_it_was_signed(send: Send) -> None:
    body = b"Body=a+b%26c&Body=second&Empty="
    sent = replace(message("twilio", body=body), content_type=FORM)
    # The URL is signed: the one of the view is another.
    assert send(sent, "/form/").status_code == 401


def test_json_is_what_a_form_is_not(send: Send, log: Log, taken: list[Any]) -> None:
    """The type of the body is not signed: a form that is said to be JSON must not be read as one."""
    refused(send(replace(message("twilio"), content_type=JSON)), log, taken, "body")


@pytest.mark.parametrize("preset", UNTIMED)
def test_nothing_of_a_body_is_told_to_the_log_or_the_sender(preset: str, send: Send, caplog: Any) -> None:
    answer = send(message(preset, secret=OTHER[preset]))
    right = message(preset).headers[SIGNATURES[preset]]
    assert right.encode() not in answer.content
    assert SECRETS[preset].encode() not in answer.content
    assert right not in caplog.text


def test_guessing_is_slowed_by_address_and_right_messages_are_not(
    send: Send, configure: Callable[..., None], log: Log
) -> None:
    configure(LIMITS={"failed_auth": "3/min", "anon": "1/day"})
    for number in range(5):
        assert send(message("github", f"m{number}")).status_code == 204
    for _ in range(3):
        assert send(message("github", secret=OTHER["github"])).status_code == 401
    assert send(message("github", secret=OTHER["github"])).status_code == 429
    assert log()[-1][0] == "LIMIT_EXCEEDED"


@every
def test_what_others_have_a_vendor_send_from_its_own_addresses_loses_none_of_its_messages(
    preset: str, send: Send, configure: Callable[..., None], taken: list[Any]
) -> None:
    """Whoever has an account with it can have it sign for him and send here. Few of them send again after 429."""
    configure(LIMITS={"failed_auth": "2/min"})
    wrong = [send(message(preset, secret=OTHER[preset])).status_code for _ in range(3)]
    assert wrong == [401, 401, 429]
    assert send(message(preset)).status_code == 204
    assert send(message(preset, secret=OTHER[preset])).status_code == 429
    assert len(taken) == 1


def test_whoever_is_banned_is_not_heard(send: Send, taken: list[Any]) -> None:
    import stockade

    stockade.ban(address="127.0.0.1", reason="test")
    assert send(message("github")).status_code == 403
    assert not taken


def test_a_vendor_that_tries_again_too_late_is_not_slowed(send: Send, configure: Callable[..., None]) -> None:
    configure(LIMITS={"failed_auth": "2/min"})
    for _ in range(4):
        assert send(message("standard", at=time.time() - 1000)).status_code == 401
    assert send(message("standard")).status_code == 204


def test_a_message_does_not_stand_in_for_a_role(send: Send, taken: list[Any]) -> None:
    assert send(message("github"), "/both/").status_code == 403
    assert not taken


@every
def test_a_body_as_big_as_is_taken(preset: str, send: Send, source: Callable[..., None]) -> None:
    body = body_of(preset, "msg_9", "x" * 200)
    source(preset, MAX_BODY=len(body))
    assert send(message(preset, body=body)).status_code == 204
    source(preset, MAX_BODY=len(body) - 1)
    assert send(message(preset, "msg_8", body=body)).status_code == 413

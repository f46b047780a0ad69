"""What has come before: replays, retries of the vendor, failures of the view, and deaths of the worker."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from stockade.core import clock
from stockade.gate.registry import get_gate
from stockade.webhooks import once, shown
from stockade.webhooks.conf import source_named
from stockade.webhooks.verifying import Check
from tests.webhooks import urls
from tests.webhooks.senders import ID_HEADERS, SECRETS, TIMED, UNTIMED, Sent, message

Send = Callable[..., Any]
Log = Callable[[], list[tuple[str, str]]]


def codes(answers: list[Any]) -> list[tuple[int, str]]:
    return [(one.status_code, one.json()["code"] if one.content else "") for one in answers]


@pytest.mark.parametrize("preset", TIMED)
def test_a_copy_of_a_message_is_a_replay(preset: str, send: Send, log: Log, taken: list[Any]) -> None:
    sent = message(preset)
    assert codes([send(sent), send(sent)]) == [(204, ""), (409, "replayed")]
    assert len(taken) == 1
    assert ("WEBHOOK_REPLAYED", "replayed") in log()


@pytest.mark.parametrize("preset", TIMED)
def test_the_vendors_next_try_is_answered_as_done(
    preset: str, send: Send, log: Log, taken: list[Any]
) -> None:
    """It signs anew, at another time."""
    now = time.time()
    assert codes([send(message(preset, at=now - 30)), send(message(preset, at=now))]) == [
        (204, ""), (200, "already_done")
    ]  # fmt: skip
    assert len(taken) == 1
    assert ("WEBHOOK_REPEATED", "already_done") in log()


@pytest.mark.parametrize("preset", UNTIMED)
def test_a_redelivery_without_a_time_is_answered_as_done(preset: str, send: Send, taken: list[Any]) -> None:
    """It is word for word what was sent before: nobody can tell a replay from it, and neither reaches the view."""
    sent = message(preset)
    assert codes([send(sent), send(sent), send(sent)]) == [
        (204, ""), (200, "already_done"), (200, "already_done")
    ]  # fmt: skip
    assert len(taken) == 1


@pytest.mark.parametrize("preset", [name for name in UNTIMED if name in ID_HEADERS])
def test_a_replay_under_another_id_which_nobody_has_signed(
    preset: str, send: Send, log: Log, taken: list[Any]
) -> None:
    sent = message(preset)
    forged = replace(sent, headers={**sent.headers, ID_HEADERS[preset]: "msg_2"})
    assert codes([send(sent), send(forged)]) == [(204, ""), (409, "replayed")]
    assert len(taken) == 1
    assert ("WEBHOOK_REPLAYED", "replayed") in log()


@pytest.mark.parametrize("preset", [name for name in UNTIMED if name in ID_HEADERS])
def test_a_replay_without_its_id(preset: str, send: Send, taken: list[Any]) -> None:
    sent = message(preset)
    bare = replace(sent, headers={k: v for k, v in sent.headers.items() if k != ID_HEADERS[preset]})
    assert codes([send(sent), send(bare)]) == [(204, ""), (409, "replayed")]
    assert len(taken) == 1


@pytest.mark.parametrize("preset", sorted(SECRETS))
def test_another_message_is_another(preset: str, send: Send, taken: list[Any]) -> None:
    assert [send(message(preset, f"m{number}")).status_code for number in range(3)] == [204] * 3
    assert len(taken) == 3


@pytest.mark.parametrize("signature", [0, 1])
def test_a_replay_with_one_of_two_signatures(
    signature: int, send: Send, source: Any, taken: list[Any]
) -> None:
    """While secrets change over a message has two: neither half of it is another message."""
    from tests.webhooks.senders import OTHER

    source("standard", SECRETS=[SECRETS["standard"], OTHER["standard"]])
    sent = message("standard")
    other = message("standard", secret=OTHER["standard"]).headers["webhook-signature"]
    both = sent.headers["webhook-signature"], other
    assert send(sent.having(webhook_signature=" ".join(both))).status_code == 204
    assert send(sent.having(webhook_signature=both[signature])).status_code == 409
    assert len(taken) == 1


@pytest.mark.parametrize("at", [0, 1])
def test_a_replay_with_one_of_two_signatures_where_there_is_no_id(
    at: int, send: Send, configure: Callable[..., None], taken: list[Any]
) -> None:
    """Known by what is signed, and each secret makes another digest of that."""
    from stockade.webhooks import Preset
    from tests.webhooks.configured import WEBHOOKS
    from tests.webhooks.senders import mac

    own = Preset("acme", header="Acme", signs="", freshness="", before=("{time}", "."), form="pairs")
    secrets = ["first-secret-of-the-two", "second-secret-of-two-x"]
    configure(WEBHOOKS={**WEBHOOKS, "acme": {"PRESET": own, "SECRETS": secrets}})
    now = int(time.time())
    signed = f"{now}.".encode() + b'{"a": 1}'
    both = [f"v1={mac(secret.encode(), signed).hex()}" for secret in secrets]
    answers = [
        send(Sent("acme", b'{"a": 1}', {"Acme": ",".join([f"t={now}", *signatures])}))
        for signatures in (both, [both[at]], [both[1 - at]])
    ]
    assert codes(answers) == [(204, ""), (409, "replayed"), (409, "replayed")]
    assert len(taken) == 1


@pytest.mark.parametrize("preset", UNTIMED)
def test_a_redelivery_that_is_signed_by_the_next_secret_is_not_done_twice(
    preset: str, send: Send, source: Callable[..., None], taken: list[Any]
) -> None:
    """While the secret changes over: published, signing, and what was sent in between when the old one is gone."""
    old, new = SECRETS[preset], "the-next-secret-that-is-agreed-on"
    first, second = message(preset, "m1"), message(preset, "m2")
    secrets = [old]
    source(preset, SECRETS=lambda: list(secrets))
    assert send(first).status_code == 204
    secrets[:] = old, new
    assert send(message(preset, "m1", secret=new)).status_code == 200
    assert send(second).status_code == 204
    secrets[:] = new, old
    assert send(message(preset, "m1", secret=new)).status_code == 200
    secrets[:] = [new]
    assert send(message(preset, "m2", secret=new)).status_code == 200
    assert len(taken) == 2


@pytest.mark.parametrize("outcome", [500, 204])
def test_while_two_secrets_are_in_force_a_failure_is_forgotten_and_a_success_kept(
    outcome: int, send: Send, source: Callable[..., None], taken: list[Any]
) -> None:
    source("github", SECRETS=["the-next-secret-that-is-agreed-on", SECRETS["github"]])
    urls.outcome[0] = outcome
    assert send(message("github")).status_code == outcome
    urls.outcome[0] = 204
    assert send(message("github")).status_code == (204 if outcome == 500 else 200)
    turn = begun(message("github", "m2"))
    assert send(message("github", "m2")).json()["code"] == "in_progress"
    turn.close(True)
    assert send(message("github", "m2")).json()["code"] == "already_done"


@pytest.mark.parametrize("preset", sorted(SECRETS))
@pytest.mark.parametrize("status", [500, 503, 400, 429])
def test_what_the_view_has_refused_may_be_sent_again(
    preset: str, status: int, send: Send, taken: list[Any]
) -> None:
    sent = message(preset)
    urls.outcome[0] = status
    assert send(sent).status_code == status
    urls.outcome[0] = 204
    assert send(sent).status_code == 204
    assert send(sent).status_code in (200, 409)
    assert len(taken) == 2


def test_what_has_made_the_view_fail_may_be_sent_again(send: Send, taken: list[Any]) -> None:
    sent = message("github")
    urls.outcome[0] = ValueError("the view's own")
    assert send(sent, "/plain/").status_code == 500
    urls.outcome[0] = 204
    assert send(sent, "/plain/").status_code == 204


def begun(sent: Sent) -> Any:
    """The turn of a worker that has begun with a message, and the message."""
    source = source_named(sent.preset)
    found = Check(source, shown.of_mapping(source.preset, sent.headers)).finish(sent.body)
    return once.begin(source, found)


@pytest.mark.parametrize("preset", ["standard", "github"])
def test_a_message_that_is_being_worked_on_is_not_begun_twice(
    preset: str, send: Send, log: Log, taken: list[Any]
) -> None:
    """It must not be called done: the worker may still fail."""
    sent = message(preset)
    turn = begun(sent)
    answer = send(sent)
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (409, "in_progress", "10")
    assert ("WEBHOOK_REPEATED", "in_progress") in log()
    turn.close(False)
    assert send(sent).status_code == 204


@pytest.mark.parametrize("preset", ["standard", "github"])
@pytest.mark.parametrize("deaths", [1, 3])
def test_a_message_whose_worker_died_is_taken_again(
    preset: str, deaths: int, send: Send, taken: list[Any], source: Callable[..., None]
) -> None:
    """It must not be called done either: the vendor would try no more."""
    source(preset, TOLERANCE="1h")
    sent = message(preset)
    for _ in range(deaths):
        begun(sent)  # and nobody closes it
        assert codes([send(sent)]) == [(409, "in_progress")]
        clock.shift(once.HANDLING + 1)
    assert codes([send(sent)]) == [(204, "")]
    assert send(sent).json()["code"] in ("already_done", "replayed")
    assert len(taken) == 1


@pytest.mark.parametrize("preset", UNTIMED)
def test_what_has_no_time_is_known_for_as_long_as_is_said(
    preset: str, send: Send, source: Callable[..., None], taken: list[Any]
) -> None:
    source(preset, REMEMBER="2d")
    sent = message(preset)
    assert send(sent).status_code == 204
    clock.shift(2 * 86_400 - 5)
    assert send(sent).status_code == 200
    clock.shift(10)
    assert send(sent).status_code == 204
    assert len(taken) == 2


def test_equal_contents_are_told_apart_by_their_id_where_the_source_says_so(
    send: Send, source: Callable[..., None], taken: list[Any]
) -> None:
    """Twilio's callbacks may be equal; the price is that whoever replays one may choose its id."""
    source("twilio", ONCE="id")
    body = b"CallSid=CA1&Digits=1"
    first, second = message("twilio", "a", body=body), message("twilio", "b", body=body)
    assert [send(one).status_code for one in (first, second, first)] == [204, 204, 200]
    source("twilio", ONCE="off")
    assert [send(one).status_code for one in (first, first)] == [204, 204]


def test_two_sources_do_not_know_each_others_ids(send: Send, taken: list[Any]) -> None:
    assert [send(message(name, "same")).status_code for name in ("standard", "svix", "stripe")] == [204] * 3


def test_an_id_of_any_length_is_no_key_that_a_state_refuses(send: Send, taken: list[Any]) -> None:
    for end in ("a", "b"):
        sent = message("github", "x" * 5000 + end)
        assert codes([send(sent), send(sent)]) == [(204, ""), (200, "already_done")]


def test_without_its_state_nothing_is_taken(
    send: Send, monkeypatch: pytest.MonkeyPatch, taken: list[Any]
) -> None:
    """A replay could not be told from a message: 503, and every vendor tries again."""
    from stockade.core.errors import Unavailable

    def away(*_: Any) -> Any:
        raise Unavailable(reason="state: away")

    monkeypatch.setattr(type(get_gate()), "ask", away)
    assert send(message("standard")).status_code == 503
    assert not taken


def test_by_hand_a_message_is_remembered_and_forgotten_alike(send: Send, taken: list[Any]) -> None:
    sent = message("github")
    urls.outcome[0] = ValueError("the view's own")
    assert send(sent, "/by-hand/?source=github").status_code == 500
    urls.outcome[0] = 204
    answers = [send(sent, "/by-hand/?source=github") for _ in range(2)]
    assert codes(answers) == [(204, ""), (200, "already_done")]
    assert send(replace(sent, body=b"{}"), "/by-hand/?source=github").status_code == 401


async def test_a_coroutine_gets_each_message_once(async_client: Any, taken: list[Any]) -> None:
    sent = message("standard")

    async def post() -> int:
        answer = await async_client.post(
            "/async/", data=sent.body, content_type=sent.content_type, headers=sent.headers
        )
        return int(answer.status_code)

    assert [await post(), await post()] == [204, 409]
    urls.outcome[0] = 500
    sent = message("standard", "msg_2")
    assert await post() == 500
    urls.outcome[0] = 204
    assert await post() == 204
    assert len(taken) == 3

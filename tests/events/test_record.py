"""Nothing secret and nothing that breaks a line reaches a record, whatever an attacker or a careless caller gives."""

from __future__ import annotations

import enum
import uuid
from decimal import Decimal
from typing import Any

import pytest

from stockade.core import clock, secrets
from stockade.core.context import RequestContext, current
from stockade.core.credential import Credential
from stockade.core.principal import Kind, Principal
from stockade.events import Event
from stockade.events.ecs import document
from stockade.events.log import LINE_MAX, encode
from stockade.events.record import MAX_DETAILS, Naming, Record, build
from stockade.events.text import REDACTED, clean, escape, redact

NAMING = Naming("known", b"k" * 32)
JWT = (
    "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiI0MiIsImV4cCI6MTkwMDAwMDAwMH0."
    "MEUCIQDx3vXvJ0bq1z0Yw3dT2aJ5nF8kR7pQ"
)


def make(**given: Any) -> Record:
    return build(Event.AUTHN_FAIL, NAMING, **given)


def everything(record: Record) -> str:
    return repr(record) + encode(record).decode()


# -- credentials -----------------------------------------------------------------------------------------------------

CREDENTIALS = {
    "refresh token": "str_01ARZ3NDEKTSV4RRFFQ69G5FAV.3.k1.9xQeWvG816bUx9EP",
    "api key": secrets.generate("stk_").reveal(),
    "token": secrets.generate("stt_").reveal(),
    "webhook secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    "jwt": JWT,
    "jwt without signature": JWT.rpartition(".")[0] + ".",
    "jwe": "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..aXYtYXQtcmFuZG9t.Y2lwaGVydGV4dA.dGFn",
    "bearer": "Bearer abcdef123456",
    "bearer in capitals": "BEARER  abcdef123456",
    "bearer with a tab": "bearer\tabcdef123456",
    "basic": "Basic YWxpY2U6aHVudGVyMg==",
    "token scheme": "Token 9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b",
    "api key scheme": "Api-Key aB3dE5gH7jK9mN1p.qR3sT5uV7wX9yZ1b",
    "authorization header": "Authorization: Custom opensesame",
    "cookie header": "Cookie: sessionid=opensesame; a=b",
    "query": "/reset?token=opensesame&next=/",
    "password in a form": "username=alice&password=opensesame",
    "password in JSON": '{"username": "alice", "password": "opensesame"}',
    "client secret in JSON": "{'client_secret': 'opensesame'}",
    "django session key": "q8x4n2v6b1m5z9l3k7j0h4g8f2d6s1a5",
    "opaque key of another maker": "AKc3dE5gH7jK9mN1pQ3sT5uV7wX9yZ1bD3fG5h",
    "standard base64 key": "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=",
    "private key": "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIIr\n-----END EC PRIVATE KEY-----",
}
SECRET_PART = {
    "authorization header": "opensesame",
    "cookie header": "opensesame",
    "query": "opensesame",
    "password in a form": "opensesame",
    "password in JSON": "opensesame",
    "client secret in JSON": "opensesame",
    "private key": "MHcCAQEEIIr",
    "bearer": "abcdef123456",
    "bearer in capitals": "abcdef123456",
    "bearer with a tab": "abcdef123456",
    "basic": "YWxpY2U6aHVudGVyMg",
    "token scheme": "9944b09199c62bcf",
}


@pytest.mark.parametrize("name", CREDENTIALS)
@pytest.mark.parametrize("where", ["reason", "subject", "session", "details", "detail name", "around"])
def test_attack_a_credential_given_by_mistake_reaches_no_record(name, where):
    value = CREDENTIALS[name]
    secret = SECRET_PART.get(name, value)[:20]
    given: dict[str, Any] = {
        "reason": {"reason": value},
        "subject": {"subject": value},
        "session": {"session": value},
        "details": {"details": {"note": value}},
        "detail name": {"details": {value: 1}},
        "around": {"details": {"note": f"refused <{value}> twice"}},
    }[where]
    assert secret not in everything(make(**given))


@pytest.mark.parametrize("name", CREDENTIALS)
def test_attack_a_credential_in_the_login_field_reaches_no_record(name):
    value = CREDENTIALS[name]
    secret = SECRET_PART.get(name, value)[:20]
    for policy in ("known", "all", "none"):
        record = build(Event.LOGIN_FAIL, Naming(policy, b"k"), account=value, subject="1")
        assert secret not in everything(record)


@pytest.mark.parametrize("name", ["jwt", "api key", "bearer", "query", "cookie header"])
def test_attack_a_credential_in_the_users_own_request_reaches_no_record(name):
    value = CREDENTIALS[name]
    context = RequestContext(value, {"REQUEST_METHOD": value, "HTTP_USER_AGENT": value}, address=value)
    context.route = value
    token = current.set(context)
    try:
        text = everything(make())
    finally:
        current.reset(token)
    assert SECRET_PART.get(name, value)[:20] not in text


@pytest.mark.parametrize(
    "name", ["password", "new_password2", "passphrase", "PASSWD", "pwd", "secret", "client_secret", "access_token",
             "authorization", "Cookie", "api_key", "apikey", "private_key", "session_key", "otp", "code_verifier"],
)  # fmt: skip
def test_attack_a_detail_whose_name_promises_a_secret_is_redacted(name):
    assert make(details={name: "hunter2"}).details == {name: REDACTED}
    assert make(details={name: 123456}).details == {name: REDACTED}


@pytest.mark.parametrize("name", ["api_key_id", "token_type", "secret_name", "kid", "jti", "limit", "field"])
def test_a_detail_that_only_names_one_is_kept(name):
    assert make(details={name: "ed25519-2026"}).details == {name: "ed25519-2026"}


def test_digests_are_kept_where_they_are_ids():
    thumbprint = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"  # RFC 7638 section 3.1
    credential = Credential("mtls", thumbprint, "service")
    record = make(credential=credential, details={"kid": thumbprint})
    assert record.credential == thumbprint
    assert record.details["kid"] == thumbprint


@pytest.mark.parametrize(
    "text",
    [
        "permission_denied",
        "limit:login_address",
        "token expired",
        "basic authentication failed",
        "0f9b2a6c-1111-4222-8333-abcdefabcdef",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "users_by_country_and_region_in_the_year_2024",
        "/api/v1/projects/articles/comments/2024/11/24/",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
        "alice@example.org",
        "the key ring and the session",
    ],
)
def test_what_is_no_credential_is_left_alone(text):
    assert redact(text) == text


def test_a_secret_string_type_is_not_unwrapped():
    assert make(details={"note": secrets.SecretStr("opensesame")}).details == {"note": "<SecretStr>"}


# -- lines -----------------------------------------------------------------------------------------------------------

BREAKERS = {
    "newline": "a\nb", "carriage return": "a\rb", "both": "a\r\nb", "NUL": "a\0b", "escape": "a\x1b[2Jb",
    "line separator": "a\u2028b", "paragraph separator": "a\u2029b", "next line": "a\x85b", "vertical tab": "a\x0bb",
    "right to left": "a\u202eb", "isolate": "a\u2066b", "zero width": "a\u200bb", "byte order mark": "a\ufeffb",
    "lone surrogate": "a\ud800b", "delete": "a\x7fb", "private use": "a\ue000b", "tag": "a\U000e0041b",
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKERS)
def test_attack_a_value_cannot_write_a_second_line_or_into_a_terminal(name):
    value = BREAKERS[name]
    context = RequestContext(value, {"REQUEST_METHOD": value, "HTTP_USER_AGENT": value}, address=value)
    context.route = value
    token = current.set(context)
    try:
        record = build(
            Event.LOGIN_FAIL,
            Naming("all", b""),
            reason=value,
            account=value,
            subject=value,
            session=value,
            credential=Credential(value, value, value),
            details={value: value},
        )
    finally:
        current.reset(token)
    for text in (record.reason, record.account, record.subject, record.session, record.request_id, record.address,
                 record.method, record.route, record.user_agent, record.scheme, record.credential,
                 *record.details, *record.details.values()):  # fmt: skip
        assert str(text).isprintable()
        assert str(text).startswith("a\\")
    line = encode(record)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")


def test_what_prints_is_kept_in_every_script():
    text = "Ærøskøbing 東京 عربى 🙂"
    assert escape(text) == text


# -- bounds ----------------------------------------------------------------------------------------------------------


def test_attack_long_values_are_cut_to_the_columns_of_the_table():
    from stockade.models import SecurityEvent

    long = "ab " * 5_000_000
    context = RequestContext(long, {"REQUEST_METHOD": long, "HTTP_USER_AGENT": long}, address=long)
    context.route = long
    token = current.set(context)
    try:
        record = build(
            Event.LOGIN_FAIL, Naming("all", b""), reason=long, account=long, subject=long, session=long,
            credential=Credential(long, long, long), details={f"{n}{long}": long for n in range(40)},
        )  # fmt: skip
    finally:
        current.reset(token)
    for name in ("reason", "account", "subject", "session", "request_id", "address", "method", "route", "user_agent",
                 "scheme", "credential"):  # fmt: skip
        column = SecurityEvent._meta.get_field(name).max_length
        assert column is not None
        assert len(getattr(record, name)) <= column
    assert len(record.details) == MAX_DETAILS + 1
    assert record.details["more"] == 40 - MAX_DETAILS
    assert len(encode(record)) <= LINE_MAX


def test_attack_a_line_of_wide_characters_stays_whole_on_a_pipe():
    wide = "🙂" * 200
    context = RequestContext("r", {"HTTP_USER_AGENT": wide}, address="192.0.2.1")
    token = current.set(context)
    try:
        record = make(
            reason=wide,
            account=wide,
            subject=wide,
            session=wide,
            details={str(n) + wide: wide for n in range(16)},
        )
    finally:
        current.reset(token)
    assert len(encode(record)) <= LINE_MAX


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (1, 1),
        (-5, -5),
        (True, True),
        (None, None),
        (1.5, 1.5),
        (2**70, "<large number>"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        ("text", "text"),
        (b"bytes", "<bytes>"),
        (["a"], "<list>"),
        ({"a": "b"}, "<dict>"),
        (Decimal("1.5"), "<Decimal>"),
        (uuid.UUID(int=1), "<UUID>"),
        (enum.IntEnum("E", "A")(1), 1),
        (object(), "<object>"),
    ],
)
def test_details_are_scalars(value, kept):
    record = make(details={"x": value})
    assert record.details == {"x": kept}
    encode(record)


# -- account names ---------------------------------------------------------------------------------------------------


def test_attack_a_password_typed_as_the_name_of_no_account_is_not_written():
    record = build(Event.LOGIN_FAIL, NAMING, account="hunter2")
    assert "hunter2" not in everything(record)
    assert record.account.startswith("unknown:")
    assert record.account == build(Event.LOGIN_FAIL, NAMING, account="hunter2").account
    assert record.account != build(Event.LOGIN_FAIL, NAMING, account="hunter3").account
    assert record.account != build(Event.LOGIN_FAIL, Naming("known", b"other key"), account="hunter2").account


def test_the_name_of_an_existing_account_is_written():
    assert build(Event.LOGIN_FAIL, NAMING, account="alice", subject="1").account == "alice"
    assert build(Event.LOGIN_SUCCESS, NAMING, account="alice").account == "alice"


def test_names_by_setting():
    assert build(Event.LOGIN_FAIL, Naming("all", b""), account="hunter2").account == "hunter2"
    assert build(Event.LOGIN_FAIL, Naming("none", b"k"), account="alice", subject="1").account.startswith(
        "unknown:"
    )


# -- where it comes from ---------------------------------------------------------------------------------------------


def test_takes_what_it_can_from_the_request_at_hand(request_context):
    credential = Credential("jwt", "jti-1", "42", session="sid-1")
    request_context.principal = Principal(Kind.USER, "42", credential=credential)
    record = make(reason="expired", status=401)
    assert record == Record(
        Event.AUTHN_FAIL,
        record.at,
        "failure",
        "expired",
        401,
        "req-1",
        "192.0.2.7",
        "POST",
        "api/articles/<uuid:pk>/",
        "curl/8.5.0",
        "jwt",
        "42",
        "jti-1",
        "sid-1",
    )
    assert abs(record.at - clock.now()) < 60


def test_what_is_given_wins_over_the_request(request_context):
    request_context.principal = Principal(Kind.USER, "42")
    record = make(principal=Principal(Kind.SERVICE, "robot"), session="s", outcome="unknown")
    assert (record.subject, record.session, record.outcome) == ("robot", "s", "unknown")
    assert make(subject="7").subject == "7"


def test_works_without_a_request():
    record = make()
    assert (record.request_id, record.address, record.method) == ("", "", "")
    assert "source.ip" not in document(record)


def test_every_event_names_its_default_outcome():
    assert build(Event.LOGIN_SUCCESS, NAMING).outcome == "success"
    assert build(Event.LOGIN_FAIL, NAMING).outcome == "failure"
    assert build(Event.TOKEN_REUSE, NAMING).outcome == "failure"
    assert build(Event.STATE_LOADED, NAMING).outcome == "success"


def test_records_cannot_be_changed():
    record = make()
    with pytest.raises(AttributeError):
        record.reason = "other"  # type: ignore[misc]
    assert not hasattr(record, "__dict__")


def test_clean_reads_no_more_than_it_needs():
    assert len(clean("é" * 10_000_000, 64)) == 64

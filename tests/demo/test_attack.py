"""`stockade demo --attack` measures: it sees what gets through, and cannot be content with a server that is broken."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stockade.demo.attacks import drafts, floods, forge, report, tokens
from stockade.demo.attacks.client import Answer, Partner, Target
from stockade.demo.attacks.outcome import Attack, Outcome
from tests.demo.runs import call

# What the stock parts let through in every run; the rest is a race, which they may win.
ALWAYS = {
    "refresh_theft",
    "after_logout",
    "forged",
    "foreign",
    "draft_by_id",
    "draft_by_list",
    "guess_addresses",
    "guess_forwarded",
}


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    done = call("--attack", "--format", "json", "--workers", "4")
    found: dict[str, Any] = json.loads(done.stdout)
    found["status"], found["errors"] = done.returncode, done.stderr
    return found


def outcome(measured: dict[str, Any], attack: str, side: str) -> dict[str, Any]:
    found: dict[str, Any] = next(row[side] for row in measured["attacks"] if row["id"] == attack)
    return found


def test_stockade_stops_every_attack(measured: dict[str, Any]) -> None:
    through = {row["id"]: row["stockade"] for row in measured["attacks"] if not row["stockade"]["stopped"]}
    assert (through, measured["status"], measured["errors"]) == ({}, 0, "")
    assert [row["id"] for row in measured["attacks"]] == [attack.id for attack in report.ATTACKS]


def test_the_attacks_see_what_gets_through(measured: dict[str, Any]) -> None:
    """Against stock parts the same attacks succeed: they are no blanks."""
    assert {row["id"] for row in measured["attacks"] if not row["twin"]["stopped"]} >= ALWAYS
    assert "not carried out" not in json.dumps(measured["attacks"])


def test_exactly_the_limit_is_admitted_by_four_workers(measured: dict[str, Any]) -> None:
    numbers = outcome(measured, "limit", "stockade")["numbers"]
    assert (numbers["admitted"], numbers["refused"]) == (100, 300)


def test_one_refresh_token_makes_one_session_in_every_round(measured: dict[str, Any]) -> None:
    numbers = outcome(measured, "refresh_race", "stockade")["numbers"]
    assert (numbers["sessions_by_round"], numbers["errors"]) == (["1"] * tokens.ROUNDS, 0)


def test_guessing_is_stopped_at_the_limit_and_the_owner_is_not_locked_out(measured: dict[str, Any]) -> None:
    for attack in ("guess", "guess_addresses", "guess_forwarded"):
        numbers = outcome(measured, attack, "stockade")["numbers"]
        assert 0 < numbers["verified"] <= 5
        assert numbers["owner_gets_in"] == 1


def test_every_kind_of_forgery_was_tried(measured: dict[str, Any]) -> None:
    numbers = outcome(measured, "forged", "stockade")["numbers"]
    assert numbers["forgeries"] >= 55
    assert numbers["admitted"] == numbers["errors"] == []


def test_every_way_into_the_other_issuers_name_was_tried(measured: dict[str, Any]) -> None:
    numbers = outcome(measured, "foreign", "stockade")["numbers"]
    assert numbers["forgeries"] >= 27
    assert numbers["admitted"] == numbers["errors"] == []
    through = outcome(measured, "foreign", "twin")["numbers"]["admitted"]
    assert {"a person of theirs called 'admin'", "an ID token"} <= set(through)


# -- the judges, on servers that misbehave -----------------------------------------------------------------------------


class Puppet(Target):
    """A server that answers everything with one status."""

    def at_once(self, requests: Any, sources: Any = ()) -> list[Answer]:
        body = b'{"access": "a.b.c", "refresh": "r", "results": [{"id": "1", "title": "t"}], "count": 1}'
        return [Answer(self.status, {}, body) for _ in requests]

    status = 200


def puppet(status: int) -> Target:
    passwords = dict.fromkeys(("alice", "bob", "carol", "admin"), "x")
    kind = type("Puppet", (Puppet,), {"status": status})
    partner = Partner("http://127.0.0.1:8", "c-1001", {"kid": "k"}, lambda header, claims: "x")
    made = kind(
        "puppet", "http://127.0.0.1:9", passwords, 5, 100, lambda header, claims: "x", partner=partner
    )
    assert isinstance(made, Target)
    return made


@pytest.mark.parametrize("attack", report.ATTACKS, ids=lambda attack: attack.id)
@pytest.mark.parametrize("status", [0, 429, 500, 503])
def test_a_server_that_answers_nobody_has_stopped_nothing(attack: Attack, status: int) -> None:
    """Fail closed is no proof of a control: an honest caller must have been served."""
    rows = report.run([puppet(status)])
    assert report.stopped(rows) == 0
    assert attack.id in {row.attack.id for row in rows}


@pytest.mark.parametrize(
    "judge", [tokens.after_logout, floods.limit, drafts.by_id, drafts.by_list, tokens.refresh_theft]
)
def test_a_server_that_admits_everything_stops_nothing(judge: Any) -> None:
    assert not judge(puppet(200)).stopped


def test_an_attack_that_could_not_be_made_counts_as_through() -> None:
    rows = report.run([puppet(500)])
    assert all(row.outcomes[0].result.startswith("not carried out") for row in rows)


# -- the table ---------------------------------------------------------------------------------------------------------


def rows(*stopped: bool) -> list[report.Row]:
    return [
        report.Row(report.ATTACKS[i], (Outcome(each, "1 of 2"), Outcome(not each, "2 of 2")))
        for i, each in enumerate(stopped)
    ]


def test_a_pipe_gets_plain_aligned_text() -> None:
    lines = report.as_text(rows(True, False), ("Stockade", "stock parts")).splitlines()
    assert lines[0].split() == ["attack", "Stockade", "stock", "parts"]
    assert "stopped: 1 of 2" in lines[2]
    assert "THROUGH: 2 of 2" in lines[2]
    assert len({line.index("  ", 60) if "  " in line[60:] else 0 for line in lines}) <= 2
    assert "\x1b" not in "".join(lines)


def test_a_forged_signature_of_ones_own_key_verifies_under_that_key() -> None:
    """Else the matrix would try less than it says."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    key = ec.generate_private_key(ec.SECP256R1())
    text, _, signature = forge.with_own_key({"alg": "ES256"}, {"sub": "1"}, key).rpartition(".")
    raw = forge.decode(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key.public_key().verify(der, text.encode(), ec.ECDSA(hashes.SHA256()))


def test_the_public_key_is_offered_as_a_secret_in_the_form_in_which_libraries_load_it() -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    numbers = key.public_numbers()
    x, y = (forge.encode(n.to_bytes(32, "big")) for n in (numbers.x, numbers.y))
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert forge.public_forms({"kty": "EC", "crv": "P-256", "x": x, "y": y})["as PEM"] == pem

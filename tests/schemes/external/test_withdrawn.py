"""Keys that an issuer has taken back: a stolen one ends, whatever else it publishes; and waiting has a bound."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from stockade.conf import load
from stockade.core import clock
from stockade.core.errors import Unavailable
from stockade.models import IssuerKeys
from stockade.schemes.external import keys
from stockade.schemes.external.conf import ExternalSettings
from stockade.schemes.external.keys import IssuerKeyring
from tests.schemes.external.issuing import Issuer, Key

pytestmark = pytest.mark.django_db(transaction=True)

# What an issuer may publish in the place of its only key.
INSTEAD: dict[str, list[Key]] = {
    "nothing": [],
    "for encryption": [Key(members={"use": "enc"})],
    "another algorithm": [Key(members={"alg": "RS512"})],
}


def ask(token: str) -> Any:
    return Client().get("/me/", headers={"Authorization": f"Bearer {token}"})


def stolen(issuer: Issuer) -> str:
    """A token by the key that the issuer has had, for an hour from now."""
    return issuer.token(key=KEY, exp=int(clock.now()) + 3600)


KEY = Key()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    found = Issuer(KEY)
    yield found
    found.close()


@pytest.mark.parametrize("instead", list(INSTEAD))
def test_a_stolen_key_ends_though_the_issuer_has_published_none_in_its_place(
    instead: str, linked: Any, issuer: Issuer, later: Callable[[float], None], log: Any
) -> None:
    """It is there, and says so: this is no outage to be tided over for a day."""
    remembered = stolen(issuer)
    assert ask(remembered).status_code == 200
    issuer.keys = INSTEAD[instead]
    later(1201)
    assert ask(remembered).status_code == 503
    assert ask(stolen(issuer)).status_code == 503
    assert [record.reason for record in log("ISSUER_AWAY")] == ["no_usable_key"]
    gone = [record.details["gone"] for record in log("ISSUER_KEYS")]
    assert gone == [KEY.private.thumbprint()[:12]]


def test_no_other_worker_and_no_new_one_takes_a_withdrawn_key_from_the_shelf(
    trust: Callable[..., None], linked: Any, issuer: Issuer, later: Callable[[float], None]
) -> None:
    trust(TIMEOUT=0.4)
    entry = load(ExternalSettings).issuers["corporate"]
    other = IssuerKeyring(entry)
    assert other.find(KEY.kid) is not None
    assert ask(stolen(issuer)).status_code == 200
    issuer.keys = []
    later(1201)
    assert ask(stolen(issuer)).status_code == 503
    keys.join()
    assert json.loads(IssuerKeys.objects.get().document) == {"keys": []}
    issuer.close()  # it cannot be asked: what the shelf has is all there is
    for worker in (other, IssuerKeyring(entry)):
        with pytest.raises(Unavailable):
            worker.find(KEY.kid)
    keys.join()


def test_a_new_key_after_none_is_taken(
    linked: Any, issuer: Issuer, later: Callable[[float], None], log: Any
) -> None:
    assert ask(stolen(issuer)).status_code == 200
    issuer.keys = []
    later(1201)
    assert ask(stolen(issuer)).status_code == 503
    issuer.keys = [Key()]
    later(301)
    assert ask(issuer.token()).status_code == 200
    assert ask(stolen(issuer)).status_code == 401
    assert len(log("ISSUER_BACK")) == 1


def test_those_who_wait_for_a_resolver_wait_once_together(
    linked: Any, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time is the system's, often half a minute: each unknown kid that came meanwhile held a worker for TIMEOUT."""
    entry = replace(load(ExternalSettings).issuers["corporate"], timeout=300.0)
    ring, asked, answer = IssuerKeyring(entry), threading.Event(), threading.Event()

    def hanging(*_: Any, **__: Any) -> Any:
        asked.set()
        answer.wait(120)
        raise socket.gaierror

    monkeypatch.setattr("stockade.schemes.external.fetching.socket.getaddrinfo", hanging)
    refused = threading.Event()

    def call() -> None:
        try:
            with pytest.raises(Unavailable):
                ring.find("unknown")
            refused.set()
        finally:
            connections.close_all()

    first = threading.Thread(target=call)
    first.start()
    try:
        assert asked.wait(30)
        fetch = ring._fetch
        assert fetch is not None
        fetch._until = 0.0  # TIMEOUT has passed, and the resolver is still at it
        second = threading.Thread(target=call)
        second.start()
        assert refused.wait(30), "it has waited for TIMEOUT anew"
    finally:
        answer.set()
        first.join(60)
        second.join(60)
        keys.join()

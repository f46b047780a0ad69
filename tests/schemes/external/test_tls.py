"""Keys over TLS: from whom a trusted authority vouches for, by the very name, and from nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from stockade import conf
from stockade.schemes.external import keys, link
from tests.deploy.files import certificates
from tests.schemes.external.issuing import AUDIENCE, Issuer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return certificates(tmp_path)


@pytest.fixture
def trusting(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The authority is one of this host's."""
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))
    conf.forget()


@pytest.fixture
def serve(folder: Path) -> Iterator[Callable[[str], Issuer]]:
    made: list[Issuer] = []

    def start(host: str) -> Issuer:
        made.append(Issuer(host=host, certificates=folder))
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.fixture
def ask(configure: Callable[..., None], alice: Any) -> Callable[[Issuer], int]:
    """The status of a token of an issuer whose entry has no word about loopback: it is HTTPS."""

    def asked(issuer: Issuer) -> int:
        configure(
            SCHEMES=["external"],
            ISSUERS={"corporate": {"ISSUER": issuer.url, "AUDIENCE": AUDIENCE}},
            LIMITS={"anon": None, "failed_auth": None},
        )
        link(alice, "corporate", "alice-at-issuer")
        told = Client().get("/me/", headers={"Authorization": f"Bearer {issuer.token()}"})
        keys.join()
        return told.status_code

    return asked


def test_keys_are_fetched_over_tls(
    trusting: None, serve: Callable[[str], Issuer], ask: Callable[[Issuer], int]
) -> None:
    assert ask(serve("127.0.0.1")) == 200


def test_a_certificate_that_nobody_trusted_has_signed_is_refused(
    serve: Callable[[str], Issuer], ask: Callable[[Issuer], int], log: Any
) -> None:
    issuer = serve("127.0.0.1")
    assert ask(issuer) == 503
    assert log("ISSUER_AWAY")[0].reason == "certificate"
    assert issuer.hits == {}


def test_a_certificate_for_another_name_is_refused(
    trusting: None, serve: Callable[[str], Issuer], ask: Callable[[Issuer], int], log: Any
) -> None:
    issuer = serve("127.0.0.2")
    assert ask(issuer) == 503
    assert log("ISSUER_AWAY")[0].reason == "certificate"
    assert issuer.hits == {}


def test_keys_do_not_leave_tls_on_the_way(
    trusting: None, serve: Callable[[str], Issuer], ask: Callable[[Issuer], int], issuer: Issuer, log: Any
) -> None:
    """The discovery document came over TLS and names an address of keys that is not."""
    secure = serve("127.0.0.1")
    secure.discovery = {"jwks_uri": f"{issuer.url}/jwks"}
    assert ask(secure) == 503
    assert log("ISSUER_AWAY")[0].reason == "jwks_uri"
    assert issuer.hits == {}


def test_a_server_that_speaks_no_tls_is_refused(
    trusting: None, ask: Callable[[Issuer], int], issuer: Issuer, log: Any
) -> None:
    issuer.url = issuer.url.replace("http://", "https://")
    assert ask(issuer) == 503
    assert log("ISSUER_AWAY")[0].reason == "tls"

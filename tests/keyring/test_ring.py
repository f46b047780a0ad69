"""What a ring signs, verifies and shows, and what its keys can be used for."""

from __future__ import annotations

import hashlib
import hmac
import json
import pickle
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from joserfc import jws
from joserfc.jwk import ECKey, import_key

from stockade import keyring
from stockade.core import clock
from stockade.keyring import Ring, store
from stockade.keyring.conf import ALGORITHMS
from stockade.keyring.material import SYMMETRIC
from stockade.models import SigningKey

pytestmark = pytest.mark.django_db
ASYMMETRIC = [name for name in ALGORITHMS if name not in SYMMETRIC]


def sign(key: keyring.RingKey, message: bytes = b"hello") -> str:
    header = {"alg": key.algorithm, "kid": key.kid}
    return jws.serialize_compact(header, message, key.key, algorithms=[key.algorithm])


def verifies(token: str, key: Any, algorithm: str) -> bool:
    from joserfc.errors import BadSignatureError

    try:
        jws.deserialize_compact(token, key, algorithms=[algorithm])
    except BadSignatureError:
        return False
    return True


@pytest.mark.filterwarnings(
    "ignore:EdDSA is deprecated"
)  # its name is; RFC 9864 calls the same thing Ed25519
@pytest.mark.parametrize("name", ALGORITHMS)
class TestEveryAlgorithm:
    def test_signs_and_verifies(self, name: str, algorithm: Callable[[str], None]) -> None:
        algorithm(name)
        signer = keyring.ring().signer()
        assert signer.algorithm == name
        verifier = keyring.ring().verifier(signer.kid)
        assert verifier is not None
        assert (verifier.kid, verifier.algorithm) == (signer.kid, name)
        assert verifies(sign(signer), verifier.key, name)

    def test_survives_a_restart(self, name: str, algorithm: Callable[[str], None]) -> None:
        algorithm(name)
        signer = keyring.ring().signer()
        token, mac = sign(signer), keyring.ring().mac(signer.kid, b"p", b"m")
        keyring.forget()
        again = keyring.ring()
        assert again.signer().kid == signer.kid
        verifier = again.verifier(signer.kid)
        assert verifier is not None
        assert verifies(token, verifier.key, name)
        assert again.mac(signer.kid, b"p", b"m") == mac

    def test_no_secret_is_in_the_jwks_a_repr_or_the_open_columns(
        self, name: str, algorithm: Callable[[str], None]
    ) -> None:
        algorithm(name)
        signer = keyring.ring().signer()
        row = SigningKey.objects.get()
        secrets = [
            str(value)
            for part, value in signer.key.as_dict(private=True).items()
            if part in ("d", "k", "p", "q", "dp", "dq", "qi")
        ]
        assert secrets
        ring = keyring.ring()
        shown = (
            json.dumps(ring.jwks())
            + repr(ring)
            + repr(signer)
            + repr(ring._entries)
            + str(row)
            + repr(row.public_jwk)
        )
        for secret in secrets:
            assert secret not in shown
            assert secret.encode() not in bytes(row.wrapped)

    def test_is_not_pickled_into_a_cache_or_a_queue(
        self, name: str, algorithm: Callable[[str], None]
    ) -> None:
        algorithm(name)
        for thing in (keyring.ring(), keyring.ring().signer()):
            with pytest.raises(TypeError):
                pickle.dumps(thing)


class TestIds:
    @pytest.mark.parametrize("name", ASYMMETRIC)
    def test_a_kid_is_the_thumbprint(self, name: str, algorithm: Callable[[str], None]) -> None:
        algorithm(name)
        signer = keyring.ring().signer()
        assert signer.kid == import_key(keyring.ring().jwks()["keys"][0]).thumbprint()

    def test_a_symmetric_kid_tells_nothing_of_the_secret(self, algorithm: Callable[[str], None]) -> None:
        algorithm("HS256")
        signer = keyring.ring().signer()
        assert signer.kid != signer.key.thumbprint()
        assert len(signer.kid) == 43

    @pytest.mark.parametrize(
        "kid", ["", "x", "../../dev/null", "a" * 43, None, 5, ["a"], {"a": 1}, "é" * 43, "a" * 10**6]
    )
    def test_a_foreign_kid_verifies_nothing(self, kid: object) -> None:
        keyring.ring().signer()
        assert keyring.ring().verifier(kid) is None

    @pytest.mark.parametrize("name", ["none", "HS512", "", None])
    def test_an_unknown_algorithm_stops(self, name: Any, algorithm: Callable[[str], None]) -> None:
        from stockade.core.errors import ConfigurationError

        algorithm(name)
        with pytest.raises(ConfigurationError, match="E073"):
            keyring.ring().signer()


class TestJwks:
    @pytest.mark.parametrize("name", ASYMMETRIC)
    def test_it_holds_what_a_verifier_needs(self, name: str, algorithm: Callable[[str], None]) -> None:
        algorithm(name)
        signer = keyring.ring().signer()
        (jwk,) = keyring.ring().jwks()["keys"]
        assert (jwk["kid"], jwk["alg"], jwk["use"]) == (signer.kid, name, "sig")
        assert jwk["kty"] == {"ES256": "EC", "EdDSA": "OKP", "RS256": "RSA"}[name]

    def test_symmetric_keys_are_never_in_it(self, algorithm: Callable[[str], None]) -> None:
        algorithm("HS256")
        keyring.ring().signer()
        assert keyring.ring().jwks() == {"keys": []}

    def test_it_cannot_be_changed_from_outside(self) -> None:
        keyring.ring().signer()
        keyring.ring().jwks()["keys"][0]["kid"] = "mine"
        assert keyring.ring().jwks()["keys"][0]["kid"] != "mine"

    def test_how_long_it_may_be_kept(self, project: Any) -> None:
        assert keyring.cache_control() == "public, max-age=600"
        project.STOCKADE = {**project.STOCKADE, "KEYRING": {"JWKS_MAX_AGE": "90s"}}
        assert keyring.cache_control() == "public, max-age=90"


class TestMacs:
    def test_purposes_are_apart(self) -> None:
        ring = keyring.ring()
        kid = ring.signer().kid
        ring = keyring.ring()
        assert ring.mac(kid, b"refresh", b"m") != ring.mac(kid, b"device", b"m")
        assert ring.mac(kid, b"refresh", b"m") != ring.mac(kid, b"refresh", b"n")
        assert len(ring.mac(kid, b"refresh", b"m") or b"") == 32

    def test_it_is_hkdf_and_hmac_and_nothing_else(self) -> None:
        kid = keyring.ring().signer().kid
        ring = keyring.ring()
        (entry,) = ring._entries
        assert entry.material is not None
        # RFC 5869 by hand: extract with a zero salt, expand to one block.
        prk = hmac.digest(bytes(32), entry.material.mac, "sha256")
        key = hmac.digest(prk, b"stockade.keyring.mac.1\0refresh\x01", "sha256")
        assert ring.mac(kid, b"refresh", b"m") == hmac.new(key, b"m", hashlib.sha256).digest()

    def test_two_keys_make_different_ones(self) -> None:
        first = keyring.ring().signer().kid
        second = keyring.rotate(now=True)
        ring = keyring.ring()
        assert ring.mac(first, b"p", b"m") != ring.mac(second, b"p", b"m")

    @pytest.mark.parametrize("kid", ["", "a" * 43, "é" * 43])
    def test_an_unknown_key_makes_none(self, kid: str) -> None:
        assert keyring.ring().mac(kid, b"p", b"m") is None


class TestSteadyState:
    def test_no_sql_once_it_is_read(self, django_assert_num_queries: Any) -> None:
        kid = keyring.ring().signer().kid
        keyring.ring()
        with django_assert_num_queries(0):
            for _ in range(5):
                ring = keyring.ring()
                ring.signer()
                ring.verifier(kid)
                ring.mac(kid, b"p", b"m")
                ring.jwks()

    def test_a_forger_with_random_kids_costs_one_query_a_second(self, django_assert_num_queries: Any) -> None:
        keyring.ring().signer()
        keyring.ring()
        clock.shift(2)
        with django_assert_num_queries(1):
            for number in range(20):
                assert keyring.ring().verifier(f"{number:043d}") is None
        clock.shift(2)
        with django_assert_num_queries(1):
            assert keyring.ring().verifier("b" * 43) is None

    @pytest.mark.django_db(transaction=True)
    def test_a_forger_in_many_threads_with_a_slow_database_costs_no_more(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """While one thread reads, the others must not begin to read as well, nor undo what it has read."""
        signer = keyring.ring().signer().kid
        keyring.ring()
        clock.shift(2)
        generation, reads, load = keyring.generation(), [], store.load

        def slow(using: str | None = None) -> Ring:
            reads.append(time.monotonic())
            time.sleep(0.05)  # the database's time: what the threads meanwhile do is the point
            return load(using)

        monkeypatch.setattr(store, "load", slow)

        def forge(number: int) -> bool:
            try:
                ring = keyring.ring()
                return ring.verifier(f"{number:043d}") is None and ring.verifier(signer) is not None
            finally:
                connections.close_all()

        began = time.monotonic()
        with ThreadPoolExecutor(16) as pool:
            assert all(pool.map(forge, range(400)))
        assert 1 <= len(reads) <= 1 + time.monotonic() - began
        assert keyring.generation() == generation  # nothing has changed: nobody need verify anything again

    def test_a_key_that_another_process_made_is_found(self) -> None:
        keyring.ring().signer()
        stale = keyring.ring()
        kid = keyring.rotate()
        store._ring = stale  # as in a process that has not heard
        assert stale.verifier(kid) is None
        clock.shift(2)
        assert stale.verifier(kid) is not None
        assert stale.mac(kid, b"p", b"m") is not None


def test_a_row_that_a_database_writer_made_verifies_nothing() -> None:
    """An attacker who can write SQL, but has no SECRET_KEY, puts a public key of his own into the table."""
    from stockade.core.errors import ConfigurationError

    kid = keyring.ring().signer().kid
    mine = ECKey.generate_key("P-256")
    row = SigningKey.objects.get()
    row.public_jwk = {**mine.as_dict(private=False), "kid": kid, "use": "sig", "alg": "ES256"}
    row.save()
    keyring.forget()
    store._opened = (None, {})  # as a worker that starts now
    verifier = keyring.ring().verifier(kid)
    assert verifier is not None
    assert verifier.key.as_dict() != mine.as_dict(private=False)  # the open column decides nothing
    assert keyring.ring().jwks()["keys"][0]["x"] != mine.as_dict()["x"]

    # A copy of a sealed value under another id or algorithm is noticed.
    for change in ({"pk": mine.thumbprint()}, {"algorithm": "HS256"}):
        copy = SigningKey.objects.get(pk=kid)
        for name, value in change.items():
            setattr(copy, name, value)
        copy.save()
        keyring.forget()
        with pytest.raises(ConfigurationError, match="E074"):
            keyring.ring()
        SigningKey.objects.exclude(pk=kid).delete()
        SigningKey.objects.filter(pk=kid).update(algorithm="ES256")

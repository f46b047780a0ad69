"""Secrets in a real OpenBao: every login, KV and transit, and everything that goes wrong with a server."""

from __future__ import annotations

import base64
import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from stockade import vault
from stockade.core import clock
from stockade.core.errors import ConfigurationError
from stockade.vault import Secret, rotation, secret
from stockade.vault.kept import Kept
from stockade.vault.place import Away
from stockade.vault.read import providers
from stockade.vault.telling import Notice, What
from tests.vault.servers import ROOT_TOKEN, Bao, answering, bao
from tests.vault.test_hostile import self_signed
from tests.vault.test_secret import STRONG, shown
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("alone")

OTHER = STRONG[::-1]
POLICY = 'path "secret/data/{path}" {{ capabilities = ["read"] }}'


@pytest.fixture
def token(alone: None, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("VAULT_TOKEN", ROOT_TOKEN)
    return ROOT_TOKEN


def kept() -> Kept:
    found = providers()[0]
    assert isinstance(found, Kept)
    return found


def refreshed(*, past: float = 400) -> None:
    """Let the lifetime pass, ask as a request would, and wait for what was started in the background."""
    clock.shift(past)
    kept().refresh()


class TestWhereTheyAre:
    def test_in_one_document(self, openbao: Bao, token: str) -> None:
        openbao.put("one", API_TOKEN=STRONG, PORT_NUMBER=8080)
        vault.use(f"vault+http://{openbao.host}/secret/one")
        assert secret("API_TOKEN") == STRONG
        assert secret("PORT_NUMBER", cast=int, min_length=0) == 8080
        assert secret("ABSENT", default=None) is None

    def test_each_in_an_entry_of_its_own(self, openbao: Bao, token: str) -> None:
        openbao.put("each/API_TOKEN", value=STRONG)
        openbao.put("each/OTHER_TOKEN", value=OTHER)
        vault.use(f"vault+http://{openbao.host}/secret/each/")
        assert (secret("API_TOKEN"), secret("OTHER_TOKEN")) == (STRONG, OTHER)

    def test_an_entry_that_is_not_there_counts_as_missing(self, openbao: Bao, token: str) -> None:
        vault.use(f"vault+http://{openbao.host}/secret/each/")
        assert secret("NOT_THERE", default=None) is None

    def test_missing_names_the_field_and_the_path(self, openbao: Bao, token: str) -> None:
        openbao.put("named", OTHER=STRONG)
        vault.use("environment", f"vault+http://{openbao.host}/secret/named")
        with pytest.raises(ConfigurationError, match="E060") as caught:
            secret("API_TOKEN")
        assert f"the field API_TOKEN of secret/named in vault+http://{openbao.host}" in str(caught.value)

    @pytest.mark.parametrize(
        ("written", "read"), [(STRONG + "\n", STRONG), ("", None), ("  ", None), (None, None)]
    )
    def test_a_line_end_is_taken_off_and_nothing_is_missing(
        self, openbao: Bao, token: str, written: str | None, read: str | None
    ) -> None:
        openbao.put("ends", API_TOKEN=written)
        vault.use(f"vault+http://{openbao.host}/secret/ends")
        assert secret("API_TOKEN", default=None) == read

    @pytest.mark.parametrize(
        "written", [f" {STRONG}", f"{STRONG}\0", ["a"], {"a": 1}, True, "x" * 70_000], ids=range(6)
    )
    def test_what_is_no_secret_is_refused_and_not_quoted(
        self, openbao: Bao, token: str, written: object
    ) -> None:
        openbao.put("bad", API_TOKEN=written)
        vault.use(f"vault+http://{openbao.host}/secret/bad")
        with pytest.raises(ConfigurationError, match="E063") as caught:
            secret("API_TOKEN")
        assert STRONG not in shown(caught.value)

    def test_transit_opens_what_only_the_server_can(
        self, openbao: Bao, token: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        openbao.call("POST", "sys/mounts/transit", {"type": "transit"})
        openbao.call("POST", "transit/keys/app", {})
        plain = base64.b64encode(STRONG.encode()).decode()
        sealed = openbao.call("POST", "transit/encrypt/app", {"plaintext": plain})["data"]["ciphertext"]
        monkeypatch.setenv("API_TOKEN_SEALED", sealed)
        vault.use(f"transit+http://{openbao.host}/transit/app")
        assert secret("API_TOKEN") == STRONG
        assert secret("ABSENT", default=None) is None
        monkeypatch.setenv("FORGED_SEALED", sealed[:-8] + "AAAAAAA=")
        with pytest.raises(ConfigurationError, match=r"E065.*refused"):
            secret("FORGED")
        monkeypatch.setenv("PLAIN_SEALED", STRONG)
        with pytest.raises(ConfigurationError, match="E063"):
            secret("PLAIN")


class TestWhoAsks:
    def test_by_a_token_in_a_file(self, openbao: Bao, tmp_path: Path) -> None:
        openbao.put("file", API_TOKEN=STRONG)
        path = tmp_path / "VAULT_TOKEN"
        path.write_text(ROOT_TOKEN + "\n")
        path.chmod(0o400)
        vault.use(f"vault+http://{openbao.host}/secret/file")
        assert secret("API_TOKEN") == STRONG

    def test_without_a_token_says_what_to_set(self, openbao: Bao) -> None:
        vault.use(f"vault+http://{openbao.host}/secret/file")
        with pytest.raises(ConfigurationError, match=r"E060.*VAULT_TOKEN"):
            secret("API_TOKEN")

    def test_by_an_approle_with_the_least_policy(self, openbao: Bao, monkeypatch: pytest.MonkeyPatch) -> None:
        openbao.put("role", API_TOKEN=STRONG)
        openbao.put("others", API_TOKEN=OTHER)
        role, id = approle(openbao, "role", "1h")
        monkeypatch.setenv("VAULT_ROLE_ID", role)
        monkeypatch.setenv("VAULT_SECRET_ID", id)
        vault.use(f"vault+http://{openbao.host}/secret/role?auth=approle")
        assert secret("API_TOKEN") == STRONG
        vault.use(f"vault+http://{openbao.host}/secret/others?auth=approle")
        with pytest.raises(ConfigurationError, match=r"E065.*denied"):
            secret("API_TOKEN")

    def test_a_wrong_token_is_denied_and_not_quoted(
        self, openbao: Bao, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("VAULT_TOKEN", OTHER)
        vault.use(f"vault+http://{openbao.host}/secret/one")
        with pytest.raises(ConfigurationError, match=r"E065.*denied") as caught:
            secret("API_TOKEN")
        assert OTHER not in shown(caught.value)

    def test_a_wrong_namespace_gives_nothing(self, openbao: Bao, token: str) -> None:
        openbao.put("one", API_TOKEN=STRONG)
        vault.use(f"vault+http://{openbao.host}/secret/one?namespace=somebody-elses")
        with pytest.raises(ConfigurationError, match=r"E065.*(absent|denied)"):
            secret("API_TOKEN")

    def test_a_login_that_was_revoked_is_made_again(
        self, openbao: Bao, monkeypatch: pytest.MonkeyPatch, told: list[Notice]
    ) -> None:
        openbao.put("revoked", API_TOKEN=STRONG)
        role, id = approle(openbao, "revoked", "1h")
        monkeypatch.setenv("VAULT_ROLE_ID", role)
        monkeypatch.setenv("VAULT_SECRET_ID", id)
        vault.use(f"vault+http://{openbao.host}/secret/revoked?auth=approle")
        secret("API_TOKEN")
        openbao.call("PUT", "sys/leases/revoke-prefix/auth/approle/login")
        openbao.put("revoked", API_TOKEN=OTHER)
        refreshed()
        assert secret("API_TOKEN") == OTHER
        assert [notice.what for notice in told] == [What.CHANGED]


def test_by_a_kubernetes_service_account(openbao: Bao, tmp_path: Path, told: list[Notice]) -> None:
    """OpenBao itself; what stands in is the cluster, of which it asks one thing: TokenReview."""
    account = {"namespace": "default", "serviceaccount": {"name": "app", "uid": "u1"}}
    who = "system:serviceaccount:default:app"
    review = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "status": {"authenticated": True, "user": {"username": who, "uid": "u1", "groups": ["a"]}},
    }
    openbao.put("cluster", API_TOKEN=STRONG)
    with answering(lambda _: (201, {}, json.dumps(review).encode())) as (host, asked):
        openbao.call("POST", "sys/auth/kubernetes", {"type": "kubernetes"})
        certificate = self_signed(tmp_path).read_text().partition("-----BEGIN CERT")
        openbao.call(
            "POST",
            "auth/kubernetes/config",
            {
                "kubernetes_host": f"http://{host}",
                "kubernetes_ca_cert": certificate[1] + certificate[2],
                "token_reviewer_jwt": "reviewer",
                "disable_local_ca_jwt": True,
            },
        )
        openbao.call("PUT", "sys/policies/acl/cluster", {"policy": POLICY.format(path="cluster")})
        openbao.call(
            "POST",
            "auth/kubernetes/role/app",
            {
                "bound_service_account_names": "app",
                "bound_service_account_namespaces": "default",
                "token_policies": "cluster",
            },
        )
        key = RSAKey.generate_key(2048)
        claims = {
            "iat": int(time.time()) - 60,
            "nbf": int(time.time()) - 60,
            "exp": 4_102_444_800,
            "iss": "kubernetes/serviceaccount",
            "sub": who,
            "kubernetes.io": account,
            "kubernetes.io/serviceaccount/namespace": "default",
            "kubernetes.io/serviceaccount/service-account.name": "app",
            "kubernetes.io/serviceaccount/service-account.uid": "u1",
            "kubernetes.io/serviceaccount/secret.name": "app-token",
        }  # fmt: skip
        path = tmp_path / "token"
        path.write_text(jwt.encode({"alg": "RS256"}, claims, key))
        vault.use(f"vault+http://{openbao.host}/secret/cluster?auth=kubernetes&role=app&jwt={path}")
        assert secret("API_TOKEN") == STRONG
        assert asked
        path.unlink()
        vault.use(f"vault+http://{openbao.host}/secret/cluster?auth=kubernetes&role=app&jwt={path}")
        with pytest.raises(ConfigurationError, match=r"E065.*no_service_account"):
            secret("API_TOKEN")


def approle(openbao: Bao, path: str, life: str) -> tuple[str, str]:
    """A role that may read one document; returns its id and a secret id."""
    if "approle/" not in openbao.call("GET", "sys/auth"):
        openbao.call("POST", "sys/auth/approle", {"type": "approle"})
    openbao.call("PUT", f"sys/policies/acl/{path}", {"policy": POLICY.format(path=path)})
    openbao.call("POST", f"auth/approle/role/{path}", {"token_policies": path, "token_ttl": life})
    role = openbao.call("GET", f"auth/approle/role/{path}/role-id")["data"]["role_id"]
    id = openbao.call("POST", f"auth/approle/role/{path}/secret-id", {})["data"]["secret_id"]
    return role, id


class TestRotated:
    def test_a_new_version_is_taken_up_within_the_lifetime_and_told(
        self, openbao: Bao, token: str, told: list[Notice]
    ) -> None:
        openbao.put("turn", API_TOKEN=STRONG, SAME=STRONG)
        vault.use(f"vault+http://{openbao.host}/secret/turn?lifetime=1m")
        assert secret("API_TOKEN") == STRONG
        version = openbao.put("turn", API_TOKEN=OTHER, SAME=STRONG)
        clock.shift(30)
        assert secret("API_TOKEN") == STRONG
        refreshed(past=60)
        assert secret("API_TOKEN") == OTHER
        assert told == [
            Notice(What.CHANGED, f"vault+http://{openbao.host}/secret/turn", "", ("API_TOKEN",), str(version))
        ]
        assert kept().version("API_TOKEN") == str(version)

    def test_an_older_version_than_seen_is_refused(self, token: str, told: list[Notice]) -> None:
        with bao() as first:
            first.put("back", API_TOKEN=STRONG)
            first.put("back", API_TOKEN=OTHER)
            vault.use(f"vault+http://{first.host}/secret/back")
            assert secret("API_TOKEN") == OTHER
        with bao(first.port) as restored:  # from a backup: version 1 again, with the value that was replaced
            restored.put("back", API_TOKEN=STRONG)
            refreshed()
            assert secret("API_TOKEN") == OTHER
        assert [(notice.what, notice.reason) for notice in told] == [(What.AWAY, "rollback")]

    def test_a_value_that_became_unusable_does_not_replace_a_good_one(
        self, openbao: Bao, token: str, told: list[Notice]
    ) -> None:
        openbao.put("spoilt", API_TOKEN=STRONG)
        vault.use(f"vault+http://{openbao.host}/secret/spoilt")
        secret("API_TOKEN")
        openbao.put("spoilt", API_TOKEN=f" {OTHER} ")
        refreshed()
        assert secret("API_TOKEN") == STRONG
        assert [(notice.what, notice.reason, notice.names) for notice in told] == [
            (What.AWAY, "malformed", ("API_TOKEN",))
        ]

    def test_a_document_that_was_deleted_is_used_on_and_told(
        self, openbao: Bao, token: str, told: list[Notice]
    ) -> None:
        openbao.put("deleted", API_TOKEN=STRONG)
        vault.use(f"vault+http://{openbao.host}/secret/deleted")
        secret("API_TOKEN")
        openbao.call("DELETE", "secret/data/deleted")
        refreshed()
        assert secret("API_TOKEN") == STRONG
        assert [(notice.what, notice.reason) for notice in told] == [(What.AWAY, "absent")]

    def test_a_field_that_was_taken_away_is_gone(self, openbao: Bao, token: str) -> None:
        openbao.put("field", API_TOKEN=STRONG, API_TOKEN_FALLBACKS=OTHER)
        vault.use(f"vault+http://{openbao.host}/secret/field")
        assert secret("API_TOKEN_FALLBACKS", cast=vault.several) == (OTHER,)
        openbao.put("field", API_TOKEN=STRONG)
        refreshed()
        assert secret("API_TOKEN_FALLBACKS", default=(), cast=vault.several) == ()


class TestRotatedByUs:
    def test_three_steps_in_a_document_and_what_else_is_in_it(self, openbao: Bao, token: str) -> None:
        openbao.put("steps", APP_TOKEN=STRONG, OTHER_TOKEN=OTHER)
        vault.use(f"vault+http://{openbao.host}/secret/steps")
        store = rotation.store_of("APP_TOKEN")
        assert store is not None
        seen = []
        for _ in range(3):
            rotation.advance(store, Secret("new-" + STRONG), wait=0, overlap=0)
            refreshed()
            seen.append((str(secret("APP_TOKEN")), *vault.fallbacks("APP_TOKEN")))
        new = "new-" + STRONG
        assert seen == [(STRONG, new), (new, STRONG, new), (new,)]
        assert secret("OTHER_TOKEN") == OTHER

    def test_who_wrote_meanwhile_is_not_overwritten(self, openbao: Bao, token: str) -> None:
        openbao.put("raced", APP_TOKEN=STRONG)
        vault.use(f"vault+http://{openbao.host}/secret/raced")
        store = rotation.store_of("APP_TOKEN")
        assert store is not None
        state = store.read()
        openbao.put("raced", APP_TOKEN=OTHER)
        with pytest.raises(Away, match="refused"):
            store.write(state)

    def test_a_policy_that_only_reads_stops_it(self, openbao: Bao, monkeypatch: pytest.MonkeyPatch) -> None:
        openbao.put("readonly", APP_TOKEN=STRONG)
        role, id = approle(openbao, "readonly", "1h")
        monkeypatch.setenv("VAULT_ROLE_ID", role)
        monkeypatch.setenv("VAULT_SECRET_ID", id)
        vault.use(f"vault+http://{openbao.host}/secret/readonly?auth=approle")
        store = rotation.store_of("APP_TOKEN")
        assert store is not None
        with pytest.raises(Away, match="denied"):
            rotation.advance(store, Secret(OTHER))


class TestAway:
    def test_stopped_and_back(self, token: str, told: list[Notice]) -> None:
        with bao() as first:
            first.put("app", API_TOKEN=STRONG)
            vault.use(f"vault+http://{first.host}/secret/app")
            assert secret("API_TOKEN") == STRONG
        for _ in range(3):
            refreshed()
            assert secret("API_TOKEN") == STRONG
        with bao(first.port) as second:
            second.put("app", API_TOKEN=OTHER)
            refreshed()
            assert secret("API_TOKEN") == OTHER
        assert [(notice.what, notice.reason) for notice in told] == [
            (What.AWAY, "connection"),
            (What.BACK, ""),
            (What.CHANGED, ""),
        ]
        assert STRONG not in repr(told)

    def test_stopped_at_the_start_says_where(self, token: str) -> None:
        with bao() as first:
            pass
        vault.use(f"vault+http://{first.host}/secret/app")
        with pytest.raises(ConfigurationError, match=r"E065.*/secret/app.*connection"):
            secret("API_TOKEN", default=None)

    def test_sealed(self, token: str, told: list[Notice]) -> None:
        with bao() as running:
            running.put("app", API_TOKEN=STRONG)
            vault.use(f"vault+http://{running.host}/secret/app")
            secret("API_TOKEN")
            running.call("PUT", "sys/seal")
            refreshed()
            assert secret("API_TOKEN") == STRONG
            assert [(notice.what, notice.reason) for notice in told] == [(What.AWAY, "sealed")]
            vault.use(f"vault+http://{running.host}/secret/app")
            with pytest.raises(ConfigurationError, match=r"E065.*sealed"):
                secret("API_TOKEN")

    def test_slow_costs_nobody_who_has_a_value_anything(self, token: str, told: list[Notice]) -> None:
        with bao() as running:
            running.put("app", API_TOKEN=STRONG)
            vault.use(f"vault+http://{running.host}/secret/app?timeout=5s")
            secret("API_TOKEN")
            os.kill(running.server.pid, signal.SIGSTOP)  # accepts connections, and answers nothing
            try:
                clock.shift(400)
                for _ in range(1000):
                    assert secret("API_TOKEN") == STRONG
                assert not told  # whoever had waited for it would know
                until(lambda: told, "the notice")
                assert [(notice.what, notice.reason) for notice in told] == [(What.AWAY, "timeout")]
                vault.use(f"vault+http://{running.host}/secret/app?timeout=1s")
                with pytest.raises(ConfigurationError, match=r"E065.*timeout"):
                    secret("API_TOKEN")
            finally:
                os.kill(running.server.pid, signal.SIGCONT)

    def test_a_token_that_has_expired(
        self, openbao: Bao, monkeypatch: pytest.MonkeyPatch, told: list[Notice]
    ) -> None:
        openbao.put("expiring", API_TOKEN=STRONG)
        made = openbao.call("POST", "auth/token/create", {"ttl": "1h", "policies": ["root"]})["auth"]
        monkeypatch.setenv("VAULT_TOKEN", made["client_token"])
        vault.use(f"vault+http://{openbao.host}/secret/expiring")
        assert secret("API_TOKEN") == STRONG
        openbao.call("POST", "auth/token/revoke", {"token": made["client_token"]})
        refreshed()
        assert secret("API_TOKEN") == STRONG
        assert [(notice.what, notice.reason) for notice in told] == [(What.AWAY, "denied")]
        # The agent that writes tokens gives a new one.
        monkeypatch.setenv("VAULT_TOKEN", ROOT_TOKEN)
        refreshed()
        assert [notice.what for notice in told][1:] == [What.BACK]

    def test_many_threads_ask_once(self, openbao: Bao, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
        openbao.put("many", API_TOKEN=STRONG)
        vault.use(f"vault+http://{openbao.host}/secret/many")
        source = kept().source
        asked: list[str] = []
        real = source.ask
        monkeypatch.setattr(source, "ask", lambda document: asked.append(document) or real(document))
        found: list[str] = []
        threads = [threading.Thread(target=lambda: found.append(secret("API_TOKEN"))) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert found == [STRONG] * 16
        assert len(asked) == 1

"""URLs of places: no credential in them, no path that climbs, no secret over a wire without TLS."""

from __future__ import annotations

import pytest

from stockade import vault
from stockade.core.errors import ConfigurationError
from stockade.vault.address import parse

pytestmark = pytest.mark.usefixtures("alone")

LEAK = "hvs-leak-5hGd3sFa6YeUiO1q7Rk2"


@pytest.mark.parametrize(
    "url",
    [
        f"vault://{LEAK}@bao.internal/secret/app",
        f"vault://root:{LEAK}@bao.internal/secret/app",
        f"vault://bao.internal/secret/app?token={LEAK}",
        f"vault://bao.internal/secret/app?auth=token&secret_id={LEAK}",
        f"vault://bao.internal/secret/app#{LEAK}",
        f"aws://eu-west-1/app?secret_key={LEAK}",
        f"gcp://project/app?key={LEAK}",
        f"azure://x.vault.azure.net/app?client_secret={LEAK}",
        f"transit://{LEAK}@bao.internal/transit/app",
    ],
    ids=range(9),
)
def test_a_token_in_the_url_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(ConfigurationError, match="E064") as caught:
        vault.use(url)
    assert LEAK not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "vault+http://bao.internal/secret/app",
        "vault+http://127.0.0.1.evil.example/secret/app",
        "transit+http://10.0.0.1/transit/app",
        "gcp://project/?endpoint=evil.example:80",
    ],
)
def test_secrets_do_not_cross_a_wire_without_tls(url: str) -> None:
    with pytest.raises(ConfigurationError, match="E064"):
        vault.use(url)


@pytest.mark.parametrize(
    "path", ["secret/../sys", "secret/%2e%2e/sys", "secret/a%00b", "secret/a%3Fb", "secret/a b"]
)
def test_a_path_that_climbs_is_refused(path: str) -> None:
    with pytest.raises(ConfigurationError, match="E064"):
        vault.use(f"vault://bao.internal/{path}")


@pytest.mark.parametrize(
    "url",
    [
        "vault://bao.internal/",
        "vault://bao.internal/secret",
        "vault://bao.internal/secret/app?auth=ldap",
        "vault://bao.internal/secret/app?auth=kubernetes",
        "vault://bao.internal/secret/app?lifetime=5",
        "vault://bao.internal/secret/app?lifetime=0s",
        "vault://bao.internal/secret/app?timeout=1s&timeout=9s",
        "vault://bao.internal/secret/app?ca=/absent",
        "vault://bao.internal:port/secret/app",
        "transit://bao.internal/app",
        "aws:///app",
        "gcp://project/a/b",
        "azure:///",
        "azure://name.vault.azure.net/A_B",
        "aws://eu-west-1.evil.example/app",
        "vault:///secret/app",
        "transit:///transit/app",
        "files:///absent",
        "files://relative",
        "https://bao.internal/secret/app",
        "consul://x/y",
    ],
)
def test_what_is_wrong_is_told_before_anything_is_asked(url: str) -> None:
    with pytest.raises(ConfigurationError, match="E064"):
        vault.use(url)


def test_a_url_is_taken_apart_and_shown_without_options() -> None:
    found = parse(
        "vault://bao.internal:8200/secret/team/app/?namespace=n&lifetime=2m&timeout=3s",
        frozenset({"namespace"}),
    )
    assert (found.host, found.hostname, found.path, found.folder) == (
        "bao.internal:8200",
        "bao.internal",
        "secret/team/app",
        True,
    )
    assert (found.lifetime, found.timeout) == (120, 3)
    assert found.shown == "vault://bao.internal:8200/secret/team/app/"
    assert "namespace" not in repr(found)


def test_the_order_takes_words_and_urls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "STOCKADE_SECRETS_ORDER", "environment, files:///usr/lib, vault://bao.internal/secret/app"
    )
    from stockade.vault.read import providers

    assert [provider.name for provider in providers()] == ["environment", "files", "vault"]
    assert providers() is providers()

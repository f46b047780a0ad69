"""One suite for the secrets managers of three clouds: found, missing, rotated, away."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from stockade import vault
from stockade.core import clock
from stockade.core.errors import ConfigurationError
from stockade.vault import secret
from stockade.vault.aws import SecretsManager
from stockade.vault.checksum import crc32c
from stockade.vault.kept import Kept
from stockade.vault.telling import Notice, What
from tests.vault.clouds import Cloud, Identity, aws, azure, gcp
from tests.vault.servers import answering
from tests.vault.test_hostile import self_signed
from tests.vault.test_secret import STRONG, shown

pytestmark = pytest.mark.usefixtures("alone")

OTHER = STRONG[::-1]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    path = self_signed(tmp_path_factory.mktemp("tls"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return path, context


@pytest.fixture(params=["aws", "gcp", "azure"])
def cloud(
    request: pytest.FixtureRequest,
    alone: None,
    monkeypatch: pytest.MonkeyPatch,
    certificate: tuple[Path, ssl.SSLContext],
) -> Iterator[Cloud]:
    if request.param == "gcp":
        with gcp() as found:
            yield found
    elif request.param == "azure":
        with azure(certificate) as found:
            yield found
    else:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        with aws() as found:
            monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", _endpoint(found))
            yield found


def _endpoint(found: Cloud) -> str:
    return str(found.put.__closure__[0].cell_contents.meta.endpoint_url)  # type: ignore[attr-defined, index]


def test_a_document_an_entry_and_what_is_missing(cloud: Cloud) -> None:
    cloud.put("myproject", json.dumps({"API_TOKEN": STRONG, "PORT_NUMBER": 8080, "EMPTY": ""}))
    vault.use(cloud.provider("myproject"))
    assert secret("API_TOKEN") == STRONG
    assert secret("PORT_NUMBER", cast=int, min_length=0) == 8080
    assert secret("EMPTY", default=None) is None
    with pytest.raises(ConfigurationError, match=r"E060.*the key ABSENT of the secret myproject"):
        secret("ABSENT")
    cloud.put("TOKEN", STRONG + "\n")
    vault.use(cloud.provider(""))
    assert secret("TOKEN") == STRONG
    assert secret("ABSENT", default=None) is None
    with pytest.raises(ConfigurationError, match="E060"):
        secret("ABSENT")


def test_rotated_and_away(cloud: Cloud, told: list[Notice]) -> None:
    cloud.put("myproject", json.dumps({"API_TOKEN": STRONG}))
    vault.use(cloud.provider("myproject"))
    assert secret("API_TOKEN") == STRONG
    cloud.put("myproject", json.dumps({"API_TOKEN": OTHER}))
    clock.shift(400)
    vault.refresh()
    assert secret("API_TOKEN") == OTHER
    cloud.stop()
    clock.shift(400)
    vault.refresh()
    assert secret("API_TOKEN") == OTHER
    assert [(notice.what, notice.reason, notice.names) for notice in told] == [
        (What.CHANGED, "", ("API_TOKEN",)),
        (What.AWAY, "connection", ()),
    ]
    assert STRONG not in repr(told)
    assert OTHER not in repr(told)


def test_away_at_the_start_says_where(cloud: Cloud) -> None:
    vault.use(cloud.provider("myproject"))
    cloud.stop()
    with pytest.raises(ConfigurationError, match=r"E065.*myproject.*connection"):
        secret("API_TOKEN")


def test_a_document_that_is_no_json_is_not_quoted(cloud: Cloud) -> None:
    cloud.put("myproject", STRONG)
    vault.use(cloud.provider("myproject"))
    with pytest.raises(ConfigurationError, match=r"E065.*not_json") as caught:
        secret("API_TOKEN")
    assert STRONG not in shown(caught.value)


def endless(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", str(10 * 1024**3))
    request.end_headers()
    for _ in range(10 * 1024**3 // 65_536):
        request.wfile.write(b" " * 65_536)


@pytest.mark.parametrize("kind", ["aws", "gcp", "azure"])
@pytest.mark.parametrize(
    ("answer", "reasons"),
    [
        ("html", "answer"),
        ("endless", "too_long"),
        ("redirect", "redirect|answer"),
        ("500", "broken"),
    ],
)
def test_what_no_cloud_answers_is_refused(
    kind: str,
    answer: str,
    reasons: str,
    monkeypatch: pytest.MonkeyPatch,
    certificate: tuple[Path, ssl.SSLContext],
) -> None:
    with answering(lambda _: (200, {}, b"{}")) as (elsewhere, asked_elsewhere):

        def how(request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes] | None:
            if kind == "azure" and "Authorization" not in request.headers:
                above = request.headers["Host"].partition(".")[2]
                challenge = f'Bearer authorization="https://login.example/t", resource="https://{above}"'
                return 401, {"WWW-Authenticate": challenge}, b"{}"
            if answer == "html":
                return 200, {"Content-Type": "text/html"}, b"<html>Log in</html>"
            if answer == "redirect":
                return 307, {"Location": f"http://{elsewhere}{request.path}"}, b""
            return (500, {}, b"{}") if answer == "500" else endless(request)

        with answering(how, certificate[1] if kind == "azure" else None) as (host, asked):
            if kind == "aws":
                monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
                monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
                monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", f"http://{host}")
                vault.use("aws://eu-west-1/myproject")
            elif kind == "gcp":
                vault.use(f"gcp://my-project/myproject?endpoint={host}")
            else:
                from stockade.vault.azure import KeyVault

                vault.use(Kept(KeyVault(f"azure://{host}/myproject?ca={certificate[0]}", Identity())))
            with pytest.raises(ConfigurationError, match=rf"E065.*\(({reasons})\)"):
                secret("API_TOKEN")
            assert asked
        assert asked_elsewhere == []


def test_secrets_of_aws_do_not_cross_a_wire_without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://secrets.example")
    vault.use("aws://eu-west-1/myproject")
    with pytest.raises(ConfigurationError, match=r"E064.*TLS"):
        secret("API_TOKEN")


def test_the_checksum_is_that_of_the_standard() -> None:
    """RFC 3720, appendix B.4."""
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E


def test_what_google_sent_and_was_damaged_on_the_way_is_refused(alone: None, told: list[Notice]) -> None:
    with gcp() as cloud:
        assert cloud.held is not None
        cloud.put("myproject", json.dumps({"API_TOKEN": STRONG}))
        vault.use(cloud.provider("myproject"))
        assert secret("API_TOKEN") == STRONG
        cloud.held.damage = 1
        cloud.put("myproject", json.dumps({"API_TOKEN": OTHER}))
        clock.shift(400)
        vault.refresh()
        assert secret("API_TOKEN") == STRONG
        assert [(one.what, one.reason) for one in told] == [(What.AWAY, "damaged")]


@pytest.mark.parametrize(
    ("path", "binary", "gives"),
    [
        ("myproject", json.dumps({"API_TOKEN": STRONG}).encode(), STRONG),
        ("", STRONG.encode() + b"\n", STRONG),
        ("", b"\xff\xfe" + STRONG.encode(), "E063"),
        ("myproject", b"\xff\xfe" + STRONG.encode(), "E065"),
    ],
    ids=["document", "entry", "no text", "no JSON"],
)
def test_a_binary_secret_of_aws(alone: None, path: str, binary: bytes, gives: str) -> None:
    class Client:
        def get_secret_value(self, SecretId: str) -> dict[str, object]:  # noqa: N803 - boto3's name
            assert SecretId == (path or "API_TOKEN")
            return {"SecretBinary": binary, "VersionId": "1"}

    source = SecretsManager(f"aws://eu-west-1/{path}")
    source._client = Client()
    vault.use(Kept(source))
    if gives == STRONG:
        assert secret("API_TOKEN") == STRONG
    else:
        with pytest.raises(ConfigurationError, match=gives) as caught:
            secret("API_TOKEN")
        assert STRONG not in shown(caught.value)

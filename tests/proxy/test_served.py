"""What the options promise, by real connections: who may connect, who is believed, who shows a certificate."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.proxy import stand
from tests.proxy.conftest import Site
from tests.proxy.raw import Client, request
from tests.proxy.stand import HOST, PROGRAMS, Files, Front

KNOWN = "127.0.0.2"  # whence what stands in front connects; the whole of 127.0.0.0/8 is this host
VISITOR = "203.0.113.9"


def authority(folder: Path, name: str) -> Path:
    """An authority of clients' certificates and one client's, as ca.pem, client.pem and client.key."""
    folder.mkdir(parents=True)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in (f"{name} authority", name)
    ]
    now = datetime.datetime.now(datetime.UTC)
    for at, file in ((0, "ca.pem"), (1, "client.pem")):
        made = (
            x509.CertificateBuilder().subject_name(names[at]).issuer_name(names[0]).public_key(keys[at].public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=at == 0, path_length=None), critical=True)
            .sign(keys[0], hashes.SHA256())
        )  # fmt: skip
        (folder / file).write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret = keys[1].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "client.key").write_bytes(secret)
    return folder


@pytest.fixture(scope="module")
def ours(folder: Path) -> Path:
    return authority(folder / "ours", "partner")


@pytest.fixture(scope="module")
def theirs(folder: Path) -> Path:
    return authority(folder / "theirs", "stranger")


@pytest.fixture(scope="module")
def start(folder: Path, tls: Path, site: Site) -> Iterator[Callable[..., Client]]:
    """Start a proxy with these options; all of them stop at the end."""
    with ExitStack() as running:

        def begin(program: str, name: str, *options: str, upstream: str = "", **more: Any) -> Client:
            files = Files(folder / f"{program}-{name}", tls)
            front = stand.front(program, files, upstream or site.upstream, *options, **more)
            return Client(running.enter_context(front), tls / "ca.pem")

        yield begin


def cut(client: Client, **how: Any) -> bool:
    """Whether a connection gets no answer at all."""
    try:
        return client.send(request("/told/"), **how) == []
    except (ConnectionError, ssl.SSLError):
        return True


@pytest.mark.parametrize("program", PROGRAMS)
def test_only_cloudflare_connects_and_is_believed_about_the_client(
    program: str, start: Callable[..., Client], folder: Path
) -> None:
    addresses = folder / "addresses.txt"
    addresses.write_text(f"# Date: 2026-11-26\n{KNOWN}/32\n")
    client = start(program, "cloudflare", "--cloudflare", "--addresses", str(addresses))
    told = client.ask(
        "/told/", f"CF-Connecting-IP: {VISITOR}", "X-Forwarded-For: 192.0.2.66", source=KNOWN
    ).json()
    assert told["address"] == VISITOR
    assert "192.0.2.66" not in str(told["headers"])
    assert cut(client)  # who has found out our address goes round Cloudflare, and claims to be anybody
    assert cut(Client(Front(program, 0, client.front.plain, folder), folder))


@pytest.mark.parametrize("program", PROGRAMS)
def test_only_the_load_balancer_connects_and_its_own_entry_is_believed(
    program: str, start: Callable[..., Client]
) -> None:
    client = start(program, "alb", "--alb", f"{KNOWN}/32")
    for forged in ("", "192.0.2.66, ", f"{KNOWN}, 192.0.2.66, "):
        told = client.ask("/told/", f"X-Forwarded-For: {forged}{VISITOR}", source=KNOWN).json()
        assert told["address"] == VISITOR
    assert cut(client)


@pytest.mark.parametrize("program", PROGRAMS)
def test_another_customer_of_cloudflare_does_not_show_our_certificate(
    program: str, start: Callable[..., Client], folder: Path, ours: Path, theirs: Path
) -> None:
    addresses = folder / f"pull-{program}.txt"
    addresses.write_text(f"{KNOWN}/32\n")
    options = ["--cloudflare", "--addresses", str(addresses), "--origin-pull", f"{ours}/ca.pem"]
    client = start(program, "pull", *options)
    shown = client.ask("/told/", f"CF-Connecting-IP: {VISITOR}", source=KNOWN, certificate=ours)
    assert shown.json()["address"] == VISITOR
    for certificate in (None, theirs):
        assert refused(client, source=KNOWN, certificate=certificate)


def refused(client: Client, **how: Any) -> bool:
    """Whether the handshake fails, or the request is refused as one."""
    try:
        found = client.send(request("/told/"), **how)
    except (ConnectionError, ssl.SSLError):
        return True
    return [answer.status for answer in found] in ([], [400])


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_client_shows_its_certificate_and_a_stranger_cannot_claim_one(
    program: str, start: Callable[..., Client], ours: Path, theirs: Path
) -> None:
    client = start(program, "mtls", "--mtls", f"{ours}/ca.pem")
    told = client.ask("/told/", "X-Client-Cert: forged", "X_Client_Cert: forged", certificate=ours).json()[
        "headers"
    ]
    assert "forged" not in told.values()
    assert told["HTTP_X_CLIENT_CERT"].startswith("-----BEGIN%20CERTIFICATE" if program == "nginx" else "MII")
    for certificate in (None, theirs):
        assert refused(client, certificate=certificate)


@pytest.mark.parametrize("program", PROGRAMS)
def test_where_certificates_are_optional_none_is_told_of_that_was_not_verified(
    program: str, start: Callable[..., Client], ours: Path, theirs: Path
) -> None:
    client = start(program, "optional", "--mtls", f"{ours}/ca.pem", "--mtls-optional")
    forged = ("X-Client-Cert: forged", "X-Client-Verify: SUCCESS", "X_Client_Verify: SUCCESS")
    told = client.ask("/told/", *forged).json()["headers"]
    assert not told.get("HTTP_X_CLIENT_CERT")
    assert "HTTP_X_CLIENT_VERIFY" not in told
    shown = client.ask("/told/", *forged, certificate=ours).json()["headers"]
    assert shown["HTTP_X_CLIENT_CERT"] not in ("", "forged")
    assert "HTTP_X_CLIENT_VERIFY" not in shown
    assert refused(client, certificate=theirs)


@pytest.mark.parametrize("program", PROGRAMS)
def test_over_a_unix_socket_the_proxy_is_believed_as_well(
    program: str, start: Callable[..., Client], folder: Path, site: Site
) -> None:
    socket = folder / f"{program}.sock"
    with stand.granian_at(socket, site.env):
        client = start(program, "unix", upstream=f"unix:{socket}")
        answer = client.ask("/told/", "X-Forwarded-For: 192.0.2.66")
        assert answer.status == 200, answer.body
        told = answer.json()
        assert (told["address"], told["secure"]) == ("127.0.0.1", True)


# -- names and plain HTTP ------------------------------------------------------------------------------------------


def test_a_name_that_is_not_ours_gets_no_certificate_and_no_answer(proxied: Client) -> None:
    with pytest.raises(ssl.SSLError):
        proxied.send(request("/told/", host="evil.example"), name="evil.example")
    plain = Client(Front("", 0, proxied.front.plain, proxied.front.folder), proxied.authority)
    assert plain.send(request("/told/", host="evil.example")) == []


def test_what_comes_without_tls_is_refused_and_only_pages_are_sent_on(proxied: Client) -> None:
    """A redirect would hide that everybody on the way has read the token."""
    plain = Client(Front("", 0, proxied.front.plain, proxied.front.folder), proxied.authority)
    for line in ("Authorization: Bearer x", "X-API-Key: x", "Cookie: sessionid=x"):
        answer = plain.ask("/told/", line)
        assert (answer.status, answer.json()["code"]) == (403, "https_required")
        assert "strict-transport-security" not in answer.headers
        assert answer.headers["content-security-policy"]
    assert plain.ask("/api/token/", method="POST", body=b"{}").status == 403
    page = plain.ask("/page/?q=1")
    assert (page.status, page.headers["location"]) == (308, f"https://{HOST}:{proxied.front.tls}/page/?q=1")


def test_http_2_is_spoken(proxied: Client) -> None:
    import socket

    context = ssl.create_default_context(cafile=str(proxied.authority))
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", proxied.front.tls)) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as connection,
    ):
        assert connection.selected_alpn_protocol() == "h2"


def test_neither_log_keeps_a_query_string_or_a_header(proxied: Client) -> None:
    proxied.ask("/told/?reset=a-secret-of-the-reader", "X-API-Key: another-secret-of-his")
    proxied.ask("/static/nothing.css?reset=a-secret-of-the-reader", "X-API-Key: another-secret-of-his")
    log = (proxied.front.folder / "api_example_org.log").read_text()
    assert '/told/"' in log
    assert "secret-of" not in log


def test_files_are_served_by_the_proxy_alone(proxied: Client) -> None:
    answer = proxied.ask("/static/admin/css/base.css")
    assert (answer.status, answer.headers["content-type"].partition(";")[0]) == (200, "text/css")
    assert answer.headers["cache-control"] == "public, max-age=86400"
    for path in (
        "/static/../nginx.conf",
        "/static/%2e%2e/nginx.conf",
        "/static../nginx.conf",
        "/static//etc/passwd",
    ):
        assert proxied.ask(path).status in (400, 404)


def test_strangers_find_no_probe_and_this_host_does(proxied: Client) -> None:
    assert proxied.ask("/healthz").status == 200
    stranger = proxied.ask("/healthz", source="127.0.0.3")
    assert (stranger.status, stranger.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_process_at_all_is_the_announced_503(program: str, start: Callable[..., Client]) -> None:
    from tests.servers import free_port

    client = start(program, "away", upstream=f"127.0.0.1:{free_port()}")
    for _ in range(3):
        answer = client.ask("/told/")
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["code"] == "state_unavailable"

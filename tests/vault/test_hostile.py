"""A server that is no secrets manager, or somebody else's: nothing it answers is taken, sent on, or waited for."""

from __future__ import annotations

import datetime
import json
import multiprocessing
import os
import signal
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from stockade import vault
from stockade.core import clock
from stockade.core.errors import ConfigurationError
from stockade.vault import secret
from stockade.vault.address import parse
from stockade.vault.kept import STUCK, Kept
from stockade.vault.place import Answer, Away
from stockade.vault.read import providers
from stockade.vault.telling import Notice, What
from stockade.vault.text import Secret
from tests.vault.servers import answering
from tests.vault.test_secret import STRONG, shown

pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture(autouse=True)
def token(alone: None, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("VAULT_TOKEN", f"hvs-{STRONG}")
    return f"hvs-{STRONG}"


def good(version: int = 1, value: str = STRONG) -> tuple[int, dict[str, str], bytes]:
    return (
        200,
        {},
        json.dumps({"data": {"data": {"API_TOKEN": value}, "metadata": {"version": version}}}).encode(),
    )


def vault_at(host: str, options: str = "", scheme: str = "vault+http") -> None:
    vault.use(f"{scheme}://{host}/secret/app{options}")


def _drip(request: BaseHTTPRequestHandler) -> None:
    """A header now and then, for ever: each wait is shorter than any time-out of a socket."""
    for _ in range(600):
        request.wfile.write(b"H")
        request.wfile.flush()
        time.sleep(0.1)


def _endless(request: BaseHTTPRequestHandler) -> None:
    """10 GB that are announced, and as many of them as somebody takes."""
    request.send_response(200)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(10 * 1024**3))
    request.end_headers()
    block = b" " * 65_536
    for _ in range(10 * 1024**3 // len(block)):
        request.wfile.write(block)


def _bomb(_: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
    import gzip

    return 200, {"Content-Encoding": "gzip"}, gzip.compress(b" " * 8_000_000)


ANSWERS = {
    "HTML": (lambda _: (200, {"Content-Type": "text/html"}, b"<html>Log in</html>"), "answer"),
    "a list": (lambda _: (200, {}, b"[]"), "answer"),
    "another shape": (lambda _: (200, {}, b'{"data": {"data": "x", "metadata": {}}}'), "answer"),
    "no version": (lambda _: (200, {}, b'{"data": {"data": {"API_TOKEN": "x"}}}'), "answer"),
    "nothing": (lambda _: (200, {}, b""), "answer"),
    "deeply nested": (lambda _: (200, {}, b"[" * 500_000), "answer"),
    "10 GB": (_endless, "too_long"),
    "a gzip bomb": (_bomb, "too_long"),
    "dripping headers": (_drip, "timeout"),
    "hanging up": (lambda _: None, "connection"),
    "500": (lambda _: (500, {}, b"{}"), "broken"),
    "429": (lambda _: (429, {}, b"{}"), "rate_limited"),
}


@pytest.mark.parametrize("what", sorted(ANSWERS))
def test_what_no_vault_answers_is_refused_at_the_start(what: str) -> None:
    how, reason = ANSWERS[what]
    with answering(lambda request: good() if request.path.startswith("/v1/auth") else how(request)) as (
        host,
        _,
    ):
        vault_at(host, "?timeout=2s" if reason == "timeout" else "?timeout=30s")
        before = time.monotonic()
        with pytest.raises(ConfigurationError, match=rf"E065.*\({reason}\)") as caught:
            secret("API_TOKEN")
        assert time.monotonic() - before < 30  # half of what it takes whoever drips
        assert STRONG not in shown(caught.value)


@pytest.mark.parametrize("what", sorted(set(ANSWERS) - {"dripping headers"}))
def test_what_no_vault_answers_does_not_replace_a_good_value(what: str, told: list[Notice]) -> None:
    how, reason = ANSWERS[what]
    answers = [lambda _: good()]

    def now(request: BaseHTTPRequestHandler) -> object:
        return good() if request.path.startswith("/v1/auth") else answers[-1](request)

    with answering(now) as (host, _):  # type: ignore[arg-type]
        vault_at(host)
        assert secret("API_TOKEN") == STRONG
        answers.append(how)
        clock.shift(400)
        vault.refresh()
        assert secret("API_TOKEN") == STRONG
    assert [(notice.what, notice.reason) for notice in told] == [(What.AWAY, reason)]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_does_not_carry_the_token_to_another_host(status: int) -> None:
    with answering(lambda _: good()) as (elsewhere, asked_elsewhere):

        def how(request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
            return status, {"Location": f"http://{elsewhere}{request.path}"}, b""

        with answering(how) as (host, asked):
            vault_at(host)
            with pytest.raises(ConfigurationError, match=r"E065.*redirect"):
                secret("API_TOKEN")
        assert asked
        assert asked_elsewhere == []


def test_the_token_goes_in_a_header_and_never_in_the_url(token: str) -> None:
    with answering(lambda _: good()) as (host, asked):
        vault_at(host)
        assert secret("API_TOKEN") == STRONG
    assert all(token not in path for _, path, _ in asked)
    assert asked[-1][2]["X-Vault-Token"] == token


def test_a_proxy_of_the_environment_does_not_get_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(lambda _: good(value="of-the-proxy-" + STRONG)) as (proxy, asked_proxy):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://{proxy}")
        monkeypatch.setenv("no_proxy", "")
        monkeypatch.setenv("NO_PROXY", "")
        with answering(lambda _: good()) as (host, _):
            vault_at(host)
            assert secret("API_TOKEN") == STRONG
        assert asked_proxy == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    folder = tmp_path_factory.mktemp("tls")
    path = self_signed(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return path, context


def self_signed(folder: Path) -> Path:
    """A certificate of 127.0.0.1, with its key, in one file."""
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stockade test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def test_a_certificate_of_nobody_is_refused_and_gets_no_token(
    certificate: tuple[Path, ssl.SSLContext],
) -> None:
    with answering(lambda _: good(), certificate[1]) as (host, asked):
        vault_at(host, scheme="vault")
        with pytest.raises(ConfigurationError, match=r"E065.*certificate.*option ca"):
            secret("API_TOKEN")
        assert asked == []
        vault_at(host, f"?ca={certificate[0]}", scheme="vault")
        assert secret("API_TOKEN") == STRONG


class Held:
    """A source that a test holds in the midst of an answer."""

    def __init__(self) -> None:
        self.address = parse("vault://held/secret/app", frozenset())
        self.held = threading.Event()
        self.held.set()
        self.inside = threading.Event()
        self.forgotten = 0
        self.value = STRONG

    def document(self, name: str) -> str:
        return "app"

    def ask(self, document: str) -> Answer:
        self.inside.set()
        if not self.held.wait(30):
            raise Away("timeout")
        return Answer({"API_TOKEN": Secret(self.value)}, 1, "1")

    def remedy(self, name: str) -> str:
        return "it"

    def forget(self) -> None:
        self.forgotten += 1


def test_a_fork_in_the_midst_of_a_refresh_leaves_the_child_able_to_read_and_refresh() -> None:
    source = Held()
    kept = Kept(source)
    vault.use(kept)
    assert secret("API_TOKEN") == STRONG
    source.held.clear()
    source.inside.clear()
    clock.shift(400)
    assert secret("API_TOKEN") == STRONG
    assert source.inside.wait(30)
    with kept._guard:  # the worst moment: another thread holds the lock
        ours, theirs = multiprocessing.Pipe()
        pid = os.fork()
        if pid == 0:
            _in_the_child(source, theirs)
    try:
        assert ours.poll(30), "the child hangs"
        assert ours.recv() == (True, 1, True)
    finally:
        source.held.set()
        os.kill(pid, signal.SIGKILL)  # also one that hangs
        os.waitpid(pid, 0)
    kept.refresh()
    assert secret("API_TOKEN") == STRONG


def _in_the_child(source: Held, pipe: multiprocessing.connection.Connection) -> None:  # type: ignore[name-defined]
    try:
        source.held = threading.Event()
        source.held.set()
        first = secret("API_TOKEN") == STRONG
        source.value = STRONG[::-1]
        vault.refresh()
        pipe.send((first, source.forgotten, secret("API_TOKEN") == STRONG[::-1]))
    finally:
        os._exit(0)


class Stuck(Held):
    """Each question of which hangs until it is let go, and says what the value was when it was asked."""

    def __init__(self, folder: str = "") -> None:
        super().__init__()
        self.address = parse(f"vault://nowhere/secret/app{folder}", frozenset())
        self.asked: list[threading.Event] = []
        self.threads: list[threading.Thread] = []
        self.free = True

    def ask(self, document: str) -> Answer:
        value, go = self.value, threading.Event()
        self.asked.append(go)
        self.threads.append(threading.current_thread())
        if not self.free:
            go.wait(60)
        return Answer({"API_TOKEN": Secret(value)}, 0, "1")


def eventually(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_an_answer_that_comes_by_a_byte_now_and_then_is_told_and_not_waited_for_ever(
    told: list[Notice],
) -> None:
    source = Stuck()
    kept = Kept(source)
    vault.use(kept)
    assert secret("API_TOKEN") == STRONG
    source.free = False
    clock.shift(400)
    assert secret("API_TOKEN") == STRONG
    eventually(lambda: len(source.asked) == 2)
    clock.shift(10)
    assert secret("API_TOKEN") == STRONG
    assert [(one.what, one.reason) for one in told] == [(What.AWAY, "timeout")]
    assert source.forgotten == 1  # its connection, and the lock that it holds
    source.free, source.value = True, STRONG[::-1]
    clock.shift(3)
    eventually(lambda: secret("API_TOKEN") == STRONG[::-1])
    source.asked[1].set()
    eventually(lambda: not any(one.is_alive() for one in source.threads))
    assert secret("API_TOKEN") == STRONG[::-1], "an answer that is hours old has replaced the current one"


def test_a_server_that_never_hangs_up_does_not_pile_up_threads(told: list[Notice]) -> None:
    source = Stuck()
    vault.use(Kept(source))
    assert secret("API_TOKEN") == STRONG
    source.free = False
    try:
        for _ in range(30):
            clock.shift(400)
            assert secret("API_TOKEN") == STRONG
        assert len([one for one in source.threads if one.is_alive()]) <= STUCK + 1
    finally:
        for go in source.asked:
            go.set()
        eventually(lambda: not any(one.is_alive() for one in source.threads))


def test_an_entry_that_nobody_has_made_raises_no_alarm(told: list[Notice]) -> None:
    class Without(Stuck):
        def ask(self, document: str) -> Answer:
            self.asked.append(threading.Event())
            raise Away("absent")

    source = Without("/")
    kept = Kept(source)
    vault.use(kept)
    for number in range(3):
        assert vault.fallbacks("API_TOKEN") == ()
        eventually(lambda number=number: len(source.asked) > number)
        kept.refresh()
        clock.shift(400)
    assert told == []


def test_a_fork_that_python_was_not_told_of_shares_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """uWSGI forks in C: two processes on one TLS connection would read each other's answers."""
    source = Stuck()
    vault.use(Kept(source))
    assert secret("API_TOKEN") == STRONG
    monkeypatch.setattr(os, "getpid", lambda: -7)
    assert secret("API_TOKEN") == STRONG
    assert source.forgotten == 0  # nothing is asked
    clock.shift(400)
    assert secret("API_TOKEN") == STRONG
    eventually(lambda: len(source.asked) == 2)
    assert source.forgotten == 1


def test_reprs_of_what_is_kept_show_no_value() -> None:
    kept = Kept(Held())
    vault.use(kept)
    secret("API_TOKEN")
    assert STRONG not in repr(vars(kept))
    assert STRONG not in repr(kept._entries)
    assert STRONG not in repr(providers())
    assert STRONG not in repr(Answer({"a": Secret(STRONG)}))

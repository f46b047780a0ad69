"""nginx as `stockade proxy` has it, granian as deploy/systemd has it: what a stranger cannot make them believe."""

from __future__ import annotations

import json
import re
import ssl
import subprocess
from pathlib import Path

import pytest

from stockade.core.forwarded import FORWARDED, IDENTITY, REWRITE
from tests.deploy import stack
from tests.deploy.client import AS_NGINX, Answer, context, send
from tests.deploy.conftest import Site
from tests.deploy.files import HOST
from tests.waiting import until


def ask(site: Site, path: str, *lines: str, method: str = "GET", body: bytes = b"") -> Answer:
    tls = context(site.tls / "ca.pem")
    return send(site.front.tls, path, method=method, lines=lines, body=body, tls=tls)


def login(site: Site) -> str:
    body = json.dumps({"username": "alice", "password": site.password}).encode()
    answer = ask(site, "/api/token/", "Content-Type: application/json", method="POST", body=body)
    assert answer.status == 200, answer.body
    token: str = answer.json()["access"]
    return token


def test_a_login_and_its_token_go_through_tls_nginx_granian_and_postgresql(site: Site) -> None:
    token = login(site)
    answer = ask(site, "/whoami", f"Authorization: Bearer {token}")
    assert (answer.status, answer.json()) == (200, {"username": "alice"})
    assert answer.headers["strict-transport-security"].startswith("max-age=31536000")
    assert answer.headers["server"] == "nginx"  # no version


def test_a_stranger_cannot_choose_the_address_that_limits_and_logs_use(site: Site) -> None:
    told = ask(
        site, "/echo", "X-Forwarded-For: 192.0.2.66", "X_Forwarded_For: 192.0.2.66", "X-Real-IP: 192.0.2.66",
        "Forwarded: for=192.0.2.66", "X-Forwarded-For: 192.0.2.67",
    ).json()  # fmt: skip
    assert told["address"] == "127.0.0.1"
    assert told["headers"]["HTTP_X_FORWARDED_FOR"] == "127.0.0.1"
    assert "192.0.2" not in json.dumps(told)


def test_the_application_believes_nginx_about_whom_it_forwards_for(site: Site) -> None:
    """Else all clients would share the address of nginx, and its limits."""
    told = send(site.hosts[0], "/echo", lines=("X-Forwarded-For: 192.0.2.66", *AS_NGINX)).json()
    assert told["address"] == "192.0.2.66"


def test_who_reaches_the_application_past_nginx_without_tls_is_refused(site: Site) -> None:
    assert send(site.hosts[0], "/echo").json()["code"] == "https_required"
    assert send(site.hosts[0], "/echo", lines=("X-Forwarded-Proto: http",)).status == 403
    assert send(site.hosts[0], "/echo", lines=AS_NGINX[:1]).status == 403, (
        "and who only says that it was nginx"
    )
    assert send(site.hosts[0], "/healthz").status == 200, "a load balancer's probe"


def test_a_stranger_cannot_choose_the_request_id(site: Site) -> None:
    answer = ask(site, "/echo", "X-Request-ID: chosen-by-a-stranger")
    told = answer.json()
    assert re.fullmatch("[0-9a-f]{32}", told["request_id"])
    assert answer.headers["x-request-id"] == told["request_id"]
    until(lambda: told["request_id"] in logged(site), "nginx's line")  # written after the answer has gone out


def logged(site: Site) -> set[str]:
    """The request ids in nginx's own log, of the lines that are whole."""
    lines = (site.front.folder / "api_example_org.log").read_text().splitlines(keepends=True)
    return {json.loads(line)["request_id"] for line in lines if line.endswith("\n")}


def removed() -> list[str]:
    return [*FORWARDED, *IDENTITY, *REWRITE]


def test_no_header_that_names_an_identity_reaches_the_application(site: Site) -> None:
    names = removed()
    told = ask(site, "/echo", *(f"{name}: admin-spoofed" for name in names)).json()
    assert "spoofed" not in json.dumps(told)
    told = ask(site, "/echo", *(f"{name.replace('-', '_')}: admin-spoofed" for name in names)).json()
    assert "spoofed" not in json.dumps(told)


def test_a_request_counts_as_secure_only_because_nginx_says_so(site: Site) -> None:
    assert ask(site, "/echo", "X-Forwarded-Proto: http").json()["secure"] is True


def test_a_body_that_is_too_large_is_refused_with_a_problem_document(site: Site) -> None:
    assert ask(site, "/echo", method="POST", body=b"x" * (1 << 20)).json()["body"] == 1 << 20
    answer = ask(site, "/echo", method="POST", body=b"x" * ((1 << 20) + 1))
    assert (answer.status, answer.json()["code"]) == (413, "too_large")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("path", "lines", "status"),
    [
        ("/echo", ("X-Long: " + "x" * 9000,), 400),
        ("/" + "x" * 9000, (), 414),
        ("/%00%zz", (), 400),
    ],
    ids=["header", "address", "path"],
)
def test_what_is_too_long_or_malformed_is_refused_with_a_problem_document(
    path: str, lines: tuple[str, ...], status: int, site: Site
) -> None:
    answer = ask(site, path, *lines)
    assert (answer.status, answer.json()["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_token_sent_without_tls_is_refused_and_not_redirected(site: Site) -> None:
    """A redirect would hide that everybody on the way has read it."""
    assert send(site.front.plain, "/whoami", lines=("Authorization: Bearer x",)).status == 403
    assert send(site.front.plain, "/whoami", lines=("Cookie: sessionid=x",)).status == 403
    assert send(site.front.plain, "/api/token/", method="POST", body=b"{}").status == 403
    page = send(site.front.plain, "/page?q=1")
    assert (page.status, page.headers["location"]) == (308, f"https://{HOST}:{site.front.tls}/page?q=1")


def test_a_name_that_is_not_ours_gets_no_certificate_and_no_answer(site: Site) -> None:
    tls = context(site.tls / "ca.pem")
    with pytest.raises(ssl.SSLError, match=r"unrecognized name|UNRECOGNIZED_NAME"):
        send(site.front.tls, "/echo", name="evil.example", tls=tls)
    with pytest.raises((ConnectionError, OSError)):
        send(site.front.plain, "/echo", name="evil.example")


def test_old_tls_and_weak_ciphers_are_not_spoken(site: Site) -> None:
    for version, ciphers in (
        (ssl.TLSVersion.TLSv1_2, "AES128-SHA256"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA256"),
    ):
        tls = context(site.tls / "ca.pem")
        tls.maximum_version = version
        tls.set_ciphers(ciphers)
        with pytest.raises(ssl.SSLError):
            send(site.front.tls, "/echo", tls=tls)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        tls = context(site.tls / "ca.pem")
        tls.minimum_version = tls.maximum_version = version
        assert send(site.front.tls, "/echo", tls=tls).status == 200


def test_probes_answer_those_who_balance(site: Site) -> None:
    assert ask(site, "/readyz").json() == {"status": "ok", "state": "ok", "database": "ok"}
    assert ask(site, "/healthz").status == 200


def test_strangers_get_no_probe(site: Site) -> None:
    text = (site.front.folder / "site.conf").read_text()
    block = text[text.index('location ~ "^/healthz') :].partition("}")[0]
    assert [line.strip() for line in block.splitlines() if "allow" in line or "deny" in line] == [
        "allow 127.0.0.1/32;", "allow 10.0.0.0/16;", "deny all;",
    ]  # fmt: skip


def test_static_files_are_served_by_nginx_alone(site: Site) -> None:
    answer = ask(site, "/static/site.css")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/css")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert ask(site, "/static/../site.conf").status in (400, 404)
    assert ask(site, "/static../site.conf").status == 404


def test_a_query_string_is_not_kept_in_the_log_of_nginx(site: Site) -> None:
    ask(site, "/echo?reset=a-secret-of-the-reader")
    assert "a-secret-of-the-reader" not in (site.front.folder / "api_example_org.log").read_text()


def test_no_host_at_all_is_the_announced_503_and_not_a_502(site: Site, tmp_path: Path) -> None:
    from tests.servers import free_port

    with stack.front(tmp_path / "nginx", site.tls, (free_port(), free_port()), site.env) as front:
        for _ in range(4):  # also when nginx has given both up
            answer = send(front.tls, "/echo", tls=context(site.tls / "ca.pem"))
            assert (answer.status, answer.headers["retry-after"]) == (503, "1")
            assert answer.json()["code"] == "state_unavailable"


def test_a_host_that_is_away_is_passed_over(site: Site, tmp_path: Path) -> None:
    from tests.servers import free_port

    with stack.front(tmp_path / "nginx", site.tls, (free_port(), site.hosts[0]), site.env) as front:
        for _ in range(10):
            assert send(front.tls, "/echo", tls=context(site.tls / "ca.pem")).status == 200


def test_nginx_finds_nothing_to_warn_of(site: Site) -> None:
    done = subprocess.run(
        [stack.nginx_program(), "-t", "-p", str(site.front.folder), "-c", str(site.front.folder / "nginx.conf")],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0
    assert "[warn]" not in done.stderr, done.stderr

"""`stockade proxy`: what it prints is valid, says the same each time, holds no secret, and refuses what cannot be."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from stockade.core.forwarded import FORWARDED, IDENTITY, REWRITE
from tests.proxy import stand
from tests.proxy.stand import HOST, PROGRAMS, SECRET, SETTINGS, Files, printed

STOCKADE = SETTINGS["STOCKADE"]
# Every option at least once, for both programs.
OPTIONS: dict[str, list[str]] = {
    "nothing": [],
    "modern": ["--tls", "modern"],
    "names": ["--domain", "api.example.org", "--domain", "WWW.Example.org"],
    "several processes": ["--upstream", "10.0.0.21:8000", "--upstream", "[2001:db8::21]:8000"],
    "a unix socket": ["--upstream", "unix:/run/myproject/app.sock"],
    "a body": ["--max-body", "20m"],
    "a large body": ["--max-body", "2g"],
    "static files": ["--static", "/srv/myproject/static"],
    "certificates of clients": ["--mtls", "CA"],
    "certificates of some clients": ["--mtls", "CA", "--mtls-optional"],
    "cloudflare": ["--cloudflare"],
    "cloudflare with a certificate": ["--cloudflare", "--origin-pull", "CA"],
    "a load balancer": ["--alb", "10.0.1.0/24", "--alb", "2001:db8:1::/64"],
    "watchers": ["--watcher", "10.0.0.0/16", "--watcher", "::1"],
}


@pytest.fixture
def files(tmp_path: Path, tls: Path) -> Files:
    return Files(tmp_path / "proxy", tls)


def judged(program: str, files: Files, text: str) -> subprocess.CompletedProcess[str]:
    """What the program itself thinks of a configuration."""
    return subprocess.run(
        stand.command(program, files.folder, text, test=True),
        capture_output=True, text=True, env=stand.environment(files.folder), timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("what", OPTIONS)
def test_what_is_printed_is_valid(what: str, program: str, files: Files) -> None:
    options = [option.replace("CA", f"{files.tls}/ca.pem") for option in OPTIONS[what]]
    given = [
        *files.options(program),
        "--listen",
        "127.0.0.1:8443",
        "--listen-plain",
        "127.0.0.1:8080",
        *options,
    ]
    text = printed(program, *given)
    assert printed(program, *given) == text
    assert SECRET not in text
    done = judged(program, files, text)
    assert done.returncode == 0, done.stderr + text
    assert "[warn]" not in done.stderr, done.stderr
    assert all(len(line) < 600 for line in text.splitlines())


def test_every_option_is_tried() -> None:
    import typer
    from typer.main import get_command

    from stockade.cli.proxy import proxy

    app = typer.Typer(add_completion=False)
    app.command()(proxy)
    known = {name for option in get_command(app).params for name in option.opts if name.startswith("--")}
    tried = {word for words in OPTIONS.values() for word in words if word.startswith("--")}
    elsewhere = {
        "--help", "--certificate", "--key", "--logs", "--secret-file", "--listen", "--listen-plain",  # in each
        "--connections", "--addresses",  # below
    }  # fmt: skip
    assert known - {"--help"} == (tried | elsewhere) - {"--help"}


def test_ports_for_everybody_and_paths_of_a_distribution_by_default() -> None:
    text = printed("nginx")
    for line in ("listen 443 ssl;", "listen [::]:443 ssl;", "listen 80;", "http2 on;",
                 f"ssl_certificate /etc/nginx/tls/{HOST}.pem;", "include /etc/nginx/stockade-secret.conf;",
                 "client_max_body_size 2621440;", f"server_name {HOST};"):  # fmt: skip
        assert f" {line}\n" in text
    caddy = printed("caddy")
    assert "tls {" in caddy  # it obtains a certificate itself
    assert "{file./etc/caddy/stockade-secret}" in caddy
    assert "http_port" not in caddy


@pytest.mark.parametrize("program", PROGRAMS)
def test_headers_and_figures_are_the_projects(program: str) -> None:
    text = printed(
        program, SECURE_HSTS_SECONDS=123456, SECURE_HSTS_INCLUDE_SUBDOMAINS=True, DATA_UPLOAD_MAX_MEMORY_SIZE=77777,
        STOCKADE={**STOCKADE, "HEADERS": {"X-Frame-Options": "SAMEORIGIN", "X-Own": "1"}},
    )  # fmt: skip
    for part in ("max-age=123456; includeSubDomains", "77777", "SAMEORIGIN", "X-Own"):
        assert part in text
    assert 'Strict-Transport-Security "' not in printed(program, STOCKADE={**STOCKADE, "HSTS": False})


@pytest.mark.parametrize("program", PROGRAMS)
def test_without_a_secret_it_says_what_that_leaves_open(program: str) -> None:
    without = {key: value for key, value in STOCKADE.items() if key != "PROXY_SECRET"}
    text = printed(program, STOCKADE=without)
    assert "There is no PROXY_SECRET" in text
    assert "stockade-secret" not in text


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_header_that_a_stranger_must_not_send_is_taken_or_written_anew(program: str) -> None:
    text = printed(program)
    for name in (*FORWARDED, *IDENTITY, *REWRITE):
        if program == "nginx":
            assert f"proxy_set_header {name} " in text
        else:
            assert f"header_up -{name}\n" in text or f"header_up {name} " in text


def test_the_list_of_cloudflare_is_dated_and_a_newer_one_can_take_its_place(tmp_path: Path) -> None:
    text = printed("nginx", "--cloudflare")
    assert "set_real_ip_from 173.245.48.0/20;" in text
    assert "shipped with Stockade, 20" in text
    newer = tmp_path / "newer.txt"
    newer.write_text("# Date: 2027-01-01\n192.0.2.0/24\n2001:db8::/32  # a remark\n\n")
    text = printed("nginx", "--cloudflare", "--addresses", str(newer))
    assert "newer.txt, 2027-01-01" in text
    assert "173.245.48.0" not in text
    assert text.count("192.0.2.0/24") == text.count("2001:db8::/32") == 2


WRONG: dict[str, tuple[list[str], str]] = {
    "a profile": (["--tls", "old"], "Write intermediate or modern"),
    "a name": (["--domain", "https://api.example.org"], "Write one such as api.example.org"),
    "a name that ends a line": (["--domain", "a.example.org; }"], "no host name"),
    "an upstream": (["--upstream", "http://127.0.0.1:8000"], "Write 127.0.0.1:8000 or unix:"),
    "a port": (["--upstream", "127.0.0.1:80000"], "Write 127.0.0.1:8000"),
    "a path": (["--static", "srv/static"], "Write an absolute one"),
    "a path that ends a line": (["--mtls", "/etc/ca.pem;\n}"], "no path"),
    "a path upwards": (["--logs", "/var/log/../../etc"], "no path"),
    "a size": (["--max-body", "lots"], "Write 1m"),
    "no size": (["--max-body", "10"], "from 1k to 10g"),
    "half a certificate": (["--certificate", "/etc/x.pem"], "Write --certificate and --key"),
    "two in front": (["--cloudflare", "--alb", "10.0.0.0/16"], "the one that connects"),
    "the internet as a balancer": (["--alb", "0.0.0.0/0"], "a part of the internet"),
    "a balancer by name": (["--alb", "my-alb.example.org"], "no address"),
    "certificates that cannot come": (["--cloudflare", "--mtls", "/etc/ca.pem"], "ends the TLS of clients"),
    "optional nothing": (["--mtls-optional"], "name the authority with --mtls"),
    "addresses of nobody": (["--addresses", "/etc/hostname"], "are for --cloudflare"),
    "a certificate of nobody": (["--origin-pull", "/etc/ca.pem"], "are for --cloudflare"),
    "addresses that are none": (["--cloudflare", "--addresses", "/dev/null"], "is empty"),
    "addresses that are not there": (["--cloudflare", "--addresses", "/nowhere/x"], "cannot be read"),
    "a place to listen": (["--listen", "localhost:443"], "Write 443"),
    "a watcher": (["--watcher", "10.0.0.1/8"], "Write 10.0.0.0/8"),
}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_option_is_told_with_what_to_write(what: str, program: str) -> None:
    options, told = WRONG[what]
    assert told in printed(program, *options, expect=2)


def test_what_only_nginx_can_do_is_not_asked_of_caddy() -> None:
    assert "limit_conn_zone" in printed("nginx", "--connections", "100")
    assert "Caddy does not count" in printed("caddy", "--connections", "100", expect=2)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"ALLOWED_HOSTS": ["*", ".example.org"]}, "Write --domain"),
        ({"DATA_UPLOAD_MAX_MEMORY_SIZE": None}, "Write --max-body"),
        ({"STOCKADE": None}, "There is no STOCKADE setting"),
        ({"STOCKADE": {**STOCKADE, "HEADERS": {"X-Own": 'a"; }'}}}, "X-Own has a character"),
        ({"STOCKADE": {**STOCKADE, "HEADERS": {"X-Own": "$host"}}}, "X-Own has a character"),
    ],
)
def test_a_project_that_does_not_say_enough_is_told_what_to_write(changes: dict[str, Any], told: str) -> None:
    for program in PROGRAMS:
        assert told in printed(program, expect=2, **changes)


def test_a_file_for_a_secret_that_nobody_asks_for_is_a_mistake() -> None:
    without = {key: value for key, value in STOCKADE.items() if key != "PROXY_SECRET"}
    assert '"PROXY_SECRET"' in printed("nginx", "--secret-file", "/etc/x", expect=2, STOCKADE=without)

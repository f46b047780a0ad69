"""What the URLs of a Redis say, and that what is wrong in them is told without the password."""

from __future__ import annotations

from pathlib import Path

import pytest

from stockade.gate.conf import state
from stockade.gate.redis.address import parse


def test_a_url_names_host_port_database_user_and_password() -> None:
    found = parse("redis://app:pass%40word%2F@cache.internal:7000/3")
    assert found.hosts == (("cache.internal", 7000),)
    assert (found.db, found.username, found.password.reveal(), found.tls) == (3, "app", "pass@word/", False)
    assert found.public == "redis://cache.internal:7000/3"


def test_what_is_left_out_has_the_usual_value() -> None:
    found = parse("redis://localhost")
    assert (found.hosts, found.db, found.username, found.password.reveal()) == (
        (("localhost", 6379),),
        0,
        "",
        "",
    )
    assert parse("redis://:only@localhost").password.reveal() == "only"
    assert parse("redis://[::1]:7000/").hosts == (("::1", 7000),)
    assert parse("redis://[::1]:7000/").public == "redis://[::1]:7000/0"


def test_tls_has_files(tmp_path: Path) -> None:
    ca, cert, key = (tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem"))
    for each in (ca, cert, key):
        each.write_text("")
    found = parse(f"rediss://host/1?ca={ca}&cert={cert}&key={key}")
    assert found.tls
    assert (found.ca, found.cert, found.key, found.db) == (str(ca), str(cert), str(key), 1)


def test_sentinels_have_a_service() -> None:
    found = parse(
        "redis+sentinel://app:secret@one:26380,two/main/2?sentinel_user=watch&sentinel_password=dog"
    )
    assert found.hosts == (("one", 26380), ("two", 26379))
    assert (found.service, found.db, found.username) == ("main", 2, "app")
    assert (found.sentinel_username, found.sentinel_password.reveal()) == ("watch", "dog")
    assert found.public == "redis+sentinel://one:26380,two:26379/main/2"


def test_a_socket_has_a_path() -> None:
    found = parse("unix:///run/redis/redis.sock?db=2")
    assert (found.path, found.db, found.hosts) == ("/run/redis/redis.sock", 2, ())
    assert parse("unix://:word@/run/redis.sock").password.reveal() == "word"
    assert found.public == "unix:///run/redis/redis.sock?db=2"


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("redis://", "host is missing"),
        ("redis:///0", "host is missing"),
        ("redis://host:port", "Write"),
        ("redis://host:99999", "Write"),
        ("redis://host/one", "number such as 0"),
        ("redis://host/0/1", "Write"),
        ("redis://host/0#fragment", "Write"),
        ("redis://host/0?ssl_cert_reqs=none", "no option"),
        ("redis://one,two/0", "Cluster"),
        ("rediss://host?ca=/no/such/file", "no such file"),
        ("rediss://host?verify=no", "no option; known are ca, cert, key"),
        ("unix://relative/path", "three slashes"),
        ("unix:///run/sock?ca=/x", "no option"),
        ("redis+sentinel://host", "service is missing"),
        ("redis+cluster://host", "Write"),
    ],
)
def test_a_wrong_url_is_told_what_to_write(url: str, advice: str) -> None:
    with pytest.raises(ValueError, match=advice):
        parse(url)


def test_a_client_certificate_needs_its_key() -> None:
    with pytest.raises(ValueError, match="both cert= and key="):
        parse(f"rediss://host?cert={__file__}")


@pytest.mark.parametrize(
    "url",
    [
        "redis://app:hunter2@host:port",
        "redis://app:hunter2@/0",
        "redis://a:hunter2@h/x",
        # Not percent-encoded: what follows is no longer where a password is looked for.
        "redis://:a?hunter2@host/0",
        "redis://a:b?c=1&hunter2@host/0",
        "redis://a:6379/hunter2@host/0",
        "redis+sentinel://a:26379/s/hunter2@host/0",
        "redis://:hunter2\N{ACCOUNT OF}@host/0",
        "redis://:[hunter2@host/0",
    ],
)
def test_no_error_shows_the_password(url: str) -> None:
    with pytest.raises(ValueError, match=r"Write|number") as caught:
        state(url)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(caught.value.__context__)


@pytest.mark.parametrize("url", ["redis:hunter2@host", "radis://app:hunter2@host"])
def test_a_misspelt_scheme_does_not_show_it_either(url: str) -> None:
    with pytest.raises(ValueError, match="names no state") as caught:
        state(url)
    assert "hunter2" not in str(caught.value)


def test_neither_the_setting_nor_the_address_shows_the_password() -> None:
    url = state("redis://app:hunter2@host:6379/0")
    assert url == "redis://app:hunter2@host:6379/0"
    assert "hunter2" not in repr(url) + repr({"STATE": url}) + repr(parse(url))

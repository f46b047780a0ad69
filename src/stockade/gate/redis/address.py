"""Where a Redis is: the URLs of STATE, read and checked, with the password out of sight."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from stockade.core.secrets import SecretStr

PORT, SENTINEL_PORT = 6379, 26379
SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel")
HELP = (
    'Write "redis://user:password@host:6379/0", "rediss://..." for TLS, "unix:///path/to/redis.sock?db=0", or '
    '"redis+sentinel://user:password@host1:26379,host2:26379/service/0".'
)
_TLS_OPTIONS = ("ca", "cert", "key")
_SENTINEL_OPTIONS = ("sentinel_user", "sentinel_password")


def _nothing() -> SecretStr:
    return SecretStr("")


@dataclass(frozen=True, slots=True)
class Address:
    """One Redis, or the Sentinels that know which one it is.

    Args:
        hosts: host and port; of each Sentinel where there is a `service`. Empty for a socket.
        path: of a unix socket, else "".
        db: number of the database.
        username, password: of an ACL user; a password alone is that of the default user.
        tls: whether the connection is encrypted and the server's certificate is verified.
        ca, cert, key: paths of PEM files: who is trusted (default: the system's), and a client certificate.
        service: the name under which Sentinels know the master, else "".
        sentinel_username, sentinel_password: of the Sentinels themselves.
    """

    hosts: tuple[tuple[str, int], ...] = ()
    path: str = ""
    db: int = 0
    username: str = ""
    password: SecretStr = field(default_factory=_nothing)
    tls: bool = False
    ca: str = ""
    cert: str = ""
    key: str = ""
    service: str = ""
    sentinel_username: str = ""
    sentinel_password: SecretStr = field(default_factory=_nothing)

    @property
    def public(self) -> str:
        """The address as a URL without user, password and files."""
        if self.path:
            return f"unix://{self.path}?db={self.db}"
        scheme = ("rediss" if self.tls else "redis") + ("+sentinel" if self.service else "")
        hosts = ",".join(
            [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts]
        )
        return f"{scheme}://{hosts}/{f'{self.service}/' if self.service else ''}{self.db}"


def parse(url: str) -> Address:
    """Read a URL of STATE.

    Raises:
        ValueError: it is none; the message says what to write, and never shows what stood before the ``@``.
    """
    parts = _split(url)
    if parts is None or parts.scheme not in SCHEMES or parts.fragment:
        raise ValueError(HELP)
    if (
        "@" in parts.path or "@" in parts.query
    ):  # the end of a password that none of the messages below may show
        raise ValueError(
            f"Write / ? # and @ in a password, a path or an option as %2F %3F %23 and %40. {HELP}"
        )
    tls, sentinel = parts.scheme.startswith("rediss"), parts.scheme.endswith("+sentinel")
    allowed = (*(_TLS_OPTIONS if tls else ()), *(_SENTINEL_OPTIONS if sentinel else ()))
    options = _options(parts.query, ("db",) if parts.scheme == "unix" else allowed)
    user, _, place = parts.netloc.rpartition("@")
    username, _, password = user.partition(":")
    found: dict[str, Any] = {
        "username": unquote(username),
        "password": SecretStr(unquote(password)),
        "tls": tls,
        "sentinel_username": options.pop("sentinel_user", ""),
        "sentinel_password": SecretStr(options.pop("sentinel_password", "")),
    }
    if parts.scheme == "unix":
        if place or not Path(unquote(parts.path)).is_absolute():
            raise ValueError(f"Write three slashes and the path of the socket. {HELP}")
        return Address(path=unquote(parts.path), db=_db(options.pop("db", "")), **found)
    for name in options:
        if not Path(options[name]).is_file():
            raise ValueError(f"{name}={options[name]}: there is no such file that can be read.")
    if bool(options.get("cert")) != bool(options.get("key")):
        raise ValueError("A client certificate needs both cert= and key=, each the path of a PEM file.")
    segments = [unquote(part) for part in parts.path.split("/") if part]
    hosts = tuple([_host(each, SENTINEL_PORT if sentinel else PORT) for each in place.split(",")])
    if sentinel:
        if not segments:
            raise ValueError(f"The name of the service is missing. {HELP}")
        found["service"] = segments.pop(0)
    elif len(hosts) > 1:
        raise ValueError(
            "Several hosts need Sentinels: write redis+sentinel://. Redis Cluster is not supported."
        )
    if len(segments) > 1:
        raise ValueError(HELP)
    return Address(hosts=hosts, db=_db("".join(segments)), **(found | options))


def _split(url: str) -> SplitResult | None:
    """None for what is no URL; not an error, because urllib's own shows all of it."""
    try:
        return urlsplit(url)
    except ValueError:
        return None


def _options(query: str, allowed: tuple[str, ...]) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name in options:
        if name not in allowed:
            known = f"known are {', '.join(allowed)}" if allowed else "there are none for this kind of URL"
            raise ValueError(f"{name!r} is no option; {known}.")
    return options


def _db(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise ValueError(f"The database is a number such as 0, not {text!r}.")
    return int(text)


def _host(text: str, default: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"What stands where a host and a port should be is none. {HELP}") from None
    if not host:
        raise ValueError(f"A host is missing. {HELP}")
    return host, default if port is None else port

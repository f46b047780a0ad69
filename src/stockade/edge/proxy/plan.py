"""All that a configuration is made from, checked: what is written into it cannot end a line or begin another."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from stockade.edge.proxy.flood import Flood
from stockade.edge.proxy.fronts import Front
from stockade.edge.proxy.tls import PROFILES, Profile

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}")
_PATH = re.compile(r"/[A-Za-z0-9._@+=/-]*")
_URL = re.compile(r"/(?:[A-Za-z0-9._~-]+/)+")
_TCP = re.compile(rf"(?P<host>{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:]+\]):(?P<port>[0-9]{{1,5}})", re.IGNORECASE)
_LISTEN = re.compile(r"(?:(?P<host>[0-9.]+|\[[0-9a-f:]+\]):)?(?P<port>[0-9]{1,5})", re.IGNORECASE)
_VALUE = re.compile(r"[\x20\x21\x23\x25-\x5b\x5d-\x7a\x7c\x7e]*")  # printable ASCII without " \ $ { and }
_SIZE = re.compile(r"(?P<count>[0-9]{1,12})(?P<unit>[kmg]?)", re.IGNORECASE)
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen: an address ("" for all of IPv4 and IPv6) and a TCP port."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Static:
    """Files that the proxy serves itself: the path of their URLs, and their folder."""

    url: str
    folder: str


@dataclass(frozen=True, slots=True)
class Mutual:
    """TLS in which the client shows a certificate as well.

    Args:
        authority: path of the authority's certificate.
        required: whether a client without one is refused.
    """

    authority: str
    required: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What one configuration says.

    Args:
        domains: the names that clients use.
        upstreams: ``host:port`` or ``unix:/path`` of each process that serves.
        tls: which of Mozilla's profiles.
        certificate: path; "" where the proxy obtains one itself (Caddy).
        key: path.
        headers: of answers that the proxy makes itself, as the application has them.
        hsts: value of Strict-Transport-Security; "" for none.
        max_body: bytes of a request's body.
        secret_file: path of what the proxy shows to the application; "" for none.
        static: files that it serves itself.
        mutual: certificates of clients.
        front: who alone may connect.
        flood: what is refused by number; None for nothing.
        uncounted: why nothing is.
        connections: at once from one address; 0 for any number.
        probes: regular expressions of paths that only `watchers` may ask.
        watchers: CIDR blocks.
        listen: for TLS.
        listen_plain: without TLS.
        logs: folder of the access log.
    """

    domains: tuple[str, ...]
    upstreams: tuple[str, ...]
    tls: Profile
    certificate: str
    key: str
    headers: tuple[tuple[str, str], ...]
    hsts: str
    max_body: int
    secret_file: str = ""
    static: Static | None = None
    mutual: Mutual | None = None
    front: Front | None = None
    flood: Flood | None = None
    uncounted: str = ""
    connections: int = 0
    probes: tuple[str, ...] = ()
    watchers: tuple[str, ...] = ()
    listen: tuple[Listen, ...] = field(default=(Listen("", 443),))
    listen_plain: tuple[Listen, ...] = field(default=(Listen("", 80),))
    logs: str = "/var/log"

    def __post_init__(self) -> None:
        for name, value in (*self.headers, ("Strict-Transport-Security", self.hsts)):
            if not re.fullmatch(r"[A-Za-z0-9-]+", name) or not _VALUE.fullmatch(value):
                raise ValueError(
                    f"The header {name[:64]} has a character that a proxy would read as its own. Take out quotes, "
                    "backslashes, dollar signs and braces, and what is not printable ASCII."
                )
        if self.mutual is not None and self.front is not None:
            raise ValueError(
                f"--mtls: {self.front.name} ends the TLS of clients, so their certificates do not come here. Leave out "
                "--mtls, or have clients connect directly."
            )

    @property
    def name(self) -> str:
        """By which this project's zones and files are told from another's."""
        return re.sub(r"[^a-z0-9]", "_", self.domains[0])


def domain(text: str) -> str:
    """A host name, in lower case.

    Raises:
        ValueError: it is none.
    """
    found = text.strip().lower()
    if not _DOMAIN.fullmatch(found) or len(found) > 253:
        raise ValueError(f"{text[:64]!r} is no host name. Write one such as api.example.org.")
    return found


def upstream(text: str) -> str:
    """Where a process serves.

    Raises:
        ValueError: neither ``host:port`` nor ``unix:/path``.
    """
    if text.startswith("unix:"):
        return "unix:" + path(text.removeprefix("unix:"))
    match = _TCP.fullmatch(text)
    if match is None or not 0 < int(match["port"]) < 65536:
        raise ValueError(
            f"{text[:64]!r} is no place to connect to. Write 127.0.0.1:8000 or unix:/run/myproject/app.sock."
        )
    return text


def path(text: str) -> str:
    """An absolute path, of characters that no configuration reads as its own.

    Raises:
        ValueError: it is none.
    """
    if not _PATH.fullmatch(text) or len(text) > 1024 or ".." in text.split("/"):
        raise ValueError(
            f"{text[:64]!r} is no path that can be written here. Write an absolute one without blanks."
        )
    return text


def url_path(text: str) -> str:
    """The path that URLs of static files begin with.

    Raises:
        ValueError: it is none of this host, or the root.
    """
    if not _URL.fullmatch(text):
        raise ValueError(
            f"{text[:64]!r} is no path of URLs. Have STATIC_URL such as /static/, or leave --static out."
        )
    return text


def listen(text: str) -> Listen:
    """Where to listen.

    Raises:
        ValueError: neither ``port`` nor ``address:port``.
    """
    match = _LISTEN.fullmatch(text.strip())
    if match is None or not 0 < int(match["port"]) < 65536:
        raise ValueError(
            f"{text[:64]!r} is no place to listen at. Write 443, 192.0.2.7:443 or [2001:db8::7]:443."
        )
    return Listen(match["host"] or "", int(match["port"]))


def size(text: str) -> int:
    """Bytes, from ``2m``, ``512k`` or a plain number.

    Raises:
        ValueError: it is none, or not from 1 KiB to 10 GiB.
    """
    match = _SIZE.fullmatch(text.strip())
    found = int(match["count"]) * _UNITS[match["unit"].lower()] if match else 0
    if not 1024 <= found <= 10 * 1024**3:
        raise ValueError(f"{text[:64]!r} is no size. Write 1m, 512k or a number of bytes, from 1k to 10g.")
    return found


def profile(text: str) -> Profile:
    """One of Mozilla's profiles.

    Raises:
        ValueError: there is none of that name.
    """
    found = PROFILES.get(text)
    if found is None:
        why = 'Mozilla has dropped "old" from its guideline. ' if text == "old" else ""
        raise ValueError(f"{text[:64]!r} is no profile. {why}Write intermediate or modern.")
    return found

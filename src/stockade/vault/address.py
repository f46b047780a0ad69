"""The URL of a place that secrets come from: what it may say, and that it never says a secret."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from stockade.core.errors import ConfigurationError

LIFETIME = 300.0  # seconds: a secret that was rotated is taken up within it
TIMEOUT = 5.0  # seconds: for one question, from the name's resolution to the last byte
COMMON = frozenset({"lifetime", "timeout"})
_TIME = re.compile(r"(\d{1,6})(s|m|h)")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_SEGMENT = re.compile(r"[A-Za-z0-9._@+=~-]+")


def wrong(message: str, hint: str) -> ConfigurationError:
    """The error of a place that is named wrongly; neither part may quote what could be a secret."""
    return ConfigurationError("stockade.E064", message, hint)


@dataclass(frozen=True, slots=True)
class Address:
    """A URL, taken apart.

    Args:
        scheme: of the URL, such as ``vault``.
        host: with its port, as in the URL.
        path: without the slashes around it.
        folder: whether the path ended with a slash: then each secret is an entry below it, else it is one document
            with a field for each secret.
        options: of the query.
        lifetime: seconds until it is asked again.
        timeout: seconds that one question may take.
    """

    scheme: str
    host: str
    path: str
    folder: bool
    options: Mapping[str, str] = field(repr=False)
    lifetime: float = LIFETIME
    timeout: float = TIMEOUT

    @property
    def shown(self) -> str:
        """For people: without options."""
        return f"{self.scheme}://{self.host}/{self.path}{'/' if self.folder and self.path else ''}"

    @property
    def hostname(self) -> str:
        """Without the port."""
        return urlsplit(f"//{self.host}").hostname or ""


def parse(url: str, known: frozenset[str]) -> Address:
    """Take a URL apart.

    Args:
        url: as in STOCKADE_SECRETS_ORDER.
        known: the options that its provider takes, besides those that all take.

    Raises:
        ConfigurationError: E064. The message quotes nothing that may be a secret.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise wrong(
            "STOCKADE_SECRETS_ORDER holds something that is no URL.", "Check its host and port."
        ) from None
    scheme = parts.scheme
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise wrong(
            f"The {scheme} URL of STOCKADE_SECRETS_ORDER holds a user or a token before its host.",
            "URLs are logged and listed. Put the credential into a variable or file of its own, and make a new one.",
        )
    if parts.fragment:
        raise wrong(
            f"The {scheme} URL of STOCKADE_SECRETS_ORDER has a fragment.", "Leave # and the rest away."
        )
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    options = dict(pairs)
    takes = known | COMMON
    if len(options) != len(pairs) or not set(options) <= takes:
        raise wrong(
            f"The {scheme} URL of STOCKADE_SECRETS_ORDER has an option that it does not take, or one twice.",
            f"It takes {', '.join(sorted(takes))}. Credentials are never options.",
        )
    path = unquote(parts.path)
    segments = [segment for segment in path.split("/") if segment]
    if any(segment in {".", ".."} or not _SEGMENT.fullmatch(segment) for segment in segments):
        raise wrong(
            f"The path of the {scheme} URL of STOCKADE_SECRETS_ORDER is not one.",
            "Use letters, digits, - _ . and /.",
        )
    return Address(
        scheme,
        parts.netloc,
        "/".join(segments),
        path.endswith("/") or not segments,
        options,
        _time(scheme, "lifetime", options, LIFETIME),
        _time(scheme, "timeout", options, TIMEOUT),
    )


def _time(scheme: str, name: str, options: Mapping[str, str], default: float) -> float:
    text = options.get(name)
    if text is None:
        return default
    found = _TIME.fullmatch(text)
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
    if not seconds:
        raise wrong(f"The option {name} of the {scheme} URL is no time.", "Write 30s, 5m or 1h.")
    return float(seconds)


def loopback(host: str) -> bool:
    """Whether a host is this machine, so that nothing goes over a wire."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def authority(address: Address) -> str | None:
    """The file of certificate authorities that the URL's option `ca` names.

    Raises:
        ConfigurationError: E064, it is not there.
    """
    path = address.options.get("ca")
    if path is not None and not Path(path).is_file():
        raise wrong(
            f"The file that the option ca of the {address.scheme} URL names is not there.", "Check its path."
        )
    return path

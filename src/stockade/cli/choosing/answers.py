"""The questions of `stockade choose`, and what may be answered (section 15 of the guide)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from stockade.core.address import WIDEST

_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", re.ASCII)
CALLERS = ("pages", "apps", "scripts", "servers", "services", "third_party")
QUESTIONS = {
    "pages": "Do pages of this site call it, in a browser?",
    "apps": "Do mobile apps, or single-page apps, call it?",
    "scripts": "Do scripts of your users call it?",
    "servers": "Do servers of others, or of your own elsewhere, call it?",
    "services": "Do services of your own network call it?",
    "third_party": "Do apps of others call it in the name of your users (delegated access)?",
    "issuer": "Does another issuer log your users in (Auth0, Keycloak, Entra)? Its address, or nothing",
    "audience": "The identifier of this API at that issuer",
    "domain": "The name that clients use",
    "many_hosts": "Does it run on several hosts?",
    "proxy": "The address or network of the proxy in front, or nothing",
    "existing": "Is it a project that serves already?",
}


class WrongAnswer(ValueError):
    """An answer that cannot be; the message says what to write."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What was answered.

    Args:
        pages, apps, scripts, servers, services, third_party: who calls.
        issuer, audience: whose tokens are taken, and what for; empty for nobody's.
        domain: the name that clients use.
        many_hosts: whether several hosts share their state.
        proxy: a network whose proxies are believed; empty for none.
        existing: whether the project serves already, so that nothing may be refused at first.
    """

    pages: bool = False
    apps: bool = False
    scripts: bool = False
    servers: bool = False
    services: bool = False
    third_party: bool = False
    issuer: str = ""
    audience: str = ""
    domain: str = "api.example.org"
    many_hosts: bool = False
    proxy: str = ""
    existing: bool = False

    def checked(self) -> Answers:
        """Itself, if it can be.

        Raises:
            WrongAnswer: nobody calls, or one of the texts is none of its kind.
        """
        if not self.issuer and not any(getattr(self, name) for name in CALLERS):
            options = ", ".join(f"--{name.replace('_', '-')}" for name in CALLERS)
            raise WrongAnswer(f"Nobody calls. Say who does: {options}, or --issuer.")
        if not _HOST.fullmatch(self.domain):
            raise WrongAnswer(f"{self.domain!r} is no host name. Write one such as api.example.org.")
        if self.issuer and not _is_issuer(self.issuer):
            raise WrongAnswer(
                f"{self.issuer!r} is no issuer. Write its address, such as https://id.example.com/."
            )
        if self.issuer == f"https://{self.domain}":
            raise WrongAnswer("That issuer is this API itself. Write the address of the other one, or none.")
        if bool(self.issuer) != bool(self.audience):
            raise WrongAnswer("--issuer and --audience go together: an issuer has tokens for many APIs.")
        if not re.fullmatch(r"[!-~]{0,255}", self.audience, re.ASCII):
            raise WrongAnswer(
                "An audience is printable ASCII without spaces, such as https://api.example.org."
            )
        if self.proxy:
            try:
                network = ipaddress.ip_network(self.proxy)
            except ValueError as error:
                raise WrongAnswer(
                    f"{error}. Write an address, or a CIDR block such as 10.0.0.0/28."
                ) from None
            if network.prefixlen < WIDEST[network.version]:
                raise WrongAnswer("That is everybody, or nearly. Write the address of the proxy.")
        return self


def _is_issuer(url: str) -> bool:
    """Whether ISSUERS takes it. Its own reader needs Django, which is not set up here."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    plain = re.fullmatch(r"[!-~]{1,255}", url, re.ASCII) and not set("?#@") & set(url)
    return parts.scheme == "https" and bool(parts.hostname) and bool(plain)

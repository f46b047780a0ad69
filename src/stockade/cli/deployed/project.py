"""Django's own settings, the proxies, and the versions of what the project stands on."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterator

import django
from django.core.checks.security import base, csrf, sessions

from stockade import conf
from stockade.cli.deployed.facts import Facts
from stockade.cli.deployed.faults import Fault, error, note, warning
from stockade.core import clock
from stockade.core.address import UNIX, WIDEST
from stockade.pipeline.conf import PipelineSettings

# When a series gets no security release any more.
SUPPORTED = {
    (5, 2): datetime.date(2028, 4, 30),
    (6, 0): datetime.date(2027, 4, 30),
    (6, 1): datetime.date(2027, 12, 31),
}
# What to write for what Django's checks find, by the beginning of their ids.
_REMEDIES = {
    "security.W018": "Write DEBUG = False.",
    "security.W009": 'Write SECRET_KEY = secret("DJANGO_SECRET_KEY"), from stockade.vault.',
    "security.W020": 'Write the names that clients use: ALLOWED_HOSTS = ["api.example.org"].',
    "security.W025": "Take the weak key out of SECRET_KEY_FALLBACKS.",
    "security.W016": "Write CSRF_COOKIE_SECURE = True.",
    "security.W01": "Write SESSION_COOKIE_SECURE = True.",
}


def django_settings(facts: Facts) -> Iterator[Fault]:
    """DEBUG off, SECRET_KEY and its fallbacks strong, ALLOWED_HOSTS set, cookies only over TLS: as Django judges.

    Only what Stockade does not do itself: the headers of SecurityMiddleware are its own.
    """
    for look in (
        base.check_debug,
        base.check_secret_key,
        base.check_secret_key_fallbacks,
        base.check_allowed_hosts,
        sessions.check_session_cookie_secure,
        csrf.check_csrf_cookie_secure,
    ):
        for found in look(None):
            wanted = next((text for start, text in _REMEDIES.items() if str(found.id).startswith(start)), "")
            yield error(f"{found.id}: {found.msg}", "Django's own deployment check says so.", wanted)


def hosts(facts: Facts) -> Iterator[Fault]:
    """ALLOWED_HOSTS names hosts, not everything."""
    wide = [host for host in facts.settings.ALLOWED_HOSTS if host == "*"]
    if wide or facts.settings.USE_X_FORWARDED_HOST:
        what = 'ALLOWED_HOSTS has "*"' if wide else "USE_X_FORWARDED_HOST is on"
        yield error(
            f"{what}.",
            "A client chooses the host in links that you mail, such as a password reset, and poisons caches.",
            'Write the names that clients use: ALLOWED_HOSTS = ["api.example.org"], and leave '
            "USE_X_FORWARDED_HOST off: nginx sends the Host header on.",
        )


def proxies_missing(facts: Facts) -> Iterator[Fault]:
    """Behind a proxy, that proxy is in TRUSTED_PROXIES, or shows PROXY_SECRET."""
    settings = conf.load(PipelineSettings)
    if facts.settings.SECURE_PROXY_SSL_HEADER and not settings.trusted_proxies and not settings.proxy_secret:
        yield error(
            "SECURE_PROXY_SSL_HEADER says that there is a proxy, and TRUSTED_PROXIES is empty.",
            "Every client has the proxy's address: they share one limit, and one guesser locks all of them out.",
            'Write the addresses of the proxies: "TRUSTED_PROXIES": ["10.0.0.11/32"], or ["unix"] for a unix socket.',
        )


def proxies_wide(facts: Facts) -> Iterator[Fault]:
    """TRUSTED_PROXIES trusts proxies, not networks of clients."""
    for text in conf.load(PipelineSettings).trusted_proxies:
        if text == UNIX:
            continue
        network = ipaddress.ip_network(text)
        if network.prefixlen < WIDEST[network.version]:
            yield error(
                f"TRUSTED_PROXIES trusts {text}.",
                "Whoever calls from there chooses its own address, and with it escapes limits, lockouts and bans.",
                'Write the addresses of the proxies themselves: "TRUSTED_PROXIES": ["10.0.0.11/32"].',
            )


def scheme_of_the_client(facts: Facts) -> Iterator[Fault]:
    """Behind a proxy, it is known whether a client came over TLS."""
    settings = conf.load(PipelineSettings)
    if (settings.trusted_proxies or settings.proxy_secret) and not facts.settings.SECURE_PROXY_SSL_HEADER:
        yield warning(
            "TRUSTED_PROXIES or PROXY_SECRET is set, and SECURE_PROXY_SSL_HEADER is not.",
            "Django takes every request for plain HTTP: no Strict-Transport-Security, and CSRF trusts http origins.",
            'Write SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https"), and have the proxy set that header '
            "itself.",
        )


def proxy_secret(facts: Facts) -> Iterator[Fault]:
    """Where other processes have the proxy's address too, the proxy shows a secret."""
    settings = conf.load(PipelineSettings)
    if settings.proxy_secret:
        return
    shared = [text for text in settings.trusted_proxies if text == UNIX or _shared(text)]
    if shared:
        yield note(
            f"TRUSTED_PROXIES trusts {', '.join(shared)}, and there is no PROXY_SECRET. Whatever else can connect from "
            "there poses as the proxy: it chooses its address, and escapes limits, lockouts and bans. "
            'Write "PROXY_SECRET": secret("STOCKADE_PROXY_SECRET"); `stockade proxy` has the proxy show it.'
        )


def _shared(text: str) -> bool:
    network = ipaddress.ip_network(text)
    return network.num_addresses > 1 or network.is_loopback


def atomic_requests(facts: Facts) -> Iterator[Fault]:
    """ATOMIC_REQUESTS, where it is on."""
    for name, database in facts.settings.DATABASES.items():
        if not database.get("ATOMIC_REQUESTS"):
            continue
        if database.get("ENGINE", "").endswith("sqlite3"):
            yield warning(
                f"DATABASES[{name!r}] is SQLite with ATOMIC_REQUESTS.",
                "Every request, a GET too, takes the one write lock and waits for all others.",
                "Take it out: what changes objects under a policy runs in a transaction all the same.",
            )
        else:
            yield note(
                f"DATABASES[{name!r}] has ATOMIC_REQUESTS.",
                "Every request costs two more statements. What refusals and credential views write is kept all the "
                "same.",
            )


def versions(facts: Facts) -> Iterator[Fault]:
    """Django gets security releases."""
    series = django.VERSION[:2]
    end = SUPPORTED.get(series)
    if end is None and series > max(SUPPORTED):
        yield note(f"Django {django.get_version()} is newer than this release of Stockade was tested with.")
    elif end is None or clock.now_datetime().date() > end:
        yield error(
            f"Django {django.get_version()} gets no security releases any more.",
            "What is found in it stays open.",
            f"Upgrade to one of {', '.join(f'{a}.{b}' for a, b in sorted(SUPPORTED))}.",
        )

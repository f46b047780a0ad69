"""What else of a project uses the state's Redis: caches, brokers and channel layers that its settings name."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from stockade.gate.redis.address import PORT, Address

_BROKERS = (
    "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "BROKER_URL", "RQ_REDIS_URL", "DRAMATIQ_REDIS_URL",
)  # fmt: skip


def neighbours(address: Address, settings: Any) -> Iterator[tuple[str, bool]]:
    """The settings that lead to the server of the state, and whether to the same database of it.

    Args:
        address: of STATE.
        settings: Django's.
    """
    own = _places(address.path, address.hosts)
    for what, url in _others(settings):
        parts = urlsplit(url)
        path = parts.path if "unix" in parts.scheme or parts.scheme.endswith("socket") else ""
        try:
            port = parts.port or PORT
        except ValueError:
            continue
        if own & _places(path, () if path else ((parts.hostname or "", port),)):
            number = parts.path.strip("/")
            yield what, bool(path) or (int(number) if number.isdigit() else 0) == address.db


def _places(path: str, hosts: tuple[tuple[str, int], ...]) -> set[tuple[str, int]]:
    """Every address that the hosts resolve to; a name that does not resolve is its own."""
    if path:
        return {(path, 0)}
    found: set[tuple[str, int]] = set()
    for host, port in hosts:
        if not host:
            continue
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            found.add((host, port))
        else:
            found.update((str(each[4][0]), port) for each in infos)
    return found


def _others(settings: Any) -> Iterator[tuple[str, str]]:
    for name, cache in settings.CACHES.items():
        location = cache.get("LOCATION") or ""
        for url in location if isinstance(location, list | tuple) else re.split("[,;]", str(location)):
            yield f"CACHES[{name!r}]", str(url)
    for name in _BROKERS:
        yield name, str(getattr(settings, name, "") or "")
    for name, layer in (getattr(settings, "CHANNEL_LAYERS", None) or {}).items():
        for host in (layer.get("CONFIG") or {}).get("hosts") or ():
            url = f"redis://{host[0]}:{host[1]}" if isinstance(host, tuple | list) else str(host)
            yield f"CHANNEL_LAYERS[{name!r}]", url

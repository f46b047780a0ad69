"""The state that STATE names: built once for each process, and anew when settings change."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stockade.conf import load, on_change
from stockade.core.errors import ConfigurationError
from stockade.gate import conf, life, places
from stockade.gate.protocol import Gate
from stockade.gate.redis import address

if TYPE_CHECKING:
    from stockade.gate.base import LocalGate

_SECOND = 1_000_000
_lock = threading.Lock()
_gate: Gate | None = None
_claim: tuple[int, int] = (0, -1)  # the process that serves with memory://, and the descriptor of its claim


def open_gate(
    url: str, *, project: str = "default", size: int = 0, timeout: float = 0, keep: float = 0
) -> Gate:
    """A gate by its URL, opened, so that what is wrong with the place stops the start.

    Args:
        url: ``memory://``, ``lmdb://`` (a directory of the project's own, see `places`), ``lmdb:///directory``, or
            where a Redis is (see `stockade.gate.redis.address`).
        project: names the project's directory.
        size: bytes of the map; 0 for the default.
        timeout: seconds to wait for a turn to write; 0 for the default.
        keep: seconds for which ended sessions are kept at least; 0 for the default.

    Raises:
        ConfigurationError: stockade.E020 for the URL, E022 to E029 for the place, E036 for a missing library.
    """
    try:
        conf.state(url)
    except ValueError as error:
        raise ConfigurationError("stockade.E020", "STATE is wrong.", str(error)) from None
    keeping = {"keep_session": round(keep * _SECOND)} if keep else {}
    if url.partition("://")[0] in address.SCHEMES:
        return _redis_gate(address.parse(url), timeout, keeping)
    if url == "memory://":
        from stockade.gate.memory import MemoryGate

        return MemoryGate(**keeping)
    from stockade.gate.lmdb import LmdbGate
    from stockade.gate.mapped import MAP_SIZE, TIMEOUT

    path = url.partition("://")[2]
    directory = Path(path) if path else places.default_directory(project)
    gate = LmdbGate(directory, map_size=size or MAP_SIZE, timeout=timeout or TIMEOUT, url=url, **keeping)
    gate.open()
    return gate


def _redis_gate(where: address.Address, timeout: float, keeping: dict[str, Any]) -> Gate:
    try:
        from stockade.gate.redis.gate import TIMEOUT, RedisGate
    except ImportError as error:
        raise ConfigurationError(
            "stockade.E036",
            f"STATE is in a Redis, and {error.name} is not installed.",
            'Install it: pip install "django-stockade[redis]".',
        ) from error
    # No connection yet: while the Redis is away requests are answered with 503, and the process serves when it is back.
    return RedisGate(where, timeout=timeout or TIMEOUT, **keeping)


def get_gate() -> Gate:
    """The gate of this process, as STATE says."""
    global _gate
    found = _gate
    if found is not None:
        return found
    with _lock:
        if _gate is None:
            settings = load(conf.GateSettings)
            _gate = open_gate(
                settings.state,
                project=project_name(),
                size=settings.state_size,
                timeout=settings.state_timeout,
                keep=settings.state_keep,
            )
        return _gate


def claim_serving() -> None:
    """Say that this process serves requests: with ``memory://`` it must be the only one.

    Call it where serving begins (not in management commands), in the process that serves: a claim does not pass to a
    forked child. Without effect on other states, and when called again.

    Raises:
        ConfigurationError: stockade.E027, another process serves this project with ``memory://``.
    """
    global _claim
    if get_gate().url != "memory://":
        return
    with _lock:
        pid, descriptor = _claim
        if pid == os.getpid():
            return
        if descriptor >= 0:
            os.close(descriptor)  # the parent's; the parent keeps its own
            _claim = (0, -1)
        directory = places.default_directory(project_name())
        places.make(directory)
        _claim = (os.getpid(), life.claim(directory))


def release_serving() -> None:
    """Take the claim back; for tests, and servers that stop serving and live on."""
    global _claim
    with _lock:
        if _claim[1] >= 0:
            os.close(_claim[1])
        _claim = (0, -1)


def project_name() -> str:
    """The name of this project's directory.

    Over BASE_DIR (else the folder of the settings module), ROOT_URLCONF and the default database's engine and name:
    what all processes of one deployment have in common, web, workers and commands, though their settings modules may
    differ. The database belongs to it because the state is a cache of it. A deployment whose folder changes with
    every release names its directory in STATE instead, so that old and new workers share it.
    """
    from django.conf import settings

    base = getattr(settings, "BASE_DIR", None)
    if base is None:
        module = os.environ.get("DJANGO_SETTINGS_MODULE", "")
        base = _module_folder(module) if module else Path.cwd()
    database = settings.DATABASES.get("default", {})
    return places.project_hash(
        str(Path(base).resolve()),
        str(getattr(settings, "ROOT_URLCONF", "")),
        str(database.get("ENGINE", "")),
        str(database.get("NAME", "")),
    )


def _module_folder(module: str) -> Path:
    from importlib.util import find_spec

    spec = find_spec(module)
    return Path(spec.origin).parent if spec is not None and spec.origin else Path.cwd()


@on_change
def forget_gate() -> None:
    """Close the gate of this process; the next `get_gate` builds it from the settings of then."""
    global _gate
    with _lock:
        found, _gate = _gate, None
    if found is not None:
        found.close()


if TYPE_CHECKING:

    def _is_a_gate(gate: LocalGate) -> Gate:
        return gate

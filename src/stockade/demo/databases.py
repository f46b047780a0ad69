"""From the URL after `--database` to Django's settings, and a second place in it for the twin."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from stockade.demo.config import UsageError

TWIN_SCHEMA = "stockade_demo_twin"


def sqlite(path: Path) -> dict[str, Any]:
    """SQLite as a server should run it.

    WAL lets readers go on beside the one writer; IMMEDIATE takes the write lock at BEGIN, because a transaction that
    reads first and then wants to write fails at once, whatever the time-out, when another has written in between.
    """
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }


def from_url(url: str, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings of the database for the reference API, and for its twin, which never share a table.

    Args:
        url: "" (SQLite in `folder`), ``sqlite:///absolute/path``, or ``postgres://user:password@host:port/name``;
            a Unix socket is named by ``?host=/folder``.
        folder: the demo's own.

    Raises:
        UsageError: the URL names no database that the demo can use.
    """
    if not url:
        return sqlite(folder / "demo.sqlite3"), sqlite(folder / "twin.sqlite3")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UsageError(
            f"--database {url!r} cannot be read: write postgres://user:password@host:5432/name."
        ) from None
    if parts.scheme == "sqlite":
        if parts.netloc or not parts.path.strip("/"):
            raise UsageError("--database sqlite:///absolute/path.sqlite3 needs three slashes and a path.")
        return sqlite(Path(unquote(parts.path))), sqlite(folder / "twin.sqlite3")
    if parts.scheme in {"postgres", "postgresql"}:
        ours = {**_postgres(url), "PORT": str(port or "")}
        return ours, {**ours, "OPTIONS": {**ours["OPTIONS"], "options": f"-c search_path={TWIN_SCHEMA}"}}
    raise UsageError(
        f"--database: {parts.scheme or url!r} is not known. Write sqlite:///... or postgres://..."
    )


def _postgres(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    name = unquote(parts.path.lstrip("/"))
    if not name:
        raise UsageError("--database postgres://... needs the name of a database: postgres://user@host/name.")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", unquote(parts.hostname or "")),
        "CONN_MAX_AGE": None,
        "OPTIONS": options,
    }

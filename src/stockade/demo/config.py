"""What one run of the demo is made of, kept in its folder so that every process of it reads the same."""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = "STOCKADE_DEMO_FOLDER"
_FILE = "demo.json"
ISSUER_KEY = "issuer.json"  # beside it, for the issuer alone


class UsageError(Exception):
    """What the user asked for cannot be done as written; the message says what to write instead."""


@dataclass(frozen=True, slots=True)
class Config:
    """One run: where its things are and what was made at random for it.

    Args:
        folder: holds this file, the databases, the state and the logs; mode 0700.
        base_url: where the reference API answers.
        twin_url: where the stock twin answers; "" if it does not run.
        issuer_url: where the other company's issuer answers, whatever the host of the API: a loopback address.
        database: Django's settings of the database of the reference API.
        twin_database: the same for the twin.
        state: URL of the shared state.
        limits: what `--limit` said, `{"login": "5/min"}`.
        twin_limits: rates of the twin's throttles, where they are not the guide's.
        hosts: names under which a client may ask for it (ALLOWED_HOSTS).
        workers: number of worker processes of each server.
        secret_key, twin_secret_key: random for this run.
        page_key: opens the conveniences of the page (accounts and log) to whoever reads the terminal; "" closes them.
        passwords: of the seeded users, random for this run.
        webhooks: secrets of those who send signed messages, by source, random for this run.
        partners: secrets of the issuer's clients, by name, random for this run.
    """

    folder: Path
    base_url: str
    twin_url: str
    issuer_url: str
    database: dict[str, Any] = field(repr=False)
    twin_database: dict[str, Any] = field(repr=False)
    state: str
    limits: dict[str, str]
    twin_limits: dict[str, str]
    hosts: list[str]
    workers: int
    secret_key: str = field(repr=False)
    twin_secret_key: str = field(repr=False)
    page_key: str = field(repr=False)
    passwords: dict[str, str] = field(repr=False)
    webhooks: dict[str, str] = field(repr=False)
    partners: dict[str, str] = field(repr=False)

    def write(self) -> None:
        """Keep it in its folder, readable by its owner only."""
        values = dataclasses.asdict(self)
        values["folder"] = str(self.folder)
        write_private(self.folder / _FILE, json.dumps(values))


def read() -> Config:
    """The run that the environment names.

    Raises:
        UsageError: STOCKADE_DEMO_FOLDER is not set, or names no folder of a demo that is running.
    """
    folder = os.environ.get(FOLDER, "")
    path = Path(folder) / _FILE
    if not folder or not path.is_file():
        raise UsageError(
            f"{FOLDER} must name the folder of a running demo: `stockade demo` makes one and prints where it is."
        )
    values = json.loads(path.read_text())
    values["folder"] = Path(values["folder"])
    return Config(**values)


def write_private(path: Path, text: str) -> None:
    """Put a file with mode 0600 at `path`, whole at once: who waits for it never reads half of it.

    What was there before is replaced and, were it a link, not followed.
    """
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.replace(path)

"""What the settings hold: weak, old, shared or written there, also deep inside, in fallbacks and URLs; never shown."""

from __future__ import annotations

import json
import random
import string
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from stockade import vault
from stockade.cli.deployed import secrets
from stockade.cli.deployed.facts import Facts
from stockade.cli.secrets_set import ills
from tests.vault.test_files import put

_RANDOM = random.Random(8)
YEAR = 365 * 86_400.0


def some() -> str:
    return "".join(_RANDOM.choices(string.ascii_letters + string.digits, k=50))


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any) -> Iterator[None]:
    monkeypatch.setenv("STOCKADE_SECRETS_DIR", str(tmp_path))
    monkeypatch.delenv("STOCKADE_SECRETS_ORDER", raising=False)
    vault.use()
    for name in ("SECRET_KEY", "EMAIL_HOST_PASSWORD"):
        setattr(settings, name, some())
    settings.SECRET_KEY_FALLBACKS = []
    settings.SIMPLE_JWT = {}
    yield
    vault.use()


def told() -> list[str]:
    return sorted(f"{one.name} {one.why}" for one in ills(YEAR))


def file_of_settings(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str, name: str) -> None:
    path = folder / f"{name.rpartition('.')[2]}.py"
    path.write_text(text)
    module = ModuleType(name)
    module.__file__ = str(path)
    monkeypatch.setitem(sys.modules, name, module)


def test_where_nothing_is_wrong_nothing_is_told() -> None:
    assert told() == []


def test_what_is_written_in_the_settings_is_told_however_deep_and_not_shown(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = [some() for _ in range(6)]
    settings.SECRET_KEY = values[0]
    settings.SECRET_KEY_FALLBACKS = [values[1]]
    settings.STRIPE_API_KEY = values[2]
    settings.SOCIALACCOUNT_PROVIDERS = {"github": {"APPS": [{"client_id": "x", "secret": values[3]}]}}
    settings.CACHES = {"default": {"BACKEND": "x", "LOCATION": [f"redis://:{values[4]}@cache:6379/0"]}}
    settings.API_TOKEN = values[5]  # not written there
    settings.CSRF_HEADER_NAME = "HTTP_X_CSRFTOKEN"
    settings.PASSWORD_RESET_URL = "/password/reset/confirm/"
    lines = [f'A = "{one}"' for one in values[:4]] + [f"B = 'redis://:{values[4]}@cache:6379/0'"]
    file_of_settings(monkeypatch, tmp_path, "\n".join(lines), "tests.settings_local")
    found = list(ills(YEAR))
    assert {one.name: one.where for one in found} == {
        "SECRET_KEY": "settings_local.py:1",
        "SECRET_KEY_FALLBACKS 0": "settings_local.py:2",
        "STRIPE_API_KEY": "settings_local.py:3",
        "SOCIALACCOUNT_PROVIDERS github APPS 0 secret": "settings_local.py:4",
        "CACHES default LOCATION 0": "settings_local.py:5",
    }
    assert not any(value in repr(found) for value in values)


def test_a_fallback_is_judged_as_what_it_still_opens(tmp_path: Path, settings: Any) -> None:
    key = some()
    put(tmp_path / "APP_SECRET_KEY", key)
    put(tmp_path / "APP_SECRET_KEY_FALLBACKS", f"changeme-changeme-changeme-change-it\n{some()[:20]}\n{key}")
    put(tmp_path / "MAIL_PASSWORD", key)
    settings.SECRET_KEY = vault.secret("APP_SECRET_KEY")
    settings.EMAIL_HOST_PASSWORD = vault.secret("MAIL_PASSWORD")
    vault.fallbacks("APP_SECRET_KEY")
    assert told() == [
        "APP_SECRET_KEY is the same as MAIL_PASSWORD",
        "APP_SECRET_KEY_FALLBACKS is a placeholder",
        "APP_SECRET_KEY_FALLBACKS is shorter than 32 characters",
        "APP_SECRET_KEY_FALLBACKS is the same as MAIL_PASSWORD",
        "MAIL_PASSWORD is the same as APP_SECRET_KEY, APP_SECRET_KEY_FALLBACKS",
    ]


def test_one_secret_of_the_vault_for_two_things_is_told(tmp_path: Path, settings: Any) -> None:
    put(tmp_path / "APP_SECRET_KEY", some())
    settings.SECRET_KEY = vault.secret("APP_SECRET_KEY")
    settings.SIMPLE_JWT = {"SIGNING_KEY": settings.SECRET_KEY}
    assert "SIMPLE_JWT SIGNING_KEY is the same as SECRET_KEY" in told()


def test_what_was_waived_where_it_is_read_is_not_told(tmp_path: Path) -> None:
    put(tmp_path / "PIN_OF_A_BANK", "1111")
    vault.secret("PIN_OF_A_BANK", min_length=0)
    assert told() == []


def test_a_deployment_is_told_of_them(settings: Any) -> None:
    settings.SECRET_KEY = settings.EMAIL_HOST_PASSWORD
    found = list(secrets.sound(Facts()))
    assert len(found) == 2
    assert "SECRET_KEY is the same as EMAIL_HOST_PASSWORD" in json.dumps([one.what for one in found])
    assert settings.SECRET_KEY not in repr(found)

"""A project that serves with wrapped hashes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.schemes.wrapped.old import SETTING


@pytest.fixture(autouse=True)
def hashers(project: Any) -> Any:
    project.PASSWORD_HASHERS = [*SETTING, "django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    return project

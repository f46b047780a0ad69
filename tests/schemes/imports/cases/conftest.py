"""Users with credentials of each package, and the security log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.around import Log, fresh, listening
from tests.schemes.imports.cases.packages import PACKAGES, Package

PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def project(settings: Any) -> Iterator[Any]:
    with fresh():
        yield settings


def user(name: str) -> User:
    return User.objects.create_user(name, f"{name}@example.com", PASSWORD)


@pytest.fixture(params=sorted(PACKAGES))
def package(request: pytest.FixtureRequest) -> Package:
    """The package that the project comes from."""
    return PACKAGES[request.param]


@pytest.fixture
def alice(db: None) -> User:
    return user("alice")


@pytest.fixture
def token(alice: User, package: Package) -> str:
    """Alice's credential of the package."""
    return package.make(alice)


@pytest.fixture
def tokens(db: None, package: Package) -> list[str]:
    """Of several users."""
    return [package.make(user(f"user{number}")) for number in range(5)]


@pytest.fixture
def log() -> Iterator[Log]:
    """The security log of this test."""
    with listening() as found:
        yield found

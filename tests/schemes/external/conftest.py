"""A project that takes the tokens of another issuer beside its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from stockade.schemes.external import keys, link
from tests.schemes.external.issuing import Issuer


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """An honest issuer."""
    found = Issuer()
    yield found
    found.close()


@pytest.fixture
def other() -> Iterator[Issuer]:
    """Another one."""
    found = Issuer()
    yield found
    found.close()


@pytest.fixture(autouse=True)
def site(project: Any, configure: Callable[..., None]) -> Iterator[None]:
    """Its URLs; nothing of what a fetch has begun outlives a test."""
    project.MIDDLEWARE = ["stockade.web.Middleware"]
    project.ROOT_URLCONF = "tests.schemes.external.urls"
    project.REST_FRAMEWORK = {"EXCEPTION_HANDLER": "stockade.drf.exceptions.exception_handler"}
    yield
    keys.join()


@pytest.fixture
def trust(configure: Callable[..., None], issuer: Issuer) -> Callable[..., None]:
    """Take the issuer's tokens, with further settings of its entry."""

    def trusted(*others: Issuer, **more: Any) -> None:
        found = {"corporate": issuer.settings(**more)}
        found.update({f"other{index}": one.settings(**more) for index, one in enumerate(others, 1)})
        configure(
            SCHEMES=["jwt", "external"],
            ISSUERS=found,
            LIMITS={"anon": None, "user": None, "failed_auth": None},
        )

    return trusted


@pytest.fixture
def alice(transactional_db: None) -> Any:
    """A user. What fetches keys asks SQL on a connection of its own, so nothing here is within a test's transaction."""
    return get_user_model().objects.create_user("alice", "alice@example.com", "correct horse battery staple")


@pytest.fixture
def linked(trust: Callable[..., None], alice: Any) -> Any:
    """alice, to whom the issuer's `alice-at-issuer` is linked."""
    trust()
    link(alice, "corporate", "alice-at-issuer")
    return alice

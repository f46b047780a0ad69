"""A project with one view of each kind, and its document."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.validation import validate_schema

from tests.pipeline.conftest import *  # noqa: F403 - the same project, users and tokens

Document = dict[str, Any]
Operation = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def schema_views(project: Any) -> None:
    project.ROOT_URLCONF = "tests.drf.schema.views"


@pytest.fixture
def document() -> Iterator[Callable[..., Document]]:
    """Make the document, valid and without a warning."""

    def make(version: str = "3.1.0", warned: str = "", **patches: Any) -> Document:
        spectacular_settings.apply_patches({"OAS_VERSION": version, **patches})
        found: Document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
        validate_schema(found)  # type: ignore[no-untyped-call]
        said = [*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache]
        assert bool(said) == bool(warned), said
        assert all(warned in one for one in said), said
        return found

    yield make
    spectacular_settings.clear_patches()


@pytest.fixture
def operation(document: Callable[..., Document]) -> Operation:
    """One operation of it."""

    def find(method: str, path: str, **options: Any) -> dict[str, Any]:
        found: dict[str, Any] = document(**options)["paths"][path][method.lower()]
        return found

    return find

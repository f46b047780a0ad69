"""A project with one view of each kind, and its document."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from drf_spectacular import validation
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.settings import spectacular_settings
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from referencing import Registry, Resource

from tests.pipeline.conftest import *  # noqa: F403 - the same project, users and tokens

Document = dict[str, Any]
Operation = Callable[..., dict[str, Any]]


@cache
def rules(version: str) -> Validator:
    """What drf-spectacular's `validate_schema` holds a document against, read once.

    Its anchors are known beforehand: jsonschema would search the whole of it for them at each reference.
    """
    name = "openapi_{}_{}_schema.json".format(*version.split("."))
    schema = json.loads(Path(validation.__file__).with_name(name).read_text())
    kind = validator_for(schema)
    kind.check_schema(schema)
    resource = Resource.from_contents(schema)
    registry: Any = Registry().with_resource(resource.id() or "", resource).crawl()
    return kind(schema, registry=registry)


@pytest.fixture(autouse=True)
def schema_views(project: Any) -> None:
    project.ROOT_URLCONF = "tests.drf.schema.views"


@pytest.fixture
def document() -> Iterator[Callable[..., Document]]:
    """Make the document, valid and without a warning."""

    def make(version: str = "3.1.0", warned: str = "", **patches: Any) -> Document:
        spectacular_settings.apply_patches({"OAS_VERSION": version, **patches})
        found: Document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
        rules(version).validate(json.loads(OpenApiJsonRenderer().render(found)))
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

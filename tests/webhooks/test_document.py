"""What the OpenAPI document says of a view that takes signed messages."""

from __future__ import annotations

from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator


@pytest.mark.parametrize("path", ["/raw/{source}/", "/both/"])
def test_the_document_tells_how_a_message_is_refused_and_asks_for_no_credential(path: str) -> None:
    document: Any = SchemaGenerator().get_schema(request=None, public=True)
    operation = document["paths"][path]["post"]
    assert {"401", "409", "413", "429", "503"} <= operation["responses"].keys()
    assert "not signed" in operation["responses"]["401"]["description"]
    assert operation.get("security", []) in ([], [{}])

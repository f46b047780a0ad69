"""The summary says of a run what the run has found, and does not stand without one of its rows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench import summary
from scripts.include import ROOT


@pytest.fixture
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "bench" / "results.json").read_text())
    return found


def test_it_is_of_the_run_that_the_other_pages_show(document: dict[str, Any]) -> None:
    assert (ROOT / "bench" / "summary.md").read_text() == summary.markdown(document)


def test_it_shows_the_worst_of_a_race_and_the_figures_of_a_row(document: dict[str, Any]) -> None:
    for race in (*document["limits"], *document["refreshes"]):
        for key in ("admitted", "distinct"):
            if key in race and "stockade" in race["name"]:
                race[key] = [1, 77, 2]
    for row in document["rows"]:
        row["ratio"], row["sql"], row["trips"] = 12.5, 6, 7
    text = summary.markdown(document)
    assert text.count("| **12.50** | 6 | 7 |") == len(summary.PAIRS)
    assert "Stockade 77." in text


@pytest.mark.parametrize("kind", ["rows", "limits", "refreshes"])
def test_a_run_without_one_of_them_has_none(document: dict[str, Any], kind: str) -> None:
    document[kind] = [one for one in document[kind] if "stockade" not in one["name"]]
    with pytest.raises(LookupError):
        summary.markdown(document)

"""The catalogue is closed, complete and documented."""

from __future__ import annotations

from pathlib import Path

import pytest

from stockade.events import Event, Kind
from stockade.events.ecs import _MEANING, document, sentence
from stockade.events.record import Naming, build
from stockade.models import SecurityEvent

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "events.md"
# https://www.elastic.co/docs/reference/ecs: the values that these fields allow.
CATEGORIES = {"api", "authentication", "configuration", "database", "driver", "email", "file", "host", "iam",
              "intrusion_detection", "library", "malware", "network", "package", "process", "registry", "session",
              "threat", "vulnerability", "web"}  # fmt: skip
TYPES = {"access", "admin", "allowed", "change", "connection", "creation", "deletion", "denied", "device", "end",
         "error", "group", "indicator", "info", "installation", "protocol", "start", "user"}  # fmt: skip


def test_tags_are_unique_and_fit_the_column():
    tags = [event.tag for event in Event]
    assert len(set(tags)) == len(tags)
    assert max(map(len, tags)) <= (SecurityEvent._meta.get_field("event").max_length or 0)


@pytest.mark.parametrize("event", list(Event), ids=lambda event: event.name)
def test_every_event_has_a_meaning_in_ecs(event):
    category, kind, message = _MEANING[event]
    assert set(category) <= CATEGORIES
    assert set(kind) <= TYPES
    assert message == sentence(event)
    found = document(build(event, Naming("known", b"")))
    assert found["event.action"] == event.tag
    assert found["event.outcome"] in {"success", "failure", "unknown"}
    assert found["event.kind"] in {"event", "alert"}


@pytest.mark.parametrize("event", list(Event), ids=lambda event: event.name)
def test_every_event_is_documented(event):
    line = next(
        (line for line in REFERENCE.read_text().splitlines() if line.startswith(f"| `{event.tag}`")), None
    )
    assert line is not None, f"{event.tag} is missing in {REFERENCE.name}"
    assert f"`{event.name}`" in line
    assert event.level.value in line
    assert f"| {event.kind.value} |" in line


def test_nothing_else_is_documented():
    tags = {event.tag for event in Event}
    lines = [line.split("`")[1] for line in REFERENCE.read_text().splitlines() if line.startswith("| `authn")]
    assert set(lines) <= tags


def test_successes_are_the_only_events_by_setting():
    assert [event for event in Event if event.kind is Kind.SUCCESS] == [Event.AUTHN_SUCCESS]

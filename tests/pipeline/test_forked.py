"""uWSGI as most start it: its workers would be copies of the parent, with its connections and none of its threads."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from django.core.exceptions import ImproperlyConfigured

from stockade.pipeline import start


def under_uwsgi(monkeypatch: pytest.MonkeyPatch, worker: int, **options: object) -> None:
    server = ModuleType("uwsgi")
    server.opt = {name.replace("_", "-").encode(): value for name, value in options.items()}  # type: ignore[attr-defined]
    server.worker_id = lambda: worker  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "uwsgi", server)


@pytest.mark.parametrize(
    ("worker", "options", "stops"),
    [
        (0, {"master": True, "processes": b"4"}, True),
        (0, {"processes": b"4"}, True),
        (0, {"master": True, "py_call_uwsgi_fork_hooks": b"false"}, True),
        (0, {"master": True, "py_call_uwsgi_fork_hooks": True}, False),
        (0, {"master": True, "py_call_osafterfork": True}, False),
        (3, {"master": True, "lazy_apps": True}, False),
        (0, {"http_socket": b":8000"}, False),
    ],
    ids=range(7),
)
@pytest.mark.django_db
def test_workers_that_would_never_learn_of_a_new_key_do_not_start(
    monkeypatch: pytest.MonkeyPatch, worker: int, options: dict[str, object], stops: bool
) -> None:
    under_uwsgi(monkeypatch, worker, **options)
    assert ("stockade.E220" in {found.id for found in start.findings()}) is stops
    if stops:
        monkeypatch.setattr(start.registries, "peek", lambda: None)
        with pytest.raises(ImproperlyConfigured, match=r"E220.*py-call-uwsgi-fork-hooks"):
            start.refuse_to_start()

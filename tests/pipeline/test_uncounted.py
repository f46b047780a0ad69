"""What a proxy is told of the paths that `anon` leaves alone is what Django's resolver and our plans make of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.http import HttpRequest, HttpResponse
from django.urls import include, path, re_path, resolve

from stockade.pipeline import registry as registries
from stockade.pipeline.uncounted import paths
from stockade.policy import Public
from stockade.web import protect
from stockade.web.health import healthz


@protect(policy=Public())
def counted(request: HttpRequest, **found: Any) -> HttpResponse:
    return HttpResponse()


@protect(policy=Public(), limited=False)
def free(request: HttpRequest, **found: Any) -> HttpResponse:
    return HttpResponse()


inner = [
    path("<int:year>/free/", free),
    path("<int:year>/counted/", counted),
    re_path(r"^(?P<word>[a-z]+)/free$", free),
]
guarded = ([path("page/<slug:name>", counted, name="page"), path("", counted)], "guarded")
urlpatterns = [
    path("", counted),
    path("free/", free),
    path("counted/", counted),
    path("deep/", include(inner)),
    re_path(r"^old/(?P<year>[0-9]{4})/", include(inner)),
    path("exempt/", include(guarded, namespace="exempt")),
    path("kept/", include(guarded, namespace="kept")),
    path("reported/", counted, name="reported"),
    path("files/<path:name>", free),
    path("healthz", healthz),
    *i18n_patterns(path("page/", free)),
]
ASKED = [
    "", "free/", "free", "free/x", "counted/", "deep/7/free/", "deep/x/free/", "deep/7/counted/", "deep/word/free",
    "old/1999/7/free/", "old/99/7/free/", "old/1999/word/free", "exempt/page/a-b", "exempt/", "kept/page/a-b", "kept/",
    "reported/", "files/a/b/c.txt", "files/", "healthz", "healthz/", "en/page/", "xen/free/", "nothing/", "a.free/",
]  # fmt: skip


@pytest.fixture(autouse=True)
def project(configure: Callable[..., None], settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
    configure(EXEMPT=["exempt"], MODE={"views": {"reported": {"limits": "report"}}})


def limited(asked: str) -> bool:
    """Whether `anon` counts a GET of that path and may refuse it, as the engine has it."""
    from django.urls import Resolver404

    registry = registries.current()
    assert registry is not None
    try:
        match = resolve("/" + asked)
    except Resolver404:
        return True
    if registry.exempt(match):
        return False
    leaf = registry.declared(match.func, match).leaf("GET")
    assert leaf is not None
    return bool(registry.engine.plans.anonymous(leaf, "192.0.2.1").charges) and leaf.mode.limits


@pytest.mark.parametrize("asked", ASKED)
def test_a_path_is_told_of_if_and_only_if_the_limit_leaves_it_alone(asked: str) -> None:
    registry = registries.current()
    assert registry is not None
    found = paths(registry).unlimited
    assert found is not None
    # As nginx has them: from the slash on, anchored by us at the beginning.
    matched = any(re.search(f"^/{regex}", "/" + asked) for regex in found)
    assert matched is not limited(asked)


def test_probes_are_told_apart() -> None:
    registry = registries.current()
    assert registry is not None
    assert paths(registry).probes == ("healthz$",)


def test_no_group_of_a_pattern_becomes_a_variable_of_the_proxy() -> None:
    registry = registries.current()
    assert registry is not None
    assert [regex for regex in paths(registry).unlimited or () if "?P<" in regex] == []

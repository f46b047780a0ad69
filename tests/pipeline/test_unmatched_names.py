"""A name in EXEMPT or MODE that is of no view is told: a typo there leaves a view refused, or enforced nowhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import clear_url_caches, include, path

from stockade.pipeline import start
from stockade.policy import Authenticated, Policy, Role, Scheme
from stockade.web import protect
from tests.pipeline import urls, views

Configure = Callable[..., None]

shop = (
    [path("orders/", views.public, name="order-list"), path("bare/", views.three)],
    "shop_app",
)

urlpatterns = [path("things/", views.public, name="thing-list")]  # a URL conf for the public tenant


@pytest.fixture(autouse=True)
def routed(monkeypatch: pytest.MonkeyPatch, project: Any) -> Any:
    """URLs with a namespace, an app name and a route without a name."""
    monkeypatch.setattr(urls, "urlpatterns", [*urls.urlpatterns, path("shop/", include(shop, "shop"))])
    clear_url_caches()
    yield
    monkeypatch.undo()
    clear_url_caches()


def told() -> list[tuple[str, str]]:
    """(message, hint) of each name that is of nothing."""
    return [(found.message, found.hint) for found in start.findings() if found.id == "stockade.W013"]


@pytest.mark.parametrize(
    "name", ["shop", "shop_app", "shop:order-list", "shop:tests.pipeline.views.three", "private"]
)
def test_whatever_has_an_effect_is_not_told(name: str, configure: Configure) -> None:
    configure(EXEMPT=["admin", name], MODE={"views": {name: "report"}})
    assert told() == []


def test_a_preset_is_no_typo_where_its_package_is_not_installed(configure: Configure) -> None:
    configure(EXEMPT=["admin", "allauth", "spectacular"])
    assert told() == []


def test_a_renamed_view_in_exempt_is_told_with_the_nearest_name(configure: Configure) -> None:
    configure(EXEMPT=["shop:orders-list"])
    ((message, hint),) = told()
    assert 'STOCKADE["EXEMPT"] names "shop:orders-list"' in message
    assert '"shop:order-list"' in hint


def test_a_view_that_a_typo_leaves_in_report_is_told(configure: Configure) -> None:
    """MODE = {"policies": "report", "views": {"shp": "enforce"}}: who wrote it believes that the shop is protected."""
    configure(MODE={"policies": "report", "views": {"shp": "enforce"}})
    ((message, hint),) = told()
    assert 'STOCKADE["MODE"]["views"] names "shp"' in message
    assert '"shop"' in hint


def test_a_name_without_its_namespace_is_told_with_it(configure: Configure) -> None:
    configure(EXEMPT=["order-list"])
    assert '"shop:order-list"' in told()[0][1]


def test_a_preset_in_mode_is_told_apart(configure: Configure) -> None:
    configure(MODE={"views": {"spectacular": "report"}})
    assert "preset" in told()[0][1]


def test_a_dotted_class_is_told_with_the_name_of_its_route(configure: Configure) -> None:
    configure(EXEMPT=["tests.pipeline.views.Articles"])
    assert '"article-list"' in told()[0][1]


def test_a_name_that_is_near_to_nothing_is_told_how_names_look(configure: Configure) -> None:
    configure(EXEMPT=["zzz-qqq"])
    assert '"namespace:url-name"' in told()[0][1]


def test_names_of_the_public_tenants_urls_count(project: Any, configure: Configure) -> None:
    configure(EXEMPT=["thing-list"])
    assert len(told()) == 1
    project.PUBLIC_SCHEMA_URLCONF = __name__
    assert told() == []


def test_it_stops_no_start_and_every_name_is_told(configure: Configure) -> None:
    configure(EXEMPT=["shopp", "privat"], MODE={"views": {"shopp": "report"}})
    assert len(told()) == 3
    assert not any(found.stops for found in start.findings() if found.id == "stockade.W013")


def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


# -- schemes in policies ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule", [Scheme("jtw"), Authenticated() & ~Scheme("jwt", "jtw"), Role("Editors") | Scheme("jtw")]
)
def test_a_scheme_that_there_is_not_stops_the_start(rule: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~Scheme("jtw")` would let everybody in."""
    view = protect(policy=rule)(plain)
    monkeypatch.setattr(urls, "urlpatterns", [path("odd/", view)])
    clear_url_caches()
    (found,) = [found for found in start.findings() if found.id == "stockade.E218"]
    assert found.stops
    assert "'jtw'" in found.message
    assert "jwt" in found.hint


def test_schemes_that_there_are_stop_nothing(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(SCHEMES=["jwt", "rest_framework.authentication.SessionAuthentication"])
    view = protect(policy=Scheme("jwt") | Scheme("SessionAuthentication"))(plain)
    monkeypatch.setattr(urls, "urlpatterns", [path("odd/", view)])
    clear_url_caches()
    assert [found for found in start.findings() if found.id == "stockade.E218"] == []


def test_the_hint_for_the_login_names_every_backend_and_what_login_needs(project: Any) -> None:
    own = "django.contrib.auth.backends.ModelBackend"
    project.AUTHENTICATION_BACKENDS = [own]
    (found,) = [found for found in start.findings() if found.id == "stockade.W012"]
    assert f'AUTHENTICATION_BACKENDS = ["stockade.schemes.backend.LoginLimits", "{own}"]' in found.hint
    assert f'backend="{own}"' in found.hint

"""Routes of the cases."""

from __future__ import annotations

from django.urls import include, path

from stockade.web.health import healthz
from tests.drf.foreign.cases import cross_site, views

urlpatterns = [
    path("who/", views.Who.as_view()),
    path("who/<int:pk>/", views.Who.as_view()),
    path("forms/", views.Forms.as_view()),
    path("anyone/", views.Anyone.as_view()),
    path("editors/", views.Editors.as_view()),
    path("readers/", views.Readers.as_view()),
    path("writers/", views.Writers.as_view()),
    path("scoped/", views.Scoped.as_view()),
    path("token-scoped/", views.TokenScoped.as_view()),
    path("knox/logout/", views.KnoxLogout.as_view()),
    path("old-login/", views.OldLogin.as_view()),
    path("old-tokens/", views.OldTokens.as_view()),
    path("old-cookie/", cross_site.OldCookie.as_view()),
    path("plain/", views.plain),
    path("later/", views.later),
    path("mine/", views.mine),
    path("healthz", healthz),
    path("exempt/", include(([path("", views.exempt, name="view")], "exempt"))),
    path("api/", include("stockade.drf.urls")),
]

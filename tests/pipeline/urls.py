"""URLs of the pipeline's test views."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from rest_framework.routers import SimpleRouter

from stockade.web.health import healthz, readyz
from tests.pipeline import views

router = SimpleRouter()
router.register("articles", views.Articles, basename="article")
router.register("half", views.HalfDeclared, basename="half")

urlpatterns = [
    path("", include(router.urls)),
    path("undeclared/function/", views.undeclared_function),
    path("undeclared/async/", views.undeclared_async),
    path("undeclared/class/", views.UndeclaredView.as_view()),
    path("undeclared/apiview/", views.UndeclaredAPIView.as_view()),
    path("undeclared/api_view/", views.undeclared_api_view),
    path("public/", views.public),
    path("private/", views.private, name="private"),
    path("private_async/", views.private_async),
    path("named_async/", views.named_async),
    path("private_api_view/", views.private_api_view),
    path("me/", views.Me.as_view()),
    path("renewal/", views.Renewal.as_view()),
    path("editors/", views.EditorsOnly.as_view()),
    path("scope/", views.NeedsScope.as_view()),
    path("three/", views.three),
    path("dear/", views.dear),
    path("scoped/", views.Scoped.as_view()),
    path("change/<uuid:pk>/", views.change_article),
    path("titles/", views.titles),
    path("broken/", views.broken),
    path("lookup/plain/", views.plain_lookup),
    path("lookup/drf/", views.drf_lookup),
    path("gone/plain/", views.gone_plain),
    path("gone/async/", views.gone_async),
    path("gone/drf/", views.GoneView.as_view()),
    path("gone/rule/", views.gone_rule),
    path("gone/other/", views.gone_other),
    path("healthz", healthz),
    path("readyz", readyz),
    path("admin/", admin.site.urls),
    path("api/", include("stockade.drf.urls")),
]

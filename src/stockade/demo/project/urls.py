"""The URLs of the reference API."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from rest_framework.routers import SimpleRouter

from stockade.demo.project.documents import Schema, documentation
from stockade.demo.project.messages import inbound
from stockade.demo.project.pages import accounts, events, home, static
from stockade.demo.project.views import ArticleViewSet, Export, Profile
from stockade.drf.urls import well_known
from stockade.web.health import healthz, readyz

router = SimpleRouter(use_regex_path=False)
router.register("articles", ArticleViewSet)

urlpatterns = [
    path("", home, name="home"),
    path("demo/accounts/", accounts, name="demo-accounts"),
    path("demo/events/", events, name="demo-events"),
    path("static/<path:name>", static, name="static"),
    path("api/", include("stockade.drf.urls")),
    path("", include(well_known)),
    path("api/profile/", Profile.as_view(), name="profile"),
    path("api/profile/export/", Export.as_view(), name="export"),
    path("api/", include(router.urls)),
    path("api/webhooks/inbound/<slug:source>/", inbound, name="webhooks-inbound"),
    path("api/schema/", Schema.as_view(), name="schema"),
    path("api/docs/", documentation, name="docs"),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("admin/", admin.site.urls),
]

"""The URLs of the test project."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from stockade.web.health import healthz, readyz
from tests.faults.project import changes, views

urlpatterns = [
    path("open/", views.open_door),
    path("role/", views.role_door),
    path("async/open/", views.async_open_door),
    path("async/role/", views.async_role_door),
    path("change/", changes.change),
    path("api/", include("stockade.drf.urls")),
    path("healthz", healthz),
    path("readyz", readyz),
    path("admin/", admin.site.urls),
]

"""The credential views where a project would put them."""

from __future__ import annotations

from django.urls import include, path

from stockade.drf import urls

urlpatterns = [
    path("api/", include("stockade.drf.urls")),
    path("", include(urls.well_known)),
]

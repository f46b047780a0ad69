"""A project that has given the browser views no names."""

from __future__ import annotations

from django.urls import path

from stockade.drf.views import BrowserObtainView

urlpatterns = [path("login", BrowserObtainView.as_view())]

"""URLs to include beside those of `stockade.drf.urls`."""

from __future__ import annotations

from django.urls import path

from stockade.contrib.allauth.views import TokenFromSessionView

urlpatterns = [path("token/allauth/", TokenFromSessionView.as_view(), name="token_allauth")]

"""The URLs of the test project; tests that need others override ROOT_URLCONF."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path

urlpatterns = [path("admin/", admin.site.urls)]

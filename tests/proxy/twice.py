"""A path whose regular expression refers to itself, and that no limit counts."""

from __future__ import annotations

from django.urls import re_path

from tests.proxy.counted import told

urlpatterns = [re_path(r"^(?P<one>[a-z]+)/(?P=one)/$", told)]

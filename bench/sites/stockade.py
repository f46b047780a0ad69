"""Stockade, everything on: a policy and the view's own limit; refreshing by Stockade's view."""

from __future__ import annotations

from django.urls import path

from bench.sites.view import Article, Profile
from stockade.drf.views import TokenRefreshView
from stockade.policy import Authenticated


class GuardedArticle(Article):
    """The same view with a policy and a limit of its own."""

    policy = Authenticated()
    limits = "600/min"


class GuardedProfile(Profile):
    """The same for the caller's own data."""

    policy = Authenticated()
    limits = "600/min"


urlpatterns = [
    path("api/profile/", GuardedProfile.as_view()),
    path("api/article/", GuardedArticle.as_view()),
    path("api/token/refresh/", TokenRefreshView.as_view()),
]

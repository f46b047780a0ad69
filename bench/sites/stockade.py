"""Stockade, everything on: a policy and the view's own limit; refreshing by Stockade's view."""

from __future__ import annotations

from django.urls import path

from bench.sites.view import Article
from stockade.drf.views import RefreshView
from stockade.policy import Authenticated


class GuardedArticle(Article):
    """The same view with a policy and a limit of its own."""

    policy = Authenticated()
    limits = "600/min"


urlpatterns = [
    path("api/article/", GuardedArticle.as_view()),
    path("api/token/refresh/", RefreshView.as_view()),
]

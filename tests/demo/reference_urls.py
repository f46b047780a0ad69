"""The reference API without its page, which wants a running demo."""

from __future__ import annotations

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView
from rest_framework.routers import SimpleRouter

from stockade.demo.project.views import ArticleViewSet, Profile
from stockade.drf.urls import well_known
from stockade.policy import Public
from stockade.web.health import healthz, readyz


class Schema(SpectacularAPIView):
    policy = Public()


router = SimpleRouter(use_regex_path=False)
router.register("articles", ArticleViewSet)
urlpatterns = [
    path("api/", include("stockade.drf.urls")),
    path("", include(well_known)),
    path("api/profile/", Profile.as_view()),
    path("api/", include(router.urls)),
    path("api/schema/", Schema.as_view()),
    path("healthz", healthz),
    path("readyz", readyz),
]

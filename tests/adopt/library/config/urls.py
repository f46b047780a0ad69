"""Where everything is."""

from django.contrib import admin
from django.urls import include, path
from rest_framework.authtoken.views import obtain_auth_token
from rest_framework.routers import DefaultRouter

from catalogue.views import BookViewSet, ReviewViewSet, home
from documents.views import CollectionViewSet, DocumentViewSet
from lending.views import LoanViewSet
from members.views import CircleViewSet, MemberViewSet

router = DefaultRouter()
router.register("books", BookViewSet)
router.register("reviews", ReviewViewSet)
router.register("loans", LoanViewSet, basename="loan")
router.register("documents", DocumentViewSet)
router.register("collections", CollectionViewSet)
router.register("members", MemberViewSet, basename="member")
router.register("circles", CircleViewSet)

urlpatterns = [
    path("", home, name="home"),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("_allauth/", include("allauth.headless.urls")),
    path("api-auth/", include("rest_framework.urls")),
    path("api/token/", obtain_auth_token, name="token"),
    path("api/", include(router.urls)),
    path("api/", include("catalogue.urls")),
    path("api/", include("lending.urls")),
    path("api/", include("documents.urls")),
    path("api/", include("members.urls")),
    path("desk/", include("lending.pages")),
    path("desk/", include("documents.pages")),
    path("desk/", include("members.pages")),
]

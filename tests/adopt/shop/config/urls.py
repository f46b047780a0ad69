from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.routers import DefaultRouter

from accounts.views import AddressViewSet, CustomerViewSet
from catalog.views import CategoryViewSet, ProductViewSet, ReviewViewSet
from config.views import health
from orders.views import CouponViewSet, OrderViewSet, ReturnViewSet

router = DefaultRouter()
router.register("customers", CustomerViewSet, basename="customer")
router.register("addresses", AddressViewSet)
router.register("categories", CategoryViewSet)
router.register("products", ProductViewSet)
router.register("reviews", ReviewViewSet)
router.register("orders", OrderViewSet, basename="order")
router.register("returns", ReturnViewSet)
router.register("coupons", CouponViewSet)

urlpatterns = [
    path("admin/", admin.site.urls),
    path("healthz/", health, name="health"),
    path("account/", include("accounts.urls_site")),
    path("payments/", include("payments.urls")),
    path("api/auth/", include("accounts.urls")),
    path("api/", include("catalog.urls")),
    path("api/", include("orders.urls")),
    path("api/", include(router.urls)),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
]

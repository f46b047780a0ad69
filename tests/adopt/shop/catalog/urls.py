from django.urls import path

from catalog import views

urlpatterns = [
    path("products/suggest/", views.suggest, name="suggest"),
    path("availability/<slug:sku>/", views.AvailabilityView.as_view(), name="availability"),
    path("warehouse/stock/<slug:sku>/", views.update_stock, name="update-stock"),
]

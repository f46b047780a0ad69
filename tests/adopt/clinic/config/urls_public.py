"""What the bare domain serves: the operators' admin, where clinics are set up."""

from django.contrib import admin
from django.urls import path

from tenancy.views import healthz

urlpatterns = [
    path("admin/", admin.site.urls),
    path("healthz", healthz, name="healthz"),
]

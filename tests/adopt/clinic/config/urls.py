"""What a clinic's own subdomain serves."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path

from tenancy.views import clinic_info, healthz

urlpatterns = [
    path("admin/", admin.site.urls),
    path("healthz", healthz, name="healthz"),
    path("login/", LoginView.as_view(template_name="login.html"), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
    path("api/clinic/", clinic_info, name="clinic-info"),
    path("api/", include("accounts.urls")),
    path("api/", include("patients.urls")),
    path("api/", include("appointments.urls")),
    path("api/", include("records.urls")),
    path("api/reports/", include("reports.urls")),
    path("reception/", include("appointments.reception.urls")),
]

from django.contrib import admin
from django.db import connection
from django_tenants.admin import TenantAdminMixin
from django_tenants.utils import get_public_schema_name

from tenancy.models import Clinic, Domain


class PublicOnlyMixin:
    """The clinics are our operators' business, and not in the admin of a clinic."""

    def has_module_permission(self, request):
        return self._in_public() and super().has_module_permission(request)

    def has_view_permission(self, request, obj=None):
        return self._in_public() and super().has_view_permission(request, obj)

    def has_add_permission(self, request):
        return self._in_public() and super().has_add_permission(request)

    def has_change_permission(self, request, obj=None):
        return self._in_public() and super().has_change_permission(request, obj)

    def has_delete_permission(self, request, obj=None):
        return False

    def _in_public(self):
        return connection.schema_name == get_public_schema_name()


@admin.register(Clinic)
class ClinicAdmin(PublicOnlyMixin, TenantAdminMixin, admin.ModelAdmin):
    list_display = ["name", "schema_name", "opened_on"]


@admin.register(Domain)
class DomainAdmin(PublicOnlyMixin, admin.ModelAdmin):
    list_display = ["domain", "tenant", "is_primary"]

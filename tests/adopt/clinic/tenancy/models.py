from django.conf import settings
from django.db import models
from django_tenants.models import DomainMixin, TenantMixin


class Clinic(TenantMixin):
    """A customer. Its data live in a schema of its own."""

    name = models.CharField(max_length=100)
    phone = models.CharField(max_length=30, blank=True)
    opened_on = models.DateField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name

    @classmethod
    def open(cls, schema, name, **fields):
        """Create a clinic, its schema, and its subdomain."""
        clinic = cls(schema_name=schema, name=name, **fields)
        clinic.save(verbosity=0)
        Domain.objects.create(tenant=clinic, domain=f"{schema}.{settings.CLINIC_DOMAIN}", is_primary=True)
        return clinic


class Domain(DomainMixin):
    pass

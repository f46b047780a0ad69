"""The test runner: it migrates two clinics once, and all tests work in them."""

from django.test.runner import DiscoverRunner

from tenancy.models import Clinic
from tenancy.testing import CLINICS


class ClinicsRunner(DiscoverRunner):
    def setup_databases(self, **kwargs):
        config = super().setup_databases(**kwargs)
        for schema in CLINICS:
            if not Clinic.objects.filter(schema_name=schema).exists():  # with --keepdb they are there
                Clinic.open(schema, f"{schema.title()} Clinic")
        return config

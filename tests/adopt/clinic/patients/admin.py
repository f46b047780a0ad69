from django.contrib import admin

from patients.models import Allergy, Patient


class AllergyInline(admin.TabularInline):
    model = Allergy
    extra = 0


@admin.register(Patient)
class PatientAdmin(admin.ModelAdmin):
    list_display = ["mrn", "last_name", "first_name", "born_on"]
    search_fields = ["mrn", "last_name"]
    inlines = [AllergyInline]

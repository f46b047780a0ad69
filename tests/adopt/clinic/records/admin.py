from django.contrib import admin

from records.models import LabResult, Medication, Prescription


@admin.register(Medication)
class MedicationAdmin(admin.ModelAdmin):
    list_display = ["name", "dose"]
    search_fields = ["name"]


@admin.register(LabResult)
class LabResultAdmin(admin.ModelAdmin):
    list_display = ["taken_at", "patient", "test", "value", "acknowledged_at"]


@admin.register(Prescription)
class PrescriptionAdmin(admin.ModelAdmin):
    list_display = ["written_at", "patient", "medication", "prescriber"]

from django.contrib import admin

from appointments.models import Appointment, Referral


@admin.register(Appointment)
class AppointmentAdmin(admin.ModelAdmin):
    list_display = ["starts_at", "patient", "practitioner", "status"]
    list_filter = ["status"]


@admin.register(Referral)
class ReferralAdmin(admin.ModelAdmin):
    list_display = ["sent_at", "patient", "sender", "recipient"]

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin

from accounts.models import User


@admin.register(User)
class StaffAdmin(UserAdmin):
    list_display = ["username", "email", "role", "is_staff"]
    fieldsets = [*UserAdmin.fieldsets, ("Clinic", {"fields": ["role", "phone"]})]

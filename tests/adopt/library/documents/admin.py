from django.contrib import admin
from guardian.admin import GuardedModelAdmin

from documents.models import Collection, Document


@admin.register(Document)
class DocumentAdmin(GuardedModelAdmin):
    list_display = ["title", "owner", "added"]


@admin.register(Collection)
class CollectionAdmin(GuardedModelAdmin):
    list_display = ["name", "owner"]

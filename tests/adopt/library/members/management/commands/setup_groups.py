from django.contrib.auth.models import Group, Permission
from django.core.management.base import BaseCommand

from members.permissions import LIBRARIANS


class Command(BaseCommand):
    help = "Create the group of the librarians, or bring its permissions up to date."

    def handle(self, *args, **options):
        group, _ = Group.objects.get_or_create(name=LIBRARIANS)
        permissions = Permission.objects.filter(content_type__app_label__in=["catalogue", "lending"])
        group.permissions.set([*permissions, Permission.objects.get(codename="view_user")])

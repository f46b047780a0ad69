from rest_framework.permissions import BasePermission

LIBRARIANS = "librarians"


class IsLibrarian(BasePermission):
    """Whoever works at the desk."""

    def has_permission(self, request, view):
        user = request.user
        return bool(user.is_authenticated and user.groups.filter(name=LIBRARIANS).exists())

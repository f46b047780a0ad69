from rest_framework.permissions import BasePermission


class IsBorrower(BasePermission):
    """Whoever has the book at home."""

    def has_object_permission(self, request, view, obj):
        return obj.borrower == request.user

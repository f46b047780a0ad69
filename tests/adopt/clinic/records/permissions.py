from rest_framework.permissions import SAFE_METHODS, BasePermission


class IsAuthor(BasePermission):
    """A note is its author's own."""

    def has_object_permission(self, request, view, obj):
        return obj.author_id == request.user.pk


class IsPhysician(BasePermission):
    message = "Only a physician prescribes."

    def has_permission(self, request, view):
        return request.user.role == request.user.Role.PHYSICIAN


class ReadOnly(BasePermission):
    def has_permission(self, request, view):
        return request.method in SAFE_METHODS


class OrderedIt(BasePermission):
    """A result is for whoever ordered the test."""

    def has_object_permission(self, request, view, obj):
        return obj.ordered_by_id == request.user.pk

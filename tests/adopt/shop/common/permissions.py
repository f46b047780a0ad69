from rest_framework.permissions import SAFE_METHODS, BasePermission


class IsOwner(BasePermission):
    """The customer an object belongs to."""

    def has_object_permission(self, request, view, obj):
        return obj.customer_id == request.user.pk


class IsAuthorOrReadOnly(BasePermission):
    """Everybody reads, the author writes."""

    def has_object_permission(self, request, view, obj):
        return request.method in SAFE_METHODS or obj.author_id == request.user.pk

from rest_framework.permissions import BasePermission, DjangoObjectPermissions


class ObjectPermissions(DjangoObjectPermissions):
    """Who may what is written at each object (guardian); every member may begin one."""

    perms_map = {
        **DjangoObjectPermissions.perms_map,
        "GET": ["%(app_label)s.view_%(model_name)s"],
        "HEAD": ["%(app_label)s.view_%(model_name)s"],
    }

    def has_permission(self, request, view):
        return bool(request.user and request.user.is_authenticated)


class IsOwner(BasePermission):
    def has_object_permission(self, request, view, obj):
        return obj.owner == request.user

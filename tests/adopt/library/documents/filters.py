from guardian.shortcuts import get_objects_for_user
from rest_framework.filters import BaseFilterBackend


class GrantedFilter(BaseFilterBackend):
    """Only what the caller may see."""

    def filter_queryset(self, request, queryset, view):
        meta = queryset.model._meta
        permission = f"{meta.app_label}.view_{meta.model_name}"
        return get_objects_for_user(request.user, permission, queryset, accept_global_perms=False)

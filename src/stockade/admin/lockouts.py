"""Lockouts to clear."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from stockade.admin.base import ReadOnly
from stockade.models import Lockout
from stockade.schemes import lockouts
from stockade.tenant import may_operate


@admin.register(Lockout)
class LockoutAdmin(ReadOnly):
    """What is locked at this moment; read from the shared state, so there are no rows to open."""

    def get_urls(self) -> list[URLPattern]:
        """The list alone."""
        page = self.admin_site.admin_view(self.changelist_view)
        return [path("", page, name="stockade_lockout_changelist")]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may clear them must see them."""
        return super().has_view_permission(request, obj) or self.has_clear_permission(request)

    def has_clear_permission(self, request: HttpRequest) -> bool:
        """Who may delete lockouts may clear them."""
        return may_operate() and request.user.has_perm("stockade.delete_lockout")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """List them; POST clears the one whose key it names."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            if not self.has_clear_permission(request):
                raise PermissionDenied
            count = lockouts.clear(str(request.POST.get("key", "")))
            level = messages.SUCCESS if count else messages.WARNING
            self.message_user(request, f"Cleared {count} lockout{'s' if count != 1 else ''}.", level)
            return HttpResponseRedirect(request.get_full_path())
        every = "all" in request.GET
        context = {
            **self.admin_site.each_context(request),
            "title": "Lockouts",
            "opts": self.opts,
            "lockouts": lockouts.find(every=every),
            "every": every,
            "may_clear": self.has_clear_permission(request),
        }
        return TemplateResponse(request, "admin/stockade/lockout/change_list.html", context)

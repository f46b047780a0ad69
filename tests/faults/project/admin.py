"""The admin of the test project: users, with bulk actions as projects write them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest

import stockade

admin.site.unregister(User)


@admin.register(User)
class People(UserAdmin):  # type: ignore[type-arg]  # it cannot be subscripted
    """Users that are switched off and on by the dozen."""

    actions = ("switch_off", "switch_on", "update_off", "update_on")

    def switch_off(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._switch(queryset, False)

    def switch_on(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._switch(queryset, True)

    def update_off(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._update(queryset, False)

    def update_on(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._update(queryset, True)

    @staticmethod
    def _switch(queryset: QuerySet[User], active: bool) -> None:
        for user in queryset:
            user.is_active = active
            user.save()

    @staticmethod
    def _update(queryset: QuerySet[User], active: bool) -> None:
        found: list[Any] = list(queryset)
        queryset.update(is_active=active)
        for user in found:
            stockade.invalidate(user)

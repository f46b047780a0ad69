"""The setting TENANT: what names the tenant whose users are asked, and the callable for django-tenants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection
from django.utils.module_loading import import_string

from stockade import conf
from stockade.conf import Section, optional_text, setting
from stockade.core import tenant
from stockade.core.tenant import Ask

if TYPE_CHECKING:
    from django.http import HttpRequest


def naming(value: Any) -> Ask | None:
    """A callable, or the dotted path of one; None for a project without tenants."""
    if value is None:
        return None
    found = value
    if isinstance(value, str):
        try:
            found = import_string(value)
        except ImportError as error:
            raise ValueError(
                f"{value!r} cannot be imported ({error}). Write the dotted path of a callable."
            ) from None
    if not callable(found):
        raise ValueError(
            'Write a callable that takes a request or None, or its dotted path: "stockade.tenant.django_tenants".'
        )
    return found  # type: ignore[no-any-return]


@dataclass(frozen=True)
class TenantSettings(Section):
    """Top-level settings of projects in which each tenant has users of its own."""

    ask: Ask | None = setting(
        "TENANT", naming, None, id="stockade.E225",
        why="Names the tenant whose users are asked: a callable, or its dotted path, that takes the request, or None "
        "outside of one. User 7 of one tenant is nobody in another then. Leave it out where all tenants share one "
        "table of users.",
    )  # fmt: skip
    operator: str = setting(
        "TENANT_OPERATOR", optional_text, None, id="stockade.E227",
        why="The tenant whose staff see Stockade's pages in the admin, which show what is of all tenants. None: nobody "
        "does, and the commands serve.",
    )  # fmt: skip


def django_tenants(request: HttpRequest | None) -> str:
    """For `TENANT` with django-tenants: the schema of the request's tenant; without one, that of the connection.

    An event loop has connections of its own, which no middleware has turned to the tenant: so the request goes first.
    """
    own: Any = getattr(request, "tenant", None)
    return str(own.schema_name if own is not None else connection.schema_name)  # type: ignore[attr-defined]


def configured() -> bool:
    """Whether the setting is there, right or wrong, or is to come; for what is decided while models are loaded.

    With django-tenants users are in many schemas before we are configured, and tables that are made while we observe
    are those of later.
    """
    return conf.raw().get("TENANT") is not None or "django_tenants" in settings.INSTALLED_APPS


def may_operate() -> bool:
    """Whether what is of all tenants may be shown to whoever has the permission, here and now."""
    return not tenant.exists() or tenant.now() == conf.load(TenantSettings).operator


def _setting() -> Ask | None:
    return conf.load(TenantSettings).ask


tenant.read_from(_setting)
conf.on_change(tenant.forget)

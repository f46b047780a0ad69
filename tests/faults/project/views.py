"""The doors of the test project: one for every caller, one for a role; sync and async."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from stockade.policy import Authenticated, Role
from stockade.web.decorators import protect

ROLE = "Staff"


@protect(policy=Authenticated())
def open_door(request: HttpRequest) -> HttpResponse:
    """For whoever is known."""
    return HttpResponse("open")


@protect(policy=Role(ROLE))
def role_door(request: HttpRequest) -> HttpResponse:
    """For a role."""
    return HttpResponse("role")


@protect(policy=Authenticated())
async def async_open_door(request: HttpRequest) -> HttpResponse:
    """For whoever is known."""
    return HttpResponse("open")


@protect(policy=Role(ROLE))
async def async_role_door(request: HttpRequest) -> HttpResponse:
    """For a role."""
    return HttpResponse("role")

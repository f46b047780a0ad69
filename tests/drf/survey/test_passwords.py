"""Fields for passwords that change what was typed are found, and those that do not are not."""

from __future__ import annotations

from typing import Any

import pytest
from django import forms
from django.contrib.auth.forms import AuthenticationForm, UserCreationForm
from django.contrib.auth.models import User
from django.views.generic import FormView
from rest_framework import generics, serializers
from rest_framework.authtoken.serializers import AuthTokenSerializer

from stockade.checks import check_deploy
from tests.drf.survey.asking import at, facts

WRITE_ONLY = {"password": {"write_only": True}}


def of_fields(**fields: Any) -> type[serializers.Serializer[Any]]:
    return type("Login", (serializers.Serializer,), fields)


def of_model(**kwargs: Any) -> type[serializers.ModelSerializer[User]]:
    meta = type("Meta", (), {"model": User, "fields": ["username", "password"], "extra_kwargs": kwargs})
    return type("SignUp", (serializers.ModelSerializer,), {"Meta": meta})


def reads(serializer: Any) -> Any:
    return type(
        "Reads", (generics.CreateAPIView,), {"serializer_class": serializer, "queryset": User.objects.all()}
    )


def asks(form: Any) -> Any:
    return type("Asks", (FormView,), {"form_class": form, "template_name": "login.html", "success_url": "/"})


def form(**options: Any) -> Any:
    return type("Login", (forms.Form,), {"password": forms.CharField(**options)})


FOUND = {
    "trimmed": (reads(of_fields(password=serializers.CharField())), "trim_whitespace"),
    "a model's": (reads(of_model(**WRITE_ONLY)), "trim_whitespace"),
    "short": (
        reads(of_fields(new_password=serializers.CharField(trim_whitespace=False, max_length=32))),
        "32",
    ),
    "form": (asks(form()), "strip"),
    "short form": (asks(form(strip=False, max_length=20)), "20"),
}
MISSED = {
    "kept": reads(of_fields(password=serializers.CharField(trim_whitespace=False))),
    "long": reads(of_fields(password=serializers.CharField(trim_whitespace=False, max_length=64))),
    "a model's": reads(of_model(password={"write_only": True, "trim_whitespace": False})),
    "DRF's": reads(AuthTokenSerializer),
    "not read": reads(of_fields(password=serializers.CharField(read_only=True))),
    "something else": reads(of_fields(name=serializers.CharField(max_length=3))),
    "no text": reads(of_fields(password=serializers.IntegerField())),
    "Django's login": asks(AuthenticationForm),
    "Django's sign-up": asks(UserCreationForm),
}


@pytest.mark.parametrize("name", FOUND)
def test_a_field_that_does_not_take_a_password_as_it_is_is_found(name: str, settings: Any) -> None:
    view, said = FOUND[name]
    assert said in facts(settings, at(view, "things/"))["password-altered"].meaning


@pytest.mark.parametrize("name", MISSED)
def test_a_field_that_takes_it_as_it_is_is_not(name: str, settings: Any) -> None:
    assert "password-altered" not in facts(settings, at(MISSED[name], "things/"))


def test_the_check_of_a_deployment_says_so(settings: Any) -> None:
    settings.STOCKADE = {"STATE": "memory://", "EVENTS": {"SINKS": ["null"]}}
    settings.MIDDLEWARE = ["stockade.web.Middleware", *settings.MIDDLEWARE]
    facts(settings, at(FOUND["trimmed"][0], "things/"))
    assert "stockade.W248" in [one.id for one in check_deploy()]
    facts(settings, at(MISSED["kept"], "things/"))
    assert "stockade.W248" not in [one.id for one in check_deploy()]
